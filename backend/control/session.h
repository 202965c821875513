/* SPDX-License-Identifier: MIT */
/* A connected vif: its queues' rings mapped, their channels bound, its VF running, a worker thread for each queue
 * moving packets.
 *
 * The control thread starts and stops it; in between only a queue's own worker touches the queue's rings. */
#ifndef NETVF_CONTROL_SESSION_H
#define NETVF_CONTROL_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "control/translation.h"
#include "datapath/bucket.h"
#include "vf/vf.h"

struct context_ops;
struct port;
struct session;
struct why;
struct window_budget;

/* What the guest has set up for one queue: two rings, and one event channel for both or one for each. */
struct session_plan_queue {
    uint32_t tx_ring_ref, rx_ring_ref;
    uint32_t tx_channel, rx_channel; /* the guest's ports */
    bool split;                      /* two of them; else the same number stands in both */
};

/* What both ends have agreed, and what they run on. Everything in here has been checked for form; the references and
 * the channels are still only what the guest claims. */
struct session_plan {
    struct vf *vf;  /* borrowed; reset, not started; NULL: none for now */
    char name[24];  /* "vif1.0", for log lines */
    uint8_t mac[6]; /* frames that leave must come from here */
    unsigned queues;
    struct session_plan_queue queue[VF_QUEUES_MAX];
    struct port *ports[VF_QUEUES_MAX]; /* borrowed; one for each queue */
    bool ctrl_ring;                    /* the guest has set up a control ring: ... */
    uint32_t ctrl_ring_ref, ctrl_channel;
    struct port *ctrl_port;        /* ... borrowed, its own; NULL without one */
    struct window_budget *windows; /* for a guest with a control ring; NULL: none for any */
    bool
        windows_rest; /* no window is to keep a page pinned, as from the beginning of a migration on */
    bool rx_notify; /* the frontend kicks when it posts receive buffers (feature-rx-notify) */
    uint16_t own_domid;
    enum translation translation;
    const struct context_ops *contexts; /* NULL: no guest can have a VF in its IOMMU context */
    bool sg;                /* the frontend takes frames in several slots (feature-sg) */
    bool multicast_control; /* it asks for the groups that it wants (request-multicast-control) */
    bool headroom;          /* leave VF_RX_HEADROOM before received frames (xdp-headroom) */
    uint16_t mtu;
    uint16_t vlan;    /* 0, or the port VLAN that the VF adds and removes */
    struct rate rate; /* of what the guest sends */
    int fault_fd; /* an eventfd of the control loop, written when the session has stopped by itself, or has news */
};

/* Figures of a session or of one of its queues, monotonic from its start. Those of the wire are the VF's, which counts
 * its queues together: they are 0 for a single queue. */
struct session_counters {
    uint64_t tx_packets, tx_bytes; /* frames taken from the guest */
    uint64_t tx_segments;          /* what they become on the wire: the VF segments large ones */
    uint64_t rx_packets, rx_bytes; /* frames given to the guest */
    uint64_t tx_dropped;           /* refused: malformed, or too long; */
    uint64_t tx_spoofed;           /* foreign source MAC, or a VLAN that is not the guest's */
    uint64_t rx_dropped;           /* frames the VF delivered that could not be passed on */
    uint64_t rx_echoes;            /* the guest's own, looped back by the card: not passed on */
    uint64_t tx_wire_packets, rx_wire_packets, tx_wire_bytes, rx_wire_bytes; /* the VF's own */
    uint64_t payload_copies,
        header_copies; /* frames whose payload was copied; header copies made */
    uint64_t hypercalls, hypercalls_tx, hypercalls_rx;
    uint64_t map_ops, unmap_ops, copy_ops;
    uint64_t events_sent, events_received, interrupts, doorbells, polls;
    uint64_t missed_wakeups; /* work that no event had told of, found by the watchdog */
    uint64_t window_slots;   /* slots whose page was in the window: no grant operation for them, */
    uint64_t window_reads;   /* ... nor for these header copies */
};

enum session_state {
    SESSION_RUNNING,
    SESSION_GUEST_FAULT,  /* the guest broke the protocol: its vif is stopped, `fault` says how */
    SESSION_DEVICE_FAULT, /* the VF misbehaved or is gone: reset it or take another */
    SESSION_HOST_FAULT,   /* a call to Xen failed that must not */
};

/* Maps, binds, starts the VF and the workers. -1 and a sentence on failure, with nothing left behind but a VF that has
 * been started, and is not quiet yet; with ENOTRECOVERABLE if it has not come back from its guest's IOMMU context: then
 * it must not be used again. */
int session_start(struct session **session, const struct session_plan *plan, struct why *why);

/* Ends the workers, stops the VF, waits until it is proven quiet, releases every page, unmaps the rings. 0, or -1 if
 * the VF could not be proven quiet: then its pages stay pinned (and journaled) on purpose. ENOTRECOVERABLE as above.
 * Frees the session. */
int session_stop(struct session *session);

/* A VF that fails or goes is replaced in four steps, while the guest stays connected. session_pause ends the workers;
 * the caller proves that the VF is quiet (invariant 4); session_flush releases every page and answers what was on its
 * way; session_resume goes on with the same rings and with `vf`, which is reset and not started, or without one: then
 * frames are dropped, and buffers stay in their ring. Each may be done again.
 * session_flush: -1 if Xen has refused to release a page: the session is to be ended; 1 if the VF has not come back from
 * its guest's IOMMU context: it must not be used again. session_resume: -1 and a sentence;
 * then `vf` is to be proven quiet, and the session flushed, before the next try; with EOPNOTSUPP because the translation
 * cannot be had, which says nothing against `vf`; with ENOTRECOVERABLE as above. */
void session_pause(struct session *session);
int session_flush(struct session *session);
int session_resume(struct session *session, struct vf *vf, struct why *why);
/* The way to addresses for the next VF, which may be the same one again; what runs is not touched. */
void session_set_translation(struct session *session, enum translation translation);
/* While the VF's link is down frames are dropped rather than queued. Up at first. */
void session_link(struct session *session, bool up);

/* How it is doing, which is how the first queue does that has failed; `why` gets the fault's sentence. */
enum session_state session_state(struct session *session, struct why *why);
/* The translation in use, as it stands in netvf/translation; `reason` (NULL if there is nothing to say) is why it is not
 * the one that would need no hypercall. Both are valid for as long as the session. */
const char *session_translation(const struct session *session, const char **reason);
bool session_interrupts(
    const struct session *session); /* VF interrupts arrive as events; false: polling */
unsigned session_queues(const struct session *session);
/* All queues together, or one of them. */
void session_count(struct session *session, struct session_counters *counters);
void session_count_queue(const struct session *session, unsigned queue,
                         struct session_counters *counters);

/* Pages in the windows of all queues. */
unsigned session_window_pages(const struct session *session);
/* Has the windows rest, or not any more: resting, they keep no page pinned beyond what descriptors have. Waits, up to a
 * second; false if there are still such pages (there is no worker just now, which sees to it when it comes). */
bool session_rest_windows(struct session *session, bool rest);

/* What can change while it runs. A new limit holds from the worker's next round on. */
void session_set_rate(struct session *session, struct rate rate);
/* Whether the guest has amended its list of groups since session_set_multicast. */
bool session_multicast_news(const struct session *session);
/* Has the VF deliver the groups on the guest's list if `control`, else all of them. -1 and a sentence. */
int session_set_multicast(struct session *session, bool control, struct why *why);

#endif
