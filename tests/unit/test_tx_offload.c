/* SPDX-License-Identifier: MIT */
/* What is left blank or unsegmented in frames that leave: who finishes it, the VF or nobody. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/tx.h"
#include "sim/sim.h"

static struct sim sim;
static struct tx tx;
static struct translate translate;
static struct echo echo;
static struct dma_page header_pages[TX_HEADER_PAGES];
static struct port_ops port_ops;
static bool notify;
static uint8_t frame[4096];

static void setup(void)
{
    sim_open(&sim);
    memset(&tx, 0, sizeof tx);
    port_ops = *sim.port.ops;
    sim.port.ops = &port_ops;
    port_ops.dma_alloc(&sim.port, header_pages, TX_HEADER_PAGES);
    translate_host(&translate, &sim.port);
    tx.port = &sim.port;
    tx.translate = &translate;
    tx.vf = &sim.vf;
    tx.header_pages = tx.private_pages = header_pages;
    echo = (struct echo){.buffer = vf_rx_buffer(&sim.vf)};
    tx.echo = &echo;
    memcpy(tx.mac, "\x00\x16\x3e\x01\x02\x03", 6);
    tx_attach(&tx, sim.tx_ring);
}

static void teardown(void)
{
    ck_assert_uint_eq(sim.stray, 0);
    sim_close(&sim);
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

/* Pushes `frame` in one slot. */
static uint32_t push(unsigned flags, unsigned total)
{
    uint32_t gref = sim_grant(&sim, true);

    memcpy(sim_bytes(&sim, gref), frame, total);
    sim_push_tx(&sim, gref, 0, flags, 0, total);
    return gref;
}

static void push_gso(unsigned mss, unsigned type)
{
    netif_extra_info_t extra = {.type = XEN_NETIF_EXTRA_TYPE_GSO};

    extra.u.gso.size = (uint16_t)mss;
    extra.u.gso.type = (uint8_t)type;
    sim_push_extra(&sim, &extra);
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
    ck_assert(sim.tx[0].offloaded && sim.tx[0].offload.csum && !sim.tx[0].offload.ipv4);
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

int main(void)
{
    Suite *suite = suite_create("tx_offload");
    TCase *tcase = tcase_create("tx_offload");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, ipv6_checksum_by_the_vf, 0, 4);
    tcase_add_test(tcase, gso_ipv6);
    tcase_add_loop_test(tcase, gso_refused, 0, 8);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
