/* SPDX-License-Identifier: MIT */
#include "bench/world.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <valgrind/callgrind.h>
#include <xen/grant_table.h>

#define PAGE       GUEST_PAGE
#define SENT_PAGES RING_SLOTS
/* References 0 to 255 are the pages that the guest sends from, the next 256 those that it receives into. */
#define GRANTS (2 * RING_SLOTS)
/* Where the guest's memory, and pages of dom0's, seem to lie. */
#define GUEST_FRAME 0x100000u
#define OWN_DMA     0x234500000ull

#define HEADERS   66u /* Ethernet, IPv4, TCP with a time stamp */
#define FULL      1448u
#define GSO_BYTES (45u * FULL)

static const uint8_t mac[6] = {0x00, 0x16, 0x3e, 0x01, 0x02, 0x03};
static uint8_t guest[SENT_PAGES][PAGE];
static uint32_t grants[GRANTS * 2];
static uint8_t registers[0x4000];
static struct dma_page header_pages[TX_PAGES], private_pages[TX_PAGES], scratch;

/* -- counting ----------------------------------------------------------------------------------------------------- */

static uint64_t counted_ns, started_ns, clock_ns;
static unsigned stretches;

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void count_on(void)
{
    started_ns = now_ns();
    CALLGRIND_TOGGLE_COLLECT;
}

void count_off(void)
{
    CALLGRIND_TOGGLE_COLLECT;
    counted_ns += now_ns() - started_ns;
    stretches++;
}

void count_reset(void)
{
    /* What an empty stretch takes, once: the least of many, for the others were disturbed. */
    for (unsigned i = 0; !clock_ns || i < 1000; i++) {
        uint64_t before = counted_ns;

        count_on();
        count_off();
        if (!clock_ns || counted_ns - before < clock_ns)
            clock_ns = counted_ns - before;
    }
    counted_ns = stretches = 0;
    CALLGRIND_ZERO_STATS;
}

uint64_t count_ns(void)
{
    uint64_t clock = stretches * clock_ns;

    return counted_ns > clock ? counted_ns - clock : 0;
}

/* -- the hypervisor ----------------------------------------------------------------------------------------------- */

static int pin(struct port *port, struct grant_pin *pins, unsigned count)
{
    (void)port;
    CALLGRIND_TOGGLE_COLLECT;
    for (unsigned i = 0; i < count; i++) {
        pins[i].dma = (uint64_t)(GUEST_FRAME + pins[i].gref) * PAGE;
        pins[i].status = GNTST_okay;
    }
    CALLGRIND_TOGGLE_COLLECT;
    return 0;
}

static int unpin(struct port *port, struct grant_pin *pins, unsigned count)
{
    (void)port;
    (void)pins;
    (void)count;
    return 0;
}

static int copy(struct port *port, struct grant_copy *copies, unsigned count)
{
    (void)port;
    CALLGRIND_TOGGLE_COLLECT;
    for (unsigned i = 0; i < count; i++) {
        memcpy(copies[i].own_va, guest[copies[i].gref] + copies[i].offset, copies[i].length);
        copies[i].status = GNTST_okay;
    }
    CALLGRIND_TOGGLE_COLLECT;
    return 0;
}

static const struct port_ops port_ops = {.pin = pin, .unpin = unpin, .copy = copy};

/* The guest's frames do not change any more: a copy is as good as a mapping. */
static void *context_map(struct context *context, const uint64_t *frames, int *errors,
                         unsigned count)
{
    uint8_t *va = malloc((size_t)count * PAGE);

    (void)context;
    if (!va)
        abort();
    for (unsigned i = 0; i < count; i++) {
        memcpy(va + (size_t)i * PAGE, guest[frames[i] - GUEST_FRAME], PAGE);
        errors[i] = 0;
    }
    return va;
}

static void context_unmap(struct context *context, void *va, unsigned count)
{
    (void)context;
    (void)count;
    free(va);
}

static const struct context_ops context_ops = {.map = context_map, .unmap = context_unmap};

static void own_pages(struct dma_page *pages, unsigned count, uint64_t dma)
{
    uint8_t *block = calloc(count, PAGE);

    if (!block)
        abort();
    for (unsigned i = 0; i < count; i++)
        pages[i] = (struct dma_page){.va = block + i * PAGE, .dma = dma + i * PAGE};
}

/* -- the guest ---------------------------------------------------------------------------------------------------- */

/* A frame's headers, as in the page of each slot that may begin a frame. */
static void fill_guest(enum frame_kind kind)
{
    static const uint8_t ip[20] = {0x45, 0, 0,  0,  0, 1, 0x40, 0,  64, 0,
                                   0,    0, 10, 77, 0, 2, 10,   77, 0,  1};

    memset(guest, 0x5a, sizeof guest);
    for (unsigned i = 0; i < SENT_PAGES; i++) {
        uint8_t *frame = guest[i];

        memcpy(frame, "\x52\x54\x00\x11\x22\x33", 6);
        memcpy(frame + 6, mac, sizeof mac);
        memcpy(frame + 12, "\x08\x00", 2);
        memcpy(frame + 14, ip, sizeof ip);
        frame[23] = kind == FRAME_SMALL ? 17 : 6;
        frame[46] = 8 << 4; /* length of the TCP header; UDP has none */
    }
    for (uint32_t i = 0; i < GRANTS; i++) {
        grants[i * 2] = GTF_permit_access | (i < SENT_PAGES ? GTF_readonly : 0);
        grants[i * 2 + 1] = GUEST_FRAME + i;
    }
}

static void push_slot(struct world *w, unsigned size, unsigned flags)
{
    unsigned index = w->tx_ring->req_prod++ % RING_SLOTS;

    w->tx_ring->ring[index].req = (netif_tx_request_t){
        .gref = index, .flags = (uint16_t)flags, .id = (uint16_t)index, .size = (uint16_t)size};
}

static void push_gso(struct world *w)
{
    netif_extra_info_t extra = {.type = XEN_NETIF_EXTRA_TYPE_GSO};

    extra.u.gso.size = FULL;
    extra.u.gso.type = XEN_NETIF_GSO_TYPE_TCPV4;
    memcpy(&w->tx_ring->ring[w->tx_ring->req_prod++ % RING_SLOTS], &extra, sizeof extra);
}

void world_push(struct world *w, enum frame_kind kind, unsigned count)
{
    const unsigned blank = NETTXF_csum_blank | NETTXF_data_validated;

    for (; count; count--) {
        if (kind == FRAME_SMALL) {
            push_slot(w, 60, blank);
        } else if (kind == FRAME_FULL) {
            push_slot(w, HEADERS + FULL, blank | NETTXF_more_data);
            push_slot(w, FULL, 0);
        } else {
            push_slot(w, HEADERS + GSO_BYTES, blank | NETTXF_more_data | NETTXF_extra_info);
            push_gso(w);
            for (unsigned left = GSO_BYTES; left; left -= left < PAGE ? left : PAGE)
                push_slot(w, left < PAGE ? left : PAGE, left > PAGE ? NETTXF_more_data : 0);
        }
    }
}

void world_post(struct world *w, unsigned count)
{
    for (; count; count--) {
        unsigned index = w->rx_ring->req_prod++ % RING_SLOTS;

        w->rx_ring->ring[index].req =
            (netif_rx_request_t){.id = (uint16_t)index, .gref = SENT_PAGES + index};
    }
}

/* -- the device --------------------------------------------------------------------------------------------------- */

void world_send(struct world *w)
{
    struct igbvf_desc *ring = w->queue.tx.ring;

    for (; w->tx_head != w->queue.tx.tail; w->tx_head = (w->tx_head + 1) & RING_MASK)
        if (le32toh(ring[w->tx_head].dw[2]) & TXD_RS)
            ring[w->tx_head].dw[3] = htole32(TXD_DD);
}

void world_receive(struct world *w, enum frame_kind kind, unsigned count)
{
    struct igbvf_desc *ring = w->queue.rx.ring;
    uint32_t type = RXD_TYPE_IPV4 | (kind == FRAME_SMALL ? RXD_TYPE_UDP : RXD_TYPE_TCP);

    for (; count; count--, w->rx_head = (w->rx_head + 1) & RING_MASK) {
        ring[w->rx_head].dw[0] = htole32(type);
        ring[w->rx_head].dw[2] = htole32(RXD_DD | RXD_EOP | RXD_L4CS | RXD_UDPCS | RXD_IPCS);
        ring[w->rx_head].dw[3] = htole32(kind == FRAME_SMALL ? 60 : HEADERS + FULL);
    }
}

static void open_queue(struct world *w)
{
    struct dma_page rings[VF_RING_PAGES];

    own_pages(rings, VF_RING_PAGES, OWN_DMA);
    w->vf_ops = (struct vf_ops){
        .family = "igbvf",
        .offloads = {true, true, true, true, TXC_MACLEN_MAX, TXC_IPLEN_MAX},
    };
    w->vf = (struct vf){.ops = &w->vf_ops, .queues = 1};
    w->queue = (struct igbvf_queue){
        .queue = {.ops = &igbvf_queue_ops, .vf = &w->vf},
        .registers = registers,
        .tx.ring = rings[0].va,
        .rx.ring = rings[1].va,
    };
}

/* -- all of it ---------------------------------------------------------------------------------------------------- */

static void open_window(struct world *w, bool tx)
{
    static struct window_entry entries[RING_SLOTS];

    for (unsigned i = 0; i < RING_SLOTS; i++)
        entries[i] = tx ? (struct window_entry){guest[i], i, true}
                        : (struct window_entry){guest[0], SENT_PAGES + i, false};
    window_init(&w->window);
    if (window_add(&w->window, &w->port, entries, RING_SLOTS) < 0)
        abort();
    w->translate.window = &w->window;
}

static void open_translation(struct world *w, enum way way, bool tx)
{
    w->port.ops = &port_ops;
    own_pages(header_pages, TX_PAGES, OWN_DMA + 0x100000);
    memcpy(private_pages, header_pages, sizeof private_pages);
    translate_host(&w->translate, &w->port);
    if (way == WAY_WINDOW)
        open_window(w, tx);
    if (way != WAY_IOMMU)
        return;
    own_pages(private_pages, TX_PAGES, OWN_DMA + 0x200000);
    w->context = (struct context){.ops = &context_ops, .grants = grants, .grant_count = GRANTS};
    if (translate_iommu(&w->translate, &w->port, &w->context, 0) < 0)
        abort();
}

void world_open(struct world *w, enum way way, bool tx, enum frame_kind kind)
{
    memset(w, 0, sizeof *w);
    fill_guest(kind);
    open_queue(w);
    open_translation(w, way, tx);
    own_pages(&scratch, 1, OWN_DMA + 0x300000);
    w->tx_ring = calloc(1, PAGE);
    w->rx_ring = calloc(1, PAGE);
    if (!w->tx_ring || !w->rx_ring)
        abort();
    w->echo.buffer = vf_rx_buffer(&w->vf);
    mcast_init(&w->mcast);
    w->tx.port = &w->port;
    w->tx.translate = w->rx.translate = &w->translate;
    w->tx.queue = w->rx.queue = &w->queue.queue;
    w->tx.header_pages = header_pages;
    w->tx.private_pages = way == WAY_IOMMU ? private_pages : header_pages;
    w->tx.echo = w->rx.echo = &w->echo;
    w->tx.echo_count = 1;
    w->tx.mcast = &w->mcast;
    w->rx.scratch = &scratch;
    memcpy(w->tx.mac, mac, sizeof mac);
    memcpy(w->rx.mac, mac, sizeof mac);
    tx_attach(&w->tx, w->tx_ring);
    rx_attach(&w->rx, w->rx_ring);
}

void world_close(struct world *w)
{
    w->translate.ops->close(&w->translate);
    if (private_pages[0].va != header_pages[0].va)
        free(private_pages[0].va);
    free(header_pages[0].va);
    free(scratch.va);
    free(w->queue.tx.ring);
    free(w->tx_ring);
    free(w->rx_ring);
}
