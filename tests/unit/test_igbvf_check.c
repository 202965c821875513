/* SPDX-License-Identifier: MIT */
/* What the driver makes of a VF's registers when it is asked whether all is well: registers in memory, config space in a
 * file, values as the 82576 datasheet (8.14.2) and igb's ping have them. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/why.h"
#include "unit/runner.h"
/* Its control half is not reachable but through sysfs; here it is driven by itself. */
#include "vf/igbvf.c"

static struct igbvf v;
static struct why why;
static uint8_t registers[IGBVF_BAR_SIZE];

static void put(unsigned offset, uint32_t value)
{
    memcpy(registers + offset, &value, sizeof value);
}

static uint32_t get(unsigned offset)
{
    uint32_t value;

    memcpy(&value, registers + offset, sizeof value);
    return value;
}

static void config(uint16_t command)
{
    ck_assert_int_eq(pwrite(v.function.config, &command, sizeof command, PCI_COMMAND), 2);
}

/* A VF that has been started. */
static void setup(void)
{
    memset(&v, 0, sizeof v);
    memset(registers, 0, sizeof registers);
    v.vf.ops = &igbvf_ops;
    v.vf.queues = 1;
    v.bar = registers;
    v.queues[0].registers = registers;
    v.function.config = memfd_create("config", 0);
    config(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    put(STATUS, STATUS_LU);
    put(RXDCTL, DCTL_ENABLE);
}

static void teardown(void)
{
    close(v.function.config);
}

static bool well(void)
{
    return v.vf.ops->check(&v.vf, &why) == 0;
}

START_TEST(all_well)
{
    ck_assert(well());
    ck_assert(well());
}
END_TEST

START_TEST(reset_of_the_pf)
{
    put(V2PMAILBOX, 0x40); /* RSTI: its interface is down */
    ck_assert(!well());
    ck_assert(!well());
    put(V2PMAILBOX, 0x80); /* RSTD: it is up again, and has forgotten */
    ck_assert(!well());
    ck_assert_ptr_nonnull(strstr(why.text, "reset"));
    put(V2PMAILBOX, 0); /* cleared by that read */
    ck_assert(well());
}
END_TEST

START_TEST(pings)
{
    put(V2PMAILBOX, 0x10);
    put(VMBMEM, 0x20000100); /* PF_CONTROL | CTS: its link has changed */
    ck_assert(well());
    ck_assert_uint_eq(get(V2PMAILBOX), 0x02); /* taken, and acknowledged */
    put(V2PMAILBOX, 0x10);
    put(VMBMEM, 0x00000100); /* PF_CONTROL: it was reset */
    ck_assert(!well());
}
END_TEST

/* A read that was for something else has taken the bits that clear themselves. */
START_TEST(bits_seen_in_passing)
{
    put(V2PMAILBOX, 0x80);
    igbvf_mailbox(&v);
    put(V2PMAILBOX, 0);
    ck_assert(!well());
    ck_assert(well());
}
END_TEST

START_TEST(reset_by_somebody_else)
{
    config(PCI_COMMAND_MEMORY);
    ck_assert(!well());
    config(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    put(RXDCTL, 0);
    ck_assert(!well());
}
END_TEST

START_TEST(gone)
{
    struct vf_counters before, after;

    put(VFGPTC, 10);
    v.vf.ops->count(&v.vf, &before);
    memset(registers, 0xff, sizeof registers);
    ck_assert(!well());
    ck_assert_ptr_nonnull(strstr(why.text, "gone"));
    v.vf.ops->count(&v.vf, &after);
    ck_assert_uint_eq(before.tx_packets, 10);
    ck_assert_uint_eq(after.tx_packets, 10);
    ck_assert(!v.vf.ops->link_up(&v.vf));
}
END_TEST

/* Removed, and another function at the same address: the mapping may show that one's registers. */
START_TEST(replaced)
{
    close(v.function.config);
    v.function.config = -1;
    ck_assert(!well());
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("igbvf_check");
    TCase *test = tcase_create("igbvf_check");

    tcase_add_checked_fixture(test, setup, teardown);
    tcase_add_test(test, all_well);
    tcase_add_test(test, reset_of_the_pf);
    tcase_add_test(test, pings);
    tcase_add_test(test, bits_seen_in_passing);
    tcase_add_test(test, reset_by_somebody_else);
    tcase_add_test(test, gone);
    tcase_add_test(test, replaced);
    suite_add_tcase(suite, test);
    return run_suite(suite);
}
