/* SPDX-License-Identifier: MIT */
#include "fuzz/hostile.h"

#define PAGE 4096u

struct hostile hostile;
const uint8_t hostile_mac[6] = {0x00, 0x16, 0x3e, 0x01, 0x02, 0x03};

/* ---- While the backend works ---- */

static struct sim_page *page_of(uint32_t number)
{
    return &hostile.sim.pages[hostile.first_page + number % HOSTILE_PAGES];
}

static void strike(const struct ambush *ambush, volatile uint32_t *word)
{
    struct sim_page *page = page_of(ambush->page);

    switch (ambush->kind) {
    case AMBUSH_SET:
        *word = ambush->value;
        break;
    case AMBUSH_ADD:
        *word += ambush->value;
        break;
    case AMBUSH_REVOKE:
        page->granted = !page->granted;
        break;
    default:
        memcpy(page->bytes + ambush->offset % (PAGE - 3), &ambush->value, sizeof ambush->value);
    }
}

/* `word`: the one that is about to be read, NULL in a call. */
static void come_out(volatile uint32_t *word)
{
    for (unsigned i = 0; i < hostile.ambush_count;) {
        struct ambush *ambush = &hostile.ambushes[i];
        bool waits_for_read = ambush->kind == AMBUSH_SET || ambush->kind == AMBUSH_ADD;

        if (waits_for_read != (word != NULL) || ambush->in--) {
            i++;
            continue;
        }
        strike(ambush, word);
        *ambush = hostile.ambushes[--hostile.ambush_count];
    }
}

static void in_call(struct sim *sim)
{
    (void)sim;
    come_out(NULL);
}

uint32_t shm_read32(const volatile uint32_t *word)
{
    uint32_t value;

    come_out((volatile uint32_t *)word);
    value = *word;
    if (hostile.seen)
        hostile.seen(word, value);
    return value;
}

/* The backend writes responses and two words of each ring's header, and nothing of a slot beyond its response. */
static bool may_write(const volatile uint32_t *word, const void *ring, unsigned slot_words,
                      unsigned response_words)
{
    const uint32_t *start = ring;
    size_t index;

    if (word < start || word >= start + PAGE / sizeof *start)
        return false;
    index = (size_t)(word - start);
    if (index < RING_HEADER_WORDS)
        return index == RING_REQ_EVENT || index == RING_RSP_PROD;
    index -= RING_HEADER_WORDS;
    return index < RING_SLOTS * slot_words && index % slot_words < response_words;
}

void shm_write32(volatile uint32_t *word, uint32_t value)
{
    require(may_write(word, hostile.sim.tx_ring, 3, 1) ||
            may_write(word, hostile.sim.rx_ring, 2, 2) ||
            (hostile.also_writes && hostile.also_writes(word)));
    *word = value;
}

/* ---- Set-up ---- */

void hostile_open(const uint8_t *data, size_t size)
{
    sim_open(&hostile.sim);
    hostile.sim.point = in_call;
    hostile.in = (struct input){data, size};
    hostile.ambush_count = 0;
    hostile.seen = NULL;
    hostile.also_writes = NULL;
    for (unsigned i = 0; i < HOSTILE_PAGES; i++) {
        uint32_t gref = sim_grant(&hostile.sim, i >= HOSTILE_PAGES * 2 / 3);

        if (!i)
            hostile.first_page = gref;
    }
}

void hostile_close(void)
{
    sim_close(&hostile.sim);
}

void hostile_run(const struct hostile_target *target, const uint8_t *data, size_t size)
{
    struct sim *sim = &hostile.sim;
    bool goes_on = true;
    uint8_t fail;

    hostile_open(data, size);
    fail = input_u8(&hostile.in);
    sim->fail_call = fail < 64 ? fail : 0;
    target->open();
    target->check();
    while (goes_on && hostile.in.left) {
        goes_on = target->step();
        if (sim->fail_call && sim->calls >= sim->fail_call)
            break; /* Xen has failed us: of what is pinned then, Xen alone knows */
        target->check();
    }
    hostile_new_vf(); /* proven quiet */
    hostile_check_reach();
    sim->fail_call = 0;
    require(target->abandon() == 0);
    require(!goes_on || hostile.in.left || sim->live_pins == 0);
    hostile_close();
}

void hostile_new_vf(void)
{
    struct sim *sim = &hostile.sim;

    sim->tx_sent = sim->tx_rung = sim->tx_reaped = sim->tx_posted;
    sim->rx_filled = sim->rx_reaped = sim->rx_posted;
}

/* ---- Acts ---- */

uint32_t hostile_gref(void)
{
    unsigned choice = input_u8(&hostile.in);

    if (choice < 240)
        return hostile.first_page + choice % HOSTILE_PAGES;
    return choice < 250 ? input_u16(&hostile.in) : input_u32(&hostile.in);
}

static void lay_ambush(void)
{
    struct ambush ambush = {
        .kind = input_u8(&hostile.in) % AMBUSH_KINDS,
        .in = input_u8(&hostile.in),
        .value = input_u32(&hostile.in),
        .page = input_u8(&hostile.in),
    };

    if (ambush.kind == AMBUSH_POKE)
        ambush.offset = input_u16(&hostile.in);
    if (hostile.ambush_count < HOSTILE_AMBUSHES)
        hostile.ambushes[hostile.ambush_count++] = ambush;
}

static uint32_t *any_ring(void)
{
    return input_u8(&hostile.in) & 1 ? (void *)hostile.sim.rx_ring : (void *)hostile.sim.tx_ring;
}

static void poke(uint8_t *bytes, unsigned room)
{
    unsigned length = 1 + input_u8(&hostile.in) % 16;

    input_bytes(&hostile.in, bytes + input_u16(&hostile.in) % (room - 16), length);
}

void hostile_act(unsigned act)
{
    struct sim_page *page;
    uint32_t *ring;

    switch (act) {
    case 0:
        lay_ambush();
        break;
    case 1: /* an index moves; by little, mostly */
        ring = any_ring();
        ring[RING_REQ_PROD] += (uint32_t)(int8_t)input_u8(&hostile.in);
        break;
    case 2: /* any word of a ring's header */
        ring = any_ring();
        ring[input_u8(&hostile.in) % RING_HEADER_WORDS] = input_u32(&hostile.in);
        break;
    case 3: /* slots */
        ring = any_ring();
        poke((uint8_t *)(ring + RING_HEADER_WORDS),
             PAGE - RING_HEADER_WORDS * (unsigned)sizeof *ring);
        break;
    case 4: /* what it sends */
        poke(page_of(input_u8(&hostile.in))->bytes, PAGE);
        break;
    default:
        page = page_of(input_u8(&hostile.in));
        page->granted = !page->granted;
        page->readonly = input_u8(&hostile.in) & 1;
    }
}

/* ---- Frames ---- */

enum {
    TAG = 1,
    TAGS = 2,
    IPV6 = 4,
    UDP = 8,
    GROUP = 16,
    OPTIONS = 32,
    LONG_OPTIONS = 64,
    OTHER = 128
};

static void be16(uint8_t *to, unsigned value)
{
    to[0] = (uint8_t)(value >> 8);
    to[1] = (uint8_t)value;
}

static unsigned put_tag(uint8_t *bytes, unsigned at, unsigned type)
{
    be16(bytes + at, type);
    /* A priority, no VLAN; on a trunk the first one of it. */
    be16(bytes + at + 2, hostile.sim.vf.trunk.count ? 0x6000u | hostile.sim.vf.trunk.vlans[0] : 0);
    return at + 4;
}

static unsigned put_ipv4(uint8_t *bytes, unsigned at, unsigned kind, unsigned length)
{
    unsigned header = kind & LONG_OPTIONS ? 60 : kind & OPTIONS ? 24 : 20;

    bytes[at] = (uint8_t)(0x40 | header / 4);
    be16(bytes + at + 2, length);
    bytes[at + 8] = 64;
    bytes[at + 9] = kind & UDP ? 17 : 6;
    return at + header;
}

static unsigned put_ipv6(uint8_t *bytes, unsigned at, unsigned kind, unsigned length)
{
    unsigned extension = kind & LONG_OPTIONS ? 520 : kind & OPTIONS ? 16 : 0;
    unsigned next = kind & UDP ? 17 : 6;

    bytes[at] = 0x60;
    be16(bytes + at + 4, length - 40);
    bytes[at + 6] = (uint8_t)(extension ? 60 : next);
    bytes[at + 7] = 64;
    at += 40;
    if (extension) {
        bytes[at] = (uint8_t)next;
        bytes[at + 1] = (uint8_t)(extension / 8 - 1);
    }
    return at + extension;
}

unsigned hostile_frame(uint8_t *bytes, unsigned room, unsigned kind, unsigned total, bool own)
{
    uint8_t frame[700] = {0};
    unsigned at = 12;

    memcpy(frame, kind & GROUP ? "\x33\x33\0\0\0\1" : "\2\0\0\0\0\7", 6);
    memcpy(frame + 6, own ? hostile_mac : (const uint8_t *)"\2\0\0\0\0\7", 6);
    if (kind & TAGS)
        at = put_tag(frame, at, 0x88a8);
    if (kind & (TAG | TAGS))
        at = put_tag(frame, at, 0x8100);
    be16(frame + at, kind & OTHER ? 0x0806 : kind & IPV6 ? 0x86dd : 0x0800);
    at += 2;
    at =
        kind & IPV6 ? put_ipv6(frame, at, kind, total - at) : put_ipv4(frame, at, kind, total - at);
    if (kind & UDP)
        at += 8;
    else
        frame[at + 12] = 0x50, at += 20;
    memcpy(bytes, frame, at < room ? at : room);
    return at < room ? at : room;
}

void hostile_push_slot(void)
{
    uint32_t gref = hostile_gref();
    unsigned offset = input_u16(&hostile.in), flags = input_u8(&hostile.in);
    unsigned id = input_u8(&hostile.in);

    sim_push_tx(&hostile.sim, gref, offset % 4200, flags, id, input_u16(&hostile.in));
}

void hostile_push_extra(void)
{
    netif_extra_info_t extra;

    input_bytes(&hostile.in, &extra, sizeof extra);
    extra.type %= XEN_NETIF_EXTRA_TYPE_MAX + 1;
    sim_push_extra(&hostile.sim, &extra);
}

/* The rest of a frame: in the next pages, and some of it where no part may be. Returns its length. */
static unsigned push_parts(unsigned page, unsigned parts)
{
    unsigned sum = 0;

    for (unsigned i = 0; i < parts; i++) {
        unsigned length = input_u16(&hostile.in);
        unsigned offset = length & 0x8000 ? input_u16(&hostile.in) % 4200 : 0;

        length = (length & 0x7fff) % 4200;
        sum += length;
        sim_push_tx(&hostile.sim, hostile.first_page + (page + i) % HOSTILE_PAGES, offset,
                    i + 1 < parts ? NETTXF_more_data : 0, 2 + i, length);
    }
    return sum;
}

void hostile_push_frame(void)
{
    unsigned kind = input_u8(&hostile.in), first = input_u16(&hostile.in) % 4200;
    unsigned page = input_u8(&hostile.in), offset = input_u16(&hostile.in) % PAGE;
    unsigned flags = input_u8(&hostile.in) & 15,
             parts = input_u8(&hostile.in) % (TX_SLOTS_FATAL + 1);
    uint32_t slot = hostile.sim.tx_ring->req_prod;
    netif_extra_info_t gso = {.type = XEN_NETIF_EXTRA_TYPE_GSO};
    unsigned total;

    flags = parts ? flags | NETTXF_more_data : flags & ~(unsigned)NETTXF_more_data;
    sim_push_tx(&hostile.sim, hostile.first_page + page % HOSTILE_PAGES, offset, flags, 1, 0);
    if (flags & NETTXF_extra_info) {
        gso.u.gso.size = input_u16(&hostile.in);
        gso.u.gso.type = kind & IPV6 ? XEN_NETIF_GSO_TYPE_TCPV6 : XEN_NETIF_GSO_TYPE_TCPV4;
        sim_push_extra(&hostile.sim, &gso);
    }
    total = first + push_parts(page, parts);
    hostile.sim.tx_ring->ring[slot % RING_SLOTS].req.size = (uint16_t)total;
    hostile_frame(page_of(page)->bytes + offset, PAGE - offset, kind, total, true);
}

/* ---- Oracles ---- */

void hostile_check_reach(void)
{
    sim_check(&hostile.sim);
    require(hostile.sim.stray == 0);
}

static void check_frame(const struct tx *tx, const struct sim_tx_frame *frame)
{
    const struct vf_offloads *can = &hostile.sim.vf_ops.offloads;
    const struct vf_offload *offload = &frame->offload;
    uint32_t total = 0, headers = (uint32_t)offload->mac_len + offload->ip_len + offload->l4_len;

    for (unsigned i = 0; i < frame->count; i++)
        total += frame->segments[i].length;
    /* Two tags at most go uncounted by the MTU. */
    require(total >= 14 && total <= 65535);
    require((frame->offloaded && offload->mss) || total <= vf_mtu(tx->queue->vf) + 22);
    if (!frame->offloaded)
        return;
    /* XSA-423: a NIC finds all headers in its first descriptor. */
    require(headers <= frame->segments[0].length);
    require(offload->mac_len <= can->mac_len_max && offload->ip_len <= can->ip_len_max);
    require(offload->l4 == VF_L4_TCP ? offload->l4_len >= 20 : offload->l4 == VF_L4_UDP);
    if (!offload->mss) {
        require(offload->ipv4 ? can->csum_ipv4 : can->csum_ipv6);
        return;
    }
    require(offload->ipv4 ? can->tso_ipv4 : can->tso_ipv6);
    require(offload->l4 == VF_L4_TCP && total > headers && offload->mss >= 88);
    require(offload->mss + headers <= vf_mtu(tx->queue->vf) + 22);
}

void hostile_check_frames(const struct tx *tx)
{
    const struct sim *sim = &hostile.sim;

    for (unsigned i = sim->tx_sent; i != sim->tx_posted; i++)
        check_frame(tx, &sim->tx[i % SIM_QUEUE]);
}

bool hostile_may_tag(uint16_t tag)
{
    const struct vf_trunk *trunk = &hostile.sim.vf.trunk;
    unsigned vlan = tag & 0xfff;

    for (unsigned i = 0; i < trunk->count; i++)
        if (trunk->vlans[i] == vlan)
            return true;
    return !vlan;
}

void hostile_send(const struct tx *tx, unsigned count)
{
    struct sim *sim = &hostile.sim;

    while (count-- && sim_send(sim, 1)) {
        require(memcmp(sim->wire + 6, hostile_mac, 6) == 0);
        if (memcmp(sim->wire + 12, "\x81\x00", 2) != 0)
            continue;
        /* No VLAN but the administrator's, or those of the trunk. */
        require(!tx->port_vlan && sim->wire_length >= 16);
        require(hostile_may_tag((uint16_t)(sim->wire[14] << 8 | sim->wire[15])));
    }
}
