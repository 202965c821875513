/* SPDX-License-Identifier: MIT */
/* Pages of a guest that the daemon can read without a hypercall, by their frames.
 *
 * A frontend sends its headers out of few pages again and again. Each is mapped at its first use, all that a batch
 * lacks by one call, and stays mapped (which keeps it from being freed, not from being used by the guest) until there
 * are too many: then all of them go at once. Belongs to one worker. */
#ifndef NETVF_TRANSLATE_FRAME_CACHE_H
#define NETVF_TRANSLATE_FRAME_CACHE_H

#include <stdint.h>

#include "xen/port.h"

/* So many pages of a guest are held at most, 8 MiB. */
#define FRAME_CACHE_MAX 2048u

struct context;

struct frame_cache {
    struct context *context;
    struct port_counters *counters; /* where its calls are counted */
    unsigned used, chunks;
    struct {
        uint64_t frame;
        const volatile uint8_t *view; /* NULL: free */
    } slots[2 * FRAME_CACHE_MAX];
    struct {
        void *va;
        unsigned count;
    } chunk[FRAME_CACHE_MAX]; /* what was mapped by one call each */
};

void frame_cache_open(struct frame_cache *cache, struct context *context,
                      struct port_counters *counters);
/* Unmaps everything. */
void frame_cache_flush(struct frame_cache *cache);

/* Where each of the frames (at most PORT_BATCH_MAX) can be read; NULL for one that Xen does not let us map. */
void frame_cache_view(struct frame_cache *cache, const uint64_t *frames,
                      const volatile uint8_t **views, unsigned count);

#endif
