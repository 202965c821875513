/* SPDX-License-Identifier: MIT */
/* The control ring's client, for DMA windows alone (netif.h, "Static Grants"): how many pages the backend would keep mapped,
 * which ones it shall, and which no more. One request at a time, each carried on by netvf_front_step().
 *
 * A backend without a control ring, or one that refuses, costs nothing but what was asked: all works without a window. */
#include "frontend/private.h"

#define REQUEST_WORDS  (sizeof(struct xen_netif_ctrl_request) / sizeof(uint32_t))
#define RESPONSE_WORDS (sizeof(struct xen_netif_ctrl_response) / sizeof(uint32_t))
#define ENTRY_WORDS    (sizeof(struct xen_netif_gref) / sizeof(uint32_t))
#define LIST_MAX       (FRONT_PAGE / sizeof(struct xen_netif_gref))

_Static_assert(sizeof(struct xen_netif_ctrl_request) == 16, "four words");
_Static_assert(sizeof(struct xen_netif_ctrl_response) == 12, "three words");
_Static_assert(sizeof(struct xen_netif_gref) == 8, "two words");

/* Steps that a close waits for the answer about pages that it takes back: it does not wait for a backend for ever. */
#define PATIENCE 8u

static void ask(struct netvf_front *front, unsigned queue, uint16_t type, unsigned count)
{
    struct front_window *window = &front->window;
    struct xen_netif_ctrl_request request = {.id = ++window->id, .type = type};
    uint32_t words[REQUEST_WORDS];

    request.data[0] = queue;
    if (type != XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE) {
        request.data[1] = window->list.gref;
        request.data[2] = count;
    }
    memcpy(words, &request, sizeof words);
    ring_put(&window->ring, words, REQUEST_WORDS);
    window->queue = (uint16_t)queue;
    window->type = type;
    window->asked = (uint16_t)count;
    window->busy = true;
    if (ring_push(&window->ring))
        front->port->notify(front->port, window->channel);
    ring_ask(&window->ring);
}

/* A page's entry, each word written once; what the backend writes over it is read by nobody but the removal. */
static void put_entry(struct netvf_front *front, unsigned at, uint32_t gref, bool readonly)
{
    volatile uint32_t *words = (volatile uint32_t *)front->window.list.bytes + at * ENTRY_WORDS;

    shm_write32(&words[0], gref);
    shm_write32(&words[1], readonly ? XEN_NETIF_CTRLF_GREF_readonly : 0);
}

static void add(struct netvf_front *front, unsigned number, const struct netvf_front_page *pages,
                unsigned count, bool readonly)
{
    for (unsigned i = 0; i < count; i++)
        put_entry(front, i, pages[i].gref, readonly);
    ask(front, number, XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING, count);
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* The next thing to ask about a queue; false if there is none. Receive buffers come first: each is used by the backend
 * whatever the guest does. */
static bool next_request(struct netvf_front *front, unsigned number)
{
    struct front_queue *queue = &front->queue[number];
    unsigned room;

    switch (queue->window) {
    case WINDOW_UNKNOWN:
        ask(front, number, XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE, 0);
        return true;
    case WINDOW_KNOWN:
        room = least(queue->window_most, front->rx_buffers);
        add(front, number, queue->pages, room, false);
        return true;
    case WINDOW_RX:
        room = least(queue->window_most - queue->window_rx, queue->lent_count);
        if (!room)
            return false;
        add(front, number, queue->lent, room, true);
        return true;
    case WINDOW_TX:
    case WINDOW_NONE:
        break;
    }
    return false;
}

/* -- answers ---------------------------------------------------------------------------------------------------------- */

/* What does not fit together is no window. Pages that the backend may have mapped all the same go with the connection. */
static void got_size(struct netvf_front *front, struct front_queue *queue, uint32_t most)
{
    queue->window_most = (uint16_t)least(least(most, front->window_pages), LIST_MAX);
    queue->window = queue->window_most ? WINDOW_KNOWN : WINDOW_NONE;
}

static void got_addition(struct netvf_front *front, struct front_queue *queue, bool refused)
{
    bool first = queue->window == WINDOW_KNOWN;

    if (refused) {
        queue->window = first ? WINDOW_NONE : WINDOW_TX;
        return;
    }
    if (first)
        queue->window_rx = (uint16_t)front->window.asked;
    else
        queue->window_tx = (uint16_t)front->window.asked;
    queue->window = first ? WINDOW_RX : WINDOW_TX;
}

/* Those whose status says so are gone; the backend cannot take out more than were in. */
static void got_removal(struct netvf_front *front, struct front_queue *queue)
{
    const volatile uint32_t *words = front->window.list.bytes;
    unsigned gone = 0;

    for (unsigned i = 0; i < front->window.asked; i++)
        gone += shm_read32(&words[i * ENTRY_WORDS + 1]) >> 16 == XEN_NETIF_CTRL_STATUS_SUCCESS;
    queue->window_tx = (uint16_t)(queue->window_tx - least(gone, queue->window_tx));
}

static void take_answer(struct netvf_front *front)
{
    struct front_window *window = &front->window;
    struct front_queue *queue = &front->queue[window->queue];
    struct xen_netif_ctrl_response response;
    uint32_t words[RESPONSE_WORDS];

    ring_copy(&window->ring, window->ring.rsp_cons, words, RESPONSE_WORDS);
    window->ring.rsp_cons++;
    memcpy(&response, words, sizeof response);
    window->busy = false;
    if (response.id != window->id || response.type != window->type) {
        window->fault = "the backend has answered a control request that was not made";
        return;
    }
    switch (response.type) {
    case XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE:
        got_size(front, queue, response.status ? 0 : response.data);
        break;
    case XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING:
        got_addition(front, queue, response.status != XEN_NETIF_CTRL_STATUS_SUCCESS);
        break;
    default:
        queue->window_removed = true;
        if (!response.status)
            got_removal(front, queue);
    }
}

/* -- from netvf_front_step() ------------------------------------------------------------------------------------------ */

static int answer_waits(struct front_window *window)
{
    int waiting = ring_waiting(&window->ring);

    if (waiting < 0)
        window->fault = "the backend has answered more of the control ring than was asked";
    return window->fault ? -1 : waiting;
}

/* Whether there is an answer to act on, or none to wait for. */
static bool ready(struct netvf_front *front)
{
    struct front_window *window = &front->window;

    if (!window->open || window->fault)
        return false;
    if (!window->busy)
        return true;
    if (answer_waits(window) <= 0)
        return false;
    take_answer(front);
    return !window->fault;
}

void front_window_step(struct netvf_front *front)
{
    while (ready(front)) {
        unsigned queue = 0;

        while (queue < front->link.queues && !next_request(front, queue))
            queue++;
        if (queue == front->link.queues)
            return;
    }
}

/* Pages that are sent from are the caller's, who may want them for something else when the connection is closed: so they are
 * taken out before. Those that are received into stay with the backend until it has closed. */
bool front_window_leave(struct netvf_front *front)
{
    struct front_window *window = &front->window;

    if (!window->open || window->fault || window->patience++ == PATIENCE)
        return true;
    while (ready(front)) {
        struct front_queue *queue;
        unsigned number = 0;

        while (number < front->link.queues &&
               (front->queue[number].window_removed || !front->queue[number].window_tx))
            number++;
        if (number == front->link.queues)
            return true;
        queue = &front->queue[number];
        for (unsigned i = 0; i < queue->window_tx; i++)
            put_entry(front, i, queue->lent[i].gref, false);
        ask(front, number, XEN_NETIF_CTRL_TYPE_DEL_GREF_MAPPING, queue->window_tx);
    }
    return window->fault != NULL;
}

/* -- for the caller --------------------------------------------------------------------------------------------------- */

int netvf_front_window_add(struct netvf_front *front, unsigned number,
                           const struct netvf_front_page *pages, unsigned count)
{
    int error;
    struct front_queue *queue = front_queue_of(front, number, &error);

    if (!queue)
        return error;
    if (queue->lent_count || !count || count > LIST_MAX)
        return -XEN_EINVAL;
    queue->lent = pages;
    queue->lent_count = (uint16_t)count;
    return 0;
}

unsigned netvf_front_window_pages(const struct netvf_front *front, unsigned queue)
{
    if (!front->linked || queue >= front->link.queues)
        return 0;
    return front->queue[queue].window_rx + front->queue[queue].window_tx;
}

uint32_t netvf_front_ctrl_channel(const struct netvf_front *front)
{
    return front->window.channel;
}

bool netvf_front_ctrl_waiting(const struct netvf_front *front)
{
    const struct front_window *window = &front->window;

    return window->open && window->busy && !window->fault && ring_waiting(&window->ring) != 0;
}
