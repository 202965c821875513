/* SPDX-License-Identifier: MIT */
#include "unit/runner.h"
#include "unit/vif_world.h"

#include "control/api_answer.h"
#include "control/windows.h"

#include <errno.h>

struct session {
    struct session_plan plan;
    const char *translation;
};

/* Its journal names a VF. */
struct world_port {
    struct port port;
    char pci[PF_PCI_MAX];
};

struct world world;

/* Invariant 5: by a port's journal the next daemon finds the VF that has to be quiet before the pages are released. */
static void journals_name(const struct session_plan *plan, const struct vf *vf)
{
    for (unsigned i = 0; vf && i < plan->queues; i++)
        ck_assert_str_eq(((struct world_port *)plan->ports[i])->pci, vf->pci);
}

static bool no_way(const struct session_plan *plan, const struct vf *vf)
{
    return vf && world.no_context && plan->translation == TRANSLATION_IOMMU;
}

static const char *chosen(const struct session_plan *plan)
{
    return plan->translation == TRANSLATION_HOST || world.no_context ? "host" : "iommu";
}

int session_start(struct session **session, const struct session_plan *plan, struct why *why)
{
    if (world.refuse_start || (world.refuse_vf && plan->vf)) {
        errno = EIO;
        return why_fail(why, SENTENCE);
    }
    if (world.goes_astray && plan->vf && plan->translation != TRANSLATION_HOST) {
        errno = ENOTRECOVERABLE;
        return why_fail(why, SENTENCE);
    }
    if (no_way(plan, plan->vf))
        return why_fail(why, REFUSAL);
    journals_name(plan, plan->vf);
    *session = calloc(1, sizeof **session);
    (*session)->translation = chosen(plan);
    world.plan = (*session)->plan = *plan;
    world.sessions++;
    world.started++;
    world.state = SESSION_RUNNING;
    world.busy = plan->vf != NULL;
    world.paused = false;
    return 0;
}

int session_stop(struct session *session)
{
    errno = strcmp(session->translation, "iommu") == 0 ? ENOTRECOVERABLE : EBUSY;
    free(session);
    world.sessions--;
    world.stopped++;
    return world.stop_fails ? -1 : 0;
}

void session_pause(struct session *session)
{
    (void)session;
    world.paused = true;
}

int session_flush(struct session *session)
{
    (void)session;
    ck_assert(world.paused);
    ck_assert_msg(!world.busy, "pages are released under a VF that may still write to them");
    world.flushed++;
    return world.flush_fails ? -1 : world.comes_not_back;
}

int session_resume(struct session *session, struct vf *vf, struct why *why)
{
    ck_assert(world.paused);
    if (!vf && world.refuse_idle) {
        world.paused = false;
        return why_fail(why, SENTENCE);
    }
    for (unsigned i = 0; vf && i < session->plan.queues; i++)
        session->plan.ports[i]->ops->move(session->plan.ports[i], vf->pci);
    if (vf && (world.refuse_start || world.refuse_vf)) {
        world.plan.vf = vf; /* as far as it has come, it may have begun */
        world.busy = true;
        errno = EIO;
        return why_fail(why, SENTENCE);
    }
    if (world.goes_astray && vf && session->plan.translation != TRANSLATION_HOST) {
        errno = ENOTRECOVERABLE;
        return why_fail(why, SENTENCE);
    }
    if (no_way(&session->plan, vf)) {
        errno = EOPNOTSUPP;
        return why_fail(why, REFUSAL);
    }
    session->translation = chosen(&session->plan);
    world.busy = world.sends = vf != NULL;
    world.paused = false;
    world.state = SESSION_RUNNING;
    world.plan.vf = session->plan.vf = vf;
    world.resumed++;
    return 0;
}

void session_set_translation(struct session *session, enum translation translation)
{
    world.plan.translation = session->plan.translation = translation;
}

void session_link(struct session *session, bool up)
{
    (void)session;
    world.sends = up;
}

enum session_state session_state(struct session *session, struct why *why)
{
    (void)session;
    if (world.state != SESSION_RUNNING)
        why_fail(why, SENTENCE);
    return world.state;
}

const char *session_translation(const struct session *session, const char **reason)
{
    *reason = NULL;
    return session->translation;
}

bool session_interrupts(const struct session *session)
{
    (void)session;
    return true;
}

void session_count(struct session *session, struct session_counters *counters)
{
    (void)session;
    *counters = (struct session_counters){.tx_packets = 7};
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

unsigned session_window_pages(const struct session *session)
{
    (void)session;
    return 9;
}

bool session_rest_windows(struct session *session, bool rest)
{
    session->plan.windows_rest = rest;
    return !world.paused;
}

void session_set_rate(struct session *session, struct rate rate)
{
    (void)session;
    world.rate = rate;
}

bool session_multicast_news(const struct session *session)
{
    (void)session;
    return world.news;
}

int session_set_multicast(struct session *session, bool control, struct why *why)
{
    (void)session;
    world.filters++;
    world.control = control;
    world.news = false;
    return world.filter_refused ? why_fail(why, SENTENCE) : 0;
}

static void port_close(struct port *port)
{
    world.ports--;
    free(port);
}

static void port_move(struct port *port, const char *pci)
{
    struct world_port *named = (struct world_port *)port;

    snprintf(named->pci, sizeof named->pci, "%s", pci);
}

struct port *port_open(const char *name, uint16_t peer, const char *pci, struct why *why)
{
    static const struct port_ops operations = {.move = port_move, .close = port_close};
    struct world_port *named = calloc(1, sizeof *named);

    (void)why;
    ck_assert_ptr_nonnull(named);
    named->port = (struct port){.ops = &operations, .peer = peer};
    port_move(&named->port, pci);
    world.ports++;
    snprintf(world.port_name, sizeof world.port_name, "%s", name);
    return &named->port;
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
    if (world.deaf_vf && strcmp(vf->pci, world.deaf_vf) == 0)
        return why_fail(why, "VF %s does not answer", vf->pci);
    memcpy(mac, world.mac, 6);
    world.resets++;
    return 0;
}

static int vf_stop(struct vf *vf)
{
    /* Not under a worker that uses it. */
    ck_assert(world.sessions == 0 || world.paused || world.plan.vf != vf);
    if (world.stop_fails)
        return -1;
    if (world.plan.vf == vf)
        world.busy = false;
    return 0;
}

static int vf_check(struct vf *vf, struct why *why)
{
    return world.failed ? why_fail(why, "VF %s has had enough", vf->pci) : 0;
}

static bool vf_link_up(struct vf *vf)
{
    (void)vf;
    return !world.link_down;
}

static void vf_close(struct vf *vf)
{
    world.vfs--;
    free(vf);
}

static int set_up(const char *pf, unsigned index, const uint8_t mac[6], uint16_t vlan,
                  struct why *why)
{
    world.vlan = vlan;
    (void)pf;
    (void)index;
    (void)why;
    memcpy(world.mac, mac, 6);
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
    static const struct vf_ops operations = {.reset = vf_reset,
                                             .stop = vf_stop,
                                             .check = vf_check,
                                             .link_up = vf_link_up,
                                             .close = vf_close};
    struct vf *vf = calloc(1, sizeof *vf);

    (void)why;
    ck_assert_ptr_nonnull(vf);
    vf->ops = &operations;
    vf->queues = 2;
    snprintf(vf->pci, sizeof vf->pci, "%s", pci);
    world.vfs++;
    world.taken++;
    return vf;
}

static int quiesce(const char *pci)
{
    (void)pci;
    return world.stop_fails ? -1 : 0;
}

static const struct pool_ops pool_operations = {
    .set_up = set_up, .clear = clear, .open = open_vf, .quiesce = quiesce};

void start_manager(void)
{
    struct why why;

    world.manager = manager_new(&world.host, &why);
    ck_assert_msg(world.manager != NULL, "%s", why.text);
}

void world_begin(const char *sysfs)
{
    memset(&world, 0, sizeof world);
    world.store = store_open(NULL);
    world.pool = pool_new(sysfs, &pool_operations);
    world.host = (struct vif_host){
        .store = world.store, .pool = world.pool, .fault_fd = -1, .queues = VF_QUEUES_MAX};
    start_manager();
}

void world_end(void)
{
    manager_free(world.manager);
    ck_assert_uint_eq(world.sessions, 0);
    ck_assert_uint_eq(world.vfs, 0);
    pool_free(world.pool);
    store_close(world.store);
}

void world_open(void)
{
    const char *sysfs = fake_sysfs_open();

    fake_sysfs_pf("eth0", 2, 2);
    world_begin(sysfs);
}

void world_close(void)
{
    world_end();
    fake_sysfs_close();
}

bool scan(void)
{
    store_drain(world.store);
    return manager_scan(world.manager);
}

void check(bool at_once)
{
    if (manager_check(world.manager, at_once))
        scan();
}

void set(const char *path, const char *value)
{
    fake_store_set(world.store, path, value);
}

char *answer(const char *request)
{
    static struct window_budget windows;
    struct api_world asked = {.manager = world.manager, .pool = world.pool, .windows = &windows};
    json_t *document = json_loads(request, 0, NULL), *reply;
    char *text;

    window_budget_init(&windows, 100, 40);
    window_budget_take(&windows, 1, 9);
    reply = api_answer(&asked, document);
    text = json_dumps(reply, JSON_COMPACT);

    json_decref(document);
    json_decref(reply);
    ck_assert_ptr_nonnull(text);
    return text;
}

void answers(const char *request, const char *part)
{
    char *text = answer(request);

    ck_assert_msg(strstr(text, part) != NULL, "%s: %s lacks %s", request, text, part);
    free(text);
}

void is(const char *path, const char *value)
{
    ck_assert_msg(strcmp(fake_store_get(world.store, path), value) == 0, "%s is \"%s\", not \"%s\"",
                  path, fake_store_get(world.store, path), value);
}

void libxl_creates(unsigned domid, const char *mac)
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

void netfront_connects(void)
{
    set(FE "/tx-ring-ref", "8");
    set(FE "/rx-ring-ref", "9");
    set(FE "/event-channel", "12");
    set(FE "/request-rx-copy", "1");
    set(FE "/feature-rx-notify", "1");
    set(FE "/state", "4");
}

void libxl_detaches(void)
{
    set(BE "/online", "0");
    set(BE "/state", "5");
}

void libxl_destroys(void)
{
    set(FE, NULL);
    libxl_detaches();
}

void offered(void)
{
    libxl_creates(1, MAC);
    scan();
    set(BE "/hotplug-status", "connected");
}

void guest_says(const char *state, const char *ours)
{
    set(FE "/state", state);
    scan();
    is(BE "/state", ours);
}

void connected(void)
{
    offered();
    netfront_connects();
    scan();
    is(BE "/state", "4");
    ck_assert_uint_eq(world.sessions, 1);
}

void nothing_held(void)
{
    ck_assert_uint_eq(world.sessions, 0);
    ck_assert_uint_eq(world.ports, 0);
    ck_assert_uint_eq(world.vfs, 0);
}

int world_run(const char *name, const TTest *const tests[], unsigned count)
{
    Suite *suite = suite_create(name);
    TCase *test = tcase_create(name);

    tcase_add_checked_fixture(test, world_open, world_close);
    for (unsigned i = 0; i < count; i++)
        tcase_add_test(test, tests[i]);
    suite_add_tcase(suite, test);
    return run_suite(suite);
}
