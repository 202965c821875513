/* SPDX-License-Identifier: MIT */
/* Translation `iommu`, under both halves of the data path: a grant table that changes between any two reads, and frames
 * of the guest's that may or may not be there. Every address in a live descriptor is the backend's own, or inside a
 * frame that an entry granted to us has named when it was read; never where interrupts are written to. */
#include <sanitizer/asan_interface.h>
#include <xen/grant_table.h>

#include "datapath/rx.h"
#include "fuzz/hostile.h"
#include "translate/frame_cache.h"
#include "xen/context.h"

#define BACKEND 0u
#define ENTRIES 32u
#define SEEN    65536u

static struct tx tx;
static struct rx rx;
static struct translate translate;
static struct echo echo;
static struct mcast mcast;
static struct dma_page vf_pages[TX_PAGES], own_pages[TX_PAGES], scratch;
static bool notify;

static uint32_t table[ENTRIES * 2];
static struct context context;
static unsigned mapped;

/* Frames that the table has named, by a hash: a wrong one passes once in SEEN. */
static uint8_t seen[SEEN / 8];
static uint32_t last_head;

static unsigned hash(uint64_t frame)
{
    return (unsigned)(frame * 0x9e3779b97f4a7c15u >> 32) % SEEN;
}

/* Remembers what good entries name, as it was read: once for each look at an entry's head. */
static void remember(const volatile uint32_t *word, uint32_t value)
{
    if (word < table || word >= table + ENTRIES * 2)
        return;
    if ((word - table) % 2 == 0) {
        last_head = value;
        return;
    }
    if ((last_head & GTF_type_mask) == GTF_permit_access && last_head >> 16 == BACKEND)
        seen[hash(value) / 8] |= (uint8_t)(1u << hash(value) % 8);
    last_head = GTF_invalid;
}

static const struct sim_page *page_at(uint64_t frame)
{
    for (unsigned i = 0; i < hostile.sim.next_page; i++)
        if (hostile.sim.pages[i].dma / GUEST_PAGE == frame)
            return &hostile.sim.pages[i];
    return NULL;
}

/* Frames that the guest does not have cannot be touched. */
static void *map(struct context *c, const uint64_t *frames, int *errors, unsigned count)
{
    uint8_t *va;

    (void)c;
    require(count && count <= PORT_BATCH_MAX);
    if (frames[0] % 16 == 15)
        return NULL;
    va = malloc((size_t)count * GUEST_PAGE);
    require(va != NULL);
    for (unsigned i = 0; i < count; i++) {
        const struct sim_page *page = page_at(frames[i]);

        errors[i] = page ? 0 : -1;
        if (page)
            memcpy(va + (size_t)i * GUEST_PAGE, page->bytes, GUEST_PAGE);
        else
            ASAN_POISON_MEMORY_REGION(va + (size_t)i * GUEST_PAGE, GUEST_PAGE);
    }
    mapped += count;
    return va;
}

static void unmap(struct context *c, void *va, unsigned count)
{
    (void)c;
    mapped -= count;
    ASAN_UNPOISON_MEMORY_REGION(va, (size_t)count * GUEST_PAGE);
    free(va);
}

static const struct context_ops context_ops = {.map = map, .unmap = unmap};

static void check_address(uint64_t dma, uint32_t length)
{
    const struct sim_page *page = page_at(dma / GUEST_PAGE);

    require(length && dma % GUEST_PAGE + length <= GUEST_PAGE);
    require(dma < 0xfee00000 || dma > 0xfeefffff);
    if (!page || !page->own)
        require(seen[hash(dma / GUEST_PAGE) / 8] & 1u << hash(dma / GUEST_PAGE) % 8);
}

static void check(void)
{
    const struct sim *sim = &hostile.sim;

    require(sim->live_pins == 0);
    for (unsigned i = sim->tx_sent; i != sim->tx_posted; i++)
        for (unsigned k = 0; k < sim->tx[i % SIM_QUEUE].count; k++)
            check_address(sim->tx[i % SIM_QUEUE].segments[k].dma,
                          sim->tx[i % SIM_QUEUE].segments[k].length);
    for (unsigned i = sim->rx_filled; i != sim->rx_posted; i++)
        check_address(sim->rx[i % SIM_QUEUE], vf_rx_buffer(&sim->vf));
    hostile_check_frames(&tx);
}

static void open_both(void)
{
    struct sim *sim = &hostile.sim;

    memset(&tx, 0, sizeof tx);
    memset(&rx, 0, sizeof rx);
    notify = false;
    sim->port.ops->dma_alloc(&sim->port, vf_pages, TX_PAGES);
    sim->port.ops->dma_alloc(&sim->port, own_pages, TX_PAGES);
    sim->port.ops->dma_alloc(&sim->port, &scratch, 1);
    tx.port = &sim->port;
    tx.translate = rx.translate = &translate;
    tx.queue = rx.queue = &sim->queue;
    tx.header_pages = vf_pages;
    tx.private_pages = own_pages;
    memset(&echo, 0, sizeof echo);
    echo.buffer = vf_rx_buffer(&sim->vf);
    tx.echo = rx.echo = &echo;
    tx.echo_count = 1;
    mcast_init(&mcast);
    tx.mcast = &mcast;
    rx.scratch = &scratch;
    sim->vf.trunk = (struct vf_trunk){1, {10}};
    rx.headroom = VF_RX_TAG_ROOM;
    memcpy(tx.mac, hostile_mac, sizeof tx.mac);
    memcpy(rx.mac, hostile_mac, sizeof rx.mac);
    tx_attach(&tx, sim->tx_ring);
    rx_attach(&rx, sim->rx_ring);
}

/* At first the guest grants its pages by the book, as the references that hostile.c pushes. */
static void open_table(void)
{
    memset(table, 0, sizeof table);
    for (uint32_t i = 0; i < HOSTILE_PAGES; i++) {
        uint32_t gref = hostile.first_page + i;

        require(gref < ENTRIES);
        table[gref * 2] = GTF_permit_access | BACKEND << 16;
        table[gref * 2 + 1] = (uint32_t)(hostile.sim.pages[gref].dma / GUEST_PAGE);
    }
    memset(seen, 0, sizeof seen);
    last_head = GTF_invalid;
    hostile.seen = remember;
    mapped = 0;
    context = (struct context){.ops = &context_ops, .grants = table, .grant_count = ENTRIES};
    require(translate_iommu(&translate, &hostile.sim.port, &context, BACKEND) == 0);
}

static void change_entry(void)
{
    uint32_t *entry = &table[input_u8(&hostile.in) % ENTRIES * 2];
    uint8_t how = input_u8(&hostile.in);

    entry[0] = how & 1 ? input_u32(&hostile.in) : GTF_permit_access | (how & 2 ? GTF_readonly : 0);
    entry[1] = how & 4   ? 0xfed00u + input_u16(&hostile.in) % 0x400
               : how & 8 ? input_u32(&hostile.in)
                         : (uint32_t)(hostile.sim.pages[0].dma / GUEST_PAGE) + how / 16;
}

static void receive(void)
{
    struct sim *sim = &hostile.sim;
    /* Each other one had a tag. */
    struct vf_received received = {
        .length = 60, .last = true, .csum_ok = true, .stripped = sim->rx_filled % 2, .tag = 10};

    if (sim->rx_filled != sim->rx_posted)
        sim->rx_done[sim->rx_filled++ % SIM_QUEUE] = received;
}

/* One act of the guest, the VF or the worker. False if the worker would end the session now. */
static bool step(void)
{
    unsigned act = input_u8(&hostile.in) % 16;

    switch (act) {
    default:
        hostile_act(act);
        return true;
    case 6:
        change_entry();
        return true;
    case 7:
        hostile_push_slot();
        return true;
    case 8:
        hostile_push_frame();
        return true;
    case 9:
        sim_push_rx(&hostile.sim, hostile_gref(), 1);
        return true;
    case 10:
        return tx_take(&tx) >= 0;
    case 11:
        return rx_fill(&rx, 1) >= 0;
    case 12:
        return tx_complete(&tx, 1, &notify) >= 0;
    case 13:
        return rx_complete(&rx, &notify) >= 0;
    case 14: /* sent */
        hostile.sim.tx_sent = hostile.sim.tx_rung;
        return true;
    case 15:
        receive();
        return true;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool goes_on = true;

    hostile_open(data, size);
    open_both();
    open_table();
    while (goes_on && hostile.in.left) {
        goes_on = step();
        check();
    }
    hostile_new_vf();
    require(tx_abandon(&tx) == 0 && rx_abandon(&rx) == 0);
    translate.ops->close(&translate);
    require(mapped == 0);
    hostile_close();
    return 0;
}
