/* SPDX-License-Identifier: MIT */
/* Descriptor bits against values worked out by hand from the 82576 datasheet (7.1.5, 7.2.2), and the rings on plain
 * memory in the VF's place. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "unit/runner.h"
#include "vf/igbvf_desc.h"
#include "vf/igbvf_private.h"

static void expect_desc(struct igbvf_desc desc, uint32_t dw0, uint32_t dw1, uint32_t dw2,
                        uint32_t dw3)
{
    ck_assert_uint_eq(le32toh(desc.dw[0]), dw0);
    ck_assert_uint_eq(le32toh(desc.dw[1]), dw1);
    ck_assert_uint_eq(le32toh(desc.dw[2]), dw2);
    ck_assert_uint_eq(le32toh(desc.dw[3]), dw3);
}

static struct igbvf_desc data(const struct vf_segment *segment, bool last, uint32_t total,
                              const struct vf_offload *offload)
{
    struct igbvf_desc desc;

    desc_data(&desc, segment, last, desc_frame(total, offload));
    return desc;
}

START_TEST(plain_frame)
{
    struct vf_segment segment = {0x1234567890ull, 60};

    /* EOP | IFCS | RS | DTYP data | DEXT | 60; PAYLEN 60 */
    expect_desc(data(&segment, true, 60, NULL), 0x34567890, 0x12,
                0x01000000 | 0x02000000 | 0x08000000 | 0x00300000 | 0x20000000 | 60, 60u << 14);
    /* not the last one: no EOP, no RS */
    expect_desc(data(&segment, false, 1000, NULL), 0x34567890, 0x12,
                0x02000000 | 0x00300000 | 0x20000000 | 60, 1000u << 14);
}
END_TEST

START_TEST(checksum)
{
    struct vf_segment segment = {0x1000, 54};
    struct vf_offload tcp = {
        .l4 = VF_L4_TCP, .ipv4 = true, .mac_len = 14, .ip_len = 20, .l4_len = 20};
    struct vf_offload udp6 = {.l4 = VF_L4_UDP, .mac_len = 18, .ip_len = 40, .l4_len = 8};

    /* MACLEN 14 << 9 | IPLEN 20 = 0x1c14; DTYP context | DEXT | TCP | IPv4; no MSS */
    expect_desc(desc_context(&tcp), 0x1c14, 0, 0x20200c00, 0);
    /* 18 << 9 | 40 = 0x2428; neither TCP nor IPv4 */
    expect_desc(desc_context(&udp6), 0x2428, 0, 0x20200000, 0);
    /* TXSM only */
    expect_desc(data(&segment, false, 1514, &tcp), 0x1000, 0, 0x22300036, 1514u << 14 | 0x200);
}
END_TEST

START_TEST(segmentation)
{
    struct vf_segment segment = {0x2000, 66};
    struct vf_offload tso = {
        .l4 = VF_L4_TCP, .ipv4 = true, .mss = 1448, .mac_len = 14, .ip_len = 20, .l4_len = 32};

    /* MSS 1448 << 16 | L4LEN 32 << 8 */
    expect_desc(desc_context(&tso), 0x1c14, 0, 0x20200c00, 0x05a82000);
    /* TSE; PAYLEN without the 66 header bytes; IXSM | TXSM */
    expect_desc(data(&segment, false, 66 + 60000, &tso), 0x2000, 0, 0xa2300042,
                60000u << 14 | 0x300);
}
END_TEST

/* IPv6 with 48 bytes of extension headers, in a VLAN. */
START_TEST(segmentation_ipv6)
{
    struct vf_segment segment = {0x2000, 138};
    struct vf_offload tso = {
        .l4 = VF_L4_TCP, .mss = 1380, .mac_len = 18, .ip_len = 88, .l4_len = 32};

    /* 18 << 9 | 88 = 0x2458; DTYP context | DEXT | TCP; MSS 1380 << 16 | L4LEN 32 << 8 */
    expect_desc(desc_context(&tso), 0x2458, 0, 0x20200800, 0x05642000);
    /* TSE; PAYLEN without 18 + 88 + 32 = 138 bytes; TXSM only, for there is no IP checksum */
    expect_desc(data(&segment, false, 138 + 60000, &tso), 0x2000, 0, 0xa230008a,
                60000u << 14 | 0x200);
    /* the largest lengths stay within their fields: 18 << 9 | 511 */
    tso.ip_len = TXC_IPLEN_MAX;
    tso.mac_len = TXC_MACLEN_MAX;
    expect_desc(desc_context(&tso), 0x25ff, 0, 0x20200800, 0x05642000);
}
END_TEST

START_TEST(write_back)
{
    /* type TCP | IPv4; status IPCS 0x40 | L4CS 0x20 | EOP 2 | DD 1 */
    struct vf_received received = desc_received(0x110, 0x63, 1514, 2048);

    ck_assert(received.last && received.csum_ok && !received.error);
    ck_assert_uint_eq(received.length, 1514);
    /* a device that lies about what it wrote */
    ck_assert(desc_received(0, RXD_DD | RXD_EOP, 2049, 2048).error);
    ck_assert(!desc_received(0, RXD_DD, 4096, 4096).error); /* the first part of a jumbo frame */
    ck_assert(desc_received(0, RXD_DD, 4097, 4096).error);
    ck_assert(desc_received(0, RXD_DD | RXD_EOP, 0, 2048).error);
    ck_assert_uint_eq(desc_received(0, RXD_DD, 0xffff, 2048).length, 0);
}
END_TEST

START_TEST(stripped_tag)
{
    /* VP 8; priority 5, VLAN 10 above a length of 60 */
    struct vf_received received = desc_received(0, RXD_DD | RXD_EOP | 0x8, 0xa00a003c, 2048);

    ck_assert(received.stripped && !received.error);
    ck_assert_uint_eq(received.tag, 0xa00a);
    ck_assert_uint_eq(received.length, 60);
    ck_assert(!desc_received(0, RXD_DD | RXD_EOP, 0xa00a003c, 2048).stripped);
    /* no length, whatever the tag */
    ck_assert(desc_received(0, RXD_DD | RXD_EOP | 0x8, 0xa00a0000, 2048).error);
}
END_TEST

/* Validated means all checksums there are, and none wrong; of the rest the guest's stack shall judge. */
START_TEST(validated)
{
    static const struct {
        uint32_t type, status;
        bool ok;
    } cases[] = {
        {0x110, 0x63, true},        /* TCP, IPv4 */
        {0x221, 0x73, true},        /* UDP, IPv4 with options, an RSS type besides */
        {0x140, 0x23, true},        /* TCP, IPv6: no IPCS */
        {0x280, 0x33, true},        /* UDP, IPv6 with extension headers */
        {0x110, 0x23, false},       /* IPv4 whose header was not looked at */
        {0x110, 0x43, false},       /* IPv4 header only */
        {0x110, 0x61, false},       /* not the frame's last buffer */
        {0x110, 0x20000063, false}, /* TCP checksum wrong */
        {0x110, 0x40000063, false}, /* IP checksum wrong */
        {0x140, 0x20000023, false}, {0x140, 0x80000023, false}, /* a frame with an error */
        {0x410, 0x63, false},                                   /* SCTP */
        {0x010, 0x63, false},                                   /* no L4 */
        {0x100, 0x63, false},                                   /* no IP */
        {0x8110, 0x63, false},                                  /* an EtherType filter's number */
        {0, 0x63, false},           {0xffffffff, 0xffffffff, false},
    };

    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_msg(desc_received(cases[i].type, cases[i].status, 100, 2048).csum_ok ==
                          cases[i].ok,
                      "case %u", i);
}
END_TEST

static struct vf plain;
static struct igbvf_queue pair;
static struct vf_queue *const queue = &pair.queue;
static struct igbvf_desc tx_ring[RING_SIZE], rx_ring[RING_SIZE];
static uint32_t bar[IGBVF_BAR_SIZE / 4];

static void setup(void)
{
    memset(&pair, 0, sizeof pair);
    memset(tx_ring, 0, sizeof tx_ring);
    memset(rx_ring, 0, sizeof rx_ring);
    memset(bar, 0, sizeof bar);
    pair.queue.ops = &igbvf_queue_ops;
    pair.queue.vf = &plain;
    pair.tx.ring = tx_ring;
    pair.rx.ring = rx_ring;
    pair.registers = (volatile uint8_t *)bar;
}

/* Frames of three descriptors each, until the ring is full; then DD for the first, and one more fits. */
START_TEST(send_ring)
{
    struct vf_segment segments[3] = {{0x1000, 54}, {0x2000, 1000}, {0x3000, 400}};
    unsigned frames = 0;

    ck_assert_uint_eq(queue->ops->tx_room(queue), 255);
    for (; queue->ops->tx_room(queue) >= 3 + 1; frames++)
        queue->ops->tx_post(queue, segments, 3, NULL);
    ck_assert_uint_eq(frames, 84);
    queue->ops->tx_doorbell(queue);
    ck_assert_uint_eq(bar[TDT / 4], 252);
    ck_assert_uint_eq(queue->ops->tx_reap(queue), 0);
    tx_ring[1].dw[3] |= htole32(TXD_DD); /* not a frame's end: means nothing */
    ck_assert_uint_eq(queue->ops->tx_reap(queue), 0);
    tx_ring[2].dw[3] |= htole32(TXD_DD);
    tx_ring[8].dw[3] |= htole32(TXD_DD); /* the third before the second: must wait */
    ck_assert_uint_eq(queue->ops->tx_reap(queue), 1);
    ck_assert_uint_eq(queue->ops->tx_room(queue), 3 + 3);
    tx_ring[5].dw[3] |= htole32(TXD_DD);
    ck_assert_uint_eq(queue->ops->tx_reap(queue), 2);
    queue->ops->tx_post(queue, segments, 3, NULL);
    queue->ops->tx_doorbell(queue);
    ck_assert_uint_eq(bar[TDT / 4], 255);
    queue->ops->tx_post(queue, segments, 3, NULL);
    queue->ops->tx_doorbell(queue);
    ck_assert_uint_eq(bar[TDT / 4],
                      2); /* never RING_SIZE: the VF would take that for an empty ring */
}
END_TEST

/* A context is sent once for frames that share it. */
START_TEST(context_reuse)
{
    struct vf_segment segment = {0x1000, 100};
    struct vf_offload offload = {
        .l4 = VF_L4_TCP, .ipv4 = true, .mac_len = 14, .ip_len = 20, .l4_len = 20};

    queue->ops->tx_post(queue, &segment, 1, &offload);
    ck_assert_uint_eq(queue->ops->tx_room(queue), 253);
    queue->ops->tx_post(queue, &segment, 1, &offload);
    queue->ops->tx_post(queue, &segment, 1, NULL);
    ck_assert_uint_eq(queue->ops->tx_room(queue), 251);
    offload.l4 = VF_L4_UDP;
    queue->ops->tx_post(queue, &segment, 1, &offload);
    ck_assert_uint_eq(queue->ops->tx_room(queue), 249);
}
END_TEST

START_TEST(receive_ring)
{
    uint64_t dma[255];
    struct vf_received received[8];

    for (unsigned i = 0; i < 255; i++)
        dma[i] = 0x100000000ull + i * 4096;
    ck_assert_uint_eq(queue->ops->rx_room(queue), 255);
    queue->ops->rx_post(queue, dma, 255);
    ck_assert_uint_eq(bar[RDT / 4], 255);
    ck_assert_uint_eq(queue->ops->rx_room(queue), 0);
    ck_assert_uint_eq(le32toh(rx_ring[3].dw[1]), 1);
    ck_assert_uint_eq(rx_ring[3].dw[2] | rx_ring[3].dw[3], 0);
    ck_assert_uint_eq(queue->ops->rx_reap(queue, received, 8), 0);
    for (unsigned i = 0; i < 10; i++) {
        rx_ring[i].dw[2] = htole32(RXD_DD | RXD_EOP);
        rx_ring[i].dw[3] = htole32(100 + i);
    }
    ck_assert_uint_eq(queue->ops->rx_reap(queue, received, 8), 8);
    ck_assert_uint_eq(received[7].length, 107);
    ck_assert_uint_eq(queue->ops->rx_reap(queue, received, 8), 2);
    ck_assert_uint_eq(queue->ops->rx_room(queue), 10);
    queue->ops->rx_post(queue, dma, 10);
    ck_assert_uint_eq(bar[RDT / 4], 9);
}
END_TEST

/* The i350 swaps the bytes of a tag that comes from another of its own functions (LB, bit 18), as igb and igbvf know. */
START_TEST(swapped_tag)
{
    uint64_t dma[3] = {0x1000, 0x2000, 0x3000};
    struct vf_received received[3];

    igbvf_queue(queue)->rx.swaps = _i ? RXD_LB : 0;
    queue->ops->rx_post(queue, dma, 3);
    for (unsigned i = 0; i < 3; i++) {
        rx_ring[i].dw[2] = htole32(RXD_DD | RXD_EOP | (i < 2 ? RXD_VP : 0) | (i ? 1u << 18 : 0));
        rx_ring[i].dw[3] = htole32(0x0a000000u | 60);
    }
    ck_assert_uint_eq(queue->ops->rx_reap(queue, received, 3), 3);
    ck_assert_uint_eq(received[0].tag, 0x0a00);
    ck_assert_uint_eq(received[1].tag, _i ? 0x000a : 0x0a00);
    ck_assert(!received[2].stripped);
}
END_TEST

/* 12 bits: the upper nibble of the fifth byte, and the sixth. */
START_TEST(multicast_message)
{
    struct vf_multicast list = {.count = 3,
                                .addresses = {{0x33, 0x33, 0, 0, 0, 1},
                                              {0x01, 0x00, 0x5e, 0x7f, 0xab, 0xcd},
                                              {0x33, 0x33, 0xff, 0x12, 0xf0, 0xff}}};
    uint32_t words[MBX_WORDS];

    ck_assert_uint_eq(igbvf_hash(list.addresses[0]), 0x010);
    ck_assert_uint_eq(igbvf_hash(list.addresses[1]), 0xcda);
    ck_assert_uint_eq(igbvf_hash(list.addresses[2]), 0xfff);
    memset(words, 0xee, sizeof words);
    ck_assert_uint_eq(igbvf_multicast_message(&list, words), 16);
    ck_assert_uint_eq(words[0], 0x00030003);
    ck_assert_uint_eq(words[1], 0x0cda0010);
    ck_assert_uint_eq(words[2], 0x00000fff);
    for (unsigned i = 3; i < MBX_WORDS; i++)
        ck_assert_uint_eq(words[i], 0);
    list.count = MBX_HASHES_MAX; /* as many as there is room for */
    memcpy(list.addresses[29], list.addresses[1], 6);
    igbvf_multicast_message(&list, words);
    ck_assert_uint_eq(words[0], 0x001e0003);
    ck_assert_uint_eq(words[15] >> 16, 0xcda);
}
END_TEST

/* A frame of the MTU with a tag and CRC, and room for it. */
START_TEST(frame_sizes)
{
    struct vf sized = {.mtu = 0};

    ck_assert_uint_eq(vf_frame_max(&sized), 1522);
    ck_assert_uint_eq(vf_rx_buffer(&sized), 2048);
    sized.mtu = 2026;
    ck_assert_uint_eq(vf_rx_buffer(&sized), 2048);
    sized.mtu = 2027;
    ck_assert_uint_eq(vf_rx_buffer(&sized), 4096);
    sized.mtu = VF_MTU_MAX;
    ck_assert_uint_eq(vf_frame_max(&sized), 9022);
}
END_TEST

/* Each pair's tail at its own place (0x100 further), its own bit of EIMS. */
START_TEST(second_pair)
{
    struct vf_segment segment = {0x1000, 100};
    uint64_t dma = 0x2000;

    pair.registers = (volatile uint8_t *)bar + QUEUE_STRIDE;
    queue->ops->tx_post(queue, &segment, 1, NULL);
    queue->ops->tx_doorbell(queue);
    queue->ops->rx_post(queue, &dma, 1);
    ck_assert_uint_eq(bar[0x3918 / 4], 1);
    ck_assert_uint_eq(bar[0x2918 / 4], 1);
    ck_assert_uint_eq(bar[TDT / 4], 0);
    ck_assert_uint_eq(bar[RDT / 4], 0);
    ck_assert_uint_eq(queue->doorbells, 2);
    queue->ops->arm(queue); /* polled: no register is touched */
    ck_assert_uint_eq(bar[EIMS / 4], 0);
    pair.eims = (volatile uint32_t *)&bar[EIMS / 4];
    pair.vector_bit = 2;
    queue->ops->arm(queue);
    ck_assert_uint_eq(bar[EIMS / 4], 2);
    /* receive queues 0 and 1 by vectors 0 and 1: bytes 0 and 2 */
    ck_assert_uint_eq(IVAR_RX(0, 0), 0x80);
    ck_assert_uint_eq(IVAR_RX(1, 1), 0x810000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("igbvf");
    TCase *tcase = tcase_create("descriptors");

    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, multicast_message);
    tcase_add_test(tcase, frame_sizes);
    tcase_add_test(tcase, plain_frame);
    tcase_add_test(tcase, checksum);
    tcase_add_test(tcase, segmentation);
    tcase_add_test(tcase, segmentation_ipv6);
    tcase_add_test(tcase, write_back);
    tcase_add_test(tcase, stripped_tag);
    tcase_add_test(tcase, validated);
    tcase_add_test(tcase, send_ring);
    tcase_add_test(tcase, context_reuse);
    tcase_add_test(tcase, receive_ring);
    tcase_add_loop_test(tcase, swapped_tag, 0, 2);
    tcase_add_test(tcase, second_pair);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
