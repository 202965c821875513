/* SPDX-License-Identifier: MIT */
/* What a vif is held to: the token bucket, and the list of multicast addresses. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/bucket.h"
#include "datapath/mcast.h"
#include "unit/runner.h"

#define MS 1000000ull

static struct bucket bucket;
static struct mcast mcast;

START_TEST(no_limit)
{
    bucket_set(&bucket, (struct rate){0}, 5);
    bucket_spend(&bucket, 1u << 30);
    bucket_refill(&bucket, 10);
    ck_assert(bucket_open(&bucket));
    ck_assert_uint_eq(bucket_wait_ns(&bucket), 0);
    /* an interval of nothing would be a division by nothing */
    bucket_set(&bucket, (struct rate){1000, 0}, 5);
    ck_assert(bucket_open(&bucket));
}
END_TEST

/* 50000 bytes in 50 ms: 1 byte a microsecond. */
START_TEST(one_interval)
{
    bucket_set(&bucket, (struct rate){50000, 50000}, MS);
    bucket_spend(&bucket, 49999);
    ck_assert(bucket_open(&bucket));
    bucket_spend(&bucket, 1514); /* overdrawn by 1513 */
    ck_assert(!bucket_open(&bucket));
    ck_assert_uint_eq(bucket_wait_ns(&bucket), 1514 * 1000 + 1);
    bucket_refill(&bucket, MS + 1513 * 1000);
    ck_assert(!bucket_open(&bucket));
    bucket_refill(&bucket, MS + 1514 * 1000);
    ck_assert(bucket_open(&bucket));
}
END_TEST

/* Looking often must not lose what a look is worth less than a byte. */
START_TEST(exact_over_time)
{
    uint64_t now = 0, sent = 0;

    bucket_set(&bucket, (struct rate){12345, 100000}, 0);
    while (now < 1000 * MS) {
        bucket_refill(&bucket, now += 777);
        if (bucket_open(&bucket)) {
            bucket_spend(&bucket, 1514);
            sent += 1514;
        }
    }
    /* one second: ten intervals, and the credit of the first */
    ck_assert_uint_ge(sent, 11 * 12345 - 1514);
    ck_assert_uint_le(sent, 11 * 12345 + 1514);
}
END_TEST

START_TEST(credit_is_bounded)
{
    bucket_set(&bucket, (struct rate){1000, 1000}, 0);
    bucket_refill(&bucket, 3600 * 1000 * MS);
    ck_assert_int_eq(bucket.credit, BUCKET_BURST);
    bucket_set(&bucket, (struct rate){UINT32_MAX, 1}, 0);
    bucket_refill(&bucket, UINT64_MAX);
    ck_assert_int_eq(bucket.credit, UINT32_MAX);
    bucket_refill(&bucket, 0); /* a clock that goes back */
    ck_assert_int_eq(bucket.credit, UINT32_MAX);
    /* the slowest there is */
    bucket_set(&bucket, (struct rate){1, RATE_INTERVAL_MAX}, 0);
    bucket_spend(&bucket, 65535);
    ck_assert_uint_eq(bucket_wait_ns(&bucket), 65535 * (uint64_t)RATE_INTERVAL_MAX * 1000 + 1);
}
END_TEST

static const uint8_t *group(unsigned number)
{
    static uint8_t address[6] = {0x33, 0x33, 0, 0, 0, 0};

    address[4] = (uint8_t)(number >> 8);
    address[5] = (uint8_t)number;
    return address;
}

START_TEST(list_is_bounded)
{
    struct vf_multicast list;

    mcast_init(&mcast);
    for (unsigned i = 0; i < VF_MULTICAST_MAX; i++)
        ck_assert_int_eq(mcast_add(&mcast, group(i)), 0);
    ck_assert_int_eq(mcast_add(&mcast, group(5)), 0); /* there already */
    ck_assert_int_eq(mcast_add(&mcast, group(1000)), -1);
    ck_assert_int_eq(errno, ENOSPC);
    mcast_remove(&mcast, group(2000));
    mcast_remove(&mcast, group(5));
    mcast_read(&mcast, &list);
    ck_assert_uint_eq(list.count, VF_MULTICAST_MAX - 1);
    for (unsigned i = 0; i < list.count; i++)
        ck_assert(memcmp(list.addresses[i], group(5), 6) != 0);
    ck_assert_int_eq(mcast_add(&mcast, group(1000)), 0);
    for (unsigned i = 0; i <= 1000; i++)
        mcast_remove(&mcast, group(i));
    mcast_read(&mcast, &list);
    ck_assert_uint_eq(list.count, 0);
}
END_TEST

START_TEST(only_groups)
{
    mcast_init(&mcast);
    ck_assert_int_eq(mcast_add(&mcast, (const uint8_t *)"\x00\x16\x3e\x01\x02\x03"), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert(!mcast_news(&mcast));
}
END_TEST

/* A row of changes is told once until somebody has read it. */
START_TEST(telling)
{
    struct vf_multicast list;

    mcast_init(&mcast);
    ck_assert(!mcast_tell(&mcast));
    mcast_add(&mcast, group(1));
    mcast_add(&mcast, group(2));
    ck_assert(mcast_tell(&mcast));
    mcast_add(&mcast, group(3));
    ck_assert(!mcast_tell(&mcast));
    ck_assert(mcast_news(&mcast));
    mcast_read(&mcast, &list);
    ck_assert_uint_eq(list.count, 3);
    ck_assert(!mcast_news(&mcast));
    mcast_add(&mcast, group(3)); /* no change */
    ck_assert(!mcast_tell(&mcast));
    mcast_remove(&mcast, group(3));
    ck_assert(mcast_tell(&mcast));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("limits");
    TCase *tcase = tcase_create("limits");

    tcase_add_test(tcase, no_limit);
    tcase_add_test(tcase, one_interval);
    tcase_add_test(tcase, exact_over_time);
    tcase_add_test(tcase, credit_is_bounded);
    tcase_add_test(tcase, list_is_bounded);
    tcase_add_test(tcase, only_groups);
    tcase_add_test(tcase, telling);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
