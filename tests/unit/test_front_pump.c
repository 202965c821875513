/* SPDX-License-Identifier: MIT */
/* Between TAP and vif: a socket pair that keeps the bounds of frames stands for the TAP interface. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "frontend/linux/pump.h"
#include "frontend/linux/vnet.h"
#include "sim/front_sim.h"
#include "unit/runner.h"

#define BUFFERS 256u

static struct front_sim sim;
static struct netvf_front *front;
static struct pump pump;
static netif_tx_sring_t *tx;
static netif_rx_sring_t *rx;
static uint8_t *posted[256];
static int kernel; /* the other end of the pump's TAP */
static int taps[2];

static struct {
    struct virtio_net_hdr header;
    uint8_t bytes[66000];
} frame;

static void setup(void)
{
    const struct netvf_front_config config = {
        .queues = 1,
        .rx_buffers = BUFFERS,
        .sg = true,
        .gso_tcpv4 = true,
        .gso_tcpv6 = true,
        .csum_blank_ipv4 = true,
        .csum_blank_ipv6 = true,
    };
    int pair[2];

    front_sim_open(&sim);
    front = front_sim_connect(&sim, config);
    tx = front_sim_tx(&sim, "");
    rx = front_sim_rx(&sim, "");
    for (unsigned i = 0; i < BUFFERS; i++)
        posted[i] = sim.pages[rx->ring[i].req.gref];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair), 0);
    kernel = pair[0];
    taps[0] = taps[1] = pair[1];
    pump = (struct pump){.front = front, .port = &sim.port, .taps = taps};
    ck_assert_int_eq(pump_start(&pump, netvf_front_link(front)), 0);
    memset(&frame, 0, sizeof frame);
}

static void teardown(void)
{
    pump_stop(&pump);
    netvf_front_drop(front);
    ck_assert_uint_eq(sim.live_pages, 0);
    front_sim_close(&sim);
    free(front);
    close(kernel);
    close(taps[0]);
}

static bool from_kernel(unsigned length)
{
    pump.readable = true;
    return write(kernel, &frame, sizeof frame.header + length) ==
           (ssize_t)(sizeof frame.header + length);
}

/* The backend answers all requests up to `until`; extras are told by the place of their frame. */
static void answer_all(unsigned slots_a_frame, bool extra)
{
    while (tx->rsp_prod != tx->req_prod) {
        unsigned at = tx->rsp_prod++;
        uint16_t id = tx->ring[at % 256].req.id;

        tx->ring[at % 256].rsp = (netif_tx_response_t){
            .id = id, .status = extra && at % slots_a_frame == 1 ? NETIF_RSP_NULL : NETIF_RSP_OKAY};
    }
}

START_TEST(small_frame_out)
{
    memset(frame.bytes, 0x5a, 60);
    ck_assert(from_kernel(60));
    ck_assert_int_eq(pump_run(&pump), 0);
    ck_assert_uint_eq(tx->req_prod, 1);
    ck_assert_uint_eq(tx->ring[0].req.size, 60);
    ck_assert_uint_eq(tx->ring[0].req.flags, 0);
    ck_assert_mem_eq(sim.pages[tx->ring[0].req.gref], frame.bytes, 60);
    ck_assert_uint_eq(pump.free_count, PUMP_PAGES - 1);
    answer_all(1, false);
    ck_assert_int_eq(pump_run(&pump), 0);
    ck_assert_uint_eq(pump.free_count, PUMP_PAGES);
}
END_TEST

START_TEST(segments_out)
{
    const netif_extra_info_t *extra = (void *)&tx->ring[1];

    for (unsigned i = 0; i < 40000; i++)
        frame.bytes[i] = (uint8_t)(i * 13);
    frame.header = (struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                                           .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
                                           .gso_size = 1448,
                                           .csum_start = 34,
                                           .csum_offset = 16};
    ck_assert(from_kernel(40000));
    ck_assert_int_eq(pump_run(&pump), 0);
    ck_assert_uint_eq(tx->req_prod, 11);
    ck_assert_uint_eq(tx->ring[0].req.size, 40000);
    ck_assert_uint_eq(extra->u.gso.size, 1448);
    ck_assert_mem_eq(sim.pages[tx->ring[0].req.gref], frame.bytes, 4096);
    ck_assert_uint_eq(tx->ring[10].req.size, 40000 - 9 * 4096);
    ck_assert_mem_eq(sim.pages[tx->ring[10].req.gref], frame.bytes + 9 * 4096, 40000 - 9 * 4096);
    answer_all(11, true);
    ck_assert_int_eq(pump_run(&pump), 0);
    ck_assert_uint_eq(pump.free_count, PUMP_PAGES);
}
END_TEST

/* Frames stay in the TAP when there is no page for the largest of them, and an answer wakes us. */
START_TEST(backend_that_does_not_answer)
{
    unsigned sent = 0;

    for (unsigned round = 0; round < 1000 && !pump.full; round++) {
        sent += from_kernel(100);
        ck_assert_int_ge(pump_run(&pump), 0);
    }
    ck_assert(pump.full);
    ck_assert_uint_eq(tx->req_prod, PUMP_PAGES - 15);
    ck_assert_uint_eq(tx->rsp_event, 1);
    ck_assert(from_kernel(100));
    ck_assert_int_eq(pump_run(&pump), 0);
    ck_assert_uint_eq(tx->req_prod, PUMP_PAGES - 15);
    answer_all(1, false);
    ck_assert_int_eq(pump_run(&pump), 0);
    ck_assert(!pump.full);
    ck_assert_uint_eq(tx->req_prod, sent + 1);
}
END_TEST

START_TEST(frames_that_netif_cannot_say)
{
    frame.header = (struct virtio_net_hdr){
        .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 8};
    ck_assert(from_kernel(100));
    frame.header = (struct virtio_net_hdr){.gso_type = VIRTIO_NET_HDR_GSO_UDP};
    ck_assert(from_kernel(100));
    frame.header = (struct virtio_net_hdr){0};
    ck_assert(from_kernel(13)); /* no Ethernet header */
    ck_assert(from_kernel(66000));
    ck_assert_int_eq(pump_run(&pump), 0);
    ck_assert_uint_eq(tx->req_prod, 0);
    ck_assert_uint_eq(pump.refused, 4);
    ck_assert_uint_eq(pump.free_count, PUMP_PAGES);
}
END_TEST

static void answer_rx(unsigned flags, unsigned length)
{
    rx->ring[rx->rsp_prod++ % 256].rsp =
        (netif_rx_response_t){.flags = (uint16_t)flags, .status = (int16_t)length};
}

START_TEST(frame_in)
{
    for (unsigned i = 0; i < 4096; i++)
        posted[0][i] = posted[1][i] = (uint8_t)(i * 3);
    answer_rx(NETRXF_more_data | NETRXF_data_validated, 100);
    answer_rx(0, 3000);
    ck_assert_int_eq(pump_run(&pump), 0);
    ck_assert_int_eq(read(kernel, &frame, sizeof frame), sizeof frame.header + 3100);
    ck_assert_uint_eq(frame.header.flags, VIRTIO_NET_HDR_F_DATA_VALID);
    ck_assert_mem_eq(frame.bytes, posted[0], 100);
    ck_assert_mem_eq(frame.bytes + 100, posted[1], 3000);
    ck_assert_uint_eq(rx->req_prod, BUFFERS + 2);
    ck_assert_uint_eq(rx->rsp_event, 3);
}
END_TEST

/* A backend that never ends gets its turn, and no more. */
START_TEST(budget)
{
    for (unsigned i = 0; i < 100; i++)
        answer_rx(0, 60);
    ck_assert_int_eq(pump_run(&pump), 1);
    ck_assert_int_eq(pump_run(&pump), 0);
    ck_assert_uint_eq(rx->req_prod, BUFFERS + 100);
}
END_TEST

/* A segment of 100 bytes of payload in the n-th buffer that was posted. */
static void put_segment(unsigned n, uint8_t port, unsigned seq)
{
    uint8_t *bytes = posted[n];

    memset(bytes, 0, 154);
    memcpy(bytes + 12, "\x08\x00\x45\x00\x00\x8c\x00\x00\x40\x00\x40\x06", 12);
    bytes[35] = port;
    bytes[41] = (uint8_t)seq;
    memcpy(bytes + 46, "\x50\x10", 2);
    bytes[54] = (uint8_t)n;
    answer_rx(NETRXF_data_validated, 154);
}

/* Two flows: what follows each other in one becomes one frame, all frames stay in order, and no buffer is lost. */
START_TEST(merged_in)
{
    static const unsigned lengths[] = {254, 154, 254}, firsts[] = {0, 2, 3};

    put_segment(0, 1, 0);
    put_segment(1, 1, 100);
    put_segment(2, 2, 50);
    put_segment(3, 1, 200);
    put_segment(4, 1, 44); /* 300, of which the lowest byte is put */
    posted[4][40] = 1;
    ck_assert_int_eq(pump_run(&pump), 0);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(read(kernel, &frame, sizeof frame), sizeof frame.header + lengths[i]);
        ck_assert_uint_eq(frame.bytes[54], firsts[i]);
        ck_assert_uint_eq(frame.header.gso_type,
                          lengths[i] > 154 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_NONE);
    }
    ck_assert_int_lt(read(kernel, &frame, sizeof frame), 0);
    ck_assert_uint_eq(rx->req_prod, BUFFERS + 5);
    ck_assert_uint_eq(pump.refused, 0);
}
END_TEST

/* -- headers ---------------------------------------------------------------------------------------------------------- */

static uint8_t head[VNET_HEAD];

static void put_v4(unsigned at, unsigned protocol, unsigned words)
{
    head[at - 2] = 0x08;
    head[at - 1] = 0;
    head[at] = (uint8_t)(0x40 | words);
    head[at + 9] = (uint8_t)protocol;
}

static bool said(struct netvf_front_rx_frame *from, unsigned length, struct virtio_net_hdr *to)
{
    return vnet_from_netif(from, head, length, to);
}

START_TEST(where_the_checksum_is)
{
    struct netvf_front_rx_frame from = {.csum_blank = true};
    struct virtio_net_hdr to;

    memset(head, 0, sizeof head);
    put_v4(14, 6, 5);
    ck_assert(said(&from, 54, &to));
    ck_assert_uint_eq(to.csum_start, 34);
    ck_assert_uint_eq(to.csum_offset, 16);
    ck_assert(!said(&from, 53, &to)); /* no whole TCP header */
    put_v4(14, 17, 6);
    ck_assert(said(&from, 46, &to));
    ck_assert_uint_eq(to.csum_start, 38);
    ck_assert_uint_eq(to.csum_offset, 6);
    put_v4(14, 1, 5); /* ICMP has no such thing */
    ck_assert(!said(&from, 100, &to));
    put_v4(14, 6, 4);
    ck_assert(!said(&from, 100, &to));

    memset(head, 0, sizeof head);
    head[12] = 0x81; /* a tag */
    put_v4(18, 6, 5);
    ck_assert(said(&from, 100, &to));
    ck_assert_uint_eq(to.csum_start, 38);

    memset(head, 0, sizeof head);
    head[12] = 0x86;
    head[13] = 0xdd;
    head[20] = 0; /* hop-by-hop options, 16 bytes */
    head[54] = 6; /* then TCP */
    head[55] = 1;
    ck_assert(said(&from, 100, &to));
    ck_assert_uint_eq(to.csum_start, 14 + 40 + 16);
    head[55] = 255; /* beyond what we have */
    ck_assert(!said(&from, VNET_HEAD, &to));
}
END_TEST

START_TEST(segments_in)
{
    struct netvf_front_rx_frame from = {
        .csum_blank = true, .gso = NETVF_FRONT_GSO_TCPV4, .gso_size = 1000};
    struct virtio_net_hdr to;

    memset(head, 0, sizeof head);
    put_v4(14, 6, 5);
    head[46] = 0x80;
    ck_assert(said(&from, 100, &to));
    ck_assert_uint_eq(to.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
    ck_assert_uint_eq(to.gso_size, 1000);
    ck_assert_uint_eq(to.hdr_len, 34 + 32);
    from.gso = NETVF_FRONT_GSO_TCPV6; /* the headers say otherwise */
    ck_assert(!said(&from, 100, &to));
    from.gso = NETVF_FRONT_GSO_TCPV4;
    from.csum_blank = false;
    ck_assert(!said(&from, 100, &to));
    from.csum_blank = true;
    put_v4(14, 17, 5);
    ck_assert(!said(&from, 100, &to));
}
END_TEST

START_TEST(flows)
{
    unsigned odd = 0;
    uint32_t flow;

    put_v4(14, 6, 5);
    memcpy(head + 34, "\x01\x02\x00\x50", 4);
    flow = vnet_flow(head, 100);
    ck_assert_uint_eq(vnet_flow(head, 38), flow);
    ck_assert_uint_eq(vnet_flow(head, 37), 0); /* the ports are not all there */
    for (unsigned i = 0; i < 100; i++, head[35] = (uint8_t)(head[35] + 2))
        odd += vnet_flow(head, 100) & 1;
    ck_assert(odd > 30 && odd < 70);
    put_v4(14, 1, 5); /* ICMP has none */
    ck_assert_uint_eq(vnet_flow(head, 100), 0);
    ck_assert_uint_eq(vnet_flow(head, 0), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("front_pump");
    TCase *tc = tcase_create("pump"), *pure = tcase_create("vnet");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, small_frame_out);
    tcase_add_test(tc, segments_out);
    tcase_add_test(tc, backend_that_does_not_answer);
    tcase_add_test(tc, frames_that_netif_cannot_say);
    tcase_add_test(tc, frame_in);
    tcase_add_test(tc, budget);
    tcase_add_test(tc, merged_in);
    suite_add_tcase(suite, tc);
    tcase_add_test(pure, where_the_checksum_is);
    tcase_add_test(pure, segments_in);
    tcase_add_test(pure, flows);
    suite_add_tcase(suite, pure);
    return run_suite(suite);
}
