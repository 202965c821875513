/* SPDX-License-Identifier: MIT */
#include "sim/sim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PAGE 4096u
#define BASE 0x123400000ull /* above 4 GiB, so that a lost upper half shows */

static struct sim *of_port(struct port *port)
{
    return (struct sim *)port;
}

static struct sim *of_queue(struct vf_queue *queue)
{
    return (struct sim *)((char *)queue - offsetof(struct sim, queue));
}

/* Pages next to each other in memory, as port.h promises for dma_alloc. */
static struct sim_page *new_pages(struct sim *sim, unsigned count)
{
    struct sim_page *first = &sim->pages[sim->next_page];
    uint8_t *block = calloc(count, PAGE);

    if (!block || SIM_PAGES - sim->next_page < count)
        abort();
    for (unsigned i = 0; i < count; i++) {
        first[i].dma = BASE + (uint64_t)sim->next_page++ * PAGE;
        first[i].bytes = block + i * PAGE;
        first[i].in_block = i > 0;
    }
    return first;
}

static struct sim_page *new_page(struct sim *sim)
{
    return new_pages(sim, 1);
}

static void point(struct sim *sim)
{
    if (sim->point)
        sim->point(sim);
}

static int call(struct sim *sim)
{
    point(sim);
    if (++sim->calls != sim->fail_call)
        return 0;
    errno = EIO;
    return -1;
}

static int sim_pin(struct port *port, struct grant_pin *pins, unsigned count)
{
    struct sim *sim = of_port(port);

    if (count > PORT_BATCH_MAX)
        abort();
    sim->grant_ops += count;
    if (call(sim) < 0)
        return -1;
    for (unsigned i = 0; i < count; i++) {
        struct sim_page *page = pins[i].gref < SIM_PAGES ? &sim->pages[pins[i].gref] : NULL;

        pins[i].status = GNTST_bad_gntref;
        if (!page || !page->granted || (page->readonly && !pins[i].readonly))
            continue;
        pins[i].status = GNTST_okay;
        pins[i].dma = page->dma;
        pins[i].handle = pins[i].gref * 2 + !pins[i].readonly;
        page->pins++;
        page->writers += !pins[i].readonly;
        sim->live_pins++;
    }
    return 0;
}

static int sim_unpin(struct port *port, struct grant_pin *pins, unsigned count)
{
    struct sim *sim = of_port(port);

    sim->grant_ops += count;
    if (call(sim) < 0)
        return -1;
    for (unsigned i = 0; i < count; i++) {
        struct sim_page *page = &sim->pages[pins[i].handle / 2];

        if (!page->pins || pins[i].dma != page->dma)
            abort(); /* released twice, or by a wrong address: the real Xen would leak or hit another's pin */
        page->pins--;
        page->writers -= pins[i].handle & 1;
        sim->live_pins--;
        pins[i].status = GNTST_okay;
    }
    return 0;
}

uint8_t *sim_reach(struct sim *sim, uint64_t dma, unsigned length, bool write)
{
    uint64_t index = (dma - BASE) / PAGE;
    struct sim_page *page = index < SIM_PAGES ? &sim->pages[index] : NULL;

    if (!page || !page->bytes || dma % PAGE + length > PAGE ||
        !(page->own || (page->granted && sim->in_context) ||
          (write ? page->writers : page->pins))) {
        sim->stray++;
        return NULL;
    }
    return page->bytes + dma % PAGE;
}

static int sim_copy(struct port *port, struct grant_copy *copies, unsigned count)
{
    struct sim *sim = of_port(port);

    if (count > PORT_BATCH_MAX)
        abort();
    sim->grant_ops += count;
    if (call(sim) < 0)
        return -1;
    for (unsigned i = 0; i < count; i++) {
        struct grant_copy *copy = &copies[i];
        struct sim_page *page = copy->gref < SIM_PAGES ? &sim->pages[copy->gref] : NULL;
        uint8_t *to = sim_reach(sim, copy->own, copy->length, true);

        copy->status = GNTST_bad_gntref;
        if (!to || !page || !page->granted || copy->offset + copy->length > PAGE)
            continue;
        memcpy(to, page->bytes + copy->offset, copy->length);
        copy->status = GNTST_okay;
    }
    return 0;
}

static int sim_store(struct port *port, struct grant_copy *copies, unsigned count)
{
    struct sim *sim = of_port(port);

    if (count > PORT_BATCH_MAX)
        abort();
    sim->grant_ops += count;
    if (call(sim) < 0)
        return -1;
    for (unsigned i = 0; i < count; i++) {
        struct grant_copy *copy = &copies[i];
        struct sim_page *page = copy->gref < SIM_PAGES ? &sim->pages[copy->gref] : NULL;
        const uint8_t *from = sim_reach(sim, copy->own, copy->length, false);

        copy->status = GNTST_bad_gntref;
        if (!from || !page || !page->granted || copy->offset + copy->length > PAGE)
            continue;
        copy->status = page->readonly ? GNTST_permission_denied : GNTST_okay;
        if (!copy->status)
            memcpy(page->bytes + copy->offset, from, copy->length);
    }
    return 0;
}

static int sim_notify(struct port *port, uint32_t evtchn)
{
    struct sim *sim = of_port(port);

    point(sim);
    sim->notified++;
    __atomic_fetch_add(&sim->channels[evtchn % SIM_CHANNELS].sent, 1, __ATOMIC_SEQ_CST);
    return 0;
}

static int sim_dma_alloc(struct port *port, struct dma_page *pages, unsigned count)
{
    struct sim *sim = of_port(port);
    struct sim_page *made;

    if (++sim->setup_calls == sim->fail_setup) {
        errno = ENOMEM;
        return -1;
    }
    sim->own_pages += count;
    made = new_pages(sim, count);
    for (unsigned i = 0; i < count; i++) {
        made[i].own = true;
        pages[i] = (struct dma_page){.va = made[i].bytes, .dma = made[i].dma};
    }
    return 0;
}

static const struct port_ops sim_port_ops = {
    .pin = sim_pin,
    .unpin = sim_unpin,
    .copy = sim_copy,
    .store = sim_store,
    .notify = sim_notify,
    .ring_map = sim_ring_map,
    .ring_unmap = sim_ring_unmap,
    .page_view = sim_page_view,
    .page_unview = sim_page_unview,
    .dma_alloc = sim_dma_alloc,
    .dma_free = sim_dma_free,
    .bind_peer = sim_bind_peer,
    .bind_msix = sim_bind_msix,
    .unbind = sim_unbind,
    .event_fd = sim_event_fd,
    .event_pending = sim_event_pending,
    .event_unmask = sim_event_unmask,
};

static unsigned sim_tx_room(struct vf_queue *queue)
{
    const struct sim *sim = of_queue(queue);
    unsigned used = 0;

    for (unsigned i = sim->tx_reaped; i != sim->tx_posted; i++)
        used += sim->tx[i % SIM_QUEUE].count + sim->tx[i % SIM_QUEUE].offloaded;
    return SIM_QUEUE - 1 - used;
}

static void sim_tx_post(struct vf_queue *queue, const struct vf_segment *segments, unsigned count,
                        const struct vf_offload *offload)
{
    struct sim *sim = of_queue(queue);
    struct sim_tx_frame *frame = &sim->tx[sim->tx_posted % SIM_QUEUE];

    if (!count || count > 32 || sim_tx_room(queue) < count + 1)
        abort();
    for (unsigned i = 0; i < count; i++)
        if (!segments[i].length || segments[i].length > PAGE)
            abort(); /* an empty descriptor is what no NIC forgives */
    memcpy(frame->segments, segments, count * sizeof *segments);
    frame->count = count;
    frame->offloaded = offload;
    if (offload)
        frame->offload = *offload;
    sim->tx_posted++;
}

static void sim_tx_doorbell(struct vf_queue *queue)
{
    struct sim *sim = of_queue(queue);

    point(sim);
    sim->doorbells++;
    sim->tx_rung = sim->tx_posted;
}

static unsigned sim_tx_reap(struct vf_queue *queue)
{
    struct sim *sim = of_queue(queue);
    unsigned done;

    point(sim);
    done = sim->tx_sent - sim->tx_reaped;
    sim->tx_reaped = sim->tx_sent;
    return done;
}

static unsigned sim_rx_room(struct vf_queue *queue)
{
    const struct sim *sim = of_queue(queue);

    return SIM_QUEUE - 1 - (sim->rx_posted - sim->rx_reaped);
}

static void sim_rx_post(struct vf_queue *queue, const uint64_t *dma, unsigned count)
{
    struct sim *sim = of_queue(queue);

    if (count > sim_rx_room(queue))
        abort();
    for (unsigned i = 0; i < count; i++)
        sim->rx[sim->rx_posted++ % SIM_QUEUE] = dma[i];
}

static unsigned sim_rx_reap(struct vf_queue *queue, struct vf_received *received, unsigned max)
{
    struct sim *sim = of_queue(queue);
    unsigned done = 0;

    point(sim);
    while (done < max && sim->rx_reaped != sim->rx_filled)
        received[done++] = sim->rx_done[sim->rx_reaped++ % SIM_QUEUE];
    return done;
}

static void sim_queue_arm(struct vf_queue *queue)
{
    point(of_queue(queue));
    sim_arm(of_queue(queue));
}

static const struct vf_ops sim_vf_ops = {
    .family = "sim",
    .offloads = {true, true, true, true, .mac_len_max = 18, .ip_len_max = 511},
};

static const struct vf_queue_ops sim_queue_ops = {
    .tx_room = sim_tx_room,
    .tx_post = sim_tx_post,
    .tx_doorbell = sim_tx_doorbell,
    .tx_reap = sim_tx_reap,
    .rx_room = sim_rx_room,
    .rx_post = sim_rx_post,
    .rx_reap = sim_rx_reap,
    .arm = sim_queue_arm,
};

void sim_open(struct sim *sim)
{
    memset(sim, 0, sizeof *sim);
    sim->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&sim->lock, NULL);
    sim->port.ops = &sim_port_ops;
    sim->vf_ops = sim_vf_ops;
    sim->vf.ops = &sim->vf_ops;
    sim->vf.held = true;
    sim->queue = (struct vf_queue){.ops = &sim_queue_ops, .vf = &sim->vf};
    sim->tx_ring = (void *)new_page(sim)->bytes;
    sim->rx_ring = (void *)new_page(sim)->bytes;
}

void sim_close(struct sim *sim)
{
    for (unsigned i = 0; i < sim->next_page; i++)
        if (!sim->pages[i].in_block)
            free(sim->pages[i].bytes);
    close(sim->event_fd);
    pthread_mutex_destroy(&sim->lock);
}

uint32_t sim_grant(struct sim *sim, bool readonly)
{
    struct sim_page *page = new_page(sim);

    page->granted = true;
    page->readonly = readonly;
    return (uint32_t)(page - sim->pages);
}

uint8_t *sim_bytes(struct sim *sim, uint32_t gref)
{
    return sim->pages[gref].bytes;
}

void sim_push_tx(struct sim *sim, uint32_t gref, unsigned offset, unsigned flags, unsigned id,
                 unsigned size)
{
    sim->tx_ring->ring[sim->tx_ring->req_prod++ % 256].req = (netif_tx_request_t){
        .gref = gref,
        .offset = (uint16_t)offset,
        .flags = (uint16_t)flags,
        .id = (uint16_t)id,
        .size = (uint16_t)size,
    };
}

void sim_push_extra(struct sim *sim, const netif_extra_info_t *extra)
{
    memcpy(&sim->tx_ring->ring[sim->tx_ring->req_prod++ % 256], extra, sizeof *extra);
}

void sim_push_rx(struct sim *sim, uint32_t gref, unsigned id)
{
    sim->rx_ring->ring[sim->rx_ring->req_prod++ % 256].req =
        (netif_rx_request_t){.id = (uint16_t)id, .gref = gref};
}

netif_tx_response_t *sim_tx_response(struct sim *sim, unsigned index)
{
    return &sim->tx_ring->ring[index % 256].rsp;
}

netif_rx_response_t *sim_rx_response(struct sim *sim, unsigned index)
{
    return &sim->rx_ring->ring[index % 256].rsp;
}

unsigned sim_send(struct sim *sim, unsigned count)
{
    unsigned sent = 0;

    for (; sent < count && sim->tx_sent != sim->tx_rung; sent++, sim->tx_sent++) {
        const struct sim_tx_frame *frame = &sim->tx[sim->tx_sent % SIM_QUEUE];

        sim->wire_length = 0;
        for (unsigned i = 0; i < frame->count; i++) {
            const struct vf_segment *segment = &frame->segments[i];
            const uint8_t *from = sim_reach(sim, segment->dma, segment->length, false);

            if (from)
                memcpy(sim->wire + sim->wire_length, from, segment->length);
            sim->wire_length += segment->length;
        }
    }
    return sent;
}

/* The frame into buffers, which there must be; what is the same for all of it is in `last`. */
static bool fill(struct sim *sim, const uint8_t *frame, unsigned length, struct vf_received last)
{
    unsigned buffer = vf_rx_buffer(&sim->vf);
    unsigned buffers = (length + buffer - 1) / buffer;

    if (sim->rx_posted - sim->rx_filled < buffers)
        return false;
    for (unsigned i = 0; i < buffers; i++) {
        unsigned part = length < buffer ? length : buffer;
        uint8_t *to = sim_reach(sim, sim->rx[sim->rx_filled % SIM_QUEUE], buffer, true);

        if (to)
            memcpy(to, frame, part);
        /* Metadata comes with the last buffer only, as the 82576 has it. */
        sim->rx_done[sim->rx_filled % SIM_QUEUE] =
            i == buffers - 1 ? last : (struct vf_received){.last = false};
        sim->rx_done[sim->rx_filled++ % SIM_QUEUE].length = (uint16_t)part;
        frame += part;
        length -= part;
    }
    sim_interrupt(sim);
    return true;
}

bool sim_receive(struct sim *sim, const uint8_t *frame, unsigned length)
{
    struct vf_received last = {.last = true, .csum_ok = true};
    uint8_t stripped[SIM_FRAME_MAX];

    if (!sim->vf.trunk.count || length < 16 || frame[12] != 0x81 || frame[13])
        return fill(sim, frame, length, last);
    last.tag = (uint16_t)(frame[14] << 8 | frame[15]);
    if (!vf_trunk_carries(&sim->vf.trunk, last.tag))
        return true; /* the PF's filter keeps it out */
    if (sim->keeps_tags)
        return fill(sim, frame, length, last);
    last.stripped = true;
    memcpy(stripped, frame, 12);
    memcpy(stripped + 12, frame + 16, length - 16);
    return fill(sim, stripped, length - 4, last);
}

void sim_check(struct sim *sim)
{
    for (unsigned i = sim->tx_sent; i != sim->tx_posted; i++) {
        const struct sim_tx_frame *frame = &sim->tx[i % SIM_QUEUE];

        for (unsigned k = 0; k < frame->count; k++)
            sim_reach(sim, frame->segments[k].dma, frame->segments[k].length, false);
    }
    for (unsigned i = sim->rx_filled; i != sim->rx_posted; i++)
        sim_reach(sim, sim->rx[i % SIM_QUEUE], vf_rx_buffer(&sim->vf), true);
}
