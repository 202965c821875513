/* SPDX-License-Identifier: MIT */
/* A VF in its guest's own IOMMU context: it reaches that guest's memory and nothing else (seeds S1.5b).
 *
 * The guest must have been created with an IOMMU table (passthrough="enabled" in its xl configuration). The VF's
 * registers and interrupts stay with dom0; only its DMA is the guest's. Descriptors then carry the frames that the
 * guest's grant table names, which is mapped once; rings and header copies lie in pages that are added to the guest,
 * who can find and overwrite them: nothing that is read back from there may be trusted (invariant 1 is the IOMMU's
 * work here, and what a wrong address hits is the guest's own). */
#ifndef NETVF_XEN_CONTEXT_H
#define NETVF_XEN_CONTEXT_H

#include <stdint.h>

#include "xen/port.h"

struct why;

#define CONTEXT_PAGES_MAX 64u

struct context_ops;

struct context {
    const struct context_ops *ops;
    /* The guest's grant table, version 1 (xen/grant_table.h): two words an entry, flags and granted domain in the
     * first, the frame in the second. The guest changes it at any time. */
    const volatile uint32_t *grants;
    uint32_t grant_count;
    /* Zeroed pages of the guest's, mapped here; their `dma` is valid in its context. */
    struct dma_page pages[CONTEXT_PAGES_MAX];
    unsigned page_count;
};

struct context_ops {
    /* Moves the VF at `pci` (quiet, owned by dom0) into the context of domain `domid`, with `pages` pages of the
     * guest's to work in. What has to be undone is written down in RUNDIR/context/`name` at each step, as it all
     * outlives this process. NULL and a sentence that says why not; with ENOTRECOVERABLE if the VF is not dom0's any
     * more, and must not be used. */
    struct context *(*open)(const char *name, uint16_t domid, const char *pci, unsigned pages,
                            struct why *why);
    /* Only when the VF is quiet. Brings it back to dom0 and takes the pages away, also after the guest's death. -1 if
     * the VF is not dom0's again: then it must not be used. */
    int (*close)(struct context *context);
    /* Frames of the guest's for reading, one after the other; errors[i] is 0 or why that one is not there and must not
     * be touched. NULL/errno if none is. From any worker. */
    void *(*map)(struct context *context, const uint64_t *frames, int *errors, unsigned count);
    void (*unmap)(struct context *context, void *va, unsigned count);
};

extern const struct context_ops context_libxen;

/* Undoes what a daemon that died left behind: quiesce(pci) first, as in port_recover. Each VF that could not be brought
 * back is told to `stays`. Returns how many. */
unsigned context_recover(int (*quiesce)(const char *pci),
                         void (*stays)(void *argument, const char *pci), void *argument);

#endif
