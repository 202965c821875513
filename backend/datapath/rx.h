/* SPDX-License-Identifier: MIT */
/* The receive side of a vif: the guest's buffers into the VF's ring, responses when the VF has filled them.
 *
 * Order is everything here: a frontend takes the n-th response for its n-th buffer, whatever the ids say, and the VF
 * fills buffers in the order posted. So the netif ring, `slots` and the VF's ring are three views of one queue, and
 * nothing may be put in between (no extra info slots, no frame held back). A frame that the guest must not get is
 * answered with errors in its place.
 *
 * On a trunk (struct vf_trunk) the guest sees its frames' VLAN tags. The 82576 takes them off what it receives, and
 * tells them in its write-back: those of frames to groups, as igb sets it up, and others where the PF's driver cannot
 * be brought to leave them (VMOLR.STRVLAN, for groups RPLOLR.STRVLAN). netif has no place for a tag beside the frame,
 * so it is put back: the addresses move forward by its length, into room that was left there, and it comes in behind
 * them. The page is the guest's, and pinned for the VF alone; the hypervisor carries the bytes. */
#ifndef NETVF_DATAPATH_RX_H
#define NETVF_DATAPATH_RX_H

#include "datapath/echo.h"
#include "datapath/ring.h"
#include "translate/translate.h"
#include "vf/vf.h"
#include "xen/port.h"

/* Most buffers handled in one go. */
#define RX_BATCH 128u

struct rx_counters {
    uint64_t packets, bytes;
    uint64_t dropped; /* frames, and buffers between frames, answered with an error */
    uint64_t echoes;  /* the vif's own frames, likewise: see echo.h */
};

/* What has been found out about the frame that a buffer begins. */
enum rx_finding {
    RX_PLAIN = 0,
    RX_OWN = 1,    /* it is one of our own */
    RX_TAGGED = 4, /* its tag has been put back: it begins so many bytes earlier */
};

/* One buffer of the guest that is not answered yet, at its index in the ring. */
struct rx_slot {
    struct grant_pin pin;
    uint16_t id;
    bool posted; /* pinned and with the VF; else its reference was bad */
};

/* The frame whose buffers are being answered, which may go on in the next batch. */
struct rx_frame {
    bool inside; /* its last buffer is still to come */
    bool own;    /* an echo */
    bool spoiled;
    uint32_t bytes;
};

struct rx {
    struct ring ring;
    struct translate *translate;
    struct vf_queue *queue;
    struct echo *echo;              /* this queue's; shared with the sending sides */
    const struct dma_page *scratch; /* one page of our own, for looking at headers */
    uint8_t mac[6];                 /* the vif's own */
    uint16_t
        headroom; /* bytes left free at a page's start; fits beside vf_rx_buffer(); fixed while buffers are posted */
    const char *fault;
    struct rx_frame frame;
    struct rx_slot slots[RING_SLOTS];
    unsigned posted; /* buffers that the VF has */
    struct grant_pin pins[RX_BATCH];
    struct vf_received received[RX_BATCH];
    unsigned
        held; /* on a trunk: of those, the first that are not answered, the end of their frame not being here yet */
    uint8_t findings[RX_BATCH];         /* enum rx_finding of the frame that received[] begins */
    struct grant_copy copies[RX_BATCH]; /* of the addresses of frames that are looked at, ... */
    uint16_t looks[RX_BATCH];           /* ... and where these begin in received[] */
    struct rx_counters counters;
};

/* `page`: the mapped rx ring. Everything else of `rx` that is borrowed must be set before. */
void rx_attach(struct rx *rx, void *page);

/* Gives the VF the buffers that wait, if there are at least `least` (1 or more) or the VF has few left. Returns how many it took;
 * -1: guest fault (rx->fault says how) or host fault (errno, rx->fault NULL). */
int rx_fill(struct rx *rx, unsigned least);

/* Answers the buffers that the VF has filled. Returns how many; -1/errno on a host fault. Sets *notify when the guest
 * wants an event. */
int rx_complete(struct rx *rx, bool *notify);

/* Asks the frontend for an event as soon as rx_fill() with the same `least` would take buffers. Look again after it. */
void rx_ask(struct rx *rx, unsigned least);

/* Releases every page, unanswered. Only when the VF is proven quiet. */
int rx_abandon(struct rx *rx);

/* The same for a guest that goes on: every buffer that is not answered is then a request that is not taken yet, which
 * the next rx_fill reads, checks and pins anew, for whatever VF rx->vf is then. *notify as above. */
int rx_take_back(struct rx *rx, bool *notify);

#endif
