/* SPDX-License-Identifier: MIT */
/* From a guest's grant reference to the address that a VF must use, and back.
 *
 * One implementation for each way (docs/architecture.md, "Translation"): `host` is in grant_map.c, `iommu` in
 * guest_context.c. Batches only: a hypercall costs the same for one page as for a hundred. */
#ifndef NETVF_TRANSLATE_TRANSLATE_H
#define NETVF_TRANSLATE_TRANSLATE_H

#include <assert.h>
#include <stdint.h>

#include "xen/port.h"

#define GUEST_PAGE 4096u

struct translate;

struct translate_ops {
    const char *name; /* as it stands in netvf/translation */
    /* At most PORT_BATCH_MAX pins. acquire: each pin's status says whether the guest's reference was good; -1/errno
     * if the whole batch failed (then no pin is held). release: -1/errno if any page is still held: then no response
     * may be given for the batch. */
    int (*acquire)(struct translate *translate, struct grant_pin *pins, unsigned count);
    int (*release)(struct translate *translate, struct grant_pin *pins, unsigned count);
    /* fetch: bytes of the guest's pages into pages of dom0's, each once; store: the other way. Each with a status of
     * its own, which is bad where the guest has taken its reference back, or never let anybody write there. At most
     * PORT_BATCH_MAX; -1/errno if nothing was copied. A store is one call into Xen, whatever the translation. */
    int (*fetch)(struct translate *translate, struct grant_copy *copies, unsigned count);
    int (*store)(struct translate *translate, struct grant_copy *copies, unsigned count);
    /* Ends it: no pin is held any more. */
    void (*close)(struct translate *translate);
};

struct context;
struct frame_cache;
struct window;

struct translate {
    const struct translate_ops *ops;
    struct port *port;             /* host */
    struct window *window;         /* host: the guest's, or NULL */
    const struct context *context; /* iommu */
    struct frame_cache *frames;    /* iommu */
    uint16_t own_domid;            /* iommu: to whom the guest's entries must be granted */
};

/* Machine addresses by device-only grant maps: always possible in a PV dom0. */
void translate_host(struct translate *translate, struct port *port);

/* Frames as the guest's grant table names them, for a VF in the guest's IOMMU context: no hypercall, no
 * pin. -1/errno without memory. */
int translate_iommu(struct translate *translate, struct port *port, struct context *context,
                    uint16_t own_domid);

/* The one place where an address for a descriptor is formed (invariant 1): inside one page, which is pinned or, in
 * the guest's IOMMU context, cannot be anybody else's. */
static inline uint64_t translate_address(const struct grant_pin *pin, uint32_t offset,
                                         uint32_t length)
{
    assert(!pin->status && length && offset <= GUEST_PAGE && length <= GUEST_PAGE - offset);
    (void)length; /* without assertions */
    return pin->dma + offset;
}

#endif
