/* SPDX-License-Identifier: MIT */
/* What the VF does to a vif: the guest stays connected, whatever it is. */
#include "unit/vif_world.h"

#include "xen/faults.h"

static const char pf_flags[] = "class/net/eth0/flags";
static const char numvfs[] = "bus/pci/devices/0000:01:00.0/sriov_numvfs";

static void pf_goes_down(void)
{
    fake_sysfs_file(pf_flags, "0x1002\n");
}

static void pf_comes_up(void)
{
    fake_sysfs_file(pf_flags, "0x1003\n");
}

/* echo 0 > sriov_numvfs, as far as `on`, the number that it still says, tells. */
static void vfs_go(const char *on)
{
    fake_sysfs_remove("bus/pci/devices/0000:01:10.0");
    fake_sysfs_remove("bus/pci/devices/0000:01:10.2");
    fake_sysfs_file(numvfs, on);
    world.busy = world.busy && on[0] != '0';
    world.deaf_vf = "0000:01:10.0";
}

static void vfs_come(void)
{
    fake_sysfs_file("bus/pci/devices/0000:01:10.0/config", "");
    fake_sysfs_file("bus/pci/devices/0000:01:10.2/config", "");
    fake_sysfs_file(numvfs, "2");
    world.deaf_vf = NULL;
}

static void connected_as_ever(const char *vf)
{
    is(BE "/state", "4");
    is(BE "/netvf/state", "connected");
    is(BE "/netvf/vf", vf);
    is(BE "/carrier", "1");
    ck_assert(!fake_store_has(world.store, BE "/netvf/error"));
    ck_assert_uint_eq(world.sessions, 1);
    ck_assert_uint_eq(world.stopped, 0);
    ck_assert(world.busy && !world.paused && world.sends);
}

static void waiting(const char *words)
{
    is(BE "/state", "4");
    is(BE "/netvf/state", "waiting");
    is(BE "/carrier", "0");
    ck_assert_msg(strstr(fake_store_get(world.store, BE "/netvf/error"), words) != NULL, "%s",
                  fake_store_get(world.store, BE "/netvf/error"));
    ck_assert_uint_eq(world.sessions, 1);
    ck_assert_uint_eq(world.stopped, 0);
}

START_TEST(all_well)
{
    connected();
    check(false);
    check(true);
    connected_as_ever("0000:01:10.0");
    ck_assert_uint_eq(world.resumed, 0);
}
END_TEST

/* The PF was reset and is up: the same VF goes on after another handshake. */
START_TEST(pf_reset)
{
    connected();
    world.failed = true;
    check(false);
    connected_as_ever("0000:01:10.0");
    ck_assert_uint_eq(world.flushed, 1);
    ck_assert_uint_eq(world.resumed, 1);
    ck_assert_uint_eq(world.taken, 1);
    world.failed = false;
    check(false);
    ck_assert_uint_eq(world.resumed, 1);
}
END_TEST

static unsigned logged;
static const char *culprit;

static int read_faults(struct iommu_faults *faults, void (*each)(void *context, const char *pci),
                       void *context)
{
    unsigned count = logged;

    (void)faults;
    for (; logged; logged--)
        each(context, culprit);
    return (int)count;
}

static struct iommu_faults faults = {.read = read_faults};

static void iommu_stops(const char *pci, unsigned times)
{
    world.host.faults = &faults;
    culprit = pci;
    logged = times;
}

static void counted(unsigned times)
{
    char *shown = answer("{\"call\": \"show\"}"), wanted[40];

    snprintf(wanted, sizeof wanted, "\"iommu_faults\":%u", times);
    ck_assert_msg(strstr(shown, wanted) != NULL, "%s", shown);
    free(shown);
}

/* What the IOMMU stops is put down to the vif whose VF it was, and the VF is reset, once: what was logged until then was
 * of the VF as it had been. */
START_TEST(iommu_fault)
{
    connected();
    check(false);
    iommu_stops("0000:01:10.0", 3);
    check(false);
    ck_assert_uint_eq(world.resumed, 0); /* it might be going */
    check(false);
    connected_as_ever("0000:01:10.0");
    ck_assert_uint_eq(world.flushed, 1);
    ck_assert_uint_eq(world.resumed, 1);
    counted(3);
    iommu_stops("0000:01:10.0", 2);
    check(false);
    ck_assert_uint_eq(world.resumed, 1);
    counted(5);
    iommu_stops("0000:01:10.0", 1);
    check(false);
    check(false);
    ck_assert_uint_eq(world.resumed, 2);
    counted(6);
}
END_TEST

START_TEST(iommu_fault_of_others)
{
    connected();
    check(false);
    iommu_stops("0000:01:10.2", 3);
    check(false);
    check(false);
    connected_as_ever("0000:01:10.0");
    ck_assert_uint_eq(world.resumed, 0);
    counted(0);
}
END_TEST

/* A guest that has its VF do so again and again has none for a while. */
START_TEST(iommu_faults_without_end)
{
    connected();
    check(false);
    for (unsigned i = 0; i < 16; i++) {
        iommu_stops("0000:01:10.0", 1);
        check(false);
        check(false);
        connected_as_ever("0000:01:10.0");
        ck_assert_uint_eq(world.resumed, i + 1);
        check(false);
    }
    iommu_stops("0000:01:10.0", 1);
    check(false);
    check(false);
    waiting("again and again");
    check(true);
    waiting("again and again");
    ck_assert_uint_eq(world.resumed, 17); /* the last time without a VF */
    counted(17);
}
END_TEST

/* Nor does it get one by closing and coming back. */
START_TEST(iommu_faults_and_a_new_session)
{
    connected();
    check(false);
    for (unsigned i = 0; i < 17; i++) {
        iommu_stops("0000:01:10.0", 1);
        check(false);
        check(false);
        check(false);
    }
    waiting("again and again");
    guest_says("5", "5");
    set(FE "/state", "6");
    scan();
    nothing_held();
    guest_says("1", "2");
    netfront_connects();
    scan();
    is(BE "/state", "4");
    is(BE "/netvf/state", "waiting");
    ck_assert(strstr(fake_store_get(world.store, BE "/netvf/error"), "again and again") != NULL);
    counted(17);
}
END_TEST

START_TEST(worker_tells_of_the_fault)
{
    connected();
    world.state = SESSION_DEVICE_FAULT;
    scan();
    connected_as_ever("0000:01:10.0");
    ck_assert_uint_eq(world.resumed, 1);
}
END_TEST

START_TEST(pf_down_and_up)
{
    connected();
    pf_goes_down();
    world.failed = true;
    check(true);
    waiting("ip link set eth0 up");
    ck_assert(!world.paused && !world.busy && !world.sends); /* it drops what the guest sends */
    is(BE "/netvf/vf", "0000:01:10.0");                      /* kept for it */
    check(true);
    waiting("ip link set eth0 up");
    ck_assert_uint_eq(world.resumed, 1); /* without one, once */
    world.failed = false;
    pf_comes_up();
    check(true);
    connected_as_ever("0000:01:10.0");
    ck_assert_uint_eq(world.taken, 1);
}
END_TEST

/* Nor can it go on without one: its workers may have begun. */
START_TEST(not_even_without_a_vf)
{
    connected();
    pf_goes_down();
    world.failed = world.refuse_idle = true;
    check(true);
    waiting("ip link set eth0 up");
    ck_assert(world.paused && !world.busy);
    ck_assert_uint_eq(world.flushed, 1);
    check(true);
    ck_assert_uint_eq(world.flushed, 2); /* of what they have taken meanwhile */
    world.failed = world.refuse_idle = false;
    pf_comes_up();
    check(true);
    connected_as_ever("0000:01:10.0");
}
END_TEST

/* Its PF being down says nothing against a VF that the vif still has from its last session. */
START_TEST(comes_anew_while_the_pf_is_down)
{
    connected();
    set(FE "/state", "6");
    scan();
    pf_goes_down();
    guest_says("1", "2");
    is(BE "/netvf/state", "refused");
    ck_assert(!pool_has_broken(world.pool));
}
END_TEST

/* Found by fuzz_vif: flushing what has been dropped meanwhile may cost the VF as any flush may. It is not gone on with,
 * and the next try finds another. */
START_TEST(vf_is_lost_again_while_it_waits)
{
    connected();
    pf_goes_down();
    world.failed = true;
    check(true);
    waiting("ip link set eth0 up");
    world.failed = false;
    world.comes_not_back = true;
    pf_comes_up();
    check(true);
    waiting("IOMMU context");
    ck_assert(!fake_store_has(world.store, BE "/netvf/vf"));
    world.comes_not_back = false;
    check(true);
    connected_as_ever("0000:01:10.2");
}
END_TEST

static void astray(unsigned index)
{
    const struct pool_lease *lease;
    struct why why;
    struct pf_vf vf;
    struct pf pf;

    ck_assert_int_eq(pf_read(pool_sysfs(world.pool), "eth0", &pf, &why), 0);
    ck_assert_int_eq(pf_read_vf(pool_sysfs(world.pool), &pf, index, &vf), 0);
    ck_assert_int_eq(pool_state(world.pool, &vf, &lease), POOL_BROKEN);
    ck_assert(!pool_has_broken(world.pool)); /* none that is worth a try */
}

/* A VF that has gone into its guest's IOMMU context, and does not come back, is used no more: not by machine addresses
 * either, which it would take for the guest's. */
START_TEST(starts_and_goes_astray)
{
    offered();
    world.goes_astray = true;
    netfront_connects();
    scan();
    astray(0);
    connected_as_ever("0000:01:10.2");
    ck_assert_int_eq(world.plan.translation, TRANSLATION_HOST); /* or this one would follow */
}
END_TEST

START_TEST(comes_back_and_goes_astray)
{
    connected();
    world.failed = world.goes_astray = true;
    check(false);
    waiting(SENTENCE);
    ck_assert(!fake_store_has(world.store, BE "/netvf/vf"));
    astray(0);
    world.failed = false;
    check(true);
    connected_as_ever("0000:01:10.2");
    ck_assert_int_eq(world.plan.translation, TRANSLATION_HOST);
}
END_TEST

START_TEST(moves_to_another_vf)
{
    connected();
    world.failed = true;
    world.deaf_vf = "0000:01:10.0";
    check(false);
    connected_as_ever("0000:01:10.2");
    ck_assert_uint_eq(world.taken, 2);
    ck_assert_uint_eq(world.vfs, 1);
    ck_assert_uint_eq(world.ports, 1);
}
END_TEST

START_TEST(vf_removed_and_back)
{
    connected();
    world.failed = world.stop_fails = true;
    vfs_go("2"); /* not switched off yet */
    check(false);
    waiting("cannot be proven quiet");
    ck_assert_uint_eq(world.flushed, 0);
    ck_assert(world.paused);
    vfs_go("0");
    check(true);
    waiting("switched off");
    ck_assert_uint_eq(world.flushed, 1);
    ck_assert(!fake_store_has(world.store, BE "/netvf/vf"));
    ck_assert(!world.paused && !world.busy);
    is(BE "/netvf/state", "waiting");
    ck_assert_str_eq(fake_sysfs_read(numvfs), "0"); /* somebody has wanted it so */
    world.failed = world.stop_fails = false;
    vfs_come();
    check(true);
    connected_as_ever("0000:01:10.0");
    ck_assert_uint_eq(world.vfs, 1);
    ck_assert_uint_eq(world.ports, 1);
}
END_TEST

START_TEST(no_other_vf_is_idle)
{
    connected();
    libxl_creates(2, "00:16:3e:01:02:04");
    scan();
    world.deaf_vf = "0000:01:10.0";
    world.failed = true;
    check(false);
    waiting("does not answer");
    world.deaf_vf = NULL;
    check(true);
    connected_as_ever("0000:01:10.0"); /* out of order for others, and tried again for it */
}
END_TEST

START_TEST(does_not_try_all_the_time)
{
    connected();
    world.failed = true;
    pf_goes_down();
    check(false);
    waiting("eth0 is down");
    pf_comes_up();
    check(false); /* within the same second, and nobody has said that anything has changed */
    waiting("eth0 is down");
    check(true);
    connected_as_ever("0000:01:10.0");
}
END_TEST

START_TEST(start_fails_on_the_next_vf)
{
    connected();
    world.failed = world.refuse_start = true;
    check(false);
    waiting(SENTENCE);
    ck_assert(!world.paused && !world.busy);
    world.refuse_start = false;
    check(true);
    is(BE "/netvf/state", "connected");
}
END_TEST

/* Then nothing is answered, nothing is released, and it is tried again. */
START_TEST(vf_that_cannot_be_proven_quiet)
{
    connected();
    world.failed = world.stop_fails = true;
    for (unsigned i = 0; i < 3; i++) {
        check(true);
        waiting("cannot be proven quiet");
        ck_assert_uint_eq(world.flushed, 0);
        ck_assert(world.paused && world.busy);
    }
    world.stop_fails = false;
    check(true);
    connected_as_ever("0000:01:10.0");
}
END_TEST

START_TEST(release_is_refused)
{
    connected();
    world.failed = world.flush_fails = true;
    check(false);
    is(BE "/state", "5");
    is(BE "/netvf/state", "fault");
    is(BE "/netvf/error", "Xen has refused to release its pages");
    ck_assert_uint_eq(world.stopped, 1);
}
END_TEST

START_TEST(guest_closes_while_it_waits)
{
    connected();
    pf_goes_down();
    world.failed = true;
    check(true);
    waiting("down");
    guest_says("5", "5");
    is(BE "/netvf/state", "closed");
    ck_assert(!fake_store_has(world.store, BE "/netvf/error"));
    ck_assert(!fake_store_has(world.store, BE "/carrier"));
    set(FE "/state", "6");
    scan();
    nothing_held();
    pf_comes_up();
    guest_says("1", "2");
    netfront_connects();
    scan();
    is(BE "/netvf/state", "connected");
}
END_TEST

START_TEST(guest_is_destroyed_while_it_waits)
{
    connected();
    world.failed = world.stop_fails = true;
    vfs_go("0");
    check(true);
    waiting("switched off");
    libxl_destroys();
    scan();
    is(BE "/state", "6");
    nothing_held();
}
END_TEST

/* A daemon that starts while there is no VF to be had. */
START_TEST(restarts_without_a_vf)
{
    connected();
    manager_free(world.manager);
    pf_goes_down();
    world.stopped = 0;
    start_manager();
    scan();
    waiting("ip link set eth0 up");
    ck_assert_ptr_null(world.plan.vf);
    ck_assert_uint_eq(world.ports, 1);
    ck_assert_uint_eq(world.vfs, 0);
    pf_comes_up();
    check(true);
    connected_as_ever("0000:01:10.0");
    ck_assert_uint_eq(world.ports, 1);
}
END_TEST

/* The guest connects just when the PF is down, or its VF does not come up. */
START_TEST(connects_without_a_vf)
{
    offered();
    world.refuse_vf = true;
    pf_goes_down();
    netfront_connects();
    scan();
    waiting("ip link set eth0 up");
    world.refuse_vf = false;
    pf_comes_up();
    check(true);
    connected_as_ever("0000:01:10.0");
    ck_assert_uint_eq(world.taken, 1);
}
END_TEST

START_TEST(comes_back_while_the_pf_is_down)
{
    connected();
    guest_says("1", "2");
    set(FE "/state", "5");
    scan();
    guest_says("6", "6");
    guest_says("1", "2");
    pf_goes_down();
    netfront_connects();
    world.refuse_vf = true;
    world.stopped = 0;
    scan();
    waiting("ip link set eth0 up");
    world.refuse_vf = false;
    pf_comes_up();
    check(true);
    connected_as_ever("0000:01:10.0");
}
END_TEST

START_TEST(link_down_and_up)
{
    connected();
    is(BE "/carrier", "1");
    ck_assert(world.sends);
    world.link_down = true;
    fake_sysfs_file("class/net/eth0/carrier", "0\n");
    check(true);
    is(BE "/carrier", "0");
    is(BE "/state", "4");
    is(BE "/netvf/state", "connected");
    ck_assert(!world.sends);
    world.link_down = false;
    fake_store_fail_writes(world.store, 1);
    check(false);
    is(BE "/carrier", "0");
    ck_assert(world.sends);
    check(false); /* told when it can be */
    is(BE "/carrier", "1");
    ck_assert_uint_eq(world.resumed, 0);
}
END_TEST

START_TEST(vf_that_is_not_quiet_keeps_its_pages)
{
    connected();
    world.stop_fails = true;
    libxl_destroys();
    scan();
    is(BE "/state", "6");
    ck_assert_uint_eq(world.vfs, 0);
    ck_assert_uint_eq(world.ports, 1);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        all_well,
        pf_reset,
        iommu_fault,
        iommu_fault_of_others,
        iommu_faults_without_end,
        iommu_faults_and_a_new_session,
        worker_tells_of_the_fault,
        pf_down_and_up,
        not_even_without_a_vf,
        starts_and_goes_astray,
        comes_back_and_goes_astray,
        comes_anew_while_the_pf_is_down,
        vf_is_lost_again_while_it_waits,
        moves_to_another_vf,
        vf_removed_and_back,
        no_other_vf_is_idle,
        does_not_try_all_the_time,
        start_fails_on_the_next_vf,
        vf_that_cannot_be_proven_quiet,
        release_is_refused,
        guest_closes_while_it_waits,
        guest_is_destroyed_while_it_waits,
        restarts_without_a_vf,
        connects_without_a_vf,
        comes_back_while_the_pf_is_down,
        link_down_and_up,
        vf_that_is_not_quiet_keeps_its_pages,
    };

    return world_run("vif_device", tests, sizeof tests / sizeof tests[0]);
}
