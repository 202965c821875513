/* SPDX-License-Identifier: MIT */
/* The receive side: order, which is everything there, and what happens when a buffer is bad. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/rx.h"
#include "sim/sim.h"
#include "unit/runner.h"

static struct sim sim;
static struct rx rx;
static struct translate translate;
static bool notify;
static struct echo echo;
static struct dma_page scratch;
static uint8_t frame[9022];

static const uint8_t mac[6] = {0x00, 0x16, 0x3e, 0x01, 0x02, 0x03};

static void setup(void)
{
    sim_open(&sim);
    memset(&rx, 0, sizeof rx);
    notify = false;
    translate_host(&translate, &sim.port);
    rx.translate = &translate;
    rx.queue = &sim.queue;
    sim.port.ops->dma_alloc(&sim.port, &scratch, 1);
    rx.scratch = &scratch;
    rx.echo = &echo;
    echo = (struct echo){.buffer = vf_rx_buffer(&sim.vf)};
    memcpy(rx.mac, mac, sizeof mac);
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

/* A frame of `length` from `source` (its last byte), received at once and answered; its first response's status. */
static int receive_from(unsigned source, unsigned length)
{
    unsigned before = sim.rx_ring->rsp_prod;

    memset(frame, 0xff, 6);
    memcpy(frame + 6, mac, sizeof mac);
    frame[11] = (uint8_t)source;
    for (unsigned i = 0; i < 3; i++)
        sim_push_rx(&sim, sim_grant(&sim, false), i);
    rx_fill(&rx, 1);
    ck_assert(sim_receive(&sim, frame, length));
    rx_complete(&rx, &notify);
    return sim_rx_response(&sim, before)->status;
}

/* The guest's page keeps its first bytes; the response says where the frame is; a chain's buffers all have it; our own
 * frames are found where they are. */
START_TEST(headroom)
{
    static const uint8_t stale[256] = {[0] = 1, [255] = 2};
    uint32_t grefs[3];

    rx.headroom = 256;
    for (unsigned i = 0; i < 3; i++) {
        sim_push_rx(&sim, grefs[i] = sim_grant(&sim, false), 40 + i);
        memcpy(sim_bytes(&sim, grefs[i]), stale, sizeof stale);
    }
    rx_fill(&rx, 1);
    ck_assert(sim_receive(&sim, frame, 60));
    ck_assert(sim_receive(&sim, frame, 3000));
    ck_assert_int_eq(rx_complete(&rx, &notify), 3);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_uint_eq(sim_rx_response(&sim, i)->id, 40 + i);
        ck_assert_uint_eq(sim_rx_response(&sim, i)->offset, 256);
        ck_assert_mem_eq(sim_bytes(&sim, grefs[i]), stale, sizeof stale);
    }
    ck_assert_mem_eq(sim_bytes(&sim, grefs[0]) + 256, frame, 60);
    ck_assert_mem_eq(sim_bytes(&sim, grefs[2]) + 256, frame + 2048, 952);
    echo_expect(&echo, 60);
    ck_assert_int_eq(receive_from(4, 60), 60);
    ck_assert_int_eq(receive_from(mac[5], 60), NETIF_RSP_ERROR);
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

/* Netfront takes a frame of which it sees the beginning only for a broken one. */
START_TEST(half_a_chain_is_not_shown)
{
    for (unsigned i = 0; i < 3; i++)
        sim_push_rx(&sim, sim_grant(&sim, false), i);
    rx_fill(&rx, 1);
    sim_receive(&sim, frame, 5000);
    sim.rx_ring->rsp_event = 1;
    sim.rx_filled--; /* the VF has not written the last one back yet */
    ck_assert_int_eq(rx_complete(&rx, &notify), 2);
    ck_assert_uint_eq(sim.rx_ring->rsp_prod, 0);
    ck_assert(!notify);
    sim.rx_filled++;
    ck_assert_int_eq(rx_complete(&rx, &notify), 1);
    ck_assert_uint_eq(sim.rx_ring->rsp_prod, 3);
    ck_assert(notify);
}
END_TEST

/* With a jumbo MTU a buffer is the whole page: three for 9000 bytes. */
START_TEST(jumbo)
{
    uint32_t grefs[3];

    sim.vf.mtu = 9000;
    for (unsigned i = 0; i < 3; i++)
        sim_push_rx(&sim, grefs[i] = sim_grant(&sim, false), i);
    rx_fill(&rx, 1);
    ck_assert(sim_receive(&sim, frame, 9014));
    ck_assert_int_eq(rx_complete(&rx, &notify), 3);
    ck_assert_int_eq(sim_rx_response(&sim, 0)->status, 4096);
    ck_assert_int_eq(sim_rx_response(&sim, 2)->status, 9014 - 8192);
    ck_assert_mem_eq(sim_bytes(&sim, grefs[1]), frame + 4096, 4096);
    /* frontends look at the first response for the checksum */
    ck_assert_uint_eq(sim_rx_response(&sim, 0)->flags, NETRXF_more_data | NETRXF_data_validated);
    ck_assert_uint_eq(sim_rx_response(&sim, 2)->flags, 0);
    ck_assert_uint_eq(rx.counters.packets, 1);
    ck_assert_uint_eq(rx.counters.bytes, 9014);
}
END_TEST

/* A bad buffer within a chain must not end it: what follows is no frame of its own. */
START_TEST(bad_reference_in_a_chain)
{
    sim_push_rx(&sim, sim_grant(&sim, false), 0);
    sim_push_rx(&sim, 999, 1);
    sim_push_rx(&sim, sim_grant(&sim, false), 2);
    rx_fill(&rx, 1);
    sim_receive(&sim, frame, 3000);
    ck_assert_int_eq(rx_complete(&rx, &notify), 3);
    ck_assert_uint_eq(sim_rx_response(&sim, 0)->flags & NETRXF_more_data, NETRXF_more_data);
    ck_assert_int_eq(sim_rx_response(&sim, 1)->status, NETIF_RSP_ERROR);
    ck_assert_uint_eq(sim_rx_response(&sim, 1)->flags, NETRXF_more_data);
    ck_assert_uint_eq(sim_rx_response(&sim, 2)->flags & NETRXF_more_data, 0);
    ck_assert_uint_eq(rx.counters.dropped, 1);
    ck_assert_uint_eq(rx.counters.packets, 0);
}
END_TEST

START_TEST(own_frames_stay_away)
{
    unsigned calls;

    echo_expect(&echo, 42); /* padded to 60 */
    echo_expect(&echo, 300);
    ck_assert_int_eq(receive_from(4, 60), 60);
    ck_assert_int_eq(receive_from(mac[5], 60), NETIF_RSP_ERROR);
    ck_assert_int_eq(receive_from(mac[5], 300), NETIF_RSP_ERROR);
    ck_assert_uint_eq(rx.counters.echoes, 2);
    ck_assert_uint_eq(rx.counters.packets, 1);
    ck_assert_uint_eq(rx.counters.dropped, 0);
    /* no such frame has been sent: no look, so no call either (a pin, and an unpin) */
    calls = sim.calls;
    ck_assert_int_eq(receive_from(mac[5], 200), 200);
    ck_assert_uint_eq(sim.calls, calls + 2);
    rx_abandon(&rx);
}
END_TEST

START_TEST(own_jumbo_frame_stays_away)
{
    echo_expect(&echo, 3000);
    ck_assert_int_eq(receive_from(mac[5], 3000), NETIF_RSP_ERROR);
    ck_assert_int_eq(sim_rx_response(&sim, 0)->flags, NETRXF_more_data);
    ck_assert_int_eq(sim_rx_response(&sim, 1)->status, NETIF_RSP_ERROR);
    ck_assert_int_eq(sim_rx_response(&sim, 1)->flags, 0);
    ck_assert_uint_eq(rx.counters.echoes, 1);
    rx_abandon(&rx);
}
END_TEST

/* The sender's note is forgotten when what was posted then has been filled. */
START_TEST(notes_expire)
{
    unsigned calls;

    echo_expect(&echo, 60);
    for (unsigned i = 0; i < ECHO_WINDOW; i++) {
        uint32_t gref = i < 8 ? sim_grant(&sim, false) : 2 + i % 8 + 1;

        sim_push_rx(&sim, gref, i);
        rx_fill(&rx, 1);
        sim_receive(&sim, frame, 100);
        rx_complete(&rx, &notify);
    }
    calls = sim.calls;
    ck_assert_int_eq(receive_from(mac[5], 60), 60);
    ck_assert_uint_eq(sim.calls, calls + 2);
    rx_abandon(&rx);
}
END_TEST

/* A copy that fails as a whole is a host fault; one that fails alone leaves the frame what it is. */
START_TEST(failing_look)
{
    echo_expect(&echo, 60);
    sim_push_rx(&sim, sim_grant(&sim, false), 0);
    rx_fill(&rx, 1);
    sim_receive(&sim, frame, 60);
    sim.fail_call = sim.calls + 1;
    ck_assert_int_eq(rx_complete(&rx, &notify), -1);
    ck_assert_ptr_null(rx.fault);
    ck_assert_int_eq(rx_abandon(&rx), 0);
    ck_assert_uint_eq(sim.live_pins, 0);
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

/* The guest is asked for a kick where rx_fill() would take something: with few buffers left at once, else late. */
START_TEST(asking)
{
    uint32_t req_event;

    rx_ask(&rx, 32);
    ck_assert_uint_eq(sim.rx_ring->req_event, 1);
    for (unsigned i = 0; i < 63; i++)
        sim_push_rx(&sim, sim_grant(&sim, false), i);
    ck_assert_int_eq(rx_fill(&rx, 32), 63);
    rx_ask(&rx, 32);
    ck_assert_uint_eq(sim.rx_ring->req_event, 64);
    sim_push_rx(&sim, sim_grant(&sim, false), 63);
    ck_assert_int_eq(rx_fill(&rx, 32), 1);
    rx_ask(&rx, 32);
    req_event = sim.rx_ring->req_event;
    ck_assert_uint_eq(req_event, 64 + 32);
    while (sim.rx_ring->req_prod != req_event) {
        ck_assert_int_eq(rx_fill(&rx, 32), 0);
        sim_push_rx(&sim, sim_grant(&sim, false), 64);
    }
    ck_assert_int_eq(rx_fill(&rx, 32), 32);
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

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, straight_into_the_guests_page);
    tcase_add_test(tcase, headroom);
    tcase_add_test(tcase, chain);
    tcase_add_test(tcase, half_a_chain_is_not_shown);
    tcase_add_test(tcase, jumbo);
    tcase_add_test(tcase, bad_reference_in_a_chain);
    tcase_add_test(tcase, own_frames_stay_away);
    tcase_add_test(tcase, own_jumbo_frame_stays_away);
    tcase_add_test(tcase, notes_expire);
    tcase_add_test(tcase, failing_look);
    tcase_add_test(tcase, bad_references_keep_their_place);
    tcase_add_test(tcase, device_error);
    tcase_add_test(tcase, no_room_no_harm);
    tcase_add_loop_test(tcase, guest_fault, 0, 2);
    tcase_add_test(tcase, around);
    tcase_add_test(tcase, asking);
    tcase_add_test(tcase, failing_release);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
