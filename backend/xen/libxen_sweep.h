/* SPDX-License-Identifier: MIT */
/* Pins that a daemon had asked Xen for when it was killed, and whose handles it could not write down any more. Nobody
 * outside backend/xen includes this. */
#ifndef NETVF_XEN_LIBXEN_SWEEP_H
#define NETVF_XEN_LIBXEN_SWEEP_H

#include <xenctrl.h> /* first: it selects the tools' view of the public headers */
#include <xencall.h>
#include <xen/grant_table.h>

#include "xen/journal.h"

/* Handles that are tried in one hypercall. */
#define SWEEP_BATCH 256u

struct libxen_sweep {
    xencall_handle *call;
    /* In memory that a hypercall can always reach: SWEEP_BATCH entries, and one. */
    struct gnttab_unmap_grant_ref *unmap;
    struct gnttab_map_grant_ref *map;
};

/* -1/errno. */
int libxen_sweep_open(struct libxen_sweep *sweep);
void libxen_sweep_close(struct libxen_sweep *sweep);
/* A single device-only unmap: Xen's status. */
int16_t libxen_sweep_unmap(struct libxen_sweep *sweep, uint64_t dma, uint32_t handle);
/* Finds and releases what the journal has only as wanted; returns how many pins there were. No VF may be able to reach any
 * page that has ever been in a journal: a page can be pinned twice, for two vifs, and the two pins look the same. */
unsigned libxen_sweep(struct libxen_sweep *sweep, const struct journal_file *file);

#endif
