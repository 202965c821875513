/* SPDX-License-Identifier: MIT */
/* Who gets which device of the xen-backend bus. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/why.h"
#include "control/kernel_vifs.h"
#include "sim/fake_store.h"
#include "sim/fake_sysfs.h"
#include "unit/runner.h"
#include "xen/store.h"

#define BUS "bus/xen-backend"

static const char *sysfs;
static struct store *store;
static struct kernel_vifs *vifs;
static struct why why;

static void setup(void)
{
    sysfs = fake_sysfs_open();
    store = store_open(NULL);
    fake_sysfs_file(BUS "/drivers_autoprobe", "1");
    fake_sysfs_file(BUS "/drivers_probe", "");
    vifs = kernel_vifs_new(sysfs, sysfs, store, 0, &why);
    ck_assert_msg(vifs != NULL, "%s", why.text);
}

static void teardown(void)
{
    kernel_vifs_free(vifs);
    store_close(store);
    fake_sysfs_close();
}

static void add(const char *device, const char *nodename, const char *script)
{
    char path[128];

    snprintf(path, sizeof path, BUS "/devices/%s/nodename", device);
    fake_sysfs_file(path, nodename);
    snprintf(path, sizeof path, "/local/domain/0/%s/script", nodename);
    if (script)
        fake_store_set(store, path, script);
}

static void bind(const char *device)
{
    char path[128];

    snprintf(path, sizeof path, BUS "/devices/%s/driver", device);
    fake_sysfs_link(path, "../../drivers/vif");
}

static const char *probed(void)
{
    return fake_sysfs_read(BUS "/drivers_probe");
}

START_TEST(switches_autoprobe_off_and_back)
{
    ck_assert_str_eq(fake_sysfs_read(BUS "/drivers_autoprobe"), "0");
    kernel_vifs_free(vifs);
    ck_assert_str_eq(fake_sysfs_read(BUS "/drivers_autoprobe"), "1");
    /* A daemon that dies cannot put it back; the next one still knows. */
    fake_sysfs_file(BUS "/drivers_autoprobe", "0");
    fake_sysfs_file("drivers_autoprobe", "1");
    vifs = kernel_vifs_new(sysfs, sysfs, store, 0, &why);
    kernel_vifs_free(vifs);
    ck_assert_str_eq(fake_sysfs_read(BUS "/drivers_autoprobe"), "1");
    vifs = kernel_vifs_new(sysfs, sysfs, store, 0, &why);
}
END_TEST

START_TEST(hands_over_the_others)
{
    add("vif-1-0", "backend/vif/1/0", "/etc/xen/scripts/vif-bridge");
    ck_assert(kernel_vifs_scan(vifs)); /* until the driver is there */
    ck_assert_str_eq(probed(), "vif-1-0");
    bind("vif-1-0");
    ck_assert(!kernel_vifs_scan(vifs));
}
END_TEST

START_TEST(hands_over_disks)
{
    add("vbd-1-51712", "backend/vbd/1/51712", NULL);
    ck_assert(kernel_vifs_scan(vifs));
    ck_assert_str_eq(probed(), "vbd-1-51712");
}
END_TEST

START_TEST(keeps_ours)
{
    add("vif-1-0", "backend/vif/1/0", "/etc/xen/scripts/vif-netvf");
    ck_assert(!kernel_vifs_scan(vifs));
    ck_assert_str_eq(probed(), "");
}
END_TEST

START_TEST(waits_until_it_can_tell)
{
    add("vif-1-0", "backend/vif/1/0", NULL);
    ck_assert(kernel_vifs_scan(vifs));
    ck_assert_str_eq(probed(), "");
    fake_store_set(store, "/local/domain/0/backend/vif/1/0/script", "vif-netvf");
    ck_assert(!kernel_vifs_scan(vifs));
    ck_assert_str_eq(probed(), "");
}
END_TEST

START_TEST(says_that_there_is_no_bus)
{
    kernel_vifs_free(vifs);
    fake_sysfs_remove(BUS);
    ck_assert_ptr_null(kernel_vifs_new(sysfs, sysfs, store, 0, &why));
    ck_assert_ptr_nonnull(strstr(why.text, "drivers_autoprobe"));
    fake_sysfs_file(BUS "/drivers_autoprobe", "1");
    vifs = kernel_vifs_new(sysfs, sysfs, store, 0, &why);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernel_vifs");
    TCase *test = tcase_create("kernel_vifs");

    tcase_add_checked_fixture(test, setup, teardown);
    tcase_add_test(test, switches_autoprobe_off_and_back);
    tcase_add_test(test, hands_over_the_others);
    tcase_add_test(test, hands_over_disks);
    tcase_add_test(test, keeps_ours);
    tcase_add_test(test, waits_until_it_can_tell);
    tcase_add_test(test, says_that_there_is_no_bus);
    suite_add_tcase(suite, test);
    return run_suite(suite);
}
