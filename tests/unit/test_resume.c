/* SPDX-License-Identifier: MIT */
/* A VF goes while a guest is at work, and another one goes on with the same rings: everything that was taken is
 * answered once, in its place, and only when its page is released. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/rx.h"
#include "datapath/tx.h"
#include "sim/sim.h"
#include "unit/runner.h"
#include "vf/absent.h"

static struct sim sim;
static struct vf absent;
static struct vf_queue absent_queues[VF_QUEUES_MAX];
static struct tx tx;
static struct rx rx;
static struct translate translate;
static struct dma_page header_pages[TX_PAGES], scratch;
static struct echo echo;
static struct mcast mcast;
static bool notify;
static uint8_t frame[5000];

static const uint8_t mac[6] = {0x00, 0x16, 0x3e, 0x01, 0x02, 0x03};

static void setup(void)
{
    sim_open(&sim);
    memset(&tx, 0, sizeof tx);
    memset(&rx, 0, sizeof rx);
    notify = false;
    vf_absent(&absent, absent_queues);
    sim.port.ops->dma_alloc(&sim.port, header_pages, TX_PAGES);
    translate_host(&translate, &sim.port);
    tx.port = &sim.port;
    tx.translate = rx.translate = &translate;
    tx.queue = rx.queue = &sim.queue;
    sim.port.ops->dma_alloc(&sim.port, &scratch, 1);
    tx.header_pages = tx.private_pages = header_pages;
    rx.scratch = &scratch;
    echo = (struct echo){.buffer = vf_rx_buffer(&sim.vf)};
    tx.echo = rx.echo = &echo;
    tx.echo_count = 1;
    mcast_init(&mcast);
    tx.mcast = &mcast;
    memcpy(tx.mac, mac, sizeof mac);
    memcpy(rx.mac, mac, sizeof mac);
    tx_attach(&tx, sim.tx_ring);
    rx_attach(&rx, sim.rx_ring);
    sim.tx_ring->rsp_event = sim.rx_ring->rsp_event = 1;
}

static void teardown(void)
{
    ck_assert_uint_eq(sim.stray, 0);
    sim_close(&sim);
}

/* Quiet, with all that it had to do undone. */
static void vf_goes(void)
{
    tx.queue = rx.queue = &absent_queues[0];
    tx.no_link = true;
}

static void vf_comes(void)
{
    sim.tx_posted = sim.tx_sent = sim.tx_reaped = sim.tx_rung = 0;
    sim.rx_posted = sim.rx_filled = sim.rx_reaped = 0;
    tx.queue = rx.queue = &sim.queue;
    tx.no_link = false;
}

static void push_frame(unsigned id, unsigned size)
{
    uint32_t gref = sim_grant(&sim, true);

    memcpy(sim_bytes(&sim, gref) + 6, mac, sizeof mac);
    sim_push_tx(&sim, gref, 0, 0, id, size);
}

static void expect_tx(unsigned index, unsigned id, int status)
{
    ck_assert_uint_eq(sim_tx_response(&sim, index)->id, id);
    ck_assert_int_eq(sim_tx_response(&sim, index)->status, status);
}

START_TEST(frames_on_their_way_are_answered)
{
    for (unsigned i = 0; i < 4; i++)
        push_frame(10 + i, 1000);
    ck_assert_int_eq(tx_take(&tx), 4);
    sim_send(&sim, 1);
    ck_assert_int_eq(tx_complete(&tx, 1, &notify), 1);
    expect_tx(0, 10, NETIF_RSP_OKAY);
    ck_assert_uint_eq(sim.live_pins, 3);

    notify = false;
    ck_assert_int_eq(tx_give_up(&tx, &notify), 0);
    ck_assert_uint_eq(sim.live_pins, 0);
    ck_assert_uint_eq(sim.tx_ring->rsp_prod, 4);
    ck_assert_uint_eq(tx_outstanding(&tx), 0);
    for (unsigned i = 1; i < 4; i++)
        expect_tx(i, 10 + i, NETIF_RSP_ERROR);
    ck_assert_uint_eq(tx.counters.dropped, 3);

    vf_comes();
    push_frame(20, 1000);
    ck_assert_int_eq(tx_take(&tx), 1);
    ck_assert_int_eq(tx_complete(&tx, 1, &notify), 0);
    sim_send(&sim, 1);
    ck_assert_int_eq(tx_complete(&tx, 1, &notify), 1);
    expect_tx(4, 20, NETIF_RSP_OKAY);
}
END_TEST

START_TEST(each_slot_of_a_frame_is_answered)
{
    netif_extra_info_t extra = {.type = XEN_NETIF_EXTRA_TYPE_GSO,
                                .u.gso = {.size = 1400, .type = XEN_NETIF_GSO_TYPE_TCPV4}};
    uint32_t gref = sim_grant(&sim, true);
    static const uint8_t header[54] = {[6] = 0x00, 0x16, 0x3e, 0x01,     0x02,       0x03,
                                       0x08,       0x00, 0x45, [23] = 6, [46] = 0x50};

    memcpy(sim_bytes(&sim, gref), header, sizeof header);
    sim_push_tx(&sim, gref, 0, NETTXF_extra_info | NETTXF_more_data | NETTXF_csum_blank, 5, 4000);
    sim_push_extra(&sim, &extra);
    sim_push_tx(&sim, sim_grant(&sim, true), 0, 0, 6, 2000);
    ck_assert_int_eq(tx_take(&tx), 1);
    ck_assert_uint_eq(tx_outstanding(&tx), 1);
    ck_assert_int_eq(tx_give_up(&tx, &notify), 0);
    expect_tx(0, 5, NETIF_RSP_ERROR);
    ck_assert_int_eq(sim_tx_response(&sim, 1)->status, NETIF_RSP_NULL);
    expect_tx(2, 6, NETIF_RSP_ERROR);
    ck_assert(notify);
}
END_TEST

START_TEST(without_a_vf_frames_are_dropped_and_nothing_hangs)
{
    vf_goes();
    for (unsigned i = 0; i < 600; i++) {
        push_frame(i % 256, 60);
        ck_assert_int_eq(tx_take(&tx), 1);
        ck_assert_int_eq(tx_complete(&tx, 1, &notify), 1);
        expect_tx(i, i % 256, NETIF_RSP_ERROR);
    }
    ck_assert_uint_eq(tx.counters.dropped, 600);
    ck_assert_uint_eq(tx.counters.packets, 0);
    ck_assert_uint_eq(sim.calls, 0); /* neither copied nor pinned */
    ck_assert_int_eq(tx_give_up(&tx, &notify), 0);
}
END_TEST

START_TEST(without_a_vf_what_was_offered_is_no_fault)
{
    netif_extra_info_t extra = {.type = XEN_NETIF_EXTRA_TYPE_GSO, .u.gso = {.size = 1400}};

    vf_goes();
    for (unsigned type = XEN_NETIF_GSO_TYPE_TCPV4; type <= XEN_NETIF_GSO_TYPE_TCPV6; type++) {
        extra.u.gso.type = (uint8_t)type;
        sim_push_tx(&sim, sim_grant(&sim, true), 0, NETTXF_extra_info | NETTXF_csum_blank, type,
                    4000);
        sim_push_extra(&sim, &extra);
        ck_assert_int_eq(tx_take(&tx), 1);
        ck_assert_ptr_null(tx.fault);
    }
    ck_assert_int_eq(tx_complete(&tx, 1, &notify), 4);
    expect_tx(0, 1, NETIF_RSP_ERROR);
    ck_assert_int_eq(sim_tx_response(&sim, 1)->status, NETIF_RSP_NULL);
}
END_TEST

START_TEST(buffers_are_posted_anew)
{
    uint32_t grefs[5];

    for (unsigned i = 0; i < 5; i++)
        sim_push_rx(&sim, grefs[i] = sim_grant(&sim, false), 30 + i);
    ck_assert_int_eq(rx_fill(&rx, 1), 5);
    sim_receive(&sim, frame, 1000);
    ck_assert_int_eq(rx_complete(&rx, &notify), 1);
    ck_assert_uint_eq(sim.live_pins, 4);

    vf_goes();
    ck_assert_int_eq(rx_take_back(&rx, &notify), 0);
    ck_assert_uint_eq(sim.live_pins, 0);
    ck_assert_uint_eq(sim.rx_ring->rsp_prod, 1);
    sim_push_rx(&sim, sim_grant(&sim, false), 35);
    ck_assert_int_eq(rx_fill(&rx, 1), 0);
    ck_assert_int_eq(rx_complete(&rx, &notify), 0);

    vf_comes();
    ck_assert_int_eq(rx_fill(&rx, 1), 5);
    ck_assert_uint_eq(sim.live_pins, 5);
    memset(frame, 0x5a, sizeof frame);
    sim_receive(&sim, frame, 1200);
    ck_assert_int_eq(rx_complete(&rx, &notify), 1);
    ck_assert_uint_eq(sim_rx_response(&sim, 1)->id, 31);
    ck_assert_int_eq(sim_rx_response(&sim, 1)->status, 1200);
    ck_assert_mem_eq(sim_bytes(&sim, grefs[1]), frame, 1200);
}
END_TEST

START_TEST(a_frame_cut_in_two_is_ended)
{
    for (unsigned i = 0; i < 4; i++)
        sim_push_rx(&sim, sim_grant(&sim, false), 40 + i);
    rx_fill(&rx, 1);
    sim_receive(&sim, frame, 5000);
    sim.rx_filled = 2; /* its third buffer has not come */
    ck_assert_int_eq(rx_complete(&rx, &notify), 2);
    ck_assert(sim_rx_response(&sim, 1)->flags & NETRXF_more_data);

    notify = false;
    sim.rx_ring->rsp_event = 3;
    ck_assert_int_eq(rx_take_back(&rx, &notify), 0);
    ck_assert(notify);
    ck_assert_uint_eq(sim.rx_ring->rsp_prod, 3);
    ck_assert_uint_eq(sim_rx_response(&sim, 2)->id, 42);
    ck_assert_int_eq(sim_rx_response(&sim, 2)->status, NETIF_RSP_ERROR);
    ck_assert_uint_eq(sim_rx_response(&sim, 2)->flags, 0);

    vf_comes();
    ck_assert_int_eq(rx_fill(&rx, 1), 1);
    sim_receive(&sim, frame, 100);
    ck_assert_int_eq(rx_complete(&rx, &notify), 1);
    ck_assert_uint_eq(sim_rx_response(&sim, 3)->id, 43);
}
END_TEST

/* Nothing is answered whose page Xen has not given back. */
START_TEST(failing_release)
{
    push_frame(1, 1000);
    sim_push_rx(&sim, sim_grant(&sim, false), 2);
    tx_take(&tx);
    rx_fill(&rx, 1);
    sim.fail_call = sim.calls + 1;
    ck_assert_int_eq(tx_give_up(&tx, &notify), -1);
    ck_assert_uint_eq(sim.tx_ring->rsp_prod, 0);
    sim.fail_call = sim.calls + 1;
    ck_assert_int_eq(rx_take_back(&rx, &notify), -1);
    ck_assert_uint_eq(sim.rx_ring->rsp_prod, 0);
    ck_assert(!notify);
}
END_TEST

START_TEST(nothing_taken_nothing_answered)
{
    push_frame(1, 1000);
    ck_assert_int_eq(tx_give_up(&tx, &notify), 0);
    ck_assert_int_eq(rx_take_back(&rx, &notify), 0);
    ck_assert_uint_eq(sim.tx_ring->rsp_prod, 0);
    ck_assert_int_eq(tx_take(&tx), 1);
    sim_send(&sim, 1);
    ck_assert_int_eq(tx_complete(&tx, 1, &notify), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("resume");
    TCase *tcase = tcase_create("resume");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, frames_on_their_way_are_answered);
    tcase_add_test(tcase, each_slot_of_a_frame_is_answered);
    tcase_add_test(tcase, without_a_vf_frames_are_dropped_and_nothing_hangs);
    tcase_add_test(tcase, without_a_vf_what_was_offered_is_no_fault);
    tcase_add_test(tcase, buffers_are_posted_anew);
    tcase_add_test(tcase, a_frame_cut_in_two_is_ended);
    tcase_add_test(tcase, failing_release);
    tcase_add_test(tcase, nothing_taken_nothing_answered);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
