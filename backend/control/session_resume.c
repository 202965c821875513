/* SPDX-License-Identifier: MIT */
/* A session whose VF goes: the rings stay mapped, the frontend's channel stays bound, and the next VF goes on where the
 * last one has stopped. Ring indices are our own all the while (datapath/ring.h): nothing has to be found again in
 * memory that the guest can write, as after a restart of the daemon. */
#include "control/session_private.h"

#include "common/log.h"
#include "common/why.h"
#include "vf/absent.h"
#include "xen/port.h"

#include <errno.h>
#include <string.h>

static void add_wire(struct vf_counters *to, const struct vf_counters *now,
                     const struct vf_counters *since)
{
    to->tx_packets += now->tx_packets - since->tx_packets;
    to->tx_bytes += now->tx_bytes - since->tx_bytes;
    to->rx_packets += now->rx_packets - since->rx_packets;
    to->rx_bytes += now->rx_bytes - since->rx_bytes;
}

void session_count_wire(const struct session *s, struct vf_counters *wire)
{
    struct vf *vf = s->plan.vf;
    struct vf_counters now;

    vf->ops->count(vf, &now);
    *wire = s->wire_before;
    add_wire(wire, &now, &s->wire_start);
}

static void bind_interrupt(struct session *s, unsigned index)
{
    struct worker *w = &s->queues[index]->worker;

    if (!s->plan.vf->held) {
        if (index == 0)
            log_warn(
                "%s: polls VF %s, for it could be switched off under an interrupt, which Xen does "
                "not survive; modprobe xen-pciback",
                s->plan.name, s->plan.vf->pci);
        return;
    }
    if (w->port->ops->bind_msix(w->port, s->plan.vf->pci, index, &w->vf_event) == 0)
        w->interrupts = true;
    else if (errno != ENOTTY)
        log_warn("%s: no interrupts from VF %s (%s); polling it", s->plan.name, s->plan.vf->pci,
                 strerror(errno));
}

/* In the guest's IOMMU context if that is wanted and can be had. */
static int choose_context(struct session *s, struct why *why)
{
    const struct session_plan *plan = &s->plan;

    if (plan->vf == &s->absent) {
        why_fail(&s->reason, "there is no VF");
        return 0;
    }
    if (plan->translation == TRANSLATION_HOST) {
        why_fail(&s->reason, "netvfd was told to use translation host");
        return 0;
    }
    errno = EOPNOTSUPP;
    if (plan->contexts)
        s->context = plan->contexts->open(plan->name, plan->ports[0]->peer, plan->vf->pci,
                                          plan->queues * VF_PAGES, &s->reason);
    else
        why_fail(&s->reason, "VFs cannot be given to guests' IOMMU contexts here");
    if (s->context) {
        s->reason.text[0] = '\0';
        return 0;
    }
    /* A VF that has gone there, and has not come back, would take dom0's addresses for the guest's. */
    if (errno != ENOTRECOVERABLE && plan->translation == TRANSLATION_AUTO)
        return 0;
    *why = s->reason;
    errno = errno == ENOTRECOVERABLE ? ENOTRECOVERABLE : EOPNOTSUPP;
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

/* Bytes that are left free before a received frame. */
static uint16_t rx_room_before(const struct session *s)
{
    const struct vf *vf = s->plan.vf;

    if (vf->trunk.count)
        return VF_RX_TAG_ROOM;
    return s->plan.headroom ? (uint16_t)vf_rx_headroom(vf_mtu(vf), &vf->trunk) : 0;
}

/* Points a queue's data path at what this VF works with. */
static int equip(struct session *s, unsigned index, struct why *why)
{
    struct queue *q = s->queues[index];
    struct worker *w = &q->worker;

    if (provide_pages(s, index, why) < 0)
        return -1;
    if (!s->context) {
        translate_host(&w->translate, w->port);
        w->translate.window = w->window;
    } else if (translate_iommu(&w->translate, w->port, s->context, s->plan.own_domid) < 0) {
        return why_fail(why, "no memory for its session");
    }
    w->tx.header_pages = &q->vf_pages[VF_RING_PAGES];
    w->tx.private_pages = s->context ? q->pages : w->tx.header_pages;
    w->rx.scratch = &q->pages[q->page_count - SCRATCH_PAGES];
    w->rx.headroom = rx_room_before(s);
    s->echoes[index].buffer = vf_rx_buffer(s->plan.vf);
    return 0;
}

static void use_queue(struct session *s, unsigned index, struct vf_queue *queue)
{
    struct worker *w = &s->queues[index]->worker;

    if (w->queue)
        s->queues[index]->doorbells_before += w->queue->doorbells;
    w->queue = w->tx.queue = w->rx.queue = queue;
}

static void use_absent(struct session *s)
{
    vf_absent(&s->absent, s->absent_queues);
    s->plan.vf = &s->absent;
    for (unsigned i = 0; i < s->plan.queues; i++)
        use_queue(s, i, &s->absent_queues[i]);
}

static int start_vf(struct session *s, struct why *why)
{
    struct vf_queue_setup setup[VF_QUEUES_MAX];
    struct vf *vf = s->plan.vf;
    struct why ignored;

    for (unsigned i = 0; i < s->plan.queues; i++)
        setup[i] = (struct vf_queue_setup){.ring_pages = s->queues[i]->vf_pages,
                                           .interrupts = s->queues[i]->worker.interrupts};
    s->vf_started = true; /* from the first register on it has to be stopped */
    if (vf->ops->start(vf, setup, s->plan.queues, why) < 0) {
        errno = EIO;
        return -1;
    }
    for (unsigned i = 0; i < s->plan.queues; i++)
        use_queue(s, i, setup[i].queue);
    /* Unicast and broadcast come in any case: no reason to leave the guest without a network. */
    if (session_set_multicast(s, s->plan.multicast_control, &ignored) < 0)
        log_warn("%s: %s", s->plan.name, ignored.text);
    return 0;
}

int session_run(struct session *s, struct vf *vf, struct why *why)
{
    use_absent(s);
    if (vf && vf->queues < s->plan.queues) {
        errno = EINVAL;
        return why_fail(why, "VF %s has %u queue pairs, and the guest uses %u queues", vf->pci,
                        vf->queues, s->plan.queues);
    }
    if (vf)
        s->plan.vf = vf;
    session_link(s, true);
    /* Xen maps a device's interrupt to dom0 only while the device is dom0's; afterwards it stays. */
    for (unsigned i = 0; vf && i < s->plan.queues; i++)
        bind_interrupt(s, i);
    if (choose_context(s, why) < 0)
        return -1;
    /* A frontend that takes one slot a frame gets no longer frames than fit into one. */
    s->plan.vf->mtu = s->plan.sg || s->plan.mtu < VF_MTU ? s->plan.mtu : VF_MTU;
    for (unsigned i = 0; i < s->plan.queues; i++)
        if (equip(s, i, why) < 0)
            return -1;
    windows_shut(&s->windows, s->context != NULL);
    if (vf && start_vf(s, why) < 0)
        return -1;
    for (unsigned i = 0; i < s->plan.queues; i++)
        if (worker_start(&s->queues[i]->worker) < 0)
            return why_fail(why, "cannot start its worker: %s", strerror(errno));
    return 0;
}

/* With a context the VF has never known dom0's pages. */
static void part_queue(struct queue *q)
{
    struct worker *w = &q->worker;

    if (w->translate.ops)
        w->translate.ops->close(&w->translate);
    w->translate.ops = NULL;
    if (q->page_count)
        w->port->ops->dma_free(w->port, q->pages, q->page_count);
    q->page_count = 0;
}

int session_part(struct session *s, bool quiet)
{
    int rc = 0;

    if (!quiet && !s->context)
        return 0;
    for (unsigned i = 0; i < s->plan.queues; i++)
        if (s->queues[i])
            part_queue(s->queues[i]);
    /* A VF that may still be writing stays where it is: in a context, what it hits is the guest's own. */
    if (s->context && quiet) {
        rc = s->plan.contexts->close(s->context);
        s->context = NULL;
    }
    return rc;
}

void session_link(struct session *s, bool up)
{
    for (unsigned i = 0; i < s->plan.queues; i++)
        __atomic_store_n(&s->queues[i]->worker.link, up && s->plan.vf != &s->absent,
                         __ATOMIC_RELAXED);
}

void session_pause(struct session *s)
{
    for (unsigned i = 0; i < s->plan.queues; i++)
        if (s->queues[i])
            worker_stop(&s->queues[i]->worker);
    for (unsigned i = 0; i < s->plan.queues; i++) {
        struct worker *w = s->queues[i] ? &s->queues[i]->worker : NULL;

        if (!w)
            continue;
        if (w->interrupts)
            w->port->ops->unbind(w->port, w->vf_event);
        w->interrupts = w->vf_pending = false;
    }
}

static int flush_queue(struct worker *w)
{
    bool tx = false, rx = false;
    int rc = tx_give_up(&w->tx, &tx);

    if (rx_take_back(&w->rx, &rx) < 0)
        rc = -1;
    worker_notify(w, tx, rx);
    return rc;
}

int session_flush(struct session *s)
{
    int rc = 0;

    for (unsigned i = 0; i < s->plan.queues; i++)
        if (flush_queue(&s->queues[i]->worker) < 0)
            rc = -1;
    session_count_wire(s, &s->wire_before);
    use_absent(s);
    memset(&s->wire_start, 0, sizeof s->wire_start);
    s->vf_started = false;
    if (rc == 0 && session_part(s, true) < 0)
        rc = 1;
    return rc;
}

void session_set_translation(struct session *s, enum translation translation)
{
    s->plan.translation = translation;
}

int session_resume(struct session *s, struct vf *vf, struct why *why)
{
    if (vf)
        vf->ops->count(vf, &s->wire_start);
    session_part(s, true); /* what a try that has failed has left */
    /* From now on a daemon that finds our journals must make this one quiet. The last one is. */
    for (unsigned i = 0; vf && i < s->plan.queues; i++)
        s->plan.ports[i]->ops->move(s->plan.ports[i], vf->pci);
    if (vf && s->plan.ctrl_ring)
        s->plan.ctrl_port->ops->move(s->plan.ctrl_port, vf->pci);
    return session_run(s, vf, why);
}
