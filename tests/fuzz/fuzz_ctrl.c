/* SPDX-License-Identifier: MIT */
/* The control ring and DMA windows against a hostile guest: any requests and lists, which change while they are read, in
 * between of traffic in both directions by pages that are in the window, were, or never will be. After each step: what the
 * VF could reach is pinned (invariant 1), what a descriptor has is not released (4), and budget, pins, mappings and table
 * agree to the page. */
#include "control/windows.h"
#include "datapath/rx.h"
#include "datapath/tx.h"
#include "fuzz/hostile.h"

#define GUEST     5u
#define OTHER     6u
#define QUEUES    2u /* the second has a window and no traffic */
#define BUDGET    40u
#define QUOTA     24u
#define LISTS     2u
#define CTRL_SIZE 128u

DEFINE_RING_TYPES(fuzz_ctrl, struct xen_netif_ctrl_request, struct xen_netif_ctrl_response);

static struct tx tx;
static struct rx rx;
static struct translate translate;
static struct echo echo;
static struct dma_page header_pages[TX_PAGES], scratch;
static struct ctrl ctrl;
static struct windows windows;
static struct window_budget budget;
static fuzz_ctrl_sring_t *ring;
static uint32_t first_list, ring_gref;
static unsigned of_others;
static bool serving, ending, notify;

static int ask(struct windows *same, unsigned queue, window_work *work, void *argument)
{
    require(queue < QUEUES);
    if (ending)
        return -1;
    work(same->window[queue], &hostile.sim.port, argument);
    return 0;
}

/* Responses, and the statuses of a list, which the guest may say is in any page of its own. */
static bool may_write(const volatile uint32_t *word)
{
    const uint8_t *byte = (const uint8_t *)(uintptr_t)word;

    for (unsigned i = 0; i < hostile.sim.next_page; i++) {
        const struct sim_page *page = &hostile.sim.pages[i];

        if (byte >= page->bytes && byte < page->bytes + 4096)
            return serving && !page->own;
    }
    return false;
}

static void open_data_path(void)
{
    struct sim *sim = &hostile.sim;

    memset(&tx, 0, sizeof tx);
    memset(&rx, 0, sizeof rx);
    memset(&echo, 0, sizeof echo);
    sim->port.ops->dma_alloc(&sim->port, header_pages, TX_PAGES);
    sim->port.ops->dma_alloc(&sim->port, &scratch, 1);
    translate_host(&translate, &sim->port);
    translate.window = windows.window[0];
    tx.port = &sim->port;
    tx.translate = rx.translate = &translate;
    tx.queue = rx.queue = &sim->queue;
    tx.header_pages = tx.private_pages = header_pages;
    echo.buffer = vf_rx_buffer(&sim->vf);
    tx.echo = rx.echo = &echo;
    tx.echo_count = 1;
    rx.scratch = &scratch;
    memcpy(tx.mac, hostile_mac, sizeof tx.mac);
    memcpy(rx.mac, hostile_mac, sizeof rx.mac);
    tx_attach(&tx, sim->tx_ring);
    rx_attach(&rx, sim->rx_ring);
}

static void open_ctrl(void)
{
    struct sim *sim = &hostile.sim;

    hostile.also_writes = may_write;
    serving = ending = notify = false;
    of_others = 0;
    window_budget_init(&budget, BUDGET, QUOTA);
    windows_init(&windows, &budget, &sim->port, GUEST, QUEUES);
    windows.ask = ask;
    for (unsigned i = 0; i < QUEUES; i++) {
        windows.window[i] = malloc(sizeof *windows.window[i]);
        window_init(windows.window[i]);
    }
    ring_gref = sim_grant(sim, false);
    first_list = sim_grant(sim, false);
    for (unsigned i = 1; i < LISTS; i++)
        sim_grant(sim, false);
    ring = (fuzz_ctrl_sring_t *)sim_bytes(sim, ring_gref);
    memset(&ctrl, 0, sizeof ctrl);
    ctrl.windows = &windows.requests;
    ctrl_attach(&ctrl, ring);
}

/* ---- Oracle ---- */

static unsigned lent_to(const struct grant_pin *pin, bool there, unsigned *plain)
{
    *plain += there && !pin->window;
    return there && pin->window;
}

static void check_window(const struct window *window, unsigned pages, unsigned lent)
{
    unsigned there = 0, pinned = 0, uses = 0;

    for (unsigned i = 0; i < WINDOW_PAGES_MAX; i++) {
        there += window->page[i].there;
        pinned += window->page[i].pinned;
        uses += window->page[i].uses;
        require(window->page[i].there || !window->page[i].pinned);
        require(window->page[i].pinned || !window->page[i].uses);
    }
    require(there == window->pages && there == pages);
    require(pinned == window->pinned);
    require(uses == window->lent && uses == lent);
}

static void check(void)
{
    const struct sim *sim = &hostile.sim;
    unsigned plain = 0, lent = 0, pages = windows_pages(&windows);

    for (uint32_t i = tx.ring.rsp_prod; i != tx.ring.req_cons; i++)
        lent += lent_to(&tx.slots[i % RING_SLOTS].pin, tx.slots[i % RING_SLOTS].pinned, &plain);
    for (uint32_t i = rx.ring.rsp_prod; i != rx.ring.req_cons; i++)
        lent += lent_to(&rx.slots[i % RING_SLOTS].pin, rx.slots[i % RING_SLOTS].posted, &plain);
    check_window(windows.window[0], windows.pages[0], lent);
    check_window(windows.window[1], windows.pages[1], 0);
    require(sim->live_pins == plain + windows.window[0]->pinned + windows.window[1]->pinned);
    require(sim->views == pages && sim->mapped_rings == 0);
    require(budget.used == pages + of_others && budget.used <= BUDGET);
    require(budget.used_by[GUEST] == pages && pages <= QUOTA);
    hostile_check_reach();
    hostile_check_frames(&tx);
}

/* ---- Acts ---- */

static uint32_t any_list(void)
{
    uint8_t choice = input_u8(&hostile.in);

    return choice < 200 ? first_list + choice % LISTS : hostile_gref();
}

static void push_request(void)
{
    struct xen_netif_ctrl_request *request = &ring->ring[ring->req_prod++ % CTRL_SIZE].req;
    uint8_t how = input_u8(&hostile.in);

    request->id = how;
    request->type = (uint16_t)(how < 240 ? 8 + how % 3 : how);
    request->data[0] = how & 32 ? input_u8(&hostile.in) % 4 : 0;
    request->data[1] = any_list();
    request->data[2] = input_u8(&hostile.in);
    if (request->data[2] < 200)
        request->data[2] %= HOSTILE_PAGES + 2;
    else
        request->data[2] *= 3;
}

static void write_list(void)
{
    struct xen_netif_gref *list = (struct xen_netif_gref *)sim_bytes(
        &hostile.sim, first_list + input_u8(&hostile.in) % LISTS);
    uint32_t gref = hostile.first_page + input_u8(&hostile.in) % HOSTILE_PAGES;
    uint8_t how = input_u8(&hostile.in);

    /* Mostly pages next to each other, then some entries as they come. */
    for (unsigned i = 0; i < HOSTILE_PAGES; i++)
        list[i] = (struct xen_netif_gref){.ref = hostile.first_page +
                                                 (gref - hostile.first_page + i) % HOSTILE_PAGES,
                                          .flags = (uint16_t)(how & 1)};
    for (unsigned i = 0; i < (how >> 1) % 4u; i++)
        list[input_u8(&hostile.in) % HOSTILE_PAGES] =
            (struct xen_netif_gref){.ref = hostile_gref(), .flags = input_u8(&hostile.in)};
}

static bool serve(void)
{
    int served;

    windows.turns.left = WINDOW_REQUEST_BURST; /* nobody waits here */
    serving = true;
    served = ctrl_serve(&ctrl, 1 + input_u8(&hostile.in) % 4, &notify);
    serving = false;
    return served >= 0;
}

static void others(void)
{
    unsigned pages = input_u8(&hostile.in) % BUDGET;

    if (of_others) {
        window_budget_give(&budget, OTHER, of_others);
        of_others = 0;
    } else if (window_budget_take(&budget, OTHER, pages)) {
        of_others = pages;
    }
}

static void push_buffers(void)
{
    unsigned count = 1 + input_u8(&hostile.in) % 16;

    for (unsigned i = 0; i < count; i++)
        sim_push_rx(&hostile.sim, hostile.first_page + (input_u8(&hostile.in)) % HOSTILE_PAGES, i);
}

static void receive(void)
{
    static uint8_t frame[3000];
    unsigned kind = input_u8(&hostile.in), total = 60 + input_u16(&hostile.in) % 1400;

    hostile_frame(frame, sizeof frame, kind, total, input_u8(&hostile.in) & 1);
    sim_receive(&hostile.sim, frame, total);
}

/* Another VF: nothing of the last one is there any more, the windows are. */
static bool new_vf(void)
{
    hostile_new_vf();
    return tx_give_up(&tx, &notify) >= 0 && rx_take_back(&rx, &notify) >= 0;
}

static bool rest(void)
{
    struct window *window = windows.window[0];
    int rc = 0;

    if (window->resting)
        window_wake(window, &hostile.sim.port);
    else
        rc = window_rest(window, &hostile.sim.port);
    return rc == 0;
}

/* False if the session would end now. */
static bool step(void)
{
    unsigned act = input_u8(&hostile.in) % 24;

    switch (act) {
    default:
        hostile_act(act % HOSTILE_ACTS);
        return true;
    case 6:
    case 7:
        push_request();
        return true;
    case 8:
        write_list();
        return true;
    case 9:
    case 10:
        write_list();
        push_request();
        return serve();
    case 11:
        return serve();
    case 12:
        others();
        return true;
    case 13:
        hostile_push_frame();
        return tx_take(&tx) >= 0;
    case 14:
        return tx_take(&tx) >= 0;
    case 15:
        hostile_send(&tx, 1 + input_u8(&hostile.in) % 8);
        return tx_complete(&tx, 1, &notify) >= 0;
    case 16:
        push_buffers();
        return rx_fill(&rx, 1) >= 0;
    case 17:
        receive();
        return true;
    case 18:
        return rx_complete(&rx, &notify) >= 0;
    case 19:
        return new_vf();
    case 20:
        return rest();
    case 21:
        windows_shut(&windows, !windows.shut);
        return true;
    case 22:
        ring->req_prod += (uint32_t)(int8_t)input_u8(&hostile.in);
        return true;
    case 23:
        ending = !ending;
        return true;
    }
}

static void close_all(bool whole)
{
    struct sim *sim = &hostile.sim;

    hostile_new_vf(); /* proven quiet */
    sim->fail_call = 0;
    require(tx_abandon(&tx) == 0 && rx_abandon(&rx) == 0);
    for (unsigned i = 0; i < QUEUES; i++)
        require(windows_close_queue(&windows, i, &sim->port, true) == 0);
    require(sim->views == 0 && sim->mapped_rings == 0);
    require(budget.used == of_others && !budget.used_by[GUEST]);
    require(!whole || sim->live_pins == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool goes_on = true, failed = false;
    uint8_t fail;

    hostile_open(data, size);
    fail = input_u8(&hostile.in);
    hostile.sim.fail_call = fail < 64 ? fail : 0;
    open_ctrl();
    open_data_path();
    check();
    while (goes_on && !failed && hostile.in.left) {
        goes_on = step();
        /* Xen has failed us: of what is pinned then, Xen alone knows. */
        failed = hostile.sim.fail_call && hostile.sim.calls >= hostile.sim.fail_call;
        if (goes_on && !failed)
            check();
    }
    close_all(goes_on && !failed);
    hostile_close();
    return 0;
}
