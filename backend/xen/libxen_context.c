/* SPDX-License-Identifier: MIT */
/* The real guest context: device assignment, pages in the guest, its grant table (Xen 4.17's domctl.h, memory.h). */
#include "xen/libxen.h"

#include "common/log.h"
#include "common/why.h"
#include "xen/context_record.h"

#include <xenforeignmemory.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE            4096u
#define ENTRIES_A_FRAME (PAGE / sizeof(grant_entry_v1_t))
/* Where the added pages stand in a guest's pseudo-physical space: beyond what it has, and it does not know of them. */
#define PFN_GAP 0x1000u

struct libxen_context {
    struct context context;
    xc_interface *xc;
    xenforeignmemory_handle *memory;
    xenforeignmemory_resource_handle *table;
    void *va; /* the pages, one after the other */
    struct context_record record;
    struct context_file file;
};

static int machine_sbdf(const char *pci, uint32_t *sbdf)
{
    unsigned segment, bus, device, function;

    if (sscanf(pci, "%x:%x:%x.%x", &segment, &bus, &device, &function) != 4) {
        errno = EINVAL;
        return -1;
    }
    *sbdf = segment << 16 | bus << 8 | device << 3 | function;
    return 0;
}

/* From the guest, or, where it has died meanwhile or Xen quarantines what a guest gives up, from dom_io. dom0 has it
 * again when the last of these steps succeeds; which of them there are depends on Xen's command line. */
static int bring_back(xc_interface *xc, struct context_record *record)
{
    uint32_t sbdf;
    int from_guest, from_quarantine;

    if (!record->assigned)
        return 0;
    if (machine_sbdf(record->pci, &sbdf) < 0)
        return -1;
    from_guest = xc_deassign_device(xc, record->domid, sbdf);
    from_quarantine = xc_deassign_device(xc, DOMID_IO, sbdf);
    if (from_guest < 0 && from_quarantine < 0)
        return -1;
    record->assigned = 0;
    return 0;
}

/* Of a guest that is gone nothing is left to take away. They are the guest's own, and it may have given some up: the limit
 * is lowered all the same, or a guest could raise it by that. But not where `sure` does not say that the id is still the
 * same guest's, and not one page is there. */
static void remove_pages(xc_interface *xc, struct context_record *record, bool sure)
{
    unsigned missing = 0;
    xc_dominfo_t info;

    if (xc_domain_getinfo(xc, record->domid, 1, &info) != 1 || info.domid != record->domid ||
        info.dying)
        return;
    for (unsigned i = 0; i < record->page_count; i++) {
        xen_pfn_t frame = record->frames[i];

        missing += xc_domain_decrease_reservation_exact(xc, record->domid, 1, 0, &frame) < 0;
    }
    if (missing)
        log_warn("%u of the %u pages that netvfd had added to domain %u are not to be had any more",
                 missing, record->page_count, record->domid);
    if (missing && missing == record->page_count && !sure)
        return;
    record->page_count = 0;
    if (record->extra_pages)
        xc_domain_setmaxmem(xc, record->domid,
                            info.max_memkb - record->extra_pages * (PAGE / 1024));
    record->extra_pages = 0;
}

/* Whether the guest is being migrated live: Xen then logs which of its pages the processor writes, and what a device writes
 * is not in that log. Xen refuses to log while a device is assigned, and to assign one to an HVM or PVH guest while it
 * logs; of a PV guest it does not. Asked after the assignment, so that whichever of the two comes second is refused. A PV
 * guest has shadow page tables for this alone, or because it could exploit L1TF: that one does without a context. */
static bool is_being_logged(struct libxen_context *c)
{
    unsigned shadow_mb = 0;
    xc_dominfo_t info;

    if (xc_domain_getinfo(c->xc, c->record.domid, 1, &info) != 1 || info.domid != c->record.domid ||
        info.hvm)
        return false;
    /* A Xen without shadow page tables (Debian's) does not know the question. */
    return xc_shadow_control(c->xc, c->record.domid, XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION,
                             &shadow_mb, 0) == 0 &&
           shadow_mb > 0;
}

/* The pages that are added come to lie behind all that a PV guest has, for there its frame numbers are no more than a table.
 * An HVM or PVH guest's are its memory map: nobody has told us where there is nothing in it. */
static int check_guest(const struct libxen_context *c, struct why *why)
{
    xc_dominfo_t info;

    if (xc_domain_getinfo(c->xc, c->record.domid, 1, &info) != 1 || info.domid != c->record.domid)
        return why_fail(why, "domain %u is gone", c->record.domid);
    if (info.hvm)
        return why_fail(why, "only a PV guest's VF can be in its guest's IOMMU context");
    return 0;
}

static int assign(struct libxen_context *c, struct why *why)
{
    uint32_t sbdf;

    if (machine_sbdf(c->record.pci, &sbdf) < 0)
        return why_fail(why, "\"%s\" is no PCI address", c->record.pci);
    c->record.assigned = 1;
    if (context_file_write(&c->file, &c->record) < 0)
        return why_fail(why, "cannot write %s: %s", c->file.path, strerror(errno));
    if (xc_assign_device(c->xc, c->record.domid, sbdf, 0) == 0) {
        if (!is_being_logged(c))
            return 0;
        return why_fail(why,
                        "the guest is being migrated: Xen logs what becomes dirty of its memory, "
                        "and a VF in its IOMMU context would write past that");
    }
    c->record.assigned = 0;
    if (errno == EOPNOTSUPP)
        return why_fail(why,
                        "the guest has no IOMMU context; create it with passthrough=\"enabled\"");
    return why_fail(why, "Xen does not assign VF %s to the guest's IOMMU context: %s",
                    c->record.pci, strerror(errno));
}

static int add_pages(struct libxen_context *c, unsigned count, struct why *why)
{
    xen_pfn_t frames[CONTEXT_PAGES_MAX];
    struct context_record *record = &c->record;
    xc_dominfo_t info;

    if (xc_domain_getinfo(c->xc, record->domid, 1, &info) != 1 || info.domid != record->domid)
        return why_fail(why, "domain %u is gone", record->domid);
    if (xc_domain_setmaxmem(c->xc, record->domid, info.max_memkb + count * (PAGE / 1024)) < 0)
        return why_fail(why, "cannot raise the guest's memory limit: %s", strerror(errno));
    record->extra_pages = count;
    for (unsigned i = 0; i < count; i++)
        frames[i] = info.nr_pages + PFN_GAP + i;
    if (xc_domain_populate_physmap_exact(c->xc, record->domid, count, 0, 0, frames) < 0)
        return why_fail(why, "no memory to add to the guest: %s", strerror(errno));
    record->page_count = count;
    for (unsigned i = 0; i < count; i++)
        record->frames[i] = frames[i]; /* a PV guest's are machine frames from here on */
    if (context_file_write(&c->file, record) < 0)
        return why_fail(why, "cannot write %s: %s", c->file.path, strerror(errno));
    return 0;
}

static int map_pages(struct libxen_context *c, struct why *why)
{
    const struct context_record *record = &c->record;
    xen_pfn_t frames[CONTEXT_PAGES_MAX];
    int errors[CONTEXT_PAGES_MAX];

    for (unsigned i = 0; i < record->page_count; i++)
        frames[i] = record->frames[i];
    c->va = xenforeignmemory_map(c->memory, record->domid, PROT_READ | PROT_WRITE,
                                 record->page_count, frames, errors);
    if (!c->va)
        return why_fail(why, "cannot map the pages added to the guest: %s", strerror(errno));
    c->context.page_count = record->page_count;
    /* They are the guest's, and it may have given one up already: touching what is not there is SIGBUS. */
    for (unsigned i = 0; i < record->page_count; i++)
        if (errors[i])
            return why_fail(why, "the guest has given up a page that was added to it");
    memset(c->va, 0, (size_t)record->page_count * PAGE);
    for (unsigned i = 0; i < record->page_count; i++)
        c->context.pages[i] = (struct dma_page){
            .va = (char *)c->va + (size_t)i * PAGE,
            .dma = record->frames[i] * PAGE,
        };
    return 0;
}

/* All the frames that its grant table may grow to (Xen adds what is missing), so that no reference ever makes us map
 * more: 64 by default, a quarter of a megabyte. */
static int map_grants(struct libxen_context *c, struct why *why)
{
    struct gnttab_query_size size = {.dom = c->record.domid};
    void *table = NULL;

    if (xc_gnttab_get_version(c->xc, c->record.domid) != 1)
        return why_fail(why, "the guest's grant table is not of version 1");
    if (xc_gnttab_query_size(c->xc, &size) < 0 || size.status)
        return why_fail(why, "Xen does not tell the size of the guest's grant table");
    c->table = xenforeignmemory_map_resource(
        c->memory, c->record.domid, XENMEM_resource_grant_table,
        XENMEM_resource_grant_table_id_shared, 0, size.max_nr_frames, &table, PROT_READ, 0);
    if (!c->table)
        return why_fail(why, "cannot map the guest's grant table: %s", strerror(errno));
    c->context.grants = table;
    c->context.grant_count = (uint32_t)(size.max_nr_frames * ENTRIES_A_FRAME);
    return 0;
}

static int close_context(struct context *context)
{
    struct libxen_context *c = (struct libxen_context *)context;
    int rc = 0;

    if (c->table)
        xenforeignmemory_unmap_resource(c->memory, c->table);
    if (c->va)
        xenforeignmemory_unmap(c->memory, c->va, c->context.page_count);
    if (c->xc) {
        rc = bring_back(c->xc, &c->record);
        /* Only out of a context that no device uses any more. */
        if (rc == 0)
            remove_pages(c->xc, &c->record, true);
        xc_interface_close(c->xc);
    }
    if (rc < 0)
        log_error("VF %s does not come back from the context of domain %u: %s", c->record.pci,
                  c->record.domid, strerror(errno));
    if (c->file.fd >= 0) {
        context_file_write(&c->file, &c->record);
        context_file_close(&c->file, rc == 0);
    }
    if (c->memory)
        xenforeignmemory_close(c->memory);
    free(c);
    return rc;
}

static struct context *open_context(const char *name, uint16_t domid, const char *pci,
                                    unsigned pages, struct why *why)
{
    struct libxen_context *c = calloc(1, sizeof *c);

    if (!c || pages > CONTEXT_PAGES_MAX) {
        why_fail(why, "no memory for the IOMMU context of VF %s", pci);
        free(c);
        errno = ENOMEM;
        return NULL;
    }
    c->context.ops = &context_libxen;
    c->record.domid = domid;
    snprintf(c->record.pci, sizeof c->record.pci, "%s", pci);
    if (context_file_create(&c->file, name) < 0) {
        c->file.fd = -1;
        why_fail(why, "cannot make a file in " NETVF_RUNDIR "/context: %s", strerror(errno));
        goto fail;
    }
    c->xc = xc_interface_open(NULL, NULL, 0);
    c->memory = xenforeignmemory_open(NULL, 0);
    if (!c->xc || !c->memory) {
        why_fail(why, "cannot open Xen's devices (%s); load xen-privcmd", strerror(errno));
        goto fail;
    }
    if (check_guest(c, why) < 0 || assign(c, why) < 0 || map_grants(c, why) < 0 ||
        add_pages(c, pages, why) < 0 || map_pages(c, why) < 0)
        goto fail;
    return &c->context;

fail:
    errno = close_context(&c->context) < 0 ? ENOTRECOVERABLE : EIO;
    return NULL;
}

static void *map_frames(struct context *context, const uint64_t *frames, int *errors,
                        unsigned count)
{
    struct libxen_context *c = (struct libxen_context *)context;

    _Static_assert(sizeof(xen_pfn_t) == sizeof *frames, "frame numbers are 64 bits");
    return xenforeignmemory_map(c->memory, c->record.domid, PROT_READ, count,
                                (const xen_pfn_t *)frames, errors);
}

static void unmap_frames(struct context *context, void *va, unsigned count)
{
    xenforeignmemory_unmap(((struct libxen_context *)context)->memory, va, count);
}

const struct context_ops context_libxen = {
    .open = open_context,
    .close = close_context,
    .map = map_frames,
    .unmap = unmap_frames,
};

struct recovery {
    xc_interface *xc;
    int (*quiesce)(const char *pci);
    void (*stays)(void *argument, const char *pci);
    void *argument;
    unsigned stuck;
};

static void recover_one(const char *name, void *argument)
{
    struct recovery *r = argument;
    struct context_record record;
    struct context_file file;
    int rc;

    if (context_file_read(name, &file, &record) < 0) {
        log_warn("context record %s cannot be read: %s", name, strerror(errno));
        return;
    }
    rc = r->quiesce(record.pci);
    if (rc == 0)
        rc = bring_back(r->xc, &record);
    if (rc == 0)
        remove_pages(r->xc, &record, false);
    if (rc < 0) {
        log_error("vif %s: VF %s stays in the IOMMU context of domain %u", name, record.pci,
                  record.domid);
        r->stays(r->argument, record.pci);
        r->stuck++;
    }
    context_file_close(&file, rc == 0);
}

unsigned context_recover(int (*quiesce)(const char *pci),
                         void (*stays)(void *argument, const char *pci), void *argument)
{
    struct recovery r = {.xc = xc_interface_open(NULL, NULL, 0),
                         .quiesce = quiesce,
                         .stays = stays,
                         .argument = argument};

    if (!r.xc) {
        log_error("cannot open Xen's control interface: %s", strerror(errno));
        return 0;
    }
    context_file_each(recover_one, &r);
    xc_interface_close(r.xc);
    return r.stuck;
}
