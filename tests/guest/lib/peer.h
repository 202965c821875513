/* SPDX-License-Identifier: MIT */
/* The other side of tests/guest/peer.py: plain frames of a type of their own, which no stack touches. Behind the Ethernet
 * header: what is asked for (1 byte), 1 byte of nothing, length of the frame (2), its number (4), then a pattern. */
#ifndef NETVF_GUEST_PEER_H
#define NETVF_GUEST_PEER_H

#include "tests/guest/lib/frames.h"
#include "tests/guest/lib/vif.h"

#define PEER_HEAD (ETH_HLEN + 8u)

enum {
    PEER_ECHO = 'E',   /* comes back with the addresses changed round */
    PEER_STREAM = 'S', /* TCP segments, to be sent: bytes (4), size of each (2) */
    PEER_QUERY =
        'Q', /* what came of TCP since the last one: a frame of four numbers, and it is forgotten */
};

/* A frame to be echoed, of any length from 14 on. */
void peer_frame(const struct vif *vif, uint8_t *frame, unsigned length, unsigned number);
/* The number of the echo that this frame is, and whether it is what was sent; -1 if it is no echo, -2 if it is damaged. */
int peer_echoed(const uint8_t *frame, unsigned length);

struct peer_answer {
    uint32_t frames, bytes, wrong, bad_checksums;
};

/* False if there is no answer. */
bool peer_query(struct vif *vif, struct peer_answer *answer);
bool peer_ask_stream(struct vif *vif, uint32_t bytes, unsigned segment);

#endif
