/* SPDX-License-Identifier: MIT */
/* ARP and UDP with the outside host's own stack: each datagram comes back as it was sent, after a close as well. */
#include "tests/guest/lib/frames.h"
#include "tests/guest/lib/vif.h"

const char test_title[] = "frontend: ARP and UDP echo";

#define ECHO_PORT 7u
#define PATIENCE  2000u
/* A datagram may get lost in an emulated world; the next try is another one. */
#define TRIES 3u

static uint8_t frame[VIF_FRAME_MAX], answer[VIF_FRAME_MAX];

/* 1: it came back. 0: not in time. -1: reported already. */
static int echo(struct vif *vif, const struct flow *flow, unsigned size, unsigned seed)
{
    uint64_t end = now() + PATIENCE * NS_PER_MS;

    pattern_fill(frame + UDP_HEADERS, size, seed);
    udp_headers(frame, flow, size);
    if (!vif_send_frame(vif, frame, UDP_HEADERS + size))
        return -1;
    while (now() < end) {
        unsigned got;
        int length = vif_receive(vif, answer, PATIENCE, NULL);
        const uint8_t *payload;

        if (length < 0)
            return -1;
        payload = length ? udp_payload(answer, (unsigned)length, flow, &got) : NULL;
        if (payload && got == size && pattern_holds(payload, got, seed))
            return 1;
    }
    return 0;
}

static unsigned echo_all(struct vif *vif, unsigned count)
{
    struct flow flow = {vif->link->mac, vif->peer_mac, vif->address, vif->peer, 0, ECHO_PORT};
    unsigned most = vif->link->mtu - (UDP_HEADERS - ETH_HLEN), echoed = 0;

    for (unsigned i = 0; i < count; i++) {
        unsigned size = 18 + i * 97 % (most - 17);
        int r = 0;

        flow.port = (uint16_t)(2000 + i);
        for (unsigned tries = 0; tries < TRIES && r == 0; tries++)
            r = echo(vif, &flow, size, i);
        if (r < 0)
            return echoed;
        if (r == 0) {
            xtf_failure("no datagram of %u bytes came back\n", size);
            return echoed;
        }
        echoed++;
    }
    return echoed;
}

void test_main(void)
{
    static struct vif vif;
    unsigned count = param_number("count", 100), echoed = 0;

    guest_init();
    /* Once more on the same vif: what a close has left behind would show. */
    for (unsigned round = 0; round < 2; round++) {
        if (!vif_start(&vif))
            return;
        echoed += echo_all(&vif, count);
        vif_drain(&vif);
        if (!vif_end(&vif))
            return;
    }
    printk("echoed=%u\n", echoed);
    if (echoed == 2 * count && count)
        xtf_success("all datagrams came back\n");
}
