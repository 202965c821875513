/* SPDX-License-Identifier: MIT */
/* Frames of up to 18 parts, the most that every backend has to take, in parts of all kinds: they arrive whole and in order. */
#include "tests/guest/lib/peer.h"

const char test_title[] = "frontend: frames of 18 slots";

#define ROUNDS   40u
#define PATIENCE 2000u
#define TRIES    3u

static uint8_t frame[VIF_FRAME_MAX], answer[VIF_FRAME_MAX];

/* Splits `length` into `count` parts, the first of `first` bytes; the others as even as can be, but for the last. */
static void split(uint16_t *lengths, unsigned count, unsigned length, unsigned first)
{
    unsigned left = length - first, each = count > 1 ? left / (count - 1) : 0;

    lengths[0] = (uint16_t)first;
    for (unsigned i = 1; i < count; i++) {
        lengths[i] = (uint16_t)(i + 1 == count ? left : each);
        left -= lengths[i];
    }
}

static bool returns(struct vif *vif, unsigned length, const uint16_t *lengths, unsigned count,
                    unsigned number)
{
    for (unsigned tries = 0; tries < TRIES; tries++) {
        int got = 1;

        peer_frame(vif, frame, length, number);
        if (!vif_send(vif, frame, lengths, count, 0))
            return false;
        while (got > 0) {
            int echoed;

            got = vif_receive(vif, answer, PATIENCE, NULL);
            echoed = got > 0 ? peer_echoed(answer, (unsigned)got) : -1;
            if (echoed == -2) {
                xtf_failure("a frame of %u bytes in %u parts came back damaged\n", length, count);
                return false;
            }
            if (echoed == (int)number)
                return true;
        }
    }
    xtf_failure("a frame of %u bytes in %u parts did not come back\n", length, count);
    return false;
}

void test_main(void)
{
    static const unsigned firsts[] = {14, 15, 22, 60, 192, 1000};
    static struct vif vif;
    uint16_t lengths[NETVF_FRONT_TX_PARTS];
    unsigned frames = 0, whole;

    guest_init();
    if (!vif_start(&vif))
        return;
    whole = vif.link->mtu + ETH_HLEN;
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned first = firsts[round % ARRAY_SIZE(firsts)];
        unsigned count = round % 3 ? NETVF_FRONT_TX_PARTS : 2 + round % (NETVF_FRONT_TX_PARTS - 1);
        /* From parts of a single byte to as much as there can be. */
        unsigned length = round % 2 ? whole : first + (count - 1) * (1 + round % 5);

        if (length < PEER_HEAD)
            length = PEER_HEAD + count;
        split(lengths, count, length, first);
        if (!returns(&vif, length, lengths, count, round))
            return;
        frames++;
    }
    vif_drain(&vif);
    printk("frames=%u\n", frames);
    if (vif_end(&vif) && frames == ROUNDS)
        xtf_success("all came back whole\n");
}
