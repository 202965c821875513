/* SPDX-License-Identifier: MIT */
/* Indices that jump, and rings full of noise. */
#include "tests/guest/lib/attack.h"

const char test_title[] = "attack: ring indices";

static void good_frame(struct attack *a)
{
    attack_tx(a, a->gref[0], 0, 0, FRAME_BYTES);
}

static void move(struct attack *a, volatile uint32_t *ring, uint32_t to)
{
    ring[REQ_PROD] = to;
    attack_kick(a);
}

static void tx_one_too_far(struct attack *a)
{
    move(a, a->tx, RING_SLOTS + 1);
}

static void tx_half_the_world(struct attack *a)
{
    move(a, a->tx, 0x80000000u);
}

static void tx_backwards(struct attack *a)
{
    move(a, a->tx, UINT32_MAX);
}

static void rx_one_too_far(struct attack *a)
{
    move(a, a->rx, RING_SLOTS + 1);
}

static void rx_backwards(struct attack *a)
{
    move(a, a->rx, UINT32_MAX);
}

/* Ours to read, not to write. */
static void responses_overwritten(struct attack *a)
{
    for (unsigned i = 0; i < 50; i++) {
        a->tx[RSP_PROD] = attack_random();
        a->rx[RSP_PROD] = attack_random();
        a->tx[REQ_EVENT] = attack_random();
        a->rx[REQ_EVENT] = attack_random();
        good_frame(a);
        attack_rx(a, a->gref[i % DATA_PAGES]);
        attack_push(a);
    }
}

static void event_indices(struct attack *a)
{
    for (unsigned i = 0; i < 50; i++) {
        a->tx[RSP_EVENT] = attack_random();
        a->rx[RSP_EVENT] = attack_random();
        good_frame(a);
        attack_push(a);
    }
}

static void noise(struct attack *a)
{
    for (unsigned i = RING_HEAD; i < PAGE_SIZE / 4; i++) {
        a->tx[i] = attack_random();
        a->rx[i] = attack_random();
    }
    a->tx[REQ_PROD] = a->rx[REQ_PROD] = RING_SLOTS;
    attack_kick(a);
}

/* The index runs while the worker looks at it. */
static void running_index(struct attack *a)
{
    uint64_t end = now() + 200 * NS_PER_MS;

    while (now() < end) {
        a->tx[REQ_PROD] = attack_random() % 512;
        a->rx[REQ_PROD] = attack_random() % 512;
        attack_kick(a);
    }
}

void test_main(void)
{
    static const struct attack_kind kinds[] = {
        {"tx index one too far", tx_one_too_far, STOPPED},
        {"tx index far away", tx_half_the_world, STOPPED},
        {"tx index backwards", tx_backwards, STOPPED},
        {"rx index one too far", rx_one_too_far, STOPPED},
        {"rx index backwards", rx_backwards, STOPPED},
        {"response indices overwritten", responses_overwritten, ANYTHING},
        {"event indices at random", event_indices, ANYTHING},
        {"rings full of noise", noise, ANYTHING},
        {"an index that runs", running_index, STOPPED},
    };

    guest_init();
    attack_all(kinds, ARRAY_SIZE(kinds), false);
}
