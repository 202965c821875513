/* SPDX-License-Identifier: MIT */
/* The sending side: frames into requests, responses into frames that are done (netif.h, "Guest transmit"). */
#include "frontend/private.h"

union tx_raw {
    uint32_t words[3];
    netif_tx_request_t request;
    netif_extra_info_t extra;
    netif_tx_response_t response; /* the first word */
};

_Static_assert(sizeof(netif_tx_request_t) == 12, "three words");
_Static_assert(sizeof(netif_tx_response_t) == 4, "one word");

void front_tx_reset(struct front_queue *queue)
{
    for (unsigned id = 0; id < RING_SLOTS; id++)
        queue->slots[id] =
            (struct front_tx_slot){.next = (uint16_t)(id + 1 < RING_SLOTS ? id + 1 : FRONT_NO_ID)};
    queue->free_id = 0;
    queue->free_ids = RING_SLOTS;
}

static bool gso_agreed(const struct netvf_front_link *link, const struct netvf_front_tx_frame *f)
{
    switch (f->gso) {
    case NETVF_FRONT_GSO_NONE:
        return true;
    case NETVF_FRONT_GSO_TCPV4:
        return link->gso_tcpv4 && f->csum_blank && f->gso_size;
    case NETVF_FRONT_GSO_TCPV6:
        return link->gso_tcpv6 && f->csum_blank && f->gso_size;
    }
    return false;
}

/* The frame's length, 0 if netif.h does not allow it. netback drops a frame whose first part has no whole Ethernet
 * header, and closes the vif for a part that crosses the end of its page. */
static unsigned frame_length(const struct netvf_front_link *link,
                             const struct netvf_front_tx_frame *frame)
{
    unsigned total = 0;

    if (!frame->count || frame->count > NETVF_FRONT_TX_PARTS || (frame->count > 1 && !link->sg))
        return 0;
    if (!gso_agreed(link, frame))
        return 0;
    if (frame->csum_blank && !link->csum_blank_ipv4 && !link->csum_blank_ipv6)
        return 0;
    for (unsigned i = 0; i < frame->count; i++) {
        const struct netvf_front_tx_part *part = &frame->parts[i];

        if (!part->length || (unsigned)part->offset + part->length > FRONT_PAGE)
            return 0;
        total += part->length;
    }
    return frame->parts[0].length >= FRONT_ETH_HLEN && total <= XEN_NETIF_MAX_TX_SIZE ? total : 0;
}

static uint16_t take_id(struct front_queue *queue)
{
    uint16_t id = queue->free_id;

    queue->free_id = queue->slots[id].next;
    queue->free_ids--;
    return id;
}

static void put_gso(struct front_queue *queue, const struct netvf_front_tx_frame *frame)
{
    union tx_raw raw = {.words = {0}};

    raw.extra.type = XEN_NETIF_EXTRA_TYPE_GSO;
    raw.extra.u.gso.size = frame->gso_size;
    raw.extra.u.gso.type = (uint8_t)frame->gso;
    ring_put(&queue->tx, raw.words, 3);
}

/* The first slot's size is the whole frame's, the backend subtracts; its extras come right after it. */
static void put_part(struct front_queue *queue, const struct netvf_front_tx_frame *frame,
                     unsigned part, uint16_t id, unsigned total)
{
    union tx_raw raw = {.words = {0}};

    raw.request.gref = frame->parts[part].gref;
    raw.request.offset = frame->parts[part].offset;
    raw.request.id = id;
    raw.request.size = (uint16_t)(part ? frame->parts[part].length : total);
    if (part + 1 < frame->count)
        raw.request.flags |= NETTXF_more_data;
    if (!part && frame->csum_blank)
        raw.request.flags |= NETTXF_csum_blank | NETTXF_data_validated;
    if (!part && frame->gso)
        raw.request.flags |= NETTXF_extra_info;
    ring_put(&queue->tx, raw.words, 3);
    if (!part && frame->gso)
        put_gso(queue, frame);
}

int netvf_front_tx(struct netvf_front *front, unsigned number,
                   const struct netvf_front_tx_frame *frame)
{
    int error;
    struct front_queue *queue = front_queue_of(front, number, &error);
    unsigned total;
    uint16_t first = FRONT_NO_ID;

    if (!queue)
        return error;
    total = frame_length(&front->link, frame);
    if (!total)
        return -XEN_EINVAL;
    if (netvf_front_tx_room(front, number) < frame->count + (frame->gso ? 1u : 0u))
        return -XEN_EAGAIN;
    for (unsigned i = 0; i < frame->count; i++) {
        uint16_t id = take_id(queue);

        if (!i)
            first = id;
        queue->slots[id] = (struct front_tx_slot){.first = first, .busy = true};
        put_part(queue, frame, i, id, total);
    }
    queue->slots[first].cookie = frame->cookie;
    queue->slots[first].left = frame->count;
    queue->counters.tx_frames++;
    queue->counters.tx_bytes += total;
    return 0;
}

int netvf_front_tx_push(struct netvf_front *front, unsigned number)
{
    int error;
    struct front_queue *queue = front_queue_of(front, number, &error);

    if (!queue)
        return error;
    if (ring_push(&queue->tx))
        front_notify(front, queue, queue->tx_channel);
    return 0;
}

/* A backend may answer a slot by a NULL response, which names no id: then there are fewer ids than slots. */
unsigned netvf_front_tx_room(const struct netvf_front *front, unsigned number)
{
    const struct front_queue *queue;
    unsigned room;

    if (!front->linked || number >= front->link.queues)
        return 0;
    queue = &front->queue[number];
    room = ring_room(&queue->tx);
    return room < queue->free_ids ? room : queue->free_ids;
}

static void free_id(struct front_queue *queue, uint16_t id)
{
    queue->slots[id] = (struct front_tx_slot){.next = queue->free_id};
    queue->free_id = id;
    queue->free_ids++;
}

/* One answer. 1: its frame is done. The slot of a frame's first part keeps the frame's figures, so its id is not free
 * before the whole frame is done. */
static int answered(struct front_queue *queue, uint16_t id, int status,
                    struct netvf_front_done *done)
{
    uint16_t first = queue->slots[id].first;
    struct front_tx_slot *frame = &queue->slots[first];

    queue->slots[id].busy = false;
    if (status != NETIF_RSP_OKAY)
        frame->failed = true;
    frame->left--;
    if (id != first)
        free_id(queue, id);
    if (frame->left)
        return 0;
    *done = (struct netvf_front_done){.cookie = frame->cookie, .sent = !frame->failed};
    queue->counters.tx_failed += frame->failed;
    free_id(queue, first);
    return 1;
}

int netvf_front_tx_done(struct netvf_front *front, unsigned number, struct netvf_front_done *done,
                        unsigned max)
{
    int error, waiting;
    struct front_queue *queue = front_queue_of(front, number, &error);
    unsigned count = 0;

    if (!queue)
        return error;
    waiting = ring_waiting(&queue->tx);
    if (waiting < 0)
        return front_fault(queue, "the backend has answered more of the tx ring than was sent");
    for (; waiting && count < max; waiting--) {
        union tx_raw raw;

        ring_copy(&queue->tx, queue->tx.rsp_cons, raw.words, 1);
        queue->tx.rsp_cons++;
        /* For a slot without data; what stands in its id means nothing. */
        if (raw.response.status == NETIF_RSP_NULL)
            continue;
        if (raw.response.id >= RING_SLOTS || !queue->slots[raw.response.id].busy)
            return front_fault(queue, "the backend has answered a tx request that is not out");
        count += (unsigned)answered(queue, raw.response.id, raw.response.status, &done[count]);
    }
    return (int)count;
}

int netvf_front_tx_arm(struct netvf_front *front, unsigned number)
{
    int error, waiting;
    struct front_queue *queue = front_queue_of(front, number, &error);

    if (!queue)
        return error;
    ring_ask(&queue->tx);
    waiting = ring_waiting(&queue->tx);
    if (waiting < 0)
        return front_fault(queue, "the backend has answered more of the tx ring than was sent");
    return waiting > 0;
}
