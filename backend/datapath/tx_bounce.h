/* SPDX-License-Identifier: MIT */
/* Frames whose blank checksum the VF cannot finish, finished in software: two VLAN tags, IPv6 with extension headers
 * beyond the VF's IPLEN or beyond the header copy. A summed frame must not change any more, so all of it is copied
 * into pages of our own, summed there, and leaves from there or from a copy of that.
 *
 * Frontends hardly ever send these (Linux finishes such checksums itself since 6.12, and always behind a VLAN device),
 * so there is room for a few at a time, and the others are dropped. They have the length of one frame on the wire:
 * segmentation is not done in software. */
#ifndef NETVF_DATAPATH_TX_BOUNCE_H
#define NETVF_DATAPATH_TX_BOUNCE_H

#include "datapath/tx.h"

/* Takes a buffer for the frame, until it is answered. False if all are in use. */
bool tx_bounce_take(struct tx *tx, struct tx_work *work);

/* Copies the frames of the batch that have taken a buffer and finishes their checksums; sets `drop` of those that turn
 * out not to have one. Afterwards they have no parts in guest pages. -1/errno if the copying failed as a whole. */
int tx_bounce_copy(struct tx *tx, unsigned count);

/* Writes to `segments` where the VF finds such a frame, at most TX_BOUNCE_FRAME_PAGES. Returns how many. */
unsigned tx_bounce_segments(const struct tx *tx, const struct tx_work *work,
                            struct vf_segment *segments);

/* The oldest frame that holds a buffer has been answered. */
static inline void tx_bounce_give_back(struct tx *tx)
{
    tx->bounces_back++;
}

#endif
