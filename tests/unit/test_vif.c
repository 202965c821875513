/* SPDX-License-Identifier: MIT */
/* What the toolstack does to a vif: attach, detach, destroy, and coming in between. */
#include "unit/vif_world.h"

START_TEST(attaches)
{
    libxl_creates(1, MAC);
    ck_assert(!scan());
    is(BE "/state", "2");
    is(BE "/netvf/state", "bound");
    is(BE "/netvf/vf", "0000:01:10.0");
    is(BE "/feature-rx-copy", "1");
    ck_assert(!fake_store_has(world.store, BE "/netvf/error"));
    ck_assert(fake_store_watched(world.store, FE "/state"));
    ck_assert_str_eq(world.port_name, "1-0");
    netfront_connects();
    scan();
    is(BE "/state", "2"); /* the script has not ended */
    set(BE "/hotplug-status", "connected");
    ck_assert(!scan());
    is(BE "/state", "4");
    is(BE "/netvf/state", "connected");
    ck_assert_uint_eq(world.plan.queue[0].tx_ring_ref, 8);
    ck_assert_str_eq(world.plan.name, "vif1.0");
    ck_assert_mem_eq(world.plan.mac, "\x00\x16\x3e\x01\x02\x03", 6);
}
END_TEST

START_TEST(carries_limits)
{
    libxl_creates(1, MAC);
    fake_sysfs_file("class/net/eth0/mtu", "9000\n");
    set(BE "/mtu", "9000");
    set(BE "/vlan", "7");
    set(BE "/rate", "1000,50000");
    set(BE "/hotplug-status", "connected");
    scan();
    ck_assert_uint_eq(world.vlan, 7);
    netfront_connects();
    scan();
    is(BE "/state", "4");
    ck_assert_uint_eq(world.plan.mtu, 9000);
    ck_assert_uint_eq(world.plan.vlan, 7);
    ck_assert_uint_eq(world.plan.rate.bytes, 1000);
}
END_TEST

START_TEST(refuses_more_than_the_pf_carries)
{
    libxl_creates(1, MAC);
    fake_sysfs_file("class/net/eth0/mtu", "1500\n");
    set(BE "/mtu", "9000");
    scan();
    is(BE "/state", "2");
    is(BE "/netvf/error", "PF eth0 has an MTU of 1500 bytes, the vif wants 9000; raise it: ip link "
                          "set eth0 mtu 9000");
}
END_TEST

/* The limit is the administrator's to change at any time; one that makes no sense changes nothing. */
START_TEST(follows_the_rate)
{
    connected();
    set(BE "/rate", "1000,50000");
    ck_assert(!scan());
    ck_assert_uint_eq(world.rate.bytes, 1000);
    ck_assert_uint_eq(world.rate.interval_us, 50000);
    set(BE "/rate", "a lot");
    ck_assert(!scan());
    ck_assert_uint_eq(world.rate.bytes, 1000);
    is(BE "/state", "4");
    set(BE "/rate", NULL);
    scan();
    ck_assert_uint_eq(world.rate.bytes, 0);
}
END_TEST

START_TEST(follows_the_guests_groups)
{
    connected();
    ck_assert(fake_store_watched(world.store, FE "/request-multicast-control"));
    world.news = true; /* a list that nothing is filtered by */
    ck_assert(!scan());
    ck_assert_uint_eq(world.filters, 0);
    set(FE "/request-multicast-control", "1");
    scan();
    ck_assert_uint_eq(world.filters, 1);
    ck_assert(world.control);
    world.news = true;
    scan();
    ck_assert_uint_eq(world.filters, 2);
    scan();
    ck_assert_uint_eq(world.filters, 2);
    set(FE "/request-multicast-control", "perhaps");
    scan();
    ck_assert_uint_eq(world.filters, 2);
    set(FE "/request-multicast-control", NULL);
    scan();
    ck_assert(!world.control);
    ck_assert_uint_eq(world.filters, 3);
    world.filter_refused = true;
    set(FE "/request-multicast-control", "1");
    ck_assert(scan());
    is(BE "/state", "4");
    ck_assert_uint_eq(world.filters, 4);
    world.news = true; /* not at once: a PF that does not answer holds up everyone */
    ck_assert(scan());
    ck_assert_uint_eq(world.filters, 4);
}
END_TEST

/* Each change is a message to the PF's driver: a guest that makes no end of them is rationed. */
START_TEST(rations_the_guests_groups)
{
    bool pending = false;

    connected();
    set(FE "/request-multicast-control", "1");
    for (unsigned i = 0; i < 20; i++) {
        world.news = true;
        pending = scan();
    }
    ck_assert(pending);
    ck_assert_uint_le(world.filters, 6);
    ck_assert(world.news); /* and not forgotten */
}
END_TEST

START_TEST(leaves_other_scripts_alone)
{
    libxl_creates(1, MAC);
    set(BE "/script", "/etc/xen/scripts/vif-bridge");
    scan();
    is(BE "/state", "1");
    set(BE "/script", "/opt/vif-netvf-not");
    scan();
    is(BE "/state", "1");
    ck_assert(!fake_store_watched(world.store, FE "/state"));
}
END_TEST

START_TEST(leaves_what_the_kernel_has)
{
    libxl_creates(1, MAC);
    fake_sysfs_link("bus/xen-backend/devices/vif-1-0/driver", "../../drivers/vif");
    scan();
    is(BE "/state", "1");
}
END_TEST

START_TEST(detaches)
{
    connected();
    libxl_detaches();
    ck_assert(scan()); /* time is running */
    is(BE "/state", "5");
    ck_assert_uint_eq(world.sessions, 1);
    guest_says("6", "6");
    is(BE "/netvf/state", "closed");
    nothing_held();
    set(BE, NULL);
    set(FE, NULL);
    ck_assert(!scan());
    ck_assert(!fake_store_has(world.store, BE));
    ck_assert(!fake_store_watched(world.store, FE "/state"));
}
END_TEST

START_TEST(is_destroyed)
{
    connected();
    libxl_destroys();
    ck_assert(!scan());
    is(BE "/state", "6");
    nothing_held();
    set(BE, NULL);
    scan();
    ck_assert(!fake_store_has(world.store, BE));
}
END_TEST

START_TEST(the_domain_dies)
{
    connected();
    fake_store_kill(world.store, 1);
    scan();
    is(BE "/state", "6");
    nothing_held();
}
END_TEST

START_TEST(directory_deleted_at_once)
{
    connected();
    set(BE, NULL);
    set(FE, NULL);
    scan();
    nothing_held();
    ck_assert(!fake_store_has(world.store, BE));
}
END_TEST

START_TEST(directory_made_anew)
{
    connected();
    libxl_creates(1, "00:16:3e:0a:0b:0c");
    scan();
    is(BE "/state", "2");
    ck_assert_uint_eq(world.stopped, 1);
    ck_assert_uint_eq(world.taken, 2);
    ck_assert_mem_eq(world.mac, "\x00\x16\x3e\x0a\x0b\x0c", 6);
}
END_TEST

START_TEST(refuses_in_one_sentence)
{
    libxl_creates(1, "00:16:3e:01:02");
    scan();
    is(BE "/state", "2"); /* so that libxl runs the script at once */
    is(BE "/netvf/state", "refused");
    ck_assert_ptr_nonnull(strstr(fake_store_get(world.store, BE "/netvf/error"), "no MAC address"));
    ck_assert(!fake_store_has(world.store, BE "/netvf/vf"));
    nothing_held();
    set(BE "/hotplug-status", "error");
    netfront_connects();
    scan();
    is(BE "/state", "2");
    libxl_destroys();
    scan();
    is(BE "/state", "6");
}
END_TEST

START_TEST(refuses_when_no_vf_is_left)
{
    libxl_creates(1, MAC);
    libxl_creates(2, "00:16:3e:01:02:04");
    scan();
    libxl_creates(3, "00:16:3e:01:02:05");
    scan();
    is("/local/domain/0/backend/vif/3/0/state", "2");
    is("/local/domain/0/backend/vif/3/0/netvf/state", "refused");
    ck_assert_ptr_nonnull(
        strstr(fake_store_get(world.store, "/local/domain/0/backend/vif/3/0/netvf/error"),
               "no idle VF on eth0: all 2 are bound"));
    ck_assert_uint_eq(world.vfs, 2);
    /* A detach and an attach between two scans: the VF goes from the one to the other. */
    libxl_destroys();
    libxl_creates(4, "00:16:3e:01:02:06");
    scan();
    is("/local/domain/0/backend/vif/4/0/netvf/state", "bound");
}
END_TEST

static void detach_between(struct store *same)
{
    (void)same;
    libxl_detaches();
}

START_TEST(libxl_comes_in_between)
{
    offered();
    netfront_connects();
    /* libxl detaches while the session is being started: its 5 must not become a 4. */
    fake_store_interfere(world.store, detach_between);
    scan();
    is(BE "/state", "5");
    guest_says("6", "6");
    nothing_held();
}
END_TEST

static void delete_between(struct store *same)
{
    (void)same;
    set(BE, NULL);
    set(FE, NULL);
}

START_TEST(never_makes_a_deleted_directory_anew)
{
    connected();
    libxl_destroys();
    fake_store_interfere(world.store, delete_between);
    scan();
    scan();
    ck_assert(!fake_store_has(world.store, BE));
    nothing_held();
}
END_TEST

START_TEST(store_trouble_is_tried_again)
{
    libxl_creates(1, MAC);
    fake_store_fail_writes(world.store, 1);
    ck_assert(scan());
    is(BE "/state", "1");
    scan();
    is(BE "/state", "2");
    ck_assert_uint_eq(world.vfs, 1);
}
END_TEST

/* An xenstore that does not answer says nothing of the guest. */
START_TEST(store_that_does_not_answer)
{
    connected();
    for (unsigned reads = 1; reads <= 8; reads++) {
        fake_store_fail_reads(world.store, reads);
        scan();
        fake_store_fail_reads(world.store, 0);
        is(BE "/state", "4");
    }
    ck_assert_uint_eq(world.stopped, 0);
    ck_assert_uint_eq(world.sessions, 1);
}
END_TEST

static void netfront_connects_two_queues(void)
{
    set(FE "/multi-queue-num-queues", "2");
    set(FE "/queue-0/tx-ring-ref", "8");
    set(FE "/queue-0/rx-ring-ref", "9");
    set(FE "/queue-0/event-channel-tx", "12");
    set(FE "/queue-0/event-channel-rx", "13");
    set(FE "/queue-1/tx-ring-ref", "10");
    set(FE "/queue-1/rx-ring-ref", "11");
    set(FE "/queue-1/event-channel-tx", "14");
    set(FE "/queue-1/event-channel-rx", "15");
    set(FE "/request-rx-copy", "1");
    set(FE "/feature-rx-notify", "1");
    set(FE "/state", "4");
}

static void netfront_comes_anew(void (*connects)(void))
{
    set(FE "/state", "6");
    scan();
    set(FE "/multi-queue-num-queues", NULL);
    set(FE "/state", "1");
    scan();
    connects();
    scan();
    is(BE "/state", "4");
}

/* Each queue has a port, and so a journal, of its own; they come with the queues and go with the VF. */
START_TEST(two_queues)
{
    libxl_creates(1, MAC);
    scan();
    is(BE "/multi-queue-max-queues", "2");
    is(BE "/feature-split-event-channels", "1");
    ck_assert_uint_eq(world.ports, 1);
    set(BE "/hotplug-status", "connected");
    netfront_connects_two_queues();
    scan();
    is(BE "/state", "4");
    ck_assert_uint_eq(world.plan.queues, 2);
    ck_assert_uint_eq(world.plan.queue[1].rx_ring_ref, 11);
    ck_assert_uint_eq(world.ports, 2);
    ck_assert_str_eq(world.port_name, "1-0.q1");
    ck_assert_ptr_nonnull(world.plan.ports[1]);
    ck_assert_ptr_ne(world.plan.ports[0], world.plan.ports[1]);
    /* A driver reloaded with one queue uses the first port again; the other is there for later. */
    netfront_comes_anew(netfront_connects);
    ck_assert_uint_eq(world.plan.queues, 1);
    ck_assert_uint_eq(world.ports, 2);
    libxl_destroys();
    scan();
    nothing_held();
}
END_TEST

/* Ports that stay from one session to the next name the VF of the session that uses them: see vif_world's session_start. */
START_TEST(kept_ports_name_the_vf)
{
    offered();
    netfront_connects_two_queues();
    scan();
    is(BE "/netvf/vf", "0000:01:10.0");
    netfront_comes_anew(netfront_connects);
    world.failed = true;
    world.deaf_vf = "0000:01:10.0";
    check(false);
    world.failed = false;
    is(BE "/netvf/vf", "0000:01:10.2");
    netfront_comes_anew(netfront_connects_two_queues);
    is(BE "/netvf/vf", "0000:01:10.2");
    ck_assert_uint_eq(world.plan.queues, 2);
    ck_assert_uint_eq(world.ports, 2);
}
END_TEST

START_TEST(fewer_queues_than_the_vf_has)
{
    world.host.queues = 1;
    libxl_creates(1, MAC);
    scan();
    ck_assert(!fake_store_has(world.store, BE "/multi-queue-max-queues"));
    set(BE "/hotplug-status", "connected");
    netfront_connects_two_queues();
    scan();
    is(BE "/state", "5");
    is(BE "/netvf/error", "the guest asks for 2 queues where 1 was offered");
    ck_assert_uint_eq(world.started, 0);
    ck_assert_uint_eq(world.ports, 1);
}
END_TEST

/* What counts is what the guest was offered, not what the daemon that finds it would offer. */
START_TEST(restarts_with_fewer_queues)
{
    offered();
    netfront_connects_two_queues();
    scan();
    is(BE "/state", "4");
    manager_free(world.manager);
    nothing_held();
    world.host.queues = 1;
    start_manager();
    scan();
    is(BE "/netvf/state", "connected");
    ck_assert_uint_eq(world.plan.queues, 2);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        attaches,
        two_queues,
        kept_ports_name_the_vf,
        store_that_does_not_answer,
        fewer_queues_than_the_vf_has,
        restarts_with_fewer_queues,
        carries_limits,
        refuses_more_than_the_pf_carries,
        follows_the_rate,
        follows_the_guests_groups,
        rations_the_guests_groups,
        leaves_other_scripts_alone,
        leaves_what_the_kernel_has,
        detaches,
        is_destroyed,
        the_domain_dies,
        directory_deleted_at_once,
        directory_made_anew,
        refuses_in_one_sentence,
        refuses_when_no_vf_is_left,
        libxl_comes_in_between,
        never_makes_a_deleted_directory_anew,
        store_trouble_is_tried_again,
    };

    return world_run("vif", tests, sizeof tests / sizeof tests[0]);
}
