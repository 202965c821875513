/* SPDX-License-Identifier: MIT */
/* What is left blank or unsegmented in frames that leave: who finishes it, the VF or we, or nobody. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "unit/runner.h"
#include "unit/tx_world.h"

static struct port_ops port_ops;
static uint8_t frame[9100];

static void setup(void)
{
    tx_setup();
    port_ops = *sim.port.ops;
    sim.port.ops = &port_ops;
}

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static unsigned add(unsigned sum, const uint8_t *bytes, unsigned length)
{
    for (unsigned i = 0; i < length; i++)
        sum += i % 2 ? bytes[i] : (unsigned)bytes[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

/* How a frame is made: VLAN tags, bytes of an IPv6 destination options header (a multiple of 8, up to 2048), UDP or
 * TCP, and its whole length. */
struct shape {
    unsigned tags, options, protocol, total;
};

static unsigned l4_at(const struct shape *shape)
{
    return 14 + 4 * shape->tags + 40 + shape->options;
}

/* The frame in `frame`, L4 checksum field as a guest leaves it: the sum over the pseudo-header. */
static void build(const struct shape *shape)
{
    unsigned at = l4_at(shape), length = shape->total - at;
    uint8_t *ip = frame + 14 + 4 * shape->tags, *l4 = frame + at;

    for (unsigned i = 0; i < sizeof frame; i++)
        frame[i] = (uint8_t)(i * 7);
    memcpy(frame, "\xff\xff\xff\xff\xff\xff\x00\x16\x3e\x01\x02\x03", 12);
    for (unsigned i = 0; i < shape->tags; i++)
        put16(frame + 12 + 4 * i, i ? 0x8100 : 0x88a8);
    put16(frame + 12 + 4 * shape->tags, 0x86dd);
    ip[0] = 0x60;
    put16(ip + 4, shape->options + length);
    ip[6] = (uint8_t)(shape->options ? 60 : shape->protocol);
    if (shape->options) {
        ip[40] = (uint8_t)shape->protocol;
        ip[41] = (uint8_t)(shape->options / 8 - 1);
    }
    l4[12] = 0x50;
    put16(l4 + (shape->protocol == 6 ? 16 : 6), add(length + shape->protocol, ip + 8, 32));
}

/* What a receiver computes over pseudo-header and L4: 0xffff if the checksum is right. */
static unsigned verify(const struct shape *shape)
{
    unsigned at = l4_at(shape), length = shape->total - at;
    unsigned sum = add(length + shape->protocol, sim.wire + 14 + 4 * shape->tags + 8, 32);

    return add(sum, sim.wire + at, length);
}

/* Pushes `frame` in one slot. */
static uint32_t push(unsigned flags, unsigned total)
{
    uint32_t gref = sim_grant(&sim, true);

    memcpy(sim_bytes(&sim, gref), frame, total);
    sim_push_tx(&sim, gref, 0, flags, 0, total);
    return gref;
}

static void expect_dropped(void)
{
    ck_assert_int_eq(tx_take(&tx), 1);
    ck_assert_ptr_null(tx.fault);
    ck_assert_uint_eq(sim.tx_posted, 0);
    ck_assert_uint_eq(tx.counters.dropped, 1);
    ck_assert_int_ge(tx_complete(&tx, 1, &notify), 1);
    ck_assert_int_eq(sim_tx_response(&sim, 0)->status, NETIF_RSP_ERROR);
    ck_assert_uint_eq(sim.live_pins, 0);
    ck_assert_uint_eq(tx.bounces_taken, tx.bounces_back);
}

/* The VF sums IPv6, one VLAN tag and what extension headers lie within the header copy. */
START_TEST(ipv6_checksum_by_the_vf)
{
    static const struct shape shapes[] = {
        {0, 0, 6, 1514}, {0, 0, 17, 1000}, {1, 48, 6, 1518}, {0, 120, 17, 800}};
    const struct shape *shape = &shapes[_i];

    build(shape);
    push(NETTXF_csum_blank, shape->total);
    ck_assert_int_eq(tx_take(&tx), 1);
    ck_assert_uint_eq(sim.live_pins, 1);
    ck_assert(sim.tx[0].offloaded && !sim.tx[0].offload.ipv4);
    ck_assert_uint_eq(sim.tx[0].offload.mac_len, 14 + 4 * shape->tags);
    ck_assert_uint_eq(sim.tx[0].offload.ip_len, 40 + shape->options);
    ck_assert_int_eq(sim.tx[0].offload.l4, shape->protocol == 6 ? VF_L4_TCP : VF_L4_UDP);
    ck_assert_uint_eq(tx.counters.payload_copies, 0);
    sim_send(&sim, 1);
    ck_assert_mem_eq(sim.wire, frame, shape->total);
}
END_TEST

START_TEST(gso_ipv6)
{
    struct shape shape = {0, 48, 6, 4000};

    build(&shape);
    push(NETTXF_csum_blank | NETTXF_extra_info, 4000);
    push_gso(1300, XEN_NETIF_GSO_TYPE_TCPV6);
    ck_assert_int_eq(tx_take(&tx), 1);
    ck_assert(sim.tx[0].offloaded && !sim.tx[0].offload.ipv4);
    ck_assert_uint_eq(sim.tx[0].offload.mss, 1300);
    ck_assert_uint_eq(sim.tx[0].offload.ip_len, 88);
    ck_assert_uint_eq(sim.tx[0].segments[0].length, 14 + 88 + 20);
    /* 4000 - 122 = 3878 bytes of payload: two of 1300, one of 1278 */
    ck_assert_uint_eq(tx.counters.segments, 3);
    sim_send(&sim, 1);
    ck_assert_uint_eq(sim.wire[18] | sim.wire[19], 0);
    /* The sum is the guest's without the length: adding the length again gives what it was. */
    ck_assert_uint_eq(add(add(0, sim.wire + 118, 2) + 4000 - 102, NULL, 0), add(0, frame + 118, 2));
}
END_TEST

/* GSO that no VF can do, or that says one thing and is another. */
START_TEST(gso_refused)
{
    static const struct {
        struct shape shape;
        unsigned flags, mss, type;
    } cases[] = {
        {{0, 0, 6, 3000}, NETTXF_csum_blank, 1300, XEN_NETIF_GSO_TYPE_TCPV4},
        {{0, 0, 17, 3000}, NETTXF_csum_blank, 1300, XEN_NETIF_GSO_TYPE_TCPV6},
        {{2, 0, 6, 3000}, NETTXF_csum_blank, 1300, XEN_NETIF_GSO_TYPE_TCPV6},
        {{0, 200, 6, 3000}, NETTXF_csum_blank, 1000, XEN_NETIF_GSO_TYPE_TCPV6},
        {{0, 0, 6, 3000}, NETTXF_csum_blank, 1441, XEN_NETIF_GSO_TYPE_TCPV6},
        {{0, 0, 6, 3000}, NETTXF_csum_blank, 87, XEN_NETIF_GSO_TYPE_TCPV6},
        {{0, 0, 6, 74}, NETTXF_csum_blank, 1000, XEN_NETIF_GSO_TYPE_TCPV6},
        /* no sum of the guest's to go by */
        {{0, 8, 6, 3000}, 0, 1300, XEN_NETIF_GSO_TYPE_TCPV6},
    };

    build(&cases[_i].shape);
    push(cases[_i].flags | NETTXF_extra_info, cases[_i].shape.total);
    push_gso(cases[_i].mss, cases[_i].type);
    expect_dropped();
}
END_TEST

/* Too many tags; L4 beyond the header copy; beyond the VF's IPLEN. */
static const struct shape bounced[] = {
    {2, 0, 17, 1000}, {2, 0, 6, 1518}, {0, 256, 17, 701}, {0, 520, 6, 1514}, {1, 1024, 17, 1518}};

START_TEST(bounced_frame)
{
    const struct shape *shape = &bounced[_i];

    build(shape);
    push(NETTXF_csum_blank, shape->total);
    ck_assert_int_eq(tx_take(&tx), 1);
    ck_assert_uint_eq(sim.live_pins, 0);
    ck_assert_uint_eq(tx.counters.payload_copies, 1);
    ck_assert(!sim.tx[0].offloaded);
    ck_assert_uint_eq(tx.bounces_taken - tx.bounces_back, 1);
    sim_send(&sim, 1);
    ck_assert_uint_eq(sim.wire_length, shape->total);
    ck_assert_uint_eq(verify(shape), 0xffff);
    /* but for the checksum it is what the guest sent */
    put16(frame + l4_at(shape) + (shape->protocol == 6 ? 16 : 6),
          add(0, sim.wire + l4_at(shape) + (shape->protocol == 6 ? 16 : 6), 2));
    ck_assert_mem_eq(sim.wire, frame, shape->total);
    ck_assert_int_eq(tx_complete(&tx, 1, &notify), 1);
    ck_assert_uint_eq(tx.bounces_taken, tx.bounces_back);
    ck_assert_int_eq(sim_tx_response(&sim, 0)->status, NETIF_RSP_OKAY);
}
END_TEST

/* A frame that its VF never sent leaves its buffer to the next. */
START_TEST(bounced_and_given_up)
{
    for (unsigned i = 0; i < 2 * TX_BOUNCE_FRAMES; i++) {
        build(&bounced[0]);
        push(NETTXF_csum_blank, bounced[0].total);
        ck_assert_int_eq(tx_take(&tx), 1);
        ck_assert_uint_eq(tx.bounces_taken - tx.bounces_back, 1);
        ck_assert_int_eq(tx_give_up(&tx, &notify), 0);
        ck_assert_uint_eq(tx.bounces_taken, tx.bounces_back);
    }
}
END_TEST

/* The same in as many slots as there may be, the header copy ending within one. */
START_TEST(bounced_slots)
{
    struct shape shape = {2, 0, 17, 1000};
    unsigned part = 50, at = 1000 - 17 * part;
    uint32_t gref = sim_grant(&sim, true);

    build(&shape);
    memcpy(sim_bytes(&sim, gref) + 100, frame, 1000);
    sim_push_tx(&sim, gref, 100, NETTXF_csum_blank | NETTXF_more_data, 0, 1000);
    for (; at < 1000; at += part)
        sim_push_tx(&sim, gref, 100 + at, at + part < 1000 ? NETTXF_more_data : 0, 0, part);
    ck_assert_int_eq(tx_take(&tx), 1);
    sim_send(&sim, 1);
    ck_assert_uint_eq(sim.wire_length, 1000);
    ck_assert_uint_eq(verify(&shape), 0xffff);
    ck_assert_mem_eq(sim.wire + 100, frame + 100, 900);
    ck_assert_int_eq(tx_complete(&tx, 1, &notify), 18);
}
END_TEST

/* A small one is finished where it is: in the header copy. */
START_TEST(small_frame)
{
    struct shape shape = {2, 0, 17, 100};

    build(&shape);
    push(NETTXF_csum_blank, 100);
    ck_assert_int_eq(tx_take(&tx), 1);
    ck_assert_uint_eq(tx.bounces_taken, 0);
    ck_assert(!sim.tx[0].offloaded);
    sim_send(&sim, 1);
    ck_assert_uint_eq(sim.wire_length, 100);
    ck_assert_uint_eq(verify(&shape), 0xffff);
}
END_TEST

/* With a VF that sums nothing everything goes that way. */
START_TEST(vf_without_offloads)
{
    struct shape shape = {0, 0, 6, 1514};

    sim.vf_ops.offloads = (struct vf_offloads){0};
    build(&shape);
    push(NETTXF_csum_blank, 1514);
    push(0, 1514);
    ck_assert_int_eq(tx_take(&tx), 2);
    ck_assert_uint_eq(tx.counters.payload_copies, 1);
    ck_assert(!sim.tx[0].offloaded && !sim.tx[1].offloaded);
    sim_send(&sim, 1);
    ck_assert_uint_eq(verify(&shape), 0xffff);
}
END_TEST

/* A jumbo frame: over three of our pages, out of three of the guest's. */
START_TEST(bounced_jumbo)
{
    struct shape shape = {2, 0, 17, 9022};

    sim.vf.mtu = 9000;
    build(&shape);
    sim_push_tx(&sim, sim_grant(&sim, true), 50, NETTXF_csum_blank | NETTXF_more_data, 0, 9022);
    memcpy(sim_bytes(&sim, sim.next_page - 1) + 50, frame, 1000);
    sim_push_tx(&sim, sim_grant(&sim, true), 0, NETTXF_more_data, 1, 4096);
    memcpy(sim_bytes(&sim, sim.next_page - 1), frame + 1000, 4096);
    sim_push_tx(&sim, sim_grant(&sim, true), 0, 0, 2, 3926);
    memcpy(sim_bytes(&sim, sim.next_page - 1), frame + 5096, 3926);
    ck_assert_int_eq(tx_take(&tx), 1);
    ck_assert_uint_eq(sim.tx[0].count, 3);
    sim_send(&sim, 1);
    ck_assert_uint_eq(sim.wire_length, 9022);
    ck_assert_uint_eq(verify(&shape), 0xffff);
    ck_assert_mem_eq(sim.wire + 70, frame + 70, 9022 - 70);
}
END_TEST

/* Where the guest can reach what the VF reads, the frame is looked at and summed elsewhere. */
START_TEST(bounced_in_private)
{
    struct shape shape = {2, 0, 17, 1000};
    struct dma_page private_pages[TX_PAGES];

    port_ops.dma_alloc(&sim.port, private_pages, TX_PAGES);
    tx.private_pages = private_pages;
    build(&shape);
    push(NETTXF_csum_blank, 1000);
    ck_assert_int_eq(tx_take(&tx), 1);
    ck_assert_uint_eq(sim.tx[0].segments[0].dma, header_pages[TX_HEADER_PAGES].dma);
    memset(private_pages[TX_HEADER_PAGES].va, 0, 1000);
    sim_send(&sim, 1);
    ck_assert_uint_eq(sim.wire_length, 1000);
    ck_assert_uint_eq(verify(&shape), 0xffff);
}
END_TEST

/* A few at a time, in one batch or many; the others are dropped, and it goes on when the VF has sent some. */
START_TEST(bounce_limit)
{
    struct shape shape = {2, 0, 17, 1000};

    build(&shape);
    for (unsigned i = 0; i < TX_BOUNCE_FRAMES + 2; i++)
        push(NETTXF_csum_blank, 1000);
    ck_assert_int_eq(tx_take(&tx), TX_BOUNCE_FRAMES + 2);
    ck_assert_uint_eq(sim.tx_posted, TX_BOUNCE_FRAMES);
    ck_assert_uint_eq(tx.counters.dropped, 2);
    push(NETTXF_csum_blank, 1000);
    ck_assert_int_eq(tx_take(&tx), 1);
    ck_assert_uint_eq(tx.counters.dropped, 3);
    sim_send(&sim, 1);
    ck_assert_int_eq(tx_complete(&tx, 1, &notify), 1);
    put16(frame + 500, 0x1234); /* into the buffer that came back, and no other */
    push(NETTXF_csum_blank, 1000);
    ck_assert_int_eq(tx_take(&tx), 1);
    ck_assert_uint_eq(tx.counters.dropped, 3);
    for (unsigned i = 1; i < TX_BOUNCE_FRAMES; i++) {
        sim_send(&sim, 1);
        ck_assert_uint_eq(verify(&shape), 0xffff);
        ck_assert_uint_eq(sim.wire[500], 500 * 7 % 256);
    }
    sim_send(&sim, 1);
    ck_assert_uint_eq(verify(&shape), 0xffff);
    ck_assert_uint_eq(sim.wire[500], 0x12);
    ck_assert_int_eq(tx_complete(&tx, 1, &notify), TX_BOUNCE_FRAMES + 3);
    ck_assert_uint_eq(tx.bounces_taken, tx.bounces_back);
}
END_TEST

/* Blank checksums of which nobody knows where they are, or that are of less than is there. */
START_TEST(blank_refused)
{
    struct shape shape = {_i < 3 ? 0 : 2, 256, 17, 1000};
    uint8_t *options;

    build(&shape);
    options = frame + 14 + 4 * shape.tags + 40;
    switch (_i) {
    case 0: /* SCTP behind the header copy */
        options[0] = 132;
        break;
    case 1: /* a fragment there */
        options[0] = 44;
        break;
    case 2: /* extension headers longer than the frame */
        options[1] = 255;
        break;
    case 3: /* an IPv6 packet longer than the frame */
        put16(options - 36, 1500);
        break;
    case 4: /* shorter than its headers */
        put16(options - 36, 256);
        break;
    case 5: /* SCTP in sight */
        options[-34] = 132;
        break;
    case 6: /* a fragment in sight */
        options[-34] = 44;
        break;
    case 7: /* no IP at all */
        put16(options - 42, 0x88cc);
        break;
    }
    push(NETTXF_csum_blank, 1000);
    expect_dropped();
}
END_TEST

static int (*real_copy)(struct port *port, struct grant_copy *copies, unsigned count);
static uint32_t victim;

static int scribbling_copy(struct port *port, struct grant_copy *copies, unsigned count)
{
    int rc = real_copy(port, copies, count);

    memset(sim_bytes(&sim, victim), 0xee, 1000);
    return rc;
}

/* The guest changes its headers between our two copies: those that were checked leave. */
START_TEST(headers_are_copied_once)
{
    struct shape shape = {2, 0, 17, 1000};

    build(&shape);
    victim = push(NETTXF_csum_blank, 1000);
    real_copy = port_ops.copy;
    port_ops.copy = scribbling_copy;
    ck_assert_int_eq(tx_take(&tx), 1);
    sim_send(&sim, 1);
    ck_assert_uint_eq(sim.wire_length, 1000);
    ck_assert_mem_eq(sim.wire, frame, 22 + 40 + 6);
    ck_assert_uint_eq(sim.wire[999], 0xee);
    ck_assert_uint_eq(verify(&shape), 0xffff);
}
END_TEST

/* A part whose reference is bad: seen only when it is copied. */
START_TEST(bad_reference)
{
    struct shape shape = {2, 0, 17, 1000};
    uint32_t gref = sim_grant(&sim, true);

    build(&shape);
    memcpy(sim_bytes(&sim, gref), frame, 500);
    sim_push_tx(&sim, gref, 0, NETTXF_csum_blank | NETTXF_more_data, 0, 1000);
    sim_push_tx(&sim, 999, 0, 0, 1, 500);
    expect_dropped();
    push(NETTXF_csum_blank, 1000);
    ck_assert_int_eq(tx_take(&tx), 1);
    ck_assert_uint_eq(sim.tx_posted, 1);
}
END_TEST

START_TEST(failing_call)
{
    struct shape shape = {2, 0, 17, 1000};

    build(&shape);
    push(NETTXF_csum_blank, 1000);
    push(0, 1000);
    sim.fail_call = 2; /* the first copies headers */
    ck_assert_int_eq(tx_take(&tx), -1);
    ck_assert_ptr_null(tx.fault);
    ck_assert_uint_eq(sim.tx_posted, 0);
    ck_assert_int_eq(tx_abandon(&tx), 0);
    ck_assert_uint_eq(sim.live_pins, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tx_offload");
    TCase *tcase = tcase_create("tx_offload");

    tcase_add_checked_fixture(tcase, setup, tx_teardown);
    tcase_add_loop_test(tcase, ipv6_checksum_by_the_vf, 0, 4);
    tcase_add_test(tcase, gso_ipv6);
    tcase_add_loop_test(tcase, gso_refused, 0, 8);
    tcase_add_loop_test(tcase, bounced_frame, 0, sizeof bounced / sizeof bounced[0]);
    tcase_add_test(tcase, bounced_and_given_up);
    tcase_add_test(tcase, bounced_slots);
    tcase_add_test(tcase, small_frame);
    tcase_add_test(tcase, vf_without_offloads);
    tcase_add_test(tcase, bounced_jumbo);
    tcase_add_test(tcase, bounced_in_private);
    tcase_add_test(tcase, bounce_limit);
    tcase_add_loop_test(tcase, blank_refused, 0, 8);
    tcase_add_test(tcase, headers_are_copied_once);
    tcase_add_test(tcase, bad_reference);
    tcase_add_test(tcase, failing_call);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
