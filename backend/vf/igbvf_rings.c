/* SPDX-License-Identifier: MIT */
/* The igbvf driver's data half: descriptors in, write-backs out. No waiting, no system call.
 *
 * Besides us the VF writes to both rings, and where it works in its guest's IOMMU context (xen/context.h) so can the
 * guest. What is read back is read once and checked; no index is ever taken from it. */
#include "vf/igbvf_private.h"

#include "common/counter.h"
#include "common/shm.h"
#include "vf/igbvf_desc.h"

#include <assert.h>
#include <string.h>

/* One descriptor stays free, so that head == tail means empty. */
static unsigned tx_room(struct vf_queue *queue)
{
    const struct igbvf_tx *tx = &igbvf_queue(queue)->tx;

    return (tx->clean - tx->tail - 1u) & RING_MASK;
}

static inline void put_frame(struct igbvf_tx *tx, const struct vf_segment *segments, unsigned count,
                             const struct vf_offload *offload)
{
    const struct vf_segment *last = &segments[count - 1];
    uint32_t total = last->length;
    uint64_t frame;
    unsigned at;

    for (const struct vf_segment *segment = segments; segment != last; segment++)
        total += segment->length;
    frame = desc_frame(total, offload);
    for (at = tx->tail; segments != last; segments++, at = (at + 1) & RING_MASK)
        desc_data(&tx->ring[at], segments, false, frame);
    desc_data(&tx->ring[at], last, true, frame);
    tx->frame_end[tx->frame_tail++ & RING_MASK] = (uint8_t)at;
    tx->tail = (at + 1) & RING_MASK;
}

/* Not inline: the frames of one stream need it once, and should not pay for its registers. */
static __attribute__((noinline)) void put_with_context(struct igbvf_tx *tx,
                                                       const struct vf_segment *segments,
                                                       unsigned count,
                                                       const struct vf_offload *offload)
{
    struct igbvf_desc desc = desc_context(offload);

    tx->offload = *offload;
    if (memcmp(&desc, &tx->context, sizeof desc) != 0) {
        tx->context = tx->ring[tx->tail] = desc;
        tx->tail = (tx->tail + 1) & RING_MASK;
    }
    put_frame(tx, segments, count, offload);
}

static void tx_post(struct vf_queue *queue, const struct vf_segment *segments, unsigned count,
                    const struct vf_offload *offload)
{
    struct igbvf_tx *tx = &igbvf_queue(queue)->tx;

    assert(count && tx_room(queue) > count);
    /* The queue keeps its context. */
    if (offload && memcmp(offload, &tx->offload, sizeof *offload) != 0)
        put_with_context(tx, segments, count, offload);
    else
        put_frame(tx, segments, count, offload);
}

static void tx_doorbell(struct vf_queue *queue)
{
    struct igbvf_queue *q = igbvf_queue(queue);

    /* Descriptors before the tail, in the VF's eyes. Pairs with its read of them after it has seen TDT. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    queue_write(q, TDT, q->tx.tail);
    counter_add(&queue->doorbells, 1);
}

static unsigned tx_reap(struct vf_queue *queue)
{
    struct igbvf_tx *tx = &igbvf_queue(queue)->tx;
    unsigned waiting = tx->frame_tail - tx->frame_head;
    unsigned done = 0, end = 0;

    for (; done < waiting; done++) {
        unsigned next = tx->frame_end[(tx->frame_head + done) & RING_MASK];

        if (!(le32toh(shm_read32(&tx->ring[next].dw[3])) & TXD_DD))
            break;
        end = next;
    }
    if (done) {
        tx->clean = (end + 1) & RING_MASK;
        tx->frame_head += done;
    }
    /* DD before whatever is done with the frame's pages. Pairs with the VF's order: data read, then write-back. */
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return done;
}

static unsigned rx_room(struct vf_queue *queue)
{
    const struct igbvf_rx *rx = &igbvf_queue(queue)->rx;

    return (rx->clean - rx->tail - 1u) & RING_MASK;
}

static void rx_post(struct vf_queue *queue, const uint64_t *dma, unsigned count)
{
    struct igbvf_queue *q = igbvf_queue(queue);
    struct igbvf_rx *rx = &q->rx;

    assert(count <= rx_room(queue));
    if (!count)
        return;
    for (unsigned i = 0; i < count; i++) {
        /* The second half's bit 0 is DD after write-back: it must be written 0 each time. */
        desc_set(&rx->ring[rx->tail], (uint32_t)dma[i], (uint32_t)(dma[i] >> 32), 0, 0);
        rx->tail = (rx->tail + 1) & RING_MASK;
    }
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* as in tx_doorbell */
    queue_write(q, RDT, rx->tail);
    counter_add(&queue->doorbells, 1);
}

static unsigned rx_reap(struct vf_queue *queue, struct vf_received *received, unsigned max)
{
    struct igbvf_rx *rx = &igbvf_queue(queue)->rx;
    uint32_t buffer = vf_rx_buffer(queue->vf);
    unsigned done = 0;

    while (done < max && rx->clean != rx->tail) {
        struct igbvf_desc *desc = &rx->ring[rx->clean];
        uint32_t status = le32toh(shm_read32(&desc->dw[2]));

        if (!(status & RXD_DD))
            break;
        /* DD before length and data. Pairs with the VF's order: data, then write-back. */
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        received[done] = desc_received(le32toh(shm_read32(&desc->dw[0])), status,
                                       le32toh(shm_read32(&desc->dw[3])), buffer);
        if (received[done].stripped && (status & rx->swaps))
            received[done].tag = __builtin_bswap16(received[done].tag);
        done++;
        rx->clean = (rx->clean + 1) & RING_MASK;
    }
    return done;
}

/* EIMS sets the bits written as 1 and leaves the others (8.8): a pair arms its own vector without asking the others.
 * A frame received while the vector was masked has left its bit in EICR, so that the interrupt comes at once. */
static void arm(struct vf_queue *queue)
{
    const struct igbvf_queue *q = igbvf_queue(queue);

    if (q->eims)
        *q->eims = q->vector_bit;
}

const struct vf_queue_ops igbvf_queue_ops = {
    .tx_room = tx_room,
    .tx_post = tx_post,
    .tx_doorbell = tx_doorbell,
    .tx_reap = tx_reap,
    .rx_room = rx_room,
    .rx_post = rx_post,
    .rx_reap = rx_reap,
    .arm = arm,
};
