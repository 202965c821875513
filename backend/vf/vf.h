/* SPDX-License-Identifier: MIT */
/* A virtual function as the rest of the backend sees it: reset it, run it, hand it batches, stop it.
 *
 * One driver per VF family fills struct vf_ops and struct vf_queue_ops (igbvf.c: 82576, i350). The verbs of a VF may
 * sleep (up to two seconds in a reset handshake) and belong to the control thread. Those of a queue pair never block,
 * make no system call, take no lock and touch no register that another pair uses: a pair belongs to the one worker
 * that owns it. */
#ifndef NETVF_VF_VF_H
#define NETVF_VF_VF_H

#include <stdbool.h>
#include <stdint.h>

struct dma_page;
struct why;

enum vf_l4 { VF_L4_NONE, VF_L4_TCP, VF_L4_UDP };

/* What the VF has to finish in a frame that leaves: always the L4 checksum, whose field holds the pseudo-header sum.
 * Lengths in bytes; all of them were parsed from a private copy of the headers, which is also what the VF reads. No
 * padding: two of them are compared as one word. */
struct vf_offload {
    uint16_t ip_len; /* IP header with options or extension headers */
    uint8_t mac_len; /* Ethernet header, VLAN tag included */
    uint8_t l4_len;  /* TCP or UDP header */
    uint8_t l4;      /* enum vf_l4 */
    bool ipv4;       /* else IPv6 */
    uint16_t mss;    /* 0, or segment into TCP segments of this payload size (TSO) */
};

/* What a VF can finish in frames that leave. What it cannot is not offered to guests, apart from IPv4 checksums, which
 * they leave blank in any case. */
struct vf_offloads {
    bool csum_ipv4, csum_ipv6; /* checksums of TCP and UDP */
    bool tso_ipv4, tso_ipv6;   /* segmentation of TCP */
    uint8_t mac_len_max;       /* longest headers with which it does so, as in struct vf_offload */
    uint16_t ip_len_max;
};

struct vf_segment {
    uint64_t dma;
    uint32_t length; /* 1..4096 */
};

/* One received buffer, in the order the buffers were posted. */
struct vf_received {
    uint16_t length;
    bool last; /* last buffer of its frame (EOP) */
    bool
        csum_ok; /* the VF has validated the checksums of TCP or UDP and, in IPv4, of IP; only with `last` */
    bool error;    /* the device marked the frame bad, or wrote back nonsense */
    bool stripped; /* the VF has taken a VLAN tag off the frame, ... */
    uint16_t tag;  /* ... this one: priority and VLAN; both mean something only with `last` */
};

/* VLANs whose tags the user of a VF may put on and get to see itself. Of the PF's filters each VLAN takes one, the
 * 82576 has 32 of them for all of its functions (VLVF), and so nobody may have many. */
#define VF_TRUNK_MAX 8u
struct vf_trunk {
    uint16_t count; /* 0: tags are not the user's */
    uint16_t vlans[VF_TRUNK_MAX];
};

/* Groups whose frames the VF is to receive. Broadcast always comes. */
#define VF_MULTICAST_MAX 64u
struct vf_multicast {
    bool all;
    unsigned count;
    uint8_t addresses[VF_MULTICAST_MAX][6];
};

struct vf_counters {
    uint64_t tx_packets, tx_bytes, rx_packets,
        rx_bytes; /* on the wire, as the VF counts them, widened to 64 bits */
};

struct vf;
struct vf_queue;

/* How a queue pair is to run. */
struct vf_queue_setup {
    const struct dma_page *ring_pages; /* VF_RING_PAGES of them */
    bool interrupts;                   /* by the MSI-X vector of the pair's own number */
    struct vf_queue *queue;            /* out: the pair, as long as the VF is not stopped */
};

struct vf_ops {
    const char *family;
    struct vf_offloads offloads;
    /* reset: the full handshake with the PF; the MAC that the PF answers with goes to `mac`, and the PF gets to know
     * the trunk, which a reset makes it forget: -1/ENOSPC if it has no room for that, which says nothing against the
     * VF. start: rings and registers, the first `count` queue pairs enabled and handed out. stop: returns 0 when the
     * VF is proven quiet (all queues off, bus mastering off, no transaction pending), else -1: then nothing that it
     * could reach may be released. */
    int (*reset)(struct vf *vf, uint8_t mac[6], struct why *why);
    int (*start)(struct vf *vf, struct vf_queue_setup *queues, unsigned count, struct why *why);
    int (*stop)(struct vf *vf);
    /* Whether a started VF still is what it was started as, in a few register reads: 0, or -1 and a sentence when it is
     * gone or has been reset, by its PF or otherwise. It moves no packet then, and says nothing of it by itself. */
    int (*check)(struct vf *vf, struct why *why);
    /* After start; may be called again while the rings run. The VF may deliver more groups than it is told. -1 and a
     * sentence if the PF's driver refuses. */
    int (*set_multicast)(struct vf *vf, const struct vf_multicast *wanted, struct why *why);
    bool (*link_up)(struct vf *vf);
    void (*close)(struct vf *vf);

    /* Reads the device's counters (slow, a register each) and adds up what is new. */
    void (*count)(struct vf *vf, struct vf_counters *counters);
};

struct vf_queue_ops {
    /* Send side. tx_room: how many descriptors are free; a frame takes one for each segment and at most one for
     * its offload. tx_post: queue one frame, for which there must be room; `offload` is NULL when there is nothing to
     * finish. tx_doorbell: tell the VF about all that was posted. tx_reap: how many further frames the VF is done
     * with, in the order posted. */
    unsigned (*tx_room)(struct vf_queue *queue);
    void (*tx_post)(struct vf_queue *queue, const struct vf_segment *segments, unsigned count,
                    const struct vf_offload *offload);
    void (*tx_doorbell)(struct vf_queue *queue);
    unsigned (*tx_reap)(struct vf_queue *queue);

    /* Receive side. Of each buffer vf_rx_buffer() bytes may be written, from the address given on, which lie in one
     * page. rx_room: how many more can be posted. rx_post ends with the doorbell. */
    unsigned (*rx_room)(struct vf_queue *queue);
    void (*rx_post)(struct vf_queue *queue, const uint64_t *dma, unsigned count);
    unsigned (*rx_reap)(struct vf_queue *queue, struct vf_received *received, unsigned max);

    /* Lets the pair interrupt once: frames received since its last interrupt count. What was written back before is
     * for the caller to find, who has to look at both rings after this and before sleeping. */
    void (*arm)(struct vf_queue *queue);
};

#define VF_RING_PAGES 2u
#define VF_MTU        1500u
/* Largest MTU: a frame of it with a tag and CRC is still one that every gigabit card takes (igb: 9728 bytes). */
#define VF_MTU_MAX 9000u
/* Ethernet header, one VLAN tag, CRC. */
#define VF_FRAME_OVERHEAD 22u
/* Part of a page that a frame of the standard MTU needs, and of a longer frame's pages. In whole KiB: that is what
 * the 82576's SRRCTL can say. */
#define VF_RX_BUFFER       2048u
#define VF_RX_BUFFER_JUMBO 4096u
/* The same on a trunk, where there must be room for a tag: a frame of VF_MTU_MAX fits into three of them, too. */
#define VF_RX_BUFFER_TRUNK 3072u
/* What may be left free before a received frame: Linux' XDP_PACKET_HEADROOM, which its netfront counts on. */
#define VF_RX_HEADROOM 256u
/* What is left free on a trunk: a whole cache line, and so is what follows. */
#define VF_RX_TAG_ROOM 64u
/* Most queue pairs that a VF of any family has: the 82576's. */
#define VF_QUEUES_MAX 2u

struct vf {
    const struct vf_ops *ops;
    char pci[16];          /* "0000:01:10.0" */
    unsigned queues;       /* queue pairs that it has, at most VF_QUEUES_MAX */
    uint16_t mtu;          /* of its frames, set before start; 0 means VF_MTU */
    struct vf_trunk trunk; /* set before reset */
    bool held; /* nobody can switch it off meanwhile (vf/hold.h): its interrupt may be used */
};

struct vf_queue {
    const struct vf_queue_ops *ops;
    const struct vf *vf; /* whose it is */
    uint64_t doorbells;
};

static inline uint32_t vf_mtu(const struct vf *vf)
{
    return vf->mtu ? vf->mtu : VF_MTU;
}

/* Longest frame that it may receive, in bytes, tag and CRC included. */
static inline uint32_t vf_frame_max(const struct vf *vf)
{
    return vf_mtu(vf) + VF_FRAME_OVERHEAD;
}

/* Bytes of each receive buffer: longer frames take several buffers. */
static inline uint32_t vf_rx_buffer(const struct vf *vf)
{
    if (vf_frame_max(vf) <= VF_RX_BUFFER)
        return VF_RX_BUFFER;
    return vf->trunk.count ? VF_RX_BUFFER_TRUNK : VF_RX_BUFFER_JUMBO;
}

/* Bytes that a frontend can have left free before each received frame: VF_RX_HEADROOM; or none where frames need whole
 * pages, or where they begin at one place or another, for with a tag they begin earlier. */
static inline uint32_t vf_rx_headroom(uint32_t mtu, const struct vf_trunk *trunk)
{
    return mtu + VF_FRAME_OVERHEAD > VF_RX_BUFFER || trunk->count ? 0 : VF_RX_HEADROOM;
}

/* Whether a frame with that tag may pass. One of VLAN 0 has a priority, and is in no VLAN. */
static inline bool vf_trunk_carries(const struct vf_trunk *trunk, uint16_t tag)
{
    uint16_t vlan = tag & 0xfff;
    bool found = !vlan;

    for (unsigned i = 0; i < trunk->count; i++)
        found |= trunk->vlans[i] == vlan;
    return found;
}

/* Opens the VF at `pci` (no kernel driver may be bound to it), choosing the driver by PCI id, and makes its registers
 * reachable. NULL and a sentence on failure. */
struct vf *vf_open(const char *pci, struct why *why);

/* Makes sure that the function at `pci` can no longer DMA, whoever drove it before: bus mastering off and transactions
 * drained, or gone from the bus for good (pf_vf_gone). 0, or -1 if it cannot be proven. "" is the VF of a vif that had
 * none when its daemon died: nothing is left to be quieted. */
int vf_quiesce(const char *pci);

#endif
