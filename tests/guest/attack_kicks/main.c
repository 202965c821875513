/* SPDX-License-Identifier: MIT */
/* Events without end, with nothing behind them. Parameter count. */
#include "tests/guest/lib/attack.h"

const char test_title[] = "attack: kicks";

static void kicks(struct attack *a)
{
    unsigned count = param_number("count", 1000000);
    uint64_t start = now(), ms;

    for (unsigned i = 0; i < count; i++)
        attack_kick(a);
    ms = (now() - start) / NS_PER_MS;
    printk("kicks=%u\nkicks_per_s=%lu\n", count, ms ? (uint64_t)count * 1000 / ms : 0);
}

/* Each with a frame, so that there is something to wake up for. */
static void kicks_with_frames(struct attack *a)
{
    unsigned count = param_number("count", 1000000) / 20;

    for (unsigned i = 0; i < count; i++) {
        if (a->tx_prod - a->tx[RSP_PROD] < RING_SLOTS)
            attack_tx(a, a->gref[i % DATA_PAGES], 0, 0, FRAME_BYTES);
        attack_push(a);
    }
}

void test_main(void)
{
    static const struct attack_kind kinds[] = {
        {"kicks", kicks, ANYTHING},
        {"kicks with frames", kicks_with_frames, ANYTHING},
    };

    guest_init();
    attack_all(kinds, ARRAY_SIZE(kinds), false);
}
