/* SPDX-License-Identifier: MIT */
/* The backend's end of a shared netif ring (xen/io/ring.h): one page, a header of four counters, then slots that hold
 * a request or its response.
 *
 * Both counters that we keep are private: what the guest writes into the shared page can make it lie about how much
 * there is to do, never about what we have done. */
#ifndef NETVF_DATAPATH_RING_H
#define NETVF_DATAPATH_RING_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/shm.h"

/* The tx and the rx ring: (4096 - 64) / 12 or / 8, rounded down to a power of two. The control ring, with 16 bytes to
 * a slot, has half as many. */
#define RING_SLOTS 256u

/* 32-bit words of the header */
enum { RING_REQ_PROD, RING_REQ_EVENT, RING_RSP_PROD, RING_RSP_EVENT, RING_HEADER_WORDS = 16 };
#define RING_PAGE_WORDS 1024u

struct ring {
    volatile uint32_t *shared;
    unsigned slots;      /* how many there are */
    uint32_t req_cons;   /* next request to take */
    uint32_t rsp_prod;   /* next response to write */
    uint32_t rsp_pushed; /* as far as the guest has been told */
};

/* How many slots of `words` 32-bit words a ring has: a power of two. That is 3 on the tx ring, 2 on the rx ring, 4 on
 * the control ring, and a constant for whoever works on one of them, so that this and ring_slot() cost next to
 * nothing. */
static inline unsigned ring_slots(unsigned words)
{
    return RING_SLOTS * words <= RING_PAGE_WORDS - RING_HEADER_WORDS ? RING_SLOTS : RING_SLOTS / 2;
}

/* Takes up the ring where its last backend left it: at the responses that the guest has seen. */
static inline void ring_attach(struct ring *ring, void *page, unsigned words)
{
    ring->shared = page;
    ring->slots = ring_slots(words);
    ring->rsp_prod = shm_read32(&ring->shared[RING_RSP_PROD]);
    ring->req_cons = ring->rsp_pushed = ring->rsp_prod;
}

/* Whether another backend has worked on it. If that was killed between showing responses and telling of them, nobody ever
 * tells: what the guest wants to be told of lies behind us, and ring_push() looks at what is pushed now. So whoever takes
 * a ring up that has been used sends an event for it. */
static inline bool ring_used(const struct ring *ring)
{
    return ring->rsp_prod != 0;
}

static inline volatile uint32_t *ring_slot(const struct ring *ring, uint32_t index, unsigned words)
{
    return ring->shared + RING_HEADER_WORDS + (index & (ring_slots(words) - 1)) * words;
}

/* How many requests wait. -1/EPROTO if the guest claims more than the ring can hold (XSA-39). */
static inline int ring_waiting(const struct ring *ring)
{
    uint32_t prod = shm_read32(&ring->shared[RING_REQ_PROD]);

    /* The index before the slots. Pairs with the frontend's barrier between filling slots and moving req_prod. */
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (prod - ring->rsp_prod > ring->slots || prod - ring->req_cons > ring->slots) {
        errno = EPROTO;
        return -1;
    }
    return (int)(prod - ring->req_cons);
}

/* Copies slot `index`, of `count` words, into `words`, each word read once. */
static inline void ring_copy(const struct ring *ring, uint32_t index, uint32_t *words,
                             unsigned count)
{
    const volatile uint32_t *slot = ring_slot(ring, index, count);

#pragma GCC unroll 4
    for (unsigned i = 0; i < count; i++)
        words[i] = shm_read32(&slot[i]);
}

/* Shows the responses written so far to the guest; true if it wants an event for them. */
static inline bool ring_push(struct ring *ring)
{
    uint32_t before = ring->rsp_pushed, now = ring->rsp_prod;

    if (now == before)
        return false;
    /* Responses before the index. Pairs with the frontend's barrier after reading rsp_prod. */
    __atomic_thread_fence(__ATOMIC_RELEASE);
    shm_write32(&ring->shared[RING_RSP_PROD], now);
    ring->rsp_pushed = now;
    /* The index before the look at rsp_event. Pairs with the frontend's barrier between setting rsp_event and its
     * last look at rsp_prod: one of the two sees the other's. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return now - shm_read32(&ring->shared[RING_RSP_EVENT]) < now - before;
}

/* Asks for an event once `more` further requests are there (at least 1), before going to sleep. */
static inline void ring_ask(struct ring *ring, uint32_t more)
{
    shm_write32(&ring->shared[RING_REQ_EVENT], ring->req_cons + more);
    /* req_event before the last look at req_prod, which the caller must take now. Pairs as in ring_push. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

#endif
