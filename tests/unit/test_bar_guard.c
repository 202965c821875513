/* SPDX-License-Identifier: MIT */
/* Registers that vanish under an access: a file that is cut to nothing while it is mapped raises the same SIGBUS. */
#include <check.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "unit/runner.h"
#include "vf/bar_guard.h"

#define SIZE 0x4000u

static int file;

static volatile uint32_t *map(void)
{
    void *bar;

    ck_assert_int_eq(ftruncate(file, SIZE), 0);
    bar = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    ck_assert_ptr_ne(bar, MAP_FAILED);
    return bar;
}

static void setup(void)
{
    file = memfd_create("bar", 0);
    ck_assert_int_ge(file, 0);
}

static void teardown(void)
{
    close(file);
}

START_TEST(reads_ones_once_it_is_gone)
{
    volatile uint32_t *bar = map();

    ck_assert_int_eq(bar_guard_add((void *)bar, SIZE), 0);
    bar[2] = 7;
    ck_assert_uint_eq(bar[2], 7);
    ck_assert_int_eq(ftruncate(file, 0), 0);
    ck_assert_uint_eq(bar[2], ~0u);
    ck_assert_uint_eq(bar[SIZE / 4 - 1], ~0u);
    bar[3] = 1; /* a doorbell goes nowhere, and ends nothing */
    bar_guard_remove((void *)bar);
    munmap((void *)bar, SIZE);
}
END_TEST

START_TEST(a_write_is_survived_first)
{
    volatile uint32_t *bar = map(), *other = map();

    ck_assert_int_eq(bar_guard_add((void *)other, SIZE), 0);
    ck_assert_int_eq(bar_guard_add((void *)bar, SIZE), 0);
    ck_assert_int_eq(ftruncate(file, 0), 0);
    bar[5] = 1;
    ck_assert_uint_eq(bar[6], ~0u);
    ck_assert_uint_eq(other[6], ~0u);
    bar_guard_remove((void *)other);
    bar_guard_remove((void *)bar);
    munmap((void *)bar, SIZE);
    munmap((void *)other, SIZE);
}
END_TEST

/* Ends by SIGBUS: what is not guarded is as it was. */
START_TEST(no_other_memory_is_covered_up)
{
    volatile uint32_t *bar = map(), *other = map();

    ck_assert_int_eq(bar_guard_add((void *)bar, SIZE), 0);
    ck_assert_int_eq(ftruncate(file, 0), 0);
    other[0] = 1;
}
END_TEST

START_TEST(places_are_given_back)
{
    volatile uint32_t *bar = map();

    for (unsigned i = 0; i < 5000; i++) {
        ck_assert_int_eq(bar_guard_add((void *)bar, SIZE), 0);
        bar_guard_remove((void *)bar);
    }
    munmap((void *)bar, SIZE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bar_guard");
    TCase *test = tcase_create("bar_guard");

    tcase_add_checked_fixture(test, setup, teardown);
    tcase_add_test(test, reads_ones_once_it_is_gone);
    tcase_add_test(test, a_write_is_survived_first);
    tcase_add_test_raise_signal(test, no_other_memory_is_covered_up, SIGBUS);
    tcase_add_test(test, places_are_given_back);
    suite_add_tcase(suite, test);
    return run_suite(suite);
}
