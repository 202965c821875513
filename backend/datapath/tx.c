/* SPDX-License-Identifier: MIT */
/* A batch goes through five steps, each over all of its frames: take the slots, copy the headers, look at them, pin
 * the payload's pages, write descriptors. So a batch costs one hypercall for its headers and one for its pages, and
 * one more if there are frames in it that go the way of tx_bounce.c. */
#include "datapath/tx.h"

#include "common/counter.h"
#include "datapath/headers_parse.h"
#include "datapath/tx_bounce.h"
#include "datapath/tx_slots.h"

#include <assert.h>
#include <endian.h>
#include <string.h>
#include <xen/io/netif.h>

void tx_attach(struct tx *tx, void *page)
{
    ring_attach(&tx->ring, page, TX_SLOT_WORDS);
}

/* The same place in header_pages. Either's pages are next to each other in our memory (port.h, dma_alloc). */
static uint8_t *seen_by_vf(const struct tx *tx, const uint8_t *private)
{
    return (uint8_t *)tx->header_pages->va + (private - (uint8_t *)tx->private_pages->va);
}

/* Where the VF finds the header copy. */
static struct vf_segment header_segment(struct tx *tx, const struct tx_work *work)
{
    if (tx->header_pages != tx->private_pages)
        memcpy(seen_by_vf(tx, work->private), work->private, work->sent_from_copy);
    return (struct vf_segment){work->vf_dma, work->sent_from_copy};
}

static bool any_failed(const struct grant_copy *copy, const struct grant_copy *end)
{
    int16_t status = 0;

    for (; copy != end; copy++)
        status |= copy->status;
    return status;
}

static void drop_failed(struct tx *tx, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct tx_work *work = &tx->work[i];

        work->drop |= any_failed(work->copy, work->copy_end);
    }
}

/* Step 2. */
static int copy_headers(struct tx *tx, unsigned count, unsigned copies)
{
    if (!copies)
        return 0;
    if (tx->translate->ops->fetch(tx->translate, tx->copies, copies) < 0)
        return -1;
    counter_add(&tx->counters.header_copies, copies);
    /* XSA-367: each status counts, not only the call's. */
    if (any_failed(tx->copies, tx->copies + copies))
        drop_failed(tx, count);
    return 0;
}

/* Whether a frame carries a VLAN tag that is not the guest's to choose: one beside the port VLAN, which the VF puts on
 * by itself; or one of a VLAN that is not in its trunk, which everybody has VLAN 0 in, a priority without a VLAN. The
 * 82576 drops such frames by its spoof check (DTXSWC.VLANAS); QEMU's does not. Only the outer tag counts, as for the
 * 82576. */
static bool foreign_vlan(const struct tx *tx, const struct tx_work *work)
{
    const uint8_t *tag = work->private + 12;

    if (tag[0] != 0x81 || tag[1] != 0x00)
        return false;
    /* Cut off within its tag: the VF pads it, and what it then is nobody has looked at. */
    if (tx->port_vlan || work->copied < ETH_HEADER + 2)
        return true;
    return !vf_trunk_carries(&tx->queue->vf->trunk, (uint16_t)headers_be16(tag + 2));
}

/* Are the headers within the lengths for which the VF offloads anything? */
static bool within_vf(const struct vf_offloads *can, const struct headers *headers)
{
    return headers->vf.mac_len <= can->mac_len_max && headers->vf.ip_len <= can->ip_len_max;
}

static bool can_segment(const struct vf *vf, const struct tx_work *work, uint32_t limit)
{
    const struct headers *headers = &work->headers;

    return headers->vf.l4 == VF_L4_TCP && headers->vf.ipv4 == !work->gso_ipv6 &&
           within_vf(&vf->ops->offloads, headers) && (headers_plain(headers) || work->blank) &&
           work->mss >= TX_MSS_MIN && work->mss + (uint32_t)headers->length <= limit &&
           work->total > headers->length;
}

static bool vf_can_sum(const struct vf *vf, const struct headers *headers)
{
    const struct vf_offloads *can = &vf->ops->offloads;

    return headers->vf.l4 != VF_L4_NONE && within_vf(can, headers) &&
           (headers->vf.ipv4 ? can->csum_ipv4 : can->csum_ipv6);
}

/* Finishes the checksum in the header copy, if all of the frame is in there, or arranges for it to be finished in a
 * copy of the frame. False if there is no checksum that we know of, or no room. */
static bool sum_here(struct tx *tx, struct tx_work *work)
{
    const struct headers *headers = &work->headers;

    if (headers->vf.l4 == VF_L4_NONE && !headers->cut)
        return false;
    if (work->copied < work->total)
        return tx_bounce_take(tx, work);
    work->blank = false;
    return headers->vf.l4 != VF_L4_NONE &&
           headers_finish_checksum(work->private, headers, work->total);
}

/* Whether a frame's source is `mac`, 6 bytes with two of 0 behind them: in one comparison, which leaves out what is
 * behind the source. */
static bool comes_from(const struct tx_work *work, uint64_t mac)
{
    uint64_t source;

    static_assert(ETH_HEADER >= 6 + sizeof source, "reads beyond the Ethernet header");
    memcpy(&source, work->private + 6, sizeof source);
    return !(le64toh(source ^ mac) << 16);
}

/* Step 3. From here on only the private copy of the headers counts: the VF reads it too, or a copy of it. */
static bool refuse(struct tx *tx, struct tx_work *work, uint64_t mac)
{
    const struct vf *vf = tx->queue->vf;
    struct headers *headers = &work->headers;
    uint32_t limit;

    if (!comes_from(work, mac) || foreign_vlan(tx, work)) {
        counter_add(&tx->counters.spoofed, 1);
        return true;
    }
    headers_parse(work->private, work->copied, headers);
    /* On the wire, without CRC. */
    limit = vf_mtu(vf) + headers->vf.mac_len;
    if (work->mss)
        return !can_segment(vf, work, limit);
    if (work->total > limit)
        return true;
    if (work->blank && !vf_can_sum(vf, headers))
        return !sum_here(tx, work);
    return false;
}

static void prepare_tso(struct tx_work *work)
{
    work->headers.vf.mss = work->mss;
    headers_prepare_tso(work->private, &work->headers, work->total);
}

/* Cuts what is sent from the copy off the frame's parts. */
static void skip_copied(struct tx_work *work)
{
    unsigned skip = work->sent_from_copy;

    for (; work->pieces && skip >= work->piece->length; work->piece++, work->pieces--)
        skip -= work->piece->length;
    if (!work->pieces)
        return;
    work->piece->offset = (uint16_t)(work->piece->offset + skip);
    work->piece->length = (uint16_t)(work->piece->length - skip);
}

static unsigned add_pins(struct tx *tx, const struct tx_work *work, unsigned at)
{
    for (const struct tx_piece *piece = work->piece; piece != work->piece + work->pieces; piece++) {
        tx->pin_slots[at] = piece->slot;
        tx->pins[at++] = (struct grant_pin){.gref = piece->gref, .readonly = true};
    }
    return at;
}

/* Says in tx->pins what must be pinned of the frames that are sent. Returns how many pages that is. */
static unsigned look_at_headers(struct tx *tx, unsigned count)
{
    const struct tx_work *end = tx->work + count;
    unsigned payloads = 0, pins = 0;
    uint64_t mac = 0;

    memcpy(&mac, tx->mac, sizeof tx->mac);
    for (struct tx_work *work = tx->work; work != end; work++) {
        if (work->drop)
            continue;
        if (refuse(tx, work, mac)) {
            work->drop = true;
            continue;
        }
        if (work->frame->bounced)
            continue;
        if (work->mss)
            prepare_tso(work);
        if (work->total > HEADER_COPY) {
            work->sent_from_copy = work->headers.length;
            skip_copied(work);
            pins = add_pins(tx, work, pins);
            continue;
        }
        /* All of it is in the copy by now: pinning its pages would cost more and change nothing. */
        work->sent_from_copy = (uint16_t)work->total;
        work->pieces = 0;
        payloads += work->total > work->headers.length;
    }
    if (payloads)
        counter_add(&tx->counters.payload_copies, payloads);
    return pins;
}

/* Step 4. */
static int pin_payload(struct tx *tx, unsigned pins)
{
    if (!pins)
        return 0;
    if (tx->translate->ops->acquire(tx->translate, tx->pins, pins) < 0)
        return -1;
    for (unsigned i = 0; i < pins; i++) {
        struct tx_slot *slot = &tx->slots[tx->pin_slots[i] % RING_SLOTS];

        slot->pin = tx->pins[i];
        slot->pinned = !tx->pins[i].status;
        tx->pinned += slot->pinned;
    }
    return 0;
}

/* Frames that one of the guest's becomes on the wire, beyond the first. The VF's own counter is no measure of that
 * everywhere: QEMU's counts a frame that it segments once. */
static uint32_t more_segments(const struct tx_work *work)
{
    return work->mss ? (work->total - work->headers.length - 1) / work->mss : 0;
}

/* A frame to a group may come back to us; with its VLAN tag, or without the first of two. */
static void note_group(struct tx *tx, const struct tx_work *work)
{
    if (!(work->private[0] & 1))
        return;
    for (unsigned i = 0; i < tx->echo_count; i++) {
        echo_expect(&tx->echo[i], work->total);
        if (work->headers.vlan)
            echo_expect(&tx->echo[i], work->total - 4);
    }
}

/* Where the VF finds the rest of a frame. Returns how many segments that is, -1 if not all of its pages are pinned. */
static int payload_segments(const struct tx *tx, const struct tx_work *work,
                            struct vf_segment *segments)
{
    for (unsigned p = 0; p < work->pieces; p++) {
        const struct tx_piece *piece = &work->piece[p];
        const struct tx_slot *slot = &tx->slots[piece->slot % RING_SLOTS];

        if (!slot->pinned)
            return -1;
        segments[p] = (struct vf_segment){
            translate_address(&slot->pin, piece->offset, piece->length), piece->length};
    }
    return work->pieces;
}

/* Step 5. False if the frame is lost, a page of it being none that the guest has granted. */
static bool post(struct tx *tx, struct tx_work *work)
{
    struct vf_segment segments[TX_SLOTS_MAX + 1];
    const struct vf_offload *offload = &work->headers.vf;
    int count;

    if (work->frame->bounced) {
        count = (int)tx_bounce_segments(tx, work, segments);
    } else {
        segments[0] = header_segment(tx, work);
        count = 1 + payload_segments(tx, work, &segments[1]);
    }
    if (!count) /* not 1 + 0, but 1 - 1 */
        return false;
    note_group(tx, work);
    tx->queue->ops->tx_post(tx->queue, segments, (unsigned)count,
                            work->blank || work->mss ? offload : NULL);
    work->frame->posted = true;
    work->frame->status = NETIF_RSP_OKAY;
    return true;
}

/* Once a batch, not once a frame. Of segments there are only those beyond the first of each frame in `posted`. */
static void count_posted(struct tx_counters *counters, const struct tx_counters *posted)
{
    counter_add(&counters->packets, posted->packets);
    counter_add(&counters->segments, posted->packets + posted->segments);
    counter_add(&counters->bytes, posted->bytes);
}

/* A frame that is not sent is answered at once, and so is a request. */
static void settle(struct tx *tx, const struct tx_work *work)
{
    if (work->request)
        work->frame->status = work->accepted ? NETIF_RSP_OKAY : NETIF_RSP_ERROR;
    else
        counter_add(&tx->counters.dropped, 1);
}

static void post_all(struct tx *tx, unsigned count)
{
    const struct tx_work *end = tx->work + count;
    struct tx_counters posted = {0};

    for (struct tx_work *work = tx->work; work != end; work++) {
        if (work->drop || !post(tx, work)) {
            settle(tx, work);
            continue;
        }
        posted.packets++;
        posted.segments += more_segments(work);
        posted.bytes += work->total;
    }
    if (posted.packets) {
        tx->queue->ops->tx_doorbell(tx->queue);
        count_posted(&tx->counters, &posted);
    }
}

int tx_take(struct tx *tx)
{
    uint32_t bounced = tx->bounces_taken;
    unsigned copies = 0, pins;
    int count = tx_take_slots(tx, &copies);

    if (count <= 0)
        return count;
    if (copy_headers(tx, (unsigned)count, copies) < 0)
        return -1;
    pins = look_at_headers(tx, (unsigned)count);
    if (tx->bounces_taken != bounced && tx_bounce_copy(tx, (unsigned)count) < 0)
        return -1;
    if (pin_payload(tx, pins) < 0)
        return -1;
    post_all(tx, (unsigned)count);
    return count;
}

/* The frames that are finished, from the oldest on. */
struct finished {
    unsigned frames, slots, posted;
};

static struct finished finished(const struct tx *tx)
{
    struct finished all = {0};
    uint32_t at = tx->frame_head;

    for (; at != tx->frame_tail; at++) {
        const struct tx_frame *frame = &tx->frames[at % RING_SLOTS];

        if (frame->posted && all.posted == tx->done)
            break;
        all.posted += frame->posted;
        all.slots += frame->slots;
    }
    all.frames = at - tx->frame_head;
    return all;
}

/* Gives back the pages of `count` slots from the oldest on. */
static int release(struct tx *tx, unsigned count)
{
    unsigned pins = 0;

    for (unsigned i = 0; i < count && pins < tx->pinned; i++) {
        struct tx_slot *slot = &tx->slots[(tx->ring.rsp_prod + i) % RING_SLOTS];

        if (slot->pinned)
            tx->pins[pins++] = slot->pin;
        slot->pinned = false;
    }
    tx->pinned -= pins;
    return pins ? tx->translate->ops->release(tx->translate, tx->pins, pins) : 0;
}

/* Answers the oldest `count` slots. Field by field, and nothing but the responses' own bytes (XSA-216). */
static inline void respond(struct tx *tx, unsigned count, int16_t status)
{
    uint32_t index = tx->ring.rsp_prod, end = index + count;

    for (; index != end; index++) {
        const struct tx_slot *slot = &tx->slots[index % RING_SLOTS];
        uint16_t answer = (uint16_t)(slot->extra ? NETIF_RSP_NULL : status);

        shm_write32(ring_slot(&tx->ring, index, TX_SLOT_WORDS), slot->id | (uint32_t)answer << 16);
    }
    tx->ring.rsp_prod = end;
}

int tx_complete(struct tx *tx, unsigned least, bool *notify)
{
    struct finished all;
    uint32_t end;

    tx->done += tx->queue->ops->tx_reap(tx->queue);
    all = finished(tx);
    if (!all.slots || all.slots < least)
        return 0;
    /* Invariant 2: released in Xen, and only then answered. */
    if (release(tx, all.slots) < 0)
        return -1;
    end = tx->frame_head + all.frames;
    for (uint32_t at = tx->frame_head; at != end; at++) {
        const struct tx_frame *frame = &tx->frames[at % RING_SLOTS];

        if (frame->bounced)
            tx_bounce_give_back(tx);
        respond(tx, frame->slots, frame->status);
    }
    tx->frame_head = end;
    tx->done -= all.posted;
    *notify |= ring_push(&tx->ring);
    return (int)all.slots;
}

int tx_abandon(struct tx *tx)
{
    unsigned outstanding = tx->ring.req_cons - tx->ring.rsp_prod;

    assert(outstanding <= RING_SLOTS);
    return release(tx, outstanding);
}

int tx_give_up(struct tx *tx, bool *notify)
{
    unsigned lost = 0;

    if (tx_abandon(tx) < 0)
        return -1;
    for (; tx->frame_head != tx->frame_tail; tx->frame_head++)
        lost += tx->frames[tx->frame_head % RING_SLOTS].posted;
    counter_add(&tx->counters.dropped, lost);
    tx->done = 0;
    tx->bounces_back = tx->bounces_taken; /* no frame has one any more */
    respond(tx, tx->ring.req_cons - tx->ring.rsp_prod, NETIF_RSP_ERROR);
    *notify |= ring_push(&tx->ring);
    return 0;
}
