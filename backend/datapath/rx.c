/* SPDX-License-Identifier: MIT */
#include "datapath/rx.h"

#include "common/counter.h"
#include "datapath/headers.h"

#include <assert.h>
#include <string.h>
#include <xen/io/netif.h>

/* With fewer buffers than this the VF is fed at once, whatever the batch. */
#define RX_LOW 64u
/* Ethernet: destination, then source, each a MAC address; then there may be a tag. A copy of them has a place in the
 * scratch page, with room for the tag behind it. */
#define MAC_LENGTH    6u
#define ADDRESSES     (2u * MAC_LENGTH)
#define SCRATCH_PLACE (ADDRESSES + RX_TAGGED)

/* A slot, request or response, in words. */
#define SLOT_WORDS ((unsigned)(sizeof(union netif_rx_sring_entry) / sizeof(uint32_t)))

_Static_assert(RX_BATCH *SCRATCH_PLACE <= GUEST_PAGE,
               "the scratch page has a place for each buffer");
_Static_assert(VF_RX_TAG_ROOM >= RX_TAGGED && VF_RX_TAG_ROOM + VF_RX_BUFFER_TRUNK <= GUEST_PAGE,
               "a tag fits in before each buffer");

void rx_attach(struct rx *rx, void *page)
{
    ring_attach(&rx->ring, page, SLOT_WORDS);
}

static void read_request(struct rx *rx, uint32_t index, struct rx_slot *slot, struct grant_pin *pin)
{
    union {
        uint32_t words[SLOT_WORDS];
        netif_rx_request_t request;
    } raw;

    ring_copy(&rx->ring, index, raw.words, SLOT_WORDS);
    *slot = (struct rx_slot){.id = raw.request.id};
    *pin = (struct grant_pin){.gref = raw.request.gref};
}

/* How many buffers have to wait before they are taken. What asks for events must know it, too: an event due at another
 * number would come for nothing, or not come for something. */
static unsigned worth_taking(const struct rx *rx, unsigned least)
{
    return rx->posted < RX_LOW ? 1 : least;
}

int rx_fill(struct rx *rx, unsigned least)
{
    uint64_t dma[RX_BATCH];
    uint32_t buffer = vf_rx_buffer(rx->queue->vf);
    unsigned room, count, good = 0;
    int waiting = ring_waiting(&rx->ring);

    if (waiting < 0) {
        rx->fault = "its rx ring claims more requests than it has slots";
        return -1;
    }
    room = rx->queue->ops->rx_room(rx->queue);
    count = (unsigned)waiting < room ? (unsigned)waiting : room;
    if (!count || count < worth_taking(rx, least))
        return 0;
    if (count > RX_BATCH)
        count = RX_BATCH;
    for (unsigned i = 0; i < count; i++) {
        uint32_t index = rx->ring.req_cons + i;

        read_request(rx, index, &rx->slots[index % RING_SLOTS], &rx->pins[i]);
    }
    if (rx->translate->ops->acquire(rx->translate, rx->pins, count) < 0)
        return -1;
    for (unsigned i = 0; i < count; i++) {
        struct rx_slot *slot = &rx->slots[rx->ring.req_cons++ % RING_SLOTS];

        slot->pin = rx->pins[i];
        slot->posted = !slot->pin.status;
        if (slot->posted)
            dma[good++] = translate_address(&slot->pin, rx->headroom, buffer);
    }
    rx->queue->ops->rx_post(rx->queue, dma, good);
    rx->posted += good;
    return (int)count;
}

/* Field by field, and nothing but the response's own bytes (XSA-216). `offset`: of the frame in its page. */
static void respond(struct rx *rx, uint16_t id, uint32_t offset, uint16_t flags, int16_t status)
{
    volatile uint32_t *slot = ring_slot(&rx->ring, rx->ring.rsp_prod++, SLOT_WORDS);

    shm_write32(&slot[0], id | offset << 16);
    shm_write32(&slot[1], flags | (uint32_t)(uint16_t)status << 16);
}

/* A buffer that the VF never had, its reference being bad. In the middle of a frame the chain must go on over it: a
 * frontend would take what follows for a frame of its own. */
static void answer_bad(struct rx *rx, const struct rx_slot *slot)
{
    if (!rx->frame.inside)
        counter_add(&rx->counters.dropped, 1);
    rx->frame.spoiled = rx->frame.inside;
    respond(rx, slot->id, rx->headroom, rx->frame.inside ? NETRXF_more_data : 0, NETIF_RSP_ERROR);
}

static void count_frame(struct rx *rx)
{
    const struct rx_frame *frame = &rx->frame;

    if (frame->own) {
        counter_add(&rx->counters.echoes, 1);
    } else if (frame->spoiled) {
        counter_add(&rx->counters.dropped, 1);
    } else {
        counter_add(&rx->counters.packets, 1);
        counter_add(&rx->counters.bytes, frame->bytes);
    }
    rx->frame = (struct rx_frame){0};
}

/* `csum_ok`: of the frame that this buffer begins; frontends look at the first response's flag, while the VF tells it
 * with the last buffer. */
static void answer(struct rx *rx, const struct rx_slot *slot, const struct vf_received *received,
                   unsigned finding, bool csum_ok)
{
    struct rx_frame *frame = &rx->frame;
    uint16_t flags = received->last ? 0 : NETRXF_more_data;

    if (!frame->inside)
        frame->own = finding == RX_OWN;
    frame->inside = !received->last;
    frame->spoiled |= received->error;
    frame->bytes += received->length;
    if (frame->own || received->error)
        respond(rx, slot->id, rx->headroom, flags, NETIF_RSP_ERROR);
    else
        respond(rx, slot->id, rx->headroom - (finding & RX_TAGGED),
                flags | (csum_ok ? NETRXF_data_validated : 0), (int16_t)received->length);
    if (received->last)
        count_frame(rx);
}

/* Whether the VF has validated the checksums of the frame at received[at]; no, if its end is not here yet. */
static bool validated(const struct rx *rx, unsigned at, unsigned filled)
{
    while (at < filled && !rx->received[at].last)
        at++;
    return at < filled && rx->received[at].csum_ok;
}

/* Whether the frame that begins at received[at] may be one of our own. */
static inline bool may_be_own(const struct rx *rx, unsigned at)
{
    const struct vf_received *first = &rx->received[at];

    return !first->error && first->length >= ETH_HEADER &&
           echo_possible(rx->echo, at, first->length);
}

/* On a trunk: the last buffer of the frame at received[at], for it is here. */
static const struct vf_received *last_of(const struct rx *rx, unsigned at)
{
    while (!rx->received[at].last)
        at++;
    return &rx->received[at];
}

/* On a trunk: whether that frame has lost a tag which is to be put back. One of a VLAN that is not the guest's has no
 * business here: the PF's filter should not have let it in. Not inline: other vifs need not pay for its registers. */
static __attribute__((noinline)) bool lost_tag(struct rx *rx, unsigned at)
{
    const struct vf_received *last = last_of(rx, at);
    struct vf_received *first = &rx->received[at];

    if (!last->stripped)
        return false;
    first->error |=
        first->length < ADDRESSES || !vf_trunk_carries(&rx->queue->vf->trunk, last->tag);
    return !first->error;
}

/* Among the first `count` slots, the frames whose addresses have to be seen; rx->copies are of these then. Returns how
 * many. */
static unsigned find_looks(struct rx *rx, unsigned count, bool trunk)
{
    unsigned found = 0, next = 0;
    bool begins = !rx->frame.inside;

    for (unsigned i = 0; i < count; i++) {
        const struct rx_slot *slot = &rx->slots[(rx->ring.rsp_prod + i) % RING_SLOTS];

        if (!slot->posted)
            continue;
        if (begins && ((trunk && lost_tag(rx, next)) || may_be_own(rx, next))) {
            rx->looks[found] = (uint16_t)next;
            rx->copies[found] = (struct grant_copy){
                .own = rx->scratch->dma + found * SCRATCH_PLACE,
                .own_va = (uint8_t *)rx->scratch->va + found * SCRATCH_PLACE,
                .gref = slot->pin.gref,
                .offset = rx->headroom,
                .length = ADDRESSES,
            };
            found++;
        }
        begins = rx->received[next].last;
        next++;
    }
    return found;
}

/* The copy, at whose place the addresses are, becomes one of addresses and tag to where the frame shall begin. */
static void add_tag(struct grant_copy *copy, uint16_t tag)
{
    uint8_t *bytes = (uint8_t *)copy->own_va + ADDRESSES;

    assert(copy->offset >= RX_TAGGED);
    bytes[0] = 0x81;
    bytes[1] = 0x00;
    bytes[2] = (uint8_t)(tag >> 8);
    bytes[3] = (uint8_t)tag;
    copy->offset = (uint16_t)(copy->offset - RX_TAGGED);
    copy->length = ADDRESSES + RX_TAGGED;
}

/* Says what the frames that were looked at are. Returns how many of rx->copies, from the first on, have become tags to
 * be put back. */
static unsigned judge(struct rx *rx, unsigned looks, bool trunk)
{
    unsigned tags = 0;

    for (unsigned i = 0; i < looks; i++) {
        const uint8_t *source = (const uint8_t *)rx->copies[i].own_va + MAC_LENGTH;
        unsigned at = rx->looks[i];
        bool tagged = trunk && lost_tag(rx, at);

        if (rx->copies[i].status) {
            rx->received[at].error |= tagged;
        } else if (may_be_own(rx, at) && memcmp(source, rx->mac, MAC_LENGTH) == 0) {
            rx->findings[at] = RX_OWN;
        } else if (tagged) {
            rx->looks[tags] = (uint16_t)at;
            rx->copies[tags] = rx->copies[i];
            add_tag(&rx->copies[tags++], last_of(rx, at)->tag);
        }
    }
    return tags;
}

/* A page that cannot be written to is one whose reference the guest has taken back meanwhile. */
static int put_tags_back(struct rx *rx, unsigned tags)
{
    if (rx->translate->ops->store(rx->translate, rx->copies, tags) < 0)
        return -1;
    for (unsigned i = 0; i < tags; i++) {
        unsigned at = rx->looks[i];

        if (rx->copies[i].status) {
            rx->received[at].error = true;
            continue;
        }
        rx->findings[at] = RX_TAGGED;
        rx->received[at].length = (uint16_t)(rx->received[at].length + RX_TAGGED);
    }
    return 0;
}

/* Looks for the vif's own frames, and for tags to be put back, among the `filled` buffers in the first `count` slots:
 * one fetch, if there may be any, and one store. -1/errno on a host fault. */
static int look(struct rx *rx, unsigned count, unsigned filled)
{
    bool trunk = rx->queue->vf->trunk.count;
    unsigned looks = find_looks(rx, count, trunk), tags;

    memset(rx->findings, RX_PLAIN, filled * sizeof rx->findings[0]);
    if (!looks) {
        echo_seen(rx->echo, filled);
        return 0;
    }
    if (rx->translate->ops->fetch(rx->translate, rx->copies, looks) < 0)
        return -1;
    tags = judge(rx, looks, trunk);
    echo_seen(rx->echo, filled);
    return tags ? put_tags_back(rx, tags) : 0;
}

/* How many slots from the oldest on can be answered with `filled` buffers back from the VF: these, and the bad ones
 * among and behind them. */
static unsigned answerable(const struct rx *rx, unsigned filled)
{
    unsigned outstanding = rx->ring.req_cons - rx->ring.rsp_prod;
    unsigned count = 0;

    for (; count < outstanding; count++) {
        const struct rx_slot *slot = &rx->slots[(rx->ring.rsp_prod + count) % RING_SLOTS];

        if (slot->posted && !filled)
            break;
        filled -= slot->posted;
    }
    return count;
}

/* On a trunk, frames are answered as a whole: the tag is known with the last buffer, and belongs into the first.
 * Returns how many of the `there` buffers are of such frames. */
static unsigned whole_frames(struct rx *rx, unsigned there)
{
    unsigned whole = there;

    while (whole && !rx->received[whole - 1].last)
        whole--;
    if (whole || there < RX_BATCH)
        return whole;
    /* Longer than any frame. It ends here, by an error: the VF must not have us wait for ever. */
    rx->received[there - 1].last = rx->received[there - 1].error = true;
    return there;
}

/* Takes what the VF has filled. Returns how many of rx->received are to be answered. */
static unsigned reap(struct rx *rx)
{
    struct vf_queue *queue = rx->queue;
    unsigned there;

    if (!queue->vf->trunk.count)
        return queue->ops->rx_reap(queue, rx->received, RX_BATCH);
    there = rx->held + queue->ops->rx_reap(queue, rx->received + rx->held, RX_BATCH - rx->held);
    rx->held = there;
    return whole_frames(rx, there);
}

/* The first `answered` of rx->received are. */
static void keep_held(struct rx *rx, unsigned answered)
{
    if (!rx->held)
        return;
    rx->held -= answered;
    memmove(rx->received, rx->received + answered, rx->held * sizeof rx->received[0]);
}

int rx_complete(struct rx *rx, bool *notify)
{
    unsigned filled = reap(rx);
    unsigned count = answerable(rx, filled);
    unsigned pins = 0, next = 0;

    if (!count)
        return 0;
    if (filled && look(rx, count, filled) < 0)
        return -1;
    for (unsigned i = 0; i < count; i++) {
        const struct rx_slot *slot = &rx->slots[(rx->ring.rsp_prod + i) % RING_SLOTS];

        if (slot->posted)
            rx->pins[pins++] = slot->pin;
    }
    rx->posted -= pins;
    /* Invariant 2: released in Xen, and only then answered. */
    if (pins && rx->translate->ops->release(rx->translate, rx->pins, pins) < 0) {
        rx->ring.rsp_prod += count; /* what could be released was; rx_abandon must not try again */
        return -1;
    }
    for (unsigned i = 0; i < count; i++) {
        const struct rx_slot *slot = &rx->slots[rx->ring.rsp_prod % RING_SLOTS];

        if (!slot->posted) {
            answer_bad(rx, slot);
            continue;
        }
        answer(rx, slot, &rx->received[next], rx->findings[next],
               !rx->frame.inside && validated(rx, next, filled));
        next++;
    }
    keep_held(rx, filled);
    /* Netfront takes a frame whose rest it does not see yet for a broken one: the VF is about to deliver it. */
    if (!rx->frame.inside)
        *notify |= ring_push(&rx->ring);
    return (int)count;
}

void rx_ask(struct rx *rx, unsigned least)
{
    ring_ask(&rx->ring, worth_taking(rx, least));
}

int rx_abandon(struct rx *rx)
{
    int rc = 0;

    while (rx->ring.rsp_prod != rx->ring.req_cons) {
        unsigned pins = 0;

        for (; rx->ring.rsp_prod != rx->ring.req_cons && pins < RX_BATCH; rx->ring.rsp_prod++) {
            const struct rx_slot *slot = &rx->slots[rx->ring.rsp_prod % RING_SLOTS];

            if (slot->posted)
                rx->pins[pins++] = slot->pin;
        }
        if (pins && rx->translate->ops->release(rx->translate, rx->pins, pins) < 0)
            rc = -1;
    }
    return rc;
}

/* The rest of a frame that the VF has begun to deliver will never come: the next answer ends its chain, and the
 * frontend drops it. */
static void end_frame(struct rx *rx, bool *notify)
{
    uint16_t id = rx->slots[rx->ring.rsp_prod % RING_SLOTS].id;

    rx->frame = (struct rx_frame){0};
    rx->ring.req_cons++;
    counter_add(&rx->counters.dropped, 1);
    respond(rx, id, rx->headroom, 0, NETIF_RSP_ERROR);
    *notify |= ring_push(&rx->ring);
}

int rx_take_back(struct rx *rx, bool *notify)
{
    uint32_t answered = rx->ring.rsp_prod, taken = rx->ring.req_cons;

    if (rx_abandon(rx) < 0)
        return -1;
    /* A slot holds its request until its response is written, and none was written behind `answered`. */
    rx->ring.rsp_prod = rx->ring.req_cons = answered;
    rx->posted = rx->held = 0;
    if (rx->frame.inside && answered != taken)
        end_frame(rx, notify);
    return 0;
}
