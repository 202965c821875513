/* SPDX-License-Identifier: MIT */
/* The frontend's rings against a backend that writes what it likes into them. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <xen/errno.h>

#include "sim/front_sim.h"
#include "unit/runner.h"

#define BUFFERS 64u

static struct front_sim sim;
static struct netvf_front *front;
static netif_tx_sring_t *tx;
static netif_rx_sring_t *rx;
static struct netvf_front_done done[256];
static struct netvf_front_rx_frame frame;
static const uint8_t *posted[BUFFERS]; /* a response overwrites its request */

static void open_front(bool offloads)
{
    const struct netvf_front_config config = {
        .queues = 1,
        .rx_buffers = BUFFERS,
        .sg = offloads,
        .gso_tcpv4 = offloads,
        .csum_blank_ipv4 = offloads,
    };

    front_sim_open(&sim);
    front = front_sim_connect(&sim, config);
    tx = front_sim_tx(&sim, "");
    rx = front_sim_rx(&sim, "");
    for (unsigned i = 0; i < BUFFERS; i++)
        posted[i] = sim.pages[rx->ring[i].req.gref];
}

static void setup(void)
{
    open_front(true);
}

static void teardown(void)
{
    netvf_front_drop(front);
    ck_assert_uint_eq(sim.live_pages, 0);
    front_sim_close(&sim);
    free(front);
}

static void answer_tx(unsigned id, int status)
{
    tx->ring[tx->rsp_prod++ % 256].rsp =
        (netif_tx_response_t){.id = (uint16_t)id, .status = (int16_t)status};
}

static void answer_rx(unsigned offset, unsigned flags, int status)
{
    rx->ring[rx->rsp_prod++ % 256].rsp = (netif_rx_response_t){
        .offset = (uint16_t)offset, .flags = (uint16_t)flags, .status = (int16_t)status};
}

static void answer_extra(unsigned type, unsigned gso_type, unsigned gso_size, unsigned flags)
{
    netif_extra_info_t extra = {.type = (uint8_t)type, .flags = (uint8_t)flags};

    extra.u.gso.type = (uint8_t)gso_type;
    extra.u.gso.size = (uint16_t)gso_size;
    memcpy(&rx->ring[rx->rsp_prod++ % 256], &extra, sizeof extra);
}

static int send_parts(unsigned count, unsigned length, uint64_t cookie)
{
    struct netvf_front_tx_part parts[NETVF_FRONT_TX_PARTS + 1];
    const struct netvf_front_tx_frame out = {
        .parts = parts, .count = (uint16_t)count, .cookie = cookie};

    for (unsigned i = 0; i < count; i++)
        parts[i] = (struct netvf_front_tx_part){.gref = 700 + i, .length = (uint16_t)length};
    return netvf_front_tx(front, 0, &out);
}

/* -- sending ------------------------------------------------------------------------------------------------------------ */

START_TEST(slots_of_a_frame)
{
    const struct netvf_front_tx_part parts[3] = {{21, 100, 60}, {22, 0, 4096}, {23, 4095, 1}};
    const struct netvf_front_tx_frame out = {.parts = parts,
                                             .count = 3,
                                             .csum_blank = true,
                                             .gso = NETVF_FRONT_GSO_TCPV4,
                                             .gso_size = 1448,
                                             .cookie = 0x123456789abcdef0};
    const netif_extra_info_t *extra = (void *)&tx->ring[1];

    ck_assert_int_eq(netvf_front_tx(front, 0, &out), 0);
    ck_assert_uint_eq(tx->req_prod, 0);
    ck_assert_int_eq(netvf_front_tx_push(front, 0), 0);
    ck_assert_uint_eq(tx->req_prod, 4);
    ck_assert_uint_eq(tx->ring[0].req.gref, 21);
    ck_assert_uint_eq(tx->ring[0].req.offset, 100);
    ck_assert_uint_eq(tx->ring[0].req.size, 60 + 4096 + 1); /* the whole frame's */
    ck_assert_uint_eq(tx->ring[0].req.flags, NETTXF_csum_blank | NETTXF_data_validated |
                                                 NETTXF_more_data | NETTXF_extra_info);
    ck_assert_uint_eq(extra->type, XEN_NETIF_EXTRA_TYPE_GSO);
    ck_assert_uint_eq(extra->flags, 0);
    ck_assert_uint_eq(extra->u.gso.size, 1448);
    ck_assert_uint_eq(extra->u.gso.type, XEN_NETIF_GSO_TYPE_TCPV4);
    ck_assert_uint_eq(tx->ring[2].req.size, 4096);
    ck_assert_uint_eq(tx->ring[2].req.flags, NETTXF_more_data);
    ck_assert_uint_eq(tx->ring[3].req.flags, 0);
    ck_assert_uint_eq(netvf_front_tx_room(front, 0), 252);

    /* in another order, and the extra's answer names an id that is out: it means nothing */
    answer_tx(tx->ring[3].req.id, NETIF_RSP_OKAY);
    answer_tx(tx->ring[2].req.id, NETIF_RSP_NULL);
    answer_tx(tx->ring[0].req.id, NETIF_RSP_OKAY);
    ck_assert_int_eq(netvf_front_tx_done(front, 0, done, 256), 0);
    answer_tx(tx->ring[2].req.id, NETIF_RSP_OKAY);
    ck_assert_int_eq(netvf_front_tx_done(front, 0, done, 256), 1);
    ck_assert(done[0].cookie == 0x123456789abcdef0 && done[0].sent);
    ck_assert_uint_eq(netvf_front_tx_room(front, 0), 256);
}
END_TEST

START_TEST(refused_frames)
{
    struct netvf_front_tx_part part = {.gref = 1, .length = 100};
    struct netvf_front_tx_frame out = {.parts = &part, .count = 1};

    ck_assert_int_eq(send_parts(0, 100, 0), -XEN_EINVAL);
    ck_assert_int_eq(send_parts(19, 100, 0), -XEN_EINVAL);
    ck_assert_int_eq(send_parts(18, 4096, 0), -XEN_EINVAL); /* beyond 65535 */
    ck_assert_int_eq(send_parts(18, 0, 0), -XEN_EINVAL);
    ck_assert_int_eq(send_parts(2, 13, 0), -XEN_EINVAL);
    ck_assert_int_eq(send_parts(1, 4097, 0), -XEN_EINVAL);
    part.offset = 3997;
    ck_assert_int_eq(netvf_front_tx(front, 0, &out), -XEN_EINVAL);
    part.offset = 3996;
    ck_assert_int_eq(netvf_front_tx(front, 1, &out), -XEN_ENOTCONN);
    out.gso = NETVF_FRONT_GSO_TCPV4;
    ck_assert_int_eq(netvf_front_tx(front, 0, &out), -XEN_EINVAL);
    out.csum_blank = true;
    ck_assert_int_eq(netvf_front_tx(front, 0, &out), -XEN_EINVAL); /* segments of nothing */
    out.gso_size = 1;
    ck_assert_int_eq(netvf_front_tx(front, 0, &out), 0);
}
END_TEST

/* Once around, and no further than what was answered. */
START_TEST(full_ring)
{
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 128; i++)
            ck_assert_int_eq(send_parts(2, 100, i), 0);
        ck_assert_int_eq(send_parts(1, 100, 0), -XEN_EAGAIN);
        ck_assert_int_eq(netvf_front_tx_push(front, 0), 0);
        for (unsigned i = 0; i < 256; i++)
            answer_tx(tx->ring[i].req.id, i == 6 ? NETIF_RSP_ERROR : NETIF_RSP_OKAY);
        ck_assert_int_eq(netvf_front_tx_done(front, 0, done, 100), 100);
        ck_assert_int_eq(netvf_front_tx_done(front, 0, done + 100, 100), 28);
        for (unsigned i = 0; i < 128; i++)
            ck_assert(done[i].cookie == i && done[i].sent == (i != 3));
    }
}
END_TEST

START_TEST(answers_that_were_not_asked_for)
{
    ck_assert_int_eq(send_parts(2, 100, 5), 0);
    netvf_front_tx_push(front, 0);
    switch (_i) {
    case 0: /* an id beyond the ring */
        answer_tx(256, NETIF_RSP_OKAY);
        break;
    case 1: /* one that is free */
        answer_tx(77, NETIF_RSP_OKAY);
        break;
    case 2: /* twice the same, first part */
        answer_tx(tx->ring[0].req.id, NETIF_RSP_OKAY);
        answer_tx(tx->ring[0].req.id, NETIF_RSP_OKAY);
        break;
    case 3: /* twice the same, second part */
        answer_tx(tx->ring[1].req.id, NETIF_RSP_OKAY);
        answer_tx(tx->ring[1].req.id, NETIF_RSP_OKAY);
        break;
    case 4: /* more than there were */
        tx->rsp_prod = 3;
        break;
    case 5: /* fewer than before */
        tx->rsp_prod = (uint32_t)-1;
        break;
    }
    ck_assert_int_eq(netvf_front_tx_done(front, 0, done, 256), -XEN_EBADMSG);
    ck_assert_int_eq(send_parts(1, 100, 5), -XEN_EBADMSG);
    ck_assert_int_eq(netvf_front_rx(front, 0, &frame), -XEN_EBADMSG);
    ck_assert_int_eq(netvf_front_step(front), NETVF_FRONT_CLOSING);
}
END_TEST

/* Requests that were written and not pushed are nothing that a backend may answer. */
START_TEST(answered_before_pushed)
{
    ck_assert_int_eq(send_parts(1, 100, 5), 0);
    answer_tx(tx->ring[0].req.id, NETIF_RSP_OKAY);
    ck_assert_int_eq(netvf_front_tx_done(front, 0, done, 256), -XEN_EBADMSG);
}
END_TEST

/* Ids that are never given back cost the backend its own queue, and us nothing. */
START_TEST(only_null_answers)
{
    for (unsigned i = 0; i < 256; i++)
        ck_assert_int_eq(send_parts(1, 100, i), 0);
    netvf_front_tx_push(front, 0);
    for (unsigned i = 0; i < 256; i++)
        answer_tx(i, NETIF_RSP_NULL);
    ck_assert_int_eq(netvf_front_tx_done(front, 0, done, 256), 0);
    ck_assert_uint_eq(netvf_front_tx_room(front, 0), 0);
    ck_assert_int_eq(send_parts(1, 100, 0), -XEN_EAGAIN);
}
END_TEST

START_TEST(events)
{
    uint32_t channel = netvf_front_tx_channel(front, 0);
    unsigned before = sim.notified[channel];

    /* asked for at the first request, then at the third */
    send_parts(1, 100, 0);
    netvf_front_tx_push(front, 0);
    ck_assert_uint_eq(sim.notified[channel], before + 1);
    netvf_front_tx_push(front, 0);
    ck_assert_uint_eq(sim.notified[channel], before + 1);
    tx->req_event = 3;
    send_parts(1, 100, 0);
    netvf_front_tx_push(front, 0);
    ck_assert_uint_eq(sim.notified[channel], before + 1);
    send_parts(1, 100, 0);
    send_parts(1, 100, 0);
    netvf_front_tx_push(front, 0);
    ck_assert_uint_eq(sim.notified[channel], before + 2);

    ck_assert_int_eq(netvf_front_tx_arm(front, 0), 0);
    ck_assert_uint_eq(tx->rsp_event, 1);
    answer_tx(tx->ring[0].req.id, NETIF_RSP_OKAY);
    ck_assert_int_eq(netvf_front_tx_arm(front, 0), 1);
    ck_assert_int_eq(netvf_front_tx_done(front, 0, done, 256), 1);
    ck_assert_int_eq(netvf_front_tx_arm(front, 0), 0);
    ck_assert_uint_eq(tx->rsp_event, 2);

    ck_assert_int_eq(netvf_front_rx_arm(front, 0), 0);
    answer_rx(0, 0, 60);
    ck_assert_int_eq(netvf_front_rx_arm(front, 0), 1);
}
END_TEST

/* -- receiving ------------------------------------------------------------------------------------------------------------ */

START_TEST(one_frame)
{
    unsigned before = sim.notified[netvf_front_rx_channel(front, 0)];

    answer_rx(100, NETRXF_data_validated, 60);
    ck_assert_int_eq(netvf_front_rx(front, 0, &frame), 1);
    ck_assert_uint_eq(frame.count, 1);
    ck_assert_uint_eq(frame.length, 60);
    ck_assert_ptr_eq(frame.parts[0].bytes, posted[0] + 100);
    ck_assert(frame.validated && !frame.csum_blank && !frame.gso);
    ck_assert_int_eq(netvf_front_rx(front, 0, &frame), 0);
    ck_assert_int_eq(netvf_front_rx_fill(front, 0), 0);
    ck_assert_uint_eq(rx->req_prod, BUFFERS); /* it is still ours */
    rx->req_event = BUFFERS + 1;
    ck_assert_int_eq(netvf_front_rx_release(front, 0, &frame), 0);
    ck_assert_int_eq(netvf_front_rx_release(front, 0, &frame), -XEN_EINVAL);
    ck_assert_int_eq(netvf_front_rx_fill(front, 0), 0);
    ck_assert_uint_eq(rx->req_prod, BUFFERS + 1);
    ck_assert_uint_eq(sim.notified[netvf_front_rx_channel(front, 0)], before + 1);
}
END_TEST

/* In parts, told in two batches, with an extra that has spent a buffer. */
START_TEST(gso_frame_in_two_batches)
{
    answer_rx(0, NETRXF_more_data | NETRXF_extra_info | NETRXF_csum_blank, 4096);
    answer_extra(XEN_NETIF_EXTRA_TYPE_GSO, XEN_NETIF_GSO_TYPE_TCPV4, 1448, 0);
    answer_rx(0, NETRXF_more_data, 4096);
    ck_assert_int_eq(netvf_front_rx(front, 0, &frame), 0);
    answer_rx(96, 0, 4000);
    answer_rx(0, 0, 60);
    ck_assert_int_eq(netvf_front_rx(front, 0, &frame), 1);
    ck_assert_uint_eq(frame.count, 3);
    ck_assert_uint_eq(frame.length, 4096 + 4096 + 4000);
    ck_assert_ptr_eq(frame.parts[1].bytes, posted[2]);
    ck_assert_ptr_eq(frame.parts[2].bytes, posted[3] + 96);
    ck_assert(frame.csum_blank && frame.gso == NETVF_FRONT_GSO_TCPV4);
    ck_assert_uint_eq(frame.gso_size, 1448);
    ck_assert_int_eq(netvf_front_rx_release(front, 0, &frame), 0);
    ck_assert_int_eq(netvf_front_rx(front, 0, &frame), 1);
    ck_assert(!frame.gso && !frame.csum_blank);
    netvf_front_rx_release(front, 0, &frame);
    netvf_front_rx_fill(front, 0);
    ck_assert_uint_eq(rx->req_prod, BUFFERS + 5);
}
END_TEST

/* Frames that the backend has ended with an error, or that are none: their buffers come back. */
START_TEST(no_frames)
{
    struct netvf_front_counters counters;

    answer_rx(0, 0, NETIF_RSP_ERROR);
    answer_rx(5000, 0, NETIF_RSP_DROPPED);
    answer_rx(0, NETRXF_more_data, 1000);
    answer_rx(0, 0, NETIF_RSP_ERROR);
    answer_rx(0, 0, 13);
    answer_rx(0, 0, 0);
    for (unsigned i = 0; i < 20; i++) /* one part more than anybody may send */
        answer_rx(0, i < 19 ? NETRXF_more_data : 0, 100);
    answer_rx(0, 0, 14);
    ck_assert_int_eq(netvf_front_rx(front, 0, &frame), 1);
    ck_assert_uint_eq(frame.length, 14);
    netvf_front_count(front, 0, &counters);
    ck_assert_uint_eq(counters.rx_dropped, 6);
    netvf_front_rx_release(front, 0, &frame);
    netvf_front_rx_fill(front, 0);
    ck_assert_uint_eq(rx->req_prod, BUFFERS + 27);
}
END_TEST

START_TEST(most_parts)
{
    for (unsigned i = 0; i < 19; i++)
        answer_rx(0, i < 18 ? NETRXF_more_data : 0, 4096);
    ck_assert_int_eq(netvf_front_rx(front, 0, &frame), 1);
    ck_assert_uint_eq(frame.length, 19 * 4096);
}
END_TEST

START_TEST(hostile_answers)
{
    switch (_i) {
    case 0: /* beyond the page */
        answer_rx(1, 0, 4096);
        break;
    case 1:
        answer_rx(4097, 0, 1);
        break;
    case 2:
        answer_rx(65535, 0, 32767);
        break;
    case 3: /* more than were posted */
        rx->rsp_prod = BUFFERS + 1;
        break;
    case 4:
        rx->rsp_prod = (uint32_t)-1;
        break;
    case 5: /* an extra where none can be */
        answer_rx(0, NETRXF_more_data, 100);
        answer_rx(0, NETRXF_extra_info, 100);
        break;
    case 6:
        answer_rx(0, NETRXF_gso_prefix, 100);
        break;
    case 7:
        answer_rx(0, NETRXF_extra_info, 100);
        answer_extra(XEN_NETIF_EXTRA_TYPE_NONE, 0, 0, 0);
        break;
    case 8: /* not offered */
        answer_rx(0, NETRXF_extra_info, 100);
        answer_extra(XEN_NETIF_EXTRA_TYPE_GSO, XEN_NETIF_GSO_TYPE_TCPV6, 1000, 0);
        break;
    case 9:
        answer_rx(0, NETRXF_extra_info, 100);
        answer_extra(XEN_NETIF_EXTRA_TYPE_GSO, XEN_NETIF_GSO_TYPE_TCPV4, 0, 0);
        break;
    case 10: /* without an end */
        answer_rx(0, NETRXF_extra_info, 100);
        for (unsigned i = 0; i < 10; i++)
            answer_extra(XEN_NETIF_EXTRA_TYPE_HASH, 0, 0, XEN_NETIF_EXTRA_FLAG_MORE);
        break;
    }
    ck_assert_int_eq(netvf_front_rx(front, 0, &frame), -XEN_EBADMSG);
    ck_assert_int_eq(netvf_front_rx_fill(front, 0), -XEN_EBADMSG);
    ck_assert_int_eq(netvf_front_step(front), NETVF_FRONT_CLOSING);
}
END_TEST

/* To a caller who takes whole frames in one piece only. */
START_TEST(nothing_was_offered)
{
    teardown();
    open_front(false);
    answer_rx(0, NETRXF_data_validated, 60);
    ck_assert_int_eq(netvf_front_rx(front, 0, &frame), 1);
    switch (_i) {
    case 0:
        answer_rx(0, NETRXF_csum_blank, 60);
        break;
    case 1:
        answer_rx(0, NETRXF_more_data, 60);
        break;
    case 2:
        answer_rx(0, NETRXF_extra_info, 60);
        answer_extra(XEN_NETIF_EXTRA_TYPE_GSO, XEN_NETIF_GSO_TYPE_TCPV4, 1448, 0);
        break;
    }
    ck_assert_int_eq(netvf_front_rx(front, 0, &frame), -XEN_EBADMSG);
    ck_assert_int_eq(netvf_front_step(front), NETVF_FRONT_CLOSING);
}
END_TEST

/* The caller's own mistakes, and frames from before a reconnection. */
START_TEST(wrong_releases)
{
    answer_rx(0, 0, 60);
    ck_assert_int_eq(netvf_front_rx(front, 0, &frame), 1);
    frame.parts[0].page = BUFFERS;
    ck_assert_int_eq(netvf_front_rx_release(front, 0, &frame), -XEN_EINVAL);
    frame.parts[0].page = 1; /* posted */
    ck_assert_int_eq(netvf_front_rx_release(front, 0, &frame), -XEN_EINVAL);
    frame.count = 20;
    ck_assert_int_eq(netvf_front_rx_release(front, 0, &frame), -XEN_EINVAL);
    frame.generation--;
    ck_assert_int_eq(netvf_front_rx_release(front, 0, &frame), 0);
}
END_TEST

/* A backend that writes noise: whatever comes of it, no address outside of our pages and no end of the world. */
START_TEST(noise)
{
    uint32_t random = 12345 + (uint32_t)_i;

    for (unsigned round = 0; round < 400; round++) {
        for (unsigned i = 0; i < 256 * 2; i++) {
            random = random * 1664525 + 1013904223;
            ((uint32_t *)rx->ring)[i] = random & (round % 2 ? 0xffffffff : 0x0fff001f);
        }
        rx->rsp_prod += random >> 28;
        for (int r = 1; r > 0;) {
            r = netvf_front_rx(front, 0, &frame);
            if (r <= 0)
                break;
            for (unsigned i = 0; i < frame.count; i++) {
                volatile uint8_t last = frame.parts[i].bytes[frame.parts[i].length - 1];
                (void)last;
            }
            ck_assert_int_eq(netvf_front_rx_release(front, 0, &frame), 0);
        }
        if (netvf_front_rx_fill(front, 0) < 0)
            break;
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("front_rings");
    TCase *tc = tcase_create("rings");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, slots_of_a_frame);
    tcase_add_test(tc, refused_frames);
    tcase_add_test(tc, full_ring);
    tcase_add_loop_test(tc, answers_that_were_not_asked_for, 0, 6);
    tcase_add_test(tc, answered_before_pushed);
    tcase_add_test(tc, only_null_answers);
    tcase_add_test(tc, events);
    tcase_add_test(tc, one_frame);
    tcase_add_test(tc, gso_frame_in_two_batches);
    tcase_add_test(tc, no_frames);
    tcase_add_test(tc, most_parts);
    tcase_add_loop_test(tc, hostile_answers, 0, 11);
    tcase_add_loop_test(tc, nothing_was_offered, 0, 3);
    tcase_add_test(tc, wrong_releases);
    tcase_add_loop_test(tc, noise, 0, 20);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
