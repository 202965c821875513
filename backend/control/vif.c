/* SPDX-License-Identifier: MIT */
#include "control/vif.h"

#include "common/allowance.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mac.h"
#include "common/why.h"
#include "control/follow.h"
#include "control/vif_state.h"
#include "vf/pool.h"
#include "vf/vf.h"
#include "xen/port.h"
#include "xen/store.h"
#include "xenstore-schema/keys.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A guest can make us close and reconnect as often as it likes: each round costs a reset of its
 * VF and some lines in the log. So it may do so a few times in a row, then once a second. */
#define RECONNECT_BURST    4
#define RECONNECT_EVERY_MS 1000
#define LOG_BURST          24
#define LOG_EVERY_MS       5000
/* More rounds than the longest way through the states (a guest that reloads its driver) has
 * steps. */
#define STEPS_MAX 12
/* xenstore ends a transaction of ours when somebody else has written below the same directory
 * meanwhile. */
#define TRANSACTION_RETRIES 8

struct vif {
    const struct vif_host *host;
    uint16_t domid;
    uint32_t devid;
    char name[24];                /* "vif1.0" */
    char owner[24];               /* "1/0" */
    char backend[STORE_PATH_MAX]; /* made from the numbers above, never read from the store */
    char frontend[STORE_PATH_MAX];

    struct vif_config config;
    bool configured;
    struct pool_lease *lease;
    bool fresh;                        /* the VF has been reset since its last session */
    struct port *ports[VF_QUEUES_MAX]; /* the first one as long as the lease, more when needed */
    struct session *session;
    struct session_counters counters;
    unsigned queues; /* of the session, or of the last one */
    struct session_counters queue_counters[VF_QUEUES_MAX];
    struct follow follow; /* while it has a session */

    bool refused, faulted;
    const char *state; /* netvf/state */
    struct why error;  /* "" if none */
    int64_t closing_since;
    struct allowance reconnects, lines;
};

__attribute__((format(printf, 3, 4))) static void say(struct vif *vif, enum log_level level,
                                                      const char *format, ...)
{
    char text[300];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (allowance_left(&vif->lines, LOG_BURST, LOG_EVERY_MS, clock_ms()))
        vif->lines.left--;
    else
        level = LOG_LEVEL_DEBUG;
    log_line(level, "%s: %s", vif->name, text);
}

/* Single keys of the guest's, not its directory: it writes there as fast as it can (XSA-349). */
static int watch(const struct vif *vif, const char *key)
{
    char path[STORE_PATH_MAX + 32];

    snprintf(path, sizeof path, "%s/%s", vif->frontend, key);
    return store_watch(vif->host->store, path);
}

static void unwatch(const struct vif *vif, const char *key)
{
    char path[STORE_PATH_MAX + 32];

    snprintf(path, sizeof path, "%s/%s", vif->frontend, key);
    store_unwatch(vif->host->store, path);
}

struct vif *vif_new(const struct vif_host *host, uint16_t domid, uint32_t devid)
{
    struct vif *vif = calloc(1, sizeof *vif);

    if (!vif)
        return NULL;
    vif->host = host;
    vif->domid = domid;
    vif->devid = devid;
    vif->state = VALUE_BE_NETVF_STATE_CLOSED;
    vif->reconnects = (struct allowance){RECONNECT_BURST, clock_ms()};
    vif->lines = (struct allowance){LOG_BURST, clock_ms()};
    snprintf(vif->name, sizeof vif->name, "vif%u.%u", domid, devid);
    snprintf(vif->owner, sizeof vif->owner, "%u/%u", domid, devid);
    snprintf(vif->backend, sizeof vif->backend, PATH_BE_DIR, host->own_domid, domid, devid);
    snprintf(vif->frontend, sizeof vif->frontend, PATH_FE_DIR, domid, devid);
    if (watch(vif, KEY_FE_STATE) < 0 || watch(vif, KEY_FE_REQUEST_MULTICAST_CONTROL) < 0) {
        unwatch(vif, KEY_FE_STATE);
        free(vif);
        return NULL;
    }
    return vif;
}

struct change {
    const char *key;
    const char *value; /* NULL: the key goes */
};

static int write_changes(struct vif *vif, const struct change *changes, unsigned count)
{
    struct store *store = vif->host->store;

    for (unsigned i = 0; i < count; i++) {
        if (changes[i].value
                ? store_write(store, vif->backend, changes[i].key, changes[i].value) < 0
                : store_remove(store, vif->backend, changes[i].key) < 0 && errno != ENOENT)
            return -1;
    }
    return 0;
}

/* What the data path carries, with no more queues than this VF has; and with one if there is a rate to be kept, which
 * several would have to share. */
static int offer_features(const struct vif *vif)
{
    struct features features = {
        .offloads = vif->lease->vf->ops->offloads,
        .split_event_channels = true,
        .queues = vif->host->queues,
    };

    if (features.queues > vif->lease->vf->queues)
        features.queues = vif->lease->vf->queues;
    if (vif->config.rate.bytes)
        features.queues = 1;
    return negotiate_offer(vif->host->store, vif->backend, &features);
}

/* Goes from state `from` to `to`, with `changes` and, if `offer`, the features, all at once and
 * only if the state still is `from`: libxl writes Closing over it when it wants the vif to go,
 * and deletes the directory when it has waited enough, and neither may be undone by us.
 * -1/ESTALE then; other errors as they come. */
static int publish(struct vif *vif, unsigned from, unsigned to, const struct change *changes,
                   unsigned count, bool offer)
{
    struct store *store = vif->host->store;

    for (unsigned try = 0; try < TRANSACTION_RETRIES; try++) {
        uint32_t state;

        if (store_begin(store) < 0)
            return -1;
        if (store_read_number(store, vif->backend, KEY_BE_STATE, XenbusStateReconfigured, &state) <
                0 ||
            state != from) {
            store_abort(store);
            errno = ESTALE;
            return -1;
        }
        if (write_changes(vif, changes, count) < 0 || (offer && offer_features(vif) < 0) ||
            (to != from && store_printf(store, vif->backend, KEY_BE_STATE, "%u", to) < 0)) {
            store_abort(store);
            return -1;
        }
        if (store_commit(store) == 0)
            return 0;
        if (errno != EAGAIN)
            return -1;
    }
    return -1;
}

static const char *translation(const struct vif *vif)
{
    const char *reason;

    return vif->session ? session_translation(vif->session, &reason) : NULL;
}

/* The keys that tell a person how the vif is. */
static int publish_state(struct vif *vif, unsigned from, unsigned to, bool offer)
{
    const struct change changes[] = {
        {KEY_BE_NETVF_STATE, vif->state},
        {KEY_BE_NETVF_ERROR, vif->error.text[0] ? vif->error.text : NULL},
        {KEY_BE_NETVF_VF, vif->lease ? vif->lease->vf->pci : NULL},
        {KEY_BE_NETVF_TRANSLATION, translation(vif)},
    };

    return publish(vif, from, to, changes, sizeof changes / sizeof changes[0], offer);
}

static void release(struct vif *vif, bool broken)
{
    char pci[PF_PCI_MAX];
    int rc;

    if (!vif->lease)
        return;
    snprintf(pci, sizeof pci, "%s", vif->lease->vf->pci);
    rc = pool_give_back(vif->host->pool, vif->lease, broken);
    vif->lease = NULL;
    vif->fresh = false;
    /* Its journals and its pages have to outlive a VF that may still write to them (invariant 4):
     * the next daemon gives them back, after it has reset the VF. */
    for (unsigned i = 0; i < VF_QUEUES_MAX; i++) {
        if (rc == 0 && vif->ports[i])
            vif->ports[i]->ops->close(vif->ports[i]);
        vif->ports[i] = NULL;
    }
    say(vif, LOG_LEVEL_INFO, "gives VF %s back", pci);
}

/* A port for each of the first `count` queues: "1-0" for the first, which every vif has, "1-0.q1" and
 * so on. Those that are open stay. */
static int open_ports(struct vif *vif, unsigned count, struct why *why)
{
    char name[40];

    for (unsigned i = 0; i < count; i++) {
        if (vif->ports[i])
            continue;
        if (i)
            snprintf(name, sizeof name, "%u-%u.q%u", vif->domid, vif->devid, i);
        else
            snprintf(name, sizeof name, "%u-%u", vif->domid, vif->devid);
        vif->ports[i] = port_open(name, vif->domid, vif->lease->vf->pci, why);
        if (!vif->ports[i])
            return -1;
    }
    return 0;
}

/* A VF that is reset, and a port for the guest behind it. */
static int hold_vf(struct vif *vif, struct why *why)
{
    struct pool_wish wish = {
        .pf = vif->config.pf, .vlan = vif->config.vlan, .mtu = vif->config.mtu};

    memcpy(wish.mac, vif->config.mac, sizeof wish.mac);
    if (vif->lease && !pool_fits(vif->lease, &wish))
        release(vif, false);
    if (vif->lease && !vif->fresh) {
        if (pool_renew(vif->lease, why) == 0)
            vif->fresh = true;
        else
            release(vif, true);
    }
    if (vif->lease)
        return 0;
    vif->lease = pool_take(vif->host->pool, &wish, vif->owner, why);
    if (!vif->lease)
        return -1;
    vif->fresh = true;
    if (open_ports(vif, 1, why) < 0) {
        pool_give_back(vif->host->pool, vif->lease, false);
        vif->lease = NULL;
        return -1;
    }
    say(vif, LOG_LEVEL_INFO, "bound to VF %s of %s", vif->lease->vf->pci, vif->lease->pf);
    return 0;
}

/* Configuration, VF, port. */
static int take_on(struct vif *vif, struct why *why)
{
    vif->refused = vif->faulted = vif->configured = false;
    if (negotiate_config(vif->host->store, vif->backend, vif->domid, vif->devid, &vif->config,
                         why) < 0)
        return -1;
    vif->configured = true;
    return hold_vf(vif, why);
}

/* libxl waits up to 10 s for InitWait, then runs the hotplug script, whose failure it reports at
 * once with the script's words. So a vif that cannot be served goes to InitWait all the same;
 * the script finds our sentence. */
static int refuse(struct vif *vif, unsigned from, const struct why *why)
{
    struct why sentence = *why;

    /* It may quote a key, whose bytes need not make a string of JSON. */
    for (char *c = sentence.text; *c; c++)
        if (*c & 0x80)
            *c = '?';
    if (strcmp(vif->error.text, sentence.text) != 0)
        say(vif, LOG_LEVEL_WARN, "refused: %s", sentence.text);
    release(vif, false);
    vif->refused = true;
    vif->error = sentence;
    vif->state = VALUE_BE_NETVF_STATE_REFUSED;
    return publish_state(vif, from, from == XenbusStateConnected ? from : XenbusStateInitWait,
                         false);
}

static int adopt(struct vif *vif, unsigned from)
{
    struct why why;

    if (from == XenbusStateClosed && vif->reconnects.left)
        vif->reconnects.left--;
    if (take_on(vif, &why) < 0)
        return refuse(vif, from, &why);
    vif->error.text[0] = '\0';
    vif->state = VALUE_BE_NETVF_STATE_BOUND;
    return publish_state(vif, from, XenbusStateInitWait, true);
}

static int take_over(struct vif *vif, unsigned from)
{
    struct why why;

    if (take_on(vif, &why) < 0)
        return refuse(vif, from, &why);
    vif->state = VALUE_BE_NETVF_STATE_BOUND;
    vif->error.text[0] = '\0';
    return publish_state(vif, from, from, false);
}

static void fault(struct vif *vif, const struct why *why)
{
    vif->faulted = true;
    vif->error = *why;
    vif->state = VALUE_BE_NETVF_STATE_FAULT;
    say(vif, LOG_LEVEL_WARN, "stopped: %s", why->text);
}

static int start(struct vif *vif, unsigned from)
{
    struct session_plan plan = {
        .vf = vif->lease->vf,
        .own_domid = vif->host->own_domid,
        .translation = vif->host->translation,
        .contexts = vif->host->contexts,
        .mtu = vif->config.mtu,
        .vlan = vif->config.vlan,
        .rate = vif->config.rate,
        .fault_fd = vif->host->fault_fd,
    };
    struct why why;

    snprintf(plan.name, sizeof plan.name, "%s", vif->name);
    memcpy(plan.mac, vif->config.mac, sizeof plan.mac);
    if (negotiate_answer(vif->host->store, vif->backend, vif->frontend, &plan, &why) < 0 ||
        open_ports(vif, plan.queues, &why) < 0 ||
        (!vif->fresh && pool_renew(vif->lease, &why) < 0)) {
        fault(vif, &why);
        return 0;
    }
    memcpy(plan.ports, vif->ports, sizeof plan.ports);
    vif->fresh = false;
    if (session_start(&vif->session, &plan, &why) < 0) {
        vif->session = NULL;
        fault(vif, &why);
        if (vif->lease->vf->ops->stop(vif->lease->vf) < 0)
            release(vif, true);
        return 0;
    }
    vif->lease->translation = translation(vif);
    follow_begin(&vif->follow, &plan);
    vif->state = VALUE_BE_NETVF_STATE_CONNECTED;
    vif->error.text[0] = '\0';
    say(vif, LOG_LEVEL_INFO, "connected through VF %s (translation %s, %u queue%s, %s)",
        vif->lease->vf->pci, translation(vif), plan.queues, plan.queues == 1 ? "" : "s",
        session_interrupts(vif->session) ? "event channel" : "polling");
    return publish_state(vif, from, XenbusStateConnected, false);
}

static void count(struct vif *vif)
{
    session_count(vif->session, &vif->counters);
    vif->queues = session_queues(vif->session);
    for (unsigned i = 0; i < vif->queues; i++)
        session_count_queue(vif->session, i, &vif->queue_counters[i]);
}

static void disconnect(struct vif *vif)
{
    enum session_state state;
    struct why why = {""};
    int rc;

    if (!vif->session)
        return;
    state = session_state(vif->session, &why);
    count(vif);
    vif->lease->translation = NULL;
    rc = session_stop(vif->session);
    vif->session = NULL;
    if (state == SESSION_RUNNING) {
        say(vif, LOG_LEVEL_INFO, "disconnected");
        vif->state = VALUE_BE_NETVF_STATE_CLOSED;
    } else {
        fault(vif, &why);
    }
    if (rc < 0 || state == SESSION_DEVICE_FAULT)
        release(vif, true);
}

static int close_down(struct vif *vif, unsigned from)
{
    if (!vif->faulted && !vif->refused)
        vif->state = VALUE_BE_NETVF_STATE_CLOSED;
    return publish_state(vif, from, XenbusStateClosed, false);
}

static int give_back(struct vif *vif, unsigned from)
{
    release(vif, false);
    /* After Closed libxl deletes the directory at any moment: then this comes to nothing, as it
     * should. */
    return from == XenbusStateUnknown ? 0 : publish_state(vif, from, from, false);
}

static int carry_out(struct vif *vif, enum vif_action action, unsigned from)
{
    log_debug("%s: %s", vif->name, vif_action_name(action));
    switch (action) {
    case VIF_ADOPT:
    case VIF_ADVERTISE:
        return adopt(vif, from);
    case VIF_BIND:
        return take_over(vif, from);
    case VIF_CONNECT:
        return start(vif, from);
    case VIF_DISCONNECT:
        disconnect(vif);
        return 0;
    case VIF_CLOSING:
        return publish_state(vif, from, XenbusStateClosing, false);
    case VIF_CLOSED:
        return close_down(vif, from);
    case VIF_RELEASE:
        return give_back(vif, from);
    case VIF_NOTHING:
    case VIF_FORGET:
        break;
    }
    return 0;
}

static uint32_t read_state(struct store *store, const char *dir, const char *key)
{
    uint32_t state;

    if (store_read_number(store, dir, key, XenbusStateReconfigured, &state) < 0)
        return XenbusStateUnknown;
    return state;
}

static void look(struct vif *vif, struct vif_snapshot *s)
{
    struct store *store = vif->host->store;
    char status[STORE_VALUE_MAX];
    int64_t now = clock_ms();
    struct why ignored;
    uint32_t online;

    memset(s, 0, sizeof *s);
    s->backend = read_state(store, vif->backend, KEY_BE_STATE);
    s->frontend = read_state(store, vif->frontend, KEY_FE_STATE);
    s->online = store_read_number(store, vif->backend, KEY_BE_ONLINE, 1, &online) == 0 && online;
    s->hotplug_connected = store_read(store, vif->backend, KEY_BE_HOTPLUG_STATUS, status) == 0 &&
                           strcmp(status, VALUE_BE_HOTPLUG_STATUS_CONNECTED) == 0;
    s->bound = vif->lease != NULL;
    s->connected = vif->session != NULL;
    s->domain_gone = (s->bound || s->connected) && !store_domain_alive(store, vif->domid);
    s->refused = vif->refused;
    s->faulted =
        vif->faulted || (vif->session && session_state(vif->session, &ignored) != SESSION_RUNNING);
    s->throttled = !allowance_left(&vif->reconnects, RECONNECT_BURST, RECONNECT_EVERY_MS, now);
    if (s->backend != XenbusStateClosing)
        vif->closing_since = 0;
    else if (!vif->closing_since)
        vif->closing_since = now;
    s->overdue = vif->closing_since && now - vif->closing_since >= VIF_CLOSE_TIMEOUT_MS;
}

/* Whether the session has something to take up, and cannot at once. */
static bool follow(struct vif *vif)
{
    return vif->session && follow_keys(&vif->follow, vif->session, vif->host->store, vif->backend,
                                       vif->frontend, vif->name);
}

enum vif_progress vif_step(struct vif *vif)
{
    struct vif_snapshot s;
    enum vif_action action;

    for (unsigned steps = 0; steps < STEPS_MAX; steps++) {
        look(vif, &s);
        action = vif_next(&s);
        if (action == VIF_FORGET)
            return VIF_GONE;
        if (action == VIF_NOTHING)
            return s.backend == XenbusStateClosing ||
                           (s.throttled && s.backend == XenbusStateClosed) || follow(vif)
                       ? VIF_PENDING
                       : VIF_SETTLED;
        if (carry_out(vif, action, s.backend) < 0 && errno != ESTALE) {
            log_debug("%s: %s has failed: %s", vif->name, vif_action_name(action), strerror(errno));
            return VIF_PENDING;
        }
    }
    return VIF_PENDING;
}

void vif_stop(struct vif *vif)
{
    uint32_t state = read_state(vif->host->store, vif->backend, KEY_BE_STATE);
    bool held = vif->lease != NULL;

    disconnect(vif);
    release(vif, false);
    if (!held || state == XenbusStateUnknown)
        return;
    vif->state = VALUE_BE_NETVF_STATE_STOPPED;
    publish_state(vif, state, state, false);
}

void vif_free(struct vif *vif)
{
    if (!vif)
        return;
    disconnect(vif);
    release(vif, false);
    unwatch(vif, KEY_FE_REQUEST_MULTICAST_CONTROL);
    unwatch(vif, KEY_FE_STATE);
    free(vif);
}

bool vif_is(const struct vif *vif, uint16_t domid, uint32_t devid)
{
    return vif->domid == domid && vif->devid == devid;
}

bool vif_holds_vf(const struct vif *vif)
{
    return vif->lease != NULL;
}

void vif_look(struct vif *vif, struct vif_view *view)
{
    *view = (struct vif_view){
        .domid = vif->domid,
        .devid = vif->devid,
        .mac = vif->configured ? vif->config.mac : NULL,
        .pf = vif->config.pf[0] ? vif->config.pf : NULL,
        .lease = vif->lease,
        .state = vif->state,
        .error = vif->error.text[0] ? vif->error.text : NULL,
        .connected = vif->session != NULL,
    };
    if (vif->session) {
        count(vif);
        view->interrupts = session_interrupts(vif->session);
        view->translation = session_translation(vif->session, &view->translation_reason);
        view->link = vif->lease->vf->ops->link_up(vif->lease->vf);
    }
    view->counters = vif->counters;
    view->queues = vif->queues;
    memcpy(view->queue_counters, vif->queue_counters, sizeof view->queue_counters);
}
