/* SPDX-License-Identifier: MIT */
/* Takes packets as fast as they come, until parameter idle seconds have brought none. Prints packets per second, from the
 * first to the last; in several rounds (parameter rounds), which a pause of 1 s divides. */
#include "tests/guest/lib/peer.h"

const char test_title[] = "frontend: sink of 64-byte packets";

#define ROUND_PAUSE NS_PER_S

struct round {
    uint64_t packets, first, last;
};

static bool sink(struct vif *vif, struct round *round, uint64_t patience)
{
    static struct netvf_front_rx_frame frame;
    uint64_t started = now(), limit;

    *round = (struct round){0};
    do {
        unsigned taken = 0;
        int r;

        while (taken < 64 && (r = netvf_front_rx(vif->front, 0, &frame)) > 0) {
            /* Datagrams only: now and then somebody asks by ARP. */
            if (frame.parts[0].length > 23 && frame.parts[0].bytes[23] == 17)
                taken++;
            netvf_front_rx_release(vif->front, 0, &frame);
        }
        if (taken) {
            round->last = now();
            round->first = round->packets ? round->first : round->last;
            round->packets += taken;
        }
        if (netvf_front_rx_fill(vif->front, 0) < 0) {
            netvf_front_step(vif->front);
            xtf_failure("rx: %s\n", netvf_front_fault(vif->front));
            return false;
        }
        if (!taken && netvf_front_rx_arm(vif->front, 0) == 0)
            event_wait(netvf_front_rx_channel(vif->front, 0), 0, 20 * NS_PER_MS);
        limit = round->packets ? round->last + ROUND_PAUSE : started + patience;
    } while (now() < limit);
    vif->received += round->packets;
    return true;
}

static uint64_t rate(const struct round *round)
{
    uint64_t ms = (round->last - round->first) / NS_PER_MS;

    return ms ? round->packets * 1000 / ms : 0;
}

void test_main(void)
{
    static struct vif vif;
    unsigned rounds = param_number("rounds", 1);
    uint64_t best = 0, packets = 0;

    guest_init();
    /* The outside learns our address by this. */
    if (!vif_start(&vif))
        return;
    for (unsigned i = 0; i < rounds; i++) {
        struct round round;

        printk("ready %u\n", i);
        if (!sink(&vif, &round, param_number("patience", 20) * NS_PER_S))
            return;
        packets += round.packets;
        if (rate(&round) > best)
            best = rate(&round);
        printk("round %u: %lu packets, %lu a second\n", i, round.packets, rate(&round));
    }
    printk("packets=%lu\npps=%lu\n", packets, best);
    if (!vif_end(&vif))
        return;
    if (best)
        xtf_success("packets were received\n");
    else
        xtf_failure("no packet was received\n");
}
