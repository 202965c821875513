/* SPDX-License-Identifier: MIT */
/* Which VF is lent, and what is said when none can be; on a sysfs of our own, with VFs of our own. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/why.h"
#include "sim/fake_sysfs.h"
#include "unit/runner.h"
#include "vf/pool.h"
#include "vf/vf.h"

static const uint8_t mac[6] = {0x00, 0x16, 0x3e, 1, 2, 3};

/* The VFs' behaviour, and what has been done to them. */
static struct {
    const char *bad_reset, *bad_stop, *bad_quiesce; /* PCI addresses */
    bool bad_setup, wrong_mac, link_down;
    unsigned open, resets, quiesced, cleared;
    uint8_t mac[6];
    uint16_t vlan;
    struct vf_trunk trunk;
    bool no_room; /* for a trunk */
} fake;

static struct pool *pool;
static struct why why;

static bool is(const char *pci, const char *other)
{
    return other && strcmp(pci, other) == 0;
}

static int vf_reset(struct vf *vf, uint8_t answered[6], struct why *reason)
{
    fake.resets++;
    if (is(vf->pci, fake.bad_reset))
        return why_fail(reason, "VF %s does not answer", vf->pci);
    fake.trunk = vf->trunk;
    if (fake.no_room && vf->trunk.count) {
        errno = ENOSPC;
        return why_fail(reason, "there is no room for the trunk");
    }
    memcpy(answered, fake.mac, 6);
    answered[5] ^= fake.wrong_mac;
    return 0;
}

static int vf_stop(struct vf *vf)
{
    return is(vf->pci, fake.bad_stop) ? -1 : 0;
}

static bool vf_link_up(struct vf *vf)
{
    (void)vf;
    return !fake.link_down;
}

static void vf_close(struct vf *vf)
{
    fake.open--;
    free(vf);
}

static const struct vf_ops vf_operations = {
    .reset = vf_reset, .stop = vf_stop, .link_up = vf_link_up, .close = vf_close};

static int set_up(const char *pf, unsigned index, const uint8_t address[6], uint16_t vlan,
                  struct why *reason)
{
    fake.vlan = vlan;
    if (fake.bad_setup)
        return why_fail(reason, "PF %s refuses VF %u", pf, index);
    memcpy(fake.mac, address, 6);
    return 0;
}

static int clear(const char *pf, unsigned index, struct why *reason)
{
    (void)pf;
    (void)index;
    (void)reason;
    fake.cleared++;
    return 0;
}

static struct vf *open_vf(const char *pci, struct why *reason)
{
    struct vf *vf = calloc(1, sizeof *vf);

    (void)reason;
    ck_assert_ptr_nonnull(vf);
    vf->ops = &vf_operations;
    snprintf(vf->pci, sizeof vf->pci, "%s", pci);
    fake.open++;
    return vf;
}

static int quiesce(const char *pci)
{
    fake.quiesced++;
    return is(pci, fake.bad_quiesce) ? -1 : 0;
}

static const struct pool_ops operations = {
    .set_up = set_up, .clear = clear, .open = open_vf, .quiesce = quiesce};

static void setup(void)
{
    const char *sysfs = fake_sysfs_open();

    memset(&fake, 0, sizeof fake);
    why.text[0] = '\0';
    fake_sysfs_pf("eth0", 3, 3);
    pool = pool_new(sysfs, &operations);
    ck_assert_ptr_nonnull(pool);
}

static void teardown(void)
{
    ck_assert_uint_eq(fake.open, 0);
    pool_free(pool);
    fake_sysfs_close();
}

static struct pool_lease *take_as(const char *pf, uint16_t vlan, uint16_t mtu, const char *owner)
{
    struct pool_wish wish = {.pf = pf, .vlan = vlan, .mtu = mtu};

    memcpy(wish.mac, mac, sizeof mac);
    return pool_take(pool, &wish, owner, &why);
}

static struct pool_lease *take(const char *owner)
{
    return take_as("eth0", 0, 1500, owner);
}

static enum pool_state state_of(unsigned index)
{
    struct pf_vf vf;
    struct pf pf;

    ck_assert_int_eq(pf_read(pool_sysfs(pool), "eth0", &pf, NULL), 0);
    ck_assert_int_eq(pf_read_vf(pool_sysfs(pool), &pf, index, &vf), 0);
    return pool_state(pool, &vf, NULL);
}

static void refused(const char *pf, const char *sentence)
{
    ck_assert_ptr_null(take_as(pf, 0, 1500, "9/0"));
    ck_assert_msg(strstr(why.text, sentence) != NULL, "%s", why.text);
}

START_TEST(lends_and_takes_back)
{
    struct pool_lease *lease = take("1/0");

    ck_assert_ptr_nonnull(lease);
    ck_assert_str_eq(lease->vf->pci, fake_sysfs_vf(0));
    ck_assert_str_eq(lease->owner, "1/0");
    ck_assert_str_eq(lease->pf, "eth0");
    ck_assert_mem_eq(lease->mac, mac, 6);
    ck_assert_int_eq(state_of(0), POOL_BOUND);
    ck_assert_int_eq(state_of(1), POOL_IDLE);
    ck_assert_int_eq(pool_renew(pool, lease, &why), 0);
    ck_assert_uint_eq(fake.resets, 2);
    ck_assert_int_eq(pool_give_back(pool, lease, false), 0);
    ck_assert_int_eq(state_of(0), POOL_IDLE);
    ck_assert_uint_eq(fake.cleared, 1);
    ck_assert_uint_eq(fake.quiesced, 0);
}
END_TEST

START_TEST(vlan_and_mtu)
{
    struct pool_lease *lease;
    struct pool_wish wish = {.pf = "eth0", .vlan = 10, .mtu = 9000};

    memcpy(wish.mac, mac, sizeof mac);
    fake_sysfs_file("class/net/eth0/mtu", "1500\n");
    ck_assert_ptr_null(take_as("eth0", 10, 9000, "1/0"));
    ck_assert_ptr_nonnull(strstr(why.text, "ip link set eth0 mtu 9000"));
    ck_assert_uint_eq(fake.resets, 0);
    fake_sysfs_file("class/net/eth0/mtu", "9000\n");
    lease = take_as("eth0", 10, 9000, "1/0");
    ck_assert_ptr_nonnull(lease);
    ck_assert_uint_eq(fake.vlan, 10);
    ck_assert(pool_fits(lease, &wish));
    wish.mtu = 1500;
    ck_assert(pool_fits(lease, &wish));
    wish.vlan = 0;
    ck_assert(!pool_fits(lease, &wish));
    wish.vlan = 10;
    wish.mac[5]++;
    ck_assert(!pool_fits(lease, &wish));
    pool_give_back(pool, lease, false);
}
END_TEST

/* The VF is told of it with each reset. */
START_TEST(trunk)
{
    struct pool_wish wish = {.pf = "eth0", .trunk = {2, {10, 20}}, .mtu = 1500};
    struct pool_lease *lease;

    memcpy(wish.mac, mac, sizeof mac);
    lease = pool_take(pool, &wish, "1/0", &why);
    ck_assert_ptr_nonnull(lease);
    ck_assert_uint_eq(fake.vlan, 0);
    ck_assert_uint_eq(fake.trunk.count, 2);
    fake.trunk.count = 0;
    ck_assert_int_eq(pool_renew(pool, lease, &why), 0);
    ck_assert_uint_eq(fake.trunk.count, 2);
    ck_assert_uint_eq(fake.trunk.vlans[1], 20);
    ck_assert(pool_fits(lease, &wish));
    wish.trunk.vlans[1] = 21;
    ck_assert(!pool_fits(lease, &wish));
    wish.trunk.count = 0;
    ck_assert(!pool_fits(lease, &wish));
    pool_give_back(pool, lease, false);
}
END_TEST

/* No VF is to blame, and none would do better. */
START_TEST(pf_without_room_for_the_trunk)
{
    struct pool_wish wish = {.pf = "eth0", .trunk = {1, {10}}, .mtu = 1500};

    memcpy(wish.mac, mac, sizeof mac);
    fake.no_room = true;
    ck_assert_ptr_null(pool_take(pool, &wish, "1/0", &why));
    ck_assert_int_eq(errno, ENOSPC);
    ck_assert_ptr_nonnull(strstr(why.text, "no room"));
    ck_assert_uint_eq(fake.resets, 1);
    for (unsigned i = 0; i < 3; i++)
        ck_assert_int_eq(state_of(i), POOL_IDLE);
}
END_TEST

START_TEST(each_vif_gets_its_own)
{
    struct pool_lease *leases[3];

    for (unsigned i = 0; i < 3; i++) {
        leases[i] = take("1/0");
        ck_assert_ptr_nonnull(leases[i]);
        ck_assert_str_eq(leases[i]->vf->pci, fake_sysfs_vf(i));
    }
    refused("eth0", "no idle VF on eth0: all 3 are bound");
    ck_assert_int_eq(pool_give_back(pool, leases[1], false), 0);
    leases[1] = take("2/0");
    ck_assert_ptr_nonnull(leases[1]);
    ck_assert_uint_eq(leases[1]->index, 1);
    for (unsigned i = 0; i < 3; i++)
        pool_give_back(pool, leases[i], false);
}
END_TEST

START_TEST(says_what_is_wrong_with_the_pf)
{
    refused("eth7", "no network device eth7");
    refused("../eth0", "no network device");
    fake_sysfs_file("class/net/lo/flags", "0x9\n");
    refused("lo", "no SR-IOV");
    fake_sysfs_file("class/net/eth0/flags", "0x1002\n");
    refused("eth0", "ip link set eth0 up");
    ck_assert_uint_eq(fake.resets, 0);
}
END_TEST

START_TEST(leaves_the_kernels_vfs_alone)
{
    struct pool_lease *lease;

    fake_sysfs_driver(0, "igbvf");
    lease = take("1/0");
    ck_assert_ptr_nonnull(lease);
    ck_assert_uint_eq(lease->index, 1);
    ck_assert_int_eq(state_of(0), POOL_FOREIGN);
    fake_sysfs_driver(2, "igbvf");
    refused("eth0", "1 bound to vifs, 2 held by a kernel driver (igbvf has 0000:01:10.4)");
    ck_assert_ptr_nonnull(strstr(why.text, "/sys/bus/pci/drivers/igbvf/unbind"));
    pool_give_back(pool, lease, false);
    fake_sysfs_driver(1, "igbvf");
    refused("eth0", "0 bound to vifs, 3 held by a kernel driver");
}
END_TEST

START_TEST(tries_the_next_one)
{
    struct pool_lease *lease, *other;

    fake.bad_reset = "0000:01:10.0";
    lease = take("1/0");
    ck_assert_ptr_nonnull(lease);
    ck_assert_uint_eq(lease->index, 1);
    ck_assert_int_eq(state_of(0), POOL_BROKEN);
    /* The broken one comes last, and only after it has been quiesced. */
    other = take("2/0");
    ck_assert_uint_eq(other->index, 2);
    fake.bad_quiesce = "0000:01:10.0";
    refused("eth0", "2 bound to vifs, 1 out of order");
    fake.bad_quiesce = fake.bad_reset = NULL;
    pool_give_back(pool, lease, false);
    pool_give_back(pool, other, false);
    lease = take("3/0");
    ck_assert_uint_eq(lease->index, 1);
    other = take("4/0");
    ck_assert_uint_eq(other->index, 2);
    pool_give_back(pool, other, true);
    pool_give_back(pool, lease, true);
    lease = take("5/0");
    ck_assert_uint_eq(lease->index, 0);
    ck_assert_int_eq(state_of(0), POOL_BOUND);
    pool_give_back(pool, lease, false);
    ck_assert_int_eq(state_of(0), POOL_IDLE);
}
END_TEST

/* A VF that has failed once, as those of a PF that is just being reset do, is idle again when it works. */
START_TEST(mends_what_works_again)
{
    int64_t now = clock_ms();
    struct pool_lease *lease;

    ck_assert(!pool_has_broken(pool));
    fake.bad_reset = "0000:01:10.0";
    lease = take("1/0");
    ck_assert(pool_has_broken(pool));
    pool_mend(pool, now);
    ck_assert_uint_eq(fake.resets, 2); /* too early for a third */
    pool_mend(pool, now + 4000);
    ck_assert_uint_eq(fake.resets, 3);
    ck_assert_int_eq(state_of(0), POOL_BROKEN);
    pool_mend(pool, now + 4000); /* the next try is later than the first was */
    ck_assert_uint_eq(fake.resets, 3);
    fake.bad_quiesce = "0000:01:10.0";
    pool_mend(pool, now + 60000);
    ck_assert_uint_eq(fake.resets, 3);
    fake.bad_reset = fake.bad_quiesce = NULL;
    pool_mend(pool, now + 120000);
    ck_assert_int_eq(state_of(0), POOL_IDLE);
    ck_assert(!pool_has_broken(pool));
    ck_assert_int_eq(state_of(1), POOL_BOUND);
    pool_give_back(pool, lease, false);
    ck_assert_uint_eq(fake.open, 0);
}
END_TEST

/* Nor one that a former daemon has left there. */
START_TEST(leaves_the_stranded_alone)
{
    struct pool_lease *lease;

    pool_strand(pool, "0000:01:10.0");
    ck_assert(!pool_has_broken(pool));
    ck_assert_int_eq(state_of(0), POOL_BROKEN);
    lease = take("1/0");
    ck_assert_uint_eq(lease->index, 1);
    pool_give_back(pool, lease, false);
}
END_TEST

/* A VF that did not come back from a guest's IOMMU context would write to that guest's memory, whomever it served. */
START_TEST(leaves_the_astray_alone)
{
    struct pool_lease *lease = take("1/0"), *second, *third;

    lease->astray = true;
    pool_give_back(pool, lease, true);
    ck_assert(!pool_has_broken(pool));
    pool_mend(pool, clock_ms() + 600000);
    ck_assert_int_eq(state_of(0), POOL_BROKEN);
    second = take("2/0");
    third = take("3/0");
    ck_assert_uint_eq(second->index, 1);
    ck_assert_uint_eq(third->index, 2);
    refused("eth0", "2 bound to vifs, 1 out of order");
    pool_give_back(pool, third, false);
    pool_give_back(pool, second, false);
}
END_TEST

START_TEST(tells_why_none_would_work)
{
    fake.wrong_mac = true;
    refused("eth0", "not the one that was set");
    fake.wrong_mac = false;
    fake.bad_setup = true;
    refused("eth0", "PF eth0 refuses VF");
}
END_TEST

START_TEST(does_not_trust_what_is_not_quiet)
{
    struct pool_lease *lease = take("1/0");

    fake.bad_stop = fake.bad_quiesce = "0000:01:10.0";
    ck_assert_int_eq(pool_give_back(pool, lease, false), -1);
    ck_assert_int_eq(state_of(0), POOL_BROKEN);
    /* Quiesced from outside: as good as stopped. */
    lease = take("1/0");
    ck_assert_uint_eq(lease->index, 1);
    fake.bad_stop = "0000:01:10.2";
    ck_assert_int_eq(pool_give_back(pool, lease, false), 0);
}
END_TEST

static const char numvfs[] = "bus/pci/devices/0000:01:00.0/sriov_numvfs";

START_TEST(a_vf_that_is_gone_is_quiet)
{
    struct pool_lease *lease = take("1/0");

    fake.bad_stop = fake.bad_quiesce = "0000:01:10.0";
    ck_assert_int_eq(pool_silence(pool, lease), -1);
    fake_sysfs_remove("bus/pci/devices/0000:01:10.0");
    ck_assert_int_eq(pool_silence(pool, lease), -1); /* the PF may not have switched it off yet */
    fake_sysfs_file(numvfs, "0");
    ck_assert_int_eq(pool_silence(pool, lease), 0);
    ck_assert_int_eq(pool_give_back(pool, lease, true), 0);
    /* What comes to its address is another one. */
    fake_sysfs_file("bus/pci/devices/0000:01:10.0/config", "");
    fake_sysfs_file(numvfs, "3");
    ck_assert_int_eq(state_of(0), POOL_IDLE);
}
END_TEST

START_TEST(what_proves_that_a_vf_is_gone)
{
    const char *sysfs = pool_sysfs(pool);

    ck_assert(!pf_vf_gone(sysfs, "0000:01:10.2"));
    fake_sysfs_remove("bus/pci/devices/0000:01:10.2");
    ck_assert(!pf_vf_gone(sysfs, "0000:01:10.2"));
    fake_sysfs_file(numvfs, "1"); /* off, and fewer of them on again */
    ck_assert(pf_vf_gone(sysfs, "0000:01:10.2"));
    fake_sysfs_file(numvfs, "2");
    ck_assert(!pf_vf_gone(sysfs, "0000:01:10.2"));
    ck_assert(pf_vf_gone(sysfs, "0001:01:10.2")); /* nobody's */
    ck_assert(pf_vf_gone(sysfs, ""));
    fake_sysfs_remove("bus/pci/devices/0000:01:00.0/sriov_stride");
    ck_assert(!pf_vf_gone(sysfs, "0000:01:10.2")); /* it cannot be told whose it is */
    fake_sysfs_remove("bus/pci/devices/0000:01:00.0");
    ck_assert(pf_vf_gone(sysfs, "0000:01:10.2"));
}
END_TEST

START_TEST(renews_only_what_can_answer)
{
    struct pool_lease *lease = take("1/0");

    fake_sysfs_file("class/net/eth0/flags", "0x1002\n");
    errno = 0;
    ck_assert_int_eq(pool_renew(pool, lease, &why), -1);
    ck_assert_int_eq(errno, ENETDOWN);
    ck_assert_uint_eq(fake.resets, 1);
    ck_assert_ptr_nonnull(strstr(why.text, "ip link set eth0 up"));
    fake_sysfs_file("class/net/eth0/flags", "0x1003\n");
    ck_assert_int_eq(pool_renew(pool, lease, &why), 0);
    fake.bad_reset = "0000:01:10.0";
    errno = 0;
    ck_assert_int_eq(pool_renew(pool, lease, &why), -1);
    ck_assert_int_ne(errno, ENETDOWN);
    pool_give_back(pool, lease, true);
}
END_TEST

START_TEST(another_one_is_not_switched_on)
{
    struct pool_wish another = {.pf = "eth0", .mac = {0x00, 0x16, 0x3e, 1, 2, 3}};
    struct pool_lease *lease;

    fake_sysfs_file(numvfs, "0");
    ck_assert_ptr_null(pool_take_another(pool, &another, "1/0", &why));
    ck_assert_ptr_nonnull(strstr(why.text, "switched off"));
    ck_assert_str_eq(fake_sysfs_read(numvfs), "0");
    fake_sysfs_file(numvfs, "2");
    lease = pool_take_another(pool, &another, "1/0", &why);
    ck_assert_ptr_nonnull(lease);
    pool_give_back(pool, lease, false);
}
END_TEST

START_TEST(a_link_is_down_only_if_both_say_so)
{
    struct pool_lease *lease = take("1/0");

    ck_assert(pool_link(pool, lease));
    fake.link_down = true;
    ck_assert(pool_link(pool, lease));
    fake_sysfs_file("class/net/eth0/carrier", "0\n");
    ck_assert(!pool_link(pool, lease));
    fake.link_down = false;
    ck_assert(pool_link(pool, lease));
    pool_give_back(pool, lease, false);
}
END_TEST

START_TEST(switches_vfs_on)
{
    struct pool_lease *lease;

    fake_sysfs_file("bus/pci/devices/0000:01:00.0/sriov_numvfs", "0");
    lease = take("1/0");
    ck_assert_msg(lease != NULL, "%s", why.text);
    ck_assert_str_eq(fake_sysfs_read("bus/pci/devices/0000:01:00.0/sriov_numvfs"), "3");
    ck_assert_str_eq(fake_sysfs_read("bus/pci/devices/0000:01:00.0/sriov_drivers_autoprobe"),
                     "0\n");
    pool_give_back(pool, lease, false);
}
END_TEST

START_TEST(quiets_what_was_left_running)
{
    /* COMMAND has bus mastering on in the second, and in the third, which is the kernel's. */
    fake_sysfs_file("bus/pci/devices/0000:01:10.2/config", "abcd\x06");
    fake_sysfs_file("bus/pci/devices/0000:01:10.0/config", "abcd\x02");
    fake_sysfs_file("bus/pci/devices/0000:01:10.4/config", "abcd\x06");
    fake_sysfs_driver(2, "igbvf");
    pool_quiesce_idle(pool);
    ck_assert_uint_eq(fake.quiesced, 1);
    ck_assert_int_eq(state_of(1), POOL_IDLE);
    fake.bad_quiesce = "0000:01:10.2";
    pool_quiesce_idle(pool);
    ck_assert_int_eq(state_of(1), POOL_BROKEN);
}
END_TEST

START_TEST(lists_pfs)
{
    struct pf pfs[PF_DEVICES_MAX];

    fake_sysfs_file("class/net/lo/flags", "0x9\n");
    ck_assert_uint_eq(pf_list(pool_sysfs(pool), pfs), 1);
    ck_assert_str_eq(pfs[0].name, "eth0");
    ck_assert_str_eq(pfs[0].pci, "0000:01:00.0");
    ck_assert_str_eq(pfs[0].driver, "igb");
    ck_assert(pfs[0].up && pfs[0].carrier);
    ck_assert_uint_eq(pfs[0].total_vfs, 3);
    ck_assert_uint_eq(pfs[0].num_vfs, 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pool");
    TCase *test = tcase_create("pool");

    tcase_add_checked_fixture(test, setup, teardown);
    tcase_add_test(test, lends_and_takes_back);
    tcase_add_test(test, vlan_and_mtu);
    tcase_add_test(test, trunk);
    tcase_add_test(test, pf_without_room_for_the_trunk);
    tcase_add_test(test, each_vif_gets_its_own);
    tcase_add_test(test, says_what_is_wrong_with_the_pf);
    tcase_add_test(test, leaves_the_kernels_vfs_alone);
    tcase_add_test(test, tries_the_next_one);
    tcase_add_test(test, mends_what_works_again);
    tcase_add_test(test, leaves_the_astray_alone);
    tcase_add_test(test, leaves_the_stranded_alone);
    tcase_add_test(test, tells_why_none_would_work);
    tcase_add_test(test, does_not_trust_what_is_not_quiet);
    tcase_add_test(test, a_vf_that_is_gone_is_quiet);
    tcase_add_test(test, what_proves_that_a_vf_is_gone);
    tcase_add_test(test, renews_only_what_can_answer);
    tcase_add_test(test, another_one_is_not_switched_on);
    tcase_add_test(test, a_link_is_down_only_if_both_say_so);
    tcase_add_test(test, switches_vfs_on);
    tcase_add_test(test, quiets_what_was_left_running);
    tcase_add_test(test, lists_pfs);
    suite_add_tcase(suite, test);
    return run_suite(suite);
}
