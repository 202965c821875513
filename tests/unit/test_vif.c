/* SPDX-License-Identifier: MIT */
/* Whole lives of vifs: the manager and the vifs on a xenstore, a sysfs, VFs and sessions in memory.
 * What libxl, the hotplug script and netfront write is written here in their order. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/why.h"
#include "control/api_answer.h"
#include "control/manager.h"
#include "control/session.h"
#include "sim/fake_store.h"
#include "sim/fake_sysfs.h"
#include "vf/pool.h"
#include "vf/vf.h"
#include "xen/port.h"
#include "xen/store.h"

#define BE       "/local/domain/0/backend/vif/1/0"
#define FE       "/local/domain/1/device/vif/0"
#define SENTENCE "the guest has broken something"

struct session {
    struct session_plan plan;
};

static struct {
    unsigned sessions, ports, vfs; /* live */
    unsigned started, stopped, taken;
    bool refuse_start, stop_fails;
    enum session_state state;
    struct session_plan plan; /* the last one */
    char port_name[32];
    uint8_t mac[6];
    uint16_t vlan;
    struct rate rate;
    bool news, control, filter_refused;
    unsigned filters; /* how often the VF's filter has been set */
} fake;

static struct store *store;
static struct pool *pool;
static struct vif_host host;
static struct manager *manager;

int session_start(struct session **session, const struct session_plan *plan, struct why *why)
{
    if (fake.refuse_start)
        return why_fail(why, SENTENCE);
    *session = calloc(1, sizeof **session);
    fake.plan = (*session)->plan = *plan;
    fake.sessions++;
    fake.started++;
    fake.state = SESSION_RUNNING;
    return 0;
}

int session_stop(struct session *session)
{
    free(session);
    fake.sessions--;
    fake.stopped++;
    return fake.stop_fails ? -1 : 0;
}

enum session_state session_state(struct session *session, struct why *why)
{
    (void)session;
    if (fake.state != SESSION_RUNNING)
        why_fail(why, SENTENCE);
    return fake.state;
}

const char *session_translation(const struct session *session, const char **reason)
{
    (void)session;
    *reason = NULL;
    return "iommu";
}

bool session_interrupts(const struct session *session)
{
    (void)session;
    return true;
}

unsigned session_queues(const struct session *session)
{
    return session->plan.queues;
}

void session_count_queue(const struct session *session, unsigned queue,
                         struct session_counters *counters)
{
    (void)session;
    *counters = (struct session_counters){.tx_packets = 3 + queue};
}

void session_count(struct session *session, struct session_counters *counters)
{
    (void)session;
    *counters = (struct session_counters){.tx_packets = 7};
}

void session_set_rate(struct session *session, struct rate rate)
{
    (void)session;
    fake.rate = rate;
}

bool session_multicast_news(const struct session *session)
{
    (void)session;
    return fake.news;
}

int session_set_multicast(struct session *session, bool control, struct why *why)
{
    (void)session;
    fake.filters++;
    fake.control = control;
    fake.news = false;
    return fake.filter_refused ? why_fail(why, SENTENCE) : 0;
}

static void port_close(struct port *port)
{
    fake.ports--;
    free(port);
}

struct port *port_open(const char *name, uint16_t peer, const char *pci, struct why *why)
{
    static const struct port_ops operations = {.close = port_close};
    struct port *port = calloc(1, sizeof *port);

    (void)pci;
    (void)why;
    ck_assert_ptr_nonnull(port);
    port->ops = &operations;
    port->peer = peer;
    fake.ports++;
    snprintf(fake.port_name, sizeof fake.port_name, "%s", name);
    return port;
}

uint64_t port_leaked(void)
{
    return 3;
}

uint64_t port_live(void)
{
    return 5;
}

static int vf_reset(struct vf *vf, uint8_t mac[6], struct why *why)
{
    (void)vf;
    (void)why;
    memcpy(mac, fake.mac, 6);
    return 0;
}

static int vf_stop(struct vf *vf)
{
    (void)vf;
    ck_assert_uint_eq(fake.sessions, 0);
    return 0;
}

static bool vf_link_up(struct vf *vf)
{
    (void)vf;
    return true;
}

static void vf_close(struct vf *vf)
{
    fake.vfs--;
    free(vf);
}

static int set_up(const char *pf, unsigned index, const uint8_t mac[6], uint16_t vlan,
                  struct why *why)
{
    fake.vlan = vlan;
    (void)pf;
    (void)index;
    (void)why;
    memcpy(fake.mac, mac, 6);
    return 0;
}

static int clear(const char *pf, unsigned index, struct why *why)
{
    (void)pf;
    (void)index;
    (void)why;
    return 0;
}

static struct vf *open_vf(const char *pci, struct why *why)
{
    static const struct vf_ops operations = {
        .offloads = {.csum_ipv4 = true, .tso_ipv6 = true},
        .reset = vf_reset,
        .stop = vf_stop,
        .link_up = vf_link_up,
        .close = vf_close,
    };
    struct vf *vf = calloc(1, sizeof *vf);

    (void)why;
    ck_assert_ptr_nonnull(vf);
    vf->ops = &operations;
    vf->queues = 2;
    snprintf(vf->pci, sizeof vf->pci, "%s", pci);
    fake.vfs++;
    fake.taken++;
    return vf;
}

static int quiesce(const char *pci)
{
    (void)pci;
    return fake.stop_fails ? -1 : 0;
}

static const struct pool_ops pool_operations = {
    .set_up = set_up, .clear = clear, .open = open_vf, .quiesce = quiesce};

static void start_manager(void)
{
    struct why why;

    manager = manager_new(&host, &why);
    ck_assert_msg(manager != NULL, "%s", why.text);
}

static void setup(void)
{
    memset(&fake, 0, sizeof fake);
    store = store_open(NULL);
    pool = pool_new(fake_sysfs_open(), &pool_operations);
    fake_sysfs_pf("eth0", 2, 2);
    host = (struct vif_host){
        .store = store,
        .pool = pool,
        .fault_fd = -1,
        .queues = VF_QUEUES_MAX,
    };
    start_manager();
}

static void teardown(void)
{
    manager_free(manager);
    ck_assert_uint_eq(fake.sessions, 0);
    ck_assert_uint_eq(fake.vfs, 0);
    pool_free(pool);
    store_close(store);
    fake_sysfs_close();
}

static bool scan(void)
{
    store_drain(store);
    return manager_scan(manager);
}

static void set(const char *path, const char *value)
{
    fake_store_set(store, path, value);
}

static void is(const char *path, const char *value)
{
    ck_assert_msg(strcmp(fake_store_get(store, path), value) == 0, "%s is \"%s\", not \"%s\"", path,
                  fake_store_get(store, path), value);
}

static void libxl_creates(unsigned domid, const char *mac)
{
    const char *const keys[][2] = {
        {"frontend-id", NULL},  {"online", "1"},
        {"state", "1"},         {"script", "/etc/xen/scripts/vif-netvf"},
        {"mac", mac},           {"bridge", "eth0"},
        {"handle", "0"},        {"type", "vif"},
        {"hotplug-status", ""},
    };
    char path[128], text[64];

    snprintf(text, sizeof text, "%u", domid);
    for (unsigned i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        snprintf(path, sizeof path, "/local/domain/0/backend/vif/%u/0/%s", domid, keys[i][0]);
        set(path, keys[i][1] ? keys[i][1] : text);
    }
    snprintf(path, sizeof path, "/local/domain/0/backend/vif/%u/0/frontend", domid);
    snprintf(text, sizeof text, "/local/domain/%u/device/vif/0", domid);
    set(path, text);
    snprintf(path, sizeof path, "/local/domain/%u/device/vif/0/state", domid);
    set(path, "1");
}

static void netfront_connects(void)
{
    set(FE "/tx-ring-ref", "8");
    set(FE "/rx-ring-ref", "9");
    set(FE "/event-channel", "12");
    set(FE "/request-rx-copy", "1");
    set(FE "/feature-rx-notify", "1");
    set(FE "/state", "4");
}

static void libxl_detaches(void)
{
    set(BE "/online", "0");
    set(BE "/state", "5");
}

static void libxl_destroys(void)
{
    set(FE, NULL);
    libxl_detaches();
}

static void connected(void)
{
    libxl_creates(1, "00:16:3e:01:02:03");
    scan();
    set(BE "/hotplug-status", "connected");
    netfront_connects();
    scan();
    is(BE "/state", "4");
    ck_assert_uint_eq(fake.sessions, 1);
}

static void nothing_held(void)
{
    ck_assert_uint_eq(fake.sessions, 0);
    ck_assert_uint_eq(fake.ports, 0);
    ck_assert_uint_eq(fake.vfs, 0);
}

START_TEST(attaches)
{
    libxl_creates(1, "00:16:3e:01:02:03");
    ck_assert(!scan());
    is(BE "/state", "2");
    is(BE "/netvf/state", "bound");
    is(BE "/netvf/vf", "0000:01:10.0");
    is(BE "/feature-rx-copy", "1");
    /* what this VF can do, and no more */
    is(BE "/feature-gso-tcpv4", "0");
    is(BE "/feature-gso-tcpv6", "1");
    is(BE "/feature-no-csum-offload", "0");
    is(BE "/feature-ipv6-csum-offload", "0");
    ck_assert(!fake_store_has(store, BE "/netvf/error"));
    ck_assert(fake_store_watched(store, FE "/state"));
    ck_assert_str_eq(fake.port_name, "1-0");
    netfront_connects();
    scan();
    is(BE "/state", "2"); /* the script has not ended */
    set(BE "/hotplug-status", "connected");
    ck_assert(!scan());
    is(BE "/state", "4");
    is(BE "/netvf/state", "connected");
    ck_assert_uint_eq(fake.plan.queues, 1);
    ck_assert_uint_eq(fake.plan.queue[0].tx_ring_ref, 8);
    ck_assert_uint_eq(fake.ports, 1);
    ck_assert_str_eq(fake.plan.name, "vif1.0");
    ck_assert_mem_eq(fake.plan.mac, "\x00\x16\x3e\x01\x02\x03", 6);
}
END_TEST

START_TEST(carries_limits)
{
    libxl_creates(1, "00:16:3e:01:02:03");
    fake_sysfs_file("class/net/eth0/mtu", "9000\n");
    set(BE "/mtu", "9000");
    set(BE "/vlan", "7");
    set(BE "/rate", "1000,50000");
    set(BE "/hotplug-status", "connected");
    scan();
    ck_assert_uint_eq(fake.vlan, 7);
    ck_assert(!fake_store_has(store, BE "/multi-queue-max-queues")); /* a rate is for one queue */
    netfront_connects();
    scan();
    is(BE "/state", "4");
    ck_assert_uint_eq(fake.plan.mtu, 9000);
    ck_assert_uint_eq(fake.plan.vlan, 7);
    ck_assert_uint_eq(fake.plan.rate.bytes, 1000);
}
END_TEST

START_TEST(refuses_more_than_the_pf_carries)
{
    libxl_creates(1, "00:16:3e:01:02:03");
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
    ck_assert_uint_eq(fake.rate.bytes, 1000);
    ck_assert_uint_eq(fake.rate.interval_us, 50000);
    set(BE "/rate", "a lot");
    ck_assert(!scan());
    ck_assert_uint_eq(fake.rate.bytes, 1000);
    is(BE "/state", "4");
    set(BE "/rate", NULL);
    scan();
    ck_assert_uint_eq(fake.rate.bytes, 0);
}
END_TEST

START_TEST(follows_the_guests_groups)
{
    connected();
    ck_assert(fake_store_watched(store, FE "/request-multicast-control"));
    fake.news = true; /* a list that nothing is filtered by */
    ck_assert(!scan());
    ck_assert_uint_eq(fake.filters, 0);
    set(FE "/request-multicast-control", "1");
    scan();
    ck_assert_uint_eq(fake.filters, 1);
    ck_assert(fake.control);
    fake.news = true;
    scan();
    ck_assert_uint_eq(fake.filters, 2);
    scan();
    ck_assert_uint_eq(fake.filters, 2);
    set(FE "/request-multicast-control", "perhaps");
    scan();
    ck_assert_uint_eq(fake.filters, 2);
    set(FE "/request-multicast-control", NULL);
    scan();
    ck_assert(!fake.control);
    ck_assert_uint_eq(fake.filters, 3);
    fake.filter_refused = true;
    set(FE "/request-multicast-control", "1");
    ck_assert(scan());
    is(BE "/state", "4");
    ck_assert_uint_eq(fake.filters, 4);
    fake.news = true; /* not at once: a PF that does not answer holds up everyone */
    ck_assert(scan());
    ck_assert_uint_eq(fake.filters, 4);
}
END_TEST

/* Each change is a message to the PF's driver: a guest that makes no end of them is rationed. */
START_TEST(rations_the_guests_groups)
{
    bool pending = false;

    connected();
    set(FE "/request-multicast-control", "1");
    for (unsigned i = 0; i < 20; i++) {
        fake.news = true;
        pending = scan();
    }
    ck_assert(pending);
    ck_assert_uint_le(fake.filters, 6);
    ck_assert(fake.news); /* and not forgotten */
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

/* Each queue has a port, and so a journal, of its own; they come with the queues and go with the VF. */
START_TEST(two_queues)
{
    libxl_creates(1, "00:16:3e:01:02:03");
    scan();
    is(BE "/multi-queue-max-queues", "2");
    is(BE "/feature-split-event-channels", "1");
    ck_assert_uint_eq(fake.ports, 1);
    set(BE "/hotplug-status", "connected");
    netfront_connects_two_queues();
    scan();
    is(BE "/state", "4");
    ck_assert_uint_eq(fake.plan.queues, 2);
    ck_assert_uint_eq(fake.plan.queue[1].rx_ring_ref, 11);
    ck_assert_uint_eq(fake.ports, 2);
    ck_assert_str_eq(fake.port_name, "1-0.q1");
    ck_assert_ptr_nonnull(fake.plan.ports[1]);
    ck_assert_ptr_ne(fake.plan.ports[0], fake.plan.ports[1]);
    /* A driver reloaded with one queue uses the first port again; the other is there for later. */
    set(FE "/state", "6");
    scan();
    set(FE "/multi-queue-num-queues", NULL);
    set(FE "/state", "1");
    scan();
    netfront_connects();
    scan();
    is(BE "/state", "4");
    ck_assert_uint_eq(fake.plan.queues, 1);
    ck_assert_uint_eq(fake.ports, 2);
    libxl_destroys();
    scan();
    nothing_held();
}
END_TEST

START_TEST(fewer_queues_than_the_vf_has)
{
    host.queues = 1;
    libxl_creates(1, "00:16:3e:01:02:03");
    scan();
    ck_assert(!fake_store_has(store, BE "/multi-queue-max-queues"));
    set(BE "/hotplug-status", "connected");
    netfront_connects_two_queues();
    scan();
    is(BE "/state", "5");
    is(BE "/netvf/error", "the guest asks for 2 queues where 1 was offered");
    ck_assert_uint_eq(fake.started, 0);
    ck_assert_uint_eq(fake.ports, 1);
}
END_TEST

/* What counts is what the guest was offered, not what the daemon that finds it would offer. */
START_TEST(restarts_with_fewer_queues)
{
    libxl_creates(1, "00:16:3e:01:02:03");
    scan();
    set(BE "/hotplug-status", "connected");
    netfront_connects_two_queues();
    scan();
    is(BE "/state", "4");
    manager_free(manager);
    nothing_held();
    host.queues = 1;
    start_manager();
    scan();
    is(BE "/netvf/state", "connected");
    ck_assert_uint_eq(fake.plan.queues, 2);
}
END_TEST

START_TEST(leaves_other_scripts_alone)
{
    libxl_creates(1, "00:16:3e:01:02:03");
    set(BE "/script", "/etc/xen/scripts/vif-bridge");
    scan();
    is(BE "/state", "1");
    set(BE "/script", "/opt/vif-netvf-not");
    scan();
    is(BE "/state", "1");
    ck_assert(!fake_store_watched(store, FE "/state"));
}
END_TEST

START_TEST(leaves_what_the_kernel_has)
{
    libxl_creates(1, "00:16:3e:01:02:03");
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
    ck_assert_uint_eq(fake.sessions, 1);
    set(FE "/state", "6");
    scan();
    is(BE "/state", "6");
    is(BE "/netvf/state", "closed");
    nothing_held();
    set(BE, NULL);
    set(FE, NULL);
    ck_assert(!scan());
    ck_assert(!fake_store_has(store, BE));
    ck_assert(!fake_store_watched(store, FE "/state"));
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
    ck_assert(!fake_store_has(store, BE));
}
END_TEST

START_TEST(the_domain_dies)
{
    connected();
    fake_store_kill(store, 1);
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
    ck_assert(!fake_store_has(store, BE));
}
END_TEST

START_TEST(driver_is_reloaded)
{
    connected();
    set(FE "/state", "5");
    scan();
    is(BE "/state", "5");
    set(FE "/state", "6");
    scan();
    is(BE "/state", "6");
    is(BE "/netvf/state", "closed");
    ck_assert_uint_eq(fake.vfs, 1);
    set(FE "/state", "1");
    scan();
    is(BE "/state", "2");
    is(BE "/netvf/state", "bound");
    netfront_connects();
    scan();
    is(BE "/state", "4");
    ck_assert_uint_eq(fake.taken, 1);
    /* kexec: straight back to Initialising. */
    set(FE "/state", "1");
    scan();
    is(BE "/state", "2");
    ck_assert_uint_eq(fake.sessions, 0);
}
END_TEST

START_TEST(reconnects_are_rationed)
{
    unsigned rounds = 0;

    connected();
    for (unsigned i = 0; i < 20; i++) {
        set(FE "/state", "1");
        ck_assert(!scan() || fake.started < 20);
        netfront_connects();
        scan();
        rounds += strcmp(fake_store_get(store, BE "/state"), "4") == 0;
        if (strcmp(fake_store_get(store, BE "/state"), "4") != 0)
            set(FE "/state", "6");
    }
    ck_assert_uint_ge(rounds, 3);
    ck_assert_uint_le(rounds, 6);
}
END_TEST

START_TEST(refuses_in_one_sentence)
{
    libxl_creates(1, "00:16:3e:01:02");
    scan();
    is(BE "/state", "2"); /* so that libxl runs the script at once */
    is(BE "/netvf/state", "refused");
    ck_assert_ptr_nonnull(strstr(fake_store_get(store, BE "/netvf/error"), "no MAC address"));
    ck_assert(!fake_store_has(store, BE "/netvf/vf"));
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
    libxl_creates(1, "00:16:3e:01:02:03");
    libxl_creates(2, "00:16:3e:01:02:04");
    scan();
    libxl_creates(3, "00:16:3e:01:02:05");
    scan();
    is("/local/domain/0/backend/vif/3/0/state", "2");
    is("/local/domain/0/backend/vif/3/0/netvf/state", "refused");
    ck_assert_ptr_nonnull(
        strstr(fake_store_get(store, "/local/domain/0/backend/vif/3/0/netvf/error"),
               "no idle VF on eth0: all 2 are bound"));
    ck_assert_uint_eq(fake.vfs, 2);
    /* A detach and an attach between two scans: the VF goes from the one to the other. */
    libxl_destroys();
    libxl_creates(4, "00:16:3e:01:02:06");
    scan();
    is("/local/domain/0/backend/vif/4/0/netvf/state", "bound");
}
END_TEST

START_TEST(directory_made_anew)
{
    connected();
    libxl_creates(1, "00:16:3e:0a:0b:0c");
    scan();
    is(BE "/state", "2");
    ck_assert_uint_eq(fake.stopped, 1);
    ck_assert_uint_eq(fake.taken, 2);
    ck_assert_mem_eq(fake.mac, "\x00\x16\x3e\x0a\x0b\x0c", 6);
}
END_TEST

START_TEST(guest_fault)
{
    connected();
    fake.state = SESSION_GUEST_FAULT;
    ck_assert(scan());
    is(BE "/state", "5");
    is(BE "/netvf/state", "fault");
    is(BE "/netvf/error", SENTENCE);
    ck_assert_uint_eq(fake.stopped, 1);
    scan();
    ck_assert_uint_eq(fake.stopped, 1);
    set(FE "/state", "6");
    scan();
    is(BE "/state", "6");
    is(BE "/netvf/state", "fault");
    set(FE "/state", "1");
    scan();
    is(BE "/state", "2");
    ck_assert(!fake_store_has(store, BE "/netvf/error"));
    netfront_connects();
    scan();
    is(BE "/netvf/state", "connected");
}
END_TEST

START_TEST(device_fault)
{
    connected();
    fake.state = SESSION_DEVICE_FAULT;
    scan();
    is(BE "/netvf/state", "fault");
    nothing_held();
    set(FE "/state", "6");
    scan();
    set(FE "/state", "1");
    scan();
    netfront_connects();
    scan();
    is(BE "/state", "4");
    is(BE "/netvf/vf", "0000:01:10.2"); /* another one */
}
END_TEST

START_TEST(vf_that_is_not_quiet_keeps_its_pages)
{
    connected();
    fake.stop_fails = true;
    libxl_destroys();
    scan();
    is(BE "/state", "6");
    ck_assert_uint_eq(fake.vfs, 0);
    ck_assert_uint_eq(fake.ports, 1);
}
END_TEST

START_TEST(malformed_answer)
{
    libxl_creates(1, "00:16:3e:01:02:03");
    scan();
    set(BE "/hotplug-status", "connected");
    netfront_connects();
    set(FE "/tx-ring-ref", "0x8");
    scan();
    is(BE "/state", "5");
    is(BE "/netvf/state", "fault");
    ck_assert_uint_eq(fake.started, 0);
    set(FE "/state", "nonsense");
    scan();
    is(BE "/state", "6");
    nothing_held();
    set(FE "/state", "1");
    scan();
    is(BE "/state", "2");
}
END_TEST

START_TEST(session_does_not_start)
{
    libxl_creates(1, "00:16:3e:01:02:03");
    scan();
    set(BE "/hotplug-status", "connected");
    fake.refuse_start = true;
    netfront_connects();
    scan();
    is(BE "/state", "5");
    is(BE "/netvf/error", SENTENCE);
}
END_TEST

static void detach_between(struct store *same)
{
    (void)same;
    libxl_detaches();
}

START_TEST(libxl_comes_in_between)
{
    libxl_creates(1, "00:16:3e:01:02:03");
    scan();
    set(BE "/hotplug-status", "connected");
    netfront_connects();
    /* libxl detaches while the session is being started: its 5 must not become a 4. */
    fake_store_interfere(store, detach_between);
    scan();
    is(BE "/state", "5");
    set(FE "/state", "6");
    scan();
    is(BE "/state", "6");
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
    fake_store_interfere(store, delete_between);
    scan();
    scan();
    ck_assert(!fake_store_has(store, BE));
    nothing_held();
}
END_TEST

START_TEST(restarts_under_a_live_guest)
{
    connected();
    manager_free(manager);
    nothing_held();
    is(BE "/state", "4");
    is(BE "/netvf/state", "stopped");
    start_manager();
    scan();
    is(BE "/state", "4");
    is(BE "/netvf/state", "connected");
    ck_assert_uint_eq(fake.sessions, 1);
}
END_TEST

START_TEST(finds_a_half_done_close)
{
    connected();
    manager_free(manager);
    libxl_destroys();
    start_manager();
    scan();
    is(BE "/state", "6");
    nothing_held();
}
END_TEST

START_TEST(store_trouble_is_tried_again)
{
    libxl_creates(1, "00:16:3e:01:02:03");
    fake_store_fail_writes(store, 1);
    ck_assert(scan());
    is(BE "/state", "1");
    scan();
    is(BE "/state", "2");
    ck_assert_uint_eq(fake.vfs, 1);
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
    manager_each(manager, keep_view, &view);
    ck_assert(view.connected && view.interrupts && view.link);
    ck_assert_str_eq(view.state, "connected");
    ck_assert_str_eq(view.pf, "eth0");
    libxl_destroys();
    scan();
    manager_each(manager, keep_view, &view);
    ck_assert(!view.connected);
    ck_assert_ptr_null(view.lease);
    ck_assert_uint_eq(view.counters.tx_packets, 7); /* the last values stay */
}
END_TEST

static char *answer(const char *request)
{
    struct api_world world = {.manager = manager, .pool = pool};
    json_t *document = json_loads(request, 0, NULL), *reply = api_answer(&world, document);
    char *text = json_dumps(reply, JSON_COMPACT);

    json_decref(document);
    json_decref(reply);
    ck_assert_ptr_nonnull(text);
    return text;
}

static void answers(const char *request, const char *part)
{
    char *text = answer(request);

    ck_assert_msg(strstr(text, part) != NULL, "%s: %s lacks %s", request, text, part);
    free(text);
}

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
        "\"leaks\":{\"grants\":3,\"live\":5}}");
    answers("{\"call\":\"show\"}",
            "{\"vifs\":[{\"dom\":1,\"devid\":0,\"mac\":\"00:16:3e:01:02:03\",\"pf\":\"eth0\","
            "\"vf\":\"0000:01:10.0\",\"translation\":\"iommu\",\"translation_reason\":null,"
            "\"state\":\"connected\",\"error\":null,"
            "\"interrupts\":\"event-channel\",\"link\":true,\"counters\":{\"tx_packets\":7,");
    answers("{\"call\":\"show\"}", "\"queues\":[{\"tx_packets\":3,");
    answers("{\"call\":\"show\",\"dom\":1,\"devid\":0}", "\"dom\":1");
    answers("{\"call\":\"show\",\"dom\":2}", "{\"vifs\":[]}");
    answers("{\"call\":\"show\",\"dom\":-1}", "{\"error\":");
    answers("{\"call\":\"show\",\"dom\":\"x\"}", "{\"error\":");
    answers("{\"call\":\"halt\"}", "{\"error\":");
    answers("{}", "{\"error\":");
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

START_TEST(nonsense_in_the_guests_state_is_rationed)
{
    connected();
    for (unsigned i = 0; i < 20; i++) {
        set(FE "/state", "nonsense");
        scan();
        nothing_held();
        set(FE "/state", "1");
        scan();
    }
    ck_assert_uint_le(fake.taken, 6);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("vif");
    TCase *test = tcase_create("vif");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(test, setup, teardown);
    tcase_add_test(test, attaches);
    tcase_add_test(test, carries_limits);
    tcase_add_test(test, refuses_more_than_the_pf_carries);
    tcase_add_test(test, follows_the_rate);
    tcase_add_test(test, follows_the_guests_groups);
    tcase_add_test(test, rations_the_guests_groups);
    tcase_add_test(test, two_queues);
    tcase_add_test(test, fewer_queues_than_the_vf_has);
    tcase_add_test(test, restarts_with_fewer_queues);
    tcase_add_test(test, leaves_other_scripts_alone);
    tcase_add_test(test, leaves_what_the_kernel_has);
    tcase_add_test(test, detaches);
    tcase_add_test(test, is_destroyed);
    tcase_add_test(test, the_domain_dies);
    tcase_add_test(test, directory_deleted_at_once);
    tcase_add_test(test, driver_is_reloaded);
    tcase_add_test(test, reconnects_are_rationed);
    tcase_add_test(test, refuses_in_one_sentence);
    tcase_add_test(test, refuses_when_no_vf_is_left);
    tcase_add_test(test, directory_made_anew);
    tcase_add_test(test, guest_fault);
    tcase_add_test(test, device_fault);
    tcase_add_test(test, vf_that_is_not_quiet_keeps_its_pages);
    tcase_add_test(test, malformed_answer);
    tcase_add_test(test, session_does_not_start);
    tcase_add_test(test, libxl_comes_in_between);
    tcase_add_test(test, never_makes_a_deleted_directory_anew);
    tcase_add_test(test, restarts_under_a_live_guest);
    tcase_add_test(test, finds_a_half_done_close);
    tcase_add_test(test, store_trouble_is_tried_again);
    tcase_add_test(test, can_be_looked_at);
    tcase_add_test(test, answers_the_command);
    tcase_add_test(test, answers_about_keys_that_are_no_text);
    tcase_add_test(test, nonsense_in_the_guests_state_is_rationed);
    suite_add_tcase(suite, test);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
