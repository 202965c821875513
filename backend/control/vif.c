/* SPDX-License-Identifier: MIT */
#include "control/vif_private.h"

#include "common/clock.h"
#include "common/mac.h"
#include "control/vif_state.h"
#include "vf/vf.h"
#include "xen/port.h"
#include "xenstore-schema/keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A guest can make us close and reconnect as often as it likes: each round costs a reset of its
 * VF and some lines in the log. So it may do so a few times in a row, then once a second. */
#define RECONNECT_BURST    4
#define RECONNECT_EVERY_MS 1000
/* More rounds than the longest way through the states (a guest that reloads its driver) has
 * steps. */
#define STEPS_MAX 12

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
    vif->lines = (struct allowance){VIF_LOG_BURST, clock_ms()};
    vif->resets = (struct allowance){VIF_FAULT_BURST, clock_ms()};
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

int vif_let_go(struct vif *vif, bool broken)
{
    char pci[PF_PCI_MAX];
    int rc;

    if (!vif->lease)
        return 0;
    snprintf(pci, sizeof pci, "%s", vif->lease->vf->pci);
    rc = pool_give_back(vif->host->pool, vif->lease, broken);
    vif->lease = NULL;
    vif->fresh = false;
    vif_say(vif, LOG_LEVEL_INFO, "gives VF %s back", pci);
    return rc;
}

void vif_strand(struct vif *vif)
{
    vif->lease->astray = vif->stranded = true;
    vif_let_go(vif, true);
    if (vif->session)
        session_set_translation(vif->session, vif_translation(vif));
}

static void release(struct vif *vif, bool broken)
{
    /* Its journals and its pages have to outlive a VF that may still write to them (invariant 4):
     * the next daemon gives them back, after it has reset the VF. */
    bool quiet = vif_let_go(vif, broken) == 0;

    for (unsigned i = 0; i < VF_QUEUES_MAX; i++) {
        if (quiet && vif->ports[i])
            vif->ports[i]->ops->close(vif->ports[i]);
        vif->ports[i] = NULL;
    }
    if (quiet && vif->ctrl_port)
        vif->ctrl_port->ops->close(vif->ctrl_port);
    vif->ctrl_port = NULL;
}

static struct port *open_port(const struct vif *vif, const char *name, struct why *why)
{
    return port_open(name, vif->domid, vif->lease ? vif->lease->vf->pci : "", why);
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
        vif->ports[i] = open_port(vif, name, why);
        if (!vif->ports[i])
            return -1;
    }
    return 0;
}

/* "1-0.ctrl", for a guest that has set up a control ring. Stays as the others do. */
static int open_ctrl_port(struct vif *vif, struct why *why)
{
    char name[40];

    snprintf(name, sizeof name, "%u-%u.ctrl", vif->domid, vif->devid);
    if (!vif->ctrl_port)
        vif->ctrl_port = open_port(vif, name, why);
    return vif->ctrl_port ? 0 : -1;
}

/* Which VF a later daemon has to quiet before it releases their pages: the ports stay from one session to the next, and
 * the VF may have been another one then. No VF can reach a page of theirs now. */
static void name_vf(const struct vif *vif)
{
    const char *pci = vif->lease ? vif->lease->vf->pci : "";

    for (unsigned i = 0; i < VF_QUEUES_MAX; i++)
        if (vif->ports[i])
            vif->ports[i]->ops->move(vif->ports[i], pci);
    if (vif->ctrl_port)
        vif->ctrl_port->ops->move(vif->ctrl_port, pci);
}

struct pool_wish vif_wish(const struct vif *vif)
{
    struct pool_wish wish = {
        .pf = vif->config.pf,
        .vlan = vif->config.vlan,
        .trunk = vif->config.trunk,
        .mtu = vif->config.mtu,
    };

    memcpy(wish.mac, vif->config.mac, sizeof wish.mac);
    return wish;
}

/* A VF that is reset, and a port for the guest behind it. */
static int hold_vf(struct vif *vif, struct why *why)
{
    struct pool_wish wish = vif_wish(vif);

    if (vif->lease && !pool_fits(vif->lease, &wish))
        release(vif, false);
    if (vif->lease && !vif->fresh) {
        if (pool_renew(vif->host->pool, vif->lease, why) == 0)
            vif->fresh = true;
        else
            release(vif, errno != ENETDOWN && errno != ENOSPC);
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
    vif_say(vif, LOG_LEVEL_INFO, "bound to VF %s of %s", vif->lease->vf->pci, vif->lease->pf);
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
    vif_read_wish(vif);
    return hold_vf(vif, why);
}

/* libxl waits up to 10 s for InitWait, then runs the hotplug script, whose failure it reports at
 * once with the script's words. So a vif that cannot be served goes to InitWait all the same;
 * the script finds our sentence. */
static int refuse(struct vif *vif, unsigned from, const struct why *why)
{
    bool served = from == XenbusStateConnected || from == XenbusStateReconfigured;
    struct why sentence = *why;

    /* It may quote a key, whose bytes need not make a string of JSON. */
    for (char *c = sentence.text; *c; c++)
        if (*c & 0x80)
            *c = '?';
    if (strcmp(vif->error.text, sentence.text) != 0)
        vif_say(vif, LOG_LEVEL_WARN, "refused: %s", sentence.text);
    release(vif, false);
    vif->refused = true;
    vif->error = sentence;
    vif->state = VALUE_BE_NETVF_STATE_REFUSED;
    return vif_publish(vif, from, served ? from : XenbusStateInitWait, false);
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
    return vif_publish(vif, from, XenbusStateInitWait, true);
}

void vif_fault(struct vif *vif, const struct why *why)
{
    vif->faulted = true;
    vif->error = *why;
    vif->state = VALUE_BE_NETVF_STATE_FAULT;
    vif_say(vif, LOG_LEVEL_WARN, "stopped: %s", why->text);
}

/* With its VF; or without, if that cannot be had or started: then `waits` says why. -1 and a sentence if neither goes:
 * it is the guest's keys, then, or this host. */
static int begin(struct vif *vif, struct session_plan *plan, struct why *waits, struct why *why)
{
    struct pool *pool = vif->host->pool;

    plan->vf = NULL;
    if (vif->lease && vif_may_have_vf(vif, waits) == 0 &&
        (vif->fresh || pool_renew(pool, vif->lease, waits) == 0)) {
        vif->fresh = false;
        plan->vf = vif->lease->vf;
        if (session_start(&vif->session, plan, waits) == 0)
            return 0;
        *why = *waits;
        if (errno == ENOTRECOVERABLE)
            vif_strand(vif);
        else if (pool_silence(pool, vif->lease) < 0)
            return -1;
        plan->vf = NULL;
        plan->translation = vif_translation(vif);
    }
    return session_start(&vif->session, plan, why);
}

static int start(struct vif *vif, unsigned from)
{
    struct session_plan plan = {
        .own_domid = vif->host->own_domid,
        .translation = vif_translation(vif),
        .contexts = vif->host->contexts,
        .windows = vif->host->windows,
        .windows_rest = vif->windows_off,
        .mtu = vif->config.mtu,
        .vlan = vif->config.vlan,
        .rate = vif->config.rate,
        .fault_fd = vif->host->fault_fd,
    };
    struct why why, waits = vif->error;

    snprintf(plan.name, sizeof plan.name, "%s", vif->name);
    memcpy(plan.mac, vif->config.mac, sizeof plan.mac);
    if (negotiate_answer(vif->host->store, vif->backend, vif->frontend, &plan, &why) < 0 ||
        open_ports(vif, plan.queues, &why) < 0 ||
        (plan.ctrl_ring && open_ctrl_port(vif, &why) < 0)) {
        vif_fault(vif, &why);
        return 0;
    }
    name_vf(vif);
    memcpy(plan.ports, vif->ports, sizeof plan.ports);
    plan.ctrl_port = vif->ctrl_port;
    if (begin(vif, &plan, &waits, &why) < 0) {
        vif->session = NULL;
        vif_fault(vif, &why);
        if (!vif->lease || pool_silence(vif->host->pool, vif->lease) < 0)
            release(vif, true);
        return 0;
    }
    vif->headroom = plan.headroom;
    vif_began(vif, plan.vf != NULL);
    follow_begin(&vif->follow, &plan);
    if (!plan.vf)
        return vif_wait(vif, from, &waits);
    vif->state = VALUE_BE_NETVF_STATE_CONNECTED;
    vif->error.text[0] = '\0';
    vif_say(vif, LOG_LEVEL_INFO, "connected through VF %s (translation %s, %u queue%s, %s)",
            vif->lease->vf->pci, vif->lease->translation, plan.queues, plan.queues == 1 ? "" : "s",
            session_interrupts(vif->session) ? "event channel" : "polling");
    return vif_publish(vif, from, XenbusStateConnected, false);
}

/* The guest of a daemon that is no more. It is connected, so what is wrong with its VF is no reason
 * to close: it goes on without one until there is one. */
static int take_over(struct vif *vif, unsigned from)
{
    struct why why;

    if (take_on(vif, &why) < 0) {
        if (vif->configured && open_ports(vif, 1, NULL) == 0) {
            vif->error = why;
            return start(vif, from);
        }
        return refuse(vif, from, &why);
    }
    vif->state = VALUE_BE_NETVF_STATE_BOUND;
    vif->error.text[0] = '\0';
    return vif_publish(vif, from, from, false);
}

static void disconnect(struct vif *vif)
{
    enum session_state state;
    struct why why = {""};
    int rc;

    if (!vif->session)
        return;
    state = session_state(vif->session, &why);
    vif_count(vif);
    if (vif->lease)
        vif->lease->translation = NULL;
    rc = session_stop(vif->session);
    if (rc < 0 && errno == ENOTRECOVERABLE && vif->lease)
        vif->lease->astray = vif->stranded = true;
    vif->session = NULL;
    if (state == SESSION_GUEST_FAULT || state == SESSION_HOST_FAULT) {
        vif_fault(vif, &why);
    } else if (!vif->faulted) {
        vif_say(vif, LOG_LEVEL_INFO, "disconnected");
        vif->state = VALUE_BE_NETVF_STATE_CLOSED;
        vif->error.text[0] = '\0';
    }
    if (rc < 0 || vif->lost || state == SESSION_DEVICE_FAULT)
        release(vif, true);
    vif->lost = false;
}

static int close_down(struct vif *vif, unsigned from)
{
    if (!vif->faulted && !vif->refused)
        vif->state = VALUE_BE_NETVF_STATE_CLOSED;
    return vif_publish(vif, from, XenbusStateClosed, false);
}

static int give_back(struct vif *vif, unsigned from)
{
    release(vif, false);
    /* After Closed libxl deletes the directory at any moment: then this comes to nothing, as it
     * should. */
    return from == XenbusStateUnknown ? 0 : vif_publish(vif, from, from, false);
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
    case VIF_RECOVER:
        return vif_recover(vif, from);
    case VIF_RECONFIGURED:
        return vif_reconfigured(vif, from);
    case VIF_BACK:
        return vif_publish(vif, from, XenbusStateConnected, false);
    case VIF_DISCONNECT:
        disconnect(vif);
        return 0;
    case VIF_CLOSING:
        return vif_publish(vif, from, XenbusStateClosing, false);
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

/* A key that is not there, or says nothing, is a state: Unknown. -1/errno where xenstore has not answered, which says
 * nothing of the vif. */
static int read_state(struct store *store, const char *dir, const char *key, unsigned *state)
{
    uint32_t number = XenbusStateUnknown;
    int rc = store_read_number(store, dir, key, XenbusStateReconfigured, &number);

    *state = rc < 0 ? XenbusStateUnknown : number;
    return rc < 0 && errno != ENOENT && errno != EINVAL ? -1 : 0;
}

unsigned vif_backend_state(const struct vif *vif)
{
    unsigned state;

    read_state(vif->host->store, vif->backend, KEY_BE_STATE, &state);
    return state;
}

static int look(struct vif *vif, struct vif_snapshot *s)
{
    struct store *store = vif->host->store;
    enum session_state session = SESSION_RUNNING;
    char status[STORE_VALUE_MAX];
    int64_t now = clock_ms();
    uint32_t online;

    memset(s, 0, sizeof *s);
    if (read_state(store, vif->backend, KEY_BE_STATE, &s->backend) < 0 ||
        read_state(store, vif->frontend, KEY_FE_STATE, &s->frontend) < 0)
        return -1;
    s->online = store_read_number(store, vif->backend, KEY_BE_ONLINE, 1, &online) == 0 && online;
    s->hotplug_connected = store_read(store, vif->backend, KEY_BE_HOTPLUG_STATUS, status) == 0 &&
                           strcmp(status, VALUE_BE_HOTPLUG_STATUS_CONNECTED) == 0;
    s->bound = vif->lease != NULL;
    s->connected = vif->session != NULL;
    s->headroom = vif->session && vif->headroom;
    s->domain_gone = (s->bound || s->connected) && !store_domain_alive(store, vif->domid);
    s->refused = vif->refused;
    if (vif->session)
        session = session_state(vif->session, NULL);
    s->faulted = vif->faulted || session == SESSION_GUEST_FAULT || session == SESSION_HOST_FAULT;
    s->lost = vif->lost || session == SESSION_DEVICE_FAULT;
    s->due = !vif->lost || now >= vif->next_try;
    s->throttled = !allowance_left(&vif->reconnects, RECONNECT_BURST, RECONNECT_EVERY_MS, now);
    if (s->backend != XenbusStateClosing)
        vif->closing_since = 0;
    else if (!vif->closing_since)
        vif->closing_since = now;
    if (s->backend != XenbusStateClosed)
        vif->reopened = false;
    else if (s->frontend != XenbusStateConnected)
        vif->reopened = true;
    s->reopened = vif->reopened;
    s->overdue = vif->closing_since && now - vif->closing_since >= VIF_CLOSE_TIMEOUT_MS;
    return 0;
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
        if (look(vif, &s) < 0) {
            log_debug("%s: xenstore does not answer: %s", vif->name, strerror(errno));
            return VIF_PENDING;
        }
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
    unsigned state = vif_backend_state(vif);
    bool held = vif->lease || vif->session;

    disconnect(vif);
    release(vif, false);
    if (!held || state == XenbusStateUnknown)
        return;
    vif->state = VALUE_BE_NETVF_STATE_STOPPED;
    vif->error.text[0] = '\0';
    vif_publish(vif, state, state, false);
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

bool vif_connected(const struct vif *vif)
{
    return vif->session != NULL;
}
