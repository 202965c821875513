/* SPDX-License-Identifier: MIT */
/* What the parts of the igbvf driver share: igbvf.c and igbvf_mailbox.c (control), igbvf_rings.c (data). */
#ifndef NETVF_VF_IGBVF_PRIVATE_H
#define NETVF_VF_IGBVF_PRIVATE_H

#include "vf/igbvf_regs.h"
#include "vf/pci.h"
#include "vf/vf.h"

/* One page of descriptors: more would need pages that are next to each other in the machine. */
#define RING_SIZE 256u
#define RING_MASK (RING_SIZE - 1)

struct igbvf_tx {
    struct igbvf_desc *ring;
    uint64_t dma;
    uint32_t tail;                /* next descriptor to write */
    uint32_t clean;               /* oldest descriptor that the VF may still use */
    uint32_t frame_head;          /* oldest frame not reaped, counts up, index modulo RING_SIZE */
    uint32_t frame_tail;          /* next frame */
    uint8_t frame_end[RING_SIZE]; /* last descriptor of each frame: the one that gets DD */
    struct igbvf_desc context;    /* the one that the queue holds now; all 0: none */
    struct vf_offload offload;    /* what it was last good for, to be known again at a glance */
};

struct igbvf_rx {
    struct igbvf_desc *ring;
    uint64_t dma;
    uint16_t tail;  /* next descriptor to post */
    uint16_t clean; /* oldest posted descriptor */
    uint32_t
        swaps; /* status bits with which a tag's bytes are swapped: RXD_LB on the i350, else none */
};

/* A queue pair. Its worker writes the tails and its own bit of EIMS, where a 0 changes nothing: no lock is needed. */
struct igbvf_queue {
    struct vf_queue queue;
    volatile uint8_t *registers; /* the BAR, moved on to this pair's registers */
    volatile uint32_t *eims;     /* NULL: no interrupts */
    uint32_t vector_bit;
    struct igbvf_tx tx;
    struct igbvf_rx rx;
} __attribute__((aligned(64))); /* two workers share no cache line */

struct igbvf {
    struct vf vf;
    struct pci_function function;
    volatile uint8_t *bar;
    uint32_t
        mailbox_seen; /* clearing bits of V2PMAILBOX that a read has taken and nobody has used yet */
    uint8_t mac[6];   /* what the PF has told it in the reset handshake */
    bool emulated;    /* QEMU's */
    bool i350;
    struct igbvf_queue queues[VF_QUEUES_MAX];
    uint32_t last_counter[4]; /* 32-bit counters at the last look: GPTC GOTC GPRC GORC */
    struct vf_counters counted;
};

static inline struct igbvf *igbvf(struct vf *vf)
{
    return (struct igbvf *)vf;
}

static inline struct igbvf_queue *igbvf_queue(struct vf_queue *queue)
{
    return (struct igbvf_queue *)queue;
}

/* Registers are mapped uncached; each access is one bus access, in program order among themselves. */
static inline uint32_t reg_read(const struct igbvf *v, unsigned offset)
{
    return *(volatile uint32_t *)(v->bar + offset);
}

static inline void reg_write(struct igbvf *v, unsigned offset, uint32_t value)
{
    *(volatile uint32_t *)(v->bar + offset) = value;
}

static inline uint32_t queue_read(const struct igbvf_queue *q, unsigned offset)
{
    return *(volatile uint32_t *)(q->registers + offset);
}

static inline void queue_write(struct igbvf_queue *q, unsigned offset, uint32_t value)
{
    *(volatile uint32_t *)(q->registers + offset) = value;
}

extern const struct vf_queue_ops igbvf_queue_ops;

/* V2PMAILBOX as it is, with the bits that former reads have cleared and nobody has used yet. */
uint32_t igbvf_mailbox(struct igbvf *v);
/* One message to the PF and its answer, in place (8.14.2). -1/ETIMEDOUT or EBUSY. */
int igbvf_call(struct igbvf *v, uint32_t *words, unsigned send, unsigned receive);
/* Tells the PF of the trunk. -1 and a sentence; ENOSPC if the PF refuses. */
int igbvf_set_trunk(struct igbvf *v, struct why *why);
/* Makes the PF let frames of vf_frame_max() through. -1 and a sentence. */
int igbvf_set_frame_max(struct igbvf *v, struct why *why);
int igbvf_set_multicast(struct vf *vf, const struct vf_multicast *wanted, struct why *why);

/* Index into the multicast table; the message that carries a list of at most MBX_HASHES_MAX. Returns its length. */
uint16_t igbvf_hash(const uint8_t address[6]);
unsigned igbvf_multicast_message(const struct vf_multicast *list, uint32_t words[MBX_WORDS]);

#endif
