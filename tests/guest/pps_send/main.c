/* SPDX-License-Identifier: MIT */
/* As many 64-byte packets as the backend takes, for parameter seconds. Prints packets per second: those that the backend
 * says were sent. */
#include "tests/guest/lib/peer.h"

const char test_title[] = "frontend: generator of 64-byte packets";

#define DISCARD 9u
#define BATCH   32u
/* Slots that may be out: the whole ring. */
#define ROOM_WANTED BATCH

/* All packets are the same one: its page is granted once and read by everybody. */
static bool put_packets(struct vif *vif, const struct netvf_front_tx_frame *packet)
{
    for (unsigned i = 0; i < BATCH; i++) {
        int r = netvf_front_tx(vif->front, 0, packet);

        if (r == -XEN_EAGAIN)
            break;
        if (r < 0) {
            xtf_failure("a packet cannot be sent: %d\n", r);
            return false;
        }
        vif->out++;
    }
    netvf_front_tx_push(vif->front, 0);
    return vif_collect(vif);
}

static bool generate(struct vif *vif, unsigned seconds)
{
    struct flow flow = {vif->link->mac, vif->peer_mac, vif->address, vif->peer, DISCARD, DISCARD};
    struct netvf_front_tx_part part = {.gref = vif->tx[0].gref, .length = FRAME_MIN};
    struct netvf_front_tx_frame packet = {.parts = &part, .count = 1};
    uint64_t start, end, sent_before;

    if (!vif_drain(vif))
        return false;
    udp_headers(vif->tx[0].bytes, &flow, FRAME_MIN - UDP_HEADERS);
    sent_before = vif->sent;
    start = now();
    for (end = start + seconds * NS_PER_S; now() < end;) {
        if (!put_packets(vif, &packet))
            return false;
        if (netvf_front_tx_room(vif->front, 0) < ROOM_WANTED &&
            netvf_front_tx_arm(vif->front, 0) == 0)
            event_wait(netvf_front_tx_channel(vif->front, 0), 0, 10 * NS_PER_MS);
    }
    if (!vif_drain(vif))
        return false;
    end = now();
    printk("packets=%lu\npps=%lu\n", vif->sent - sent_before,
           (vif->sent - sent_before) * 1000 / ((end - start) / NS_PER_MS));
    return vif->sent > sent_before;
}

void test_main(void)
{
    static struct vif vif;
    bool good;

    guest_init();
    if (!vif_start(&vif))
        return;
    good = generate(&vif, param_number("seconds", 4));
    if (!vif_end(&vif))
        return;
    if (good)
        xtf_success("packets were sent\n");
    else
        xtf_failure("no packet was sent\n");
}
