/* SPDX-License-Identifier: MIT */
/* A frontend that keeps to no rule: the vif's keys and rings by hand, and a list of attacks, each on a fresh connection. */
#ifndef NETVF_GUEST_ATTACK_H
#define NETVF_GUEST_ATTACK_H

#include "tests/guest/lib/guest.h"

/* xen/io/netif.h and ring.h, in 32-bit words: what a hostile guest writes are words. */
enum { REQ_PROD, REQ_EVENT, RSP_PROD, RSP_EVENT, RING_HEAD = 16 };
#define RING_SLOTS  256u
#define TX_WORDS    3u
#define RX_WORDS    2u
#define CTRL_WORDS  4u
#define CTRL_SLOTS  128u
#define TX_CSUM     1u
#define TX_MORE     4u
#define TX_EXTRA    8u
#define STATE_DIR   "device/vif/0/"
#define DATA_PAGES  64u
#define FRAME_BYTES 60u

struct attack {
    uint16_t backend;
    char backend_path[128];
    uint8_t mac[6];
    volatile uint32_t *tx, *rx, *ctrl; /* ctrl: only if wanted */
    uint32_t tx_gref, rx_gref, ctrl_gref;
    evtchn_port_t channel, ctrl_channel;
    uint32_t tx_prod, rx_prod, ctrl_prod;
    uint8_t
        *page[DATA_PAGES]; /* each with one frame of ours at its beginning; granted for writing */
    uint32_t gref[DATA_PAGES];
};

/* What is meant to come of it. */
enum expectation {
    STOPPED,  /* the backend closes the vif */
    REFUSED,  /* requests are answered with an error, or the vif is closed */
    ANYTHING, /* whatever: nobody else must suffer, and a good frontend can connect afterwards */
};

struct attack_kind {
    const char *name;
    void (*act)(struct attack *attack);
    enum expectation expected;
};

/* Each on a connection of its own; reports figures, failures and, if all went as meant, success. */
void attack_all(const struct attack_kind *kinds, unsigned count, bool ctrl);

/* -- the steps of a connection, one by one ---------------------------------------------------------------------------- */

void attack_init(struct attack *attack);
/* State 1, until the backend is in 2. */
bool attack_begin(struct attack *attack);
/* Rings, keys, state 4; does not wait. */
void attack_offer(struct attack *attack, bool ctrl);
/* Until the backend is in 4; false if it goes elsewhere. */
bool attack_connected(struct attack *attack);
/* States 5 and 6 by the book. Whatever came before, the backend has to follow. */
bool attack_end(struct attack *attack);
unsigned attack_backend_state(const struct attack *attack);
void attack_say_state(unsigned state);
void attack_write(const char *key, const char *value);
void attack_write_number(const char *key, unsigned value);

/* -- rings ------------------------------------------------------------------------------------------------------------------- */

/* The next request of the tx ring; its id is its index. */
void attack_tx(struct attack *attack, uint32_t gref, unsigned offset, unsigned flags,
               unsigned size);
void attack_tx_words(struct attack *attack, uint32_t a, uint32_t b, uint32_t c);
void attack_rx(struct attack *attack, uint32_t gref);
/* Shows what was put, and kicks. */
void attack_push(struct attack *attack);
void attack_kick(const struct attack *attack);

uint32_t attack_random(void);

#endif
