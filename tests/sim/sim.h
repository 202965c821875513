/* SPDX-License-Identifier: MIT */
/* A guest, a hypervisor and a VF in memory, for the pure half of the backend.
 *
 * Every page, the guest's and the backend's own, has a made-up machine address. The hypervisor counts pins and checks
 * what the real one checks; the VF moves bytes only through addresses that are pinned at that moment (or the
 * backend's own) and only when a test tells it to: unlike QEMU's it can be slow. Anything it would have reached
 * without a pin is counted in `stray`, which is invariant 1 as a number. */
#ifndef NETVF_TESTS_SIM_H
#define NETVF_TESTS_SIM_H

#include <stddef.h>
#include <stdint.h>
#include <xen/io/netif.h>

#include "vf/vf.h"
#include "xen/port.h"

#define SIM_PAGES     1024u
#define SIM_FRAME_MAX 70000u
#define SIM_QUEUE     256u

struct sim_page {
    uint8_t *bytes;
    uint64_t dma;
    unsigned pins, writers;
    bool granted, readonly, own;
    bool in_block; /* `bytes` belongs to the block of an earlier page */
};

struct sim_tx_frame {
    struct vf_segment segments[32];
    unsigned count;
    struct vf_offload offload;
    bool offloaded;
};

struct sim {
    struct port port;
    struct vf vf;
    struct vf_ops vf_ops;             /* a test may take offloads from the VF */
    struct sim_page pages[SIM_PAGES]; /* index = gref for the guest's, and part of the address */
    unsigned next_page;
    unsigned calls, fail_call; /* the fail_call-th call into the port fails as a whole; 0: none */
    unsigned stray;            /* accesses by the VF without a pin */
    unsigned notified;
    unsigned live_pins;

    struct sim_tx_frame tx[SIM_QUEUE];
    unsigned tx_posted, tx_sent, tx_reaped, doorbells, tx_rung;
    uint8_t wire[SIM_FRAME_MAX]; /* the frame sent last, put together */
    unsigned wire_length;

    uint64_t rx[SIM_QUEUE];
    struct vf_received rx_done[SIM_QUEUE];
    unsigned rx_posted, rx_filled, rx_reaped;

    /* The guest's rings */
    netif_tx_sring_t *tx_ring;
    netif_rx_sring_t *rx_ring;
};

void sim_open(struct sim *sim);
void sim_close(struct sim *sim);

/* A page of the guest, granted; returns its gref. */
uint32_t sim_grant(struct sim *sim, bool readonly);
uint8_t *sim_bytes(struct sim *sim, uint32_t gref);

/* The guest pushes one slot; the extra form takes the same place. */
void sim_push_tx(struct sim *sim, uint32_t gref, unsigned offset, unsigned flags, unsigned id,
                 unsigned size);
void sim_push_extra(struct sim *sim, const netif_extra_info_t *extra);
void sim_push_rx(struct sim *sim, uint32_t gref, unsigned id);
netif_tx_response_t *sim_tx_response(struct sim *sim, unsigned index);
netif_rx_response_t *sim_rx_response(struct sim *sim, unsigned index);

/* The VF sends up to `count` of the frames that the doorbell has told it of; returns how many. */
unsigned sim_send(struct sim *sim, unsigned count);
/* The VF receives a frame into the oldest posted buffers; false if there are not enough. */
bool sim_receive(struct sim *sim, const uint8_t *frame, unsigned length);

#endif
