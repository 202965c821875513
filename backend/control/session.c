/* SPDX-License-Identifier: MIT */
/* Bringing a vif's data path up and down, and its figures. What runs in between is worker.c. */
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

/* What the VF reaches besides the guest's buffers: descriptor rings, then copies of what is sent. */
#define VF_PAGES (VF_RING_PAGES + TX_PAGES)
/* Behind these, and never the VF's: where the receiving side looks at headers. */
#define SCRATCH_PAGES 1u

struct session {
    struct worker worker;
    struct context *context;                         /* NULL: translation host */
    struct why reason;                               /* why it is not iommu, "" if it is */
    struct dma_page pages[VF_PAGES + SCRATCH_PAGES]; /* dom0's; with a context none is the VF's */
    unsigned page_count;                             /* 0: not there (yet) */
    const struct dma_page *vf_pages;                 /* VF_PAGES of dom0's or of the context's */
    void *tx_page, *rx_page;
    bool peer_bound, vf_started;
};

static int map_rings(struct session *s, struct why *why)
{
    const struct session_plan *plan = &s->worker.plan;
    struct port *port = plan->port;

    s->tx_page = port->ops->ring_map(port, plan->tx_ring_ref);
    s->rx_page = s->tx_page ? port->ops->ring_map(port, plan->rx_ring_ref) : NULL;
    if (!s->rx_page)
        return why_fail(why, "cannot map the frontend's rings (references %u, %u): %s",
                        plan->tx_ring_ref, plan->rx_ring_ref, strerror(errno));
    return 0;
}

/* In the guest's IOMMU context if that is wanted and can be had. */
static int choose_context(struct session *s, struct why *why)
{
    const struct session_plan *plan = &s->worker.plan;

    if (plan->translation == TRANSLATION_HOST) {
        why_fail(&s->reason, "netvfd was told to use translation host");
        return 0;
    }
    if (plan->contexts)
        s->context =
            plan->contexts->open(plan->name, plan->port->peer, plan->vf->pci, VF_PAGES, &s->reason);
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
static int provide_pages(struct session *s, struct why *why)
{
    struct port *port = s->worker.plan.port;
    unsigned count = (s->context ? TX_PAGES : VF_PAGES) + SCRATCH_PAGES;

    if (port->ops->dma_alloc(port, s->pages, count) < 0)
        return why_fail(why, "no pages for descriptor rings (raise xen-gntalloc's limit): %s",
                        strerror(errno));
    s->page_count = count;
    s->vf_pages = s->context ? s->context->pages : s->pages;
    return 0;
}

static int bind_events(struct session *s, struct why *why)
{
    struct worker *w = &s->worker;
    struct port *port = w->plan.port;

    if (port->ops->bind_peer(port, w->plan.event_channel, &w->peer_event) < 0)
        return why_fail(why, "cannot bind the frontend's event channel %u: %s",
                        w->plan.event_channel, strerror(errno));
    s->peer_bound = true;
    if (port->ops->bind_msix(port, w->plan.vf->pci, 0, &w->vf_event) == 0)
        w->interrupts = true;
    else if (errno != ENOTTY)
        log_warn("%s: no interrupts from VF %s (%s); polling it", w->plan.name, w->plan.vf->pci,
                 strerror(errno));
    return 0;
}

static int attach(struct session *s, struct why *why)
{
    struct worker *w = &s->worker;

    if (!s->context)
        translate_host(&w->translate, w->plan.port);
    else if (translate_iommu(&w->translate, w->plan.port, s->context, w->plan.own_domid) < 0)
        return why_fail(why, "no memory for its session");
    w->tx.port = w->plan.port;
    w->tx.translate = w->rx.translate = &w->translate;
    w->tx.vf = w->rx.vf = w->plan.vf;
    w->tx.header_pages = &s->vf_pages[VF_RING_PAGES];
    w->tx.private_pages = s->context ? s->pages : w->tx.header_pages;
    w->rx.scratch = &s->pages[s->page_count - SCRATCH_PAGES];
    mcast_init(&w->mcast);
    w->tx.mcast = &w->mcast;
    w->tx.port_vlan = w->plan.vlan;
    worker_set_rate(w, w->plan.rate);
    w->echo.buffer = vf_rx_buffer(w->plan.vf);
    w->tx.echo = w->rx.echo = &w->echo;
    memcpy(w->tx.mac, w->plan.mac, sizeof w->tx.mac);
    memcpy(w->rx.mac, w->plan.mac, sizeof w->rx.mac);
    tx_attach(&w->tx, s->tx_page);
    rx_attach(&w->rx, s->rx_page);
    return 0;
}

/* Undoes what has been done so far, in reverse order. -1: the VF is not proven quiet, and so nothing that it may
 * still reach has been given back; the journal knows of it. */
static int take_down(struct session *s)
{
    struct worker *w = &s->worker;
    struct port *port = w->plan.port;
    bool quiet = true;

    if (w->interrupts)
        port->ops->unbind(port, w->vf_event);
    if (s->vf_started && w->plan.vf->ops->stop(w->plan.vf) < 0) {
        log_error("%s: VF %s cannot be proven quiet; its pages stay pinned", w->plan.name,
                  w->plan.vf->pci);
        quiet = false;
    }
    /* Invariant 4: only now. */
    if (s->vf_started && quiet && (tx_abandon(&w->tx) < 0 || rx_abandon(&w->rx) < 0))
        log_error("%s: some of the guest's pages could not be released", w->plan.name);
    if (w->translate.ops && (quiet || s->context))
        w->translate.ops->close(&w->translate);
    if (s->peer_bound)
        port->ops->unbind(port, w->peer_event);
    if (s->rx_page)
        port->ops->ring_unmap(port, s->rx_page);
    if (s->tx_page)
        port->ops->ring_unmap(port, s->tx_page);
    if (s->page_count && (quiet || s->context)) /* with a context the VF has never known them */
        port->ops->dma_free(port, s->pages, s->page_count);
    /* A VF that may still be writing stays where it is: in a context, what it hits is the guest's own. */
    if (s->context && quiet && w->plan.contexts->close(s->context) < 0)
        quiet = false;
    if (w->wake_fd >= 0)
        close(w->wake_fd);
    free(s);
    return quiet ? 0 : -1;
}

int session_start(struct session **session, const struct session_plan *plan, struct why *why)
{
    struct session *s = calloc(1, sizeof *s);
    struct why ignored;
    struct worker *w;

    if (!s)
        return why_fail(why, "no memory for its session");
    w = &s->worker;
    w->plan = *plan;
    w->port_before = plan->port->counters;
    w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->wake_fd < 0) {
        why_fail(why, "no eventfd for its worker: %s", strerror(errno));
        goto fail;
    }
    if (map_rings(s, why) < 0)
        goto fail;
    /* Xen maps a device's interrupt to dom0 only while the device is dom0's; afterwards it stays. */
    if (bind_events(s, why) < 0 || choose_context(s, why) < 0 || provide_pages(s, why) < 0)
        goto fail;
    /* A frontend that takes one slot a frame gets no longer frames than fit into one. */
    plan->vf->mtu = plan->sg || plan->mtu < VF_MTU ? plan->mtu : VF_MTU;
    if (attach(s, why) < 0)
        goto fail;
    s->vf_started = true; /* from the first register on it has to be stopped */
    if (plan->vf->ops->start(plan->vf, s->vf_pages, w->interrupts, why) < 0)
        goto fail;
    /* Unicast and broadcast come in any case: no reason to leave the guest without a network. */
    if (session_set_multicast(s, plan->multicast_control, &ignored) < 0)
        log_warn("%s: %s", plan->name, ignored.text);
    if (worker_start(w) < 0) {
        why_fail(why, "cannot start its worker: %s", strerror(errno));
        goto fail;
    }
    *session = s;
    return 0;

fail:
    take_down(s);
    return -1;
}

int session_stop(struct session *session)
{
    worker_stop(&session->worker);
    return take_down(session);
}

enum session_state session_state(struct session *session, struct why *why)
{
    return worker_state(&session->worker, why);
}

const char *session_translation(const struct session *session, const char **reason)
{
    *reason = session->reason.text[0] ? session->reason.text : NULL;
    return session->worker.translate.ops->name;
}

void session_set_rate(struct session *session, struct rate rate)
{
    worker_set_rate(&session->worker, rate);
}

bool session_multicast_news(const struct session *session)
{
    return mcast_news(&session->worker.mcast);
}

int session_set_multicast(struct session *session, bool control, struct why *why)
{
    struct worker *w = &session->worker;
    struct vf_multicast wanted;

    mcast_read(&w->mcast, &wanted);
    wanted.all = !control;
    return w->plan.vf->ops->set_multicast(w->plan.vf, &wanted, why);
}

bool session_interrupts(const struct session *session)
{
    return session->worker.interrupts;
}

void session_count(struct session *session, struct session_counters *c)
{
    const struct worker *w = &session->worker;
    const struct port_counters *now = &w->plan.port->counters, *before = &w->port_before;
    struct vf_counters wire;

    w->plan.vf->ops->count(w->plan.vf, &wire);
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
        .tx_wire_packets = wire.tx_packets,
        .tx_wire_bytes = wire.tx_bytes,
        .rx_wire_packets = wire.rx_packets,
        .rx_wire_bytes = wire.rx_bytes,
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
        .doorbells = wire.doorbells,
        .polls = counter_read(&w->polls),
        .missed_wakeups = counter_read(&w->missed_wakeups),
    };
}
