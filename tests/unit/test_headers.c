/* SPDX-License-Identifier: MIT */
/* What the first bytes of a frame are taken for, whatever they are. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/headers.h"
#include "unit/runner.h"

static uint8_t bytes[HEADER_COPY];
static struct headers headers;

static void setup(void)
{
    memset(bytes, 0, sizeof bytes);
}

static void put16(unsigned at, unsigned value)
{
    bytes[at] = (uint8_t)(value >> 8);
    bytes[at + 1] = (uint8_t)value;
}

START_TEST(arp)
{
    put16(12, 0x0806);
    headers_read(bytes, 42, &headers);
    ck_assert_uint_eq(headers.length, 14);
    ck_assert_uint_eq(headers.vf.ip_len, 0);
}
END_TEST

START_TEST(tcp_with_options_and_vlan)
{
    put16(12, 0x8100);
    put16(16, 0x0800);
    bytes[18] = 0x46;
    bytes[18 + 9] = 6;
    bytes[18 + 24 + 12] = 0x80;
    headers_read(bytes, sizeof bytes, &headers);
    ck_assert(headers.vlan && headers.vf.ipv4);
    ck_assert_uint_eq(headers.vf.mac_len, 18);
    ck_assert_uint_eq(headers.vf.ip_len, 24);
    ck_assert_int_eq(headers.vf.l4, VF_L4_TCP);
    ck_assert_uint_eq(headers.vf.l4_len, 32);
    ck_assert_uint_eq(headers.length, 18 + 24 + 32);
}
END_TEST

START_TEST(udp6)
{
    put16(12, 0x86dd);
    bytes[14] = 0x60;
    bytes[14 + 6] = 17;
    headers_read(bytes, sizeof bytes, &headers);
    ck_assert(!headers.vf.ipv4);
    ck_assert_int_eq(headers.vf.l4, VF_L4_UDP);
    ck_assert_uint_eq(headers.length, 14 + 40 + 8);
}
END_TEST

START_TEST(fragment_has_no_l4)
{
    put16(12, 0x0800);
    bytes[14] = 0x45;
    bytes[14 + 9] = 17;
    put16(14 + 6, _i ? 0x2000 : 0x0001); /* more fragments; or an offset */
    headers_read(bytes, sizeof bytes, &headers);
    ck_assert_int_eq(headers.vf.l4, VF_L4_NONE);
    ck_assert_uint_eq(headers.length, 34);
}
END_TEST

/* An IPv6 header at `at`, fd77::2 to fd77::1. */
static void put_ipv6(unsigned at, unsigned payload, unsigned next)
{
    bytes[at] = 0x60;
    put16(at + 4, payload);
    bytes[at + 6] = (uint8_t)next;
    put16(at + 8, 0xfd77);
    bytes[at + 23] = 2;
    put16(at + 24, 0xfd77);
    bytes[at + 39] = 1;
}

/* A TCP header of 20 bytes, checksum field as given. */
static void put_tcp(unsigned at, unsigned checksum)
{
    put16(at, 0x1234);
    put16(at + 2, 0x1451);
    bytes[at + 7] = 1;
    bytes[at + 11] = 2;
    put16(at + 12, 0x5010);
    put16(at + 14, 0xffff);
    put16(at + 16, checksum);
}

/* Hop-by-hop options, a routing header and destination options, then TCP. */
START_TEST(extension_headers)
{
    put16(12, 0x86dd);
    put_ipv6(14, 68, 0);
    bytes[54] = 43;                /* hop-by-hop: 8 bytes */
    bytes[62] = 60, bytes[63] = 2; /* routing: 24 */
    bytes[86] = 6, bytes[87] = 1;  /* destination: 16 */
    put_tcp(102, 0);
    headers_read(bytes, 122, &headers);
    ck_assert_int_eq(headers.vf.l4, VF_L4_TCP);
    ck_assert_uint_eq(headers.vf.ip_len, 40 + 8 + 24 + 16);
    ck_assert_uint_eq(headers.vf.l4_len, 20);
    ck_assert_uint_eq(headers.length, 122);
    ck_assert(!headers_plain(&headers) && !headers.cut);
    for (unsigned count = 55; count < 122; count++) { /* wherever it ends */
        headers_read(bytes, count, &headers);
        ck_assert_int_eq(headers.vf.l4, VF_L4_NONE);
        ck_assert(headers.cut);
        ck_assert_uint_le(headers.length, count);
    }
}
END_TEST

/* What hides L4, and is not to be had with more bytes either. */
START_TEST(no_l4_behind)
{
    static const uint8_t next[] = {44 /* fragment */, 50 /* ESP */,   51 /* AH */,
                                   59 /* none */,     132 /* SCTP */, 4 /* IPv4 */};

    put16(12, 0x86dd);
    put_ipv6(14, 100, 0);
    bytes[54] = next[_i];
    bytes[62] = 6;
    headers_read(bytes, sizeof bytes, &headers);
    ck_assert_int_eq(headers.vf.l4, VF_L4_NONE);
    ck_assert_uint_eq(headers.length, 62);
    ck_assert(!headers.cut);
}
END_TEST

/* A chain that does not end, and one header that says it is 2048 bytes long. */
START_TEST(extension_limits)
{
    put16(12, 0x86dd);
    put_ipv6(14, 100, 60);
    for (unsigned i = 0; i < 8; i++)
        bytes[54 + 8 * i] = 60;
    headers_read(bytes, sizeof bytes, &headers);
    ck_assert_uint_eq(headers.vf.ip_len, 40 + 64);
    ck_assert(headers.vf.l4 == VF_L4_NONE && !headers.cut);
    bytes[54 + 8 * 7] = 17; /* eight are enough, though */
    headers_read(bytes, sizeof bytes, &headers);
    ck_assert_int_eq(headers.vf.l4, VF_L4_UDP);
    bytes[55] = 255;
    headers_read(bytes, sizeof bytes, &headers);
    ck_assert_uint_eq(headers.length, 54);
    ck_assert(headers.vf.l4 == VF_L4_NONE && headers.cut);
}
END_TEST

START_TEST(two_tags)
{
    put16(12, 0x88a8);
    put16(16, 0x8100);
    put16(20, 0x86dd);
    put_ipv6(22, 20, 6);
    put_tcp(62, 0);
    headers_read(bytes, 82, &headers);
    ck_assert(headers.vlan);
    ck_assert_uint_eq(headers.vf.mac_len, 22);
    ck_assert_uint_eq(headers.length, 82);
    ck_assert_int_eq(headers.vf.l4, VF_L4_TCP);
    put16(20, 0x8100); /* a third */
    headers_read(bytes, 82, &headers);
    ck_assert_uint_eq(headers.length, 22);
    ck_assert_uint_eq(headers.vf.ip_len, 0);
    headers_read(bytes, 19, &headers); /* the second is cut off */
    ck_assert_uint_eq(headers.length, 18);
}
END_TEST

START_TEST(tso_ipv6)
{
    put16(12, 0x86dd);
    put_ipv6(14, 20 + 3000, 6);
    put_tcp(54, 0x7788);
    headers_read(bytes, 74, &headers);
    headers_prepare_tso(bytes, &headers, 74 + 3000);
    ck_assert_uint_eq(bytes[18] | bytes[19], 0);
    /* 0xfd77 + 2 + 0xfd77 + 1 + 6 = 0x1faf7; folded 0xfaf8 */
    ck_assert_uint_eq(bytes[70] << 8 | bytes[71], 0xfaf8);
}
END_TEST

/* Behind a routing header only the guest knows the destination: its sum, less the length of 1020 = 0x3fc. */
START_TEST(tso_routed)
{
    static const unsigned sums[][2] = {
        {0x1400, 0x1004}, /* 0x1400 + 0xfc03 = 0x11003 */
        {0x0100, 0xfd03}, /* borrows: 0x0100 + 0xfc03 */
        {0x03fc, 0xffff}, /* a zero, the other way to write it */
    };

    put16(12, 0x86dd);
    put_ipv6(14, 24 + 1020, 43);
    bytes[54] = 6, bytes[55] = 2;
    put_tcp(78, sums[_i][0]);
    headers_read(bytes, 98, &headers);
    headers_prepare_tso(bytes, &headers, 14 + 40 + 24 + 1020);
    ck_assert_uint_eq(bytes[94] << 8 | bytes[95], sums[_i][1]);
    ck_assert_uint_eq(bytes[18] | bytes[19], 0);
}
END_TEST

/* UDP over IPv4 with three bytes of data, and the pseudo-header sum in its field:
 * 0x0a4d + 2 + 0x0a4d + 1 + 17 + 11 = 0x14b9. */
static void put_udp_packet(void)
{
    static const uint8_t packet[31] = {0x45, 0,    0,  31, 0,    0,    0,   0,   64, 17,   0,
                                       0,    10,   77, 0,  2,    10,   77,  0,   1,  0x12, 0x34,
                                       0x14, 0x51, 0,  11, 0x14, 0xb9, 'a', 'b', 'c'};

    put16(12, 0x0800);
    memcpy(bytes + 14, packet, sizeof packet);
    headers_read(bytes, sizeof bytes, &headers);
}

START_TEST(checksum_udp)
{
    put_udp_packet();
    bytes[45] = 0xee; /* behind the packet: padding */
    /* 0x1234 + 0x1451 + 11 + 0x14b9 + 0x6162 + 0x6300 = 0xffab */
    ck_assert(headers_finish_checksum(bytes, &headers, 60));
    ck_assert_uint_eq(bytes[40] << 8 | bytes[41], 0x0054);
}
END_TEST

START_TEST(checksum_udp_is_never_zero)
{
    put_udp_packet();
    bytes[43] += 0x54; /* the sum is 0xffff */
    ck_assert(headers_finish_checksum(bytes, &headers, 60));
    ck_assert_uint_eq(bytes[40] << 8 | bytes[41], 0xffff);
}
END_TEST

START_TEST(checksum_tcp_ipv6)
{
    put16(12, 0x86dd);
    put_ipv6(14, 20, 6);
    put_tcp(54, 0xfb0c); /* 0x1faf1 + 20 + 6 = 0x1fb0b */
    headers_read(bytes, 74, &headers);
    /* 0x1234 + 0x1451 + 1 + 2 + 0x5010 + 0xffff + 0xfb0c = 0x271a3; folded 0x71a5 */
    ck_assert(headers_finish_checksum(bytes, &headers, 74));
    ck_assert_uint_eq(bytes[70] << 8 | bytes[71], 0x8e5a);
}
END_TEST

/* The packet is longer than the frame, or shorter than its own headers. */
START_TEST(checksum_lengths_lie)
{
    static const unsigned lengths[] = {47, 0xffff, 27, 0};

    put_udp_packet();
    put16(16, lengths[_i]);
    ck_assert(!headers_finish_checksum(bytes, &headers, 60));
    ck_assert_uint_eq(bytes[40] << 8 | bytes[41], 0x14b9);
}
END_TEST

/* Lengths that lie: shorter than their minimum, longer than the frame. */
START_TEST(lies)
{
    static const struct {
        uint8_t ip, tcp;
        unsigned count, length;
    } cases[] = {
        {0x44, 0x50, 144, 14}, {0x4f, 0x50, 60, 14},  {0x45, 0x40, 144, 34}, {0x45, 0xf0, 80, 34},
        {0x45, 0x50, 53, 34},  {0x55, 0x50, 144, 14}, {0x45, 0x50, 33, 14},  {0x45, 0x50, 14, 14},
    };

    put16(12, 0x0800);
    bytes[14] = cases[_i].ip;
    bytes[14 + 9] = 6;
    bytes[34 + 12] = cases[_i].tcp;
    headers_read(bytes, cases[_i].count, &headers);
    ck_assert_uint_eq(headers.length, cases[_i].length);
    ck_assert_int_eq(headers.vf.l4, VF_L4_NONE);
}
END_TEST

/* Any bytes at all: never beyond what is there. Deterministic, so that a failure can be found again. */
START_TEST(noise)
{
    uint32_t state = 1;

    for (unsigned round = 0; round < 200000; round++) {
        unsigned count = 14 + round % (HEADER_COPY - 13);
        uint8_t *exact = malloc(count); /* so that ASan sees a read too far */

        for (unsigned i = 0; i < count; i++)
            exact[i] = (uint8_t)((state = state * 1664525 + 1013904223) >> 24);
        exact[12] = (uint8_t)(round % 3 == 0 ? 0x08 : round % 3 == 1 ? 0x86 : 0x81);
        exact[13] = (uint8_t)(round % 3 == 0 ? 0x00 : round % 3 == 1 ? 0xdd : 0x00);
        if (count > 14 && round & 8)
            exact[14] = (uint8_t)((exact[14] & 15) | (round % 3 ? 0x60 : 0x40));
        if (count > 62 && round & 16) { /* extension headers that are not too long */
            exact[20] = (uint8_t)(round & 32 ? 0 : 43);
            exact[54] = (uint8_t)(round & 64 ? 60 : 6);
            exact[55] &= 3;
        }
        headers_read(exact, count, &headers);
        ck_assert_uint_le(headers.length, count);
        ck_assert_uint_ge(headers.length, 14);
        if (headers.vf.l4 != VF_L4_NONE) {
            ck_assert_uint_eq(headers.length,
                              headers.vf.mac_len + headers.vf.ip_len + headers.vf.l4_len);
            headers_finish_checksum(exact, &headers, count);
            if (headers.vf.l4 == VF_L4_TCP)
                headers_prepare_tso(exact, &headers, count);
        }
        free(exact);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("headers");
    TCase *tcase = tcase_create("headers");

    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, arp);
    tcase_add_test(tcase, tcp_with_options_and_vlan);
    tcase_add_test(tcase, udp6);
    tcase_add_loop_test(tcase, fragment_has_no_l4, 0, 2);
    tcase_add_test(tcase, extension_headers);
    tcase_add_loop_test(tcase, no_l4_behind, 0, 6);
    tcase_add_test(tcase, extension_limits);
    tcase_add_test(tcase, two_tags);
    tcase_add_test(tcase, tso_ipv6);
    tcase_add_loop_test(tcase, tso_routed, 0, 3);
    tcase_add_test(tcase, checksum_udp);
    tcase_add_test(tcase, checksum_udp_is_never_zero);
    tcase_add_test(tcase, checksum_tcp_ipv6);
    tcase_add_loop_test(tcase, checksum_lengths_lie, 0, 4);
    tcase_add_loop_test(tcase, lies, 0, 8);
    tcase_add_test(tcase, noise);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
