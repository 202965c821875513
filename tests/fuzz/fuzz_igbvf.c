/* SPDX-License-Identifier: MIT */
/* The igbvf driver against a device that writes anything into descriptors and registers, also between any two reads,
 * with both halves of the data path above it. What the driver reports is what vf.h promises, descriptors hold addresses
 * that are pinned or the backend's own, and no message to the PF's driver waits without end. */
#include "common/log.h"
#include "common/why.h"
#include "datapath/rx.h"
#include "fuzz/hostile.h"
#undef RING_SIZE /* Xen's, of io/ring.h; the driver has one of its own */
#include "vf/igbvf.h"
#include "vf/igbvf_private.h"

#include <errno.h>

static struct vf *vf;
static struct tx tx;
static struct rx rx;
static struct translate translate;
static struct echo echo;
static struct mcast mcast;
static struct dma_page ring_pages[VF_RING_PAGES], header_pages[TX_PAGES], scratch;
static bool notify;

/* ---- The function, in pci.h's place ---- */

static uint32_t bar[IGBVF_BAR_SIZE / 4];
static uint16_t command;
static bool promiscuous, emulated, quiet, gone;
static uint8_t how_made;
static unsigned waits, opened;

/* What a device does while the driver looks elsewhere: something to its mailbox, mostly. */
static void device_acts(void)
{
    uint8_t how = input_u8(&hostile.in);

    if (how & 1) /* answers as igb does, yes or no */
        bar[VMBMEM / 4] = (bar[VMBMEM / 4] & 0xffff) | (how & 2 ? MSG_ACK : MSG_NACK) | MSG_CTS;
    if (how & 4)
        bar[V2PMAILBOX / 4] = how >> 3 & 1 ? MBX_PFACK | MBX_PFSTS : input_u8(&hostile.in);
    if (how & 16)
        bar[input_u16(&hostile.in) % (IGBVF_BAR_SIZE / 4)] = input_u32(&hostile.in);
    if (how & 32)
        input_bytes(&hostile.in, &bar[VMBMEM / 4], input_u8(&hostile.in) % 64);
}

int pci_open(struct pci_function *function, const char *pci)
{
    (void)pci;
    function->config = gone ? -1 : 1;
    opened += !gone;
    return gone ? -1 : 0;
}

void pci_close(struct pci_function *function)
{
    opened -= function->config > 0;
    function->config = -1;
}

int pci_read16(const struct pci_function *function, unsigned offset, uint16_t *value)
{
    require(function->config > 0 || gone);
    device_acts();
    errno = ENODEV;
    *value = offset == PCI_COMMAND ? command : input_u16(&hostile.in);
    return gone ? -1 : 0;
}

int pci_write16(const struct pci_function *function, unsigned offset, uint16_t value)
{
    require(function->config > 0 || gone);
    if (offset == PCI_COMMAND)
        command = value;
    errno = ENODEV;
    return gone ? -1 : 0;
}

unsigned pci_capability(const struct pci_function *function, uint8_t id)
{
    (void)function;
    (void)id;
    return input_u8(&hostile.in);
}

void *pci_map(const char *pci, unsigned number, size_t size)
{
    (void)pci;
    require(number == 0 && size == sizeof bar);
    errno = EBUSY;
    return input_u8(&hostile.in) == 255 ? NULL : bar;
}

void pci_unmap(void *map, size_t size)
{
    require(map == bar && size == sizeof bar);
}

int pci_silence(const struct pci_function *function)
{
    require(function->config > 0 || gone);
    command &= (uint16_t)~PCI_COMMAND_MASTER;
    return quiet ? 0 : -1;
}

uint32_t pci_id(const char *pci)
{
    (void)pci;
    return how_made & 64 ? I350_VF : I82576_VF;
}

bool pci_emulated(const char *pci)
{
    (void)pci;
    return emulated;
}

bool pci_pf_promiscuous(const char *pci)
{
    (void)pci;
    return promiscuous;
}

void pci_wait_us(unsigned microseconds)
{
    (void)microseconds;
    waits++;
    device_acts();
}

int vf_quiesce(const char *pci)
{
    (void)pci;
    return quiet ? 0 : -1;
}

/* ---- Packets ---- */

static struct igbvf_queue *queue(void)
{
    return igbvf_queue(tx.queue);
}

static void equip(struct vf_queue *q)
{
    struct sim *sim = &hostile.sim;

    translate_host(&translate, &sim->port);
    tx.port = &sim->port;
    tx.translate = rx.translate = &translate;
    tx.queue = rx.queue = q;
    tx.header_pages = tx.private_pages = header_pages;
    echo.buffer = vf_rx_buffer(vf);
    tx.echo = rx.echo = &echo;
    tx.echo_count = 1;
    tx.mcast = &mcast;
    rx.scratch = &scratch;
    rx.headroom = vf->trunk.count ? VF_RX_TAG_ROOM : 0;
    memcpy(tx.mac, hostile_mac, sizeof tx.mac);
    memcpy(rx.mac, hostile_mac, sizeof rx.mac);
}

static void open_path(void)
{
    struct sim *sim = &hostile.sim;

    memset(&tx, 0, sizeof tx);
    memset(&rx, 0, sizeof rx);
    memset(&echo, 0, sizeof echo);
    mcast_init(&mcast);
    sim->port.ops->dma_alloc(&sim->port, ring_pages, VF_RING_PAGES);
    sim->port.ops->dma_alloc(&sim->port, header_pages, TX_PAGES);
    sim->port.ops->dma_alloc(&sim->port, &scratch, 1);
    tx_attach(&tx, sim->tx_ring);
    rx_attach(&rx, sim->rx_ring);
}

static void check_address(const struct igbvf_desc *desc, uint32_t length, bool write)
{
    uint64_t dma = le32toh(desc->dw[0]) | (uint64_t)le32toh(desc->dw[1]) << 32;

    require(sim_reach(&hostile.sim, dma, length, write) != NULL);
}

/* The descriptors from `from` on, before the device had a chance to write anything into them. */
static void check_sent(unsigned from)
{
    for (unsigned i = from; i != queue()->tx.tail; i = (i + 1) & RING_MASK) {
        const struct igbvf_desc *desc = &queue()->tx.ring[i];
        uint32_t dw2 = le32toh(desc->dw[2]);

        if ((dw2 & TXD_DTYP_DATA) == TXD_DTYP_DATA)
            check_address(desc, dw2 & 0xffff, false);
    }
}

static void check_posted(unsigned from)
{
    for (unsigned i = from; i != queue()->rx.tail; i = (i + 1) & RING_MASK)
        check_address(&queue()->rx.ring[i], vf_rx_buffer(vf), true);
}

static bool take(void)
{
    unsigned from = queue()->tx.tail;
    bool ok = tx_take(&tx) >= 0;

    check_sent(from);
    return ok;
}

static bool fill(void)
{
    unsigned from = queue()->rx.tail;
    bool ok = rx_fill(&rx, 1) >= 0;

    check_posted(from);
    return ok;
}

static bool complete(void)
{
    bool ok = rx_complete(&rx, &notify) >= 0;

    for (unsigned i = 0; i < RX_BATCH; i++)
        require(rx.received[i].length <=
                vf_rx_buffer(vf) + (rx.findings[i] == RX_TAGGED ? RX_TAGGED : 0u));
    return ok;
}

/* Anything at all, or a write-back that makes sense, into one of the descriptors that are due. */
static void write_back(void)
{
    uint8_t how = input_u8(&hostile.in);
    struct igbvf_desc *desc = how & 1
                                  ? &queue()->rx.ring[(queue()->rx.clean + (how >> 4)) & RING_MASK]
                                  : &queue()->tx.ring[(queue()->tx.clean + (how >> 4)) & RING_MASK];

    if (how & 2) {
        input_bytes(&hostile.in, desc, sizeof *desc);
        return;
    }
    if (!(how & 1)) {
        desc->dw[3] = htole32(TXD_DD);
        return;
    }
    desc->dw[0] = htole32(RXD_TYPE_TCP | (how & 4 ? 0x10u : 0x40u));
    desc->dw[2] = htole32(RXD_DD | (how & 8 ? RXD_EOP | RXD_VP : 0) | RXD_L4CS | RXD_IPCS);
    desc->dw[3] = htole32(input_u16(&hostile.in) | (10u + (how >> 7)) << 16);
}

/* Whatever the device has written, it has finished no more than it was given. */
static void check_rings(void)
{
    unsigned frames = 0;

    for (uint32_t i = tx.frame_head; i != tx.frame_tail; i++)
        frames += tx.frames[i % RING_SLOTS].posted;
    require(tx.done <= frames);
    require((uint16_t)(queue()->tx.frame_tail - queue()->tx.frame_head) == frames - tx.done);
    require(((queue()->rx.tail - queue()->rx.clean) & RING_MASK) == rx.posted - rx.held);
}

static unsigned pinned(void)
{
    unsigned count = 0;

    for (uint32_t i = tx.ring.rsp_prod; i != tx.ring.req_cons; i++)
        count += tx.slots[i % RING_SLOTS].pinned;
    for (uint32_t i = rx.ring.rsp_prod; i != rx.ring.req_cons; i++)
        count += rx.slots[i % RING_SLOTS].posted;
    return count;
}

static void push_rx(void)
{
    unsigned count = 1 + input_u8(&hostile.in) % 64;
    uint32_t gref = hostile_gref();

    while (count--)
        sim_push_rx(&hostile.sim, gref, count);
}

static void control(void)
{
    struct vf_multicast wanted = {.all = input_u8(&hostile.in) & 1,
                                  .count = input_u8(&hostile.in) % (VF_MULTICAST_MAX + 1)};
    struct vf_counters counters;
    struct why why;

    vf->ops->check(vf, &why);
    vf->ops->set_multicast(vf, &wanted, &why);
    vf->ops->link_up(vf);
    vf->ops->count(vf, &counters);
}

/* One act of the guest, the device or the worker. False if the worker would end the session now. */
static bool step(void)
{
    unsigned act = input_u8(&hostile.in) % 16;

    switch (act) {
    default:
        hostile_act(act);
        return true;
    case 6:
    case 7:
        write_back();
        return true;
    case 8:
        hostile_push_frame();
        return true;
    case 9:
        push_rx();
        return true;
    case 10:
        return take();
    case 11:
        return fill();
    case 12:
        return tx_complete(&tx, 1, &notify) >= 0;
    case 13:
        return complete();
    case 14:
        tx.queue->ops->arm(tx.queue);
        return true;
    case 15:
        control();
        return true;
    }
}

/* ---- A life ---- */

static void run(void)
{
    struct vf_queue_setup setup[VF_QUEUES_MAX] = {
        {.ring_pages = ring_pages, .interrupts = input_u8(&hostile.in) & 1}};
    bool goes_on = true;
    struct why why;

    if (vf->ops->start(vf, setup, input_u8(&hostile.in) % 8 ? 1 : 0, &why) < 0)
        return;
    require(command & PCI_COMMAND_MASTER);
    equip(setup[0].queue);
    while (goes_on && hostile.in.left) {
        goes_on = step();
        require(pinned() == hostile.sim.live_pins);
        if (goes_on)
            check_rings();
    }
    gone = input_u8(&hostile.in) & 1;
    if (vf->ops->stop(vf) == 0)
        require(tx_abandon(&tx) == 0 && rx_abandon(&rx) == 0);
    else
        require(pinned() == hostile.sim.live_pins); /* invariant 4 */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t how, mac[6];
    struct why why;

    log_set_level(0);
    hostile_open(data, size);
    how = how_made = input_u8(&hostile.in);
    emulated = how & 1;
    promiscuous = how & 2;
    quiet = how & 4;
    gone = how == 255;
    command = 0;
    waits = opened = 0;
    memset(bar, 0, sizeof bar);
    open_path();
    vf = igbvf_open("0000:01:10.0", how & 8 ? 2 : 1, &why);
    if (vf) {
        vf->mtu = how & 16 ? VF_MTU_MAX : 0;
        if (how & 32)
            vf->trunk = (struct vf_trunk){VF_TRUNK_MAX, {10, 20, 30, 40, 50, 60, 70, 80}};
        if (vf->ops->reset(vf, mac, &why) == 0)
            run();
        vf->ops->close(vf);
    }
    /* A handshake waits for 2 s, its other messages for as long each; the first that fails is the last. */
    require(waits < 100000);
    require(opened == 0);
    hostile_close();
    return 0;
}
