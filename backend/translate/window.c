/* SPDX-License-Identifier: MIT */
#include "translate/window.h"

#include "common/counter.h"
#include "common/shm.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* ---- The table ---- */

void window_init(struct window *window)
{
    memset(window, 0, sizeof *window);
    for (unsigned i = 0; i < WINDOW_PAGES_MAX; i++)
        window->page[i].next = (uint16_t)(i + 2 <= WINDOW_PAGES_MAX ? i + 2 : 0);
    window->free = 1;
}

static uint16_t *bucket_of(struct window *window, uint32_t gref)
{
    return &window->bucket[(gref * 0x9e3779b1u >> 16) % WINDOW_BUCKETS];
}

/* A guest can choose references that share a bucket; then its own packets cost it up to WINDOW_PAGES_MAX looks. */
static struct window_page *find(struct window *window, uint32_t gref)
{
    uint16_t at = *bucket_of(window, gref);

    while (at && window->page[at - 1].gref != gref)
        at = window->page[at - 1].next;
    return at ? &window->page[at - 1] : NULL;
}

static uint16_t number_of(const struct window *window, const struct window_page *page)
{
    return (uint16_t)(page - window->page + 1);
}

static struct window_page *insert(struct window *window, const struct window_entry *entry)
{
    uint16_t *bucket = bucket_of(window, entry->gref);
    struct window_page *page = &window->page[window->free - 1];

    window->free = page->next;
    *page = (struct window_page){.gref = entry->gref,
                                 .view = entry->view,
                                 .readonly = entry->readonly,
                                 .next = *bucket,
                                 .there = true};
    *bucket = number_of(window, page);
    window->pages++;
    return page;
}

static void forget(struct window *window, struct window_page *page)
{
    uint16_t *link = bucket_of(window, page->gref);

    assert(!page->pinned && !page->uses);
    while (*link != number_of(window, page))
        link = &window->page[*link - 1].next;
    *link = page->next;
    *page = (struct window_page){.next = window->free};
    window->free = number_of(window, page);
    window->pages--;
}

/* ---- Pins ---- */

static void count_pinned(struct window *window, int more)
{
    __atomic_store_n(&window->pinned, window->pinned + (unsigned)more, __ATOMIC_RELAXED);
}

/* The pages at window->at, a batch of them. Those whose status in window->pins is not 0 then are not pinned. */
static int pin(struct window *window, struct port *port, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const struct window_page *page = &window->page[window->at[i]];

        window->pins[i] = (struct grant_pin){.gref = page->gref, .readonly = page->readonly};
    }
    if (port->ops->pin(port, window->pins, count) < 0)
        return -1;
    for (unsigned i = 0; i < count; i++) {
        struct window_page *page = &window->page[window->at[i]];

        if (window->pins[i].status)
            continue;
        page->dma = window->pins[i].dma;
        page->handle = window->pins[i].handle;
        page->journal = window->pins[i].journal;
        page->pinned = true;
        count_pinned(window, 1);
    }
    return 0;
}

static struct grant_pin pin_of(const struct window_page *page)
{
    return (struct grant_pin){.dma = page->dma,
                              .gref = page->gref,
                              .handle = page->handle,
                              .journal = page->journal,
                              .readonly = page->readonly};
}

/* The same pages. Those that Xen does not release stay pinned: -1/errno. */
static int unpin(struct window *window, struct port *port, unsigned count)
{
    int rc;

    for (unsigned i = 0; i < count; i++) {
        window->pins[i] = pin_of(&window->page[window->at[i]]);
        window->pins[i].status = -1; /* as long as the port says nothing else */
    }
    rc = port->ops->unpin(port, window->pins, count);
    for (unsigned i = 0; i < count; i++) {
        if (window->pins[i].status)
            continue;
        window->page[window->at[i]].pinned = false;
        count_pinned(window, -1);
    }
    return rc;
}

/* All pages that are there, are pinned or not, and that no descriptor has; a batch after the other. -1/errno if one has
 * failed. */
static int each_batch(struct window *window, struct port *port, bool pinned,
                      int (*act)(struct window *window, struct port *port, unsigned count))
{
    unsigned count = 0;
    int rc = 0;

    for (unsigned i = 0; i < WINDOW_PAGES_MAX; i++) {
        const struct window_page *page = &window->page[i];

        if (page->there && page->pinned == pinned && !page->uses)
            window->at[count++] = (uint16_t)i;
        if (count && (count == PORT_BATCH_MAX || i + 1 == WINDOW_PAGES_MAX)) {
            rc |= act(window, port, count);
            count = 0;
        }
    }
    return rc;
}

/* ---- Adding and taking out ---- */

/* What Xen does not release then is in the port's journal, and nobody's. */
static void unpin_added(struct window *window, struct port *port, const uint16_t *added,
                        unsigned count)
{
    unsigned held = 0;

    for (unsigned i = 0; i < count; i++) {
        if (window->page[added[i]].pinned)
            window->at[held++] = added[i];
        if (held && (held == PORT_BATCH_MAX || i + 1 == count)) {
            unpin(window, port, held);
            held = 0;
        }
    }
}

static int take_back(struct window *window, struct port *port, const uint16_t *added,
                     unsigned count, int error)
{
    unpin_added(window, port, added, count);
    for (unsigned i = 0; i < count; i++) {
        struct window_page *page = &window->page[added[i]];

        if (page->pinned)
            count_pinned(window, -1);
        page->pinned = false;
        forget(window, page);
    }
    errno = error;
    return -1;
}

static int pin_added(struct window *window, struct port *port, const uint16_t *added,
                     unsigned count)
{
    for (unsigned from = 0; from < count; from += PORT_BATCH_MAX) {
        unsigned batch = count - from < PORT_BATCH_MAX ? count - from : PORT_BATCH_MAX;

        memcpy(window->at, added + from, batch * sizeof added[0]);
        if (pin(window, port, batch) < 0)
            return -1;
        for (unsigned i = 0; i < batch; i++)
            if (window->pins[i].status) {
                errno = EACCES;
                return -1;
            }
    }
    return 0;
}

int window_add(struct window *window, struct port *port, const struct window_entry *entries,
               unsigned count)
{
    uint16_t added[WINDOW_PAGES_MAX];

    if (count > WINDOW_PAGES_MAX - window->pages) {
        errno = ENOSPC;
        return -1;
    }
    for (unsigned i = 0; i < count; i++) {
        if (find(window, entries[i].gref))
            return take_back(window, port, added, i, EEXIST);
        added[i] = (uint16_t)(insert(window, &entries[i]) - window->page);
    }
    if (!window->resting && pin_added(window, port, added, count) < 0)
        return take_back(window, port, added, count, errno);
    return 0;
}

/* A batch of those that can go. */
static unsigned remove_batch(struct window *window, struct port *port, const uint32_t *grefs,
                             const volatile uint8_t **views, unsigned count)
{
    unsigned held = 0, taken = 0;

    for (unsigned i = 0; i < count; i++) {
        struct window_page *page = find(window, grefs[i]);
        bool twice = false;

        for (unsigned k = 0; k < i && page; k++)
            twice |= grefs[k] == grefs[i];
        views[i] = page && !page->uses && !twice ? page->view : NULL;
        if (views[i] && page->pinned)
            window->at[held++] = (uint16_t)(page - window->page);
    }
    if (held)
        unpin(window, port, held);
    for (unsigned i = 0; i < count; i++) {
        struct window_page *page = views[i] ? find(window, grefs[i]) : NULL;

        if (!page)
            continue;
        if (page->pinned) {
            views[i] = NULL;
            continue;
        }
        forget(window, page);
        taken++;
    }
    return taken;
}

unsigned window_remove(struct window *window, struct port *port, const uint32_t *grefs,
                       const volatile uint8_t **views, unsigned count)
{
    unsigned taken = 0;

    for (unsigned from = 0; from < count; from += PORT_BATCH_MAX) {
        unsigned batch = count - from < PORT_BATCH_MAX ? count - from : PORT_BATCH_MAX;

        taken += remove_batch(window, port, grefs + from, views + from, batch);
    }
    return taken;
}

/* ---- As a whole ---- */

/* Read by others, after what it stands for. */
static void set_resting(struct window *window, bool resting)
{
    __atomic_store_n(&window->resting, resting, __ATOMIC_RELEASE);
}

int window_rest(struct window *window, struct port *port)
{
    int rc = each_batch(window, port, true, unpin);

    set_resting(window, true);
    return rc;
}

void window_wake(struct window *window, struct port *port)
{
    set_resting(window, false);
    /* What cannot be pinned any more goes the ordinary way, and Xen says there what is wrong with it. */
    (void)each_batch(window, port, false, pin);
}

int window_clear(struct window *window, struct port *port)
{
    for (unsigned i = 0; i < WINDOW_PAGES_MAX; i++)
        window->page[i].uses = 0;
    window->lent = 0;
    window->resting = true;
    return each_batch(window, port, true, unpin);
}

void window_each_view(struct window *window,
                      void (*unview)(void *context, const volatile uint8_t *view), void *context)
{
    for (unsigned i = 0; i < WINDOW_PAGES_MAX; i++)
        if (window->page[i].there)
            unview(context, window->page[i].view);
}

/* ---- On a packet's way ---- */

static struct window_page *usable(struct window *window, uint32_t gref)
{
    struct window_page *page = window->resting ? NULL : find(window, gref);

    return page && page->pinned ? page : NULL;
}

static void lend(struct window *window, struct window_page *page, struct grant_pin *pin)
{
    page->uses++;
    window->lent++;
    pin->dma = page->dma;
    pin->status = 0;
    pin->window = number_of(window, page);
}

int window_acquire(struct window *window, struct port *port, struct grant_pin *pins, unsigned count)
{
    unsigned rest = 0, lent = window->lent;

    for (unsigned i = 0; i < count; i++) {
        struct window_page *page = usable(window, pins[i].gref);

        if (page && (pins[i].readonly || !page->readonly)) {
            lend(window, page, &pins[i]);
            continue;
        }
        window->at[rest] = (uint16_t)i;
        window->pins[rest++] = pins[i];
    }
    counter_add(&window->slots, window->lent - lent);
    if (!rest)
        return 0;
    if (port->ops->pin(port, window->pins, rest) < 0) {
        int error = errno;

        for (unsigned i = 0; i < count; i++)
            if (pins[i].window) {
                window->page[pins[i].window - 1].uses--;
                window->lent--;
            }
        errno = error;
        return -1;
    }
    for (unsigned i = 0; i < rest; i++)
        pins[window->at[i]] = window->pins[i];
    return 0;
}

/* Whether the page's own pin has to go with its last use. */
static bool give_back(struct window *window, struct grant_pin *pin)
{
    struct window_page *page = &window->page[pin->window - 1];

    assert(page->uses && page->pinned);
    page->uses--;
    window->lent--;
    if (page->uses || !window->resting)
        return false;
    page->pinned = false;
    count_pinned(window, -1);
    *pin = pin_of(page);
    return true;
}

int window_release(struct window *window, struct port *port, struct grant_pin *pins, unsigned count)
{
    unsigned rest = 0;

    for (unsigned i = 0; i < count; i++)
        if (!pins[i].window || give_back(window, &pins[i]))
            pins[rest++] = pins[i];
    return rest ? port->ops->unpin(port, pins, rest) : 0;
}

int window_fetch(struct window *window, struct port *port, struct grant_copy *copies,
                 unsigned count)
{
    unsigned rest = 0;

    for (unsigned i = 0; i < count; i++) {
        struct grant_copy *copy = &copies[i];
        const struct window_page *page = usable(window, copy->gref);

        assert(copy->offset + copy->length <= 4096);
        if (page) {
            shm_copy(copy->own_va, page->view + copy->offset, copy->length);
            copy->status = 0;
            continue;
        }
        window->at[rest] = (uint16_t)i;
        window->copies[rest++] = *copy;
    }
    counter_add(&window->reads, count - rest);
    if (!rest)
        return 0;
    if (port->ops->copy(port, window->copies, rest) < 0)
        return -1;
    for (unsigned i = 0; i < rest; i++)
        copies[window->at[i]].status = window->copies[i].status;
    return 0;
}
