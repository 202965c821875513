/* SPDX-License-Identifier: MIT */
/* libxenctrl and libxenforeignmemory in memory: domains, the device that is assigned to one of them, their memory. */
#include "sim/fake_xen_private.h"

#include <xenctrl.h> /* first: it selects the tools' view of the public headers */
#include <xenforeignmemory.h>
#include <xen/grant_table.h>

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

/* ---- Domains and devices ---- */

xc_interface *xc_interface_open(xentoollog_logger *logger, xentoollog_logger *builder,
                                unsigned flags)
{
    (void)logger;
    (void)builder;
    (void)flags;
    return fake_xen_open_handle();
}

int xc_interface_close(xc_interface *xc)
{
    return fake_xen_close_handle(xc);
}

int xc_physdev_map_pirq_msi(xc_interface *xc, uint32_t domid, int index, int *pirq, int devfn,
                            int bus, int entry, uint64_t table)
{
    (void)domid;
    (void)index;
    (void)devfn;
    (void)bus;
    (void)entry;
    expect(fake_xen_is_handle(xc) && table);
    if (fake_xen_fails())
        return -1;
    *pirq = 77;
    fake_xen.pirqs++;
    return 0;
}

int xc_physdev_unmap_pirq(xc_interface *xc, uint32_t domid, int pirq)
{
    (void)domid;
    expect(fake_xen_is_handle(xc) && pirq == 77 && fake_xen.pirqs);
    fake_xen.pirqs--;
    return 0;
}

static struct fake_xen_domain *domain(uint32_t domid)
{
    return domid < FAKE_XEN_DOMAINS && fake_xen.domains[domid].there ? &fake_xen.domains[domid]
                                                                     : NULL;
}

int xc_domain_getinfo(xc_interface *xc, uint32_t first, unsigned count, xc_dominfo_t *info)
{
    const struct fake_xen_domain *is;

    expect(fake_xen_is_handle(xc) && count == 1);
    if (fake_xen_fails())
        return -1;
    while (first < FAKE_XEN_DOMAINS && !domain(first))
        first++; /* the next one that there is, as Xen has it */
    is = domain(first);
    if (!is)
        return 0;
    memset(info, 0, sizeof *info);
    info->domid = first;
    info->dying = is->dying;
    info->max_memkb = (unsigned long)is->max_memkb;
    info->nr_pages = (unsigned long)is->max_memkb / 4;
    return 1;
}

int xc_domain_setmaxmem(xc_interface *xc, uint32_t domid, uint64_t max_memkb)
{
    expect(fake_xen_is_handle(xc) && domain(domid));
    if (fake_xen_fails())
        return -1;
    domain(domid)->max_memkb = max_memkb;
    return 0;
}

int xc_domain_populate_physmap_exact(xc_interface *xc, uint32_t domid, unsigned long count,
                                     unsigned order, unsigned flags, xen_pfn_t *frames)
{
    (void)order;
    (void)flags;
    (void)frames;
    expect(fake_xen_is_handle(xc) && domain(domid));
    if (fake_xen_fails())
        return -1;
    domain(domid)->extra_pages += (unsigned)count;
    return 0;
}

int xc_domain_decrease_reservation_exact(xc_interface *xc, uint32_t domid, unsigned long count,
                                         unsigned order, xen_pfn_t *frames)
{
    (void)order;
    (void)frames;
    expect(fake_xen_is_handle(xc) && domain(domid));
    expect(fake_xen.device_in != (int)domid); /* it could still reach them */
    if (fake_xen_fails())
        return -1;
    expect(domain(domid)->extra_pages >= count);
    domain(domid)->extra_pages -= (unsigned)count;
    return 0;
}

int xc_assign_device(xc_interface *xc, uint32_t domid, uint32_t sbdf, uint32_t flags)
{
    expect(fake_xen_is_handle(xc) && sbdf == 0x180 && !flags && !fake_xen.device_in);
    if (fake_xen_fails())
        return -1;
    if (!domain(domid) || !domain(domid)->has_context) {
        errno = EOPNOTSUPP;
        return -1;
    }
    fake_xen.device_in = (int)domid;
    return 0;
}

/* Without shadow page tables, as Debian's: it does not know the question. */
int xc_shadow_control(xc_interface *xc, uint32_t domid, unsigned sop, unsigned *mb, unsigned mode)
{
    expect(fake_xen_is_handle(xc) && fake_xen.device_in == (int)domid && mb && !mode);
    expect(sop == XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION);
    errno = EOPNOTSUPP;
    return -1;
}

/* No quarantine: from the guest it comes back at once. */
int xc_deassign_device(xc_interface *xc, uint32_t domid, uint32_t sbdf)
{
    expect(fake_xen_is_handle(xc) && sbdf == 0x180);
    if (fake_xen_fails())
        return -1;
    if (fake_xen.device_in != (int)domid) {
        errno = ENODEV;
        return -1;
    }
    fake_xen.device_in = 0;
    return 0;
}

int xc_readconsolering(xc_interface *xc, char *buffer, unsigned *count, int clear, int incremental,
                       uint32_t *index)
{
    size_t left = strlen(fake_xen.console) - *index;

    expect(fake_xen_is_handle(xc) && !clear && incremental);
    if (fake_xen_fails())
        return -1;
    if (*count > left)
        *count = (unsigned)left;
    memcpy(buffer, fake_xen.console + *index, *count);
    *index += *count;
    return 0;
}

int xc_gnttab_get_version(xc_interface *xc, uint32_t domid)
{
    expect(fake_xen_is_handle(xc));
    return fake_xen_fails() ? -1 : (int)domain(domid)->grant_version;
}

int xc_gnttab_query_size(xc_interface *xc, struct gnttab_query_size *query)
{
    expect(fake_xen_is_handle(xc));
    if (fake_xen_fails())
        return -1;
    query->max_nr_frames = 4;
    query->status = GNTST_okay;
    return 0;
}

/* ---- Foreign memory ---- */

xenforeignmemory_handle *xenforeignmemory_open(xentoollog_logger *logger, unsigned flags)
{
    (void)logger;
    (void)flags;
    return fake_xen_open_handle();
}

int xenforeignmemory_close(xenforeignmemory_handle *memory)
{
    return fake_xen_close_handle(memory);
}

void *xenforeignmemory_map(xenforeignmemory_handle *memory, uint32_t domid, int prot, size_t count,
                           const xen_pfn_t *frames, int *errors)
{
    (void)domid;
    (void)prot;
    (void)frames;
    expect(fake_xen_is_handle(memory));
    if (fake_xen_fails())
        return NULL;
    memset(errors, 0, count * sizeof *errors);
    fake_xen.maps += (unsigned)count;
    return fake_xen_pages(count);
}

int xenforeignmemory_unmap(xenforeignmemory_handle *memory, void *bytes, size_t count)
{
    expect(fake_xen_is_handle(memory));
    fake_xen.maps -= (unsigned)count;
    return munmap(bytes, count * FAKE_XEN_PAGE);
}

static void *resource;
static size_t resource_pages;

xenforeignmemory_resource_handle *xenforeignmemory_map_resource(xenforeignmemory_handle *memory,
                                                                domid_t domid, unsigned type,
                                                                unsigned id, unsigned long frame,
                                                                unsigned long count, void **bytes,
                                                                int prot, int flags)
{
    (void)domid;
    (void)type;
    (void)id;
    (void)frame;
    expect(fake_xen_is_handle(memory) && prot == PROT_READ && !flags && !resource);
    if (fake_xen_fails())
        return NULL;
    resource = *bytes = fake_xen_pages(count);
    resource_pages = count;
    fake_xen.maps += (unsigned)count;
    return (void *)&resource;
}

int xenforeignmemory_unmap_resource(xenforeignmemory_handle *memory,
                                    xenforeignmemory_resource_handle *which)
{
    expect(fake_xen_is_handle(memory) && (void *)which == &resource);
    munmap(resource, resource_pages * FAKE_XEN_PAGE);
    fake_xen.maps -= (unsigned)resource_pages;
    resource = NULL;
    return 0;
}
