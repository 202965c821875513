/* SPDX-License-Identifier: MIT */
/* The frontend's library against a hostile backend and a port whose calls fail. After each step: no shared page that is
 * not granted is touched and no word of a ring is read twice, each buffer has one owner, cookies come back once at most
 * and only those that are out, what is handed out lies within its page and was offered, and nothing is shared while there
 * is no connection. Afterwards a backend that goes by the book is connected to, and carries frames. */
#include "fuzz/hostile_backend.h"

#include "xenstore-schema/keys.h"

#define HELD_MAX   24u
#define QUEUE_ACTS 9u

/* What the caller of the library knows. */
struct sent {
    uint64_t cookies[RING_SLOTS]; /* out, in no order */
    unsigned count;
};

struct held {
    struct netvf_front_rx_frame frame;
    unsigned queue;
};

static struct netvf_front *front;
static struct netvf_front_config config;
static struct sent sent[BACKEND_QUEUES];
static struct held held[HELD_MAX];
static unsigned held_count;
static uint64_t next_cookie;
static uint32_t generation; /* that `sent` belongs to */

static struct netvf_front *make(void)
{
    uint8_t how = input_u8(&backend.in), buffers = input_u8(&backend.in);
    size_t size;
    void *storage;

    config = (struct netvf_front_config){
        .port = &backend.sim.port,
        .path = FE_DIR,
        .queues = (uint16_t)(how & 1 ? BACKEND_QUEUES : 1),
        .rx_buffers = (uint16_t)(buffers < 250 ? NETVF_FRONT_RX_PARTS + buffers % 32
                                               : NETVF_FRONT_BUFFERS_MAX),
        .sg = how & 2,
        .csum_blank_ipv4 = how & 4,
        .csum_blank_ipv6 = how & 8,
        .gso_tcpv4 = (how & 22) == 22,
        .gso_tcpv6 = (how & 42) == 42,
    };
    size = netvf_front_size(config.queues);
    storage = malloc(size); /* exactly so long, that a sanitizer sees each byte behind it */
    require(netvf_front_init(storage, size, &config, &front) == 0);
    return front;
}

/* ---- Oracles ---- */

/* Each page has one owner: the list of free ones, a request that is out, the caller, or the frame that is being told. */
static void check_buffers(const struct front_queue *queue, unsigned number)
{
    unsigned owners[NETVF_FRONT_BUFFERS_MAX] = {0};

    require(queue->free_count <= config.rx_buffers);
    for (unsigned i = 0; i < queue->free_count; i++) {
        require(queue->owner[queue->free_pages[i]] == PAGE_FREE);
        owners[queue->free_pages[i]]++;
    }
    require(queue->rx.req_prod - queue->rx.rsp_cons <= RING_SLOTS);
    for (uint32_t i = queue->rx.rsp_cons; i != queue->rx.req_prod; i++) {
        require(queue->owner[queue->posted[i % RING_SLOTS]] == PAGE_POSTED);
        owners[queue->posted[i % RING_SLOTS]]++;
    }
    for (unsigned i = 0; i < queue->inside.frame.count; i++)
        owners[queue->inside.frame.parts[i].page]++;
    for (unsigned i = 0; i < held_count; i++)
        for (unsigned part = 0; part < held[i].frame.count && held[i].queue == number; part++)
            owners[held[i].frame.parts[part].page] +=
                held[i].frame.generation == front->link.generation;
    for (unsigned i = 0; i < config.rx_buffers; i++)
        require(owners[i] == 1);
}

/* Ids: free, once each, or a slot's of a frame that is out. */
static void check_ids(const struct front_queue *queue, const struct sent *out)
{
    bool is_free[RING_SLOTS] = {false};
    unsigned count = 0, frames = 0;

    for (uint16_t id = queue->free_id; id != FRONT_NO_ID; id = queue->slots[id].next) {
        require(id < RING_SLOTS && !is_free[id] && !queue->slots[id].busy);
        is_free[id] = true;
        count++;
    }
    require(count == queue->free_ids);
    require(queue->tx.req_prod - queue->tx.rsp_cons <= RING_SLOTS);
    for (unsigned id = 0; id < RING_SLOTS; id++)
        frames += !is_free[id] && queue->slots[id].first == id;
    require(frames == out->count);
}

static void check_link(const struct netvf_front_link *link)
{
    require(link->queues >= 1 && link->queues <= config.queues);
    require(link->mtu <= 65521 && (link->sg || link->mtu <= 1500));
    require(!link->gso_tcpv4 || (link->sg && link->csum_blank_ipv4));
    require(!link->gso_tcpv6 || (link->sg && link->csum_blank_ipv6));
    require(backend.sim.live_pages == link->queues * (2u + config.rx_buffers));
    require(backend.sim.live_channels == link->queues * (link->split ? 2u : 1u));
    if (link->generation != generation)
        memset(sent, 0, sizeof sent);
    generation = link->generation;
    for (unsigned i = 0; i < link->queues; i++) {
        const struct front_queue *queue = &front->queue[i];

        require(backend.sim.granted_to[queue->tx_page.gref] == link->backend);
        require(backend.sim.granted_to[queue->rx_page.gref] == link->backend);
        require(netvf_front_tx_channel(front, i) && netvf_front_rx_channel(front, i));
        if (queue->fault)
            continue; /* what it has in its hands then comes back with the connection's end */
        check_buffers(queue, i);
        check_ids(queue, &sent[i]);
    }
}

/* A fault has ended its connection: there is another one only for netvf_front_open(), or, where the fault was not told of
 * yet, for a vif that was made anew. */
static void check_fault(bool told, bool fault, uint32_t before)
{
    if (!netvf_front_link(front))
        return;
    require(!told);
    require(!fault || front->link.generation != before);
}

static void step(void)
{
    bool told = netvf_front_fault(front), fault = false;
    uint32_t before = front->link.generation;
    int state;

    for (unsigned i = 0; netvf_front_link(front) && i < front->link.queues; i++)
        fault |= front->queue[i].fault != NULL;
    state = netvf_front_step(front);
    require(!backend.sim.transaction);
    require(state <= (int)NETVF_FRONT_DOWN);
    if (netvf_front_link(front))
        check_link(netvf_front_link(front));
    if (state < 0)
        return;
    check_fault(told, fault, before);
    /* What it says is so. */
    require((state == NETVF_FRONT_CONNECTING || state == NETVF_FRONT_CONNECTED) ==
            (netvf_front_link(front) != NULL));
    require(front->wanted || !netvf_front_link(front));
    if (state != NETVF_FRONT_CLOSING && !netvf_front_link(front))
        require(!backend.sim.live_pages && !backend.sim.live_channels);
}

/* ---- Sending ---- */

static bool is_frame(const struct netvf_front_tx_frame *frame)
{
    const struct netvf_front_link *link = netvf_front_link(front);
    unsigned total = 0;

    for (unsigned i = 0; i < frame->count; i++) {
        if (!frame->parts[i].length || frame->parts[i].offset + frame->parts[i].length > 4096)
            return false;
        total += frame->parts[i].length;
    }
    if (frame->count < 1 || frame->count > (link->sg ? NETVF_FRONT_TX_PARTS : 1))
        return false;
    if (frame->csum_blank && !link->csum_blank_ipv4 && !link->csum_blank_ipv6)
        return false;
    if (frame->gso && !(frame->csum_blank && frame->gso_size &&
                        (frame->gso == NETVF_FRONT_GSO_TCPV4 ? link->gso_tcpv4 : link->gso_tcpv6)))
        return false;
    return frame->parts[0].length >= 14 && total <= 65535;
}

static void send_frame(unsigned queue)
{
    struct netvf_front_tx_part parts[NETVF_FRONT_TX_PARTS + 2] = {0};
    unsigned how = input_u8(&backend.in), count = input_u8(&backend.in) % 21;
    struct netvf_front_tx_frame frame = {
        .parts = parts,
        .count = (uint16_t)(how & 1 ? 1 : count),
        .csum_blank = how & 2,
        .gso = how & 4 ? (enum netvf_front_gso)(how >> 3 & 3) : NETVF_FRONT_GSO_NONE,
        .gso_size = how & 32 ? 0 : 1448,
        .cookie = next_cookie,
    };
    unsigned room = netvf_front_tx_room(front, queue), need = frame.count + (frame.gso ? 1u : 0);
    int r;

    if (frame.gso > NETVF_FRONT_GSO_TCPV6)
        frame.gso = NETVF_FRONT_GSO_TCPV6;
    for (unsigned i = 0; i < frame.count; i++)
        parts[i] = (struct netvf_front_tx_part){.gref = i, .length = input_u8(&backend.in)};
    if (how & 64)
        parts[0].length = input_u16(&backend.in) % 4200;
    if (how & 128)
        parts[frame.count / 2].offset = input_u16(&backend.in) % 4200;
    r = netvf_front_tx(front, queue, &frame);
    if (r == -XEN_EBADMSG || r == -XEN_ENOTCONN)
        return;
    require(r == (!is_frame(&frame) ? -XEN_EINVAL : need > room ? -XEN_EAGAIN : 0));
    if (r < 0)
        return;
    require(netvf_front_tx_room(front, queue) == room - need);
    require(sent[queue].count < RING_SLOTS);
    sent[queue].cookies[sent[queue].count++] = next_cookie++;
}

static int take_done(unsigned queue, unsigned max)
{
    struct netvf_front_done done[RING_SLOTS];
    int count = netvf_front_tx_done(front, queue, done, max);

    require(count <= (int)max);
    for (int i = 0; i < count; i++) {
        unsigned at = 0;

        while (at < sent[queue].count && sent[queue].cookies[at] != done[i].cookie)
            at++;
        require(at < sent[queue].count);
        sent[queue].cookies[at] = sent[queue].cookies[--sent[queue].count];
    }
    return count;
}

/* ---- Receiving ---- */

static void check_frame(const struct netvf_front_rx_frame *frame, const struct front_queue *queue)
{
    uint32_t length = 0;

    require(frame->count >= 1 && frame->count <= (config.sg ? NETVF_FRONT_RX_PARTS : 1));
    for (unsigned i = 0; i < frame->count; i++) {
        const struct netvf_front_rx_part *part = &frame->parts[i];
        const uint8_t *page;

        require(part->page < config.rx_buffers && queue->owner[part->page] == PAGE_LENT);
        page = queue->pages[part->page].bytes;
        require(part->length >= 1 && part->bytes >= page);
        require(part->bytes + part->length <= page + FRONT_PAGE);
        length += part->length;
    }
    require(length == frame->length && length >= 14);
    require(frame->gso == NETVF_FRONT_GSO_NONE ||
            (frame->gso == NETVF_FRONT_GSO_TCPV4 ? config.gso_tcpv4 : config.gso_tcpv6));
    require(!frame->gso || (frame->gso_size && frame->gso <= NETVF_FRONT_GSO_TCPV6));
    require(!frame->csum_blank || config.csum_blank_ipv4 || config.csum_blank_ipv6);
    require(frame->generation == front->link.generation);
}

static void receive(unsigned queue)
{
    struct held *one;

    if (held_count == HELD_MAX)
        return;
    one = &held[held_count];
    if (netvf_front_rx(front, queue, &one->frame) != 1)
        return;
    check_frame(&one->frame, &front->queue[queue]);
    one->queue = queue;
    held_count++;
}

static void release(unsigned which)
{
    struct held *one = &held[which];
    bool current = one->frame.generation == front->link.generation;
    int r = netvf_front_rx_release(front, one->queue, &one->frame);

    if (r == 0 && current)
        require(netvf_front_rx_release(front, one->queue, &one->frame) == -XEN_EINVAL);
    require(r == 0 || r == -XEN_EBADMSG || r == -XEN_ENOTCONN);
    *one = held[--held_count];
}

/* ---- Acts ---- */

static void queue_act(unsigned act)
{
    unsigned queue = input_u8(&backend.in) % BACKEND_QUEUES;
    int r = 0;

    switch (act) {
    case 0:
    case 1:
        send_frame(queue);
        break;
    case 2:
        r = netvf_front_tx_push(front, queue);
        break;
    case 3:
        take_done(queue, input_u8(&backend.in));
        break;
    case 4:
        r = netvf_front_tx_arm(front, queue);
        break;
    case 5:
        receive(queue);
        break;
    case 6:
        if (held_count)
            release(input_u8(&backend.in) % held_count);
        break;
    case 7:
        r = netvf_front_rx_fill(front, queue);
        break;
    case 8:
        r = netvf_front_rx_arm(front, queue);
        break;
    }
    require(r >= 0 || r == -XEN_EBADMSG || r == -XEN_ENOTCONN);
}

static void drop(void)
{
    netvf_front_drop(front);
    require(!backend.sim.live_pages && !backend.sim.live_channels);
    require(!netvf_front_link(front));
}

/* To a connection by a short way, which inputs would find seldom: the backend does what is due, once. */
static void take_turns(void)
{
    backend_follow();
    step();
    backend_follow();
    step();
}

static void act(void)
{
    unsigned choice = input_u8(&backend.in) % 32;

    if (choice < BACKEND_ACTS) {
        backend_act(choice);
        return;
    }
    choice -= BACKEND_ACTS;
    if (choice < QUEUE_ACTS) {
        backend.call++;
        backend.once = true;
        queue_act(choice);
        backend.once = false;
        if (netvf_front_link(front))
            check_link(netvf_front_link(front));
        return;
    }
    switch (choice - QUEUE_ACTS) {
    default:
        step();
        break;
    case 0:
        take_turns();
        break;
    case 1:
        netvf_front_close(front);
        break;
    case 2:
        netvf_front_open(front);
        break;
    case 3:
        drop();
        break;
    }
}

/* ---- Afterwards ---- */

/* The toolstack has taken the vif away and made it anew; or the keys are there as they were, but for what the hostile
 * backend has written, and the frontend's own state stands as it has said it. */
static void mend(bool anew)
{
    if (anew || front_sim_number(&backend.sim, KEY_FE_STATE) != front->said) {
        backend_make_vif();
        return;
    }
    front_sim_set(&backend.sim, BE_DIR, NULL);
    front_sim_set(&backend.sim, FE_DIR "/" KEY_FE_MTU, NULL);
    front_sim_make_vif(&backend.sim, BE_DIR, "0");
    front_sim_set(&backend.sim, FE_DIR "/" KEY_FE_STATE, (char[]){(char)('0' + front->said), 0});
}

static void take_many_turns(void)
{
    for (unsigned i = 0; i < 8; i++)
        take_turns();
}

/* By the book a connection ends, whatever has been done to it, and there is another one. */
static void connect_again(bool anew)
{
    backend_calm();
    mend(anew);
    netvf_front_close(front);
    take_many_turns();
    require(netvf_front_step(front) == NETVF_FRONT_DOWN);
    netvf_front_open(front);
    take_many_turns();
    require(netvf_front_link(front) && !netvf_front_fault(front));
}

/* A frame each way. */
static void carry(void)
{
    const struct netvf_front_tx_part part = {.gref = 1, .length = 60};
    const struct netvf_front_tx_frame frame = {.parts = &part, .count = 1, .cookie = next_cookie};
    struct netvf_front_counters before, after;

    held_count = 0; /* of former connections */
    netvf_front_count(front, 0, &before);
    require(netvf_front_tx(front, 0, &frame) == 0);
    sent[0].cookies[sent[0].count++] = next_cookie++;
    require(netvf_front_tx_push(front, 0) == 0);
    backend_answer_tx(0, RING_SLOTS);
    require(take_done(0, RING_SLOTS) == 1 && sent[0].count == 0);
    backend_answer_rx(0, 100, 0, 60);
    receive(0);
    require(held_count == 1 && held[0].frame.length == 60);
    release(0);
    require(netvf_front_rx_fill(front, 0) == 0);
    netvf_front_count(front, 0, &after);
    require(after.tx_failed == before.tx_failed && after.rx_frames == before.rx_frames + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t how;

    backend_open(data, size);
    held_count = 0;
    generation = 0;
    next_cookie = 1;
    memset(sent, 0, sizeof sent);
    backend.front = make();
    backend_make_vif();
    how = input_u8(&backend.in);
    if (how & 1)
        take_turns();
    while (backend.in.left)
        act();
    connect_again(how & 2);
    carry();
    drop();
    free(front);
    backend_close();
    return 0;
}
