/* SPDX-License-Identifier: MIT */
/* A daemon that stops and starts under live guests, and what it tells of its vifs. */
#include "unit/vif_world.h"

START_TEST(restarts_under_a_live_guest)
{
    connected();
    manager_free(world.manager);
    nothing_held();
    is(BE "/state", "4");
    is(BE "/netvf/state", "stopped");
    start_manager();
    scan();
    is(BE "/state", "4");
    is(BE "/netvf/state", "connected");
    ck_assert_uint_eq(world.sessions, 1);
}
END_TEST

START_TEST(finds_a_half_done_close)
{
    connected();
    manager_free(world.manager);
    libxl_destroys();
    start_manager();
    scan();
    is(BE "/state", "6");
    nothing_held();
}
END_TEST

static void keep_view(struct vif *vif, void *context)
{
    vif_look(vif, context);
}

START_TEST(can_be_looked_at)
{
    struct vif_view view;

    connected();
    manager_each(world.manager, keep_view, &view);
    ck_assert(view.connected && view.interrupts && view.link);
    ck_assert_str_eq(view.state, "connected");
    ck_assert_str_eq(view.pf, "eth0");
    libxl_destroys();
    scan();
    manager_each(world.manager, keep_view, &view);
    ck_assert(!view.connected);
    ck_assert_ptr_null(view.lease);
    ck_assert_uint_eq(view.counters.tx_packets, 7); /* the last values stay */
}
END_TEST

START_TEST(shows_the_vlans)
{
    libxl_creates(1, MAC);
    set(BE "/bridge", "eth0.7");
    scan();
    answers("{\"call\":\"show\"}", "\"pf\":\"eth0\",\"vlan\":7,\"trunk\":[],");
    world_close();
    world_open();
    libxl_creates(1, MAC);
    set(BE "/bridge", "eth0:10:20");
    scan();
    answers("{\"call\":\"show\"}", "\"pf\":\"eth0\",\"vlan\":null,\"trunk\":[10,20],");
}
END_TEST

START_TEST(answers_the_command)
{
    connected();
    answers(
        "{\"call\":\"list\"}",
        "{\"pfs\":[{\"name\":\"eth0\",\"pci\":\"0000:01:00.0\",\"driver\":\"igb\",\"up\":true,"
        "\"carrier\":true,\"vfs\":[{\"index\":0,\"pci\":\"0000:01:10.0\",\"state\":\"bound\","
        "\"driver\":null,\"vif\":\"1/0\",\"mac\":\"00:16:3e:01:02:03\",\"translation\":\"iommu\","
        "\"link\":true},{\"index\":1,\"pci\":\"0000:01:10.2\",\"state\":\"idle\",\"driver\":null,"
        "\"vif\":null,\"mac\":null,\"translation\":null,\"link\":null}]}],"
        "\"leaks\":{\"grants\":3,\"live\":5},\"windows\":{\"budget\":100,\"used\":9,\"quota\":40}"
        "}");
    answers("{\"call\":\"show\"}",
            "{\"vifs\":[{\"dom\":1,\"devid\":0,\"mac\":\"00:16:3e:01:02:03\",\"pf\":\"eth0\","
            "\"vlan\":null,\"trunk\":[],"
            "\"vf\":\"0000:01:10.0\",\"translation\":\"iommu\",\"translation_reason\":null,"
            "\"translation_asked\":null,"
            "\"state\":\"connected\",\"error\":null,"
            "\"interrupts\":\"event-channel\",\"link\":true,\"window\":{\"pages\":9,\"off\":false},"
            "\"counters\":{\"tx_packets\":7,");
    answers("{\"call\":\"show\"}", "\"queues\":[{\"tx_packets\":3,");
    answers("{\"call\":\"show\",\"dom\":1,\"devid\":0}", "\"dom\":1");
    answers("{\"call\":\"show\",\"dom\":2}", "{\"vifs\":[]}");
    answers("{\"call\":\"show\",\"dom\":-1}", "{\"error\":");
    answers("{\"call\":\"show\",\"dom\":\"x\"}", "{\"error\":");
    answers("{\"call\":\"halt\"}", "{\"error\":");
    answers("{}", "{\"error\":");
}
END_TEST

/* The guest keeps what it has put into its windows, whether it comes while they are off or before. */
START_TEST(windows_off_and_on)
{
    libxl_creates(1, "00:16:3e:01:02:03");
    scan();
    answers("{\"call\":\"set\",\"dom\":1,\"devid\":0,\"windows\":\"off\"}",
            "{\"windows\":\"off\",\"pages\":0}");
    connected();
    ck_assert(world.plan.windows_rest);
    answers("{\"call\":\"show\"}", "\"window\":{\"pages\":9,\"off\":true}");
    answers("{\"call\":\"set\",\"dom\":1,\"devid\":0,\"windows\":\"on\"}",
            "{\"windows\":\"on\",\"pages\":9}");
    answers("{\"call\":\"show\"}", "\"off\":false");
    answers("{\"call\":\"set\",\"dom\":1,\"devid\":0,\"windows\":\"half\"}", "{\"error\":");
    answers("{\"call\":\"set\",\"dom\":1,\"devid\":0,\"windows\":1}", "{\"error\":");
    answers("{\"call\":\"set\",\"dom\":1,\"devid\":0}", "{\"error\":");
    answers("{\"call\":\"set\",\"dom\":1,\"devid\":0,\"windows\":\"on\",\"translation\":\"host\"}",
            "{\"error\":");
}
END_TEST

START_TEST(answers_about_keys_that_are_no_text)
{
    libxl_creates(1, "00:16:3e:01:02:\xff\xfe");
    scan();
    is(BE "/netvf/state", "refused");
    answers("{\"call\":\"show\"}", "\"state\":\"refused\",\"error\":\"");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        restarts_under_a_live_guest,
        finds_a_half_done_close,
        can_be_looked_at,
        answers_the_command,
        windows_off_and_on,
        answers_about_keys_that_are_no_text,
        shows_the_vlans,
    };

    return world_run("vif_daemon", tests, sizeof tests / sizeof tests[0]);
}
