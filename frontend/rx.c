/* SPDX-License-Identifier: MIT */
/* The receiving side: buffers into requests, responses into frames (netif.h, "Guest receive").
 *
 * The n-th response is for the n-th request, whatever its id says: so netif.h has it, and so all frontends take it. A
 * frame may be told in several batches; what is there of it is kept in `inside`. */
#include "frontend/private.h"

union rx_raw {
    uint32_t words[2];
    netif_rx_request_t request;
    netif_rx_response_t response;
    netif_extra_info_t extra;
};

_Static_assert(sizeof(netif_rx_request_t) == 8, "two words");
_Static_assert(sizeof(netif_rx_response_t) == 8, "two words");
_Static_assert(sizeof(netif_extra_info_t) == 8, "two words");

void front_rx_reset(struct netvf_front *front, struct front_queue *queue)
{
    memset(&queue->inside, 0, sizeof queue->inside);
    queue->free_count = 0;
    for (unsigned page = front->rx_buffers; page--;) {
        queue->owner[page] = PAGE_FREE;
        queue->free_pages[queue->free_count++] = (uint16_t)page;
    }
}

static void free_page(struct front_queue *queue, uint16_t page)
{
    queue->owner[page] = PAGE_FREE;
    queue->free_pages[queue->free_count++] = page;
}

int netvf_front_rx_fill(struct netvf_front *front, unsigned number)
{
    int error;
    struct front_queue *queue = front_queue_of(front, number, &error);

    if (!queue)
        return error;
    while (queue->free_count && ring_room(&queue->rx)) {
        uint16_t page = queue->free_pages[--queue->free_count];
        uint32_t index = queue->rx.req_prod % RING_SLOTS;
        union rx_raw raw = {.words = {0}};

        queue->owner[page] = PAGE_POSTED;
        queue->posted[index] = page;
        raw.request.id = (uint16_t)index;
        raw.request.gref = queue->pages[page].gref;
        ring_put(&queue->rx, raw.words, 2);
    }
    if (ring_push(&queue->rx))
        front_notify(front, queue, queue->rx_channel);
    return 0;
}

/* A slot behind the first that carries no data. What we have not offered must not come; what netif.h may come to know
 * is passed over, for it tells only about the frame. */
static int take_extra(const struct netvf_front *front, struct front_queue *queue,
                      const union rx_raw *raw)
{
    struct front_rx_inside *inside = &queue->inside;
    struct netvf_front_rx_frame *frame = &inside->frame;
    const netif_extra_info_t *extra = &raw->extra;

    inside->extra = extra->flags & XEN_NETIF_EXTRA_FLAG_MORE;
    if (extra->type == XEN_NETIF_EXTRA_TYPE_NONE || ++inside->extras >= XEN_NETIF_EXTRA_TYPE_MAX)
        return front_fault(queue, "the backend has sent extra slots without end or without a type");
    if (extra->type != XEN_NETIF_EXTRA_TYPE_GSO)
        return 0;
    if (!extra->u.gso.size || !(extra->u.gso.type == XEN_NETIF_GSO_TYPE_TCPV4   ? front->gso_tcpv4
                                : extra->u.gso.type == XEN_NETIF_GSO_TYPE_TCPV6 ? front->gso_tcpv6
                                                                                : false))
        return front_fault(queue,
                           "the backend has sent GSO of a type or size that was not offered");
    frame->gso = extra->u.gso.type;
    frame->gso_size = extra->u.gso.size;
    return 0;
}

static void add_part(struct front_queue *queue, const netif_rx_response_t *response, uint16_t page)
{
    struct front_rx_inside *inside = &queue->inside;
    struct netvf_front_rx_frame *frame = &inside->frame;

    /* An error (or an empty buffer, which says nothing): the buffer is ours again. */
    if (response->status <= 0 || frame->count == NETVF_FRONT_RX_PARTS) {
        if (response->status || frame->count == NETVF_FRONT_RX_PARTS)
            inside->spoilt = true;
        free_page(queue, page);
        return;
    }
    queue->owner[page] = PAGE_LENT;
    frame->parts[frame->count++] = (struct netvf_front_rx_part){
        .bytes = (const uint8_t *)queue->pages[page].bytes + response->offset,
        .length = (uint16_t)response->status,
        .page = page,
    };
    frame->length += (uint16_t)response->status;
}

static int take_data(const struct netvf_front *front, struct front_queue *queue,
                     const union rx_raw *raw, uint16_t page)
{
    struct front_rx_inside *inside = &queue->inside;
    const netif_rx_response_t *response = &raw->response;

    if (response->status > 0 && (response->offset > FRONT_PAGE ||
                                 (unsigned)response->status > FRONT_PAGE - response->offset))
        return front_fault(queue, "the backend claims data beyond the end of a page");
    if (inside->begun && (response->flags & NETRXF_extra_info))
        return front_fault(queue, "the backend has put an extra slot into the middle of a frame");
    if (response->flags & NETRXF_gso_prefix)
        return front_fault(queue, "the backend has sent a GSO prefix, which was not offered");
    if ((response->flags & NETRXF_csum_blank) && !front->csum_blank_ipv4 && !front->csum_blank_ipv6)
        return front_fault(queue, "the backend has left a checksum blank, which was not offered");
    if (!inside->begun) {
        inside->begun = true;
        inside->extra = response->flags & NETRXF_extra_info;
        inside->frame.generation = front->link.generation;
        inside->frame.csum_blank = response->flags & NETRXF_csum_blank;
        inside->frame.validated = response->flags & NETRXF_data_validated;
    }
    inside->more = response->flags & NETRXF_more_data;
    if (inside->more && !front->sg)
        return front_fault(queue, "the backend has sent a frame in parts, which was not offered");
    add_part(queue, response, page);
    return 0;
}

/* Xen's log for a live migration knows of what we write, not of what a device has written into a page that stays mapped
 * (netfront.h, "windows"). The page is ours just now. */
static void touch(const struct front_queue *queue, const struct netvf_front_rx_frame *frame)
{
    for (unsigned i = 0; i < frame->count; i++) {
        volatile uint8_t *bytes = queue->pages[frame->parts[i].page].bytes;

        if (frame->parts[i].page < queue->window_rx) {
            uint8_t first = *bytes;

            *bytes = first;
        }
    }
}

/* The frame is whole. False if it is none that anybody wants; then its buffers are free again. */
static bool finish(struct front_queue *queue, struct netvf_front_rx_frame *frame)
{
    struct front_rx_inside *inside = &queue->inside;
    bool good = !inside->spoilt && inside->frame.length >= FRONT_ETH_HLEN;

    if (good) {
        *frame = inside->frame;
        if (queue->window_rx)
            touch(queue, frame);
        queue->counters.rx_frames++;
        queue->counters.rx_bytes += frame->length;
    } else {
        for (unsigned i = 0; i < inside->frame.count; i++)
            free_page(queue, inside->frame.parts[i].page);
        queue->counters.rx_dropped++;
    }
    memset(inside, 0, sizeof *inside);
    return good;
}

static int take_response(struct netvf_front *front, struct front_queue *queue)
{
    union rx_raw raw;
    uint16_t page = queue->posted[queue->rx.rsp_cons % RING_SLOTS];

    ring_copy(&queue->rx, queue->rx.rsp_cons, raw.words, 2);
    queue->rx.rsp_cons++;
    if (!queue->inside.extra)
        return take_data(front, queue, &raw, page);
    free_page(queue, page); /* it was spent on the extra, with nothing in it */
    return take_extra(front, queue, &raw);
}

int netvf_front_rx(struct netvf_front *front, unsigned number, struct netvf_front_rx_frame *frame)
{
    int error, waiting;
    struct front_queue *queue = front_queue_of(front, number, &error);

    if (!queue)
        return error;
    waiting = ring_waiting(&queue->rx);
    if (waiting < 0)
        return front_fault(queue, "the backend has answered more of the rx ring than was posted");
    while (waiting--) {
        int r = take_response(front, queue);

        if (r < 0)
            return r;
        if (!queue->inside.extra && !queue->inside.more && finish(queue, frame))
            return 1;
    }
    return 0;
}

int netvf_front_rx_release(struct netvf_front *front, unsigned number,
                           const struct netvf_front_rx_frame *frame)
{
    int error;
    struct front_queue *queue = front_queue_of(front, number, &error);

    if (!queue)
        return error;
    if (frame->generation != front->link.generation)
        return 0;
    if (frame->count > NETVF_FRONT_RX_PARTS)
        return -XEN_EINVAL;
    for (unsigned i = 0; i < frame->count; i++) {
        uint16_t page = frame->parts[i].page;

        if (page >= front->rx_buffers || queue->owner[page] != PAGE_LENT)
            return -XEN_EINVAL;
        free_page(queue, page);
    }
    return 0;
}

int netvf_front_rx_arm(struct netvf_front *front, unsigned number)
{
    int error, waiting;
    struct front_queue *queue = front_queue_of(front, number, &error);

    if (!queue)
        return error;
    ring_ask(&queue->rx);
    waiting = ring_waiting(&queue->rx);
    if (waiting < 0)
        return front_fault(queue, "the backend has answered more of the rx ring than was posted");
    return waiting > 0;
}
