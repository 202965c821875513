/* SPDX-License-Identifier: MIT */
/* Bringing a vif's data path up and down, queue by queue, and its figures. What runs in between is worker.c. */
#include "control/session.h"

#include "common/counter.h"
#include "common/log.h"
#include "common/why.h"
#include "control/worker.h"
#include "xen/context.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* What the VF reaches of a queue besides the guest's buffers: descriptor rings, then copies of what is sent. */
#define VF_PAGES (VF_RING_PAGES + TX_PAGES)
/* Behind these, and never the VF's: where the receiving side looks at headers. */
#define SCRATCH_PAGES 1u

_Static_assert(VF_PAGES *VF_QUEUES_MAX <= CONTEXT_PAGES_MAX, "a context has pages for all queues");

struct queue {
    struct worker worker;
    struct port_counters port_before;                /* the port is older than the session */
    struct dma_page pages[VF_PAGES + SCRATCH_PAGES]; /* dom0's; with a context none is the VF's */
    unsigned page_count;                             /* 0: not there (yet) */
    const struct dma_page *vf_pages;                 /* VF_PAGES of dom0's or of the context's */
    void *tx_page, *rx_page;
    bool tx_bound, rx_bound;
} __attribute__((aligned(64))); /* two workers share no cache line */

struct session {
    struct session_plan plan;
    struct queue *queues[VF_QUEUES_MAX]; /* plan.queues of them */
    struct context *context;             /* the VF's, for all queues; NULL: translation host */
    struct why reason;                   /* why it is not iommu, "" if it is */
    struct mcast mcast;                  /* the guest's list, amended on any queue */
    struct echo echoes[VF_QUEUES_MAX];   /* what each queue may hear of what any of them sends */
    bool vf_started;
};

static struct queue *new_queue(struct port *port)
{
    struct queue *q = aligned_alloc(_Alignof(struct queue), sizeof *q);

    if (!q)
        return NULL;
    memset(q, 0, sizeof *q);
    q->worker.port = port;
    q->worker.wake_fd = -1;
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
    if (w->port->ops->bind_msix(w->port, s->plan.vf->pci, index, &w->vf_event) == 0)
        w->interrupts = true;
    else if (errno != ENOTTY)
        log_warn("%s: no interrupts from VF %s (%s); polling it", s->plan.name, s->plan.vf->pci,
                 strerror(errno));
    return 0;
}

/* As far as this goes while the VF is dom0's: Xen maps a device's interrupt to dom0 only then; afterwards it stays. */
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

/* In the guest's IOMMU context if that is wanted and can be had. */
static int choose_context(struct session *s, struct why *why)
{
    const struct session_plan *plan = &s->plan;

    if (plan->translation == TRANSLATION_HOST) {
        why_fail(&s->reason, "netvfd was told to use translation host");
        return 0;
    }
    if (plan->contexts)
        s->context = plan->contexts->open(plan->name, plan->ports[0]->peer, plan->vf->pci,
                                          plan->queues * VF_PAGES, &s->reason);
    else
        why_fail(&s->reason, "VFs cannot be given to guests' IOMMU contexts here");
    if (s->context) {
        s->reason.text[0] = '\0';
        return 0;
    }
    if (plan->translation == TRANSLATION_AUTO)
        return 0;
    *why = s->reason;
    return -1;
}

/* In a guest's context the VF reaches nothing of dom0's; dom0's pages are then the private copies, into
 * which the hypervisor copies and which the guest cannot change any more. */
static int provide_pages(const struct session *s, unsigned index, struct why *why)
{
    struct queue *q = s->queues[index];
    struct port *port = q->worker.port;
    unsigned count = (s->context ? TX_PAGES : VF_PAGES) + SCRATCH_PAGES;

    if (port->ops->dma_alloc(port, q->pages, count) < 0)
        return why_fail(why, "no pages for descriptor rings (raise xen-gntalloc's limit): %s",
                        strerror(errno));
    q->page_count = count;
    q->vf_pages = s->context ? &s->context->pages[index * VF_PAGES] : q->pages;
    return 0;
}

/* An even share of the vif's: its queues need not ask each other before they send. */
static struct rate share(struct rate rate, unsigned queues)
{
    if (rate.bytes)
        rate.bytes = rate.bytes > queues ? rate.bytes / queues : 1;
    return rate;
}

static int attach(struct session *s, unsigned index, struct why *why)
{
    struct queue *q = s->queues[index];
    struct worker *w = &q->worker;

    if (!s->context)
        translate_host(&w->translate, w->port);
    else if (translate_iommu(&w->translate, w->port, s->context, s->plan.own_domid) < 0)
        return why_fail(why, "no memory for its session");
    w->tx.port = w->port;
    w->tx.translate = w->rx.translate = &w->translate;
    w->tx.header_pages = &q->vf_pages[VF_RING_PAGES];
    w->tx.private_pages = s->context ? q->pages : w->tx.header_pages;
    w->rx.scratch = &q->pages[q->page_count - SCRATCH_PAGES];
    w->mcast = w->tx.mcast = &s->mcast;
    w->tx.port_vlan = s->plan.vlan;
    worker_set_rate(w, share(s->plan.rate, s->plan.queues));
    s->echoes[index].buffer = vf_rx_buffer(s->plan.vf);
    w->rx.echo = &s->echoes[index];
    w->tx.echo = s->echoes;
    w->tx.echo_count = s->plan.queues;
    memcpy(w->tx.mac, s->plan.mac, sizeof w->tx.mac);
    memcpy(w->rx.mac, s->plan.mac, sizeof w->rx.mac);
    w->rx_notify = s->plan.rx_notify;
    w->fault_fd = s->plan.fault_fd;
    tx_attach(&w->tx, q->tx_page);
    rx_attach(&w->rx, q->rx_page);
    return 0;
}

static int set_up(struct session *s, struct why *why)
{
    for (unsigned i = 0; i < s->plan.queues; i++)
        if (set_up_queue(s, i, why) < 0)
            return -1;
    if (choose_context(s, why) < 0)
        return -1;
    /* A frontend that takes one slot a frame gets no longer frames than fit into one. */
    s->plan.vf->mtu = s->plan.sg || s->plan.mtu < VF_MTU ? s->plan.mtu : VF_MTU;
    mcast_init(&s->mcast);
    for (unsigned i = 0; i < s->plan.queues; i++)
        if (provide_pages(s, i, why) < 0 || attach(s, i, why) < 0)
            return -1;
    return 0;
}

static int start_vf(struct session *s, struct why *why)
{
    struct vf_queue_setup setup[VF_QUEUES_MAX];
    struct vf *vf = s->plan.vf;

    for (unsigned i = 0; i < s->plan.queues; i++)
        setup[i] = (struct vf_queue_setup){.ring_pages = s->queues[i]->vf_pages,
                                           .interrupts = s->queues[i]->worker.interrupts};
    s->vf_started = true; /* from the first register on it has to be stopped */
    if (vf->ops->start(vf, setup, s->plan.queues, why) < 0)
        return -1;
    for (unsigned i = 0; i < s->plan.queues; i++) {
        struct worker *w = &s->queues[i]->worker;

        w->queue = w->tx.queue = w->rx.queue = setup[i].queue;
    }
    return 0;
}

/* `quiet`: the VF can no longer reach the queue's pages. */
static void free_queue(const struct session *s, struct queue *q, bool quiet)
{
    struct worker *w = &q->worker;
    struct port *port = w->port;

    /* Invariant 4: only now. */
    if (s->vf_started && quiet && (tx_abandon(&w->tx) < 0 || rx_abandon(&w->rx) < 0))
        log_error("%s: some of the guest's pages could not be released", s->plan.name);
    if (w->translate.ops && (quiet || s->context))
        w->translate.ops->close(&w->translate);
    if (q->rx_bound)
        port->ops->unbind(port, w->rx_event);
    if (q->tx_bound)
        port->ops->unbind(port, w->tx_event);
    if (q->rx_page)
        port->ops->ring_unmap(port, q->rx_page);
    if (q->tx_page)
        port->ops->ring_unmap(port, q->tx_page);
    if (q->page_count && (quiet || s->context)) /* with a context the VF has never known them */
        port->ops->dma_free(port, q->pages, q->page_count);
    if (w->wake_fd >= 0)
        close(w->wake_fd);
    free(q);
}

/* Undoes what has been done so far, in reverse order. -1: the VF is not proven quiet, and so nothing that it may
 * still reach has been given back; the journals know of it. */
static int take_down(struct session *s)
{
    struct vf *vf = s->plan.vf;
    bool quiet = true;

    for (unsigned i = 0; i < s->plan.queues; i++)
        if (s->queues[i])
            worker_stop(&s->queues[i]->worker);
    for (unsigned i = 0; i < s->plan.queues; i++) {
        const struct queue *q = s->queues[i];

        if (q && q->worker.interrupts)
            q->worker.port->ops->unbind(q->worker.port, q->worker.vf_event);
    }
    /* The VF as a whole, before anything of any queue goes: bus mastering is one switch for all of them. */
    if (s->vf_started && vf->ops->stop(vf) < 0) {
        log_error("%s: VF %s cannot be proven quiet; its pages stay pinned", s->plan.name, vf->pci);
        quiet = false;
    }
    for (unsigned i = 0; i < s->plan.queues; i++)
        if (s->queues[i])
            free_queue(s, s->queues[i], quiet);
    /* A VF that may still be writing stays where it is: in a context, what it hits is the guest's own. */
    if (s->context && quiet && s->plan.contexts->close(s->context) < 0)
        quiet = false;
    free(s);
    return quiet ? 0 : -1;
}

int session_start(struct session **session, const struct session_plan *plan, struct why *why)
{
    struct why ignored;
    struct session *s;

    if (!plan->queues || plan->queues > plan->vf->queues) {
        errno = EINVAL;
        return why_fail(why, "VF %s has %u queue pairs, and the guest uses %u queues",
                        plan->vf->pci, plan->vf->queues, plan->queues);
    }
    s = calloc(1, sizeof *s);
    if (!s)
        return why_fail(why, "no memory for its session");
    s->plan = *plan;
    if (set_up(s, why) < 0 || start_vf(s, why) < 0)
        goto fail;
    /* Unicast and broadcast come in any case: no reason to leave the guest without a network. */
    if (session_set_multicast(s, plan->multicast_control, &ignored) < 0)
        log_warn("%s: %s", plan->name, ignored.text);
    for (unsigned i = 0; i < plan->queues; i++) {
        if (worker_start(&s->queues[i]->worker) < 0) {
            why_fail(why, "cannot start its worker: %s", strerror(errno));
            goto fail;
        }
    }
    *session = s;
    return 0;

fail:
    take_down(s);
    return -1;
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
    return SESSION_RUNNING;
}

const char *session_translation(const struct session *session, const char **reason)
{
    *reason = session->reason.text[0] ? session->reason.text : NULL;
    return session->queues[0]->worker.translate.ops->name;
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

    mcast_read(&session->mcast, &wanted);
    wanted.all = !control;
    return vf->ops->set_multicast(vf, &wanted, why);
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
        .doorbells = counter_read(&w->queue->doorbells),
        .polls = counter_read(&w->polls),
        .missed_wakeups = counter_read(&w->missed_wakeups),
    };
}

#define COUNTERS (sizeof(struct session_counters) / sizeof(uint64_t))

void session_count(struct session *session, struct session_counters *c)
{
    struct vf *vf = session->plan.vf;
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
    vf->ops->count(vf, &wire);
    c->tx_wire_packets = wire.tx_packets;
    c->tx_wire_bytes = wire.tx_bytes;
    c->rx_wire_packets = wire.rx_packets;
    c->rx_wire_bytes = wire.rx_bytes;
}
