/* SPDX-License-Identifier: MIT */
#include "tests/guest/lib/vif.h"

#include "tests/guest/lib/frames.h"

#define CONNECT_PATIENCE (20 * NS_PER_S)
#define ANSWER_PATIENCE  (10 * NS_PER_S)
#define RX_BUFFERS       200u
#define STORAGE          (64u * 1024)

static uint64_t storage[STORAGE / 8];

static bool open_front(struct vif *vif)
{
    struct netvf_front_config config = {
        .port = guest_port(),
        .path = "device/vif/0",
        .queues = 1,
        .rx_buffers = (uint16_t)vif->buffers,
        .sg = true,
        .gso_tcpv4 = true,
        .csum_blank_ipv4 = true,
        .csum_blank_ipv6 = true,
        .window = (uint16_t)param_number("window", 0),
    };

    if (netvf_front_size(1) > sizeof storage)
        panic("the frontend wants %zu bytes\n", netvf_front_size(1));
    if (netvf_front_init(storage, sizeof storage, &config, &vif->front) == 0)
        return true;
    xtf_error("the frontend cannot be set up\n");
    return false;
}

/* Steps until it is in `wanted`. */
static bool step_until(struct vif *vif, enum netvf_front_state wanted)
{
    uint64_t since = now();
    int state;

    do {
        state = netvf_front_step(vif->front);
        if (state == (int)wanted)
            return true;
        if (state < 0 && state != -XEN_EAGAIN)
            break;
        sleep_ms(10);
    } while (now() - since < CONNECT_PATIENCE);
    xtf_failure("the vif is in state %d instead of %d: %s\n", state, (int)wanted,
                netvf_front_fault(vif->front) ? netvf_front_fault(vif->front) : "no fault");
    return false;
}

bool vif_open(struct vif *vif)
{
    struct netvf_front_port *port = guest_port();

    *vif = (struct vif){.gates = vif->gates, .tx_pages = VIF_TX_PAGES};
    vif->buffers = param_number("buffers", RX_BUFFERS);
    param_address("ip", vif->address, (const uint8_t[]){10, 77, 0, 9});
    param_address("peer", vif->peer, (const uint8_t[]){10, 77, 0, 1});
    if (!open_front(vif) || !step_until(vif, NETVF_FRONT_CONNECTED))
        return false;
    vif->link = netvf_front_link(vif->front);
    vif->since = now();
    if (port->share(port, vif->link->backend, true, vif->tx, VIF_TX_PAGES) < 0)
        panic("pages cannot be shared\n");
    printk("connected to domain %u, mtu %u, sg %u, gso %u, split %u\n", vif->link->backend,
           vif->link->mtu, vif->link->sg, vif->link->gso_tcpv4, vif->link->split);
    return true;
}

bool vif_close(struct vif *vif)
{
    netvf_front_close(vif->front);
    if (!step_until(vif, NETVF_FRONT_DOWN))
        return false;
    guest_port()->unshare(guest_port(), vif->tx, VIF_TX_PAGES);
    if (!pages_kept())
        return true;
    xtf_failure("%u pages are still mapped by the backend after its close\n", pages_kept());
    return false;
}

/* -- sending ------------------------------------------------------------------------------------------------------- */

bool vif_collect(struct vif *vif)
{
    struct netvf_front_done done[32];
    int count;

    do {
        count = netvf_front_tx_done(vif->front, 0, done, ARRAY_SIZE(done));
        for (int i = 0; i < count; i++) {
            vif->out--;
            (*(done[i].sent ? &vif->sent : &vif->failed))++;
        }
    } while (count == (int)ARRAY_SIZE(done));
    if (count >= 0)
        return true;
    netvf_front_step(vif->front);
    xtf_failure("tx: %s\n", netvf_front_fault(vif->front) ? netvf_front_fault(vif->front) : "?");
    return false;
}

/* Until at most `left` frames are out. */
static bool wait_out(struct vif *vif, unsigned left)
{
    uint64_t since = now();

    for (;;) {
        if (!vif_collect(vif))
            return false;
        if (vif->out <= left)
            return true;
        if (now() - since > ANSWER_PATIENCE) {
            xtf_failure("%u frames are not answered\n", vif->out);
            return false;
        }
        if (netvf_front_tx_arm(vif->front, 0) == 0)
            event_wait(netvf_front_tx_channel(vif->front, 0), 0, 20 * NS_PER_MS);
    }
}

bool vif_drain(struct vif *vif)
{
    return wait_out(vif, 0);
}

bool vif_send(struct vif *vif, const void *bytes, const uint16_t *lengths, unsigned count,
              uint16_t gso)
{
    struct netvf_front_tx_part parts[NETVF_FRONT_TX_PARTS];
    struct netvf_front_tx_frame frame = {.parts = parts, .count = (uint16_t)count};
    const uint8_t *from = bytes;
    int r;

    /* Pages are taken in turn, so those that are out must be fewer than there are. */
    if (!wait_out(vif, vif->tx_pages / NETVF_FRONT_TX_PARTS - 1))
        return false;
    for (unsigned i = 0; i < count; i++) {
        struct netvf_front_page *page = &vif->tx[vif->tx_next++ % vif->tx_pages];
        /* Now at the page's beginning, now at its end. */
        uint16_t offset = (uint16_t)(i % 2 ? PAGE_SIZE - lengths[i] : 0);

        memcpy((uint8_t *)page->bytes + offset, from, lengths[i]);
        parts[i] = (struct netvf_front_tx_part){page->gref, offset, lengths[i]};
        from += lengths[i];
    }
    frame.csum_blank = gso > 0;
    frame.gso = gso ? NETVF_FRONT_GSO_TCPV4 : NETVF_FRONT_GSO_NONE;
    frame.gso_size = gso;
    r = netvf_front_tx(vif->front, 0, &frame);
    if (r == 0)
        r = netvf_front_tx_push(vif->front, 0);
    if (r < 0) {
        xtf_failure("a frame of %u parts cannot be sent: %d\n", count, r);
        return false;
    }
    vif->out++;
    return true;
}

bool vif_send_frame(struct vif *vif, const void *bytes, unsigned length)
{
    uint16_t lengths[NETVF_FRONT_TX_PARTS];
    unsigned count = 0;

    for (; length > PAGE_SIZE; length -= PAGE_SIZE)
        lengths[count++] = PAGE_SIZE;
    lengths[count++] = (uint16_t)length;
    return vif_send(vif, bytes, lengths, count, 0);
}

/* -- receiving ------------------------------------------------------------------------------------------------------ */

static int take(struct vif *vif, uint8_t *bytes, uint16_t *gso)
{
    struct netvf_front_rx_frame frame;
    int r = netvf_front_rx(vif->front, 0, &frame);
    unsigned length = 0;

    if (r <= 0)
        return r;
    for (unsigned i = 0; i < frame.count; i++) {
        unsigned part = frame.parts[i].length;

        if (part > VIF_FRAME_MAX - length)
            part = VIF_FRAME_MAX - length;
        memcpy(bytes + length, frame.parts[i].bytes, part);
        length += part;
    }
    if (gso)
        *gso = frame.gso ? frame.gso_size : 0;
    vif->received++;
    netvf_front_rx_release(vif->front, 0, &frame);
    r = netvf_front_rx_fill(vif->front, 0);
    return r < 0 ? r : (int)length;
}

static bool answer_arp(struct vif *vif, const uint8_t *frame, int length)
{
    uint8_t answer[FRAME_MIN];

    if (!arp_answer(frame, (unsigned)length, vif->link->mac, vif->address, answer))
        return false;
    vif_send_frame(vif, answer, sizeof answer);
    return true;
}

int vif_receive(struct vif *vif, uint8_t frame[VIF_FRAME_MAX], unsigned ms, uint16_t *gso)
{
    uint64_t end = now() + ms * NS_PER_MS;

    for (;;) {
        int r = take(vif, frame, gso);

        if (r > 0 && !answer_arp(vif, frame, r))
            return r;
        if (r < 0) {
            netvf_front_step(vif->front);
            xtf_failure("rx: %d, %s\n", r,
                        netvf_front_fault(vif->front) ? netvf_front_fault(vif->front) : "?");
            return -1;
        }
        if (r > 0)
            continue;
        if (now() >= end)
            return 0;
        if (netvf_front_rx_arm(vif->front, 0) == 0)
            event_wait(netvf_front_rx_channel(vif->front, 0), 0, 20 * NS_PER_MS);
    }
}

bool vif_resolve(struct vif *vif)
{
    static uint8_t frame[VIF_FRAME_MAX];

    for (unsigned tries = 0; tries < 20; tries++) {
        uint64_t end = now() + 250 * NS_PER_MS;
        int r;

        arp_request(vif->link->mac, vif->address, vif->peer, frame);
        if (!vif_send_frame(vif, frame, FRAME_MIN))
            return false;
        do {
            r = vif_receive(vif, frame, 50, NULL);
            if (r < 0)
                return false;
            if (r > 0 && arp_is_reply(frame, (unsigned)r, vif->peer, vif->peer_mac))
                return true;
        } while (now() < end);
    }
    xtf_failure("%u.%u.%u.%u does not answer\n", vif->peer[0], vif->peer[1], vif->peer[2],
                vif->peer[3]);
    return false;
}

void vif_report(const struct vif *vif)
{
    printk("frames_sent=%lu\nframes_failed=%lu\nframes_received=%lu\nms=%lu\n", vif->sent,
           vif->failed, vif->received, (now() - vif->since) / NS_PER_MS);
    printk("frames_by_window=%lu\n", vif_by_window(vif));
}
