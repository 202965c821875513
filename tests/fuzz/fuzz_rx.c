/* SPDX-License-Identifier: MIT */
/* The receive side against a hostile guest and a VF that fills buffers with whatever its driver may report. After each
 * step: what the VF could write to is pinned writable (invariant 1), what is pinned is not answered (2); and tags are
 * put back nowhere but in front of a frame that has lost one, in a page that is pinned for it. */
#include "datapath/rx.h"
#include "fuzz/hostile.h"

static struct rx rx;
static struct translate translate;
static struct echo echo;
static struct dma_page scratch;
static bool notify;
static struct port_ops ops;
static int (*sim_store)(struct port *port, struct grant_copy *copies, unsigned count);

static bool is_posted(uint32_t gref)
{
    for (uint32_t i = rx.ring.rsp_prod; i != rx.ring.req_cons; i++)
        if (rx.slots[i % RING_SLOTS].posted && rx.slots[i % RING_SLOTS].pin.gref == gref)
            return true;
    return false;
}

static int store(struct port *port, struct grant_copy *copies, unsigned count)
{
    require(hostile.sim.vf.trunk.count && count && count <= RX_BATCH);
    for (unsigned i = 0; i < count; i++) {
        const uint8_t *bytes = copies[i].own_va;

        require(is_posted(copies[i].gref) && hostile.sim.pages[copies[i].gref].writers);
        require(copies[i].offset + 4u == rx.headroom && copies[i].length == 16);
        require(bytes[12] == 0x81 && !bytes[13]);
        require(hostile_may_tag((uint16_t)(bytes[14] << 8 | bytes[15])));
    }
    return sim_store(port, copies, count);
}

/* With bits of the first byte that say how. */
static void open_trunk(uint8_t how)
{
    struct sim *sim = &hostile.sim;

    if (!(how & 2))
        return;
    sim->vf.trunk = (struct vf_trunk){2, {10, 4094}};
    sim->keeps_tags = how & 4;
    rx.headroom = VF_RX_TAG_ROOM;
}

static void open_rx(void)
{
    struct sim *sim = &hostile.sim;
    uint8_t how = input_u8(&hostile.in);

    memset(&rx, 0, sizeof rx);
    notify = false;
    sim->vf.mtu = how & 1 ? VF_MTU_MAX : 0;
    open_trunk(how);
    ops = *sim->port.ops;
    sim_store = ops.store;
    ops.store = store;
    sim->port.ops = &ops;
    sim->port.ops->dma_alloc(&sim->port, &scratch, 1);
    translate_host(&translate, &sim->port);
    rx.translate = &translate;
    rx.queue = &sim->queue;
    rx.scratch = &scratch;
    memset(&echo, 0, sizeof echo);
    echo.buffer = vf_rx_buffer(&sim->vf);
    rx.echo = &echo;
    memcpy(rx.mac, hostile_mac, sizeof rx.mac);
    sim->rx_ring->rsp_prod = sim->rx_ring->req_prod = input_u8(&hostile.in) * 0x1010101u;
    rx_attach(&rx, sim->rx_ring);
}

static unsigned pinned(void)
{
    unsigned count = 0;

    for (uint32_t i = rx.ring.rsp_prod; i != rx.ring.req_cons; i++)
        count += rx.slots[i % RING_SLOTS].posted;
    return count;
}

static void check(void)
{
    require(rx.ring.req_cons - rx.ring.rsp_prod <= RING_SLOTS);
    require(pinned() == hostile.sim.live_pins && pinned() == rx.posted);
    require(rx.held < RX_BATCH && (!rx.held || hostile.sim.vf.trunk.count));
    hostile_check_reach();
}

static void receive(void)
{
    static uint8_t frame[9100];
    unsigned kind = input_u8(&hostile.in), total = 60 + input_u16(&hostile.in) % 9000;

    memset(frame, 0, sizeof frame);
    hostile_frame(frame, sizeof frame, kind, total, input_u8(&hostile.in) & 1);
    sim_receive(&hostile.sim, frame, total);
}

/* Whatever vf.h allows a driver to report of a buffer. */
static void fill_one(void)
{
    struct sim *sim = &hostile.sim;
    uint8_t how = input_u8(&hostile.in);
    struct vf_received received = {.last = how & 1, .csum_ok = how & 2, .error = how & 4};

    received.stripped = how & 8;
    if (received.stripped)
        received.tag = how & 16 ? 10 : input_u16(&hostile.in);
    if (!received.error)
        received.length = (uint16_t)(1 + input_u16(&hostile.in) % vf_rx_buffer(&sim->vf));
    if (sim->rx_filled != sim->rx_posted)
        sim->rx_done[sim->rx_filled++ % SIM_QUEUE] = received;
}

static void push(void)
{
    unsigned count = 1 + input_u8(&hostile.in) % 64;
    uint32_t gref = hostile_gref();

    for (unsigned i = 0; i < count; i++)
        sim_push_rx(&hostile.sim, gref, i);
}

/* What is answered as a frame lies in its page, as far as the VF could write, or a tag before it. */
static bool complete(void)
{
    uint32_t before = rx.ring.rsp_prod;
    bool ok = rx_complete(&rx, &notify) >= 0;

    for (uint32_t i = before; ok && i != rx.ring.rsp_prod; i++) {
        const netif_rx_response_t *response = sim_rx_response(&hostile.sim, i);
        unsigned tag = rx.headroom - response->offset;

        require(!tag || (tag == 4 && hostile.sim.vf.trunk.count));
        require(response->status <= (int)(vf_rx_buffer(&hostile.sim.vf) + tag));
    }
    return ok;
}

/* One act of the guest, the VF or the worker. */
static bool step(void)
{
    unsigned act = input_u8(&hostile.in) % 16;

    switch (act) {
    default:
        hostile_act(act);
        return true;
    case 6:
    case 7:
        push();
        return true;
    case 8:
        receive();
        return true;
    case 9:
        fill_one();
        return true;
    case 10:
        return rx_fill(&rx, 1 + input_u8(&hostile.in) % RX_BATCH) >= 0;
    case 11:
        return complete();
    case 12:
        rx_ask(&rx, 1 + input_u8(&hostile.in) % RX_BATCH);
        return true;
    case 13:
        echo_expect(&echo, input_u16(&hostile.in));
        return true;
    case 14:
        hostile_new_vf();
        return rx_take_back(&rx, &notify) >= 0;
    case 15:
        return rx_fill(&rx, 1) >= 0;
    }
}

static int abandon(void)
{
    return rx_abandon(&rx);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct hostile_target target = {open_rx, step, check, abandon};

    hostile_run(&target, data, size);
    return 0;
}
