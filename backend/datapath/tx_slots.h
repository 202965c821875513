/* SPDX-License-Identifier: MIT */
/* Reading one frame's slots off the tx ring: netif.h's "Guest transmit" rules, held against a hostile guest;
 * and what is to be copied of it. */
#ifndef NETVF_DATAPATH_TX_SLOTS_H
#define NETVF_DATAPATH_TX_SLOTS_H

#include "datapath/tx.h"

#include <xen/io/netif.h>

/* Smallest segment a guest may ask for: Linux' TCP_MIN_MSS. Below it one slot could become thousands of frames. */
#define TX_MSS_MIN 88u

/* A slot, request or response, in words. */
#define TX_SLOT_WORDS ((unsigned)(sizeof(union netif_tx_sring_entry) / sizeof(uint32_t)))

/* Takes what waits, up to one batch, and as the VF has room for: frames into tx->frames and tx->work, their
 * parts into tx->pieces, their slots into tx->slots; each slot is read once. What is to be copied of their headers
 * goes into tx->copies, `*copies` of them. Returns how many frames there are; work->drop is set for those that must be
 * answered and not sent. -1 on a guest fault, tx->fault says which. */
int tx_take_slots(struct tx *tx, unsigned *copies);

#endif
