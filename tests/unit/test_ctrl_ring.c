/* SPDX-License-Identifier: MIT */
/* The control ring's thread. First its loop in the test's own thread, cut into points as in test_worker.c: no wake-up is
 * lost, and a flood is rationed. Then the thread itself. */
#include <check.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "common/why.h"
#include "sim/sim.h"
#include "unit/runner.h"

static int sleep_in_test(struct pollfd *fds, nfds_t count, int ms);
static int clock_in_test(clockid_t clock, struct timespec *now);

#undef fail /* Check's old name for ck_abort_msg */
#define poll          sleep_in_test
#define clock_gettime clock_in_test
#include "control/ctrl_ring.c"
#undef poll
#undef clock_gettime

#define SLOTS     128u
#define STEPS     2u
#define FLOOD_MS  1000
#define NOBODY    1000000u
#define CHANNEL   77u
#define NONE_HASH XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM

DEFINE_RING_TYPES(ctrl_test, struct xen_netif_ctrl_request, struct xen_netif_ctrl_response);

static struct sim sim;
static struct ctrl_ring ring;
static uint32_t gref;
static ctrl_test_sring_t *shared;
static bool thread;
static int64_t clock_now_ms;
static unsigned points, pushed, sleeps;
static bool lost;
static void (*flood)(void);

/* One request each, at a point, or in the sleep if there is no such point before it. */
static struct {
    unsigned at;
    bool done, asleep;
} steps[STEPS];

/* RING_PUSH_REQUESTS_AND_CHECK_NOTIFY */
static void push(unsigned count)
{
    uint32_t before = shared->req_prod, after = before + count;

    for (unsigned i = 0; i < count; i++)
        shared->ring[(before + i) % SLOTS].req =
            (struct xen_netif_ctrl_request){.id = (uint16_t)pushed++, .type = NONE_HASH};
    __atomic_store_n(&shared->req_prod, after, __ATOMIC_SEQ_CST);
    if (after - __atomic_load_n(&shared->req_event, __ATOMIC_SEQ_CST) < count)
        sim_event(&sim, ring.event);
}

static void point(struct sim *same)
{
    (void)same;
    if (thread)
        return;
    for (unsigned i = 0; i < STEPS; i++)
        if (!steps[i].done && steps[i].at <= points) {
            steps[i].done = true;
            push(1);
        }
    points++;
    if (flood)
        flood();
}

uint32_t shm_read32(const volatile uint32_t *word)
{
    point(&sim);
    return *word;
}

void shm_write32(volatile uint32_t *word, uint32_t value)
{
    point(&sim);
    *word = value;
}

static int clock_in_test(clockid_t clock, struct timespec *now)
{
    if (thread)
        return clock_gettime(clock, now);
    *now = (struct timespec){clock_now_ms / 1000, clock_now_ms % 1000 * 1000000};
    return 0;
}

static bool something_to_do(void)
{
    return shared->req_prod != ring.ctrl.ring.req_cons;
}

static int sleep_in_test(struct pollfd *fds, nfds_t count, int ms)
{
    if (thread)
        return poll(fds, count, ms);
    if (ms >= 0) {
        clock_now_ms += ms;
        ring.stop = clock_now_ms >= FLOOD_MS;
        return 0;
    }
    sleeps++;
    point(&sim);
    if (poll(fds, count, 0))
        return 1;
    lost |= something_to_do();
    for (unsigned i = 0; i < STEPS; i++)
        if (!steps[i].done) {
            steps[i].done = steps[i].asleep = true;
            push(1);
            lost |= !poll(fds, count, 0);
            return 1;
        }
    ring.stop = true;
    return 0;
}

static void open_ring(unsigned a, unsigned b)
{
    sim_open(&sim);
    gref = sim_grant(&sim, false);
    shared = (void *)sim_bytes(&sim, gref);
    shared->rsp_event = shared->req_event = 1; /* SHARED_RING_INIT */
    memset(&ring, 0, sizeof ring);
    ring.port = &sim.port;
    ring.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    ring.fault_fd = -1;
    ring.rounds = (struct allowance){CTRL_ROUND_BURST, 0};
    ring.page = sim.port.ops->ring_map(&sim.port, gref);
    sim.port.ops->bind_peer(&sim.port, CHANNEL, &ring.event);
    ring.bound = true;
    steps[0].done = steps[1].done = true;
    flood = NULL;
    ctrl_attach(&ring.ctrl, ring.page);
    clock_now_ms = 0;
    points = pushed = sleeps = 0;
    lost = false;
    memset(steps, 0, sizeof steps);
    steps[0].at = a;
    steps[1].at = b;
    sim.point = point;
}

static void nothing_left(void)
{
    ck_assert_uint_eq(sim.mapped_rings, 0);
    for (unsigned i = 0; i < SIM_CHANNELS; i++)
        ck_assert(!sim.channels[i].bound);
    /* No request has made it reach for a page of the guest's. */
    ck_assert_uint_eq(sim.calls, 0);
    ck_assert_uint_eq(sim.live_pins, 0);
}

static void close_ring(void)
{
    sim.point = NULL;
    ctrl_ring_close(&ring);
    nothing_left();
    sim_close(&sim);
}

START_TEST(no_wake_up_is_lost)
{
    bool asleep;

    for (unsigned a = 0, done = 0; !done; a++) {
        asleep = false;
        for (unsigned b = a; !asleep; b++) {
            open_ring(a, b);
            run(&ring);
            ck_assert_msg(!lost, "requests at points %u and %u of %u: lost", a, b, points);
            ck_assert_uint_eq(shared->rsp_prod, 2);
            ck_assert(!ring.faulted);
            asleep = steps[1].asleep;
            done = steps[0].asleep;
            close_ring();
            ck_assert_uint_lt(b, 200);
        }
    }
}
END_TEST

static void flood_requests(void)
{
    uint32_t room = SLOTS - (shared->req_prod - shared->rsp_prod);

    if (room)
        push(room);
    sim_event(&sim, ring.event);
}

static void flood_events(void)
{
    sim_event(&sim, ring.event);
}

/* Time passes only while the thread is made to wait. */
START_TEST(flood_is_rationed)
{
    const unsigned rounds = CTRL_ROUND_BURST + FLOOD_MS / CTRL_ROUND_EVERY_MS;

    open_ring(NOBODY, NOBODY);
    flood = _i ? flood_requests : flood_events;
    run(&ring);
    ck_assert_int_ge(clock_now_ms, FLOOD_MS);
    ck_assert_uint_le(shared->rsp_prod, (rounds + 2) * CTRL_ROUND_REQUESTS);
    ck_assert_uint_le(sleeps, rounds + 2);
    if (_i) /* and goes on being served */
        ck_assert_uint_ge(shared->rsp_prod, rounds * (CTRL_ROUND_REQUESTS / 2));
    close_ring();
}
END_TEST

/* -- the thread ------------------------------------------------------------------------------- */

static struct why why;
static int fault;

static void setup(void)
{
    thread = true;
    sim_open(&sim);
    gref = sim_grant(&sim, false);
    shared = (void *)sim_bytes(&sim, gref);
    shared->rsp_event = shared->req_event = 1;
    fault = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

static void teardown(void)
{
    ctrl_ring_close(&ring);
    nothing_left();
    close(fault);
    sim_close(&sim);
}

static int open_real(void)
{
    return ctrl_ring_open(&ring, &sim.port, gref, CHANNEL, NULL, fault, &why);
}

static void wait_for_responses(uint32_t count)
{
    struct timespec moment = {0, 1000000};

    for (unsigned i = 0; __atomic_load_n(&shared->rsp_prod, __ATOMIC_ACQUIRE) != count; i++) {
        ck_assert_uint_lt(i, 5000);
        nanosleep(&moment, NULL);
    }
}

START_TEST(serves_and_ends)
{
    push(1); /* before we are there */
    ck_assert_int_eq(open_real(), 0);
    wait_for_responses(1);
    for (unsigned i = 2; i < 200; i++) {
        shared->rsp_event = i;
        push(1);
        wait_for_responses(i);
    }
    for (unsigned i = 0; i < 5000 && sim.channels[ring.event].sent < 199; i++)
        usleep(1000);
    ck_assert_uint_eq(sim.channels[ring.event].sent, 199);
    ck_assert(!ctrl_ring_faulted(&ring, &why));
}
END_TEST

START_TEST(broken_ring)
{
    struct pollfd news = {.fd = fault, .events = POLLIN};

    ck_assert_int_eq(open_real(), 0);
    __atomic_store_n(&shared->req_prod, SLOTS + 1, __ATOMIC_SEQ_CST);
    sim_event(&sim, ring.event);
    ck_assert_int_eq(poll(&news, 1, 5000), 1);
    ck_assert(ctrl_ring_faulted(&ring, &why));
    ck_assert_ptr_nonnull(strstr(why.text, "control ring claims more requests"));
}
END_TEST

START_TEST(cannot_be_opened)
{
    static const char *const sentences[] = {"cannot map", "cannot bind"};

    sim.fail_setup = (unsigned)_i + 1;
    ck_assert_int_eq(open_real(), -1);
    ck_assert_ptr_nonnull(strstr(why.text, sentences[_i]));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctrl_ring");
    TCase *loop = tcase_create("loop"), *test = tcase_create("thread");

    tcase_add_test(loop, no_wake_up_is_lost);
    tcase_add_loop_test(loop, flood_is_rationed, 0, 2);
    tcase_set_timeout(loop, 60);
    suite_add_tcase(suite, loop);
    tcase_add_checked_fixture(test, setup, teardown);
    tcase_add_test(test, serves_and_ends);
    tcase_add_test(test, broken_ring);
    tcase_add_loop_test(test, cannot_be_opened, 0, 2);
    tcase_set_timeout(test, 60);
    suite_add_tcase(suite, test);
    return run_suite(suite);
}
