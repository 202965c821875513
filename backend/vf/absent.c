/* SPDX-License-Identifier: MIT */
#include "vf/absent.h"

#include "vf/vf.h"

#include <assert.h>
#include <string.h>

/* More than any frame needs: frames are taken off the guest's ring, and dropped. */
#define ROOM 255u

static int stop(struct vf *vf)
{
    (void)vf;
    return 0;
}

static int set_multicast(struct vf *vf, const struct vf_multicast *wanted, struct why *why)
{
    (void)vf;
    (void)wanted;
    (void)why;
    return 0;
}

static bool link_up(struct vf *vf)
{
    (void)vf;
    return false;
}

static unsigned tx_room(struct vf_queue *queue)
{
    (void)queue;
    return ROOM;
}

static void tx_post(struct vf_queue *queue, const struct vf_segment *segments, unsigned count,
                    const struct vf_offload *offload)
{
    (void)queue;
    (void)segments;
    (void)count;
    (void)offload;
    assert(false && "a frame for a VF that is not there");
}

static unsigned none(struct vf_queue *queue)
{
    (void)queue;
    return 0;
}

static void rx_post(struct vf_queue *queue, const uint64_t *dma, unsigned count)
{
    (void)queue;
    (void)dma;
    (void)count;
    assert(!count);
}

static unsigned rx_reap(struct vf_queue *queue, struct vf_received *received, unsigned max)
{
    (void)received;
    (void)max;
    return none(queue);
}

static void nothing(struct vf_queue *queue)
{
    (void)queue;
}

static void count(struct vf *vf, struct vf_counters *counters)
{
    (void)vf;
    memset(counters, 0, sizeof *counters);
}

void vf_absent(struct vf *vf, struct vf_queue queues[VF_QUEUES_MAX])
{
    static const struct vf_ops ops = {
        .family = "absent",
        /* What the guest was offered for the VF that has gone is no fault of its own now. */
        .offloads = {.tso_ipv4 = true, .tso_ipv6 = true},
        .stop = stop,
        .set_multicast = set_multicast,
        .link_up = link_up,
        .count = count,
    };
    static const struct vf_queue_ops queue_ops = {
        .tx_room = tx_room,
        .tx_post = tx_post,
        .tx_doorbell = nothing,
        .tx_reap = none,
        .rx_room = none,
        .rx_post = rx_post,
        .rx_reap = rx_reap,
        .arm = nothing,
    };

    *vf = (struct vf){.ops = &ops, .queues = VF_QUEUES_MAX};
    for (unsigned i = 0; i < VF_QUEUES_MAX; i++)
        queues[i] = (struct vf_queue){.ops = &queue_ops, .vf = vf};
}
