/* SPDX-License-Identifier: MIT */
/* Segments of a TCP flow made into one frame: what is merged, with which headers, and what must not be. */
#include <check.h>
#include <string.h>

#include "frontend/linux/merge.h"
#include "unit/runner.h"

/* Ethernet, IPv4 (20), TCP (20) with time stamps (12); IPv6's header has 20 more. */
#define IP        14u
#define V4_TCP    34u
#define V6_TCP    54u
#define TCP_BYTES 32u
#define SEGMENT   1448u

static struct merge merge;
static struct merge_input input;
static uint8_t wire[80][9100];
static uint8_t whole[70000];

static void setup(void)
{
    memset(&merge, 0, sizeof merge);
}

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put_tcp(uint8_t *tcp, uint32_t seq)
{
    put16(tcp, 5201);
    put16(tcp + 2, 40000);
    put16(tcp + 4, seq >> 16);
    put16(tcp + 6, seq & 0xffff);
    memset(tcp + 8, 7, 4); /* what is acknowledged */
    tcp[12] = 0x80;
    tcp[13] = 0x10;
    put16(tcp + 14, 501);
    put16(tcp + 16, 0xbeef);
    put16(tcp + 18, 0);
    memcpy(tcp + 20, "\x01\x01\x08\x0a\x00\x00\x00\x01\x00\x00\x00\x02", 12);
}

/* Into wire[n], as one part; returns the frame's bytes, to be changed. */
static uint8_t *segment(unsigned n, uint32_t seq, unsigned payload, bool v6)
{
    uint8_t *bytes = wire[n], *ip = bytes + IP;
    unsigned tcp = v6 ? V6_TCP : V4_TCP, length = tcp + TCP_BYTES + payload;

    memset(bytes, 0, tcp);
    memset(bytes, 0x11, 12);
    put16(bytes + 12, v6 ? 0x86dd : 0x0800);
    if (v6) {
        ip[0] = 0x60;
        put16(ip + 4, TCP_BYTES + payload);
        ip[6] = 6;
        ip[7] = 64;
        memset(ip + 8, 0xfe, 16);
        memset(ip + 24, 0xfd, 16);
    } else {
        ip[0] = 0x45;
        put16(ip + 2, length - IP);
        put16(ip + 4, 100 + n);
        ip[6] = 0x40;
        ip[8] = 64;
        ip[9] = 6;
        memcpy(ip + 12, "\x0a\x4d\x00\x01\x0a\x4d\x00\x02", 8);
    }
    put_tcp(bytes + tcp, seq);
    for (unsigned i = 0; i < payload; i++)
        bytes[tcp + TCP_BYTES + i] = (uint8_t)((seq + i) * 7 >> 3);
    input.frame = (struct netvf_front_rx_frame){
        .parts = {{.bytes = bytes, .length = (uint16_t)length, .page = (uint16_t)n}},
        .count = 1,
        .length = length,
        .validated = true};
    return bytes;
}

/* As pump does: true if it was added to what is there. */
static bool offer(void)
{
    ck_assert(merge_look(&input));
    if (merge_add(&merge, &input))
        return true;
    merge_begin(&merge, &input);
    return false;
}

/* What a write would take, in `whole`. */
static unsigned finish(struct virtio_net_hdr *header)
{
    unsigned count, length = 0;
    const struct iovec *parts = merge_finish(&merge, &count);

    memcpy(header, parts[0].iov_base, sizeof *header);
    for (unsigned i = 1; i < count; i++) {
        ck_assert_uint_le(length + parts[i].iov_len, sizeof whole);
        memcpy(whole + length, parts[i].iov_base, parts[i].iov_len);
        length += (unsigned)parts[i].iov_len;
    }
    return length;
}

static unsigned words(const uint8_t *at, unsigned length, unsigned total)
{
    for (unsigned i = 0; i < length; i += 2)
        total += (unsigned)at[i] << 8 | at[i + 1];
    while (total >> 16)
        total = (total & 0xffff) + (total >> 16);
    return total;
}

static void check_payload(unsigned from, uint32_t seq, unsigned length)
{
    for (unsigned i = 0; i < length; i++)
        ck_assert_uint_eq(whole[from + i], (uint8_t)((seq + i) * 7 >> 3));
}

START_TEST(three_and_a_rest)
{
    struct virtio_net_hdr header;
    unsigned length;

    for (unsigned n = 0; n < 3; n++) {
        segment(n, 0xfffffff0 + n * SEGMENT, SEGMENT,
                false); /* across the end of sequence numbers */
        ck_assert_int_eq(offer(), n > 0);
    }
    segment(3, 0xfffffff0 + 3 * SEGMENT, 100, false);
    wire[3][V4_TCP + 13] |= 0x08;
    ck_assert(offer());
    segment(4, 0xfffffff0 + 3 * SEGMENT + 100, 100, false);
    ck_assert(merge_look(&input) && !merge_add(&merge, &input)); /* the shorter one was the last */
    ck_assert_uint_eq(merge.count, 4);
    length = finish(&header);
    ck_assert_uint_eq(length, V4_TCP + TCP_BYTES + 3 * SEGMENT + 100);
    check_payload(V4_TCP + TCP_BYTES, 0xfffffff0, 3 * SEGMENT + 100);
    ck_assert_uint_eq(header.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
    ck_assert_uint_eq(header.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
    ck_assert_uint_eq(header.gso_size, SEGMENT);
    ck_assert_uint_eq(header.hdr_len, V4_TCP + TCP_BYTES);
    ck_assert_uint_eq(header.csum_start, V4_TCP);
    ck_assert_uint_eq(header.csum_offset, 16);
    ck_assert_uint_eq(words(whole + IP, 20, 0), 0xffff);
    ck_assert_uint_eq(whole[IP + 2] << 8 | whole[IP + 3], length - IP);
    ck_assert_uint_eq(whole[V4_TCP + 13], 0x18);
    /* 0a4d + 0001 + 0a4d + 0002 + 6 + the length: by hand */
    ck_assert_uint_eq(whole[V4_TCP + 16] << 8 | whole[V4_TCP + 17], 0x14a3 + length - V4_TCP);
}
END_TEST

START_TEST(version_6)
{
    struct virtio_net_hdr header;
    unsigned length;

    for (unsigned n = 0; n < 2; n++) {
        segment(n, 1000 + n * 1428, 1428, true);
        ck_assert_int_eq(offer(), n > 0);
    }
    length = finish(&header);
    ck_assert_uint_eq(length, V6_TCP + TCP_BYTES + 2 * 1428);
    check_payload(V6_TCP + TCP_BYTES, 1000, 2 * 1428);
    ck_assert_uint_eq(header.gso_type, VIRTIO_NET_HDR_GSO_TCPV6);
    ck_assert_uint_eq(header.gso_size, 1428);
    ck_assert_uint_eq(header.csum_start, V6_TCP);
    ck_assert_uint_eq(whole[IP + 4] << 8 | whole[IP + 5], length - V6_TCP);
    ck_assert_uint_eq(whole[V6_TCP + 16] << 8 | whole[V6_TCP + 17],
                      words(whole + IP + 8, 32, 6 + length - V6_TCP));
}
END_TEST

/* A frame that is alone goes on as it came. */
START_TEST(one_alone)
{
    struct virtio_net_hdr header;

    segment(0, 1, SEGMENT, false);
    ck_assert(!offer());
    ck_assert_uint_eq(finish(&header), V4_TCP + TCP_BYTES + SEGMENT);
    ck_assert_mem_eq(whole, wire[0], V4_TCP + TCP_BYTES + SEGMENT);
    ck_assert_uint_eq(header.flags, VIRTIO_NET_HDR_F_DATA_VALID);
    ck_assert_uint_eq(header.gso_type, VIRTIO_NET_HDR_GSO_NONE);
}
END_TEST

/* A byte of the second segment, and what is laid over it. */
static const struct {
    const char *what;
    unsigned at;
    uint8_t bits;
} differences[] = {
    {"MAC address", 5, 1},
    {"type of service", IP + 1, 2},
    {"total length", IP + 3, 1},
    {"DF", IP + 6, 0x40},
    {"more fragments", IP + 6, 0x20},
    {"fragment's offset", IP + 7, 1},
    {"time to live", IP + 8, 1},
    {"protocol", IP + 9, 1},
    {"IP header's length", IP, 2},
    {"source address", IP + 12, 1},
    {"destination address", IP + 19, 1},
    {"source port", V4_TCP, 1},
    {"destination port", V4_TCP + 3, 1},
    {"sequence number", V4_TCP + 7, 1},
    {"acknowledgement", V4_TCP + 11, 1},
    {"header's length", V4_TCP + 12, 0x10},
    {"reserved bits", V4_TCP + 12, 1},
    {"FIN", V4_TCP + 13, 1},
    {"SYN", V4_TCP + 13, 2},
    {"RST", V4_TCP + 13, 4},
    {"no ACK", V4_TCP + 13, 0x10},
    {"URG", V4_TCP + 13, 0x20},
    {"ECE", V4_TCP + 13, 0x40},
    {"CWR", V4_TCP + 13, 0x80},
    {"window", V4_TCP + 15, 1},
    {"urgent pointer", V4_TCP + 19, 1},
    {"time stamp", V4_TCP + 27, 1},
};

START_TEST(differences_that_count)
{
    segment(0, 1, SEGMENT, false);
    ck_assert(!offer());
    segment(1, 1 + SEGMENT, SEGMENT, false)[differences[_i].at] ^= differences[_i].bits;
    ck_assert(merge_look(&input));
    ck_assert_msg(!merge_add(&merge, &input), "another %s", differences[_i].what);
    ck_assert_uint_eq(merge.count, 1);
}
END_TEST

/* Each of these begins a flow that nothing is added to. */
START_TEST(nothing_comes_behind)
{
    static const unsigned at[] = {V4_TCP + 13, V4_TCP + 13, IP + 6, IP + 9, IP, V4_TCP + 12};
    static const uint8_t bits[] = {0x08 /* PSH */, 0x01 /* FIN */, 0x40 /* no DF */,
                                   0x17 /* UDP */, 0x01,           0xc0};

    for (unsigned n = 0; n < 2; n++) {
        segment(n, 1 + n * SEGMENT, SEGMENT, false)[at[_i]] ^= bits[_i];
        ck_assert(!offer());
    }
}
END_TEST

START_TEST(flags_that_count)
{
    static const struct netvf_front_rx_frame said[] = {
        {.validated = false}, {.csum_blank = true, .gso = NETVF_FRONT_GSO_TCPV4, .gso_size = 1448}};

    for (unsigned n = 0; n < 2; n++) {
        segment(n, 1 + n * SEGMENT, SEGMENT, false);
        input.frame.validated = said[_i].validated;
        input.frame.csum_blank = said[_i].csum_blank;
        input.frame.gso = said[_i].gso;
        input.frame.gso_size = said[_i].gso_size;
        ck_assert(!offer());
    }
}
END_TEST

/* A blank checksum, from a guest of the same host, is as good as one that was checked. */
START_TEST(blank_checksums)
{
    for (unsigned n = 0; n < 2; n++) {
        segment(n, 1 + n * SEGMENT, SEGMENT, false);
        input.frame.validated = false;
        input.frame.csum_blank = true;
        ck_assert_int_eq(offer(), n > 0);
    }
}
END_TEST

START_TEST(lengths_that_count)
{
    /* Longer than the first; padded on the wire; without data. */
    segment(0, 1, 500, false);
    ck_assert(!offer());
    segment(1, 501, 501, false);
    ck_assert(!offer());
    segment(2, 1002, 1, false);
    input.frame.length = input.frame.parts[0].length = 80;
    ck_assert(!offer());
    segment(3, 1003, 0, false);
    ck_assert(!offer());
    segment(4, 1003, 100, false);
    ck_assert(!offer());
}
END_TEST

/* What one frame can be: as long as IP's length goes, and as many parts as there is room for. */
START_TEST(limits)
{
    struct virtio_net_hdr header;
    unsigned n = 0;

    do
        segment(n, 1 + n * SEGMENT, SEGMENT, false);
    while (offer() == (n++ > 0));
    ck_assert_uint_eq(n, 1 + (65535 - V4_TCP - TCP_BYTES) / SEGMENT + 0);
    setup();
    for (n = 0; n < 70; n++) {
        segment(n, 1 + n * 100, 100, false);
        if (offer() != (n > 0))
            break;
    }
    ck_assert_uint_eq(n, MERGE_FRAMES);
    ck_assert_uint_le(finish(&header), sizeof whole);
}
END_TEST

/* Jumbo frames in pages, the second of them cut within its headers. */
START_TEST(parts)
{
    struct virtio_net_hdr header;
    unsigned length;

    for (unsigned n = 0; n < 2; n++) {
        uint8_t *bytes = segment(n, 1 + n * 8948, 8948, false);
        unsigned first = n ? 40 : 4096, second = 4096, total = input.frame.length;

        input.frame.count = 3;
        input.frame.parts[0].length = (uint16_t)first;
        input.frame.parts[1] =
            (struct netvf_front_rx_part){.bytes = bytes + first, .length = (uint16_t)second};
        input.frame.parts[2] = (struct netvf_front_rx_part){
            .bytes = bytes + first + second, .length = (uint16_t)(total - first - second)};
        ck_assert_int_eq(offer(), n > 0);
    }
    length = finish(&header);
    ck_assert_uint_eq(length, V4_TCP + TCP_BYTES + 2 * 8948);
    check_payload(V4_TCP + TCP_BYTES, 1, 2 * 8948);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("front_merge");
    TCase *tc = tcase_create("merge");

    tcase_add_checked_fixture(tc, setup, NULL);
    tcase_add_test(tc, three_and_a_rest);
    tcase_add_test(tc, version_6);
    tcase_add_test(tc, one_alone);
    tcase_add_loop_test(tc, differences_that_count, 0, sizeof differences / sizeof differences[0]);
    tcase_add_loop_test(tc, nothing_comes_behind, 0, 6);
    tcase_add_loop_test(tc, flags_that_count, 0, 2);
    tcase_add_test(tc, blank_checksums);
    tcase_add_test(tc, lengths_that_count);
    tcase_add_test(tc, limits);
    tcase_add_test(tc, parts);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
