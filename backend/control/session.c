/* SPDX-License-Identifier: MIT */
/* Bringing a vif's data path up and down, queue by queue, and its figures. What runs in between is worker.c. */
#include "control/session_private.h"

#include "common/counter.h"
#include "common/log.h"
#include "common/why.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

static struct queue *new_queue(struct port *port)
{
    struct queue *q = aligned_alloc(_Alignof(struct queue), sizeof *q);

    if (!q)
        return NULL;
    memset(q, 0, sizeof *q);
    q->worker.port = port;
    q->worker.wake_fd = q->worker.mail.done_fd = -1;
    q->port_before = port->counters;
    return q;
}

static int map_rings(struct queue *q, const struct session_plan_queue *plan, struct why *why)
{
    struct port *port = q->worker.port;

    q->tx_page = port->ops->ring_map(port, plan->tx_ring_ref);
    q->rx_page = q->tx_page ? port->ops->ring_map(port, plan->rx_ring_ref) : NULL;
    if (!q->rx_page)
        return why_fail(why, "cannot map the frontend's rings (references %u, %u): %s",
                        plan->tx_ring_ref, plan->rx_ring_ref, strerror(errno));
    return 0;
}

static int bind_channel(struct port *port, uint32_t channel, uint32_t *local, bool *bound,
                        struct why *why)
{
    if (port->ops->bind_peer(port, channel, local) < 0)
        return why_fail(why, "cannot bind the frontend's event channel %u: %s", channel,
                        strerror(errno));
    *bound = true;
    return 0;
}

static int bind_events(const struct session *s, unsigned index, struct why *why)
{
    const struct session_plan_queue *plan = &s->plan.queue[index];
    struct queue *q = s->queues[index];
    struct worker *w = &q->worker;

    if (bind_channel(w->port, plan->tx_channel, &w->tx_event, &q->tx_bound, why) < 0)
        return -1;
    w->rx_event = w->tx_event;
    if (plan->split && bind_channel(w->port, plan->rx_channel, &w->rx_event, &q->rx_bound, why) < 0)
        return -1;
    return 0;
}

static int set_up_queue(struct session *s, unsigned index, struct why *why)
{
    struct queue *q = new_queue(s->plan.ports[index]);

    s->queues[index] = q;
    if (!q)
        return why_fail(why, "no memory for its session");
    q->worker.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (q->worker.wake_fd < 0)
        return why_fail(why, "no eventfd for its worker: %s", strerror(errno));
    if (map_rings(q, &s->plan.queue[index], why) < 0)
        return -1;
    return bind_events(s, index, why);
}

/* An even share of the vif's: its queues need not ask each other before they send. */
static struct rate share(struct rate rate, unsigned queues)
{
    if (rate.bytes)
        rate.bytes = rate.bytes > queues ? rate.bytes / queues : 1;
    return rate;
}

static void attach(struct session *s, unsigned index)
{
    struct queue *q = s->queues[index];
    struct worker *w = &q->worker;

    w->tx.port = w->port;
    w->tx.translate = w->rx.translate = &w->translate;
    w->mcast = w->tx.mcast = &s->mcast;
    w->tx.port_vlan = s->plan.vlan;
    worker_set_rate(w, share(s->plan.rate, s->plan.queues));
    w->rx.echo = &s->echoes[index];
    w->tx.echo = s->echoes;
    w->tx.echo_count = s->plan.queues;
    memcpy(w->tx.mac, s->plan.mac, sizeof w->tx.mac);
    memcpy(w->rx.mac, s->plan.mac, sizeof w->rx.mac);
    w->rx_notify = s->plan.rx_notify;
    w->fault_fd = s->plan.fault_fd;
    tx_attach(&w->tx, q->tx_page);
    rx_attach(&w->rx, q->rx_page);
    worker_notify(w, ring_used(&w->tx.ring), ring_used(&w->rx.ring));
}

static int open_window(struct session *s, unsigned index, struct why *why)
{
    struct worker *w = &s->queues[index]->worker;

    w->window = malloc(sizeof *w->window);
    if (!w->window)
        return why_fail(why, "no memory for its session");
    window_init(w->window);
    s->windows.window[index] = w->window;
    s->windows.worker[index] = w;
    w->rest = s->plan.windows_rest;
    w->mail.done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->mail.done_fd < 0)
        return why_fail(why, "no eventfd for its worker: %s", strerror(errno));
    return 0;
}

static int set_up_ctrl(struct session *s, struct why *why)
{
    const struct session_plan *plan = &s->plan;
    bool windows = plan->windows && plan->windows->quota;

    if (windows)
        windows_init(&s->windows, plan->windows, plan->ctrl_port, plan->ctrl_port->peer,
                     plan->queues);
    for (unsigned i = 0; windows && i < plan->queues; i++)
        if (open_window(s, i, why) < 0)
            return -1;
    return ctrl_ring_open(&s->ctrl, plan->ctrl_port, plan->ctrl_ring_ref, plan->ctrl_channel,
                          windows ? &s->windows : NULL, plan->fault_fd, why);
}

static int set_up(struct session *s, struct why *why)
{
    mcast_init(&s->mcast);
    for (unsigned i = 0; i < s->plan.queues; i++) {
        if (set_up_queue(s, i, why) < 0)
            return -1;
        attach(s, i);
    }
    return s->plan.ctrl_ring ? set_up_ctrl(s, why) : 0;
}

static void abandon(struct session *s)
{
    for (unsigned i = 0; i < s->plan.queues; i++) {
        struct worker *w = s->queues[i] ? &s->queues[i]->worker : NULL;

        if (w && (tx_abandon(&w->tx) < 0 || rx_abandon(&w->rx) < 0))
            log_error("%s: some of the guest's pages could not be released", s->plan.name);
    }
}

/* Behind the buffers: no descriptor has any page of them then. */
static void close_windows(struct session *s, bool quiet)
{
    for (unsigned i = 0; i < s->windows.queues; i++)
        if (s->windows.window[i] &&
            windows_close_queue(&s->windows, i, s->plan.ports[i], quiet) < 0)
            log_error("%s: some pages of the guest's window could not be released", s->plan.name);
}

static void free_queue(struct queue *q)
{
    struct worker *w = &q->worker;
    struct port *port = w->port;

    if (q->rx_bound)
        port->ops->unbind(port, w->rx_event);
    if (q->tx_bound)
        port->ops->unbind(port, w->tx_event);
    if (q->rx_page)
        port->ops->ring_unmap(port, q->rx_page);
    if (q->tx_page)
        port->ops->ring_unmap(port, q->tx_page);
    if (w->wake_fd >= 0)
        close(w->wake_fd);
    if (w->mail.done_fd >= 0)
        close(w->mail.done_fd);
    free(q);
}

/* Undoes what has been done so far, in reverse order. -1: the VF is not proven quiet, and so nothing that it may
 * still reach has been given back; the journals know of it. */
static int take_down(struct session *s)
{
    struct vf *vf = s->plan.vf;
    bool quiet = true, back;

    ctrl_ring_close(&s->ctrl);
    session_pause(s);
    /* The VF as a whole, before anything of any queue goes: bus mastering is one switch for all of them. */
    if (s->vf_started && vf->ops->stop(vf) < 0) {
        log_error("%s: VF %s cannot be proven quiet; its pages stay pinned", s->plan.name, vf->pci);
        quiet = false;
    }
    /* Invariant 4: only now. */
    if (s->vf_started && quiet)
        abandon(s);
    close_windows(s, quiet);
    back = session_part(s, quiet) == 0 && !s->context;
    for (unsigned i = 0; i < s->plan.queues; i++)
        if (s->queues[i])
            free_queue(s->queues[i]);
    free(s);
    errno = back ? EBUSY : ENOTRECOVERABLE;
    return quiet && back ? 0 : -1;
}

int session_start(struct session **session, const struct session_plan *plan, struct why *why)
{
    struct session *s;

    if (!plan->queues || plan->queues > VF_QUEUES_MAX) {
        errno = EINVAL;
        return why_fail(why, "the guest uses %u queues", plan->queues);
    }
    s = calloc(1, sizeof *s);
    if (!s)
        return why_fail(why, "no memory for its session");
    s->plan = *plan;
    s->ctrl.wake_fd = -1;
    if (set_up(s, why) < 0 || session_run(s, plan->vf, why) < 0) {
        int error = errno;

        if (take_down(s) < 0 && errno == ENOTRECOVERABLE)
            error = ENOTRECOVERABLE;
        errno = error;
        return -1;
    }
    *session = s;
    return 0;
}

int session_stop(struct session *session)
{
    return take_down(session);
}

enum session_state session_state(struct session *session, struct why *why)
{
    for (unsigned i = 0; i < session->plan.queues; i++) {
        enum session_state state = worker_state(&session->queues[i]->worker, why);

        if (state != SESSION_RUNNING)
            return state;
    }
    return ctrl_ring_faulted(&session->ctrl, why) ? SESSION_GUEST_FAULT : SESSION_RUNNING;
}

const char *session_translation(const struct session *session, const char **reason)
{
    const struct translate_ops *ops = session->queues[0]->worker.translate.ops;

    *reason = session->reason.text[0] ? session->reason.text : NULL;
    return ops ? ops->name : NULL;
}

void session_set_rate(struct session *session, struct rate rate)
{
    for (unsigned i = 0; i < session->plan.queues; i++)
        worker_set_rate(&session->queues[i]->worker, share(rate, session->plan.queues));
}

bool session_multicast_news(const struct session *session)
{
    return mcast_news(&session->mcast);
}

int session_set_multicast(struct session *session, bool control, struct why *why)
{
    struct vf *vf = session->plan.vf;
    struct vf_multicast wanted;

    session->plan.multicast_control = control; /* for the VF after this one */
    mcast_read(&session->mcast, &wanted);
    wanted.all = !control;
    return vf->ops->set_multicast(vf, &wanted, why);
}

unsigned session_window_pages(const struct session *session)
{
    return windows_pages(&session->windows);
}

static bool rests(const struct session *session)
{
    for (unsigned i = 0; i < session->windows.queues; i++)
        if (__atomic_load_n(&session->windows.window[i]->resting, __ATOMIC_ACQUIRE) !=
            session->plan.windows_rest)
            return false;
    return true;
}

bool session_rest_windows(struct session *session, bool rest)
{
    struct timespec moment = {0, 1000000};

    session->plan.windows_rest = rest;
    for (unsigned i = 0; i < session->windows.queues; i++)
        worker_set_rest(&session->queues[i]->worker, rest);
    for (unsigned i = 0; i < 1000 && !rests(session); i++)
        nanosleep(&moment, NULL);
    return rests(session);
}

bool session_interrupts(const struct session *session)
{
    for (unsigned i = 0; i < session->plan.queues; i++)
        if (!session->queues[i]->worker.interrupts)
            return false;
    return true;
}

unsigned session_queues(const struct session *session)
{
    return session->plan.queues;
}

void session_count_queue(const struct session *session, unsigned queue, struct session_counters *c)
{
    const struct queue *q = session->queues[queue];
    const struct worker *w = &q->worker;
    const struct port_counters *now = &w->port->counters, *before = &q->port_before;

    *c = (struct session_counters){
        .tx_packets = counter_read(&w->tx.counters.packets),
        .tx_bytes = counter_read(&w->tx.counters.bytes),
        .tx_segments = counter_read(&w->tx.counters.segments),
        .rx_packets = counter_read(&w->rx.counters.packets),
        .rx_bytes = counter_read(&w->rx.counters.bytes),
        .tx_dropped = counter_read(&w->tx.counters.dropped),
        .tx_spoofed = counter_read(&w->tx.counters.spoofed),
        .rx_dropped = counter_read(&w->rx.counters.dropped),
        .rx_echoes = counter_read(&w->rx.counters.echoes),
        .payload_copies = counter_read(&w->tx.counters.payload_copies),
        .header_copies = counter_read(&w->tx.counters.header_copies),
        .hypercalls = counter_read(&now->hypercalls) - before->hypercalls,
        .hypercalls_tx = counter_read(&w->hypercalls_tx),
        .hypercalls_rx = counter_read(&w->hypercalls_rx),
        .map_ops = counter_read(&now->map_ops) - before->map_ops,
        .unmap_ops = counter_read(&now->unmap_ops) - before->unmap_ops,
        .copy_ops = counter_read(&now->copy_ops) - before->copy_ops,
        .events_sent = counter_read(&now->events_sent) - before->events_sent,
        .events_received = counter_read(&now->events_received) - before->events_received,
        .interrupts = counter_read(&w->interrupts_seen),
        .doorbells = q->doorbells_before + counter_read(&w->queue->doorbells),
        .polls = counter_read(&w->polls),
        .missed_wakeups = counter_read(&w->missed_wakeups),
        .window_slots = w->window ? counter_read(&w->window->slots) : 0,
        .window_reads = w->window ? counter_read(&w->window->reads) : 0,
    };
}

#define COUNTERS (sizeof(struct session_counters) / sizeof(uint64_t))

void session_count(struct session *session, struct session_counters *c)
{
    uint64_t sums[COUNTERS] = {0}, values[COUNTERS];
    struct session_counters one;
    struct vf_counters wire;

    for (unsigned i = 0; i < session->plan.queues; i++) {
        session_count_queue(session, i, &one);
        memcpy(values, &one, sizeof one);
        for (unsigned k = 0; k < COUNTERS; k++)
            sums[k] += values[k];
    }
    memcpy(c, sums, sizeof *c);
    session_count_wire(session, &wire);
    c->tx_wire_packets = wire.tx_packets;
    c->tx_wire_bytes = wire.tx_bytes;
    c->rx_wire_packets = wire.rx_packets;
    c->rx_wire_bytes = wire.rx_bytes;
}
