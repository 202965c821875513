/* SPDX-License-Identifier: MIT */
/* The send side against a hostile guest and a VF that takes its time. After each step: what the VF could reach is pinned
 * (invariant 1), what is pinned is not answered (2), the frames are such as the VF takes, and come from the vif. */
#include "fuzz/hostile.h"

static struct tx tx;
static struct translate translate;
static struct echo echo;
static struct mcast mcast;
static struct dma_page header_pages[TX_PAGES], private_pages[TX_PAGES];
static bool notify;

static void open_vf(uint8_t how)
{
    struct sim *sim = &hostile.sim;

    sim->vf_ops.offloads.csum_ipv4 = !(how & 1);
    sim->vf_ops.offloads.csum_ipv6 = !(how & 2);
    sim->vf_ops.offloads.tso_ipv4 = !(how & 4);
    sim->vf_ops.offloads.tso_ipv6 = !(how & 8);
    sim->vf.mtu = how & 16 ? VF_MTU_MAX : 0;
    tx.port_vlan = how & 32;
    if (!tx.port_vlan && (how & 128))
        sim->vf.trunk = (struct vf_trunk){2, {10, 4094}};
    tx.header_pages = tx.private_pages = header_pages;
    sim->port.ops->dma_alloc(&sim->port, header_pages, TX_PAGES);
    if (!(how & 64))
        return;
    sim->port.ops->dma_alloc(&sim->port, private_pages, TX_PAGES);
    tx.private_pages = private_pages;
}

static void open_tx(void)
{
    struct sim *sim = &hostile.sim;
    uint8_t how = input_u8(&hostile.in);

    memset(&tx, 0, sizeof tx);
    notify = false;
    open_vf(how);
    translate_host(&translate, &sim->port);
    tx.port = &sim->port;
    tx.translate = &translate;
    tx.queue = &sim->queue;
    memset(&echo, 0, sizeof echo);
    echo.buffer = vf_rx_buffer(&sim->vf);
    tx.echo = &echo;
    tx.echo_count = 1;
    mcast_init(&mcast);
    tx.mcast = how & 128 ? NULL : &mcast;
    memcpy(tx.mac, hostile_mac, sizeof tx.mac);
    sim->tx_ring->rsp_prod = sim->tx_ring->req_prod = input_u8(&hostile.in) * 0x1010101u;
    tx_attach(&tx, sim->tx_ring);
}

static unsigned pinned(void)
{
    unsigned count = 0;

    for (uint32_t i = tx.ring.rsp_prod; i != tx.ring.req_cons; i++)
        count += tx.slots[i % RING_SLOTS].pinned;
    return count;
}

static void check(void)
{
    require(tx.ring.req_cons - tx.ring.rsp_prod <= RING_SLOTS);
    require(tx_outstanding(&tx) <= RING_SLOTS);
    require(mcast.list.count <= VF_MULTICAST_MAX);
    require(pinned() == hostile.sim.live_pins);
    hostile_check_reach();
    hostile_check_frames(&tx);
}

static bool give_up(void)
{
    hostile_new_vf();
    if (tx_give_up(&tx, &notify) < 0)
        return false;
    require(hostile.sim.live_pins == 0 && tx.ring.rsp_prod == tx.ring.req_cons);
    return true;
}

/* One act of the guest, the VF or the worker. */
static bool step(void)
{
    struct rate rate;
    unsigned act = input_u8(&hostile.in) % 16;

    switch (act) {
    default:
        hostile_act(act);
        return true;
    case 6:
        hostile_push_slot();
        return true;
    case 7:
        hostile_push_extra();
        return true;
    case 8:
    case 9:
        hostile_push_frame();
        return true;
    case 10:
    case 11:
        return tx_take(&tx) >= 0;
    case 12:
        return tx_complete(&tx, input_u8(&hostile.in) % 4, &notify) >= 0;
    case 13:
        hostile_send(&tx, 1 + input_u8(&hostile.in) % 16);
        return true;
    case 14:
        return give_up();
    case 15:
        tx.no_link = input_u8(&hostile.in) & 1;
        rate = (struct rate){input_u16(&hostile.in), 1 + input_u16(&hostile.in)};
        bucket_set(&tx.bucket, rate, 0);
        bucket_refill(&tx.bucket, input_u32(&hostile.in));
        bucket_wait_ns(&tx.bucket);
        return true;
    }
}

static int abandon(void)
{
    return tx_abandon(&tx);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct hostile_target target = {open_tx, step, check, abandon};

    hostile_run(&target, data, size);
    return 0;
}
