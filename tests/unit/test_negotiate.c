/* SPDX-License-Identifier: MIT */
/* What both ends write, well formed and not. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/why.h"
#include "control/negotiate.h"
#include "control/session.h"
#include "sim/fake_store.h"
#include "unit/runner.h"
#include "xen/store.h"

#define BE           "/local/domain/0/backend/vif/1/0"
#define FE           "/local/domain/1/device/vif/0"
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static struct store *store;
static struct why why;

static void setup(void)
{
    static const char *const keys[][2] = {
        {BE "/frontend", FE},         {BE "/frontend-id", "1"},
        {BE "/handle", "0"},          {BE "/mac", "00:16:3e:01:02:0A"},
        {BE "/bridge", "eth0"},       {FE "/tx-ring-ref", "8"},
        {FE "/rx-ring-ref", "9"},     {FE "/event-channel", "12"},
        {FE "/request-rx-copy", "1"}, {FE "/feature-rx-notify", "1"},
        {FE "/feature-sg", "1"},
    };

    store = store_open(NULL);
    why.text[0] = '\0';
    for (unsigned i = 0; i < COUNT(keys); i++)
        fake_store_set(store, keys[i][0], keys[i][1]);
}

static void teardown(void)
{
    store_close(store);
}

START_TEST(config_of_a_stock_vif_line)
{
    struct vif_config config;

    ck_assert_int_eq(negotiate_config(store, BE, 1, 0, &config, &why), 0);
    ck_assert_str_eq(config.pf, "eth0");
    ck_assert_mem_eq(config.mac, "\x00\x16\x3e\x01\x02\x0a", 6);
    ck_assert_uint_eq(config.mtu, 1500);
    ck_assert_uint_eq(config.vlan, 0);
    ck_assert_uint_eq(config.trunk.count, 0);
    ck_assert_uint_eq(config.rate.bytes, 0);
}
END_TEST

START_TEST(config_of_vlan_in_the_name)
{
    struct vif_config config;

    fake_store_set(store, BE "/bridge", "eth0.7");
    ck_assert_int_eq(negotiate_config(store, BE, 1, 0, &config, &why), 0);
    ck_assert_str_eq(config.pf, "eth0");
    ck_assert_uint_eq(config.vlan, 7);
    fake_store_set(store, BE "/vlan", "7");
    ck_assert_int_eq(negotiate_config(store, BE, 1, 0, &config, &why), 0);
    fake_store_set(store, BE "/vlan", "8");
    ck_assert_int_eq(negotiate_config(store, BE, 1, 0, &config, &why), -1);
    store_remove(store, BE, "vlan");
    /* No VLANs, and so parts of a name. */
    for (const char *const *name =
             (const char *const[]){"eth0.0", "eth0.4095", "eth0.7x", "eth0.", "eth0.07", NULL};
         *name; name++) {
        fake_store_set(store, BE "/bridge", *name);
        ck_assert_int_eq(negotiate_config(store, BE, 1, 0, &config, &why), 0);
        ck_assert_str_eq(config.pf, *name);
        ck_assert_uint_eq(config.vlan, 0);
    }
}
END_TEST

START_TEST(config_of_a_trunk)
{
    struct vif_config config;

    fake_store_set(store, BE "/bridge", "eth0:10");
    ck_assert_int_eq(negotiate_config(store, BE, 1, 0, &config, &why), 0);
    ck_assert_str_eq(config.pf, "eth0");
    ck_assert_uint_eq(config.vlan, 0);
    ck_assert_uint_eq(config.trunk.count, 1);
    ck_assert_uint_eq(config.trunk.vlans[0], 10);
    fake_store_set(store, BE "/bridge", "enp130s0f1np1:1:2:3:4:5:6:7:4094");
    ck_assert_int_eq(negotiate_config(store, BE, 1, 0, &config, &why), 0);
    ck_assert_str_eq(config.pf, "enp130s0f1np1");
    ck_assert_uint_eq(config.trunk.count, VF_TRUNK_MAX);
    ck_assert_uint_eq(config.trunk.vlans[7], 4094);
    /* a port VLAN besides, be it the same one, by either key */
    fake_store_set(store, BE "/bridge", "eth0:10:20");
    fake_store_set(store, BE "/vlan", "10");
    ck_assert_int_eq(negotiate_config(store, BE, 1, 0, &config, &why), -1);
    ck_assert_ptr_nonnull(strstr(why.text, "only one of the two"));
}
END_TEST

START_TEST(config_of_limits)
{
    struct vif_config config;

    fake_store_set(store, BE "/mtu", "9000");
    fake_store_set(store, BE "/vlan", "4094");
    fake_store_set(store, BE "/rate", "62500,50000");
    ck_assert_int_eq(negotiate_config(store, BE, 1, 0, &config, &why), 0);
    ck_assert_uint_eq(config.mtu, 9000);
    ck_assert_uint_eq(config.vlan, 4094);
    ck_assert_uint_eq(config.rate.bytes, 62500);
    ck_assert_uint_eq(config.rate.interval_us, 50000);
    fake_store_set(store, BE "/rate", "99999999999,10000000");
    ck_assert_int_eq(negotiate_config(store, BE, 1, 0, &config, &why), 0);
    ck_assert_uint_eq(config.rate.bytes, UINT32_MAX);
    fake_store_set(store, BE "/mtu", "1400");
    ck_assert_int_eq(negotiate_config(store, BE, 1, 0, &config, &why), 0);
    ck_assert_uint_eq(config.mtu, 1400);
}
END_TEST

static const struct {
    const char *key, *value, *sentence;
} bad_config[] = {
    {"/mac", NULL, "no readable MAC"},
    {"/mac", "", "no MAC address"},
    {"/mac", "00:16:3e:01:02", "no MAC address"},
    {"/mac", "00:16:3e:01:02:0g", "no MAC address"},
    {"/mac", "00:16:3e:01:02:03 ", "no MAC address"},
    {"/mac", "00-16-3e-01-02-03", "no MAC address"},
    {"/mac", "01:16:3e:01:02:03", "no MAC address"}, /* group */
    {"/mac", "00:00:00:00:00:00", "no MAC address"},
    {"/bridge", NULL, "names no PF"},
    {"/bridge", "", "no name of a network device"},
    {"/bridge", "../../etc", "no name of a network device"},
    {"/bridge", "..", "no name of a network device"},
    {"/bridge", "a-name-that-is-too-long", "no name of a network device"},
    {"/bridge", ":10", "no name of a network device"},
    {"/bridge", "eth0.7:10", "only one of the two"},
    {"/bridge", "eth0:", "list of VLANs is wrong at \"\""},
    {"/bridge", "eth0:10:", "list of VLANs is wrong at \"\""},
    {"/bridge", "eth0::10", "list of VLANs is wrong at \":10\""},
    {"/bridge", "eth0:0", "list of VLANs is wrong at \"0\""},
    {"/bridge", "eth0:4095", "list of VLANs is wrong at \"4095\""},
    {"/bridge", "eth0:99999999999999999999999", "list of VLANs is wrong at"},
    {"/bridge", "eth0:-1", "list of VLANs is wrong at"},
    {"/bridge", "eth0:+1", "list of VLANs is wrong at"},
    {"/bridge", "eth0: 1", "list of VLANs is wrong at"},
    {"/bridge", "eth0:010", "list of VLANs is wrong at \"010\""},
    {"/bridge", "eth0:10.20", "list of VLANs is wrong at \"10.20\""},
    {"/bridge", "eth0:10,20", "list of VLANs is wrong at \"10,20\""},
    {"/bridge", "eth0:10:20:10", "at most 8 different VLANs from 1 to 4094"},
    {"/bridge", "eth0:1:2:3:4:5:6:7:8:9", "list of VLANs is wrong at \"9\""},
    {"/frontend", NULL, "frontend is not"},
    {"/frontend", "/local/domain/2/device/vif/0", "frontend is not"},
    {"/frontend", "/local/domain/1/device/vif/0/../../../../2", "frontend is not"},
    {"/frontend-id", "2", "frontend-id is not 1"},
    {"/frontend-id", "0x1", "frontend-id is not 1"},
    {"/handle", "1", "handle is not 0"},
    {"/mtu", "9001", "MTU of 68 to 9000"},
    {"/mtu", "67", "MTU of 68 to 9000"},
    {"/mtu", "-1", "MTU of 68 to 9000"},
    {"/mtu", "", "MTU of 68 to 9000"},
    {"/rate", "1000", "no rate of bytes"},
    {"/rate", "1000,", "no rate of bytes"},
    {"/rate", ",50000", "no rate of bytes"},
    {"/rate", "1000,50000,", "no rate of bytes"},
    {"/rate", "1000 ,50000", "no rate of bytes"},
    {"/rate", "0,50000", "no rate of bytes"},
    {"/rate", "1000,0", "no rate of bytes"},
    {"/rate", "1000,10000001", "no rate of bytes"},
    {"/rate", "-1,50000", "no rate of bytes"},
    {"/rate", "99999999999999999999999,50000", "no rate of bytes"},
    {"/vlan", "0", "one VLAN, from 1 to 4094"},
    {"/vlan", "4095", "one VLAN, from 1 to 4094"},
    {"/vlan", "10p/20", "one VLAN, from 1 to 4094"},
    {"/vlan", "10/20", "one VLAN, from 1 to 4094"},
    {"/vlan", "", "one VLAN, from 1 to 4094"},
};

START_TEST(config_refuses)
{
    char path[128];
    struct vif_config config;

    snprintf(path, sizeof path, BE "%s", bad_config[_i].key);
    fake_store_set(store, path, bad_config[_i].value);
    ck_assert_int_eq(negotiate_config(store, BE, 1, 0, &config, &why), -1);
    ck_assert_msg(strstr(why.text, bad_config[_i].sentence) != NULL, "%s: %s", path, why.text);
}
END_TEST

/* A VF that can do nothing, then one for each thing that a VF may be able to do. */
START_TEST(offer_is_what_the_data_path_carries)
{
    struct features features = {0};

    ck_assert_int_eq(negotiate_offer(store, BE, &features), 0);
    ck_assert_str_eq(fake_store_get(store, BE "/feature-rx-copy"), "1");
    ck_assert_str_eq(fake_store_get(store, BE "/feature-rx-flip"), "0");
    ck_assert_str_eq(fake_store_get(store, BE "/feature-sg"), "1");
    ck_assert_str_eq(fake_store_get(store, BE "/feature-gso-tcpv4"), "0");
    ck_assert_str_eq(fake_store_get(store, BE "/feature-gso-tcpv6"), "0");
    ck_assert_str_eq(fake_store_get(store, BE "/feature-no-csum-offload"), "1");
    ck_assert_str_eq(fake_store_get(store, BE "/feature-ipv6-csum-offload"), "0");
    ck_assert_str_eq(fake_store_get(store, BE "/feature-multicast-control"), "1");
    ck_assert_str_eq(fake_store_get(store, BE "/feature-dynamic-multicast-control"), "1");
    ck_assert_str_eq(fake_store_get(store, BE "/feature-split-event-channels"), "0");
    ck_assert_str_eq(fake_store_get(store, BE "/feature-ctrl-ring"), "0");
    ck_assert_str_eq(fake_store_get(store, BE "/feature-xdp-headroom"), "0");
    ck_assert(!fake_store_has(store, BE "/multi-queue-max-queues"));
    features.offloads = (struct vf_offloads){.csum_ipv4 = true, .tso_ipv4 = true};
    ck_assert_int_eq(negotiate_offer(store, BE, &features), 0);
    ck_assert_str_eq(fake_store_get(store, BE "/feature-gso-tcpv4"), "1");
    ck_assert_str_eq(fake_store_get(store, BE "/feature-gso-tcpv6"), "0");
    ck_assert_str_eq(fake_store_get(store, BE "/feature-no-csum-offload"), "0");
    ck_assert_str_eq(fake_store_get(store, BE "/feature-ipv6-csum-offload"), "0");
    features.offloads = (struct vf_offloads){.csum_ipv6 = true, .tso_ipv6 = true};
    ck_assert_int_eq(negotiate_offer(store, BE, &features), 0);
    ck_assert_str_eq(fake_store_get(store, BE "/feature-gso-tcpv4"), "0");
    ck_assert_str_eq(fake_store_get(store, BE "/feature-gso-tcpv6"), "1");
    ck_assert_str_eq(fake_store_get(store, BE "/feature-no-csum-offload"), "1");
    ck_assert_str_eq(fake_store_get(store, BE "/feature-ipv6-csum-offload"), "1");
    features = (struct features){.offloads.tso_ipv4 = true,
                                 .split_event_channels = true,
                                 .ctrl_ring = true,
                                 .headroom = true,
                                 .queues = 2};
    ck_assert_int_eq(negotiate_offer(store, BE, &features), 0);
    ck_assert_str_eq(fake_store_get(store, BE "/feature-gso-tcpv4"), "1");
    ck_assert_str_eq(fake_store_get(store, BE "/feature-split-event-channels"), "1");
    ck_assert_str_eq(fake_store_get(store, BE "/feature-ctrl-ring"), "1");
    ck_assert_str_eq(fake_store_get(store, BE "/feature-xdp-headroom"), "1");
    ck_assert_str_eq(fake_store_get(store, BE "/multi-queue-max-queues"), "2");
    /* The next VF has one queue pair. */
    features.queues = 1;
    ck_assert_int_eq(negotiate_offer(store, BE, &features), 0);
    ck_assert(!fake_store_has(store, BE "/multi-queue-max-queues"));
}
END_TEST

START_TEST(answer_of_a_stock_netfront)
{
    struct session_plan plan = {0};

    ck_assert_int_eq(negotiate_answer(store, BE, FE, &plan, &why), 0);
    ck_assert_uint_eq(plan.queues, 1);
    ck_assert_uint_eq(plan.queue[0].tx_ring_ref, 8);
    ck_assert_uint_eq(plan.queue[0].rx_ring_ref, 9);
    ck_assert_uint_eq(plan.queue[0].tx_channel, 12);
    ck_assert_uint_eq(plan.queue[0].rx_channel, 12);
    ck_assert(!plan.queue[0].split);
    ck_assert(plan.rx_notify);
    ck_assert(plan.sg);
    ck_assert(!plan.multicast_control);
    ck_assert(!plan.ctrl_ring);
    fake_store_set(store, FE "/request-multicast-control", "1");
    fake_store_set(store, FE "/feature-sg", NULL);
    /* One queue, and it says so: the keys stay where they are. */
    fake_store_set(store, FE "/multi-queue-num-queues", "1");
    fake_store_set(store, FE "/feature-rx-notify", NULL);
    ck_assert_int_eq(negotiate_answer(store, BE, FE, &plan, &why), 0);
    ck_assert_uint_eq(plan.queue[0].tx_ring_ref, 8);
    ck_assert(!plan.rx_notify);
    ck_assert(!plan.sg);
    ck_assert(plan.multicast_control);
}
END_TEST

static void offer(unsigned queues, bool split)
{
    struct features features = {.queues = queues, .split_event_channels = split};

    ck_assert_int_eq(negotiate_offer(store, BE, &features), 0);
}

START_TEST(answer_with_split_channels)
{
    struct session_plan plan = {0};

    offer(1, true);
    fake_store_set(store, FE "/event-channel", NULL);
    fake_store_set(store, FE "/event-channel-tx", "12");
    fake_store_set(store, FE "/event-channel-rx", "13");
    ck_assert_int_eq(negotiate_answer(store, BE, FE, &plan, &why), 0);
    ck_assert(plan.queue[0].split);
    ck_assert_uint_eq(plan.queue[0].tx_channel, 12);
    ck_assert_uint_eq(plan.queue[0].rx_channel, 13);
    /* Offered, and not taken up. */
    fake_store_set(store, FE "/event-channel-tx", NULL);
    fake_store_set(store, FE "/event-channel-rx", NULL);
    fake_store_set(store, FE "/event-channel", "14");
    ck_assert_int_eq(negotiate_answer(store, BE, FE, &plan, &why), 0);
    ck_assert(!plan.queue[0].split);
    ck_assert_uint_eq(plan.queue[0].rx_channel, 14);
}
END_TEST

/* As netfront writes them: nothing of a queue in the directory itself. One queue's channels are split here. */
static void two_queues(void)
{
    static const char *const keys[][2] = {
        {FE "/tx-ring-ref", NULL},
        {FE "/rx-ring-ref", NULL},
        {FE "/event-channel", NULL},
        {FE "/multi-queue-num-queues", "2"},
        {FE "/queue-0/tx-ring-ref", "8"},
        {FE "/queue-0/rx-ring-ref", "9"},
        {FE "/queue-0/event-channel", "5"},
        {FE "/queue-1/tx-ring-ref", "10"},
        {FE "/queue-1/rx-ring-ref", "11"},
        {FE "/queue-1/event-channel-tx", "6"},
        {FE "/queue-1/event-channel-rx", "7"},
    };

    offer(2, true);
    for (unsigned i = 0; i < COUNT(keys); i++)
        fake_store_set(store, keys[i][0], keys[i][1]);
}

START_TEST(answer_with_two_queues)
{
    struct session_plan plan = {0};

    two_queues();
    ck_assert_msg(negotiate_answer(store, BE, FE, &plan, &why) == 0, "%s", why.text);
    ck_assert_uint_eq(plan.queues, 2);
    ck_assert_uint_eq(plan.queue[0].tx_ring_ref, 8);
    ck_assert_uint_eq(plan.queue[0].rx_channel, 5);
    ck_assert(!plan.queue[0].split);
    ck_assert_uint_eq(plan.queue[1].tx_ring_ref, 10);
    ck_assert_uint_eq(plan.queue[1].rx_ring_ref, 11);
    ck_assert(plan.queue[1].split);
    ck_assert_uint_eq(plan.queue[1].tx_channel, 6);
    ck_assert_uint_eq(plan.queue[1].rx_channel, 7);
}
END_TEST

static const struct {
    const char *key, *value, *sentence;
} bad_queues[] = {
    {"/multi-queue-num-queues", "0", "0 queues where 2 were"},
    {"/multi-queue-num-queues", "3", "3 queues where 2 were"},
    {"/multi-queue-num-queues", "4294967295", "4294967295 queues where 2 were"},
    {"/multi-queue-num-queues", "4294967296", "is no number"},
    {"/multi-queue-num-queues", "-1", "is no number"},
    {"/multi-queue-num-queues", "2 ", "is no number"},
    {"/multi-queue-num-queues", "", "is no number"},
    {"/multi-queue-num-queues", "1", "without tx-ring-ref"}, /* then the keys are elsewhere */
    {"/multi-queue-num-queues", NULL, "without tx-ring-ref"},
    {"/queue-1/tx-ring-ref", NULL, "without queue-1/tx-ring-ref"},
    {"/queue-0/rx-ring-ref", NULL, "without queue-0/rx-ring-ref"},
    {"/queue-0/event-channel", NULL, "without queue-0/event-channel"},
    {"/queue-1/event-channel-tx", NULL, "without queue-1/event-channel-tx"},
    {"/queue-1/event-channel-rx", NULL, "without queue-1/event-channel-rx"},
    {"/queue-1/tx-ring-ref", "0xa", "queue-1/tx-ring-ref is no number"},
    {"/queue-1/event-channel-rx", "x", "queue-1/event-channel-rx is no number"},
    {"/queue-1/event-channel-rx", "0", "which is none"},
    {"/queue-1/tx-ring-ref", "8", "same page (8)"},   /* as queue 0's tx */
    {"/queue-1/tx-ring-ref", "9", "same page (9)"},   /* as queue 0's rx */
    {"/queue-1/rx-ring-ref", "10", "same page (10)"}, /* as its own tx */
    {"/queue-1/event-channel-rx", "6", "same event channel (6)"},
    {"/queue-1/event-channel-tx", "5", "same event channel (5)"},
};

START_TEST(answer_refuses_queues)
{
    struct session_plan plan = {0};
    char path[128];

    two_queues();
    snprintf(path, sizeof path, FE "%s", bad_queues[_i].key);
    fake_store_set(store, path, bad_queues[_i].value);
    ck_assert_int_eq(negotiate_answer(store, BE, FE, &plan, &why), -1);
    ck_assert_msg(strstr(why.text, bad_queues[_i].sentence) != NULL, "%s: %s", path, why.text);
}
END_TEST

/* What the key says, whether it was offered, and what becomes of it; -1: refused. */
static const struct {
    const char *value;
    bool offered;
    int headroom;
} headrooms[] = {
    {NULL, true, 0},     {"0", true, 1},    {"256", true, 1}, {"128", true, 1},
    {"257", true, -1},   {"-1", true, -1},  {"", true, -1},   {"32767", true, -1},
    {"65792", true, -1}, {"256", false, 0}, {"x", false, 0},  {NULL, false, 0},
};

START_TEST(answer_about_headroom)
{
    struct session_plan plan = {0};
    struct features features = {.headroom = headrooms[_i].offered};
    int rc;

    ck_assert_int_eq(negotiate_offer(store, BE, &features), 0);
    fake_store_set(store, FE "/xdp-headroom", headrooms[_i].value);
    rc = negotiate_answer(store, BE, FE, &plan, &why);
    ck_assert_int_eq(rc, headrooms[_i].headroom < 0 ? -1 : 0);
    if (rc == 0)
        ck_assert_int_eq(plan.headroom, headrooms[_i].headroom);
    else
        ck_assert_str_eq(why.text, "the guest's xdp-headroom is no number from 0 to 256");
}
END_TEST

static void offer_ctrl_ring(void)
{
    struct features features = {.ctrl_ring = true};

    ck_assert_int_eq(negotiate_offer(store, BE, &features), 0);
    fake_store_set(store, FE "/ctrl-ring-ref", "20");
    fake_store_set(store, FE "/event-channel-ctrl", "21");
}

START_TEST(answer_with_a_control_ring)
{
    struct session_plan plan = {0};

    offer_ctrl_ring();
    ck_assert_msg(negotiate_answer(store, BE, FE, &plan, &why) == 0, "%s", why.text);
    ck_assert(plan.ctrl_ring);
    ck_assert_uint_eq(plan.ctrl_ring_ref, 20);
    ck_assert_uint_eq(plan.ctrl_channel, 21);
    /* Offered, and not taken up. */
    fake_store_set(store, FE "/ctrl-ring-ref", NULL);
    fake_store_set(store, FE "/event-channel-ctrl", NULL);
    ck_assert_int_eq(negotiate_answer(store, BE, FE, &plan, &why), 0);
    ck_assert(!plan.ctrl_ring);
}
END_TEST

static const struct {
    const char *key, *value, *sentence;
} bad_ctrl_rings[] = {
    {FE "/ctrl-ring-ref", NULL, "without ctrl-ring-ref"},
    {FE "/event-channel-ctrl", NULL, "without event-channel-ctrl"},
    {FE "/ctrl-ring-ref", "", "ctrl-ring-ref is no number"},
    {FE "/ctrl-ring-ref", "-1", "ctrl-ring-ref is no number"},
    {FE "/ctrl-ring-ref", "4294967296", "ctrl-ring-ref is no number"},
    {FE "/event-channel-ctrl", "0x15", "event-channel-ctrl is no number"},
    {FE "/event-channel-ctrl", "131072", "event-channel-ctrl is no number"},
    {FE "/event-channel-ctrl", "0", "which is none"},
    {FE "/ctrl-ring-ref", "8", "same page (8)"}, /* as the tx ring's */
    {FE "/ctrl-ring-ref", "9", "same page (9)"}, /* as the rx ring's */
    {FE "/event-channel-ctrl", "12", "same event channel (12)"},
    {BE "/feature-ctrl-ring", "0", "was not offered"},
    {BE "/feature-ctrl-ring", NULL, "was not offered"}, /* by the daemon before this one */
};

START_TEST(answer_refuses_control_ring)
{
    struct session_plan plan = {0};

    offer_ctrl_ring();
    fake_store_set(store, bad_ctrl_rings[_i].key, bad_ctrl_rings[_i].value);
    ck_assert_int_eq(negotiate_answer(store, BE, FE, &plan, &why), -1);
    ck_assert_msg(strstr(why.text, bad_ctrl_rings[_i].sentence) != NULL, "%s: %s",
                  bad_ctrl_rings[_i].key, why.text);
}
END_TEST

static const struct {
    const char *key, *value, *sentence;
} bad_answers[] = {
    {"/tx-ring-ref", NULL, "without tx-ring-ref"},
    {"/rx-ring-ref", NULL, "without rx-ring-ref"},
    {"/event-channel", NULL, "without event-channel"},
    {"/tx-ring-ref", "", "tx-ring-ref is no number"},
    {"/tx-ring-ref", " 8", "tx-ring-ref is no number"},
    {"/tx-ring-ref", "+8", "tx-ring-ref is no number"},
    {"/tx-ring-ref", "-8", "tx-ring-ref is no number"},
    {"/tx-ring-ref", "0x8", "tx-ring-ref is no number"},
    {"/tx-ring-ref", "8\n", "tx-ring-ref is no number"},
    {"/tx-ring-ref", "4294967296", "tx-ring-ref is no number"},
    {"/tx-ring-ref", "99999999999999999999999999", "tx-ring-ref is no number"},
    {"/rx-ring-ref", "9a", "rx-ring-ref is no number"},
    {"/rx-ring-ref", "8", "same page (8) for two of its rings"},
    {"/event-channel", "0", "which is none"},
    {"/event-channel", "131072", "event-channel is no number"},
    {"/event-channel-tx", "13", "split event channels"},
    {"/event-channel-rx", "13", "split event channels"},
    {"/multi-queue-num-queues", "2", "2 queues where 1"},
    {"/multi-queue-num-queues", "0", "0 queues where 1"},
    {"/multi-queue-num-queues", "many", "is no number"},
    {"/request-rx-copy", NULL, "does not set request-rx-copy"},
    {"/request-rx-copy", "0", "does not set request-rx-copy"},
    {"/request-rx-copy", "2", "neither 0 nor 1"},
    {"/feature-rx-notify", "yes", "neither 0 nor 1"},
    {"/feature-sg", "2", "neither 0 nor 1"},
    {"/request-multicast-control", "all", "neither 0 nor 1"},
};

START_TEST(answer_refuses)
{
    struct session_plan plan = {0};
    char path[128];

    snprintf(path, sizeof path, FE "%s", bad_answers[_i].key);
    fake_store_set(store, path, bad_answers[_i].value);
    ck_assert_int_eq(negotiate_answer(store, BE, FE, &plan, &why), -1);
    ck_assert_msg(strstr(why.text, bad_answers[_i].sentence) != NULL, "%s: %s", path, why.text);
}
END_TEST

START_TEST(answer_refuses_bytes)
{
    struct session_plan plan = {0};
    char longest[STORE_VALUE_MAX + 8];

    fake_store_set_bytes(store, FE "/tx-ring-ref", "8\0 9", 4);
    ck_assert_int_eq(negotiate_answer(store, BE, FE, &plan, &why), -1);
    memset(longest, '1', sizeof longest);
    fake_store_set_bytes(store, FE "/tx-ring-ref", longest, sizeof longest);
    ck_assert_int_eq(negotiate_answer(store, BE, FE, &plan, &why), -1);
    ck_assert_ptr_nonnull(strstr(why.text, "tx-ring-ref is no number"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("negotiate");
    TCase *test = tcase_create("negotiate");

    tcase_add_checked_fixture(test, setup, teardown);
    tcase_add_test(test, config_of_a_stock_vif_line);
    tcase_add_test(test, config_of_vlan_in_the_name);
    tcase_add_test(test, config_of_a_trunk);
    tcase_add_test(test, config_of_limits);
    tcase_add_loop_test(test, config_refuses, 0, (int)COUNT(bad_config));
    tcase_add_test(test, offer_is_what_the_data_path_carries);
    tcase_add_test(test, answer_of_a_stock_netfront);
    tcase_add_test(test, answer_with_split_channels);
    tcase_add_test(test, answer_with_two_queues);
    tcase_add_loop_test(test, answer_refuses_queues, 0, (int)COUNT(bad_queues));
    tcase_add_loop_test(test, answer_about_headroom, 0, (int)COUNT(headrooms));
    tcase_add_test(test, answer_with_a_control_ring);
    tcase_add_loop_test(test, answer_refuses_control_ring, 0, (int)COUNT(bad_ctrl_rings));
    tcase_add_loop_test(test, answer_refuses, 0, (int)COUNT(bad_answers));
    tcase_add_test(test, answer_refuses_bytes);
    suite_add_tcase(suite, test);
    return run_suite(suite);
}
