/* SPDX-License-Identifier: MIT */
/* A session whose guest has a window: the control ring's thread asks, the worker owns, both are real threads. What is in
 * the window outlives a VF, and nothing of it outlives the session. */
#include <check.h>
#include <time.h>

#include "control/windows.h"
#include "unit/runner.h"
#include "unit/session_world.h"
#include "xen/context.h"

#define FRAME    1000u
#define PAGES    8u
#define CTRL_RSP 2u /* word of the ring's header */

DEFINE_RING_TYPES(ctrl_test, struct xen_netif_ctrl_request, struct xen_netif_ctrl_response);

static struct window_budget budget;
static ctrl_test_sring_t *ring;
static uint32_t list_gref, grefs[PAGES];

static void move(struct port *port, const char *pci)
{
    (void)port;
    ck_assert_str_eq(pci, session_vf.vf.pci);
}

static void setup(void)
{
    static struct port_ops ops[2];

    session_world_open(1);
    /* The guest's pages have the same numbers in both ports. */
    ops[0] = *sims[0].port.ops;
    ops[1] = *ctrl_sim.port.ops;
    ops[0].move = ops[1].move = move;
    sims[0].port.ops = &ops[0];
    ctrl_sim.port.ops = &ops[1];
    ring = (ctrl_test_sring_t *)ctrl_sim.tx_ring;
    list_gref = sim_grant(&ctrl_sim, false);
    ck_assert_uint_eq(sim_grant(&sims[0], false), list_gref);
    for (unsigned i = 0; i < PAGES; i++) {
        grefs[i] = sim_grant(&ctrl_sim, false);
        ck_assert_uint_eq(sim_grant(&sims[0], false), grefs[i]);
    }
    window_budget_init(&budget, 100, 40);
    plan.ctrl_ring = true;
    plan.windows = &budget;
    ck_assert_msg(session_start(&session, &plan, &why) == 0, "%s", why.text);
}

static void teardown(void)
{
    if (session)
        ck_assert_int_eq(session_stop(session), session_vf.not_quiet ? -1 : 0);
    ck_assert_uint_eq(ctrl_sim.views, 0);
    ck_assert_uint_eq(ctrl_sim.mapped_rings + sims[0].mapped_rings, 0);
    ck_assert_uint_eq(budget.used + budget.used_by[0], 0);
    if (!session_vf.not_quiet)
        ck_assert_uint_eq(sims[0].live_pins, 0);
    session_world_close();
}

static uint32_t *words(void)
{
    return (uint32_t *)ring;
}

static void ask(unsigned type, unsigned count)
{
    struct xen_netif_gref *list = (struct xen_netif_gref *)sim_bytes(&ctrl_sim, list_gref);

    for (unsigned i = 0; i < count; i++)
        list[i] = (struct xen_netif_gref){.ref = grefs[i]};
    ring->ring[ring->req_prod % 128].req =
        (struct xen_netif_ctrl_request){.type = (uint16_t)type, .data = {0, list_gref, count}};
    __atomic_store_n(&ring->req_prod, ring->req_prod + 1, __ATOMIC_SEQ_CST);
    sim_event(&ctrl_sim, 1);
}

static struct xen_netif_ctrl_response answer(void)
{
    wait_for(&words()[CTRL_RSP], ring->req_prod);
    return ring->ring[(ring->req_prod - 1) % 128].rsp;
}

static uint32_t add(unsigned count)
{
    ask(XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING, count);
    return answer().status;
}

static uint32_t size(void)
{
    ask(XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE, 0);
    return answer().data;
}

static void send_frames(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        sim_push_tx(&sims[0], grefs[i % PAGES], 0, 0, i, FRAME);
    sim_event(&sims[0], 1);
    wait_for(&sims[0].tx_ring->rsp_prod, sims[0].tx_ring->req_prod);
}

static void post_buffers(unsigned count)
{
    struct session_counters counters;

    for (unsigned i = 0; i < count; i++)
        sim_push_rx(&sims[0], grefs[i], i);
    sim_event(&sims[0], 1);
    for (unsigned i = 0; sims[0].rx_posted - sims[0].rx_filled < count && i < 5000; i++)
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    session_count(session, &counters);
    ck_assert_uint_eq(sims[0].rx_posted - sims[0].rx_filled, count);
}

START_TEST(no_grant_operation_for_a_packet)
{
    struct session_counters counters;
    unsigned ops;

    ck_assert_uint_eq(size(), 40);
    ck_assert_uint_eq(add(PAGES), 0);
    ck_assert_uint_eq(session_window_pages(session), PAGES);
    ck_assert_uint_eq(budget.used_by[0], PAGES);
    ops = sims[0].grant_ops;
    post_buffers(4);
    send_frames(200);
    ck_assert_uint_eq(sims[0].grant_ops, ops);
    session_count(session, &counters);
    ck_assert_uint_eq(counters.window_slots, 4 + 200);
    ck_assert_uint_eq(counters.window_reads, 200);
    ck_assert_uint_eq(counters.tx_spoofed, 0);
}
END_TEST

/* Posted to the VF: only the others can go. */
START_TEST(removal_leaves_what_the_vf_has)
{
    const struct xen_netif_gref *list =
        (const struct xen_netif_gref *)sim_bytes(&ctrl_sim, list_gref);

    ck_assert_uint_eq(add(PAGES), 0);
    post_buffers(3);
    ask(XEN_NETIF_CTRL_TYPE_DEL_GREF_MAPPING, PAGES);
    ck_assert_uint_eq(answer().data, PAGES - 3);
    for (unsigned i = 0; i < PAGES; i++)
        ck_assert_uint_eq(list[i].status, i < 3 ? 2 : 0);
    ck_assert_uint_eq(sims[0].live_pins, 3);
    ck_assert_uint_eq(ctrl_sim.views, 3);
    ck_assert_uint_eq(session_window_pages(session), 3);
}
END_TEST

/* What a window has pinned stays over the loss of a VF, and is used with the next one. */
START_TEST(outlives_a_vf)
{
    unsigned ops;

    ck_assert_uint_eq(add(PAGES), 0);
    post_buffers(3);
    session_pause(session);
    ck_assert_int_eq(session_flush(session), 0);
    ck_assert_uint_eq(sims[0].live_pins, PAGES);
    sims[0].tx_reaped = sims[0].tx_sent = sims[0].tx_rung = sims[0].tx_posted;
    sims[0].rx_reaped = sims[0].rx_filled = sims[0].rx_posted;
    ck_assert_int_eq(session_resume(session, NULL, &why), 0);
    ck_assert_uint_eq(size(), 40);
    session_pause(session);
    ck_assert_int_eq(session_flush(session), 0);
    ops = sims[0].grant_ops;
    ck_assert_int_eq(session_resume(session, &session_vf.vf, &why), 0);
    send_frames(20);
    ck_assert_uint_eq(sims[0].grant_ops, ops);
    ck_assert_uint_eq(sims[0].live_pins, PAGES);
}
END_TEST

/* A request that comes while there is no worker waits for the next one; or for the end. */
START_TEST(asked_while_there_is_no_worker)
{
    session_pause(session);
    ask(XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING, PAGES);
    nanosleep(&(struct timespec){0, 20000000}, NULL);
    ck_assert_uint_ne(words()[CTRL_RSP], ring->req_prod);
    if (_i == 0) {
        ck_assert_int_eq(session_flush(session), 0);
        ck_assert_int_eq(session_resume(session, &session_vf.vf, &why), 0);
        ck_assert_uint_eq(answer().status, 0);
        ck_assert_uint_eq(session_window_pages(session), PAGES);
    }
}
END_TEST

/* Before a live migration: nothing stays pinned but what the VF has; and all again afterwards. */
START_TEST(rests)
{
    ck_assert_uint_eq(add(PAGES), 0);
    post_buffers(3);
    ck_assert(session_rest_windows(session, true));
    ck_assert_uint_eq(sims[0].live_pins, 3);
    ck_assert_uint_eq(session_window_pages(session), PAGES);
    send_frames(20);
    ck_assert_uint_eq(sims[0].live_pins, 3);
    ck_assert(session_rest_windows(session, false));
    ck_assert_uint_eq(sims[0].live_pins, PAGES);
}
END_TEST

static struct context context;

static struct context *open_context(const char *name, uint16_t domid, const char *pci,
                                    unsigned pages, struct why *reason)
{
    (void)name;
    (void)domid;
    (void)pci;
    (void)reason;
    sims[0].port.ops->dma_alloc(&sims[0].port, context.pages, pages);
    return &context;
}

static int close_context(struct context *same)
{
    (void)same;
    return 0;
}

static void go_over(enum translation translation)
{
    session_pause(session);
    ck_assert_int_eq(session_flush(session), 0);
    session_set_translation(session, translation);
    ck_assert_msg(session_resume(session, &session_vf.vf, &why) == 0, "%s", why.text);
}

/* With the guest's own addresses there is nothing to be saved: no window is given out, and one that is there is not used,
 * but is there again afterwards. */
START_TEST(in_the_guests_context)
{
    static const struct context_ops contexts = {.open = open_context, .close = close_context};
    unsigned ops;

    ck_assert_int_eq(session_stop(session), 0);
    context.ops = plan.contexts = &contexts;
    plan.translation = TRANSLATION_HOST;
    ck_assert_int_eq(session_start(&session, &plan, &why), 0);
    ck_assert_uint_eq(add(PAGES), 0);
    go_over(TRANSLATION_IOMMU);
    ck_assert_uint_eq(size(), 0);
    ck_assert_uint_eq(add(1), XEN_NETIF_CTRL_STATUS_BUFFER_OVERFLOW);
    ck_assert_uint_eq(session_window_pages(session), PAGES);
    go_over(TRANSLATION_HOST);
    ck_assert_uint_eq(size(), 40);
    ops = sims[0].grant_ops;
    send_frames(20);
    ck_assert_uint_eq(sims[0].grant_ops, ops);
}
END_TEST

/* The pages of a VF that is not proven quiet stay pinned, those of the window as well. */
START_TEST(vf_is_not_quiet)
{
    ck_assert_uint_eq(add(PAGES), 0);
    post_buffers(2);
    session_vf.not_quiet = true;
    ck_assert_int_eq(session_stop(session), -1);
    session = NULL;
    ck_assert_uint_eq(sims[0].live_pins, PAGES);
}
END_TEST

/* Without a quota there are no windows, and the guest is told so. */
START_TEST(switched_off)
{
    ck_assert_int_eq(session_stop(session), 0);
    budget.quota = 0;
    ck_assert_int_eq(session_start(&session, &plan, &why), 0);
    ask(XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE, 0);
    ck_assert_uint_eq(answer().status, XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED);
    ck_assert_uint_eq(add(1), XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED);
}
END_TEST

START_TEST(closed_at_any_time)
{
    ask(XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING, PAGES);
    nanosleep(&(struct timespec){0, _i * 50000}, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("session_windows");
    TCase *tc = tcase_create("session_windows");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, no_grant_operation_for_a_packet);
    tcase_add_test(tc, removal_leaves_what_the_vf_has);
    tcase_add_test(tc, outlives_a_vf);
    tcase_add_loop_test(tc, asked_while_there_is_no_worker, 0, 2);
    tcase_add_test(tc, rests);
    tcase_add_test(tc, in_the_guests_context);
    tcase_add_test(tc, vf_is_not_quiet);
    tcase_add_test(tc, switched_off);
    tcase_add_loop_test(tc, closed_at_any_time, 0, 10);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
