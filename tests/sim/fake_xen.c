/* SPDX-License-Identifier: MIT */
/* libxencall, libxengnttab and libxenevtchn in memory: hypercalls, grants, event channels; and which call is to fail. */
#include "sim/fake_xen_private.h"

#include <xenctrl.h> /* first: it selects the tools' view of the public headers */
#include <xencall.h>
#include <xenevtchn.h>
#include <xengnttab.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FIRST_GREF 8u

struct fake_xen fake_xen;

static struct {
    bool live;
    uint64_t dma;
} pins[FAKE_XEN_PINS];

/* By reference: the page, and in the first of what was shared at once how many there are. */
static struct {
    void *bytes;
    uint32_t count;
} shares[FAKE_XEN_PINS];

static bool bound[FAKE_XEN_CHANNELS];
static bool
    adopted[FAKE_XEN_CHANNELS]; /* bound in Xen: the kernel closes no port that it only adopts */
static int event_pipe[2];       /* read like the event device: local ports */
static char handle;

bool fake_xen_fails(void)
{
    if (++fake_xen.calls != fake_xen.fail_call)
        return false;
    errno = fake_xen.fail_errno ? fake_xen.fail_errno : ENOMEM;
    return true;
}

void *fake_xen_open_handle(void)
{
    if (fake_xen_fails())
        return NULL;
    fake_xen.handles++;
    return &handle;
}

bool fake_xen_is_handle(const void *which)
{
    return which == &handle && fake_xen.handles;
}

int fake_xen_close_handle(const void *which)
{
    expect(fake_xen_is_handle(which));
    fake_xen.handles--;
    return 0;
}

void *fake_xen_pages(size_t count)
{
    void *bytes = mmap(NULL, count * FAKE_XEN_PAGE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    expect(bytes != MAP_FAILED);
    return bytes;
}

void fake_xen_expect_nothing_left(void)
{
    expect(!fake_xen.handles && !fake_xen.buffers && !fake_xen.pins && !fake_xen.maps);
    expect(!fake_xen.shared && !fake_xen.channels && !fake_xen.pirqs && !fake_xen.device_in);
}

/* ---- Hypercalls ---- */

xencall_handle *xencall_open(xentoollog_logger *logger, unsigned flags)
{
    (void)logger;
    (void)flags;
    return fake_xen_open_handle();
}

int xencall_close(xencall_handle *call)
{
    return fake_xen_close_handle(call);
}

void *xencall_alloc_buffer(xencall_handle *call, size_t size)
{
    expect(fake_xen_is_handle(call));
    if (fake_xen_fails())
        return NULL;
    fake_xen.buffers++;
    return calloc(1, size);
}

void xencall_free_buffer(xencall_handle *call, void *bytes)
{
    expect(fake_xen_is_handle(call));
    fake_xen.buffers -= bytes != NULL;
    free(bytes);
}

static void map_one(struct gnttab_map_grant_ref *map)
{
    uint32_t slot = 0;

    expect((map->flags & (GNTMAP_device_map | GNTMAP_host_map)) == GNTMAP_device_map);
    map->status = map->ref == fake_xen.bad_gref ? GNTST_bad_gntref : GNTST_okay;
    if (map->status)
        return;
    while (pins[slot].live)
        expect(++slot < FAKE_XEN_PINS);
    pins[slot].live = true;
    pins[slot].dma = (uint64_t)(map->dom + 1u) << 32 | (uint64_t)map->ref * FAKE_XEN_PAGE;
    map->handle = slot;
    map->dev_bus_addr = pins[slot].dma;
    fake_xen.pins++;
}

/* In the order in which Xen looks (xen/common/grant_table.c, unmap_common). */
static int16_t refusal(const struct gnttab_unmap_grant_ref *unmap)
{
    if (unmap->handle >= FAKE_XEN_PINS || !pins[unmap->handle].live)
        return GNTST_bad_handle;
    return unmap->dev_bus_addr == pins[unmap->handle].dma ? GNTST_okay : GNTST_bad_dev_addr;
}

static void unmap_one(struct gnttab_unmap_grant_ref *unmap)
{
    unmap->status = fake_xen.may_guess ? refusal(unmap) : GNTST_okay;
    if (unmap->status)
        return;
    expect(unmap->handle < FAKE_XEN_PINS && pins[unmap->handle].live);
    expect(unmap->dev_bus_addr == pins[unmap->handle].dma && !unmap->host_addr);
    unmap->status = fake_xen.refuse_unpin ? GNTST_general_error : GNTST_okay;
    if (unmap->status)
        return;
    pins[unmap->handle].live = false;
    fake_xen.pins--;
}

static void copy_one(struct gnttab_copy *copy)
{
    bool store = copy->flags == GNTCOPY_dest_gref;
    const struct gnttab_copy_ptr *theirs = store ? &copy->dest : &copy->source;
    const struct gnttab_copy_ptr *ours = store ? &copy->source : &copy->dest;

    expect((store || copy->flags == GNTCOPY_source_gref) && ours->domid == DOMID_SELF &&
           theirs->domid != DOMID_SELF);
    expect(ours->offset + copy->len <= 4096 && theirs->offset + copy->len <= 4096);
    fake_xen.own_gmfn = ours->u.gmfn;
    copy->status = theirs->u.ref == fake_xen.bad_gref ? GNTST_bad_gntref : GNTST_okay;
    fake_xen.stored += store;
    fake_xen.copied++;
}

int xencall3(xencall_handle *call, unsigned op, uint64_t command, uint64_t args, uint64_t count)
{
    void *at = (void *)(uintptr_t)args;

    expect(fake_xen_is_handle(call) && op == __HYPERVISOR_grant_table_op);
    if (fake_xen_fails())
        return -1;
    for (uint64_t i = 0; i < count; i++)
        switch (command) {
        case GNTTABOP_map_grant_ref:
            map_one((struct gnttab_map_grant_ref *)at + i);
            break;
        case GNTTABOP_unmap_grant_ref:
            unmap_one((struct gnttab_unmap_grant_ref *)at + i);
            break;
        case GNTTABOP_copy:
            copy_one((struct gnttab_copy *)at + i);
            break;
        default:
            expect(command == GNTTABOP_copy);
        }
    return 0;
}

static uint32_t bind_channel(bool in_xen)
{
    uint32_t port = 1;

    while (bound[port])
        expect(++port < FAKE_XEN_CHANNELS);
    bound[port] = true;
    adopted[port] = in_xen;
    fake_xen.channels++;
    return port;
}

static int unbind(uint32_t port)
{
    expect(port < FAKE_XEN_CHANNELS && bound[port]);
    bound[port] = adopted[port] = false;
    fake_xen.channels--;
    return 0;
}

int xencall2(xencall_handle *call, unsigned op, uint64_t command, uint64_t arg)
{
    expect(fake_xen_is_handle(call) && op == __HYPERVISOR_event_channel_op);
    if (command == EVTCHNOP_close)
        return unbind(((struct evtchn_close *)(uintptr_t)arg)->port);
    expect(command == EVTCHNOP_bind_pirq);
    if (fake_xen_fails())
        return -1;
    ((struct evtchn_bind_pirq *)(uintptr_t)arg)->port = bind_channel(true);
    return 0;
}

/* ---- Grants ---- */

xengnttab_handle *xengnttab_open(xentoollog_logger *logger, unsigned flags)
{
    (void)logger;
    (void)flags;
    return fake_xen_open_handle();
}

int xengnttab_close(xengnttab_handle *table)
{
    return fake_xen_close_handle(table);
}

void *xengnttab_map_grant_ref(xengnttab_handle *table, uint32_t domid, uint32_t ref, int prot)
{
    (void)domid;
    expect(fake_xen_is_handle(table) && prot == (PROT_READ | PROT_WRITE));
    if (fake_xen_fails() || ref == fake_xen.bad_gref)
        return NULL;
    fake_xen.maps++;
    return fake_xen_pages(1);
}

int xengnttab_unmap(xengnttab_handle *table, void *bytes, uint32_t count)
{
    expect(fake_xen_is_handle(table));
    if (fake_xen_fails())
        return -1;
    fake_xen.maps -= count;
    return munmap(bytes, count * FAKE_XEN_PAGE);
}

xengntshr_handle *xengntshr_open(xentoollog_logger *logger, unsigned flags)
{
    (void)logger;
    (void)flags;
    return fake_xen_open_handle();
}

int xengntshr_close(xengntshr_handle *share)
{
    return fake_xen_close_handle(share);
}

static bool run_is_free(uint32_t first, uint32_t count)
{
    expect(first + count < FAKE_XEN_PINS);
    for (uint32_t i = 0; i < count; i++)
        if (shares[first + i].bytes)
            return false;
    return true;
}

void *xengntshr_share_pages(xengntshr_handle *share, uint32_t domid, int count, uint32_t *refs,
                            int writable)
{
    uint32_t first = FIRST_GREF;
    char *bytes;

    (void)domid;
    (void)writable;
    expect(fake_xen_is_handle(share) && count > 0);
    if (fake_xen_fails())
        return NULL;
    while (!run_is_free(first, (uint32_t)count))
        first++;
    bytes = fake_xen_pages((size_t)count);
    shares[first].count = (uint32_t)count;
    for (uint32_t i = 0; i < (uint32_t)count; i++) {
        shares[first + i].bytes = bytes + i * FAKE_XEN_PAGE;
        refs[i] = first + i;
    }
    fake_xen.shared += (unsigned)count;
    return bytes;
}

int xengntshr_unshare(xengntshr_handle *share, void *bytes, uint32_t count)
{
    uint32_t first = FIRST_GREF;

    expect(fake_xen_is_handle(share));
    while (shares[first].bytes != bytes)
        expect(++first < FAKE_XEN_PINS);
    expect(shares[first].count == count);
    for (uint32_t i = 0; i < count; i++)
        shares[first + i].bytes = NULL;
    fake_xen.shared -= count;
    return munmap(bytes, count * FAKE_XEN_PAGE);
}

void *fake_xen_page(uint32_t gref)
{
    return gref < FAKE_XEN_PINS ? shares[gref].bytes : NULL;
}

/* ---- Event channels ---- */

xenevtchn_handle *xenevtchn_open(xentoollog_logger *logger, unsigned flags)
{
    (void)logger;
    (void)flags;
    return fake_xen_open_handle();
}

int xenevtchn_close(xenevtchn_handle *events)
{
    for (uint32_t port = 0; port < FAKE_XEN_CHANNELS; port++)
        if (bound[port] && !adopted[port])
            unbind(port);
    return fake_xen_close_handle(events);
}

int xenevtchn_fd(xenevtchn_handle *events)
{
    expect(fake_xen_is_handle(events));
    return event_pipe[0];
}

xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *events, uint32_t domid,
                                                     evtchn_port_t remote)
{
    (void)domid;
    (void)remote;
    expect(fake_xen_is_handle(events));
    return fake_xen_fails() ? -1 : (xenevtchn_port_or_error_t)bind_channel(false);
}

xenevtchn_port_or_error_t xenevtchn_bind_unbound_port(xenevtchn_handle *events, uint32_t domid)
{
    return xenevtchn_bind_interdomain(events, domid, 0);
}

int xenevtchn_unbind(xenevtchn_handle *events, evtchn_port_t port)
{
    expect(fake_xen_is_handle(events) && bound[port]);
    return adopted[port] ? 0 : unbind(port);
}

void fake_xen_event(uint32_t port)
{
    expect(port < FAKE_XEN_CHANNELS && bound[port]);
    expect(write(event_pipe[1], &port, sizeof port) == sizeof port);
}

xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *events)
{
    evtchn_port_t port;

    expect(fake_xen_is_handle(events));
    if (read(event_pipe[0], &port, sizeof port) != sizeof port)
        return -1;
    return (xenevtchn_port_or_error_t)port;
}

int xenevtchn_unmask(xenevtchn_handle *events, evtchn_port_t port)
{
    expect(fake_xen_is_handle(events) && bound[port]);
    return fake_xen_fails() ? -1 : 0;
}

int xenevtchn_notify(xenevtchn_handle *events, evtchn_port_t port)
{
    expect(fake_xen_is_handle(events) && bound[port]);
    fake_xen.notified++;
    fake_xen.last_notified = port;
    if (fake_xen.event_sent)
        fake_xen.event_sent(port);
    return fake_xen_fails() ? -1 : 0;
}

void fake_xen_open(void)
{
    memset(&fake_xen, 0, sizeof fake_xen);
    fake_xen.console = "";
    if (event_pipe[1]) {
        close(event_pipe[0]);
        close(event_pipe[1]);
    }
    expect(pipe2(event_pipe, O_CLOEXEC | O_NONBLOCK) == 0);
    memset(pins, 0, sizeof pins);
    memset(shares, 0, sizeof shares);
    memset(bound, 0, sizeof bound);
    memset(adopted, 0, sizeof adopted);
    fake_xs_open();
}
