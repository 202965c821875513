/* SPDX-License-Identifier: MIT */
/* A guest, a hypervisor and a VF that cost as little as they can, for measuring what lies between them.
 *
 * tests/sim checks everything, which would drown what is to be measured. Here the rings, the translations and the
 * igbvf driver's queue are the real ones; the port's functions fill in what Xen would answer, and the device writes
 * descriptors back. Both stand still the stopwatch and callgrind's count while they work: a figure is the data path
 * alone, without hypercalls and without what backend/xen does around them. */
#ifndef NETVF_TESTS_BENCH_WORLD_H
#define NETVF_TESTS_BENCH_WORLD_H

#include <stdint.h>
#include <xen/io/netif.h>

#undef RING_SIZE /* Xen's; the driver has one of its own */

#include "datapath/rx.h"
#include "datapath/tx.h"
#include "translate/window.h"
#include "vf/igbvf_private.h"
#include "xen/context.h"

/* What a stock Linux frontend sends: small UDP frames in one slot; TCP with the headers in a slot of their own. Every
 * IPv4 checksum is left blank. */
enum frame_kind {
    FRAME_SMALL, /* 60 bytes: 64 on the wire, with its CRC */
    FRAME_FULL,  /* 1514 bytes: MTU 1500 */
    FRAME_GSO,   /* 65226 bytes: 45 segments of 1448 */
};

enum way {
    WAY_HOST,
    WAY_IOMMU,
    WAY_WINDOW, /* translation host, and the guest's pages in its window */
};

struct world {
    struct port port;
    struct window window;
    struct context context;
    struct translate translate;
    struct vf_ops vf_ops;
    struct vf vf;
    struct igbvf_queue queue;
    struct echo echo;
    struct mcast mcast;
    struct tx tx;
    struct rx rx;
    uint16_t tx_head, rx_head; /* the device's place in its rings */
    netif_tx_sring_t *tx_ring;
    netif_rx_sring_t *rx_ring;
};

/* With a window, the pages that are sent from are in it, or those that are received into. */
void world_open(struct world *world, enum way way, bool tx, enum frame_kind kind);
void world_close(struct world *world);

/* The guest sends `count` frames; the VF sends what it was told of. */
void world_push(struct world *world, enum frame_kind kind, unsigned count);
void world_send(struct world *world);

/* The VF receives `count` frames; the guest posts as many buffers. */
void world_receive(struct world *world, enum frame_kind kind, unsigned count);
void world_post(struct world *world, unsigned count);

/* Time and instructions count between these two. */
void count_on(void);
void count_off(void);
/* Forgets what was counted. Nanoseconds counted since, with the clock's own share taken off. */
void count_reset(void);
uint64_t count_ns(void);

#endif
