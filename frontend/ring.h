/* SPDX-License-Identifier: MIT */
/* The frontend's end of a shared netif ring (xen/io/ring.h): one page, a header of four counters, then slots that hold a
 * request or its response.
 *
 * What we count is private: the backend can write the whole page, but a ring that it has spoilt can make it lie only
 * about how many of our own requests it has answered. */
#ifndef NETVF_FRONT_RING_H
#define NETVF_FRONT_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "common/shm.h"

#define RING_SLOTS \
    256u /* tx and rx ring: (4096 - 64) / 12 or / 8, rounded down to a power of two */
#define RING_PAGE_WORDS 1024u

/* 32-bit words of the header */
enum { RING_REQ_PROD, RING_REQ_EVENT, RING_RSP_PROD, RING_RSP_EVENT, RING_HEADER_WORDS = 16 };

struct ring {
    volatile uint32_t *shared;
    /* size of a slot in 32-bit words: 3 on the tx ring, 2 on the rx ring, 4 on the control ring */
    unsigned slot_words;
    unsigned slots;      /* how many there are, a power of two: half as many on the control ring */
    uint32_t req_prod;   /* next request to write */
    uint32_t req_pushed; /* as far as the backend has been told */
    uint32_t rsp_cons;   /* next response to take */
};

/* SHARED_RING_INIT: in a page of zeroes. */
static inline void ring_init(struct ring *ring, void *page, unsigned slot_words)
{
    *ring = (struct ring){.shared = page, .slot_words = slot_words, .slots = RING_SLOTS};
    while (ring->slots * slot_words > RING_PAGE_WORDS - RING_HEADER_WORDS)
        ring->slots /= 2;
    shm_write32(&ring->shared[RING_REQ_EVENT], 1);
    shm_write32(&ring->shared[RING_RSP_EVENT], 1);
}

static inline volatile uint32_t *ring_slot(const struct ring *ring, uint32_t index)
{
    return ring->shared + RING_HEADER_WORDS + (index & (ring->slots - 1)) * ring->slot_words;
}

static inline unsigned ring_room(const struct ring *ring)
{
    return ring->slots - (ring->req_prod - ring->rsp_cons);
}

/* How many responses wait; -1 if the backend claims more than it was asked for, or fewer than before (XSA-39). */
static inline int ring_waiting(const struct ring *ring)
{
    uint32_t waiting = shm_read32(&ring->shared[RING_RSP_PROD]) - ring->rsp_cons;

    /* The index before the slots. Pairs with the backend's barrier between filling slots and moving rsp_prod. */
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return waiting <= ring->req_pushed - ring->rsp_cons ? (int)waiting : -1;
}

/* Copies the first `count` words of slot `index`, each read once (XSA-155). */
static inline void ring_copy(const struct ring *ring, uint32_t index, uint32_t *words,
                             unsigned count)
{
    const volatile uint32_t *slot = ring_slot(ring, index);

    for (unsigned i = 0; i < count; i++)
        words[i] = shm_read32(&slot[i]);
}

/* Writes the next request, `count` words. */
static inline void ring_put(struct ring *ring, const uint32_t *words, unsigned count)
{
    volatile uint32_t *slot = ring_slot(ring, ring->req_prod++);

    for (unsigned i = 0; i < count; i++)
        shm_write32(&slot[i], words[i]);
}

/* Shows the requests written so far to the backend; true if it wants an event for them. */
static inline bool ring_push(struct ring *ring)
{
    uint32_t before = ring->req_pushed, now = ring->req_prod;

    if (now == before)
        return false;
    /* Requests before the index. Pairs with the backend's barrier after reading req_prod. */
    __atomic_thread_fence(__ATOMIC_RELEASE);
    shm_write32(&ring->shared[RING_REQ_PROD], now);
    ring->req_pushed = now;
    /* The index before the look at req_event. Pairs with the backend's barrier between setting req_event and its last
     * look at req_prod: one of the two sees the other's. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return now - shm_read32(&ring->shared[RING_REQ_EVENT]) < now - before;
}

/* Asks for an event at the next response. The caller must look at ring_waiting() after it. */
static inline void ring_ask(struct ring *ring)
{
    shm_write32(&ring->shared[RING_RSP_EVENT], ring->rsp_cons + 1);
    /* rsp_event before the last look at rsp_prod. Pairs as in ring_push. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

#endif
