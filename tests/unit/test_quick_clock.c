/* SPDX-License-Identifier: MIT */
/* The clock between two looks at the kernel's: with a kernel and a counter of the test's own. */
#include <check.h>
#include <string.h>
#include <time.h>

#include "unit/runner.h"

static uint64_t counter_now, kernel_now;
static unsigned kernel_asked;

static uint64_t counter_in_test(void)
{
    return counter_now;
}

static int gettime_in_test(clockid_t clock, struct timespec *now)
{
    (void)clock;
    kernel_asked++;
    *now = (struct timespec){(time_t)(kernel_now / 1000000000), (long)(kernel_now % 1000000000)};
    return 0;
}

#define clock_gettime gettime_in_test
#define counter()     counter_in_test()
#define QUICK_CLOCK_COUNTER
#include "common/quick_clock.c"

static struct quick_clock quick;

/* Both go on, the counter at `percent` of 2 ticks a nanosecond. */
static uint64_t pass(uint64_t ns, unsigned percent)
{
    kernel_now += ns;
    counter_now += 2 * ns * percent / 100;
    return quick_clock_ns(&quick);
}

static void begin(void)
{
    memset(&quick, 0, sizeof quick);
    counter_now = 1ull << 63;
    kernel_now = 5000000000000;
    kernel_asked = 0;
}

START_TEST(asks_seldom)
{
    begin();
    for (unsigned i = 0; i < 100000; i++) {
        uint64_t now = pass(1000, 100);

        ck_assert_uint_ge(now + 10, kernel_now);
        ck_assert_uint_le(now, kernel_now + 10);
    }
    /* 100 ms: until the rate is known, and each 10 ms. */
    ck_assert_uint_lt(kernel_asked, 1100);
    kernel_asked = 0;
    for (unsigned i = 0; i < 100000; i++)
        pass(1000, 100);
    ck_assert_uint_le(kernel_asked, 11);
}
END_TEST

START_TEST(follows_rate)
{
    uint64_t last = 0;

    begin();
    for (unsigned i = 0; i < 3000; i++) {
        uint64_t now = pass(100000, i < 1000 ? 100 : i < 2000 ? 50 : 400);

        ck_assert_uint_ge(now, last);
        last = now;
        /* Four times as fast for 10 ms of the counter's, after which the kernel is asked. */
        ck_assert_uint_le(now, kernel_now + 80000000);
    }
    pass(20000000, 400);
    pass(20000000, 400);
    ck_assert_uint_ge(pass(1000000, 400) + 1000000, kernel_now);
}
END_TEST

START_TEST(counter_misbehaves)
{
    uint64_t last;

    begin();
    for (unsigned i = 0; i < 100; i++)
        pass(1000000, 100);
    last = quick_clock_ns(&quick);
    counter_now = 7; /* another processor, or a machine that has slept */
    ck_assert_uint_ge(pass(1000, 100), last);
    ck_assert_uint_ge(pass(2000000, 0) + 10, kernel_now); /* stands still */
    ck_assert_uint_ge(pass(2000000, 0) + 10, kernel_now);
    ck_assert_uint_ge(pass(60000000000, 100) + 10, kernel_now);
    ck_assert_uint_le(quick_clock_ns(&quick), kernel_now);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("quick_clock");
    TCase *tcase = tcase_create("quick_clock");

    tcase_add_test(tcase, asks_seldom);
    tcase_add_test(tcase, follows_rate);
    tcase_add_test(tcase, counter_misbehaves);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
