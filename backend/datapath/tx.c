/* SPDX-License-Identifier: MIT */
/* A batch goes through five steps, each over all of its frames: take the slots, copy the headers, look at them, pin
 * the payload's pages, write descriptors. So a batch costs one hypercall for its headers and one for its pages, and
 * one more if there are frames in it that go the way of tx_bounce.c. */
#include "datapath/tx.h"

#include "common/counter.h"
#include "datapath/tx_bounce.h"
#include "datapath/tx_slots.h"

#include <assert.h>
#include <string.h>
#include <xen/io/netif.h>

/* A context, and the header copy's own segment. */
#define EXTRA_DESCRIPTORS 2u

void tx_attach(struct tx *tx, void *page)
{
    ring_attach(&tx->ring, page, sizeof(netif_tx_request_t) / sizeof(uint32_t));
}

static void set_header_buffer(struct tx *tx, struct tx_work *work, uint32_t frame)
{
    unsigned at = frame % RING_SLOTS * TX_HEADER_ROOM;
    const struct dma_page *page = &tx->private_pages[at / GUEST_PAGE];

    work->header = (uint16_t)at;
    work->private = (uint8_t *)page->va + at % GUEST_PAGE;
    work->private_dma = page->dma + at % GUEST_PAGE;
}

/* Where the VF finds the header copy. */
static struct vf_segment header_segment(struct tx *tx, const struct tx_work *work)
{
    const struct dma_page *page = &tx->header_pages[work->header / GUEST_PAGE];
    unsigned offset = work->header % GUEST_PAGE;

    if (tx->header_pages != tx->private_pages)
        memcpy((uint8_t *)page->va + offset, work->private, work->sent_from_copy);
    return (struct vf_segment){page->dma + offset, work->sent_from_copy};
}

/* Step 1. Frames into tx->work, their parts into tx->pieces. Returns how many. */
static int take_slots(struct tx *tx)
{
    unsigned room = tx->queue->ops->tx_room(tx->queue);
    unsigned count = 0, pieces = 0;
    int waiting = ring_waiting(&tx->ring);

    if (waiting < 0) {
        tx->fault = "its tx ring claims more requests than it has slots";
        return -1;
    }
    while (waiting && count < TX_BATCH && bucket_open(&tx->bucket) &&
           room >= TX_SLOTS_MAX + EXTRA_DESCRIPTORS && pieces + TX_SLOTS_MAX <= PORT_BATCH_MAX) {
        struct tx_work *work = &tx->work[count];
        int slots;

        memset(work, 0, sizeof *work);
        work->first_piece = (uint16_t)pieces;
        slots = tx_read_frame(tx, (unsigned)waiting, work);
        if (slots < 0)
            return -1;
        work->drop |= tx->no_link;
        work->frame = &tx->frames[tx->frame_tail % RING_SLOTS];
        *work->frame = (struct tx_frame){.slots = (uint16_t)slots};
        set_header_buffer(tx, work, tx->frame_tail);
        tx->frame_tail++;
        tx->ring.req_cons += (uint32_t)slots;
        waiting -= slots;
        pieces += work->pieces;
        room -= work->pieces + EXTRA_DESCRIPTORS;
        bucket_spend(&tx->bucket, work->total);
        count++;
    }
    return (int)count;
}

/* Step 2. The first bytes of each frame, gathered from as many parts as they lie in (XSA-423: a NIC must find all
 * headers in its first descriptor; XSA-432: the gathering is bounded by the parts, not by the bytes). */
static unsigned add_copies(struct tx *tx, struct tx_work *work, unsigned at)
{
    const struct tx_piece *piece = &tx->pieces[work->first_piece];
    const struct tx_piece *end = piece + work->pieces;
    unsigned first = at, copied = 0;

    for (; piece != end && copied < HEADER_COPY; piece++) {
        unsigned room = HEADER_COPY - copied;
        unsigned length = piece->length < room ? piece->length : room;

        tx->copies[at++] = (struct grant_copy){
            .to = work->private_dma + copied,
            .to_va = work->private + copied,
            .gref = piece->gref,
            .offset = piece->offset,
            .length = (uint16_t)length,
        };
        copied += length;
    }
    work->copied = (uint16_t)copied;
    work->first_copy = (uint16_t)first;
    work->copies = (uint16_t)(at - first);
    return at;
}

static bool any_failed(const struct grant_copy *copies, unsigned count)
{
    int16_t status = 0;

    for (unsigned i = 0; i < count; i++)
        status |= copies[i].status;
    return status;
}

static void drop_failed(struct tx *tx, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct tx_work *work = &tx->work[i];

        work->drop |= any_failed(&tx->copies[work->first_copy], work->copies);
    }
}

static int copy_headers(struct tx *tx, unsigned count)
{
    unsigned copies = 0;

    for (unsigned i = 0; i < count; i++)
        if (!tx->work[i].drop)
            copies = add_copies(tx, &tx->work[i], copies);
    if (!copies)
        return 0;
    if (tx->translate->ops->fetch(tx->translate, tx->copies, copies) < 0)
        return -1;
    counter_add(&tx->counters.header_copies, copies);
    /* XSA-367: each status counts, not only the call's. */
    if (any_failed(tx->copies, copies))
        drop_failed(tx, count);
    return 0;
}

/* Whether a frame carries a VLAN tag that is not the guest's to choose. The VF puts the port VLAN on by itself, and
 * takes off whatever tag a frame arrives with, so a guest has no tags but that of VLAN 0, a priority without a VLAN.
 * The 82576 drops others by its spoof check (DTXSWC.VLANAS); QEMU's does not. */
static bool foreign_vlan(const struct tx *tx, const struct tx_work *work)
{
    const uint8_t *tag = work->private + 12;

    if (tag[0] != 0x81 || tag[1] != 0x00)
        return false;
    /* Cut off within its tag: the VF pads it, and what it then is nobody has looked at. */
    return tx->port_vlan || work->copied < ETH_HEADER + 2 || (tag[2] & 0x0f) || tag[3];
}

/* Are the headers within the lengths for which the VF offloads anything? */
static bool within_vf(const struct tx *tx, const struct headers *headers)
{
    const struct vf_offloads *can = &tx->queue->vf->ops->offloads;

    return headers->mac_len <= can->mac_len_max && headers->ip_len <= can->ip_len_max;
}

static bool can_segment(const struct tx *tx, const struct tx_work *work, uint32_t limit)
{
    const struct headers *headers = &work->headers;

    return headers->l4 == VF_L4_TCP && headers->ipv4 == !work->gso_ipv6 && within_vf(tx, headers) &&
           (headers_plain(headers) || work->blank) && work->mss >= TX_MSS_MIN &&
           work->mss + (uint32_t)headers->length <= limit && work->total > headers->length;
}

static bool vf_can_sum(const struct tx *tx, const struct headers *headers)
{
    const struct vf_offloads *can = &tx->queue->vf->ops->offloads;

    return headers->l4 != VF_L4_NONE && within_vf(tx, headers) &&
           (headers->ipv4 ? can->csum_ipv4 : can->csum_ipv6);
}

/* Finishes the checksum in the header copy, if all of the frame is in there, or arranges for it to be finished in a
 * copy of the frame. False if there is no checksum that we know of, or no room. */
static bool sum_here(struct tx *tx, struct tx_work *work)
{
    const struct headers *headers = &work->headers;

    if (headers->l4 == VF_L4_NONE && !headers->cut)
        return false;
    if (work->copied < work->total)
        return tx_bounce_take(tx, work);
    work->blank = false;
    return headers->l4 != VF_L4_NONE &&
           headers_finish_checksum(work->private, headers, work->total);
}

/* Step 3. From here on only the private copy of the headers counts: the VF reads it too, or a copy of it. */
static bool refuse(struct tx *tx, struct tx_work *work)
{
    struct headers *headers = &work->headers;
    uint32_t limit;

    if (memcmp(work->private + 6, tx->mac, 6) != 0 || foreign_vlan(tx, work)) {
        counter_add(&tx->counters.spoofed, 1);
        return true;
    }
    headers_read(work->private, work->copied, headers);
    /* On the wire, without CRC. */
    limit = vf_mtu(tx->queue->vf) + headers->mac_len;
    if (work->mss)
        return !can_segment(tx, work, limit);
    if (work->total > limit)
        return true;
    if (work->blank && !vf_can_sum(tx, headers))
        return !sum_here(tx, work);
    return false;
}

static void look_at_headers(struct tx *tx, unsigned count)
{
    unsigned payloads = 0;

    for (unsigned i = 0; i < count; i++) {
        struct tx_work *work = &tx->work[i];

        work->drop = work->drop || refuse(tx, work);
        if (work->drop || work->frame->bounced)
            continue;
        if (work->mss)
            headers_prepare_tso(work->private, &work->headers, work->total);
        if (work->total > HEADER_COPY) {
            work->sent_from_copy = work->headers.length;
            continue;
        }
        /* All of it is in the copy by now: pinning its pages would cost more and change nothing. */
        work->sent_from_copy = (uint16_t)work->total;
        work->pieces = 0;
        payloads += work->total > work->headers.length;
    }
    if (payloads)
        counter_add(&tx->counters.payload_copies, payloads);
}

/* Cuts what is sent from the copy off the frame's parts, if there are any left. */
static void skip_copied(struct tx *tx, struct tx_work *work)
{
    unsigned skip = work->sent_from_copy;

    while (skip && work->pieces) {
        struct tx_piece *piece = &tx->pieces[work->first_piece];

        if (skip < piece->length) {
            piece->offset = (uint16_t)(piece->offset + skip);
            piece->length = (uint16_t)(piece->length - skip);
            return;
        }
        skip -= piece->length;
        work->first_piece++;
        work->pieces--;
    }
}

/* Step 4. */
static int pin_payload(struct tx *tx, unsigned count)
{
    unsigned pins = 0;

    for (unsigned i = 0; i < count; i++) {
        struct tx_work *work = &tx->work[i];

        if (work->drop || !work->pieces)
            continue;
        skip_copied(tx, work);
        for (unsigned p = 0; p < work->pieces; p++) {
            const struct tx_piece *piece = &tx->pieces[work->first_piece + p];

            tx->pin_slots[pins] = piece->slot;
            tx->pins[pins++] = (struct grant_pin){.gref = piece->gref, .readonly = true};
        }
    }
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

static bool all_pinned(const struct tx *tx, const struct tx_work *work)
{
    for (unsigned p = 0; p < work->pieces; p++)
        if (!tx->slots[tx->pieces[work->first_piece + p].slot % RING_SLOTS].pinned)
            return false;
    return true;
}

/* Frames that one of the guest's becomes on the wire. The VF's own counter is no measure of that everywhere: QEMU's
 * counts a frame that it segments once. */
static uint32_t segments_of(const struct tx_work *work)
{
    return work->mss ? (work->total - work->headers.length + work->mss - 1) / work->mss : 1;
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

/* Step 5. */
static void post(struct tx *tx, struct tx_work *work)
{
    struct vf_segment segments[TX_SLOTS_MAX + 1];
    struct vf_offload offload = {
        .l4 = work->headers.l4,
        .ipv4 = work->headers.ipv4,
        .csum = true,
        .mss = work->mss,
        .mac_len = work->headers.mac_len,
        .ip_len = work->headers.ip_len,
        .l4_len = work->headers.l4_len,
    };
    unsigned count = 0;

    note_group(tx, work);
    if (work->frame->bounced)
        count = tx_bounce_segments(tx, work, segments);
    else
        segments[count++] = header_segment(tx, work);
    for (unsigned p = 0; p < work->pieces; p++) {
        const struct tx_piece *piece = &tx->pieces[work->first_piece + p];
        const struct tx_slot *slot = &tx->slots[piece->slot % RING_SLOTS];

        segments[count++] = (struct vf_segment){
            translate_address(&slot->pin, piece->offset, piece->length), piece->length};
    }
    tx->queue->ops->tx_post(tx->queue, segments, count, work->blank || work->mss ? &offload : NULL);
    work->frame->posted = work->frame->ok = true;
}

/* Once a batch, not once a frame. */
static void count_posted(struct tx_counters *counters, const struct tx_counters *posted)
{
    counter_add(&counters->packets, posted->packets);
    counter_add(&counters->segments, posted->segments);
    counter_add(&counters->bytes, posted->bytes);
}

int tx_take(struct tx *tx)
{
    int count = take_slots(tx);
    struct tx_counters posted = {0};

    if (count <= 0)
        return count;
    if (copy_headers(tx, (unsigned)count) < 0)
        return -1;
    look_at_headers(tx, (unsigned)count);
    if (tx_bounce_copy(tx, (unsigned)count) < 0 || pin_payload(tx, (unsigned)count) < 0)
        return -1;
    for (unsigned i = 0; i < (unsigned)count; i++) {
        struct tx_work *work = &tx->work[i];

        if (work->request) {
            work->frame->ok = work->accepted;
            continue;
        }
        if (work->drop || !all_pinned(tx, work)) {
            counter_add(&tx->counters.dropped, 1);
            continue;
        }
        post(tx, work);
        posted.packets++;
        posted.segments += segments_of(work);
        posted.bytes += work->total;
    }
    if (posted.packets) {
        tx->queue->ops->tx_doorbell(tx->queue);
        count_posted(&tx->counters, &posted);
    }
    return count;
}

/* How many slots, from the oldest on, belong to frames that are finished; and how many frames that is. */
static unsigned finished(const struct tx *tx, unsigned *frames)
{
    uint32_t done = tx->done, at = tx->frame_head;
    unsigned slots = 0;

    for (; at != tx->frame_tail; at++) {
        const struct tx_frame *frame = &tx->frames[at % RING_SLOTS];

        if (frame->posted && !done)
            break;
        done -= frame->posted;
        slots += frame->slots;
    }
    *frames = at - tx->frame_head;
    return slots;
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
static void respond(struct tx *tx, unsigned count, bool ok)
{
    uint32_t index = tx->ring.rsp_prod, end = index + count;

    for (; index != end; index++) {
        const struct tx_slot *slot = &tx->slots[index % RING_SLOTS];
        int16_t status = slot->extra ? NETIF_RSP_NULL : ok ? NETIF_RSP_OKAY : NETIF_RSP_ERROR;

        shm_write32(ring_slot(&tx->ring, index), slot->id | (uint32_t)(uint16_t)status << 16);
    }
    tx->ring.rsp_prod = end;
}

int tx_complete(struct tx *tx, unsigned least, bool *notify)
{
    unsigned frames, slots;

    tx->done += tx->queue->ops->tx_reap(tx->queue);
    slots = finished(tx, &frames);
    if (!slots || slots < least)
        return 0;
    /* Invariant 2: released in Xen, and only then answered. */
    if (release(tx, slots) < 0)
        return -1;
    for (; frames; frames--, tx->frame_head++) {
        const struct tx_frame *frame = &tx->frames[tx->frame_head % RING_SLOTS];

        tx->done -= frame->posted;
        if (frame->bounced)
            tx_bounce_give_back(tx);
        respond(tx, frame->slots, frame->ok);
    }
    *notify |= ring_push(&tx->ring);
    return (int)slots;
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
    respond(tx, tx->ring.req_cons - tx->ring.rsp_prod, false);
    *notify |= ring_push(&tx->ring);
    return 0;
}
