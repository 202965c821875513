/* SPDX-License-Identifier: MIT */
/* A guest that does what a fuzzer's input says, on the rings and pages of tests/sim: also while the backend reads them,
 * and while it is in a call of its port's. One at a time, as the hooks of shm.h know no other. */
#ifndef NETVF_TESTS_FUZZ_HOSTILE_H
#define NETVF_TESTS_FUZZ_HOSTILE_H

#include "datapath/tx.h"
#include "fuzz/input.h"
#include "sim/sim.h"

#define HOSTILE_PAGES    12u
#define HOSTILE_AMBUSHES 6u

/* Something that happens at the `in`-th read of shared memory, or call into the port, from when it was laid. */
struct ambush {
    enum ambush_kind {
        AMBUSH_SET,    /* at a read: the word that is read becomes `value` */
        AMBUSH_ADD,    /* at a read: `value` is added to it */
        AMBUSH_REVOKE, /* at a call: `page` is granted no more, or is again */
        AMBUSH_POKE,   /* at a call: four bytes of `page` become `value` */
        AMBUSH_KINDS
    } kind;
    unsigned in;
    uint32_t value;
    uint16_t page, offset;
};

struct hostile {
    struct sim sim;
    struct input in;
    uint32_t first_page; /* HOSTILE_PAGES grefs, the last third read-only */
    struct ambush ambushes[HOSTILE_AMBUSHES];
    unsigned ambush_count;
    bool (*also_writes)(
        const volatile uint32_t *word); /* where else the backend may write to; NULL: nowhere */
    void (*seen)(const volatile uint32_t *word, uint32_t value); /* what was read; may be NULL */
};

extern struct hostile hostile;
/* The vif's own address: frames of other sources must not leave. */
extern const uint8_t hostile_mac[6];

void hostile_open(const uint8_t *data, size_t size);
void hostile_close(void);

/* One half of the data path, as hostile_run drives it. */
struct hostile_target {
    void (*open)(void);
    bool (*step)(void);  /* one act; false if the worker would end the session now */
    void (*check)(void); /* the oracle after each step */
    int (*abandon)(void);
};

/* A whole input, whose first byte says which of the port's calls fails: steps until its end, or until the session's, and
 * then nothing is pinned any more. */
void hostile_run(const struct hostile_target *target, const uint8_t *data, size_t size);

/* A reference out of the input: mostly one of its pages, now and then anything. */
uint32_t hostile_gref(void);
/* Acts of any guest, read from the input: `act` 0 to HOSTILE_ACTS - 1. */
#define HOSTILE_ACTS 6u
void hostile_act(unsigned act);
/* Pushes a frame that looks honest: headers of some kind in a page, spread over as many slots as the input says. */
void hostile_push_frame(void);
/* Pushes any one slot onto the tx ring, or an extra. */
void hostile_push_slot(void);
void hostile_push_extra(void);
/* Writes a frame of that kind and length, with consistent headers, of which at most `room` bytes. */
unsigned hostile_frame(uint8_t *bytes, unsigned room, unsigned kind, unsigned total, bool own);

/* The VF is replaced by another one: what had been posted is lost. Only when all of it has been given up. */
void hostile_new_vf(void);

/* Oracle (invariant 1): what the VF has or could reach is pinned, or the backend's own. */
void hostile_check_reach(void);
/* Oracle for each frame posted to the VF and not sent, on a VF with these offloads and an MTU. */
void hostile_check_frames(const struct tx *tx);
/* Whether a frame with that tag may pass: the oracle's own opinion. */
bool hostile_may_tag(uint16_t tag);
/* The VF sends so many frames; each must come from the vif's address. */
void hostile_send(const struct tx *tx, unsigned count);

#endif
