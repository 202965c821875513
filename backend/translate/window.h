/* SPDX-License-Identifier: MIT */
/* A DMA window: pages that a guest keeps granted, pinned once and used for many frames (netif.h, "Static Grants"). One
 * for each queue. What is in it costs no call into Xen, whatever else is in the same batch: an acquire finds the page by
 * its reference, a fetch reads it through a CPU mapping.
 *
 * It belongs to whoever owns the queue: the worker, and the control thread while there is none. The pins are made by the
 * queue's own port, so they are in its journal (invariant 5), and none is released while a descriptor has the page
 * (`uses`, invariant 4).
 *
 * A window can rest: nothing is pinned then beyond what descriptors have, and references go the ordinary way. Xen logs a
 * page as written to, for a live migration, only when a writable pin is released. */
#ifndef NETVF_TRANSLATE_WINDOW_H
#define NETVF_TRANSLATE_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "xen/port.h"

/* A frontend's whole rx ring, and 192 pages to send from. The journal of a queue has 1024 records: 512 for what both
 * rings can have in flight outside of the window, up to 64 for the VF's own pages, and these. */
#define WINDOW_PAGES_MAX 448u
#define WINDOW_BUCKETS   1024u

struct window_page {
    uint64_t dma;
    const volatile uint8_t
        *view; /* the page as dom0's CPU reads it; whoever has added it sees to its end */
    uint32_t gref, handle;
    uint16_t journal;
    uint16_t uses; /* descriptors that have it: at most RING_SLOTS of each ring */
    uint16_t next; /* in its bucket, or among the free: number + 1, 0 for none */
    bool there, pinned, readonly;
};

struct window {
    unsigned pages;  /* in the table */
    unsigned pinned; /* of those, pinned; read by other threads */
    unsigned lent;   /* uses of all pages */
    bool resting;
    uint64_t slots; /* acquired by nothing but a look into the table */
    uint64_t reads; /* and fetched so */
    uint16_t free;
    uint16_t bucket[WINDOW_BUCKETS];
    struct window_page page[WINDOW_PAGES_MAX];
    /* The rest of a batch, and where it is in there. */
    struct grant_pin pins[PORT_BATCH_MAX];
    struct grant_copy copies[PORT_BATCH_MAX];
    uint16_t at[PORT_BATCH_MAX];
};

/* What is to be added. */
struct window_entry {
    const volatile uint8_t *view;
    uint32_t gref;
    bool readonly;
};

void window_init(struct window *window);

/* Whether a batch has to be looked through at all. */
static inline bool window_in_use(const struct window *window)
{
    return window->pinned || window->lent;
}

/* All or none, at most WINDOW_PAGES_MAX. -1: EEXIST, a reference is there already or comes twice; ENOSPC; EACCES, Xen
 * does not pin one of them; other errno: the call has failed. Into a window that rests they are only written down. */
int window_add(struct window *window, struct port *port, const struct window_entry *entries,
               unsigned count);

/* Takes out those of `grefs` that are there and that no descriptor has: views[i] is then what is to be unmapped; else
 * NULL, also for one that Xen did not release. Returns how many it took out. */
unsigned window_remove(struct window *window, struct port *port, const uint32_t *grefs,
                       const volatile uint8_t **views, unsigned count);

/* Releases what no descriptor has, and the rest when no descriptor has it any more; and pins all again, but for those
 * that Xen does not pin any more. -1/errno if Xen has refused to release a page. */
int window_rest(struct window *window, struct port *port);
void window_wake(struct window *window, struct port *port);

/* Releases everything. Only when no descriptor has any of it, or none can be used any more. -1 as above. The views of
 * all pages are to be unmapped then, by window_each_view. */
int window_clear(struct window *window, struct port *port);
void window_each_view(struct window *window,
                      void (*unview)(void *context, const volatile uint8_t *view), void *context);

/* The verbs of translate_ops with a window before the port's. `pins` and `copies` of a release are used up. */
int window_acquire(struct window *window, struct port *port, struct grant_pin *pins,
                   unsigned count);
int window_release(struct window *window, struct port *port, struct grant_pin *pins,
                   unsigned count);
int window_fetch(struct window *window, struct port *port, struct grant_copy *copies,
                 unsigned count);

#endif
