/* SPDX-License-Identifier: MIT */
/* The send side against a guest and a VF in memory: what an honest guest sends, and in which forms netif.h lets it. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/tx_slots.h"
#include "unit/runner.h"
#include "unit/tx_world.h"

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
    ck_assert_mem_eq(sim.wire + 6, tx_mac, 6);
    ck_assert_uint_eq(sim.tx[0].segments[0].length, 54);
    ck_assert(sim.tx[0].offloaded && !sim.tx[0].offload.mss);
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

int main(void)
{
    Suite *suite = suite_create("tx");
    TCase *tcase = tcase_create("tx");

    tcase_add_checked_fixture(tcase, tx_setup, tx_teardown);
    tcase_add_test(tcase, one_frame);
    tcase_add_test(tcase, group_frames_are_noted);
    tcase_add_test(tcase, multicast_requests);
    tcase_add_test(tcase, multicast_list_full);
    tcase_add_test(tcase, multicast_not_offered);
    tcase_add_test(tcase, rate);
    tcase_add_test(tcase, jumbo);
    tcase_add_test(tcase, headers_are_private);
    tcase_add_test(tcase, small_frame_needs_no_pin);
    tcase_add_test(tcase, many_slots);
    tcase_add_test(tcase, headers_in_tiny_slots);
    tcase_add_test(tcase, empty_slots);
    tcase_add_test(tcase, gso);
    tcase_add_test(tcase, slow_vf);
    tcase_add_test(tcase, notification);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
