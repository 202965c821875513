/* SPDX-License-Identifier: MIT */
/* The send side of one queue, on a guest and a VF in memory: what the tests of it start from. */
#ifndef NETVF_TESTS_UNIT_TX_WORLD_H
#define NETVF_TESTS_UNIT_TX_WORLD_H

#include "datapath/tx.h"
#include "sim/sim.h"

extern struct sim sim;
extern struct tx tx;
extern struct echo echo;
extern struct mcast mcast;
extern struct dma_page header_pages[TX_PAGES];
extern bool notify;

/* The vif's own address: 00:16:3e:01:02:03. */
extern const uint8_t tx_mac[6];

/* Fixtures. */
void tx_setup(void);
void tx_teardown(void);

/* An Ethernet + IPv4 + TCP header (54 bytes) from our MAC, then bytes that count up. */
void fill_tcp(uint8_t *bytes, unsigned total);
/* Such a frame in a page and a slot of its own; the page's grant. */
uint32_t push_simple(unsigned id, unsigned size, unsigned flags);
void push_gso(unsigned mss, unsigned type);
void expect_response(unsigned index, unsigned id, int status);

#endif
