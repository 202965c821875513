/* SPDX-License-Identifier: MIT */
#include "frontend/linux/pump.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
#include <xen/errno.h>

#include "frontend/linux/tap.h"
#include "frontend/linux/vnet.h"

#define PAGE        4096u
#define BUDGET      64u /* frames in one go, each way */
#define NO_PAGE     0xffffu
#define PAGES_MAX   16u /* of a frame: 65536 bytes, and 65535 are the most */
#define ETH_AND_TAG 18u

_Static_assert(PAGES_MAX <= NETVF_FRONT_TX_PARTS, "a frame from TAP fits netif's slots");

int pump_start(struct pump *pump, const struct netvf_front_link *link)
{
    int r = pump->port->share(pump->port, link->backend, true, pump->pages, PUMP_PAGES);

    if (r < 0)
        return r;
    pump->ready = pump->readable = true;
    pump->full = false;
    pump->frame_pages = tap_offloads(link) && (link->gso_tcpv4 || link->gso_tcpv6)
                            ? PAGES_MAX
                            : (link->mtu + ETH_AND_TAG + PAGE - 1) / PAGE;
    for (unsigned i = 0; i < PUMP_PAGES; i++)
        pump->next[i] = (uint16_t)(i + 1 < PUMP_PAGES ? i + 1 : NO_PAGE);
    pump->free_page = 0;
    pump->free_count = PUMP_PAGES;
    return 0;
}

void pump_stop(struct pump *pump)
{
    if (pump->ready)
        pump->port->unshare(pump->port, pump->pages, PUMP_PAGES);
    pump->ready = false;
}

/* -- TAP to vif ------------------------------------------------------------------------------------------------------- */

static void free_chain(struct pump *pump, uint16_t page)
{
    while (page != NO_PAGE) {
        uint16_t next = pump->next[page];

        pump->next[page] = pump->free_page;
        pump->free_page = page;
        pump->free_count++;
        page = next;
    }
}

static int reap(struct pump *pump)
{
    struct netvf_front_done done[BUDGET];
    int r;

    do {
        r = netvf_front_tx_done(pump->front, pump->queue, done, BUDGET);
        for (int i = 0; i < r; i++)
            free_chain(pump, (uint16_t)done[i].cookie);
    } while (r == (int)BUDGET);
    return r;
}

static bool has_room(const struct pump *pump)
{
    return pump->free_count >= pump->frame_pages &&
           netvf_front_tx_room(pump->front, pump->queue) > pump->frame_pages;
}

/* Is there room for the largest frame, or will an event tell of it? 1, 0 or negative. */
static int make_room(struct pump *pump)
{
    int r = reap(pump);

    while (r >= 0 && !has_room(pump)) {
        r = netvf_front_tx_arm(pump->front, pump->queue);
        if (r <= 0)
            return r;
        r = reap(pump);
    }
    return r < 0 ? r : 1;
}

/* Reads a frame straight into granted pages. Its length; 0: there is none. */
static size_t read_frame(struct pump *pump, struct virtio_net_hdr *header)
{
    struct iovec parts[1 + PAGES_MAX] = {{.iov_base = header, .iov_len = sizeof *header}};
    unsigned count = 1;
    ssize_t got;

    for (uint16_t page = pump->free_page; count <= pump->frame_pages; page = pump->next[page])
        parts[count++] = (struct iovec){.iov_base = pump->pages[page].bytes, .iov_len = PAGE};
    got = readv(pump->taps[pump->queue], parts, (int)count);
    return got > (ssize_t)sizeof *header ? (size_t)got - sizeof *header : 0;
}

/* Takes the pages that the frame of `length` bytes (not 0) was read into off the free list. */
static unsigned take_pages(struct pump *pump, size_t length, struct netvf_front_tx_part *parts)
{
    unsigned count = 0;
    uint16_t page;

    do {
        size_t part = length < PAGE ? length : PAGE;

        page = pump->free_page;
        parts[count++] =
            (struct netvf_front_tx_part){.gref = pump->pages[page].gref, .length = (uint16_t)part};
        pump->free_page = pump->next[page];
        pump->free_count--;
        length -= part;
    } while (length);
    pump->next[page] = NO_PAGE;
    return count;
}

static int from_tap(struct pump *pump, const struct netvf_front_link *link)
{
    struct netvf_front_tx_part parts[PAGES_MAX];
    struct virtio_net_hdr header;
    struct netvf_front_tx_frame frame = {.parts = parts};
    unsigned count = 0;
    int r = reap(pump);

    if (r < 0)
        return r;
    for (; count < BUDGET && pump->readable; count++) {
        size_t length;

        r = make_room(pump);
        pump->full = r == 0;
        if (r <= 0)
            break;
        length = read_frame(pump, &header);
        if (!length) {
            pump->readable = false;
            break;
        }
        frame.cookie = pump->free_page;
        frame.count = (uint16_t)take_pages(pump, length, parts);
        r = vnet_to_netif(&header, link, &frame) ? netvf_front_tx(pump->front, pump->queue, &frame)
                                                 : -XEN_EINVAL;
        if (r == 0)
            continue;
        free_chain(pump, (uint16_t)frame.cookie);
        if (r != -XEN_EINVAL)
            break;
        pump->refused++;
    }
    if (count)
        netvf_front_tx_push(pump->front, pump->queue);
    return r < 0 && r != -XEN_EINVAL ? r : count == BUDGET;
}

/* -- vif to TAP ------------------------------------------------------------------------------------------------------- */

/* The kernel sends a flow by the queue that it was last received on. All may come by one queue of the vif, as from a VF:
 * so flows are spread here, and the vif's other queues have something to send. */
static int flow_tap(const struct pump *pump)
{
    const struct netvf_front_link *link = netvf_front_link(pump->front);
    const struct merge *merge = &pump->merge;
    unsigned queues = link ? link->queues : 1;

    return pump->taps[queues > 1 ? vnet_flow(merge->head, merge->head_length) % queues : 0];
}

/* Writes what has been merged, and gives back its buffers. */
static void flush(struct pump *pump)
{
    struct merge *merge = &pump->merge;
    const struct iovec *parts;
    unsigned count;

    if (!merge->count)
        return;
    parts = merge_finish(merge, &count);
    /* The interface may be down, or not like the frame: it is lost then, as on any wire. */
    if (writev(flow_tap(pump), parts, (int)count) < 0)
        pump->refused += merge->count;
    for (unsigned i = 0; i < merge->count; i++)
        netvf_front_rx_release(pump->front, pump->queue, &merge->frames[i]);
    merge->count = 0;
}

static void take_frame(struct pump *pump, struct merge_input *input)
{
    if (!merge_look(input)) {
        netvf_front_rx_release(pump->front, pump->queue, &input->frame);
        pump->refused++;
        return;
    }
    if (merge_add(&pump->merge, input))
        return;
    flush(pump);
    merge_begin(&pump->merge, input);
}

static int to_tap(struct pump *pump)
{
    struct merge_input input;
    unsigned count = 0;
    int r = 0;

    for (; count < BUDGET && (r = netvf_front_rx(pump->front, pump->queue, &input.frame)) > 0;
         count++)
        take_frame(pump, &input);
    flush(pump);
    if (r < 0)
        return r;
    r = netvf_front_rx_fill(pump->front, pump->queue);
    if (r < 0 || count == BUDGET)
        return r < 0 ? r : 1;
    return netvf_front_rx_arm(pump->front, pump->queue);
}

int pump_run(struct pump *pump)
{
    const struct netvf_front_link *link = netvf_front_link(pump->front);
    int in, out;

    if (!pump->ready || !link)
        return 0;
    in = to_tap(pump);
    out = in < 0 ? in : from_tap(pump, link);
    return out < 0 ? out : in || out;
}
