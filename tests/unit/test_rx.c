/* SPDX-License-Identifier: MIT */
/* The receive side: order, which is everything there, and what happens when a buffer is bad. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/rx.h"
#include "sim/sim.h"

static struct sim sim;
static struct rx rx;
static struct translate translate;
static bool notify;
static uint8_t frame[9000];

static void setup(void)
{
    sim_open(&sim);
    memset(&rx, 0, sizeof rx);
    notify = false;
    translate_host(&translate, &sim.port);
    rx.translate = &translate;
    rx.vf = &sim.vf;
    rx_attach(&rx, sim.rx_ring);
    for (unsigned i = 0; i < sizeof frame; i++)
        frame[i] = (uint8_t)(i * 7);
}

static void teardown(void)
{
    ck_assert_uint_eq(sim.stray, 0);
    sim_close(&sim);
}

START_TEST(straight_into_the_guests_page)
{
    uint32_t gref = sim_grant(&sim, false);

    sim_push_rx(&sim, gref, 42);
    ck_assert_int_eq(rx_fill(&rx, 1), 1);
    ck_assert_int_eq(rx_complete(&rx, &notify), 0);
    ck_assert(sim_receive(&sim, frame, 1500));
    ck_assert_int_eq(rx_complete(&rx, &notify), 1);
    ck_assert_mem_eq(sim_bytes(&sim, gref), frame, 1500);
    ck_assert_uint_eq(sim.live_pins, 0);
    ck_assert_uint_eq(sim.rx_ring->rsp_prod, 1);
    ck_assert_uint_eq(sim_rx_response(&sim, 0)->id, 42);
    ck_assert_uint_eq(sim_rx_response(&sim, 0)->offset, 0);
    ck_assert_int_eq(sim_rx_response(&sim, 0)->status, 1500);
    ck_assert_uint_eq(sim_rx_response(&sim, 0)->flags, NETRXF_data_validated);
}
END_TEST

START_TEST(chain)
{
    for (unsigned i = 0; i < 3; i++)
        sim_push_rx(&sim, sim_grant(&sim, false), i);
    rx_fill(&rx, 1);
    sim_receive(&sim, frame, 5000);
    ck_assert_int_eq(rx_complete(&rx, &notify), 3);
    ck_assert_int_eq(sim_rx_response(&sim, 0)->status, 2048);
    ck_assert(sim_rx_response(&sim, 0)->flags & NETRXF_more_data);
    ck_assert(sim_rx_response(&sim, 1)->flags & NETRXF_more_data);
    ck_assert(!(sim_rx_response(&sim, 2)->flags & NETRXF_more_data));
    ck_assert_int_eq(sim_rx_response(&sim, 2)->status, 5000 - 4096);
    ck_assert_uint_eq(rx.counters.packets, 1);
}
END_TEST

/* A frontend takes the n-th answer for its n-th buffer: a bad reference in between must be answered in its place. */
START_TEST(bad_references_keep_their_place)
{
    sim_push_rx(&sim, 999, 0);
    sim_push_rx(&sim, sim_grant(&sim, false), 1);
    sim_push_rx(&sim, sim_grant(&sim, true), 2); /* read-only: a VF could not write there */
    sim_push_rx(&sim, sim_grant(&sim, false), 3);
    sim_push_rx(&sim, 999, 4);
    ck_assert_int_eq(rx_fill(&rx, 1), 5);
    ck_assert_int_eq(rx_complete(&rx, &notify), 1);
    ck_assert_int_eq(sim_rx_response(&sim, 0)->status, NETIF_RSP_ERROR);
    sim_receive(&sim, frame, 100);
    ck_assert_int_eq(rx_complete(&rx, &notify), 2);
    ck_assert_int_eq(sim_rx_response(&sim, 1)->status, 100);
    ck_assert_int_eq(sim_rx_response(&sim, 2)->status, NETIF_RSP_ERROR);
    sim_receive(&sim, frame, 200);
    ck_assert_int_eq(rx_complete(&rx, &notify), 2);
    ck_assert_int_eq(sim_rx_response(&sim, 3)->status, 200);
    ck_assert_int_eq(sim_rx_response(&sim, 4)->status, NETIF_RSP_ERROR);
    ck_assert_uint_eq(sim.live_pins, 0);
}
END_TEST

/* A lying device: lengths beyond the buffer never reach the guest. */
START_TEST(device_error)
{
    sim_push_rx(&sim, sim_grant(&sim, false), 0);
    rx_fill(&rx, 1);
    sim.rx_done[0] = (struct vf_received){.error = true, .last = true};
    sim.rx_filled++;
    ck_assert_int_eq(rx_complete(&rx, &notify), 1);
    ck_assert_int_eq(sim_rx_response(&sim, 0)->status, NETIF_RSP_ERROR);
}
END_TEST

START_TEST(no_room_no_harm)
{
    ck_assert(!sim_receive(&sim, frame, 100));
    for (unsigned i = 0; i < 256; i++)
        sim_push_rx(&sim, sim_grant(&sim, false), i);
    ck_assert_int_eq(rx_fill(&rx, 1), RX_BATCH);
    ck_assert_int_eq(rx_fill(&rx, 1), 255 - RX_BATCH);
    ck_assert_int_eq(rx_fill(&rx, 1), 0);
    ck_assert_uint_eq(sim.live_pins, 255);
    ck_assert_int_eq(rx_abandon(&rx), 0);
    ck_assert_uint_eq(sim.live_pins, 0);
}
END_TEST

START_TEST(guest_fault)
{
    sim.rx_ring->req_prod = _i ? (uint32_t)-5 : 300;
    ck_assert_int_eq(rx_fill(&rx, 1), -1);
    ck_assert_ptr_nonnull(rx.fault);
}
END_TEST

/* Many times round, with frames of all sizes; every answer in its place. */
START_TEST(around)
{
    uint32_t grefs[64];
    unsigned pushed = 0, answered = 0, received = 0;

    for (unsigned i = 0; i < 64; i++)
        grefs[i] = sim_grant(&sim, false);
    while (answered < 3000) {
        for (; pushed - answered < 64; pushed++)
            sim_push_rx(&sim, grefs[pushed % 64], pushed % 256);
        ck_assert_int_ge(rx_fill(&rx, 8), 0);
        for (unsigned i = 0; i < 20; i++)
            received += sim_receive(&sim, frame, 60 + (received * 31) % 1400);
        ck_assert_int_ge(rx_complete(&rx, &notify), 0);
        for (; answered != sim.rx_ring->rsp_prod; answered++) {
            ck_assert_uint_eq(sim_rx_response(&sim, answered)->id, answered % 256);
            ck_assert_int_eq(sim_rx_response(&sim, answered)->status,
                             60 + (int)(answered * 31) % 1400);
        }
    }
    ck_assert_uint_eq(rx.counters.packets, received);
    rx_abandon(&rx);
    ck_assert_uint_eq(sim.live_pins, 0);
}
END_TEST

/* With many buffers left the guest is asked for a kick late, with none at once. */
START_TEST(asking)
{
    rx_ask(&rx);
    ck_assert_uint_eq(sim.rx_ring->req_event, 1);
    for (unsigned i = 0; i < 200; i++)
        sim_push_rx(&sim, sim_grant(&sim, false), i);
    while (rx_fill(&rx, 1) > 0)
        ;
    rx_ask(&rx);
    ck_assert_uint_eq(sim.rx_ring->req_event, 200 + 64);
}
END_TEST

/* A page that Xen does not release is not answered, and not released twice. */
START_TEST(failing_release)
{
    sim_push_rx(&sim, sim_grant(&sim, false), 0);
    rx_fill(&rx, 1);
    sim_receive(&sim, frame, 100);
    sim.fail_call = 2;
    ck_assert_int_eq(rx_complete(&rx, &notify), -1);
    ck_assert_uint_eq(sim.rx_ring->rsp_prod, 0);
    ck_assert_int_eq(rx_abandon(&rx), 0);
    ck_assert_uint_eq(sim.live_pins, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rx");
    TCase *tcase = tcase_create("rx");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, straight_into_the_guests_page);
    tcase_add_test(tcase, chain);
    tcase_add_test(tcase, bad_references_keep_their_place);
    tcase_add_test(tcase, device_error);
    tcase_add_test(tcase, no_room_no_harm);
    tcase_add_loop_test(tcase, guest_fault, 0, 2);
    tcase_add_test(tcase, around);
    tcase_add_test(tcase, asking);
    tcase_add_test(tcase, failing_release);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
