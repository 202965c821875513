/* SPDX-License-Identifier: MIT */
/* Our frontend and our backend's data path in one process, with a VF in memory: frames both ways, any call failing. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <xen/errno.h>

#include "control/windows.h"
#include "datapath/ctrl.h"
#include "datapath/rx.h"
#include "datapath/tx.h"
#include "sim/front_sim.h"
#include "sim/sim.h"
#include "unit/runner.h"

#define BUFFERS 64u

static struct front_sim fs;
static struct sim sim;
static struct netvf_front *front;
static void *storage;
static struct tx tx;
static struct rx rx;
static struct translate translate;
static struct echo echo;
static struct dma_page header_pages[TX_PAGES], scratch;
static struct netvf_front_rx_frame frame;
static struct netvf_front_page lent[8];
static unsigned lent_count;

/* The backend's end of the control ring; the test owns the window. */
static struct ctrl ctrl;
static struct windows windows;
static struct window window;
static struct window_budget budget;
static bool with_window;

static const uint8_t mac[6] = {0x00, 0x16, 0x3e, 0x01, 0x02, 0xab};

static int ask_test(struct windows *same, unsigned queue, window_work *work, void *argument)
{
    (void)same;
    ck_assert_uint_eq(queue, 0);
    work(&window, &sim.port, argument);
    return 0;
}

static void attach_window(void)
{
    unsigned gref = front_sim_number(&fs, "ctrl-ring-ref");

    window_init(&window);
    windows_init(&windows, &budget, &sim.port, 5, 1);
    windows.ask = ask_test;
    translate.window = &window;
    memset(&ctrl, 0, sizeof ctrl);
    ctrl.windows = &windows.requests;
    ck_assert_uint_ne(gref, 0);
    ctrl_attach(&ctrl, fs.pages[gref]);
}

/* What the control side would do when it sees state 4. */
static void attach_backend(void)
{
    memset(&tx, 0, sizeof tx);
    memset(&rx, 0, sizeof rx);
    echo = (struct echo){.buffer = vf_rx_buffer(&sim.vf)};
    tx.port = &sim.port;
    tx.translate = rx.translate = &translate;
    tx.queue = rx.queue = &sim.queue;
    tx.header_pages = tx.private_pages = header_pages;
    tx.echo = rx.echo = &echo;
    tx.echo_count = 1;
    rx.scratch = &scratch;
    memcpy(tx.mac, mac, sizeof mac);
    memcpy(rx.mac, mac, sizeof mac);
    tx_attach(&tx, front_sim_tx(&fs, ""));
    rx_attach(&rx, front_sim_rx(&fs, ""));
    if (with_window)
        attach_window();
}

/* Until the frontend has asked for all that it wants. */
static void serve_control(void)
{
    bool notify = false;

    for (unsigned i = 0; i < 8; i++) {
        ck_assert_int_ge(ctrl_serve(&ctrl, 16, &notify), 0);
        ck_assert_int_ge(netvf_front_step(front), 0);
    }
    ck_assert(notify && !netvf_front_ctrl_waiting(front));
}

static void open_pair(unsigned window_pages)
{
    const struct netvf_front_config config = {
        .port = &fs.port,
        .path = FE_DIR,
        .queues = 1,
        .rx_buffers = BUFFERS,
        .sg = true,
        .csum_blank_ipv4 = true,
        .window = (uint16_t)window_pages,
    };

    with_window = window_pages;
    window_budget_init(&budget, 1000, 1000);
    sim_open(&sim);
    sim_grant(
        &sim,
        true); /* so that no reference of the frontend's is 0, which its keys would not show */
    sim.port.ops->dma_alloc(&sim.port, header_pages, TX_PAGES);
    sim.port.ops->dma_alloc(&sim.port, &scratch, 1);
    translate_host(&translate, &sim.port);
    front_sim_open(&fs);
    fs.backend = &sim;
    front_sim_make_vif(&fs, BE_DIR, "0");
    front_sim_offer(&fs, BE_DIR, "1");
    front_sim_set(&fs, BE_DIR "/feature-ctrl-ring", "1");
    storage = malloc(netvf_front_size(1));
    ck_assert_int_eq(netvf_front_init(storage, netvf_front_size(1), &config, &front), 0);
    ck_assert_int_eq(netvf_front_step(front), NETVF_FRONT_CONNECTING);
    attach_backend();
    front_sim_set(&fs, BE_DIR "/state", "4");
    ck_assert_int_eq(netvf_front_step(front), NETVF_FRONT_CONNECTED);
}

static void setup(void)
{
    open_pair(0);
}

static void setup_window(void)
{
    open_pair(NETVF_FRONT_WINDOW_MAX);
}

static void teardown(void)
{
    sim.fail_call = 0;
    ck_assert_int_eq(tx_abandon(&tx), 0);
    ck_assert_int_eq(rx_abandon(&rx), 0);
    if (with_window)
        ck_assert_int_eq(window_clear(&window, &sim.port), 0);
    ck_assert_uint_eq(sim.live_pins, 0);
    ck_assert_uint_eq(sim.stray, 0);
    netvf_front_drop(front);
    while (lent_count)
        fs.port.unshare(&fs.port, &lent[--lent_count], 1);
    ck_assert_uint_eq(fs.live_pages, 0);
    front_sim_close(&fs);
    sim_close(&sim);
    free(storage);
}

static void fill(uint8_t *bytes, unsigned length, unsigned seed)
{
    static const uint8_t header[34] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x16, 0x3e,
                                       0x01, 0x02, 0xab, 0x08, 0x00, 0x45, 0,    0x05, 0xdc,
                                       0,    1,    0x40, 0,    64,   6,    0xaa, 0xbb, 10,
                                       77,   0,    2,    10,   77,   0,    1};

    for (unsigned i = 0; i < length; i++)
        bytes[i] = (uint8_t)(i * 7 + seed);
    memcpy(bytes, header, length < sizeof header ? length : sizeof header);
}

/* One page of the caller's, lent to the backend for sending. */
static struct netvf_front_page lend(void)
{
    struct netvf_front_page *page = &lent[lent_count++];

    ck_assert_int_eq(fs.port.share(&fs.port, netvf_front_link(front)->backend, true, page, 1), 0);
    return *page;
}

/* The backend's worker, once around. */
static int work(void)
{
    bool notify = false;
    int r = tx_take(&tx);

    sim_send(&sim, 99);
    if (r >= 0)
        r = tx_complete(&tx, 1, &notify);
    if (r >= 0)
        r = rx_fill(&rx, 1);
    if (r >= 0)
        r = rx_complete(&rx, &notify);
    ck_assert_ptr_null(tx.fault);
    ck_assert_ptr_null(rx.fault);
    return r;
}

START_TEST(frames_out)
{
    struct netvf_front_page pages[3];
    uint8_t expected[3 * 4096];
    struct netvf_front_done done;

    for (unsigned i = 0; i < 3; i++)
        pages[i] = lend();
    for (unsigned round = 0; round < 600; round++) {
        unsigned count = 1 + round % 3, length = 20 + round * 37 % 480;
        struct netvf_front_tx_part parts[3];
        const struct netvf_front_tx_frame out = {
            .parts = parts, .count = (uint16_t)count, .cookie = round};

        fill(expected, count * length, round);
        for (unsigned i = 0; i < count; i++) {
            memcpy((uint8_t *)pages[i].bytes + round, expected + i * length, length);
            parts[i] =
                (struct netvf_front_tx_part){pages[i].gref, (uint16_t)round, (uint16_t)length};
        }
        ck_assert_int_eq(netvf_front_tx(front, 0, &out), 0);
        ck_assert_int_eq(netvf_front_tx_push(front, 0), 0);
        ck_assert_int_ge(work(), 0);
        ck_assert_int_eq(netvf_front_tx_done(front, 0, &done, 1), 1);
        ck_assert(done.cookie == round && done.sent);
        ck_assert_uint_eq(sim.wire_length, count * length);
        ck_assert_mem_eq(sim.wire, expected, count * length);
    }
    ck_assert_uint_eq(netvf_front_tx_room(front, 0), 256);
}
END_TEST

/* A frame with a checksum that the VF finishes, and one that is not ours and is refused. */
START_TEST(offload_and_spoof)
{
    struct netvf_front_page page = lend();
    const struct netvf_front_tx_part part = {page.gref, 0, 100};
    struct netvf_front_tx_frame out = {.parts = &part, .count = 1, .csum_blank = true};
    struct netvf_front_done done;
    uint8_t *bytes = page.bytes;

    fill(bytes, 100, 1);
    bytes[17] = 86;
    bytes[46] = 0x50; /* TCP's header length */
    netvf_front_tx(front, 0, &out);
    netvf_front_tx_push(front, 0);
    ck_assert_int_ge(work(), 0);
    ck_assert_int_eq(netvf_front_tx_done(front, 0, &done, 1), 1);
    ck_assert(done.sent);
    ck_assert(sim.tx[0].offloaded);
    bytes[6] = 2;
    netvf_front_tx(front, 0, &out);
    netvf_front_tx_push(front, 0);
    ck_assert_int_ge(work(), 0);
    ck_assert_int_eq(netvf_front_tx_done(front, 0, &done, 1), 1);
    ck_assert_uint_eq(tx.counters.spoofed, 1);
}
END_TEST

static void receive(unsigned round)
{
    uint8_t in[1514];
    unsigned length = 60 + round * 53 % 1400;

    memset(in, (int)round, length);
    memset(in, 0x02, 12);
    in[6] = 0x04;
    ck_assert(sim_receive(&sim, in, length));
    ck_assert_int_ge(work(), 0);
    ck_assert_int_eq(netvf_front_rx(front, 0, &frame), 1);
    ck_assert_uint_eq(frame.count, 1);
    ck_assert_uint_eq(frame.length, length);
    ck_assert_mem_eq(frame.parts[0].bytes, in, length);
    ck_assert_int_eq(netvf_front_rx_release(front, 0, &frame), 0);
    ck_assert_int_eq(netvf_front_rx_fill(front, 0), 0);
}

START_TEST(frames_in)
{
    ck_assert_int_ge(work(), 0);
    for (unsigned round = 0; round < 600; round++)
        receive(round);
}
END_TEST

/* A long frame fills several of the VF's buffers. */
START_TEST(chain_in)
{
    uint8_t in[5000];

    for (unsigned i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)(i * 11);
    ck_assert_int_ge(work(), 0);
    ck_assert(sim_receive(&sim, in, sizeof in));
    ck_assert_int_ge(work(), 0);
    ck_assert_int_eq(netvf_front_rx(front, 0, &frame), 1);
    ck_assert_uint_gt(frame.count, 1);
    ck_assert_uint_eq(frame.length, sizeof in);
    for (unsigned i = 0, at = 0; i < frame.count; at += frame.parts[i++].length)
        ck_assert_mem_eq(frame.parts[i].bytes, in + at, frame.parts[i].length);
}
END_TEST

/* What Xen has refused to release is in the backend's journal, from which it is released later. */
static void recover(void)
{
    for (unsigned i = 0; i < sim.next_page; i++)
        sim.pages[i].pins = sim.pages[i].writers = 0;
    sim.live_pins = 0;
}

/* The N-th call of the backend into Xen fails, for each N. The frontend never sees more than frames that were not sent or
 * did not come; a host fault of the backend ends its session, and ours is made anew. */
START_TEST(calls_of_the_backend_fail)
{
    struct netvf_front_page page = lend();
    const struct netvf_front_tx_part part = {page.gref, 0, 1000};
    const struct netvf_front_tx_frame out = {.parts = &part, .count = 1};
    struct netvf_front_done done;
    uint8_t in[200] = {0x02, 0, 0, 0, 0, 1, 0x04};
    int r = 0;

    fill(page.bytes, 1000, 3);
    sim.fail_call = (unsigned)_i + 1;
    for (unsigned round = 0; round < 4 && r >= 0; round++) {
        netvf_front_tx(front, 0, &out);
        netvf_front_tx_push(front, 0);
        r = work();
        if (r >= 0 && sim.rx_posted != sim.rx_filled)
            sim_receive(&sim, in, sizeof in);
        ck_assert_int_ge(netvf_front_tx_done(front, 0, &done, 1), 0);
        while (netvf_front_rx(front, 0, &frame) == 1)
            netvf_front_rx_release(front, 0, &frame);
        ck_assert_int_eq(netvf_front_rx_fill(front, 0), 0);
    }
    sim.fail_call = 0;
    ck_assert_int_eq(tx_abandon(&tx), 0);
    ck_assert_int_eq(rx_abandon(&rx), 0);
    recover();
    sim.tx_posted = sim.tx_sent = sim.tx_rung = sim.tx_reaped = 0;
    sim.rx_posted = sim.rx_filled = sim.rx_reaped = 0;
    front_sim_set(&fs, BE_DIR "/state", "5");
    ck_assert_int_eq(netvf_front_step(front), NETVF_FRONT_CLOSING);
    front_sim_set(&fs, BE_DIR "/state", "6");
    ck_assert_int_eq(netvf_front_step(front), NETVF_FRONT_WAITING);
    front_sim_set(&fs, BE_DIR "/state", "2");
    ck_assert_int_eq(netvf_front_step(front), NETVF_FRONT_CONNECTING);
    attach_backend();
    ck_assert_int_ge(work(), 0);
    receive(1);
}
END_TEST

/* Sending by pages that the window has, and by one that it has not. */
static unsigned send_from(const struct netvf_front_page *page, unsigned length, unsigned rounds)
{
    const struct netvf_front_tx_part part = {page->gref, 8, (uint16_t)length};
    const struct netvf_front_tx_frame out = {.parts = &part, .count = 1};
    unsigned before = sim.grant_ops;
    struct netvf_front_done done;

    for (unsigned round = 0; round < rounds; round++) {
        fill((uint8_t *)page->bytes + 8, length, round);
        ck_assert_int_eq(netvf_front_tx(front, 0, &out), 0);
        ck_assert_int_eq(netvf_front_tx_push(front, 0), 0);
        ck_assert_int_ge(work(), 0);
        ck_assert_int_eq(netvf_front_tx_done(front, 0, &done, 1), 1);
        ck_assert(done.sent);
        ck_assert_mem_eq(sim.wire, (uint8_t *)page->bytes + 8, length);
    }
    return sim.grant_ops - before;
}

START_TEST(window_in_steady_state)
{
    static struct netvf_front_page pool[4];
    struct netvf_front_page other = lend();
    unsigned before;

    for (unsigned i = 0; i < 4; i++)
        pool[i] = lend();
    ck_assert_int_eq(netvf_front_window_add(front, 0, pool, 4), 0);
    ck_assert_int_eq(netvf_front_window_add(front, 0, pool, 4), -XEN_EINVAL);
    serve_control();
    ck_assert_uint_eq(netvf_front_window_pages(front, 0), BUFFERS + 4);
    ck_assert_uint_eq(windows_pages(&windows), BUFFERS + 4);
    ck_assert_int_ge(work(), 0);
    before = sim.grant_ops;
    for (unsigned round = 0; round < 600; round++)
        receive(round);
    ck_assert_uint_eq(sim.grant_ops, before);
    ck_assert_uint_eq(send_from(&pool[1], 1400, 300), 0);
    ck_assert_uint_eq(send_from(&pool[3], 60, 300), 0);
    /* A copy, a pin, a release for each. */
    ck_assert_uint_eq(send_from(&other, 1400, 20), 60);
    ck_assert_uint_eq(sim.live_pins, BUFFERS + 4);
}
END_TEST

/* In good order: the pages that are sent from are out before the frontend says that it closes. */
START_TEST(window_is_closed)
{
    static struct netvf_front_page pool[3];
    bool notify = false;

    for (unsigned i = 0; i < 3; i++)
        pool[i] = lend();
    ck_assert_int_eq(netvf_front_window_add(front, 0, pool, 3), 0);
    serve_control();
    ck_assert_int_ge(work(), 0);
    netvf_front_close(front);
    ck_assert_int_eq(netvf_front_step(front), NETVF_FRONT_CLOSING);
    ck_assert_ptr_null(netvf_front_link(front));
    ck_assert_uint_eq(front_sim_number(&fs, "state"), 4);
    ck_assert_int_eq(ctrl_serve(&ctrl, 16, &notify), 1);
    ck_assert_int_eq(netvf_front_step(front), NETVF_FRONT_CLOSING);
    ck_assert_uint_eq(front_sim_number(&fs, "state"), 5);
    ck_assert_uint_eq(windows_pages(&windows), BUFFERS);
    for (unsigned i = 0; i < 3; i++)
        ck_assert_uint_eq(sim.pages[pool[i].gref].pins, 0);
}
END_TEST

/* No budget, or not enough: the vif goes on without a window, or with less of one. */
START_TEST(window_is_refused)
{
    struct netvf_front_page page = lend();

    budget.pages = _i ? 40 : 0;
    serve_control();
    ck_assert_uint_eq(netvf_front_window_pages(front, 0), budget.pages);
    ck_assert_int_ge(work(), 0);
    for (unsigned round = 0; round < 100; round++)
        receive(round);
    ck_assert_int_ge(work(), 0);
    ck_assert_uint_eq(send_from(&page, 1400, 10), 30);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("front_pair");
    TCase *tc = tcase_create("pair"), *windowed = tcase_create("window");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, frames_out);
    tcase_add_test(tc, offload_and_spoof);
    tcase_add_test(tc, frames_in);
    tcase_add_test(tc, chain_in);
    tcase_add_loop_test(tc, calls_of_the_backend_fail, 0, 16);
    suite_add_tcase(suite, tc);
    tcase_add_checked_fixture(windowed, setup_window, teardown);
    tcase_add_test(windowed, window_in_steady_state);
    tcase_add_test(windowed, window_is_closed);
    tcase_add_loop_test(windowed, window_is_refused, 0, 2);
    suite_add_tcase(suite, windowed);
    return run_suite(suite);
}
