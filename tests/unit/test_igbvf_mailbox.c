/* SPDX-License-Identifier: MIT */
/* The igbvf driver's messages, with plain memory for registers and a thread for the PF's driver. */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/why.h"
#include "unit/runner.h"
#include "vf/igbvf_private.h"

#define CTS 0x20000000u

static struct igbvf v;
static uint32_t bar[IGBVF_BAR_SIZE / 4];
static struct why why;

/* What the PF has been told, and whether it agrees. */
static struct {
    pthread_t thread;
    bool stop;
    unsigned count;
    uint32_t messages[8][MBX_WORDS];
    uint32_t refused; /* id of the message that it refuses */
} pf;

static uint32_t get(unsigned offset)
{
    return __atomic_load_n(&bar[offset / 4], __ATOMIC_ACQUIRE);
}

static void put(unsigned offset, uint32_t value)
{
    __atomic_store_n(&bar[offset / 4], value, __ATOMIC_RELEASE);
}

static void *answer(void *unused)
{
    while (!__atomic_load_n(&pf.stop, __ATOMIC_RELAXED)) {
        uint32_t id;

        if (get(V2PMAILBOX) != MBX_REQ) {
            usleep(50);
            continue;
        }
        for (unsigned i = 0; i < MBX_WORDS; i++)
            pf.messages[pf.count][i] = get(VMBMEM + 4 * i);
        id = MSG_ID(pf.messages[pf.count++][0]);
        put(VMBMEM, id | CTS | (id == pf.refused ? MSG_NACK : MSG_ACK));
        put(V2PMAILBOX, MBX_PFACK | MBX_PFSTS);
    }
    return unused;
}

static void setup(void)
{
    memset(&v, 0, sizeof v);
    memset(bar, 0, sizeof bar);
    memset(&pf, 0, sizeof pf);
    v.bar = (volatile uint8_t *)bar;
    memcpy(v.mac, "\x00\x16\x3e\x01\xab\xcd", 6);
    pthread_create(&pf.thread, NULL, answer, NULL);
}

static void teardown(void)
{
    __atomic_store_n(&pf.stop, true, __ATOMIC_RELAXED);
    pthread_join(pf.thread, NULL);
}

static void expect_message(unsigned index, uint32_t first, uint32_t second)
{
    ck_assert_uint_gt(pf.count, index);
    ck_assert_uint_eq(pf.messages[index][0], first);
    ck_assert_uint_eq(pf.messages[index][1], second);
}

START_TEST(frame_size)
{
    v.vf.mtu = 9000;
    ck_assert_int_eq(igbvf_set_frame_max(&v, &why), 0);
    expect_message(0, 0x05, 9022);
    pf.refused = VF_SET_LPE;
    ck_assert_int_eq(igbvf_set_frame_max(&v, &why), -1);
    ck_assert_ptr_nonnull(strstr(why.text, "9022"));
}
END_TEST

START_TEST(trunk)
{
    ck_assert_int_eq(igbvf_set_trunk(&v, &why), 0);
    ck_assert_uint_eq(pf.count, 0);
    v.vf.trunk = (struct vf_trunk){2, {10, 4094}};
    ck_assert_int_eq(igbvf_set_trunk(&v, &why), 0);
    ck_assert_uint_eq(pf.count, 3);
    expect_message(0, 0x00010004, 10);
    expect_message(1, 0x00010004, 4094);
    expect_message(2, 0x00010004, 0); /* igb: no stripping of tags */
    pf.refused = VF_SET_VLAN;
    ck_assert_int_eq(igbvf_set_trunk(&v, &why), -1);
    ck_assert_int_eq(errno, ENOSPC);
    ck_assert_uint_eq(pf.count, 4);
    ck_assert_ptr_nonnull(strstr(why.text, "refuses VLAN 10"));
}
END_TEST

START_TEST(all_groups)
{
    struct vf_multicast wanted = {.all = true, .count = 2};

    ck_assert_int_eq(igbvf_set_multicast(&v.vf, &wanted, &why), 0);
    ck_assert_uint_eq(pf.count, 1);
    ck_assert_uint_eq(pf.messages[0][0], 0x00020006);
}
END_TEST

/* The flag goes first: with it the PF's driver would not look at the list. */
START_TEST(a_list)
{
    struct vf_multicast wanted = {.count = 1, .addresses = {{0x33, 0x33, 0, 0, 0, 1}}};

    ck_assert_int_eq(igbvf_set_multicast(&v.vf, &wanted, &why), 0);
    ck_assert_uint_eq(pf.count, 2);
    ck_assert_uint_eq(pf.messages[0][0], 0x00000006);
    expect_message(1, 0x00010003, 0x010);
    wanted.count = 0;
    ck_assert_int_eq(igbvf_set_multicast(&v.vf, &wanted, &why), 0);
    expect_message(3, 0x00000003, 0);
}
END_TEST

START_TEST(longer_than_the_table)
{
    struct vf_multicast wanted = {.count = MBX_HASHES_MAX + 1};

    ck_assert_int_eq(igbvf_set_multicast(&v.vf, &wanted, &why), 0);
    ck_assert_uint_eq(pf.count, 1);
    ck_assert_uint_eq(pf.messages[0][0], 0x00020006);
}
END_TEST

/* No flag there that would work: its own solicited-node group, and the usual ones. */
START_TEST(emulated)
{
    struct vf_multicast wanted = {.all = true};
    bool own = false;

    v.emulated = true;
    ck_assert_int_eq(igbvf_set_multicast(&v.vf, &wanted, &why), 0);
    ck_assert_uint_eq(pf.count, 2);
    ck_assert_uint_eq(pf.messages[0][0], 0x00000006);
    ck_assert_uint_eq(pf.messages[1][0], 0x00070003);
    for (unsigned i = 1; i < MBX_WORDS; i++)
        own |= pf.messages[1][i] >> 16 == 0xcda || (pf.messages[1][i] & 0xffff) == 0xcda;
    ck_assert(own);
    wanted = (struct vf_multicast){.count = VF_MULTICAST_MAX};
    ck_assert_int_eq(igbvf_set_multicast(&v.vf, &wanted, &why), 0);
    ck_assert_uint_eq(pf.messages[3][0], 0x001e0003);
}
END_TEST

START_TEST(refusal)
{
    struct vf_multicast wanted = {.all = true};

    pf.refused = VF_SET_PROMISC;
    ck_assert_int_eq(igbvf_set_multicast(&v.vf, &wanted, &why), -1);
    ck_assert_int_eq(errno, EACCES);
    ck_assert_ptr_nonnull(strstr(why.text, "multicast filter"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("igbvf_mailbox");
    TCase *tcase = tcase_create("igbvf_mailbox");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, frame_size);
    tcase_add_test(tcase, trunk);
    tcase_add_test(tcase, all_groups);
    tcase_add_test(tcase, a_list);
    tcase_add_test(tcase, longer_than_the_table);
    tcase_add_test(tcase, emulated);
    tcase_add_test(tcase, refusal);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
