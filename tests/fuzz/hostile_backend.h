/* SPDX-License-Identifier: MIT */
/* A backend that does what a fuzzer's input says to a frontend, on the keys and pages of tests/sim/front_sim.h: also while
 * the frontend reads them, and while it is in a call of its port's. And one that goes by the book, which comes after it.
 * One at a time, as the hooks of shm.h know no other. */
#ifndef NETVF_TESTS_FUZZ_HOSTILE_BACKEND_H
#define NETVF_TESTS_FUZZ_HOSTILE_BACKEND_H

#include "frontend/private.h"
#include "fuzz/input.h"
#include "sim/front_sim.h"

#define BACKEND_QUEUES   2u
#define BACKEND_AMBUSHES 6u

/* Something that happens at the `in`-th read of shared memory, or call into the port, from when it was laid. */
struct backend_ambush {
    enum backend_ambush_kind {
        AMBUSH_SET,  /* at a read: the word that is read becomes `value` */
        AMBUSH_ADD,  /* at a read: `value` is added to it */
        AMBUSH_POKE, /* at a read: any word of a ring becomes `value` */
        AMBUSH_KEY,  /* at a call: a key changes, `where` says which, `value` to what */
        AMBUSH_KINDS
    } kind;
    unsigned in;
    uint32_t value;
    uint16_t where;
};

struct hostile_backend {
    struct front_sim sim;
    struct input in;
    struct netvf_front *front; /* whose rings these are */
    struct backend_ambush ambushes[BACKEND_AMBUSHES];
    unsigned ambush_count;
    bool extra[BACKEND_QUEUES]; /* the next tx slot is an extra, as far as the honest answers go */
    /* In a call of a queue's function each word is read once (XSA-155): in which one it was read last. */
    bool once;
    unsigned call, read_in[BACKEND_QUEUES][2][FRONT_PAGE / 4];
};

extern struct hostile_backend backend;

void backend_open(const uint8_t *data, size_t size);
void backend_close(void);
/* Acts of the backend and of the toolstack, read from the input: `act` 0 to BACKEND_ACTS - 1. */
#define BACKEND_ACTS 12u
void backend_act(unsigned act);

/* The toolstack makes the vif, or makes it anew: what was below either directory is gone. */
void backend_make_vif(void);
/* The next state of a backend by the book (xen/io/xenbus.h). */
void backend_follow(void);
/* It writes nothing of itself any more. */
void backend_calm(void);
/* Answers all that is sent; fills a buffer with a whole frame. */
void backend_answer_tx(unsigned queue, unsigned count);
void backend_answer_rx(unsigned queue, unsigned offset, unsigned flags, int status);

#endif
