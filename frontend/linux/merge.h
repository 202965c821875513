/* SPDX-License-Identifier: MIT */
/* What was received, on its way to TAP. Segments of one TCP flow that follow each other become one frame with GSO, as the
 * kernel's own GRO would make it: writing to TAP is a system call for each frame, and in a PV guest those are dear.
 * The frames keep their order, whatever is merged; nothing waits for more to come. */
#ifndef NETVF_FRONT_LINUX_MERGE_H
#define NETVF_FRONT_LINUX_MERGE_H

#include <sys/uio.h>

#include "frontend/linux/vnet.h"
#include "frontend/netfront.h"

#define MERGE_FRAMES 64u
#define MERGE_PARTS  64u

/* A frame as it was received, and what has been found out about it. */
struct merge_input {
    struct netvf_front_rx_frame frame;
    struct virtio_net_hdr header;
    /* A private copy of its first bytes: what is looked at must be what goes on (XSA-155). */
    uint8_t head[VNET_HEAD];
    unsigned head_length;
};

struct merge {
    struct netvf_front_rx_frame frames[MERGE_FRAMES]; /* whose buffers `parts` is about */
    unsigned count;                                   /* 0: empty */
    struct virtio_net_hdr header;
    uint8_t head[VNET_HEAD];
    unsigned head_length;
    struct iovec parts[2 + MERGE_PARTS]; /* the first two are `header` and `head` */
    unsigned part_count;

    bool open; /* another segment may follow; what is below is for that */
    struct vnet_place place;
    unsigned payload; /* where it begins */
    uint32_t length;  /* of the whole frame so far */
    uint32_t next;    /* the sequence number that must come */
};

/* Fills in `head` and `header` from `frame`. False: the frame's flags and its headers do not agree. */
bool merge_look(struct merge_input *input);
/* Puts a frame into an empty one. */
void merge_begin(struct merge *merge, const struct merge_input *input);
/* Adds a frame to what is there. False: it does not continue that, and nothing has changed. */
bool merge_add(struct merge *merge, const struct merge_input *input);
/* The parts to write, with the headers of the whole. Valid as long as the frames' buffers are ours. */
const struct iovec *merge_finish(struct merge *merge, unsigned *count);

#endif
