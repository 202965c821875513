/* SPDX-License-Identifier: MIT */
/* What a packet costs in the data path: nanoseconds, or under callgrind instructions, for each translation, direction,
 * burst and size. One line of JSON a case; callgrind's dump of a case has its name. tests/bench/bench runs it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/callgrind.h>

#include "bench/world.h"

/* As in control/worker.c: what is worth a hypercall while there is other work. */
#define RELEASE_BATCH 32u
#define FILL_BATCH    32u

#define PACKETS_COUNTED 4096u /* instructions are the same each time */
#define PACKETS_TIMED   65536u
#define REPEATS         7u

static struct world world;

static void fail(const char *what)
{
    fprintf(stderr, "datapath: %s\n", what);
    exit(1);
}

/* The worker's send_out(), with a VF that has sent everything by the time it is asked. */
static void send_burst(enum frame_kind kind, unsigned burst)
{
    bool notify = false;

    world_push(&world, kind, burst);
    while (burst) {
        int taken, completed;

        count_on();
        taken = tx_take(&world.tx);
        count_off();
        if (taken <= 0)
            fail("frames were not taken");
        world_send(&world);
        count_on();
        completed = tx_complete(&world.tx, RELEASE_BATCH, &notify);
        count_off();
        if (completed < 0)
            fail("frames were not answered");
        burst -= (unsigned)taken;
    }
}

/* The worker's receive(), with a frontend that posts each buffer again at once. */
static void receive_burst(enum frame_kind kind, unsigned burst)
{
    bool notify = false;
    int completed, filled;

    world_receive(&world, kind, burst);
    count_on();
    completed = rx_complete(&world.rx, &notify);
    count_off();
    world_post(&world, (unsigned)completed);
    count_on();
    filled = rx_fill(&world.rx, FILL_BATCH);
    count_off();
    if (completed != (int)burst || filled < 0)
        fail("buffers were not answered or not taken");
}

static void run(bool tx, enum frame_kind kind, unsigned burst, unsigned packets)
{
    for (; packets >= burst; packets -= burst) {
        if (tx)
            send_burst(kind, burst);
        else
            receive_burst(kind, burst);
    }
}

static void check(bool tx, unsigned packets)
{
    const struct tx_counters *sent = &world.tx.counters;

    if (tx ? sent->packets != packets || sent->dropped || sent->spoofed
           : world.rx.counters.packets != packets)
        fail("not every packet went through");
}

static void measure(bool tx, enum way way, enum frame_kind kind, unsigned burst)
{
    static const char *const sizes[] = {"64", "1500", "gso"};
    static const char *const ways[] = {"host", "iommu", "window"};
    bool counting = RUNNING_ON_VALGRIND;
    unsigned packets = counting ? PACKETS_COUNTED : PACKETS_TIMED;
    unsigned repeats = counting ? 1 : REPEATS;
    uint64_t best = UINT64_MAX;
    char name[40];

    snprintf(name, sizeof name, "%s/%s/%s/%u", tx ? "tx" : "rx", ways[way], sizes[kind], burst);
    world_open(&world, way, tx, kind);
    world_post(&world, RING_SLOTS);
    while (rx_fill(&world.rx, 1) > 0)
        ;
    run(tx, kind, burst, 2 * RING_SLOTS); /* every page is mapped, every cache warm */
    for (unsigned i = 0; i < repeats; i++) {
        count_reset();
        run(tx, kind, burst, packets);
        if (count_ns() < best)
            best = count_ns();
    }
    CALLGRIND_DUMP_STATS_AT(name);
    check(tx, 2 * RING_SLOTS + repeats * packets);
    printf("{\"case\": \"%s\", \"packets\": %u, \"ns\": %.1f}\n", name, packets,
           (double)best / packets);
    world_close(&world);
}

int main(void)
{
    static const unsigned bursts[] = {1, 8, 32, 64};

#ifndef NDEBUG
    fail("built with assertions; configure with --disable-invariants");
#endif
    for (unsigned i = 0; i < 6; i++) {
        bool tx = i < 3;
        enum way way = i % 3;

        for (enum frame_kind kind = FRAME_SMALL; kind <= FRAME_FULL; kind++)
            for (unsigned b = 0; b < sizeof bursts / sizeof bursts[0]; b++)
                measure(tx, way, kind, bursts[b]);
        /* Eight fill the ring. */
        for (unsigned b = 0; tx && b < 2; b++)
            measure(tx, way, FRAME_GSO, bursts[b]);
    }
    return 0;
}
