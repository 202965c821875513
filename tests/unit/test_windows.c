/* SPDX-License-Identifier: MIT */
/* Requests about windows by the control ring, budget and quota: what is refused and how, and that a refusal leaves
 * nothing behind. Who owns the windows is the test itself; with workers it is test_session_windows.c. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "control/windows.h"
#include "sim/sim.h"
#include "unit/runner.h"

#define GUEST  5u
#define QUEUES 2u
#define PAGES  512u

enum { OK, NOT_SUPPORTED, INVALID, OVERFLOW };

static struct sim sim;
static struct ctrl ctrl;
static struct windows windows;
static struct window window[QUEUES];
static struct window_budget budget;
static uint32_t list_gref, grefs[PAGES];
static bool ending;

static int ask(struct windows *same, unsigned queue, window_work *work, void *argument)
{
    ck_assert_ptr_eq(same, &windows);
    if (ending)
        return -1;
    work(&window[queue], &sim.port, argument);
    return 0;
}

static void setup(void)
{
    sim_open(&sim);
    window_budget_init(&budget, 600, 500);
    windows_init(&windows, &budget, &sim.port, GUEST, QUEUES);
    windows.ask = ask;
    for (unsigned i = 0; i < QUEUES; i++)
        window_init(&window[i]);
    memset(&ctrl, 0, sizeof ctrl);
    ctrl.windows = &windows.requests;
    ending = false;
    list_gref = sim_grant(&sim, false);
    for (unsigned i = 0; i < PAGES; i++)
        grefs[i] = sim_grant(&sim, false);
}

static void teardown(void)
{
    ck_assert_uint_eq(sim.mapped_rings, 0);
    ck_assert_uint_eq(sim.views, windows_pages(&windows));
    ck_assert_uint_eq(sim.live_pins, windows_pages(&windows));
    ck_assert_uint_eq(budget.used, windows_pages(&windows));
    ck_assert_uint_eq(budget.used_by[GUEST], windows_pages(&windows));
    sim_close(&sim);
}

static struct xen_netif_gref *list(void)
{
    return (struct xen_netif_gref *)sim_bytes(&sim, list_gref);
}

static void fill(unsigned first, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        list()[i] = (struct xen_netif_gref){.ref = grefs[first + i], .status = 0x7777};
}

static struct xen_netif_ctrl_response request(unsigned type, uint32_t a, uint32_t b, uint32_t c)
{
    const struct xen_netif_ctrl_request asked = {
        .id = 7, .type = (uint16_t)type, .data = {a, b, c}};
    struct xen_netif_ctrl_response answer;

    ctrl_answer(&ctrl, &asked, &answer);
    return answer;
}

static uint32_t most(unsigned queue)
{
    struct xen_netif_ctrl_response answer =
        request(XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE, queue, 0, 0);

    ck_assert_uint_eq(answer.status, OK);
    return answer.data;
}

static uint32_t add(unsigned queue, unsigned first, unsigned count)
{
    fill(first, count);
    return request(XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING, queue, list_gref, count).status;
}

static unsigned del(unsigned queue, unsigned first, unsigned count)
{
    struct xen_netif_ctrl_response answer;

    fill(first, count);
    answer = request(XEN_NETIF_CTRL_TYPE_DEL_GREF_MAPPING, queue, list_gref, count);
    ck_assert_uint_eq(answer.status, OK);
    return answer.data;
}

START_TEST(sizes)
{
    ck_assert_uint_eq(most(0), WINDOW_PAGES_MAX);
    ck_assert_uint_eq(add(0, 0, 100), OK);
    ck_assert_uint_eq(most(0), WINDOW_PAGES_MAX);
    ck_assert_uint_eq(most(1), 400); /* what the guest's quota leaves */
    ck_assert(window_budget_take(&budget, 9, 450));
    ck_assert_uint_eq(most(0), 150); /* 100 that it has, 50 that the host has */
    ck_assert_uint_eq(most(1), 50);
    window_budget_give(&budget, 9, 450);
    ck_assert_uint_eq(request(8, QUEUES, 0, 0).status, INVALID);
    ck_assert_uint_eq(request(8, UINT32_MAX, 0, 0).status, INVALID);
    windows_shut(&windows, true);
    ck_assert_uint_eq(most(0), 0);
}
END_TEST

START_TEST(parameters)
{
    fill(0, 4);
    for (unsigned type = 9; type <= 10; type++) {
        ck_assert_uint_eq(request(type, QUEUES, list_gref, 4).status, INVALID);
        ck_assert_uint_eq(request(type, 0, list_gref, 0).status, INVALID);
        ck_assert_uint_eq(request(type, 0, list_gref, 513).status, INVALID);
        ck_assert_uint_eq(request(type, 0, list_gref, UINT32_MAX).status, INVALID);
        ck_assert_uint_eq(request(type, 0, SIM_PAGES, 4).status, INVALID);
        ck_assert_uint_eq(request(type, 0, UINT32_MAX, 4).status, INVALID);
    }
    ck_assert_uint_eq(windows_pages(&windows), 0);
    ctrl.windows = NULL;
    for (unsigned type = 8; type <= 10; type++)
        ck_assert_uint_eq(request(type, 0, list_gref, 4).status, NOT_SUPPORTED);
}
END_TEST

START_TEST(quota_and_budget)
{
    ck_assert_uint_eq(add(0, 0, 300), OK);
    ck_assert_uint_eq(add(1, 300, 201), OVERFLOW); /* the guest's 500 */
    ck_assert_uint_eq(add(1, 300, 200), OK);
    ck_assert_uint_eq(add(1, 500, 1), OVERFLOW);
    ck_assert_uint_eq(del(1, 300, 200), 200);
    ck_assert(window_budget_take(&budget, 9, 299));
    ck_assert_uint_eq(add(1, 300, 2), OVERFLOW); /* the host's 600 */
    ck_assert_uint_eq(add(1, 300, 1), OK);
    ck_assert(!window_budget_take(&budget, 9, 1));
    window_budget_give(&budget, 9, 299);
    ck_assert_uint_eq(window_budget_used(&budget), 301);
}
END_TEST

START_TEST(longer_than_a_window)
{
    budget.quota = budget.pages = 600;
    ck_assert_uint_eq(add(0, 0, WINDOW_PAGES_MAX + 1), OVERFLOW);
    ck_assert_uint_eq(add(0, 0, WINDOW_PAGES_MAX), OK);
    ck_assert_uint_eq(add(0, WINDOW_PAGES_MAX, 1), OVERFLOW);
    ck_assert_uint_eq(add(1, WINDOW_PAGES_MAX, 1), OK);
}
END_TEST

/* In the list, or there already; in the other queue's window it is another matter. */
START_TEST(duplicates)
{
    fill(0, 4);
    list()[3].ref = list()[1].ref;
    ck_assert_uint_eq(request(9, 0, list_gref, 4).status, INVALID);
    ck_assert_uint_eq(windows_pages(&windows), 0);
    ck_assert_uint_eq(add(0, 0, 4), OK);
    ck_assert_uint_eq(add(0, 3, 4), INVALID);
    ck_assert_uint_eq(windows_pages(&windows), 4);
    ck_assert_uint_eq(add(1, 3, 4), OK);
}
END_TEST

/* Not granted, granted to be read only, or nonsense: none of the list is added. */
START_TEST(foreign_references)
{
    static const uint32_t nonsense[] = {0, SIM_PAGES - 1, SIM_PAGES, UINT32_MAX};

    for (unsigned i = 0; i < 4; i++) {
        fill(0, 300);
        list()[i * 99].ref = nonsense[i];
        ck_assert_uint_eq(request(9, 0, list_gref, 300).status, INVALID);
        ck_assert_uint_eq(windows_pages(&windows), 0);
    }
    sim.pages[grefs[200]].readonly = true;
    ck_assert_uint_eq(add(0, 0, 300), INVALID);
    fill(0, 300);
    list()[200].flags = XEN_NETIF_CTRLF_GREF_readonly;
    ck_assert_uint_eq(request(9, 0, list_gref, 300).status, OK);
}
END_TEST

/* The N-th call that can fail does: of the hypercalls first, then of the mappings. */
START_TEST(calls_fail)
{
    bool mapping = _i >= 3;

    if (mapping)
        sim.fail_setup = sim.setup_calls + 1 + (unsigned)(_i - 3) * 60;
    else
        sim.fail_call = sim.calls + 1 + (unsigned)_i;
    ck_assert_uint_eq(add(0, 0, 300), _i == 2 ? OK : INVALID);
    ck_assert_uint_eq(windows_pages(&windows), _i == 2 ? 300 : 0);
    sim.fail_call = sim.fail_setup = 0;
    if (_i != 2)
        ck_assert_uint_eq(add(0, 0, 300), OK);
}
END_TEST

START_TEST(statuses_of_a_removal)
{
    struct grant_pin pin = {.gref = grefs[2]};

    ck_assert_uint_eq(add(0, 0, 4), OK);
    ck_assert_int_eq(window_acquire(&window[0], &sim.port, &pin, 1), 0);
    fill(0, 6);
    list()[0].flags = 0xfffe;
    list()[1].ref = list()[0].ref;
    list()[5].ref = UINT32_MAX;
    /* there; twice; in use by a descriptor; there; never added; nonsense */
    ck_assert_uint_eq(request(10, 0, list_gref, 6).data, 2);
    for (unsigned i = 0; i < 6; i++)
        ck_assert_uint_eq(list()[i].status, i == 0 || i == 3 ? OK : INVALID);
    ck_assert_uint_eq(list()[0].flags, 0xfffe);
    ck_assert_uint_eq(list()[0].ref, grefs[0]);
    ck_assert_uint_eq(list()[6].status, 0);
    ck_assert_uint_eq(windows_pages(&windows), 2);
    ck_assert_int_eq(window_release(&window[0], &sim.port, &pin, 1), 0);
    ck_assert_uint_eq(del(0, 0, 6), 2);
    ck_assert_uint_eq(most(0), WINDOW_PAGES_MAX);
}
END_TEST

START_TEST(whole_list)
{
    for (unsigned i = 0; i < 512; i++)
        list()[i] = (struct xen_netif_gref){.ref = grefs[i]};
    ck_assert_uint_eq(add(0, 0, 300), OK);
    ck_assert_uint_eq(del(0, 0, 512), 300);
    for (unsigned i = 0; i < 512; i++)
        ck_assert_uint_eq(list()[i].status, i < 300 ? OK : INVALID);
}
END_TEST

/* A removal writes to its list; an addition does not have to. */
START_TEST(list_readonly)
{
    sim.pages[list_gref].readonly = true;
    ck_assert_uint_eq(add(0, 0, 4), OK);
    fill(0, 4);
    ck_assert_uint_eq(request(10, 0, list_gref, 4).status, INVALID);
    ck_assert_uint_eq(windows_pages(&windows), 4);
}
END_TEST

START_TEST(session_ends_meanwhile)
{
    ck_assert_uint_eq(add(0, 0, 4), OK);
    ending = true;
    ck_assert_uint_eq(add(0, 4, 4), INVALID);
    fill(0, 4);
    ck_assert_uint_eq(request(10, 0, list_gref, 4).status, INVALID);
    ck_assert_uint_eq(list()[0].status, 0x7777);
    ck_assert_uint_eq(windows_pages(&windows), 4);
}
END_TEST

/* A guest that does nothing else waits for its own requests. */
START_TEST(requests_are_rationed)
{
    int64_t before;

    for (unsigned i = 0; i < WINDOW_REQUEST_BURST / 2; i++) {
        ck_assert_uint_eq(add(0, 0, 1), OK);
        ck_assert_uint_eq(del(0, 0, 1), 1);
    }
    before = windows.turns.since;
    ck_assert_uint_eq(add(0, 0, 1), OK);
    ck_assert_uint_eq(del(0, 0, 1), 1);
    ck_assert_int_ge(windows.turns.since - before, WINDOW_REQUEST_EVERY_MS);
}
END_TEST

START_TEST(closed_with_what_is_in_it)
{
    struct window *made = malloc(sizeof *made);

    ck_assert_uint_eq(add(0, 0, 300), OK);
    memcpy(made, &window[0], sizeof *made);
    windows.window[0] = made;
    ck_assert_int_eq(windows_close_queue(&windows, 0, &sim.port, true), 0);
    ck_assert_uint_eq(windows_pages(&windows), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("windows");
    TCase *tc = tcase_create("windows");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, sizes);
    tcase_add_test(tc, parameters);
    tcase_add_test(tc, quota_and_budget);
    tcase_add_test(tc, longer_than_a_window);
    tcase_add_test(tc, duplicates);
    tcase_add_test(tc, foreign_references);
    tcase_add_loop_test(tc, calls_fail, 0, 8);
    tcase_add_test(tc, statuses_of_a_removal);
    tcase_add_test(tc, whole_list);
    tcase_add_test(tc, list_readonly);
    tcase_add_test(tc, session_ends_meanwhile);
    tcase_add_test(tc, requests_are_rationed);
    tcase_add_test(tc, closed_with_what_is_in_it);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
