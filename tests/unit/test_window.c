/* SPDX-License-Identifier: MIT */
/* A queue's window by itself: what is in it costs no call, what is not goes the ordinary way in the same batch, and no
 * page goes while a descriptor has it. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"
#include "translate/translate.h"
#include "translate/window.h"
#include "unit/runner.h"

#define PAGES 300u /* more than one batch */

static struct sim sim;
static struct window window;
static struct translate translate;
static struct dma_page own;
static uint32_t grefs[PAGES];

static void setup(void)
{
    sim_open(&sim);
    window_init(&window);
    translate_host(&translate, &sim.port);
    translate.window = &window;
    sim.port.ops->dma_alloc(&sim.port, &own, 1);
    for (unsigned i = 0; i < PAGES; i++)
        grefs[i] = sim_grant(&sim, i % 2);
}

static void teardown(void)
{
    sim.fail_call = 0;
    ck_assert_int_eq(window_clear(&window, &sim.port), 0);
    ck_assert_uint_eq(sim.live_pins, 0);
    ck_assert_uint_eq(window.pinned, 0);
    sim_close(&sim);
}

/* Every second page is granted read-only. */
static int add(unsigned first, unsigned count)
{
    struct window_entry entries[PAGES];

    for (unsigned i = 0; i < count; i++)
        entries[i] = (struct window_entry){
            .gref = grefs[first + i],
            .view = sim_bytes(&sim, grefs[first + i]),
            .readonly = (first + i) % 2,
        };
    return window_add(&window, &sim.port, entries, count);
}

static struct grant_pin acquire(unsigned page, bool readonly)
{
    struct grant_pin pin = {.gref = grefs[page], .readonly = readonly};

    ck_assert_int_eq(translate.ops->acquire(&translate, &pin, 1), 0);
    return pin;
}

static void release(struct grant_pin pin)
{
    ck_assert_int_eq(translate.ops->release(&translate, &pin, 1), 0);
}

static unsigned removed(unsigned first, unsigned count, const volatile uint8_t **views)
{
    return window_remove(&window, &sim.port, grefs + first, views, count);
}

START_TEST(no_call_for_what_is_in_it)
{
    struct grant_pin pins[PAGES];
    struct grant_copy copies[2];
    unsigned ops;

    ck_assert_int_eq(add(0, PAGES), 0);
    ck_assert_uint_eq(sim.live_pins, PAGES);
    ops = sim.grant_ops;
    for (unsigned i = 0; i < PORT_BATCH_MAX; i++)
        pins[i] = (struct grant_pin){.gref = grefs[i], .readonly = i % 2};
    ck_assert_int_eq(translate.ops->acquire(&translate, pins, PORT_BATCH_MAX), 0);
    for (unsigned i = 0; i < PORT_BATCH_MAX; i++) {
        ck_assert_int_eq(pins[i].status, 0);
        ck_assert_uint_eq(pins[i].dma, sim.pages[grefs[i]].dma);
    }
    strcpy((char *)sim_bytes(&sim, grefs[3]) + 7, "header");
    for (unsigned i = 0; i < 2; i++)
        copies[i] = (struct grant_copy){
            .own = own.dma, .own_va = own.va, .gref = grefs[3], .offset = 7, .length = 7};
    ck_assert_int_eq(translate.ops->fetch(&translate, copies, 2), 0);
    ck_assert_str_eq(own.va, "header");
    ck_assert_int_eq(translate.ops->release(&translate, pins, PORT_BATCH_MAX), 0);
    ck_assert_uint_eq(sim.grant_ops, ops);
    ck_assert_uint_eq(window.slots, PORT_BATCH_MAX);
    ck_assert_uint_eq(window.reads, 2);
    ck_assert_uint_eq(window.lent, 0);
}
END_TEST

/* Some of a batch in the window, some not, one bad: each has its own outcome, in its own place. */
START_TEST(mixed_batch)
{
    struct grant_pin pins[9];
    struct grant_copy copies[9];
    uint8_t *to = own.va;

    ck_assert_int_eq(add(0, 4), 0);
    for (unsigned i = 0; i < 9; i++) {
        uint32_t gref = i == 5 ? 1000 : grefs[i];

        pins[i] = (struct grant_pin){.gref = gref, .readonly = true};
        copies[i] = (struct grant_copy){
            .own = own.dma + i, .own_va = to + i, .gref = gref, .offset = 100, .length = 1};
        if (i != 5)
            sim_bytes(&sim, gref)[100] = (uint8_t)(40 + i);
    }
    ck_assert_int_eq(translate.ops->acquire(&translate, pins, 9), 0);
    ck_assert_int_eq(translate.ops->fetch(&translate, copies, 9), 0);
    for (unsigned i = 0; i < 9; i++) {
        ck_assert(!pins[i].status == (i != 5));
        ck_assert(!copies[i].status == (i != 5));
        if (i == 5)
            continue;
        ck_assert_uint_eq(pins[i].dma, sim.pages[grefs[i]].dma);
        ck_assert(!pins[i].window == (i >= 4));
        ck_assert_uint_eq(to[i], 40 + i);
    }
    ck_assert_uint_eq(sim.live_pins, 4 + 4);
    memmove(&pins[5], &pins[6], 3 * sizeof pins[0]);
    ck_assert_int_eq(translate.ops->release(&translate, pins, 8), 0);
    ck_assert_uint_eq(sim.live_pins, 4);
}
END_TEST

/* A page that was put in read-only serves no receiver: Xen judges that one by itself. */
START_TEST(readonly_stays_so)
{
    struct grant_pin pin;

    ck_assert_int_eq(add(0, 2), 0);
    pin = acquire(1, false);
    ck_assert_int_ne(pin.status, 0);
    ck_assert_uint_eq(pin.window, 0);
    pin = acquire(0, false);
    ck_assert_uint_ne(pin.window, 0);
    release(pin);
    release(acquire(0, true));
}
END_TEST

START_TEST(duplicates_refused)
{
    struct window_entry twice[3] = {{.gref = grefs[0]}, {.gref = grefs[2]}, {.gref = grefs[0]}};
    struct grant_pin pin;

    ck_assert_int_eq(window_add(&window, &sim.port, twice, 3), -1);
    ck_assert_int_eq(errno, EEXIST);
    ck_assert_uint_eq(window.pages, 0);
    ck_assert_int_eq(add(0, 2), 0);
    ck_assert_int_eq(add(1, 3), -1);
    ck_assert_int_eq(errno, EEXIST);
    ck_assert_uint_eq(window.pages, 2);
    ck_assert_uint_eq(sim.live_pins, 2);
    pin = acquire(2, true);
    ck_assert_uint_eq(pin.window, 0);
    release(pin);
    ck_assert_int_eq(window_add(&window, &sim.port, twice, 0), 0);
}
END_TEST

/* One reference that Xen does not know, or knows as read-only, anywhere in the list. */
START_TEST(all_or_nothing)
{
    unsigned bad = (unsigned)_i * 99;

    sim.pages[grefs[bad]].granted = false;
    ck_assert_int_eq(add(0, PAGES), -1);
    ck_assert_int_eq(errno, EACCES);
    ck_assert_uint_eq(window.pages + window.pinned + sim.live_pins, 0);
    sim.pages[grefs[bad]].granted = true;
    sim.pages[grefs[bad]].readonly = true;
    ck_assert_int_eq(add(0, PAGES), bad % 2 ? 0 : -1);
    ck_assert_uint_eq(sim.live_pins, bad % 2 ? PAGES : 0);
}
END_TEST

/* The N-th call into Xen fails: nothing is added, and what was pinned is released, but for what a failed release keeps
 * in the port's journal. */
START_TEST(calls_fail)
{
    sim.fail_call = sim.calls + (unsigned)_i + 1;
    ck_assert_int_eq(add(0, PAGES), _i < 2 ? -1 : 0);
    ck_assert_uint_eq(window.pages, _i < 2 ? 0 : PAGES);
    ck_assert_uint_eq(sim.live_pins, window.pages);
}
END_TEST

START_TEST(no_more_than_fits)
{
    struct window_entry entries[WINDOW_PAGES_MAX + 1];

    for (unsigned i = 0; i <= WINDOW_PAGES_MAX; i++)
        entries[i] = (struct window_entry){.gref = sim_grant(&sim, false)};
    ck_assert_int_eq(window_add(&window, &sim.port, entries, WINDOW_PAGES_MAX + 1), -1);
    ck_assert_int_eq(errno, ENOSPC);
    ck_assert_int_eq(window_add(&window, &sim.port, entries, WINDOW_PAGES_MAX), 0);
    ck_assert_int_eq(window_add(&window, &sim.port, &entries[WINDOW_PAGES_MAX], 1), -1);
    ck_assert_uint_eq(window.pinned, WINDOW_PAGES_MAX);
}
END_TEST

START_TEST(removal_page_by_page)
{
    const volatile uint8_t *views[PAGES];
    struct grant_pin held;

    ck_assert_int_eq(add(0, PAGES - 1), 0);
    held = acquire(7, true);
    ck_assert_uint_eq(removed(0, PAGES, views), PAGES - 2);
    for (unsigned i = 0; i < PAGES; i++)
        ck_assert(!views[i] == (i == 7 || i == PAGES - 1));
    ck_assert(views[3] == sim_bytes(&sim, grefs[3]));
    ck_assert_uint_eq(sim.live_pins, 1);
    /* It is there, works, and can go when nobody has it. */
    release(acquire(7, true));
    release(held);
    ck_assert_uint_eq(sim.live_pins, 1);
    ck_assert_uint_eq(removed(7, 1, views), 1);
    ck_assert_uint_eq(sim.live_pins, 0);
    ck_assert_int_eq(add(0, PAGES), 0);
}
END_TEST

START_TEST(removed_once)
{
    const uint32_t twice[2] = {grefs[0], grefs[0]};
    const volatile uint8_t *views[2];

    ck_assert_int_eq(add(0, 2), 0);
    ck_assert_uint_eq(window_remove(&window, &sim.port, twice, views, 2), 1);
    ck_assert(views[0] && !views[1]);
    ck_assert_uint_eq(window.pages, 1);
}
END_TEST

START_TEST(refused_release_keeps_the_page)
{
    const volatile uint8_t *views[2];

    ck_assert_int_eq(add(0, 2), 0);
    sim.fail_call = sim.calls + 1;
    ck_assert_uint_eq(removed(0, 2, views), 0);
    ck_assert(!views[0] && !views[1]);
    ck_assert_uint_eq(window.pages, 2);
    ck_assert_uint_eq(removed(0, 2, views), 2);
}
END_TEST

/* Resting, nothing is pinned but what a descriptor has, and that goes with the last use, before there is an answer. */
START_TEST(rest_and_wake)
{
    struct grant_pin one, two, other;

    ck_assert_int_eq(add(0, PAGES), 0);
    one = acquire(4, false);
    two = acquire(4, true);
    ck_assert_int_eq(window_rest(&window, &sim.port), 0);
    ck_assert_uint_eq(sim.live_pins, 1);
    other = acquire(6, false);
    ck_assert_uint_eq(other.window, 0);
    ck_assert_uint_eq(sim.live_pins, 2);
    release(one);
    ck_assert_uint_eq(sim.live_pins, 2);
    release(two);
    release(other);
    ck_assert_uint_eq(sim.live_pins, 0);
    ck_assert_uint_eq(window.pages, PAGES);
    sim.pages[grefs[9]].granted = false;
    window_wake(&window, &sim.port);
    ck_assert_uint_eq(sim.live_pins, PAGES - 1);
    ck_assert_int_ne(acquire(9, true).status, 0);
    one = acquire(4, false);
    ck_assert_uint_ne(one.window, 0);
    release(one);
}
END_TEST

/* Woken before the last use: the pin was never away. */
START_TEST(woken_in_use)
{
    struct grant_pin pin;

    ck_assert_int_eq(add(0, 4), 0);
    pin = acquire(2, false);
    ck_assert_int_eq(window_rest(&window, &sim.port), 0);
    window_wake(&window, &sim.port);
    ck_assert_uint_eq(sim.live_pins, 4);
    release(pin);
    ck_assert_uint_eq(sim.live_pins, 4);
}
END_TEST

START_TEST(added_while_resting)
{
    ck_assert_int_eq(window_rest(&window, &sim.port), 0);
    ck_assert_int_eq(add(0, 4), 0);
    ck_assert_uint_eq(sim.live_pins, 0);
    window_wake(&window, &sim.port);
    ck_assert_uint_eq(sim.live_pins, 4);
}
END_TEST

/* A batch that fails as a whole has taken nothing. */
START_TEST(failed_batch_holds_nothing)
{
    struct grant_pin pins[2] = {{.gref = grefs[0]}, {.gref = grefs[2]}};
    const volatile uint8_t *view;

    ck_assert_int_eq(add(0, 1), 0);
    sim.fail_call = sim.calls + 1;
    ck_assert_int_eq(translate.ops->acquire(&translate, pins, 2), -1);
    ck_assert_uint_eq(window.lent, 0);
    ck_assert_uint_eq(removed(0, 1, &view), 1);
}
END_TEST

/* Many references in one bucket. */
START_TEST(crowded_bucket)
{
    struct window_entry entries[64];
    const volatile uint8_t *out;
    unsigned count = 0;

    ck_assert_int_eq(window_rest(&window, &sim.port), 0);
    for (uint32_t gref = 0; count < 64; gref++)
        if ((gref * 0x9e3779b1u >> 16) % WINDOW_BUCKETS == 5)
            entries[count++] = (struct window_entry){.gref = gref, .view = own.va};
    ck_assert_int_eq(window_add(&window, &sim.port, entries, 64), 0);
    for (unsigned i = 0; i < 64; i++) {
        unsigned at = (i * 37 + 11) % 64;

        ck_assert_uint_eq(window_remove(&window, &sim.port, &entries[at].gref, &out, 1), 1);
        ck_assert_uint_eq(window_remove(&window, &sim.port, &entries[at].gref, &out, 1), 0);
    }
    ck_assert_uint_eq(window.pages, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("window");
    TCase *tc = tcase_create("window");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, no_call_for_what_is_in_it);
    tcase_add_test(tc, mixed_batch);
    tcase_add_test(tc, readonly_stays_so);
    tcase_add_test(tc, duplicates_refused);
    tcase_add_loop_test(tc, all_or_nothing, 0, 4);
    tcase_add_loop_test(tc, calls_fail, 0, 3);
    tcase_add_test(tc, no_more_than_fits);
    tcase_add_test(tc, removal_page_by_page);
    tcase_add_test(tc, removed_once);
    tcase_add_test(tc, refused_release_keeps_the_page);
    tcase_add_test(tc, rest_and_wake);
    tcase_add_test(tc, woken_in_use);
    tcase_add_test(tc, added_while_resting);
    tcase_add_test(tc, failed_batch_holds_nothing);
    tcase_add_test(tc, crowded_bucket);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
