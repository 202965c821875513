/* SPDX-License-Identifier: MIT */
#include "datapath/tx_slots.h"

#include <string.h>

/* A context, and the header copy's own segment. */
#define EXTRA_DESCRIPTORS 2u

union raw_slot {
    uint32_t words[TX_SLOT_WORDS];
    netif_tx_request_t request;
    netif_extra_info_t extra;
};

static int fault(struct tx *tx, const char *how)
{
    tx->fault = how;
    return -1;
}

/* A slot as it is taken; its page is pinned later, if at all. */
static void set_slot(struct tx *tx, uint32_t index, uint16_t id, bool extra)
{
    struct tx_slot *slot = &tx->slots[index % RING_SLOTS];

    slot->id = id;
    slot->extra = extra;
    slot->pinned = false;
}

static void copy_slot(struct tx *tx, uint32_t index, union raw_slot *raw)
{
    ring_copy(&tx->ring, index, raw->words, TX_SLOT_WORDS);
}

/* One of the two requests about the multicast list that come as extras. */
static void amend_mcast(struct tx *tx, const netif_extra_info_t *extra, struct tx_work *work)
{
    if (!work->request)
        work->accepted = true;
    work->request = work->drop = true;
    if (extra->type == XEN_NETIF_EXTRA_TYPE_MCAST_DEL)
        mcast_remove(tx->mcast, extra->u.mcast.addr);
    else if (mcast_add(tx->mcast, extra->u.mcast.addr) < 0)
        work->accepted = false;
}

static bool is_mcast(const netif_extra_info_t *extra)
{
    return extra->type == XEN_NETIF_EXTRA_TYPE_MCAST_ADD ||
           extra->type == XEN_NETIF_EXTRA_TYPE_MCAST_DEL;
}

/* What a VF can segment was offered, and nothing else (control/negotiate.c). */
static bool gso_offered(const struct tx *tx, unsigned type)
{
    const struct vf_offloads *can = &tx->queue->vf->ops->offloads;

    return (type == XEN_NETIF_GSO_TYPE_TCPV4 && can->tso_ipv4) ||
           (type == XEN_NETIF_GSO_TYPE_TCPV6 && can->tso_ipv6);
}

/* Extras follow the first slot. Returns how many there are. Not inline: most frames have none, and should not pay for
 * its registers. */
static __attribute__((noinline)) int read_extras(struct tx *tx, unsigned waiting,
                                                 struct tx_work *work)
{
    union raw_slot raw;
    unsigned count = 0;

    do {
        if (1 + count >= waiting)
            return fault(tx, "a tx frame promises an extra slot that is not there");
        copy_slot(tx, tx->ring.req_cons + 1 + count, &raw);
        set_slot(tx, tx->ring.req_cons + 1 + count, 0, true);
        count++;
        if (raw.extra.type == XEN_NETIF_EXTRA_TYPE_NONE ||
            raw.extra.type >= XEN_NETIF_EXTRA_TYPE_MAX)
            return fault(tx, "an extra slot on the tx ring has no known type");
        if (tx->mcast && is_mcast(&raw.extra)) {
            amend_mcast(tx, &raw.extra, work);
            continue;
        }
        if (raw.extra.type != XEN_NETIF_EXTRA_TYPE_GSO) {
            work->drop = true; /* nothing that was offered */
            continue;
        }
        if (!gso_offered(tx, raw.extra.u.gso.type) || !raw.extra.u.gso.size)
            return fault(tx, "a GSO slot on the tx ring is of a type or size that was not offered");
        work->mss = raw.extra.u.gso.size;
        work->gso_ipv6 = raw.extra.u.gso.type == XEN_NETIF_GSO_TYPE_TCPV6;
    } while (raw.extra.flags & XEN_NETIF_EXTRA_FLAG_MORE);
    return (int)count;
}

static void add_piece(struct tx_work *work, uint32_t slot, const netif_tx_request_t *request,
                      uint16_t size)
{
    if (!size || work->drop) /* XSA-448: empty parts are legal, and no descriptors */
        return;
    work->piece[work->pieces++] = (struct tx_piece){
        .slot = slot,
        .gref = request->gref,
        .offset = request->offset,
        .length = size,
    };
}

/* The slots after the first and its extras. `left` is what remains of the frame's size, at the end the first part's.
 * Returns how many there are. Not inline, either. */
static __attribute__((noinline)) int read_rest(struct tx *tx, unsigned waiting, unsigned taken,
                                               struct tx_work *work, uint16_t *left)
{
    union raw_slot raw;
    unsigned count = 0;

    do {
        uint32_t index = tx->ring.req_cons + taken + count;

        if (taken + count >= waiting)
            return fault(tx, "a tx frame promises more slots than there are");
        if (2 + count >= TX_SLOTS_FATAL)
            return fault(tx, "a tx frame has far more slots than any frontend may send");
        copy_slot(tx, index, &raw);
        set_slot(tx, index, raw.request.id, false);
        count++;
        if ((uint32_t)raw.request.offset + raw.request.size > GUEST_PAGE)
            return fault(tx, "a part of a tx frame crosses the end of its page");
        /* Honest but buggy guests overflow a frame's 16-bit size: the frame is lost, the vif is not. */
        if (count >= TX_SLOTS_MAX || raw.request.size > *left)
            work->drop = true;
        else
            *left = (uint16_t)(*left - raw.request.size);
        add_piece(work, index, &raw.request, raw.request.size);
    } while (raw.request.flags & NETTXF_more_data);
    return (int)count;
}

/* Reads the frame at the ring's req_cons, of which `waiting` slots are there. Returns how many slots it has. */
static inline int read_frame(struct tx *tx, unsigned waiting, struct tx_work *work)
{
    uint32_t first_index = tx->ring.req_cons;
    union raw_slot first;
    unsigned slots = 1;
    uint16_t left;
    int more;

    copy_slot(tx, first_index, &first);
    set_slot(tx, first_index, first.request.id, false);
    work->total = left = first.request.size;
    work->blank = first.request.flags & NETTXF_csum_blank;
    if (first.request.flags & NETTXF_extra_info) {
        more = read_extras(tx, waiting, work);
        if (more < 0)
            return -1;
        slots += (unsigned)more;
        /* Nothing else of such a slot means anything (netif.h, "dummy transmit requests"): its flags and its size are
         * not looked at, as in Linux' netback. */
        if (work->request)
            return (int)slots;
    }
    /* The first part's size is known only after all others: its piece is kept free until then. */
    work->pieces = 1;
    if (first.request.flags & NETTXF_more_data) {
        more = read_rest(tx, waiting, slots, work, &left);
        if (more < 0)
            return -1;
        slots += (unsigned)more;
    }
    if ((uint32_t)first.request.offset + left > GUEST_PAGE && !work->drop)
        return fault(tx, "the first part of a tx frame crosses the end of its page");
    if (left < ETH_HEADER)
        work->drop = true;
    work->piece[0] = (struct tx_piece){
        .slot = first_index,
        .gref = first.request.gref,
        .offset = first.request.offset,
        .length = left,
    };
    return (int)slots;
}

static uint64_t buffer_dma(const struct dma_page *pages, unsigned at)
{
    return pages[at / GUEST_PAGE].dma + at % GUEST_PAGE;
}

/* A frame's header copy has its place in pages that are next to each other in our memory (port.h, dma_alloc), though
 * not in the machine's. Returns where it is for the port. */
static uint64_t set_buffers(struct tx *tx, struct tx_work *work, unsigned slots)
{
    unsigned index = tx->frame_tail++ % RING_SLOTS, at = index * TX_HEADER_ROOM;

    work->frame = &tx->frames[index];
    *work->frame = (struct tx_frame){.slots = slots, .status = NETIF_RSP_ERROR};
    work->private = (uint8_t *)tx->private_pages->va + at;
    work->vf_dma = buffer_dma(tx->header_pages, at);
    return buffer_dma(tx->private_pages, at);
}

/* Of a part, what is among the first bytes of its frame, `copied` of which are in other copies. Returns how many then
 * are. */
static inline unsigned set_copy(struct grant_copy *copy, const struct tx_piece *piece, uint64_t own,
                                uint8_t *own_va, unsigned copied)
{
    unsigned room = HEADER_COPY - copied;
    unsigned length = piece->length < room ? piece->length : room;

    *copy = (struct grant_copy){
        .own = own + copied,
        .own_va = own_va + copied,
        .gref = piece->gref,
        .offset = piece->offset,
        .length = (uint16_t)length,
    };
    return copied + length;
}

/* Of all parts but the first. Not inline, either. */
static __attribute__((noinline)) void add_more_copies(struct tx_work *work)
{
    const struct tx_piece *piece = work->piece + 1, *end = work->piece + work->pieces;
    unsigned copied = work->copied;

    for (; piece != end && copied < HEADER_COPY; piece++)
        copied = set_copy(work->copy_end++, piece, work->copy->own, work->private, copied);
    work->copied = (uint16_t)copied;
}

/* The first bytes of a frame, gathered from as many parts as they lie in (XSA-423: a NIC must find all headers in its
 * first descriptor; XSA-432: the gathering is bounded by the parts, not by the bytes). Returns the end of tx->copies. */
static struct grant_copy *add_copies(struct tx_work *work, struct grant_copy *copy, uint64_t own)
{
    work->copied = (uint16_t)set_copy(copy, work->piece, own, work->private, 0);
    work->copy = copy++;
    work->copy_end = copy;
    if (work->pieces > 1) {
        add_more_copies(work);
        copy = work->copy_end;
    }
    return copy;
}

/* For how many descriptors there is room. As a frame takes more of them than it has parts, what fits there fits into
 * tx->pieces, and into tx->copies and tx->pins. */
static unsigned descriptors(const struct tx *tx)
{
    unsigned room = tx->queue->ops->tx_room(tx->queue);

    return room < PORT_BATCH_MAX ? room : PORT_BATCH_MAX;
}

int tx_take_slots(struct tx *tx, unsigned *copies)
{
    unsigned room = descriptors(tx);
    struct tx_work *work = tx->work;
    struct tx_piece *piece = tx->pieces;
    struct grant_copy *copy = tx->copies;
    int waiting = ring_waiting(&tx->ring);

    if (waiting < 0)
        return fault(tx, "its tx ring claims more requests than it has slots");
    for (; waiting && work != tx->work + TX_BATCH && bucket_open(&tx->bucket) &&
           room >= TX_SLOTS_MAX + EXTRA_DESCRIPTORS;
         work++) {
        uint64_t dma;
        int slots;

        memset(work, 0, sizeof *work);
        work->piece = piece;
        slots = read_frame(tx, (unsigned)waiting, work);
        if (slots < 0)
            return -1;
        if (tx->no_link)
            work->drop = true;
        dma = set_buffers(tx, work, (unsigned)slots);
        /* Nobody looks at the parts of a frame that is dropped: the next one's take their place. */
        if (!work->drop) {
            copy = add_copies(work, copy, dma);
            piece += work->pieces;
            room -= work->pieces;
        }
        room -= EXTRA_DESCRIPTORS;
        tx->ring.req_cons += (uint32_t)slots;
        waiting -= slots;
        bucket_spend(&tx->bucket, work->total);
    }
    *copies = (unsigned)(copy - tx->copies);
    return (int)(work - tx->work);
}
