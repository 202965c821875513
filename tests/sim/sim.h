/* SPDX-License-Identifier: MIT */
/* A guest, a hypervisor and a VF in memory, for the pure half of the backend.
 *
 * Every page, the guest's and the backend's own, has a made-up machine address. The hypervisor counts pins and checks
 * what the real one checks; the VF moves bytes only through addresses that are pinned at that moment (or the
 * backend's own) and only when a test tells it to: unlike QEMU's it can be slow. Anything it would have reached
 * without a pin is counted in `stray`, which is invariant 1 as a number. */
#ifndef NETVF_TESTS_SIM_H
#define NETVF_TESTS_SIM_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/io/netif.h>

#include "vf/vf.h"
#include "xen/port.h"

#define SIM_PAGES     1024u
#define SIM_FRAME_MAX 70000u
#define SIM_QUEUE     256u
#define SIM_CHANNELS  4u

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

/* An event channel as dom0's evtchn device shows it: an event masks it and waits to be taken; what comes while it is
 * masked stays pending until it is unmasked. */
struct sim_channel {
    bool bound, masked, pending, queued;
    unsigned sent; /* events to the peer */
};

struct sim {
    struct port port;
    struct vf vf;
    struct vf_ops vf_ops; /* a test may take offloads from the VF */
    struct vf_queue queue;
    struct sim_page pages[SIM_PAGES]; /* index = gref for the guest's, and part of the address */
    unsigned next_page;
    unsigned calls, fail_call; /* the fail_call-th call into the port fails as a whole; 0: none */
    unsigned grant_ops;        /* of those calls, each page for itself */
    unsigned stray;            /* accesses by the VF without a pin */
    bool
        in_context; /* the VF is in the guest's IOMMU context: it reaches all the guest's pages, unpinned */
    unsigned notified;
    unsigned live_pins;
    void (*point)(struct sim *sim); /* called before each step of the backend's, if there is one */

    /* The set-up verbs: counted and made to fail apart from those of the data path. */
    unsigned setup_calls, fail_setup;
    unsigned mapped_rings, own_pages, views;

    /* Index = local port; 0 is none. The VF's interrupt is the one that bind_msix has returned. */
    struct sim_channel channels[SIM_CHANNELS];
    pthread_mutex_t lock; /* of the channels: a test's guest may be a thread */
    int event_fd;
    bool no_msix;
    uint32_t vf_channel;
    bool vf_armed, vf_cause;

    struct sim_tx_frame tx[SIM_QUEUE];
    unsigned tx_posted, tx_sent, tx_reaped, doorbells, tx_rung;
    uint8_t wire[SIM_FRAME_MAX]; /* the frame sent last, put together */
    unsigned wire_length;

    uint64_t rx[SIM_QUEUE];
    struct vf_received rx_done[SIM_QUEUE];
    unsigned rx_posted, rx_filled, rx_reaped;
    bool keeps_tags; /* on a trunk: it does not take tags off */

    /* The guest's rings */
    netif_tx_sring_t *tx_ring;
    netif_rx_sring_t *rx_ring;
};

void sim_open(struct sim *sim);
void sim_close(struct sim *sim);

/* sim_setup.c: the port's verbs beside those of the data path. */
void *sim_ring_map(struct port *port, uint32_t gref);
void sim_ring_unmap(struct port *port, void *ring);
const volatile void *sim_page_view(struct port *port, uint32_t gref);
void sim_page_unview(struct port *port, const volatile void *view);
void sim_dma_free(struct port *port, struct dma_page *pages, unsigned count);
int sim_bind_peer(struct port *port, uint32_t remote, uint32_t *local);
int sim_bind_msix(struct port *port, const char *pci, unsigned vector, uint32_t *local);
int sim_unbind(struct port *port, uint32_t local);
int sim_event_fd(struct port *port);
int sim_event_pending(struct port *port, uint32_t *local);
int sim_event_unmask(struct port *port, uint32_t local);

/* An event for the backend on a local port. */
void sim_event(struct sim *sim, uint32_t local);
/* The VF's receive interrupt: at once if armed, else as soon as it is. */
void sim_interrupt(struct sim *sim);
void sim_arm(struct sim *sim);

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
/* The VF receives a frame into the oldest posted buffers; false if there are not enough. On a trunk (vf.trunk) it takes
 * the tag off, and receives no tags of other VLANs. */
bool sim_receive(struct sim *sim, const uint8_t *frame, unsigned length);
/* Where the VF gets to by an address; NULL, and counted as stray, if it has no business there. */
uint8_t *sim_reach(struct sim *sim, uint64_t dma, unsigned length, bool write);
/* Counts as stray whatever the VF could reach without a pin by the descriptors that it has now. */
void sim_check(struct sim *sim);

#endif
