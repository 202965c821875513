/* SPDX-License-Identifier: MIT */
/* The frontend's half of xenbus (xen/io/xenbus.h), level-triggered: each step reads both states and does what they and
 * our own phase ask for. */
#include "frontend/private.h"

#include "xenstore-schema/keys.h"

#define STEPS_MAX 16u /* more than any way through the phases has */

size_t netvf_front_size(unsigned queues)
{
    return sizeof(struct netvf_front) + queues * sizeof(struct front_queue);
}

int netvf_front_init(void *storage, size_t size, const struct netvf_front_config *config,
                     struct netvf_front **made)
{
    struct netvf_front *front = storage;
    int r;

    if (!config->queues || config->queues > NETVF_FRONT_QUEUES_MAX ||
        size < netvf_front_size(config->queues) ||
        (uintptr_t)storage % _Alignof(struct netvf_front))
        return -XEN_EINVAL;
    if (config->rx_buffers < NETVF_FRONT_RX_PARTS || config->rx_buffers > NETVF_FRONT_BUFFERS_MAX)
        return -XEN_EINVAL;
    if ((config->gso_tcpv4 && !(config->sg && config->csum_blank_ipv4)) ||
        (config->gso_tcpv6 && !(config->sg && config->csum_blank_ipv6)))
        return -XEN_EINVAL;
    if (config->window > NETVF_FRONT_WINDOW_MAX)
        return -XEN_EINVAL;
    memset(storage, 0, netvf_front_size(config->queues));
    r = front_copy(front->dir, sizeof front->dir, config->path);
    if (r < 0)
        return r;
    front->port = config->port;
    front->queues = config->queues;
    front->rx_buffers = config->rx_buffers;
    front->sg = config->sg;
    front->gso_tcpv4 = config->gso_tcpv4;
    front->gso_tcpv6 = config->gso_tcpv6;
    front->csum_blank_ipv4 = config->csum_blank_ipv4;
    front->csum_blank_ipv6 = config->csum_blank_ipv6;
    front->window_pages = config->window;
    front->wanted = true;
    *made = front;
    return 0;
}

/* -- what both ends say --------------------------------------------------------------------------------------------- */

/* What one step goes by. */
struct view {
    bool there;       /* the vif has a backend */
    bool same;        /* it is the one that we know */
    unsigned own, be; /* states; 0: none */
    bool online;      /* the toolstack wants the vif to be there */
};

static int read_backend(struct netvf_front *front, struct view *view)
{
    char key[FRONT_PATH_MAX], path[FRONT_PATH_MAX];
    unsigned domid;
    int r = front_join(key, sizeof key, front->dir, KEY_FE_BACKEND);

    if (r < 0)
        return r;
    r = front->port->read(front->port, key, path, sizeof path);
    if (r <= 0)
        return r == -XEN_ENOENT ? 0 : r;
    r = front_read_number(front, front->dir, KEY_FE_BACKEND_ID, DOMID_FIRST_RESERVED - 1,
                          DOMID_INVALID, &domid);
    if (r < 0)
        return r;
    view->there = domid != DOMID_INVALID;
    view->same = domid == front->backend;
    for (unsigned i = 0; view->same && (i == 0 || path[i - 1]); i++)
        view->same = path[i] == front->backend_path[i];
    /* Another backend becomes ours in START only: whoever has rings with the former goes there first. */
    if (!view->same && view->there && front->phase == PHASE_START) {
        front->backend = (uint16_t)domid;
        view->same = true;
        return front_copy(front->backend_path, sizeof front->backend_path, path);
    }
    return 0;
}

static int look(struct netvf_front *front, struct view *view)
{
    unsigned online = 1;
    int r;

    memset(view, 0, sizeof *view);
    r = read_backend(front, view);
    if (r == 0 && view->there)
        r = front_read_number(front, front->dir, KEY_FE_STATE, XenbusStateReconfigured, 0,
                              &view->own);
    /* What stands in the directory of one that is not ours any more is nothing to us, and may be anything. */
    if (r == 0 && view->same)
        r = front_read_number(front, front->backend_path, KEY_BE_STATE, XenbusStateReconfigured, 0,
                              &view->be);
    if (r == 0 && view->same)
        r = front_read_number(front, front->backend_path, KEY_BE_ONLINE, 1, 1, &online);
    view->online = online;
    return r;
}

static int say(struct netvf_front *front, enum xenbus_state state, enum front_phase phase)
{
    int r = front_write_number(front, KEY_FE_STATE, state);

    if (r < 0)
        return r;
    front->said = state;
    front->phase = phase;
    return 1;
}

/* -- phases: 1 if there may be more to do, 0 if not, or negative ------------------------------------------------------ */

static int in_start(struct netvf_front *front, const struct view *view)
{
    if (!front->wanted) {
        front->phase = PHASE_DOWN;
        return 0;
    }
    if (!view->there)
        return 0;
    switch (view->own) {
    case XenbusStateInitWait:
    case XenbusStateInitialised:
    case XenbusStateConnected:
    case XenbusStateClosing:
    case XenbusStateReconfiguring:
    case XenbusStateReconfigured:
        /* Left by a frontend that has ended without a word: the backend gives its rings back first. */
        return say(front, XenbusStateClosing, PHASE_CLOSING);
    case XenbusStateClosed:
        if (view->be == XenbusStateConnected || view->be == XenbusStateClosing)
            return 0;
        break;
    default:
        break;
    }
    if (!view->online)
        return 0;
    return say(front, XenbusStateInitialising, PHASE_WAIT);
}

static int in_wait(struct netvf_front *front, const struct view *view)
{
    int r;

    if (!front->wanted)
        return say(front, XenbusStateClosing, PHASE_CLOSING);
    if (view->be == XenbusStateClosing)
        return say(front, XenbusStateClosed, PHASE_CLOSED);
    if (view->be != XenbusStateInitWait)
        return 0;
    r = front_connect(front);
    if (r < 0)
        return r;
    front->said = XenbusStateConnected;
    front->phase = PHASE_CONNECTED;
    front->greeted = false;
    return 1;
}

/* What was sent before the backend had bound our channels was not heard. By the book it looks by itself. */
static void greet(struct netvf_front *front)
{
    for (unsigned i = 0; i < front->link.queues; i++) {
        struct front_queue *queue = &front->queue[i];

        front_notify(front, queue, queue->tx_channel);
        if (queue->rx_channel != queue->tx_channel)
            front_notify(front, queue, queue->rx_channel);
    }
    front->greeted = true;
}

static const char *queue_fault(const struct netvf_front *front)
{
    for (unsigned i = 0; i < front->link.queues; i++)
        if (front->queue[i].fault)
            return front->queue[i].fault;
    return NULL;
}

/* The rings are there until the backend has let them go, but nobody uses them any more. */
static int leave(struct netvf_front *front, enum xenbus_state state, enum front_phase phase)
{
    int r = say(front, state, phase);

    /* Not said is not left: the next step looks again at what is to be done. */
    if (r >= 0)
        front->linked = false;
    return r;
}

static int in_connected(struct netvf_front *front, const struct view *view)
{
    unsigned carrier;
    int r;

    if (!front->fault)
        front->fault = queue_fault(front);
    if ((!front->wanted || front->leaving) && !front->fault && view->be == XenbusStateConnected) {
        front->leaving = true;
        front->linked = false;
        if (!front_window_leave(front))
            return 0;
    }
    if (!front->fault)
        front->fault = front->window.fault;
    if (!front->wanted || front->fault || front->leaving)
        return leave(front, XenbusStateClosing, PHASE_CLOSING);
    switch (view->be) {
    case XenbusStateUnknown:
    case XenbusStateClosing:
    case XenbusStateClosed:
        return leave(front, XenbusStateClosed, PHASE_CLOSED);
    default:
        break;
    }
    r = front_read_number(front, front->backend_path, KEY_BE_CARRIER, 1, 1, &carrier);
    if (r < 0)
        return r;
    front->link.carrier = carrier;
    if (view->be == XenbusStateConnected && !front->greeted)
        greet(front);
    if (view->be == XenbusStateConnected)
        front_window_step(front);
    front->fault = front->window.fault;
    return front->fault != NULL;
}

static int in_closing(struct netvf_front *front, const struct view *view)
{
    /* In 2 and 4 it has not seen our Closing yet. */
    if (view->be == XenbusStateConnected || view->be == XenbusStateInitWait ||
        view->be == XenbusStateInitialised)
        return 0;
    return say(front, XenbusStateClosed, PHASE_CLOSED);
}

/* The pages are taken back only here, when the backend has let them go: before, Xen would not end the access. */
static int in_closed(struct netvf_front *front, const struct view *view)
{
    if (view->be == XenbusStateConnected || view->be == XenbusStateClosing ||
        view->be == XenbusStateInitialised || view->be >= XenbusStateReconfiguring)
        return 0;
    front_disconnect(front);
    front->phase = front->wanted && !front->fault ? PHASE_START : PHASE_DOWN;
    return front->phase == PHASE_START;
}

/* The toolstack has made the directories anew (after a migration), or taken them away, or another driver was at work:
 * nobody is left to close with. */
static bool overtaken(const struct netvf_front *front, const struct view *view)
{
    if (front->phase == PHASE_START || front->phase == PHASE_DOWN)
        return false;
    return !view->there || !view->same || view->own != front->said;
}

static int step(struct netvf_front *front)
{
    struct view view;
    int r = look(front, &view);

    if (r < 0)
        return r;
    if (overtaken(front, &view)) {
        front_disconnect(front);
        front->phase = PHASE_START;
        return 1;
    }
    if (!view.there && front->phase == PHASE_START)
        front->backend_path[0] = 0;
    switch (front->phase) {
    case PHASE_START:
        return in_start(front, &view);
    case PHASE_WAIT:
        return in_wait(front, &view);
    case PHASE_CONNECTED:
        return in_connected(front, &view);
    case PHASE_CLOSING:
        return in_closing(front, &view);
    case PHASE_CLOSED:
        return in_closed(front, &view);
    case PHASE_DOWN:
        break;
    }
    return 0;
}

static enum netvf_front_state state_of(const struct netvf_front *front)
{
    switch (front->phase) {
    case PHASE_START:
        return front->backend_path[0] ? NETVF_FRONT_WAITING : NETVF_FRONT_GONE;
    case PHASE_WAIT:
        return NETVF_FRONT_WAITING;
    case PHASE_CONNECTED:
        if (front->leaving)
            return NETVF_FRONT_CLOSING;
        return front->greeted ? NETVF_FRONT_CONNECTED : NETVF_FRONT_CONNECTING;
    case PHASE_CLOSING:
    case PHASE_CLOSED:
        return NETVF_FRONT_CLOSING;
    case PHASE_DOWN:
        break;
    }
    return NETVF_FRONT_DOWN;
}

int netvf_front_step(struct netvf_front *front)
{
    int r = 1;

    for (unsigned i = 0; i < STEPS_MAX && r > 0; i++)
        r = step(front);
    return r < 0 ? r : (int)state_of(front);
}

void netvf_front_close(struct netvf_front *front)
{
    front->wanted = false;
}

void netvf_front_open(struct netvf_front *front)
{
    front->wanted = true;
    front->fault = NULL;
    if (front->phase == PHASE_DOWN)
        front->phase = PHASE_START;
}

void netvf_front_drop(struct netvf_front *front)
{
    front_disconnect(front);
    front->wanted = false;
    front->phase = PHASE_DOWN;
}

/* -- to look at ------------------------------------------------------------------------------------------------------- */

const char *netvf_front_backend_path(const struct netvf_front *front)
{
    return front->backend_path;
}

const struct netvf_front_link *netvf_front_link(const struct netvf_front *front)
{
    return front->phase == PHASE_CONNECTED && front->linked ? &front->link : NULL;
}

const char *netvf_front_fault(const struct netvf_front *front)
{
    return front->fault;
}

uint32_t netvf_front_tx_channel(const struct netvf_front *front, unsigned queue)
{
    return queue < front->queues ? front->queue[queue].tx_channel : 0;
}

uint32_t netvf_front_rx_channel(const struct netvf_front *front, unsigned queue)
{
    return queue < front->queues ? front->queue[queue].rx_channel : 0;
}

void netvf_front_count(const struct netvf_front *front, unsigned queue,
                       struct netvf_front_counters *counters)
{
    memset(counters, 0, sizeof *counters);
    if (queue < front->queues)
        *counters = front->queue[queue].counters;
}

/* -- for the queues' functions ------------------------------------------------------------------------------------------ */

struct front_queue *front_queue_of(struct netvf_front *front, unsigned number, int *error)
{
    *error = -XEN_ENOTCONN;
    if (!front->linked || number >= front->link.queues)
        return NULL;
    *error = -XEN_EBADMSG;
    return front->queue[number].fault ? NULL : &front->queue[number];
}

int front_fault(struct front_queue *queue, const char *how)
{
    queue->fault = how;
    return -XEN_EBADMSG;
}

void front_notify(struct netvf_front *front, struct front_queue *queue, uint32_t channel)
{
    queue->counters.notified++;
    front->port->notify(front->port, channel);
}
