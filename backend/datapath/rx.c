/* SPDX-License-Identifier: MIT */
#include "datapath/rx.h"

#include "common/counter.h"
#include "datapath/headers.h"

#include <string.h>
#include <xen/io/netif.h>

/* With fewer buffers than this the VF is fed at once, whatever the batch. */
#define RX_LOW 64u
/* Ethernet: destination, then source. A copy of the latter takes one place in the scratch page. */
#define MAC_LENGTH    6u
#define SOURCE_OFFSET 6u
#define SCRATCH_PLACE 8u

/* A slot, request or response, in words. */
#define SLOT_WORDS ((unsigned)(sizeof(union netif_rx_sring_entry) / sizeof(uint32_t)))

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

/* Field by field, and nothing but the response's own bytes (XSA-216). */
static void respond(struct rx *rx, uint16_t id, uint16_t flags, int16_t status)
{
    volatile uint32_t *slot = ring_slot(&rx->ring, rx->ring.rsp_prod++, SLOT_WORDS);

    shm_write32(&slot[0], id | (uint32_t)rx->headroom << 16); /* the frame's offset in its page */
    shm_write32(&slot[1], flags | (uint32_t)(uint16_t)status << 16);
}

/* A buffer that the VF never had, its reference being bad. In the middle of a frame the chain must go on over it: a
 * frontend would take what follows for a frame of its own. */
static void answer_bad(struct rx *rx, const struct rx_slot *slot)
{
    if (!rx->frame.inside)
        counter_add(&rx->counters.dropped, 1);
    rx->frame.spoiled = rx->frame.inside;
    respond(rx, slot->id, rx->frame.inside ? NETRXF_more_data : 0, NETIF_RSP_ERROR);
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
                   bool own, bool csum_ok)
{
    struct rx_frame *frame = &rx->frame;
    uint16_t flags = received->last ? 0 : NETRXF_more_data;

    if (!frame->inside)
        frame->own = own;
    frame->inside = !received->last;
    frame->spoiled |= received->error;
    frame->bytes += received->length;
    if (frame->own || received->error)
        respond(rx, slot->id, flags, NETIF_RSP_ERROR);
    else
        respond(rx, slot->id, flags | (csum_ok ? NETRXF_data_validated : 0),
                (int16_t)received->length);
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

/* Among the first `count` slots, the frames that may be the vif's own. Returns how many; what it takes to see their
 * source addresses is in rx->copies then. */
static unsigned find_candidates(struct rx *rx, unsigned count)
{
    unsigned found = 0, next = 0;
    bool begins = !rx->frame.inside;

    for (unsigned i = 0; i < count; i++) {
        const struct rx_slot *slot = &rx->slots[(rx->ring.rsp_prod + i) % RING_SLOTS];
        const struct vf_received *received = &rx->received[next];

        if (!slot->posted)
            continue;
        if (begins && !received->error && received->length >= ETH_HEADER &&
            echo_possible(rx->echo, next, received->length)) {
            rx->candidates[found] = (uint16_t)next;
            rx->copies[found] = (struct grant_copy){
                .own = rx->scratch->dma + found * SCRATCH_PLACE,
                .own_va = (uint8_t *)rx->scratch->va + found * SCRATCH_PLACE,
                .gref = slot->pin.gref,
                .offset = (uint16_t)(rx->headroom + SOURCE_OFFSET),
                .length = MAC_LENGTH,
            };
            found++;
        }
        begins = received->last;
        next++;
    }
    return found;
}

/* Marks the vif's own frames among the `filled` buffers in the first `count` slots: one fetch, if there may be any.
 * -1/errno on a host fault. */
static int mark_own(struct rx *rx, unsigned count, unsigned filled)
{
    unsigned candidates = find_candidates(rx, count);

    memset(rx->own, 0, filled * sizeof rx->own[0]);
    echo_seen(rx->echo, filled);
    if (!candidates)
        return 0;
    if (rx->translate->ops->fetch(rx->translate, rx->copies, candidates) < 0)
        return -1;
    for (unsigned i = 0; i < candidates; i++) {
        const uint8_t *source = (const uint8_t *)rx->scratch->va + i * SCRATCH_PLACE;

        rx->own[rx->candidates[i]] =
            !rx->copies[i].status && memcmp(source, rx->mac, MAC_LENGTH) == 0;
    }
    return 0;
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

int rx_complete(struct rx *rx, bool *notify)
{
    unsigned filled = rx->queue->ops->rx_reap(rx->queue, rx->received, RX_BATCH);
    unsigned count = answerable(rx, filled);
    unsigned pins = 0, next = 0;

    if (!count)
        return 0;
    if (filled && mark_own(rx, count, filled) < 0)
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
        answer(rx, slot, &rx->received[next], rx->own[next],
               !rx->frame.inside && validated(rx, next, filled));
        next++;
    }
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
    respond(rx, id, 0, NETIF_RSP_ERROR);
    *notify |= ring_push(&rx->ring);
}

int rx_take_back(struct rx *rx, bool *notify)
{
    uint32_t answered = rx->ring.rsp_prod, taken = rx->ring.req_cons;

    if (rx_abandon(rx) < 0)
        return -1;
    /* A slot holds its request until its response is written, and none was written behind `answered`. */
    rx->ring.rsp_prod = rx->ring.req_cons = answered;
    rx->posted = 0;
    if (rx->frame.inside && answered != taken)
        end_frame(rx, notify);
    return 0;
}
