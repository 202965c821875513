/* SPDX-License-Identifier: MIT */
/* Reading one frame's slots off the tx ring: netif.h's "Guest transmit" rules, held against a hostile guest. */
#ifndef NETVF_DATAPATH_TX_SLOTS_H
#define NETVF_DATAPATH_TX_SLOTS_H

#include "datapath/tx.h"

/* Smallest segment a guest may ask for: Linux' TCP_MIN_MSS. Below it one slot could become thousands of frames. */
#define TX_MSS_MIN 88u

/* Reads the frame at the ring's req_cons, of which `waiting` slots are there, into `work`, tx->pieces (from
 * work->first_piece on, at most TX_SLOTS_MAX) and tx->slots; each slot is read once. Returns how many slots it has;
 * work->drop is set if it must be answered and not sent. -1 on a guest fault, tx->fault says which. */
int tx_read_frame(struct tx *tx, unsigned waiting, struct tx_work *work);

#endif
