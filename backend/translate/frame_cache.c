/* SPDX-License-Identifier: MIT */
#include "translate/frame_cache.h"

#include "common/counter.h"
#include "xen/context.h"

#include <string.h>

#define SLOTS (2 * FRAME_CACHE_MAX)

void frame_cache_open(struct frame_cache *cache, struct context *context,
                      struct port_counters *counters)
{
    memset(cache, 0, sizeof *cache);
    cache->context = context;
    cache->counters = counters;
}

void frame_cache_flush(struct frame_cache *cache)
{
    for (unsigned i = 0; i < cache->chunks; i++) {
        counter_add(&cache->counters->hypercalls, 1);
        cache->context->ops->unmap(cache->context, cache->chunk[i].va, cache->chunk[i].count);
    }
    memset(cache->slots, 0, sizeof cache->slots);
    cache->used = cache->chunks = 0;
}

/* The frame's slot, or the free one where it belongs: the table is never more than half full. */
static unsigned find(const struct frame_cache *cache, uint64_t frame)
{
    unsigned at = (unsigned)(frame * 0x9e3779b97f4a7c15u >> 32) % SLOTS;

    while (cache->slots[at].view && cache->slots[at].frame != frame)
        at = (at + 1) % SLOTS;
    return at;
}

static void insert(struct frame_cache *cache, uint64_t frame, const volatile uint8_t *view)
{
    unsigned at = find(cache, frame);

    if (cache->slots[at].view) /* twice in one batch: mapped twice, and the second never used */
        return;
    cache->slots[at].frame = frame;
    cache->slots[at].view = view;
}

static void map_missing(struct frame_cache *cache, const uint64_t *frames, unsigned count)
{
    int errors[PORT_BATCH_MAX];
    uint8_t *va;

    counter_add(&cache->counters->hypercalls, 1);
    va = cache->context->ops->map(cache->context, frames, errors, count);
    if (!va)
        return;
    cache->chunk[cache->chunks].va = va;
    cache->chunk[cache->chunks++].count = count;
    cache->used += count;
    for (unsigned i = 0; i < count; i++)
        if (!errors[i])
            insert(cache, frames[i], va + (size_t)i * 4096);
}

/* Fills `views`. Returns how many are missing, and which. */
static unsigned look(const struct frame_cache *cache, const uint64_t *frames,
                     const volatile uint8_t **views, unsigned count, uint64_t *missing)
{
    unsigned misses = 0;

    for (unsigned i = 0; i < count; i++) {
        views[i] = cache->slots[find(cache, frames[i])].view;
        if (!views[i])
            missing[misses++] = frames[i];
    }
    return misses;
}

void frame_cache_view(struct frame_cache *cache, const uint64_t *frames,
                      const volatile uint8_t **views, unsigned count)
{
    uint64_t missing[PORT_BATCH_MAX];
    unsigned misses = look(cache, frames, views, count, missing);

    if (!misses)
        return;
    if (cache->used + misses > FRAME_CACHE_MAX) {
        frame_cache_flush(cache);
        memcpy(missing, frames, count * sizeof *missing);
        misses = count;
    }
    map_missing(cache, missing, misses);
    look(cache, frames, views, count, missing);
}
