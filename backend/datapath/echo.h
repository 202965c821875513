/* SPDX-License-Identifier: MIT */
/* Frames that may come back to their sender.
 *
 * A card that loops broadcast and multicast frames from one of its functions to the others has to leave the sender
 * out. The 82576 does, as long as the pool's bit in DTXSWC.LLE is 0, which is how igb leaves it. QEMU's model of it does not:
 * its guests would hear their own neighbour solicitations, and take their own addresses for duplicates (RFC 4862
 * 5.4.3). Nothing in a descriptor's write-back tells such a frame, and to copy the header of each received frame
 * would cost one more operation of the hypervisor for each. So the sending side leaves a note of each group-addressed
 * frame, and the receiving side looks only at what can be one: a frame of that length, among the buffers that it had
 * posted when the frame left. While no note is valid, that costs one comparison.
 *
 * Notes may be left and read by different threads: each word is one, and what is read too late costs nothing but a
 * header copy in vain. */
#ifndef NETVF_DATAPATH_ECHO_H
#define NETVF_DATAPATH_ECHO_H

#include <stdbool.h>
#include <stdint.h>

#include "datapath/ring.h"

#define ECHO_LENGTHS 64u
/* What the VF can fill with other frames before it writes the echo: all buffers of a ring; and as many again, which
 * a receiver on another thread may post between the note and the doorbell. */
#define ECHO_WINDOW (2u * RING_SLOTS)
/* The VF pads shorter frames. */
#define ETH_FRAME_MIN 60u

struct echo {
    uint32_t buffer; /* bytes of a receive buffer; set before use */
    uint64_t seen;   /* buffers that the VF has filled so far; written by the receiver */
    uint64_t until;  /* no echo is expected once `seen` has come here */
    uint64_t notes[ECHO_LENGTHS]; /* the same for each length, modulo */
};

static inline uint64_t *echo_note(struct echo *echo, uint32_t length)
{
    if (length < ETH_FRAME_MIN)
        length = ETH_FRAME_MIN;
    if (length > echo->buffer)
        length = echo->buffer; /* what the first buffer of a longer frame holds */
    return &echo->notes[length % ECHO_LENGTHS];
}

/* Never back: senders on several threads leave notes, and one may have looked at `seen` long ago. */
static inline void echo_raise(uint64_t *word, uint64_t until)
{
    uint64_t old = __atomic_load_n(word, __ATOMIC_RELAXED);

    while (old < until && !__atomic_compare_exchange_n(word, &old, until, true, __ATOMIC_RELAXED,
                                                       __ATOMIC_RELAXED))
        ;
}

/* A group-addressed frame of this length is about to leave. Before the doorbell, whose barrier publishes the note. */
static inline void echo_expect(struct echo *echo, uint32_t length)
{
    uint64_t until = __atomic_load_n(&echo->seen, __ATOMIC_RELAXED) + ECHO_WINDOW;

    echo_raise(echo_note(echo, length), until);
    echo_raise(&echo->until, until);
}

/* Whether the frame whose first buffer, the `ahead`-th after those counted as seen, holds so many bytes may be an
 * echo. */
static inline bool echo_possible(struct echo *echo, uint32_t ahead, uint32_t length)
{
    uint64_t at = echo->seen + ahead;

    return at < __atomic_load_n(&echo->until, __ATOMIC_RELAXED) &&
           at < __atomic_load_n(echo_note(echo, length), __ATOMIC_RELAXED);
}

static inline void echo_seen(struct echo *echo, uint32_t buffers)
{
    __atomic_store_n(&echo->seen, echo->seen + buffers, __ATOMIC_RELAXED);
}

#endif
