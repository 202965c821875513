/* SPDX-License-Identifier: MIT */
#include "control/windows.h"

#include "common/clock.h"
#include "common/shm.h"
#include "control/worker.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define ENTRY_WORDS (sizeof(struct xen_netif_gref) / sizeof(uint32_t))
#define LIST_MAX    (4096u / sizeof(struct xen_netif_gref))

/* ---- The budget ---- */

void window_budget_init(struct window_budget *budget, unsigned pages, unsigned quota)
{
    memset(budget, 0, sizeof *budget);
    pthread_mutex_init(&budget->lock, NULL);
    budget->pages = pages;
    budget->quota = quota;
}

/* With the lock held. */
static unsigned room(const struct window_budget *budget, uint16_t domid)
{
    unsigned host = budget->pages - budget->used;
    unsigned guest =
        budget->used_by[domid] < budget->quota ? budget->quota - budget->used_by[domid] : 0;

    return host < guest ? host : guest;
}

unsigned window_budget_room(struct window_budget *budget, uint16_t domid)
{
    unsigned pages;

    pthread_mutex_lock(&budget->lock);
    pages = room(budget, domid);
    pthread_mutex_unlock(&budget->lock);
    return pages;
}

unsigned window_budget_used(struct window_budget *budget)
{
    unsigned pages;

    pthread_mutex_lock(&budget->lock);
    pages = budget->used;
    pthread_mutex_unlock(&budget->lock);
    return pages;
}

bool window_budget_take(struct window_budget *budget, uint16_t domid, unsigned pages)
{
    bool there;

    pthread_mutex_lock(&budget->lock);
    there = room(budget, domid) >= pages;
    if (there) {
        budget->used += pages;
        budget->used_by[domid] += pages;
    }
    pthread_mutex_unlock(&budget->lock);
    return there;
}

void window_budget_give(struct window_budget *budget, uint16_t domid, unsigned pages)
{
    pthread_mutex_lock(&budget->lock);
    budget->used -= pages;
    budget->used_by[domid] -= pages;
    pthread_mutex_unlock(&budget->lock);
}

/* ---- Requests ---- */

static struct windows *of(struct ctrl_windows *requests)
{
    return (struct windows *)requests;
}

static void set_pages(struct windows *windows, unsigned queue, unsigned pages)
{
    __atomic_store_n(&windows->pages[queue], pages, __ATOMIC_RELAXED);
}

static bool is_shut(const struct windows *windows)
{
    return __atomic_load_n(&windows->shut, __ATOMIC_RELAXED);
}

/* False if the session ends first. */
static bool wait_for_turn(struct windows *windows)
{
    struct pollfd stop = {.fd = windows->stop_fd, .events = POLLIN};

    while (
        !allowance_left(&windows->turns, WINDOW_REQUEST_BURST, WINDOW_REQUEST_EVERY_MS, clock_ms()))
        if (poll(&stop, 1, WINDOW_REQUEST_EVERY_MS) > 0)
            return false;
    windows->turns.left--;
    return true;
}

static uint32_t size(struct ctrl_windows *requests, unsigned queue, uint32_t *most)
{
    struct windows *windows = of(requests);
    unsigned pages, more;

    if (queue >= windows->queues)
        return XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;
    if (is_shut(windows))
        return XEN_NETIF_CTRL_STATUS_SUCCESS;
    pages = windows->pages[queue];
    more = window_budget_room(windows->budget, windows->domid);
    *most = more < WINDOW_PAGES_MAX - pages ? pages + more : WINDOW_PAGES_MAX;
    return XEN_NETIF_CTRL_STATUS_SUCCESS;
}

/* Each word once, into private memory: what is in the guest's page afterwards means nothing (XSA-155). */
static void read_list(const volatile uint32_t *words, struct xen_netif_gref *list, unsigned count)
{
    uint32_t entry[ENTRY_WORDS];

    for (unsigned i = 0; i < count; i++) {
        for (unsigned k = 0; k < ENTRY_WORDS; k++)
            entry[k] = shm_read32(&words[i * ENTRY_WORDS + k]);
        memcpy(&list[i], entry, sizeof list[i]);
    }
}

struct addition {
    unsigned count;
    struct window_entry entries[WINDOW_PAGES_MAX];
    int error; /* what has come of it: 0 or an errno */
};

static void add_pages(struct window *window, struct port *port, void *argument)
{
    struct addition *addition = argument;

    addition->error = window_add(window, port, addition->entries, addition->count) < 0 ? errno : 0;
}

static void unview(const struct windows *windows, const struct addition *addition, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        windows->port->ops->page_unview(windows->port, addition->entries[i].view);
}

/* The pages as our CPU will read them, which is also when Xen says of each whether it is granted to us. */
static int view(const struct windows *windows, struct addition *addition)
{
    for (unsigned i = 0; i < addition->count; i++) {
        struct window_entry *entry = &addition->entries[i];

        entry->view = windows->port->ops->page_view(windows->port, entry->gref);
        if (!entry->view) {
            unview(windows, addition, i);
            return -1;
        }
    }
    return 0;
}

static int read_addition(const struct windows *windows, uint32_t gref, struct addition *addition)
{
    struct xen_netif_gref list[WINDOW_PAGES_MAX];
    const volatile void *page = windows->port->ops->page_view(windows->port, gref);

    if (!page)
        return -1;
    read_list(page, list, addition->count);
    windows->port->ops->page_unview(windows->port, page);
    for (unsigned i = 0; i < addition->count; i++)
        addition->entries[i] = (struct window_entry){
            .gref = list[i].ref, .readonly = list[i].flags & XEN_NETIF_CTRLF_GREF_readonly};
    return 0;
}

/* Budgeted already. */
static uint32_t put_in(struct windows *windows, unsigned queue, struct addition *addition)
{
    if (view(windows, addition) < 0)
        return XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;
    addition->error = ECANCELED;
    windows->ask(windows, queue, add_pages, addition);
    if (!addition->error)
        return XEN_NETIF_CTRL_STATUS_SUCCESS;
    unview(windows, addition, addition->count);
    return addition->error == ENOSPC ? XEN_NETIF_CTRL_STATUS_BUFFER_OVERFLOW
                                     : XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;
}

static uint32_t add(struct ctrl_windows *requests, unsigned queue, uint32_t list, unsigned count)
{
    struct windows *windows = of(requests);
    struct addition addition;
    uint32_t status;

    if (queue >= windows->queues || !count || count > LIST_MAX)
        return XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;
    if (is_shut(windows) || count > WINDOW_PAGES_MAX - windows->pages[queue])
        return XEN_NETIF_CTRL_STATUS_BUFFER_OVERFLOW;
    addition.count = count;
    if (!wait_for_turn(windows) || read_addition(windows, list, &addition) < 0)
        return XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;
    if (!window_budget_take(windows->budget, windows->domid, count))
        return XEN_NETIF_CTRL_STATUS_BUFFER_OVERFLOW;
    status = put_in(windows, queue, &addition);
    if (status)
        window_budget_give(windows->budget, windows->domid, count);
    else
        set_pages(windows, queue, windows->pages[queue] + count);
    return status;
}

struct removal {
    unsigned count, taken;
    uint32_t grefs[LIST_MAX];
    const volatile uint8_t *views[LIST_MAX];
};

static void remove_pages(struct window *window, struct port *port, void *argument)
{
    struct removal *removal = argument;

    removal->taken = window_remove(window, port, removal->grefs, removal->views, removal->count);
}

/* The second word of an entry: flags, as they were, and status. */
static void write_statuses(volatile uint32_t *words, const struct xen_netif_gref *list,
                           const struct removal *removal)
{
    for (unsigned i = 0; i < removal->count; i++) {
        uint32_t status = removal->views[i] ? XEN_NETIF_CTRL_STATUS_SUCCESS
                                            : XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;

        shm_write32(&words[i * ENTRY_WORDS + 1], list[i].flags | status << 16);
    }
}

/* Taken out, then unmapped for the CPU, then told: after the response nothing of ours is on the page. */
static int take_out(struct windows *windows, unsigned queue, volatile uint32_t *words,
                    unsigned count, unsigned *taken)
{
    struct removal removal = {.count = count};
    struct xen_netif_gref list[LIST_MAX];

    read_list(words, list, count);
    for (unsigned i = 0; i < count; i++)
        removal.grefs[i] = list[i].ref;
    if (windows->ask(windows, queue, remove_pages, &removal) < 0)
        return -1;
    for (unsigned i = 0; i < count; i++)
        if (removal.views[i])
            windows->port->ops->page_unview(windows->port, removal.views[i]);
    set_pages(windows, queue, windows->pages[queue] - removal.taken);
    window_budget_give(windows->budget, windows->domid, removal.taken);
    write_statuses(words, list, &removal);
    *taken = removal.taken;
    return 0;
}

static uint32_t take_away(struct ctrl_windows *requests, unsigned queue, uint32_t list,
                          unsigned count, uint32_t *removed)
{
    struct windows *windows = of(requests);
    void *page;
    int rc;

    if (queue >= windows->queues || !count || count > LIST_MAX || !wait_for_turn(windows))
        return XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;
    page = windows->port->ops->ring_map(windows->port, list);
    if (!page)
        return XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;
    rc = take_out(windows, queue, page, count, removed);
    windows->port->ops->ring_unmap(windows->port, page);
    return rc < 0 ? XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER : XEN_NETIF_CTRL_STATUS_SUCCESS;
}

/* ---- Of a session ---- */

static int ask_worker(struct windows *windows, unsigned queue, window_work *work, void *argument)
{
    return worker_ask(windows->worker[queue], work, argument, windows->stop_fd);
}

void windows_init(struct windows *windows, struct window_budget *budget, struct port *port,
                  uint16_t domid, unsigned queues)
{
    *windows = (struct windows){
        .requests = {.size = size, .add = add, .remove = take_away},
        .budget = budget,
        .port = port,
        .domid = domid,
        .queues = queues,
        .ask = ask_worker,
        .stop_fd = -1,
        .turns = {WINDOW_REQUEST_BURST, clock_ms()},
    };
}

void windows_shut(struct windows *windows, bool shut)
{
    __atomic_store_n(&windows->shut, shut, __ATOMIC_RELAXED);
}

unsigned windows_pages(const struct windows *windows)
{
    unsigned pages = 0;

    for (unsigned i = 0; i < windows->queues; i++)
        pages += __atomic_load_n(&windows->pages[i], __ATOMIC_RELAXED);
    return pages;
}

static void unview_one(void *context, const volatile uint8_t *view)
{
    struct port *port = context;

    port->ops->page_unview(port, view);
}

int windows_close_queue(struct windows *windows, unsigned queue, struct port *port, bool quiet)
{
    struct window *window = windows->window[queue];
    int rc = quiet ? window_clear(window, port) : 0;

    window_each_view(window, unview_one, windows->port);
    window_budget_give(windows->budget, windows->domid, windows->pages[queue]);
    set_pages(windows, queue, 0);
    free(window);
    windows->window[queue] = NULL;
    return rc;
}
