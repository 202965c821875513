/* SPDX-License-Identifier: MIT */
/* The inside of libnetvf-front: one vif and its queues, as they lie in the caller's storage. */
#ifndef NETVF_FRONT_PRIVATE_H
#define NETVF_FRONT_PRIVATE_H

#include <stddef.h>
#include <stdint.h>

/* Before any of Xen's headers: their types come from the compiler's, not from an operating system's. */
#include <xen/errno.h>
#include <xen/io/netif.h>
#include <xen/io/xenbus.h>

#include "frontend/netfront.h"
#include "frontend/port.h"
#include "frontend/ring.h"

/* All that is wanted of a C library; string.h belongs to hosted ones. */
void *memcpy(void *restrict to, const void *restrict from, size_t count);
void *memset(void *to, int byte, size_t count);

#define FRONT_PAGE     4096u
#define FRONT_ETH_HLEN 14u
#define FRONT_DIR_MAX  64u  /* of the frontend's directory */
#define FRONT_PATH_MAX 256u /* a whole path; xenstore's own limit for relative ones */
#define FRONT_NO_ID    0xffffu

/* A request on the tx ring that is not answered, at its id. */
struct front_tx_slot {
    uint64_t cookie; /* in the frame's first slot */
    uint16_t first;  /* id of the frame's first slot */
    uint16_t left;   /* in the first slot: the frame's slots that are not answered */
    uint16_t next;   /* while free */
    bool busy;       /* sent, not answered */
    bool failed;     /* in the first slot */
};

enum front_owner { PAGE_FREE, PAGE_POSTED, PAGE_LENT };

/* The frame that is being put together from responses, which may go on in the next batch. */
struct front_rx_inside {
    struct netvf_front_rx_frame frame;
    bool begun;
    bool more;   /* data slots are to come */
    bool extra;  /* the next slot is an extra */
    bool spoilt; /* not to be handed out */
    uint8_t extras;
};

/* How far a queue's window is. */
enum front_window_state {
    WINDOW_UNKNOWN, /* how many pages it may have */
    WINDOW_KNOWN,   /* ... is window_most; none are in it */
    WINDOW_RX,      /* the receive buffers are, the first window_rx of them */
    WINDOW_TX,      /* and the caller's pages, as far as they could be */
    WINDOW_NONE,
};

struct front_queue {
    struct ring tx, rx;
    struct netvf_front_page tx_page, rx_page;
    uint32_t tx_channel, rx_channel; /* 0: none */
    const char *fault;               /* how the backend broke the protocol on this queue */

    struct front_tx_slot slots[RING_SLOTS];
    uint16_t free_id; /* list through `next` */
    uint16_t free_ids;

    struct netvf_front_page pages[NETVF_FRONT_BUFFERS_MAX];
    uint8_t owner[NETVF_FRONT_BUFFERS_MAX];
    uint16_t free_pages[NETVF_FRONT_BUFFERS_MAX]; /* a stack */
    uint16_t free_count;
    uint16_t posted[RING_SLOTS]; /* the page behind each request, by ring index */
    struct front_rx_inside inside;

    uint8_t window;                             /* enum front_window_state */
    bool window_removed;                        /* on the way down: it has been asked */
    uint16_t window_most, window_rx, window_tx; /* pages */
    const struct netvf_front_page *lent;        /* the caller's, to be in the window */
    uint16_t lent_count;

    struct netvf_front_counters counters;
};

/* The control ring, with one request at a time, and the page for the lists that requests name. */
struct front_window {
    struct ring ring;
    struct netvf_front_page page, list;
    uint32_t channel; /* 0: none */
    bool open;        /* all of that is there */
    bool busy;        /* a request is out: */
    uint16_t id, type, queue, asked;
    unsigned patience;
    const char *fault;
};

enum front_phase {
    PHASE_START,     /* nothing said yet in this life of the vif */
    PHASE_WAIT,      /* 1 said: for the backend's 2 */
    PHASE_CONNECTED, /* 4 said */
    PHASE_CLOSING,   /* 5 said: for the backend's 5 or 6 */
    PHASE_CLOSED,    /* 6 said: for the backend's 6 */
    PHASE_DOWN,
};

struct netvf_front {
    struct netvf_front_port *port;
    char dir[FRONT_DIR_MAX];
    uint16_t queues, rx_buffers;
    bool sg, gso_tcpv4, gso_tcpv6, csum_blank_ipv4, csum_blank_ipv6;

    enum front_phase phase;
    bool wanted;
    bool greeted;  /* the backend was seen in 4 since we connected */
    unsigned said; /* state that we have written last */
    const char *fault;

    /* The other end. */
    char backend_path[FRONT_PATH_MAX];
    uint16_t backend;

    uint16_t window_pages; /* wanted for each queue */
    struct front_window window;
    bool leaving; /* the window's pages are being taken out; then the connection is closed */

    bool linked; /* `link` is valid, the rings are there */
    struct netvf_front_link link;
    struct front_queue queue[];
};

/* values.c: xenstore values, strictly; 0 or negative. A missing key is `missing`. */
int front_copy(char *out, size_t size, const char *from);
int front_join(char *out, size_t size, const char *dir, const char *key);
int front_read_number(struct netvf_front *front, const char *dir, const char *key, unsigned max,
                      unsigned missing, unsigned *value);
int front_read_flag(struct netvf_front *front, const char *key, bool missing, bool *flag);
int front_read_mac(struct netvf_front *front, uint8_t mac[6]);
int front_write_number(struct netvf_front *front, const char *key, unsigned value);
int front_remove(struct netvf_front *front, const char *key);
/* `format` with its one %u replaced. */
int front_format(char *out, size_t size, const char *format, unsigned number);

/* connect.c */
int front_connect(struct netvf_front *front);
/* Gives back all rings, buffers and channels. */
void front_disconnect(struct netvf_front *front);

/* window.c. step: carries on with what has been answered. leave: the same with the way back; true when there is nothing more
 * to wait for. */
void front_window_step(struct netvf_front *front);
bool front_window_leave(struct netvf_front *front);

/* tx.c, rx.c: a ring that was just made. */
void front_tx_reset(struct front_queue *queue);
void front_rx_reset(struct netvf_front *front, struct front_queue *queue);

/* The queue, or NULL and *error. */
struct front_queue *front_queue_of(struct netvf_front *front, unsigned queue, int *error);
/* Remembers the first fault of a queue; -XEN_EBADMSG. */
int front_fault(struct front_queue *queue, const char *how);
void front_notify(struct netvf_front *front, struct front_queue *queue, uint32_t channel);

#endif
