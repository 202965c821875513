/* SPDX-License-Identifier: MIT */
/* The send side of a vif: slots of the netif tx ring in, descriptors out, responses when the VF is done.
 *
 * Pure: it meets the world only through the port (header copies), the translation and the VF. One worker owns it. */
#ifndef NETVF_DATAPATH_TX_H
#define NETVF_DATAPATH_TX_H

#include "datapath/bucket.h"
#include "datapath/echo.h"
#include "datapath/headers.h"
#include "datapath/mcast.h"
#include "datapath/ring.h"
#include "translate/translate.h"
#include "vf/vf.h"
#include "xen/port.h"

/* Most slots of one frame that a frontend may send without asking (XEN_NETIF_NR_SLOTS_MIN), and where a chain is no
 * longer a mistake but an attack: as in Linux' netback. */
#define TX_SLOTS_MAX   18u
#define TX_SLOTS_FATAL 20u
/* Most frames of one batch. */
#define TX_BATCH 64u
/* Each frame in flight has its header copy in a buffer of its own. */
#define TX_HEADER_ROOM  256u
#define TX_HEADER_PAGES (RING_SLOTS * TX_HEADER_ROOM / 4096u)
/* Frames that may be in flight from a copy of ours (tx_bounce.h), and pages for the longest, with two VLAN tags. */
#define TX_BOUNCE_FRAMES      4u
#define TX_BOUNCE_FRAME_PAGES ((VF_MTU_MAX + 22u + 4095u) / 4096u)
#define TX_BOUNCE_PAGES       (TX_BOUNCE_FRAMES * TX_BOUNCE_FRAME_PAGES)
#define TX_PAGES              (TX_HEADER_PAGES + TX_BOUNCE_PAGES)

struct tx_counters {
    uint64_t packets, bytes;
    uint64_t segments; /* frames on the wire that `packets` become: more, where the VF segments */
    uint64_t dropped, spoofed;
    uint64_t header_copies, payload_copies;
};

/* One request that is not answered yet, at its index in the ring. */
struct tx_slot {
    struct grant_pin pin; /* if pinned */
    uint16_t id;
    bool extra; /* no data: its response is NETIF_RSP_NULL */
    bool pinned;
};

/* One frame that is not answered yet. */
struct tx_frame {
    uint32_t slots;
    int16_t status; /* NETIF_RSP_... */
    bool posted;    /* given to the VF: answered when the VF is done; else at once */
    bool bounced;   /* has a buffer behind the header copies */
};

/* A part of a frame in one guest page. */
struct tx_piece {
    uint32_t slot; /* ring index */
    uint16_t offset, length;
    uint32_t gref;
};

/* A frame of the batch in hand. */
struct tx_work {
    struct tx_frame *frame;
    uint8_t *private;                   /* the header copy that is looked at */
    uint64_t vf_dma;                    /* where the VF finds it, or a copy of it */
    struct tx_piece *piece;             /* the first one of `pieces` in tx->pieces */
    struct grant_copy *copy, *copy_end; /* in tx->copies */
    uint32_t total;
    uint16_t pieces;
    uint16_t copied; /* bytes of it that are in the header copy */
    uint16_t sent_from_copy;
    uint16_t bounce; /* with frame->bounced: first page of its buffer, among TX_PAGES */
    uint16_t mss;
    bool gso_ipv6; /* with mss: said to be TCP over IPv6, else over IPv4 */
    bool blank;    /* checksum left to us */
    bool drop;
    bool request;  /* no frame, but a request about the multicast list, carried out already ... */
    bool accepted; /* ... with this outcome */
    struct headers headers;
};

struct tx {
    struct ring ring;
    struct port *port;
    struct translate *translate;
    struct vf_queue *queue;
    struct echo *
        echo; /* one for each queue, shared with the receiving sides: any may hear what leaves here */
    unsigned echo_count;
    struct mcast *mcast; /* feature-multicast-control was offered, or NULL */
    /* TX_PAGES each: header copies, behind them bounced frames. The VF reads header_pages. What is looked at are the
     * private_pages: the same, or, where the guest can reach those of the VF, pages of dom0's that it cannot. */
    const struct dma_page *header_pages, *private_pages;
    uint8_t mac[6];
    bool no_link;         /* nothing can leave: frames are taken, dropped and answered at once */
    bool port_vlan;       /* the VF adds and removes a VLAN tag of the administrator's */
    struct bucket bucket; /* what the guest may send; refilled by the worker */
    const char *fault;    /* how the guest broke the protocol: nothing more is taken from it */

    struct tx_slot slots[RING_SLOTS];
    unsigned pinned; /* slots that are */
    struct tx_frame frames[RING_SLOTS];
    uint32_t frame_head, frame_tail;
    uint32_t done; /* frames that the VF has finished and that are not answered yet */
    uint32_t bounces_taken, bounces_back; /* both count up; buffers are used in turn */

    struct tx_work work[TX_BATCH];
    struct tx_piece pieces[PORT_BATCH_MAX];
    struct grant_copy copies[PORT_BATCH_MAX];
    struct grant_pin pins[PORT_BATCH_MAX];
    uint32_t pin_slots[PORT_BATCH_MAX];

    struct tx_counters counters;
};

/* `page`: the mapped tx ring. Everything else of `tx` that is borrowed must be set before. */
void tx_attach(struct tx *tx, void *page);

/* Takes what waits, up to one batch, and gives it to the VF. Returns the number of frames taken; -1: guest fault
 * (tx->fault says how) or host fault (errno, tx->fault NULL). */
int tx_take(struct tx *tx);

/* Answers what the VF is done with, if that is at least `least` slots. Returns the number of slots answered; -1/errno
 * on a host fault: a page could not be released. Sets *notify when the guest wants an event. */
int tx_complete(struct tx *tx, unsigned least, bool *notify);

/* Frames that the VF has not finished, or that are not answered. */
static inline unsigned tx_outstanding(const struct tx *tx)
{
    return tx->frame_tail - tx->frame_head;
}

/* Releases every page, unanswered. Only when the VF is proven quiet. -1/errno as above. */
int tx_abandon(struct tx *tx);

/* The same for a guest that goes on: everything taken is then answered, with an error, and the next frame is taken by
 * whatever VF tx->vf is then. *notify as above. */
int tx_give_up(struct tx *tx, bool *notify);

#endif
