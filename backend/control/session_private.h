/* SPDX-License-Identifier: MIT */
/* What the two halves of a session share: session.c (its beginning and end) and session_resume.c (a VF that goes in
 * between, and the next one). */
#ifndef NETVF_CONTROL_SESSION_PRIVATE_H
#define NETVF_CONTROL_SESSION_PRIVATE_H

#include "common/why.h"
#include "control/ctrl_ring.h"
#include "control/session.h"
#include "control/windows.h"
#include "control/worker.h"
#include "xen/context.h"
#include "xen/journal.h"

/* What the VF reaches of a queue besides the guest's buffers: descriptor rings, then copies of what is sent. */
#define VF_PAGES (VF_RING_PAGES + TX_PAGES)
/* Behind these, and never the VF's: where the receiving side looks at headers. */
#define SCRATCH_PAGES 1u

_Static_assert(VF_PAGES *VF_QUEUES_MAX <= CONTEXT_PAGES_MAX, "a context has pages for all queues");

/* Own pages, what both rings may have in flight outside of the window, and the window. */
_Static_assert(VF_PAGES + SCRATCH_PAGES + 2 * RING_SLOTS + WINDOW_PAGES_MAX <= JOURNAL_CAPACITY,
               "a queue's journal has a record for each of its pins");

struct queue {
    struct worker worker;
    struct port_counters port_before;                /* the port is older than the session */
    struct dma_page pages[VF_PAGES + SCRATCH_PAGES]; /* dom0's; with a context none is the VF's */
    unsigned page_count;                             /* 0: not there (yet) */
    const struct dma_page *vf_pages;                 /* VF_PAGES of dom0's or of the context's */
    void *tx_page, *rx_page;
    bool tx_bound, rx_bound;
    uint64_t doorbells_before;  /* of the VFs before this one */
} __attribute__((aligned(64))); /* two workers share no cache line */

struct session {
    struct session_plan plan;
    struct queue *queues[VF_QUEUES_MAX]; /* plan.queues of them */
    struct context *context;             /* the VF's, for all queues; NULL: translation host */
    struct why reason;                   /* why it is not iommu, "" if it is */
    struct ctrl_ring ctrl;               /* if plan.ctrl_ring: apart from queues and VF */
    struct windows windows;              /* if that may ask for windows (queues have one then) */
    struct mcast mcast;                  /* the guest's list, amended on any queue */
    struct echo echoes[VF_QUEUES_MAX];   /* what each queue may hear of what any of them sends */
    bool vf_started;                     /* it may DMA: to be stopped before anything is released */
    struct vf absent;                    /* in the VF's place while there is none */
    struct vf_queue absent_queues[VF_QUEUES_MAX];
    struct vf_counters wire_before; /* of the VFs before this one */
    struct vf_counters wire_start;  /* this one's when it took over */
};

/* Interrupts, addresses, pages, VF and worker: what a session does anew for each VF; NULL: for none. -1 and a sentence with some of it
 * done, which session_pause and session_flush, or session_stop, undo. */
int session_run(struct session *s, struct vf *vf, struct why *why);
/* Gives back addresses and pages; of a VF that is not `quiet` only what it cannot reach. -1 if the VF has not come back
 * from its guest's context: then it must not be used. */
int session_part(struct session *s, bool quiet);
/* What the VFs of this session have counted on the wire. */
void session_count_wire(const struct session *s, struct vf_counters *wire);

#endif
