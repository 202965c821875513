/* SPDX-License-Identifier: MIT */
/* The send side against a guest and a VF in memory: what netif.h allows, what an honest guest gets wrong, what a
 * hostile one tries. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/tx.h"
#include "datapath/tx_slots.h"
#include "sim/sim.h"
#include "unit/runner.h"

static struct sim sim;
static struct tx tx;
static struct translate translate;
static struct echo echo;
static struct mcast mcast;
static struct dma_page header_pages[TX_PAGES];
static bool notify;

static const uint8_t mac[6] = {0x00, 0x16, 0x3e, 0x01, 0x02, 0x03};

static void setup(void)
{
    sim_open(&sim);
    memset(&tx, 0, sizeof tx);
    notify = false;
    sim.port.ops->dma_alloc(&sim.port, header_pages, TX_PAGES);
    translate_host(&translate, &sim.port);
    tx.port = &sim.port;
    tx.translate = &translate;
    tx.queue = &sim.queue;
    tx.header_pages = tx.private_pages = header_pages;
    echo = (struct echo){.buffer = vf_rx_buffer(&sim.vf)};
    tx.echo = &echo;
    tx.echo_count = 1;
    mcast_init(&mcast);
    tx.mcast = &mcast;
    memcpy(tx.mac, mac, sizeof mac);
    tx_attach(&tx, sim.tx_ring);
}

static void teardown(void)
{
    ck_assert_uint_eq(sim.stray, 0);
    sim_close(&sim);
}

/* An Ethernet + IPv4 + TCP header (54 bytes) from our MAC, then bytes that count up. */
static void fill_tcp(uint8_t *bytes, unsigned total)
{
    static const uint8_t header[54] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x16, 0x3e, 0x01, 0x02, 0x03, 0x08, 0x00,
        0x45, 0,    0x05, 0xdc, 0,    1,    0x40, 0,    64,   6,    0xaa, 0xbb, 10,   77,
        0,    2,    10,   77,   0,    1,    0x12, 0x34, 0x14, 0x51, 0,    0,    0,    1,
        0,    0,    0,    2,    0x50, 0x10, 0xff, 0xff, 0x77, 0x88, 0,    0};

    memcpy(bytes, header, sizeof header);
    for (unsigned i = sizeof header; i < total; i++)
        bytes[i] = (uint8_t)i;
}

static uint32_t push_simple(unsigned id, unsigned size, unsigned flags)
{
    uint32_t gref = sim_grant(&sim, true);

    fill_tcp(sim_bytes(&sim, gref), size);
    sim_push_tx(&sim, gref, 0, flags, id, size);
    return gref;
}

static void expect_response(unsigned index, unsigned id, int status)
{
    ck_assert_uint_eq(sim_tx_response(&sim, index)->id, id);
    ck_assert_int_eq(sim_tx_response(&sim, index)->status, status);
}

START_TEST(one_frame)
{
    uint32_t gref = push_simple(7, 1000, 0);

    ck_assert_int_eq(tx_take(&tx), 1);
    ck_assert_uint_eq(sim.doorbells, 1);
    ck_assert_uint_eq(sim.live_pins, 1);
    /* the VF has not sent it: no answer, and the page stays pinned */
    ck_assert_int_eq(tx_complete(&tx, 1, &notify), 0);
    ck_assert_uint_eq(sim.live_pins, 1);
    ck_assert_uint_eq(sim.tx_ring->rsp_prod, 0);
    ck_assert_uint_eq(sim_send(&sim, 9), 1);
    ck_assert_uint_eq(sim.wire_length, 1000);
    ck_assert_mem_eq(sim.wire, sim_bytes(&sim, gref), 1000);
    ck_assert_int_eq(tx_complete(&tx, 1, &notify), 1);
    ck_assert_uint_eq(sim.live_pins, 0);
    ck_assert_uint_eq(sim.tx_ring->rsp_prod, 1);
    expect_response(0, 7, NETIF_RSP_OKAY);
    ck_assert(!sim.tx[0].offloaded);
}
END_TEST

/* The receiving side is told of what may come back, and of nothing else. */
START_TEST(group_frames_are_noted)
{
    uint8_t *bytes = sim_bytes(&sim, push_simple(1, 700, 0));

    bytes[0] = 0x02; /* to one station */
    tx_take(&tx);
    ck_assert(!echo_possible(&echo, 0, 700));
    push_simple(2, 700, 0); /* broadcast */
    tx_take(&tx);
    ck_assert(echo_possible(&echo, 0, 700));
    ck_assert(echo_possible(&echo, ECHO_WINDOW - 1, 700));
    ck_assert(!echo_possible(&echo, ECHO_WINDOW, 700));
    ck_assert(!echo_possible(&echo, 0, 701));
    push_simple(3, 56, 0); /* the VF pads it */
    tx_take(&tx);
    ck_assert(echo_possible(&echo, 0, 60));
}
END_TEST

static void push_mcast(unsigned id, unsigned type, unsigned number, bool more)
{
    netif_extra_info_t extra = {.type = (uint8_t)type,
                                .flags = more ? XEN_NETIF_EXTRA_FLAG_MORE : 0};
    const uint8_t address[6] = {0x33, 0x33, 0, 0, (uint8_t)(number >> 8), (uint8_t)number};

    memcpy(extra.u.mcast.addr, address, sizeof address);
    /* a dummy: neither its reference nor its size mean anything */
    if (id)
        sim_push_tx(&sim, 999, 5000, NETTXF_extra_info | NETTXF_more_data, id, 0);
    sim_push_extra(&sim, &extra);
}

/* Answered like any request, the extra by RSP_NULL, in ring order; never sent, copied or counted as a frame. */
START_TEST(multicast_requests)
{
    struct vf_multicast list;

    push_simple(1, 300, 0);
    push_mcast(2, XEN_NETIF_EXTRA_TYPE_MCAST_ADD, 1, false);
    push_mcast(3, XEN_NETIF_EXTRA_TYPE_MCAST_ADD, 2, true);
    push_mcast(0, XEN_NETIF_EXTRA_TYPE_MCAST_DEL, 1, false);
    push_mcast(4, XEN_NETIF_EXTRA_TYPE_MCAST_DEL, 77, false); /* not there: fine */
    push_simple(5, 300, 0);
    ck_assert_int_eq(tx_take(&tx), 5);
    ck_assert_uint_eq(sim_send(&sim, 9), 2);
    ck_assert_int_eq(tx_complete(&tx, 1, &notify), 9);
    expect_response(0, 1, NETIF_RSP_OKAY);
    expect_response(1, 2, NETIF_RSP_OKAY);
    ck_assert_int_eq(sim_tx_response(&sim, 2)->status, NETIF_RSP_NULL);
    expect_response(3, 3, NETIF_RSP_OKAY);
    ck_assert_int_eq(sim_tx_response(&sim, 4)->status, NETIF_RSP_NULL);
    ck_assert_int_eq(sim_tx_response(&sim, 5)->status, NETIF_RSP_NULL);
    expect_response(6, 4, NETIF_RSP_OKAY);
    expect_response(8, 5, NETIF_RSP_OKAY);
    ck_assert_uint_eq(tx.counters.packets, 2);
    ck_assert_uint_eq(tx.counters.dropped, 0);
    mcast_read(&mcast, &list);
    ck_assert_uint_eq(list.count, 1);
    ck_assert_uint_eq(list.addresses[0][5], 2);
}
END_TEST

START_TEST(multicast_list_full)
{
    for (unsigned i = 0; i < VF_MULTICAST_MAX + 1; i++) {
        push_mcast(i + 1, XEN_NETIF_EXTRA_TYPE_MCAST_ADD, i, false);
        ck_assert_int_eq(tx_take(&tx), 1);
        tx_complete(&tx, 1, &notify);
    }
    expect_response(2 * (VF_MULTICAST_MAX - 1), VF_MULTICAST_MAX, NETIF_RSP_OKAY);
    expect_response(2 * VF_MULTICAST_MAX, VF_MULTICAST_MAX + 1, NETIF_RSP_ERROR);
    ck_assert_ptr_null(tx.fault);
}
END_TEST

/* Where it was not offered it is what it was: an extra that nobody asked for. */
START_TEST(multicast_not_offered)
{
    netif_extra_info_t extra = {.type = XEN_NETIF_EXTRA_TYPE_MCAST_ADD};

    tx.mcast = NULL;
    sim_push_tx(&sim, sim_grant(&sim, true), 0, NETTXF_extra_info, 1, 300);
    sim_push_extra(&sim, &extra);
    ck_assert_int_eq(tx_take(&tx), 1);
    tx_complete(&tx, 1, &notify);
    expect_response(0, 1, NETIF_RSP_ERROR);
}
END_TEST

static const struct {
    uint8_t tag[4];
    bool port_vlan, passes;
} tags[] = {
    {{0x81, 0x00, 0x00, 0x0a}, false, false}, {{0x81, 0x00, 0x0f, 0xff}, false, false},
    {{0x81, 0x00, 0x01, 0x00}, false, false}, {{0x81, 0x00, 0xe0, 0x00}, false, true},
    {{0x81, 0x00, 0xe0, 0x00}, true, false},  {{0x81, 0x00, 0x00, 0x0a}, true, false},
    {{0x88, 0xa8, 0x00, 0x0a}, true, true}, /* to the VF it is payload of the port's VLAN */
    {{0x08, 0x00, 0x45, 0x00}, true, true},
};

START_TEST(vlan_tags)
{
    memcpy(sim_bytes(&sim, push_simple(1, 400, 0)) + 12, tags[_i].tag, 4);
    tx.port_vlan = tags[_i].port_vlan;
    ck_assert_int_eq(tx_take(&tx), 1);
    ck_assert_uint_eq(tx.counters.packets, tags[_i].passes);
    ck_assert_uint_eq(tx.counters.spoofed, !tags[_i].passes);
}
END_TEST

/* The VF would pad it, and find a tag. */
START_TEST(cut_tag)
{
    sim_bytes(&sim, push_simple(1, 15, 0))[12] = 0x81;
    ck_assert_int_eq(tx_take(&tx), 1);
    ck_assert_uint_eq(tx.counters.spoofed, 1);
}
END_TEST

/* What is beyond the limit stays on the ring, where the guest feels it. */
START_TEST(rate)
{
    bucket_set(&tx.bucket, (struct rate){2500, 1000}, 0);
    for (unsigned i = 0; i < 6; i++)
        push_simple(i, 1000, 0);
    ck_assert_int_eq(tx_take(&tx), 3); /* the third overdraws by 500 */
    ck_assert_int_eq(tx_take(&tx), 0);
    bucket_refill(&tx.bucket, 200000);
    ck_assert_int_eq(tx_take(&tx), 0);
    bucket_refill(&tx.bucket, 500000); /* 1250 earned, 750 left */
    ck_assert_int_eq(tx_take(&tx), 1);
    ck_assert_uint_eq(tx.counters.dropped, 0);
    bucket_set(&tx.bucket, (struct rate){0}, 0);
    ck_assert_int_eq(tx_take(&tx), 2);
}
END_TEST

/* The longest frame follows the MTU. */
START_TEST(jumbo)
{
    uint32_t a = sim_grant(&sim, true), b = sim_grant(&sim, true), c = sim_grant(&sim, true);

    for (unsigned over = 0; over < 2; over++) {
        fill_tcp(sim_bytes(&sim, a), 4096);
        sim_push_tx(&sim, a, 0, NETTXF_more_data, 1, 9014 + over);
        sim_push_tx(&sim, b, 0, NETTXF_more_data, 2, 4096);
        sim_push_tx(&sim, c, 0, 0, 3, 9014 + over - 8192);
    }
    ck_assert_int_eq(tx_take(&tx), 2);
    ck_assert_uint_eq(tx.counters.dropped, 2);
    sim.vf.mtu = 9000;
    for (unsigned over = 0; over < 2; over++) {
        sim_push_tx(&sim, a, 0, NETTXF_more_data, 1, 9014 + over);
        sim_push_tx(&sim, b, 0, NETTXF_more_data, 2, 4096);
        sim_push_tx(&sim, c, 0, 0, 3, 9014 + over - 8192);
    }
    ck_assert_int_eq(tx_take(&tx), 2);
    ck_assert_uint_eq(tx.counters.dropped, 3);
    sim_send(&sim, 1);
    ck_assert_uint_eq(sim.wire_length, 9014);
}
END_TEST

/* The headers are sent from our copy: what the guest writes after the check changes nothing. */
START_TEST(headers_are_private)
{
    uint32_t gref = push_simple(1, 600, NETTXF_csum_blank);

    ck_assert_int_eq(tx_take(&tx), 1);
    memset(sim_bytes(&sim, gref), 0xee, 54);
    sim_send(&sim, 1);
    ck_assert_mem_eq(sim.wire + 6, mac, 6);
    ck_assert_uint_eq(sim.tx[0].segments[0].length, 54);
    ck_assert(sim.tx[0].offloaded && sim.tx[0].offload.csum && !sim.tx[0].offload.mss);
    ck_assert_uint_eq(sim.tx[0].offload.ip_len, 20);
    ck_assert_int_eq(sim.tx[0].offload.l4, VF_L4_TCP);
}
END_TEST

START_TEST(small_frame_needs_no_pin)
{
    push_simple(1, 60, NETTXF_csum_blank);
    ck_assert_int_eq(tx_take(&tx), 1);
    ck_assert_uint_eq(sim.live_pins, 0);
    ck_assert_uint_eq(tx.counters.payload_copies, 1);
    sim_send(&sim, 1);
    ck_assert_uint_eq(sim.wire_length, 60);
}
END_TEST

/* The first slot carries the whole length, the others their own (netif.h). */
START_TEST(many_slots)
{
    uint32_t a = sim_grant(&sim, true), b = sim_grant(&sim, true), c = sim_grant(&sim, true);

    fill_tcp(sim_bytes(&sim, a) + 100, 200);
    memset(sim_bytes(&sim, b), 0xbb, 4096);
    memset(sim_bytes(&sim, c), 0xcc, 4096);
    sim_push_tx(&sim, a, 100, NETTXF_more_data, 1, 200 + 500 + 600);
    sim_push_tx(&sim, b, 3596, NETTXF_more_data, 2, 500);
    sim_push_tx(&sim, c, 0, 0, 3, 600);
    ck_assert_int_eq(tx_take(&tx), 1);
    ck_assert_uint_eq(sim.live_pins, 3);
    sim_send(&sim, 1);
    ck_assert_uint_eq(sim.wire_length, 1300);
    ck_assert_mem_eq(sim.wire, sim_bytes(&sim, a) + 100, 200);
    ck_assert_uint_eq(sim.wire[200], 0xbb);
    ck_assert_uint_eq(sim.wire[700], 0xcc);
    ck_assert_int_eq(tx_complete(&tx, 1, &notify), 3);
    for (unsigned i = 0; i < 3; i++)
        expect_response(i, i + 1, NETIF_RSP_OKAY);
}
END_TEST

/* XSA-423 and XSA-432: headers scattered over as many slots as there may be. */
START_TEST(headers_in_tiny_slots)
{
    uint32_t gref = sim_grant(&sim, true), big = sim_grant(&sim, true);
    uint8_t frame[600];

    fill_tcp(frame, sizeof frame);
    memcpy(sim_bytes(&sim, gref), frame, 4096 < sizeof frame ? 4096 : sizeof frame);
    memcpy(sim_bytes(&sim, big), frame + 14 + 16, sizeof frame - 30);
    sim_push_tx(&sim, gref, 0, NETTXF_more_data, 0, sizeof frame);
    for (unsigned i = 1; i < 17; i++)
        sim_push_tx(&sim, gref, 13 + i, NETTXF_more_data, i, 1);
    sim_push_tx(&sim, big, 0, 0, 17, sizeof frame - 30);
    ck_assert_int_eq(tx_take(&tx), 1);
    sim_send(&sim, 1);
    ck_assert_uint_eq(sim.wire_length, sizeof frame);
    ck_assert_mem_eq(sim.wire, frame, sizeof frame);
    ck_assert_uint_eq(sim.tx[0].segments[0].length, 54);
}
END_TEST

/* XSA-448: empty parts are answered, and are no descriptors. */
START_TEST(empty_slots)
{
    uint32_t a = sim_grant(&sim, true);

    fill_tcp(sim_bytes(&sim, a), 300);
    sim_push_tx(&sim, a, 0, NETTXF_more_data, 1, 300);
    sim_push_tx(&sim, 999, 4096, NETTXF_more_data, 2, 0);
    sim_push_tx(&sim, 999, 0, 0, 3, 0);
    ck_assert_int_eq(tx_take(&tx), 1);
    ck_assert_uint_eq(sim_send(&sim, 1), 1);
    ck_assert_uint_eq(sim.wire_length, 300);
    ck_assert_int_eq(tx_complete(&tx, 1, &notify), 3);
}
END_TEST

static void push_gso(unsigned mss, unsigned type)
{
    netif_extra_info_t extra = {.type = XEN_NETIF_EXTRA_TYPE_GSO};

    extra.u.gso.size = (uint16_t)mss;
    extra.u.gso.type = (uint8_t)type;
    sim_push_extra(&sim, &extra);
}

/* A 64 KiB frame: 17 data slots and an extra; the VF gets the headers edited as TSO wants them. */
START_TEST(gso)
{
    unsigned total = 54 + 15 * 4096;
    uint32_t first = sim_grant(&sim, true);
    struct headers headers;

    fill_tcp(sim_bytes(&sim, first), 54);
    sim_push_tx(&sim, first, 0, NETTXF_extra_info | NETTXF_csum_blank | NETTXF_more_data, 1, total);
    push_gso(1460, XEN_NETIF_GSO_TYPE_TCPV4);
    for (unsigned i = 0; i < 15; i++)
        sim_push_tx(&sim, sim_grant(&sim, true), 0, i < 14 ? NETTXF_more_data : 0, 2 + i, 4096);
    ck_assert_int_eq(tx_take(&tx), 1);
    ck_assert_uint_eq(sim.live_pins, 15);
    sim_send(&sim, 1);
    ck_assert_uint_eq(sim.wire_length, total);
    ck_assert_uint_eq(sim.tx[0].offload.mss, 1460);
    ck_assert_uint_eq(tx.counters.segments, (15 * 4096 + 1459) / 1460);
    headers_read(sim.wire, 54, &headers);
    ck_assert_uint_eq(sim.wire[16] | sim.wire[17] | sim.wire[24] | sim.wire[25], 0);
    /* 0x0a4d + 0x0002 + 0x0a4d + 0x0001 + 6 = 0x14a3 */
    ck_assert_uint_eq(sim.wire[50] << 8 | sim.wire[51], 0x14a3);
    ck_assert_int_eq(tx_complete(&tx, 1, &notify), 17);
    expect_response(0, 1, NETIF_RSP_OKAY);
    ck_assert_int_eq(sim_tx_response(&sim, 1)->status, NETIF_RSP_NULL);
    expect_response(2, 2, NETIF_RSP_OKAY);
}
END_TEST

/* Frames that are answered with an error and not sent; the vif lives on. */
START_TEST(refused_frames)
{
    uint32_t good = sim_grant(&sim, true), spoofed = sim_grant(&sim, true);
    uint32_t udp = sim_grant(&sim, true);

    fill_tcp(sim_bytes(&sim, good), 2000);
    fill_tcp(sim_bytes(&sim, spoofed), 100);
    sim_bytes(&sim, spoofed)[11] ^= 1;
    fill_tcp(sim_bytes(&sim, udp), 100);
    sim_bytes(&sim, udp)[23] = 47; /* GRE: nothing that could be summed */
    sim_push_tx(&sim, spoofed, 0, 0, 0, 100);
    sim_push_tx(&sim, 12345, 0, 0, 1, 100);               /* no such reference */
    sim_push_tx(&sim, good, 0, 0, 2, 13);                 /* no Ethernet header */
    sim_push_tx(&sim, good, 0, 0, 3, 1600);               /* too long */
    sim_push_tx(&sim, udp, 0, NETTXF_csum_blank, 4, 100); /* nothing to sum */
    sim_push_tx(&sim, good, 0, NETTXF_more_data, 5, 100); /* parts exceed the whole */
    sim_push_tx(&sim, good, 0, 0, 6, 200);
    sim_push_tx(&sim, good, 0, NETTXF_extra_info | NETTXF_csum_blank, 7, 1400);
    push_gso(TX_MSS_MIN - 1, XEN_NETIF_GSO_TYPE_TCPV4);
    sim_push_tx(&sim, good, 0, NETTXF_extra_info | NETTXF_csum_blank, 8, 2000);
    push_gso(9000, XEN_NETIF_GSO_TYPE_TCPV4);
    ck_assert_int_eq(tx_take(&tx), 8);
    ck_assert_ptr_null(tx.fault);
    ck_assert_uint_eq(sim.tx_posted, 0);
    ck_assert_int_eq(tx_complete(&tx, 1, &notify), 11);
    ck_assert_uint_eq(sim.live_pins, 0);
    for (unsigned i = 0; i < 8; i++)
        expect_response(i, i, NETIF_RSP_ERROR);
    ck_assert_int_eq(sim_tx_response(&sim, 8)->status, NETIF_RSP_NULL);
    ck_assert_uint_eq(tx.counters.dropped, 8);
    ck_assert_uint_eq(tx.counters.spoofed, 1);
    push_simple(50, 500, 0);
    ck_assert_int_eq(tx_take(&tx), 1);
    ck_assert_uint_eq(sim_send(&sim, 1), 1);
}
END_TEST

/* 18 slots are the limit, 19 a mistake, 20 an attack. */
static void push_slots(unsigned slots)
{
    uint32_t gref = sim_grant(&sim, true);

    fill_tcp(sim_bytes(&sim, gref), 4096);
    sim_push_tx(&sim, gref, 0, slots > 1 ? NETTXF_more_data : 0, 0, 400 + slots - 1);
    for (unsigned i = 1; i < slots; i++)
        sim_push_tx(&sim, gref, 399 + i, i < slots - 1 ? NETTXF_more_data : 0, i, 1);
}

START_TEST(slot_limits)
{
    push_slots(18);
    ck_assert_int_eq(tx_take(&tx), 1);
    ck_assert_uint_eq(sim.tx_posted, 1);
    push_slots(19);
    ck_assert_int_eq(tx_take(&tx), 1);
    ck_assert_uint_eq(sim.tx_posted, 1);
    ck_assert_uint_eq(tx.counters.dropped, 1);
    push_slots(20);
    ck_assert_int_eq(tx_take(&tx), -1);
    ck_assert_ptr_nonnull(tx.fault);
}
END_TEST

/* Each of these ends the vif: no frontend does it by mistake. */
START_TEST(guest_faults)
{
    uint32_t gref = sim_grant(&sim, true);
    netif_extra_info_t extra = {.type = XEN_NETIF_EXTRA_TYPE_MAX};

    switch (_i) {
    case 0: /* XSA-39: more requests than slots */
        sim.tx_ring->req_prod = 257;
        break;
    case 1: /* moving backwards */
        sim.tx_ring->req_prod = (uint32_t)-1;
        break;
    case 2: /* across the page's end */
        sim_push_tx(&sim, gref, 4000, 0, 0, 97);
        break;
    case 3: /* offset beyond the page, with a sum that wraps in 16 bits */
        sim_push_tx(&sim, gref, 0xffff, 0, 0, 100);
        break;
    case 4: /* a later part across the page's end */
        sim_push_tx(&sim, gref, 0, NETTXF_more_data, 0, 1000);
        sim_push_tx(&sim, gref, 4090, 0, 0, 7);
        break;
    case 5: /* a chain that leads nowhere */
        sim_push_tx(&sim, gref, 0, NETTXF_more_data, 0, 1000);
        break;
    case 6: /* an extra that is not there */
        sim_push_tx(&sim, gref, 0, NETTXF_extra_info, 0, 1000);
        break;
    case 7: /* an extra of no type */
        sim_push_tx(&sim, gref, 0, NETTXF_extra_info, 0, 1000);
        sim_push_extra(&sim, &extra);
        break;
    case 8: /* GSO without a size */
        sim_push_tx(&sim, gref, 0, NETTXF_extra_info, 0, 1000);
        push_gso(0, XEN_NETIF_GSO_TYPE_TCPV4);
        break;
    case 9: /* GSO of a type that does not exist */
        sim_push_tx(&sim, gref, 0, NETTXF_extra_info, 0, 1000);
        push_gso(1000, 3);
        break;
    case 10: /* GSO of a type that was not offered */
        sim.vf_ops.offloads.tso_ipv6 = false;
        sim_push_tx(&sim, gref, 0, NETTXF_extra_info, 0, 1000);
        push_gso(1000, XEN_NETIF_GSO_TYPE_TCPV6);
        break;
    }
    ck_assert_int_eq(tx_take(&tx), -1);
    ck_assert_ptr_nonnull(tx.fault);
    ck_assert_uint_eq(sim.tx_posted, 0);
    ck_assert_int_eq(tx_abandon(&tx), 0);
}
END_TEST

/* The ring goes round many times; the VF is slow and finishes in lumps; answers keep their order. */
START_TEST(slow_vf)
{
    uint32_t grefs[8];
    unsigned pushed = 0, answered = 0;

    for (unsigned i = 0; i < 8; i++) {
        grefs[i] = sim_grant(&sim, true);
        fill_tcp(sim_bytes(&sim, grefs[i]), 1500);
    }
    sim.tx_ring->rsp_event = 1;
    while (answered < 5000) {
        while (pushed - answered < 200)
            sim_push_tx(&sim, grefs[pushed % 8], 0, 0, pushed % 256, 1400), pushed++;
        ck_assert_int_ge(tx_take(&tx), 0);
        ck_assert_uint_le(sim.live_pins, 256);
        sim_send(&sim, pushed % 7 + 1);
        ck_assert_int_ge(tx_complete(&tx, pushed % 3, &notify), 0);
        for (; answered != sim.tx_ring->rsp_prod; answered++)
            expect_response(answered, answered % 256, NETIF_RSP_OKAY);
    }
    ck_assert_uint_gt(tx_outstanding(&tx), 0);
    ck_assert_int_eq(tx_abandon(&tx), 0);
    ck_assert_uint_eq(sim.live_pins, 0);
}
END_TEST

/* The guest is told when it has asked to be, and only then. */
START_TEST(notification)
{
    sim.tx_ring->rsp_event = 2;
    push_simple(0, 500, 0);
    tx_take(&tx);
    sim_send(&sim, 1);
    tx_complete(&tx, 1, &notify);
    ck_assert(!notify);
    push_simple(1, 500, 0);
    tx_take(&tx);
    sim_send(&sim, 1);
    tx_complete(&tx, 1, &notify);
    ck_assert(notify);
}
END_TEST

/* Whatever call fails, nothing stays pinned and nothing is answered that is not released. */
START_TEST(failing_calls)
{
    for (unsigned n = 1; n <= 4; n++) {
        int taken, completed = 0;

        sim_close(&sim);
        setup();
        push_simple(0, 1000, 0);
        push_simple(1, 1000, 0);
        sim.fail_call = n;
        taken = tx_take(&tx);
        if (taken >= 0) {
            sim_send(&sim, 2);
            completed = tx_complete(&tx, 1, &notify);
        }
        if (n <= 3) {
            ck_assert(taken < 0 || completed < 0);
            ck_assert_uint_eq(sim.tx_ring->rsp_prod, 0);
        }
        sim.fail_call = 0;
        ck_assert_int_eq(tx_abandon(&tx), 0);
        ck_assert_uint_eq(sim.live_pins,
                          n == 3 ? 2 : 0); /* Xen refused these two: journaled, not tried again */
        ck_assert_uint_eq(sim.stray, 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tx");
    TCase *tcase = tcase_create("tx");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, one_frame);
    tcase_add_test(tcase, group_frames_are_noted);
    tcase_add_test(tcase, multicast_requests);
    tcase_add_test(tcase, multicast_list_full);
    tcase_add_test(tcase, multicast_not_offered);
    tcase_add_loop_test(tcase, vlan_tags, 0, (int)(sizeof tags / sizeof tags[0]));
    tcase_add_test(tcase, cut_tag);
    tcase_add_test(tcase, rate);
    tcase_add_test(tcase, jumbo);
    tcase_add_test(tcase, headers_are_private);
    tcase_add_test(tcase, small_frame_needs_no_pin);
    tcase_add_test(tcase, many_slots);
    tcase_add_test(tcase, headers_in_tiny_slots);
    tcase_add_test(tcase, empty_slots);
    tcase_add_test(tcase, gso);
    tcase_add_test(tcase, refused_frames);
    tcase_add_test(tcase, slot_limits);
    tcase_add_loop_test(tcase, guest_faults, 0, 11);
    tcase_add_test(tcase, slow_vf);
    tcase_add_test(tcase, notification);
    tcase_add_test(tcase, failing_calls);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
