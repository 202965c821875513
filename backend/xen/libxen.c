/* SPDX-License-Identifier: MIT */
/* The real port: grants and memory, by raw grant table operations.
 *
 * libxengnttab cannot tell machine addresses, so pins go through libxencall: GNTMAP_device_map without host_map pins
 * the page and returns its address without touching a page table (Xen 4.17, common/grant_table.c). */
#include "xen/libxen.h"

#include "common/counter.h"
#include "common/log.h"
#include "common/why.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096u

static uint64_t leaked_pins, live_pins;

uint64_t port_leaked(void)
{
    return counter_read(&leaked_pins);
}

uint64_t port_live(void)
{
    return counter_read(&live_pins);
}

int libxen_grant_op(struct libxen_port *p, unsigned op, void *args, unsigned count)
{
    counter_add(&p->port.counters.hypercalls, 1);
    return xencall3(p->call, __HYPERVISOR_grant_table_op, op, (uintptr_t)args, count) ? -1 : 0;
}

/* One store; ordered against the compiler only: the reader is a later process, which sees all that this one stored. */
static void set_record(struct journal_record *record, uint32_t handle, enum journal_state state,
                       uint16_t peer)
{
    struct journal_record made = {.handle = handle, .live = (uint16_t)state, .peer = peer};

    __atomic_store_n(&record->word, made.word, __ATOMIC_RELEASE);
}

static void journal_want(struct libxen_port *p, uint16_t domid, struct grant_pin *pin)
{
    pin->journal = (uint16_t)journal_take(&p->journal);
    set_record(&p->journal.file->records[pin->journal], pin->gref,
               pin->readonly ? JOURNAL_WANTED_READONLY : JOURNAL_WANTED, domid);
}

static void journal_drop(struct libxen_port *p, const struct grant_pin *pin)
{
    set_record(&p->journal.file->records[pin->journal], 0, JOURNAL_FREE, 0);
    journal_put(&p->journal, pin->journal);
}

static void journal_pin(struct libxen_port *p, uint16_t domid, const struct grant_pin *pin)
{
    struct journal_record *record = &p->journal.file->records[pin->journal];

    record->dma = pin->dma;
    set_record(record, pin->handle, JOURNAL_LIVE, domid);
}

static int pin_pages(struct libxen_port *p, uint16_t domid, struct grant_pin *pins, unsigned count)
{
    int rc;

    if (count > PORT_BATCH_MAX || p->journal.free_count < count) {
        errno = ENOSPC;
        return -1;
    }
    for (unsigned i = 0; i < count; i++) {
        p->map[i] = (struct gnttab_map_grant_ref){
            .flags = GNTMAP_device_map | (pins[i].readonly ? GNTMAP_readonly : 0),
            .ref = pins[i].gref,
            .dom = domid,
        };
        journal_want(p, domid, &pins[i]);
    }
    counter_add(&p->port.counters.map_ops, count);
    rc = libxen_grant_op(p, GNTTABOP_map_grant_ref, p->map, count);
    for (unsigned i = 0; i < count; i++) {
        struct grant_pin *pin = &pins[i];

        pin->status = rc ? GNTST_general_error : p->map[i].status;
        if (pin->status) {
            journal_drop(p, pin);
            continue;
        }
        pin->handle = p->map[i].handle;
        pin->dma = p->map[i].dev_bus_addr;
        journal_pin(p, domid, pin);
    }
    return rc;
}

static unsigned unpin_pages(struct libxen_port *p, struct grant_pin *pins, unsigned count)
{
    unsigned failed = 0;
    int rc;

    for (unsigned i = 0; i < count;
         i++) /* dev_bus_addr 0 would release nothing and report success */
        p->unmap[i] = (struct gnttab_unmap_grant_ref){
            .dev_bus_addr = pins[i].dma,
            .handle = pins[i].handle,
        };
    counter_add(&p->port.counters.unmap_ops, count);
    rc = libxen_grant_op(p, GNTTABOP_unmap_grant_ref, p->unmap, count);
    for (unsigned i = 0; i < count; i++) {
        pins[i].status = rc ? GNTST_general_error : p->unmap[i].status;
        if (pins[i].status) {
            failed++;
            continue;
        }
        journal_drop(p, &pins[i]);
    }
    return failed;
}

static int libxen_pin(struct port *port, struct grant_pin *pins, unsigned count)
{
    unsigned good = 0;
    int rc = pin_pages(libxen_port(port), port->peer, pins, count);

    for (unsigned i = 0; !rc && i < count; i++)
        good += !pins[i].status;
    __atomic_fetch_add(&live_pins, good, __ATOMIC_RELAXED);
    return rc;
}

static int libxen_unpin(struct port *port, struct grant_pin *pins, unsigned count)
{
    unsigned failed;

    if (count > PORT_BATCH_MAX) {
        errno = EINVAL;
        return -1;
    }
    failed = unpin_pages(libxen_port(port), pins, count);
    __atomic_fetch_sub(&live_pins, count - failed, __ATOMIC_RELAXED);
    if (!failed)
        return 0;
    __atomic_fetch_add(&leaked_pins, failed, __ATOMIC_RELAXED);
    log_error("Xen refused to release %u of %u pinned pages of domain %u; they stay journaled",
              failed, count, port->peer);
    errno = EIO;
    return -1;
}

/* The two ends of a copy. A PV domain names its own frames by MFN. */
static void set_copy(struct gnttab_copy *op, const struct grant_copy *copy, uint16_t peer,
                     bool store)
{
    struct gnttab_copy_ptr theirs = {.u.ref = copy->gref, .domid = peer, .offset = copy->offset};
    struct gnttab_copy_ptr ours = {
        .u.gmfn = copy->own / PAGE, .domid = DOMID_SELF, .offset = copy->own % PAGE};

    op->source = store ? ours : theirs;
    op->dest = store ? theirs : ours;
    op->len = copy->length;
    op->flags = store ? GNTCOPY_dest_gref : GNTCOPY_source_gref;
    op->status = GNTST_general_error;
}

static int copy_bytes(struct port *port, struct grant_copy *copies, unsigned count, bool store)
{
    struct libxen_port *p = libxen_port(port);
    int rc;

    if (count > PORT_BATCH_MAX) {
        errno = EINVAL;
        return -1;
    }
    for (unsigned i = 0; i < count; i++)
        set_copy(&p->copy[i], &copies[i], port->peer, store);
    counter_add(&port->counters.copy_ops, count);
    rc = libxen_grant_op(p, GNTTABOP_copy, p->copy, count);
    for (unsigned i = 0; i < count; i++)
        copies[i].status = rc ? GNTST_general_error : p->copy[i].status;
    return rc;
}

static int libxen_copy(struct port *port, struct grant_copy *copies, unsigned count)
{
    return copy_bytes(port, copies, count, false);
}

static int libxen_store(struct port *port, struct grant_copy *copies, unsigned count)
{
    return copy_bytes(port, copies, count, true);
}

static void *libxen_ring_map(struct port *port, uint32_t gref)
{
    return xengnttab_map_grant_ref(libxen_port(port)->gnttab, port->peer, gref,
                                   PROT_READ | PROT_WRITE);
}

static void libxen_ring_unmap(struct port *port, void *ring)
{
    if (xengnttab_unmap(libxen_port(port)->gnttab, ring, 1) < 0)
        log_error("cannot unmap a ring page of domain %u: %s", port->peer, strerror(errno));
}

/* One call for each page, so that each can be given back by itself. gntdev maps for the CPU and for no device; it needs
 * no journal, for the kernel unmaps with the process. */
static const volatile void *libxen_page_view(struct port *port, uint32_t gref)
{
    return xengnttab_map_grant_ref(libxen_port(port)->gnttab, port->peer, gref, PROT_READ);
}

static void libxen_page_unview(struct port *port, const volatile void *view)
{
    if (xengnttab_unmap(libxen_port(port)->gnttab, (void *)(uintptr_t)view, 1) < 0)
        log_error("cannot unmap a page of domain %u: %s", port->peer, strerror(errno));
}

/* Kernel pages granted to ourselves: they stay where they are, and pinning the grant tells their machine address and
 * keeps the frames ours even if this process dies while a VF still knows them. */
static int libxen_dma_alloc(struct port *port, struct dma_page *pages, unsigned count)
{
    struct libxen_port *p = libxen_port(port);
    struct grant_pin pins[PORT_BATCH_MAX] = {0};
    uint32_t refs[PORT_BATCH_MAX];
    unsigned good = 0;
    char *va;

    if (!count || count > PORT_BATCH_MAX) {
        errno = EINVAL;
        return -1;
    }
    va = xengntshr_share_pages(p->gntshr, OWN_DOMID, (int)count, refs, 1);
    if (!va)
        return -1;
    for (unsigned i = 0; i < count; i++)
        pins[i].gref = refs[i];
    if (pin_pages(p, OWN_DOMID, pins, count) < 0)
        goto unshare;
    for (unsigned i = 0; i < count; i++)
        if (!pins[i].status)
            pins[good++] = pins[i];
    if (good < count) {
        errno = ENOMEM;
        goto unpin;
    }
    memset(va, 0, (size_t)count * PAGE);
    for (unsigned i = 0; i < count; i++)
        pages[i] = (struct dma_page){
            .va = va + (size_t)i * PAGE,
            .dma = pins[i].dma,
            .handle = pins[i].handle,
            .journal = pins[i].journal,
        };
    return 0;

unpin:
    unpin_pages(p, pins, good);
unshare:
    xengntshr_unshare(p->gntshr, va, count);
    return -1;
}

static void libxen_dma_free(struct port *port, struct dma_page *pages, unsigned count)
{
    struct libxen_port *p = libxen_port(port);
    struct grant_pin pins[PORT_BATCH_MAX] = {0};

    for (unsigned i = 0; i < count; i++)
        pins[i] = (struct grant_pin){
            .dma = pages[i].dma, .handle = pages[i].handle, .journal = pages[i].journal};
    if (unpin_pages(p, pins, count))
        log_error("Xen refused to release pages of our own; they stay allocated");
    xengntshr_unshare(p->gntshr, pages[0].va, count);
}

/* What a session had to leave pinned because its VF was not quiet then. */
static void release_left(struct libxen_port *p)
{
    for (unsigned i = 0; i < JOURNAL_CAPACITY; i++) {
        const struct journal_record record = p->journal.file->records[i];
        struct grant_pin pin = {.dma = record.dma, .handle = record.handle, .journal = (uint16_t)i};

        if (record.live == JOURNAL_LIVE && unpin_pages(p, &pin, 1) == 0 && record.peer != OWN_DOMID)
            __atomic_fetch_sub(&live_pins, 1, __ATOMIC_RELAXED);
    }
}

/* A kill in the middle leaves a name that is neither's, and no harm: neither of the two can reach anything then. */
static void libxen_move(struct port *port, const char *pci)
{
    struct journal_file *file = libxen_port(port)->journal.file;

    memset(file->pci, 0, sizeof file->pci);
    snprintf(file->pci, sizeof file->pci, "%s", pci);
}

static void libxen_close(struct port *port)
{
    struct libxen_port *p = libxen_port(port);

    if (p->journal.file)
        release_left(p);
    if (p->journal.file && p->journal.file->irq.evtchn)
        libxen_release_irq(p->call, p->xc, p->evtchn_argument, &p->journal.file->irq);
    journal_close(&p->journal);
    if (p->call) {
        xencall_free_buffer(p->call, p->evtchn_argument);
        xencall_free_buffer(p->call, p->copy);
        xencall_free_buffer(p->call, p->unmap);
        xencall_free_buffer(p->call, p->map);
    }
    if (p->gntshr)
        xengntshr_close(p->gntshr);
    if (p->gnttab)
        xengnttab_close(p->gnttab);
    if (p->evtchn)
        xenevtchn_close(p->evtchn);
    if (p->xc)
        xc_interface_close(p->xc);
    if (p->call)
        xencall_close(p->call);
    free(p);
}

static const struct port_ops libxen_ops = {
    .pin = libxen_pin,
    .unpin = libxen_unpin,
    .copy = libxen_copy,
    .store = libxen_store,
    .notify = libxen_notify,
    .ring_map = libxen_ring_map,
    .ring_unmap = libxen_ring_unmap,
    .page_view = libxen_page_view,
    .page_unview = libxen_page_unview,
    .dma_alloc = libxen_dma_alloc,
    .dma_free = libxen_dma_free,
    .bind_peer = libxen_bind_peer,
    .bind_msix = libxen_bind_msix,
    .unbind = libxen_unbind,
    .event_fd = libxen_event_fd,
    .event_pending = libxen_event_pending,
    .event_unmask = libxen_event_unmask,
    .move = libxen_move,
    .close = libxen_close,
};

struct port *port_open(const char *name, uint16_t peer, const char *pci, struct why *why)
{
    struct libxen_port *p = calloc(1, sizeof *p);

    if (!p) {
        why_fail(why, "no memory for the vif of domain %u", peer);
        return NULL;
    }
    p->port.ops = &libxen_ops;
    p->port.peer = peer;
    p->call = xencall_open(NULL, 0);
    p->xc = xc_interface_open(NULL, NULL, 0);
    p->evtchn = xenevtchn_open(NULL, 0);
    p->gnttab = xengnttab_open(NULL, 0);
    p->gntshr = xengntshr_open(NULL, 0);
    if (!p->call || !p->xc || !p->evtchn || !p->gnttab || !p->gntshr) {
        why_fail(why,
                 "cannot open Xen's devices (%s); load xen-evtchn, xen-gntdev, xen-gntalloc and "
                 "xen-privcmd",
                 strerror(errno));
        goto fail;
    }
    if (fcntl(xenevtchn_fd(p->evtchn), F_SETFL, O_NONBLOCK) < 0) {
        why_fail(why, "cannot make event channels non-blocking: %s", strerror(errno));
        goto fail;
    }
    p->map = xencall_alloc_buffer(p->call, PORT_BATCH_MAX * sizeof *p->map);
    p->unmap = xencall_alloc_buffer(p->call, PORT_BATCH_MAX * sizeof *p->unmap);
    p->copy = xencall_alloc_buffer(p->call, PORT_BATCH_MAX * sizeof *p->copy);
    p->evtchn_argument = xencall_alloc_buffer(p->call, sizeof *p->evtchn_argument);
    if (!p->map || !p->unmap || !p->copy || !p->evtchn_argument) {
        why_fail(why, "no memory for hypercall arguments: %s", strerror(errno));
        goto fail;
    }
    if (journal_open(&p->journal, name, pci) < 0) {
        why_fail(why, "cannot write the grant journal in %s/journal: %s", NETVF_RUNDIR,
                 strerror(errno));
        goto fail;
    }
    return &p->port;

fail:
    libxen_close(&p->port);
    return NULL;
}
