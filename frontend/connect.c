/* SPDX-License-Identifier: MIT */
/* From the backend's offer to rings, and back: what is shared, and what is written about it (netif.h, "Multiple transmit
 * and receive queues", "Feature split event channels"). */
#include "frontend/private.h"

#include "xenstore-schema/keys.h"

#define TRANSACTION_TRIES 8u

/* -- what the backend offers -------------------------------------------------------------------------------------- */

static int read_features(struct netvf_front *front, struct netvf_front_link *link)
{
    bool copy, no_csum;
    int r = front_read_flag(front, KEY_BE_FEATURE_RX_COPY, false, &copy);

    if (r >= 0 && !copy)
        return -XEN_EOPNOTSUPP;
    if (r >= 0)
        r = front_read_flag(front, KEY_BE_FEATURE_SG, false, &link->sg);
    if (r >= 0)
        r = front_read_flag(front, KEY_BE_FEATURE_GSO_TCPV4, false, &link->gso_tcpv4);
    if (r >= 0)
        r = front_read_flag(front, KEY_BE_FEATURE_GSO_TCPV6, false, &link->gso_tcpv6);
    /* The one key that says what is not there. */
    if (r >= 0)
        r = front_read_flag(front, KEY_BE_FEATURE_NO_CSUM_OFFLOAD, false, &no_csum);
    if (r >= 0)
        r = front_read_flag(front, KEY_BE_FEATURE_IPV6_CSUM_OFFLOAD, false, &link->csum_blank_ipv6);
    if (r >= 0)
        r = front_read_flag(front, KEY_BE_FEATURE_SPLIT_EVENT_CHANNELS, false, &link->split);
    if (r < 0)
        return r;
    link->csum_blank_ipv4 = !no_csum;
    /* Segments are parts, and their checksums are left to who makes them. */
    link->gso_tcpv4 = link->gso_tcpv4 && link->sg && link->csum_blank_ipv4;
    link->gso_tcpv6 = link->gso_tcpv6 && link->sg && link->csum_blank_ipv6;
    return 0;
}

/* *several: the backend knows of queues at all, and wants to be told how many. */
static int read_link(struct netvf_front *front, struct netvf_front_link *link, bool *several)
{
    unsigned most, mtu;
    int r = read_features(front, link);

    if (r >= 0)
        r = front_read_number(front, front->backend_path, KEY_BE_MULTI_QUEUE_MAX_QUEUES, 0xffff, 0,
                              &most);
    if (r >= 0)
        r = front_read_number(front, front->dir, KEY_FE_MTU, XEN_NETIF_MAX_TX_SIZE - FRONT_ETH_HLEN,
                              1500, &mtu);
    if (r >= 0)
        r = front_read_mac(front, link->mac);
    if (r < 0)
        return r;
    *several = most > 0;
    link->queues = (uint16_t)(!most ? 1 : most < front->queues ? most : front->queues);
    /* Longer frames than a page are several parts. */
    link->mtu = (uint16_t)(mtu > 1500 && !link->sg ? 1500 : mtu);
    link->backend = front->backend;
    link->carrier = true;
    return 0;
}

/* -- rings and channels --------------------------------------------------------------------------------------------- */

static int open_channels(struct netvf_front *front, struct front_queue *queue, bool split)
{
    struct netvf_front_port *port = front->port;
    int r = port->open_channel(port, front->backend, &queue->tx_channel);

    if (r < 0) {
        queue->tx_channel = 0;
        return r;
    }
    if (!split) {
        queue->rx_channel = queue->tx_channel;
        return 0;
    }
    r = port->open_channel(port, front->backend, &queue->rx_channel);
    if (r < 0)
        queue->rx_channel = 0;
    return r;
}

static int share(struct netvf_front *front, bool readonly, struct netvf_front_page *pages,
                 unsigned count)
{
    int r = front->port->share(front->port, front->backend, readonly, pages, count);

    if (r < 0)
        pages[0].bytes = NULL;
    return r;
}

static int open_queue(struct netvf_front *front, struct front_queue *queue, bool split)
{
    int r = share(front, false, &queue->tx_page, 1);

    if (r >= 0)
        r = share(front, false, &queue->rx_page, 1);
    if (r >= 0)
        r = share(front, false, queue->pages, front->rx_buffers);
    if (r >= 0)
        r = open_channels(front, queue, split);
    if (r < 0)
        return r;
    ring_init(&queue->tx, queue->tx_page.bytes, sizeof(netif_tx_request_t) / 4);
    ring_init(&queue->rx, queue->rx_page.bytes, sizeof(netif_rx_request_t) / 4);
    front_tx_reset(queue);
    front_rx_reset(front, queue);
    return 0;
}

static int open_window(struct netvf_front *front)
{
    struct front_window *window = &front->window;
    bool offered;
    int r = front_read_flag(front, KEY_BE_FEATURE_CTRL_RING, false, &offered);

    if (r < 0 || !offered || !front->window_pages)
        return r;
    r = share(front, false, &window->page, 1);
    if (r >= 0)
        r = share(front, false, &window->list, 1);
    if (r >= 0)
        r = front->port->open_channel(front->port, front->backend, &window->channel);
    if (r < 0) {
        window->channel = 0;
        return r;
    }
    ring_init(&window->ring, window->page.bytes, sizeof(struct xen_netif_ctrl_request) / 4);
    window->open = true;
    return 0;
}

static void unshare(struct netvf_front *front, struct netvf_front_page *pages, unsigned count)
{
    if (pages[0].bytes)
        front->port->unshare(front->port, pages, count);
    memset(pages, 0, count * sizeof *pages);
}

/* Also of one that was opened in part. */
static void close_queue(struct netvf_front *front, struct front_queue *queue)
{
    if (queue->rx_channel && queue->rx_channel != queue->tx_channel)
        front->port->close_channel(front->port, queue->rx_channel);
    if (queue->tx_channel)
        front->port->close_channel(front->port, queue->tx_channel);
    queue->tx_channel = queue->rx_channel = 0;
    unshare(front, queue->pages, front->rx_buffers);
    unshare(front, &queue->rx_page, 1);
    unshare(front, &queue->tx_page, 1);
    queue->fault = NULL;
    queue->window = WINDOW_UNKNOWN;
    queue->window_removed = false;
    queue->window_most = queue->window_rx = queue->window_tx = queue->lent_count = 0;
    queue->lent = NULL;
}

static void close_window(struct netvf_front *front)
{
    struct front_window *window = &front->window;

    if (window->channel)
        front->port->close_channel(front->port, window->channel);
    unshare(front, &window->list, 1);
    unshare(front, &window->page, 1);
    memset(window, 0, sizeof *window);
}

void front_disconnect(struct netvf_front *front)
{
    front->linked = front->leaving = false;
    close_window(front);
    for (unsigned i = front->queues; i--;)
        close_queue(front, &front->queue[i]);
}

/* -- what is written ------------------------------------------------------------------------------------------------ */

/* Where a queue's keys are: at the top for a single one, else in a directory of its own. */
struct key_names {
    const char *tx_ring, *rx_ring, *channel, *tx_channel, *rx_channel;
};

static const struct key_names *key_names(bool own_directory)
{
    static const struct key_names flat = {KEY_FE_TX_RING_REF, KEY_FE_RX_RING_REF,
                                          KEY_FE_EVENT_CHANNEL, KEY_FE_EVENT_CHANNEL_TX,
                                          KEY_FE_EVENT_CHANNEL_RX};
    static const struct key_names each = {
        KEY_FE_QUEUE_N_TX_RING_REF, KEY_FE_QUEUE_N_RX_RING_REF, KEY_FE_QUEUE_N_EVENT_CHANNEL,
        KEY_FE_QUEUE_N_EVENT_CHANNEL_TX, KEY_FE_QUEUE_N_EVENT_CHANNEL_RX};

    return own_directory ? &each : &flat;
}

static int write_queue_key(struct netvf_front *front, const char *name, unsigned number,
                           unsigned value)
{
    char key[32];
    int r = front_format(key, sizeof key, name, number);

    return r < 0 ? r : front_write_number(front, key, value);
}

static int write_queue(struct netvf_front *front, unsigned number)
{
    const struct front_queue *queue = &front->queue[number];
    const struct key_names *names = key_names(front->link.queues > 1);
    int r = write_queue_key(front, names->tx_ring, number, queue->tx_page.gref);

    if (r >= 0)
        r = write_queue_key(front, names->rx_ring, number, queue->rx_page.gref);
    if (r >= 0 && !front->link.split)
        return write_queue_key(front, names->channel, number, queue->tx_channel);
    if (r >= 0)
        r = write_queue_key(front, names->tx_channel, number, queue->tx_channel);
    return r < 0 ? r : write_queue_key(front, names->rx_channel, number, queue->rx_channel);
}

/* Keys of an earlier frontend, ours or not, that would contradict ours: a backend may refuse a mixture as a whole. */
static int remove_stale(struct netvf_front *front)
{
    static const char *const stale[] = {KEY_FE_TX_RING_REF,
                                        KEY_FE_RX_RING_REF,
                                        KEY_FE_EVENT_CHANNEL,
                                        KEY_FE_EVENT_CHANNEL_TX,
                                        KEY_FE_EVENT_CHANNEL_RX,
                                        KEY_FE_MULTI_QUEUE_NUM_QUEUES,
                                        KEY_FE_CTRL_RING_REF,
                                        KEY_FE_EVENT_CHANNEL_CTRL,
                                        KEY_FE_XDP_HEADROOM,
                                        KEY_FE_REQUEST_MULTICAST_CONTROL,
                                        KEY_FE_FEATURE_GSO_TCPV4_PREFIX,
                                        KEY_FE_FEATURE_GSO_TCPV6_PREFIX};
    char key[32];
    int r = 0;

    for (unsigned i = 0; i < sizeof stale / sizeof stale[0] && r >= 0; i++)
        r = front_remove(front, stale[i]);
    for (unsigned i = 0; i < NETVF_FRONT_QUEUES_MAX && r >= 0; i++) {
        r = front_format(key, sizeof key, "queue-%u", i);
        if (r >= 0)
            r = front_remove(front, key);
    }
    return r;
}

static int write_features(struct netvf_front *front)
{
    const struct {
        const char *key;
        bool value;
    } features[] = {
        {KEY_FE_REQUEST_RX_COPY, true},
        {KEY_FE_FEATURE_RX_NOTIFY, true}, /* netvf_front_rx_fill() tells of new buffers */
        {KEY_FE_FEATURE_SG, front->sg},
        {KEY_FE_FEATURE_GSO_TCPV4, front->gso_tcpv4},
        {KEY_FE_FEATURE_GSO_TCPV6, front->gso_tcpv6},
        {KEY_FE_FEATURE_NO_CSUM_OFFLOAD, !front->csum_blank_ipv4},
        {KEY_FE_FEATURE_IPV6_CSUM_OFFLOAD, front->csum_blank_ipv6},
    };
    int r = 0;

    for (unsigned i = 0; i < sizeof features / sizeof features[0] && r >= 0; i++)
        r = front_write_number(front, features[i].key, features[i].value);
    return r;
}

static int write_window(struct netvf_front *front)
{
    int r = front_write_number(front, KEY_FE_CTRL_RING_REF, front->window.page.gref);

    return r < 0 ? r : front_write_number(front, KEY_FE_EVENT_CHANNEL_CTRL, front->window.channel);
}

static int write_keys(struct netvf_front *front, bool several)
{
    int r = remove_stale(front);

    if (r >= 0 && several)
        r = front_write_number(front, KEY_FE_MULTI_QUEUE_NUM_QUEUES, front->link.queues);
    for (unsigned i = 0; i < front->link.queues && r >= 0; i++)
        r = write_queue(front, i);
    if (r >= 0 && front->window.open)
        r = write_window(front);
    if (r >= 0)
        r = write_features(front);
    return r < 0 ? r : front_write_number(front, KEY_FE_STATE, XenbusStateConnected);
}

/* All at once, so that the backend never reads a half. */
static int tell(struct netvf_front *front, bool several)
{
    struct netvf_front_port *port = front->port;
    int r = 0;

    for (unsigned i = 0; i < TRANSACTION_TRIES; i++) {
        int ended;

        r = port->begin(port);
        if (r < 0)
            return r;
        r = write_keys(front, several);
        ended = port->end(port, r >= 0);
        if (r < 0)
            return r;
        r = ended;
        if (r != -XEN_EAGAIN)
            return r;
    }
    return r;
}

int front_connect(struct netvf_front *front)
{
    struct netvf_front_link link = {.generation = front->link.generation + 1};
    bool several;
    int r = read_link(front, &link, &several);

    if (r < 0)
        return r;
    front->link = link;
    for (unsigned i = 0; i < link.queues && r >= 0; i++)
        r = open_queue(front, &front->queue[i], link.split);
    if (r >= 0)
        r = open_window(front);
    if (r < 0)
        goto out;
    front->linked = true;
    /* The backend looks at both rings when it connects, so nobody needs to hear of these. */
    for (unsigned i = 0; i < link.queues; i++)
        netvf_front_rx_fill(front, i);
    r = tell(front, several);
out:
    if (r < 0)
        front_disconnect(front);
    return r;
}
