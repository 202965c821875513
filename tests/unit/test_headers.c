/* SPDX-License-Identifier: MIT */
/* What the first bytes of a frame are taken for, whatever they are. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/headers.h"

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
    ck_assert_uint_eq(headers.ip_len, 0);
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
    ck_assert(headers.vlan && headers.ipv4);
    ck_assert_uint_eq(headers.mac_len, 18);
    ck_assert_uint_eq(headers.ip_len, 24);
    ck_assert_int_eq(headers.l4, VF_L4_TCP);
    ck_assert_uint_eq(headers.l4_len, 32);
    ck_assert_uint_eq(headers.length, 18 + 24 + 32);
}
END_TEST

START_TEST(udp6)
{
    put16(12, 0x86dd);
    bytes[14] = 0x60;
    bytes[14 + 6] = 17;
    headers_read(bytes, sizeof bytes, &headers);
    ck_assert(!headers.ipv4);
    ck_assert_int_eq(headers.l4, VF_L4_UDP);
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
    ck_assert_int_eq(headers.l4, VF_L4_NONE);
    ck_assert_uint_eq(headers.length, 34);
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
    ck_assert_int_eq(headers.l4, VF_L4_NONE);
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
        headers_read(exact, count, &headers);
        ck_assert_uint_le(headers.length, count);
        ck_assert_uint_ge(headers.length, 14);
        free(exact);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("headers");
    TCase *tcase = tcase_create("headers");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, arp);
    tcase_add_test(tcase, tcp_with_options_and_vlan);
    tcase_add_test(tcase, udp6);
    tcase_add_loop_test(tcase, fragment_has_no_l4, 0, 2);
    tcase_add_loop_test(tcase, lies, 0, 8);
    tcase_add_test(tcase, noise);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
