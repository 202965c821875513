/* SPDX-License-Identifier: MIT */
/* No wake-up is lost, whenever the other side does what it does. The worker's loop runs in the test's own thread, cut
 * into points: before each access to shared memory and each call of the port or the queue pair, and in its sleep. At
 * chosen points the guest or the VF does something, by the protocol. A sleep that nothing ends, with something to do,
 * is a wake-up lost. test_worker_thread does the same with two threads, as far as chance goes. */
#include <check.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "sim/sim.h"
#include "unit/runner.h"
#include "unit/worker_world.h"

#include "common/quick_clock.h"

static int sleep_in_test(struct pollfd *fds, nfds_t count, const struct timespec *limit,
                         const sigset_t *mask);
static uint64_t clock_in_test(struct quick_clock *clock);
static int rest_in_test(const struct timespec *time, struct timespec *left);

#undef fail /* Check's old name for ck_abort_msg */
#define ppoll          sleep_in_test
#define quick_clock_ns clock_in_test
#define nanosleep      rest_in_test
#include "control/worker.c"
#undef ppoll
#undef quick_clock_ns
#undef nanosleep

#define WATCHDOG_NS 250000000
#define POINTS      100u /* more than a run has in which nothing comes: checked */
#define STEPS_MAX   3u
#define FRAME       60u

static struct sim sim;
static struct worker worker;
static uint64_t clock_ns;
static uint32_t page; /* of the guest, for all buffers */

/* What the others do, and when; in the order of the table if at the same point. */
static struct step {
    unsigned at;
    void (*act)(unsigned argument);
    unsigned argument;
    bool done, asleep; /* asleep: done in a long sleep, for there was no such point before it */
} steps[STEPS_MAX];
static unsigned step_count, points;
static unsigned sleeps;
static bool lost;

static void do_step(struct step *step)
{
    step->done = true;
    step->act(step->argument);
}

static void point(struct sim *same)
{
    (void)same;
    for (unsigned i = 0; i < step_count; i++)
        if (!steps[i].done && steps[i].at <= points)
            do_step(&steps[i]);
    points++;
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

static uint64_t clock_in_test(struct quick_clock *clock)
{
    (void)clock;
    return clock_ns += 7000;
}

static int rest_in_test(const struct timespec *time, struct timespec *left)
{
    (void)left;
    clock_ns += (uint64_t)time->tv_nsec;
    return 0;
}

static bool something_to_do(void)
{
    uint32_t waiting = sim.rx_ring->req_prod - worker.rx.ring.req_cons;
    uint32_t room = sim.queue.ops->rx_room(&sim.queue);

    waiting = waiting < room ? waiting : room;
    return sim.tx_ring->req_prod != worker.tx.ring.req_cons ||
           (worker.rx.posted < 64 ? waiting > 0 : waiting >= 32) ||
           sim.rx_filled != sim.rx_reaped || worker.mail.state == MAIL_ASKED ||
           (worker.window && worker.rest != worker.window->resting);
}

/* The VF sends while the worker sleeps. If that is to be a long sleep, whatever the others have not done yet is done
 * now. */
static int sleep_in_test(struct pollfd *fds, nfds_t count, const struct timespec *limit,
                         const sigset_t *mask)
{
    int ready;

    (void)mask;
    ck_assert_uint_lt(++sleeps, 50);
    point(&sim);
    sim_send(&sim, SIM_QUEUE);
    ready = poll(fds, count, 0);
    if (ready || limit->tv_nsec != WATCHDOG_NS) {
        clock_ns += ready ? 0 : (uint64_t)limit->tv_nsec;
        return ready;
    }
    lost |= something_to_do();
    for (unsigned i = 0; i < step_count; i++) {
        if (steps[i].done)
            continue;
        steps[i].asleep = true;
        do_step(&steps[i]);
        ready = poll(fds, count, 0);
        lost |= !ready && something_to_do();
        return ready;
    }
    worker.stop = true;
    return 0;
}

/* -- what the others do ----------------------------------------------------------------------- */

static void push_tx(unsigned count)
{
    uint32_t before = sim.tx_ring->req_prod;

    for (unsigned i = 0; i < count; i++)
        sim_push_tx(&sim, page, 0, 0, i, FRAME);
    worker_world_notify(&sim, before, sim.tx_ring->req_prod, sim.tx_ring->req_event,
                        worker.tx_event);
}

static void push_rx(unsigned count)
{
    uint32_t before = sim.rx_ring->req_prod;

    for (unsigned i = 0; i < count; i++)
        sim_push_rx(&sim, page, i);
    worker_world_notify(&sim, before, sim.rx_ring->req_prod, sim.rx_ring->req_event,
                        worker.rx_event);
}

static void receive_frames(unsigned count)
{
    static const uint8_t frame[FRAME];

    for (unsigned i = 0; i < count; i++)
        sim_receive(&sim, frame, sizeof frame);
}

/* RING_FINAL_CHECK_FOR_RESPONSES on the tx ring, in its two halves. */
static bool guest_sleeps;
static unsigned events_before;

static void ask_for_responses(unsigned more)
{
    sim.tx_ring->rsp_event = more;
}

static void look_for_responses(unsigned seen)
{
    guest_sleeps = sim.tx_ring->rsp_prod == seen;
    events_before = sim.channels[worker.tx_event].sent;
}

/* The control ring's thread and the control thread, up to where they would wait. */
static struct window window;
static unsigned mails;

static void work_for_others(struct window *same, struct port *port, void *argument)
{
    ck_assert(same == &window && port == &sim.port && argument == &mails);
    mails++;
}

static void send_mail(unsigned rest)
{
    worker.mail.work = work_for_others;
    worker.mail.argument = &mails;
    __atomic_store_n(&worker.mail.state, MAIL_ASKED, __ATOMIC_RELEASE);
    wake(&worker);
    worker_set_rest(&worker, rest);
}

/* -- a run ------------------------------------------------------------------------------------ */

static void open_worker(bool split)
{
    worker_world_open(&sim, &worker, split);
    page = sim_grant(&sim, false);
    clock_ns = 1000000000;
    points = sleeps = step_count = 0;
    lost = guest_sleeps = false;
}

static void close_worker(void)
{
    worker_world_close(&sim, &worker);
}

static void at(unsigned when, void (*act)(unsigned argument), unsigned argument)
{
    steps[step_count++] = (struct step){.at = when, .act = act, .argument = argument};
}

/* What is there from the beginning has been dealt with before the first point. */
static void settle(void)
{
    while (turn(&worker) > 0)
        ;
    points = 0;
}

/* Until the worker sleeps and all others are done. */
static void finish(const char *what)
{
    sim.point = point;
    run(&worker);
    ck_assert_msg(!lost, "%s at points %u, %u, %u of %u: lost", what, steps[0].at, steps[1].at,
                  steps[2].at, points);
    ck_assert_uint_eq(worker.missed_wakeups, 0);
}

/* A run with nobody else must be over before the last point, or the loops below would not reach its sleep. */
START_TEST(points_are_enough)
{
    open_worker(false);
    push_rx(100);
    settle();
    finish("nothing");
    ck_assert_uint_lt(points, POINTS);
    ck_assert_uint_gt(points, 10);
    ck_assert_uint_eq(sleeps, 1);
    close_worker();
}
END_TEST

START_TEST(requests)
{
    steps[0].asleep = false;
    for (unsigned a = 0; !steps[0].asleep; a++) {
        steps[1].asleep = false;
        for (unsigned b = a; !steps[1].asleep; b++) {
            open_worker(_i);
            at(a, push_tx, 1);
            at(b, push_tx, 2);
            finish("requests");
            ck_assert_uint_eq(sim.tx_ring->rsp_prod, 3);
            close_worker();
        }
    }
}
END_TEST

/* With few buffers, with just enough, with many; few more or many more, and again. */
static void try_buffers(bool split, unsigned there, unsigned first, unsigned second)
{
    steps[0].asleep = false;
    for (unsigned a = 0; !steps[0].asleep; a++) {
        steps[1].asleep = false;
        for (unsigned b = a; !steps[1].asleep; b += 5) {
            open_worker(split);
            push_rx(there);
            settle();
            at(a, push_rx, first);
            at(b, push_rx, second);
            finish("buffers");
            close_worker();
        }
    }
}

START_TEST(buffers)
{
    static const unsigned there[] = {0, 1, 63, 64, 65, 100, 192}, more[] = {1, 31, 32};

    for (unsigned t = 0; t < sizeof there / sizeof there[0]; t++)
        for (unsigned m = 0; m < 9; m++)
            try_buffers(_i, there[t], more[m % 3], more[m / 3]);
}
END_TEST

/* What others want of the window is heard of, whenever it comes. */
START_TEST(mail)
{
    steps[0].asleep = false;
    for (unsigned a = 0; !steps[0].asleep; a++) {
        steps[1].asleep = false;
        for (unsigned b = a; !steps[1].asleep; b++) {
            open_worker(false);
            window_init(&window);
            worker.window = &window;
            worker.mail.done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
            mails = 0;
            at(a, send_mail, _i);
            at(b, push_tx, 1);
            finish("mail");
            ck_assert_uint_eq(mails, 1);
            ck_assert(window.resting == (_i == 1));
            ck_assert_uint_eq(sim.tx_ring->rsp_prod, 1);
            close(worker.mail.done_fd);
            close_worker();
        }
    }
}
END_TEST

START_TEST(frames)
{
    steps[0].asleep = false;
    for (unsigned a = 0; !steps[0].asleep; a++) {
        steps[1].asleep = false;
        for (unsigned b = a; !steps[1].asleep; b++) {
            open_worker(_i);
            push_rx(40);
            settle();
            at(a, receive_frames, 1);
            at(b, receive_frames, 3);
            finish("frames");
            ck_assert_uint_eq(sim.rx_filled, 4);
            ck_assert_uint_eq(sim.rx_ring->rsp_prod, 4);
            close_worker();
        }
    }
}
END_TEST

/* All three sides at once. */
START_TEST(everything)
{
    for (unsigned a = 0; a < POINTS; a += 2)
        for (unsigned b = 0; b < POINTS; b += 3)
            for (unsigned c = 0; c < POINTS; c += 3) {
                open_worker(_i);
                push_rx(70);
                settle();
                at(a, push_tx, 1);
                at(b, push_rx, 33);
                at(c, receive_frames, 8);
                finish("everything");
                close_worker();
            }
}
END_TEST

/* The guest sleeps for a response: it asks, looks once more, and then nothing but an event wakes it. */
START_TEST(responses)
{
    for (unsigned a = 0; a < POINTS; a++)
        for (unsigned b = a; b < POINTS; b++) {
            open_worker(_i);
            push_tx(1);
            at(a, ask_for_responses, 1);
            at(b, look_for_responses, 0);
            finish("responses");
            ck_assert_uint_eq(sim.tx_ring->rsp_prod, 1);
            ck_assert_msg(!guest_sleeps || sim.channels[worker.tx_event].sent != events_before,
                          "asked at %u, looked at %u: the guest sleeps on", a, b);
            close_worker();
        }
}
END_TEST

/* An event for each ring on its own channel; one for both where they share it. */
START_TEST(channels)
{
    open_worker(_i);
    sim.tx_ring->rsp_event = sim.rx_ring->rsp_event = 1;
    push_rx(1);
    settle();
    at(POINTS, receive_frames, 1);
    finish("receiving");
    ck_assert_uint_eq(sim.channels[worker.rx_event].sent, 1);
    if (_i)
        ck_assert_uint_eq(sim.channels[worker.tx_event].sent, 0);
    close_worker();
    open_worker(_i);
    sim.tx_ring->rsp_event = 1;
    push_tx(1);
    finish("sending");
    ck_assert_uint_eq(sim.channels[worker.tx_event].sent, 1);
    if (_i)
        ck_assert_uint_eq(sim.channels[worker.rx_event].sent, 0);
    close_worker();
}
END_TEST

/* Neither an interrupt nor a word of the frontend: both are found by the timer, and are no wake-ups missed. */
START_TEST(untold)
{
    open_worker(false);
    worker.rx_notify = false;
    worker.interrupts = false;
    ck_assert_int_le(longest_sleep(&worker, 0), SLEEP_POLL_MAX_NS);
    ck_assert_int_ge(longest_sleep(&worker, 0), SLEEP_POLL_NS);
    worker.interrupts = true;
    ck_assert_int_eq(longest_sleep(&worker, 0), SLEEP_UNTOLD_NS);
    worker.rx_notify = true;
    ck_assert_int_eq(longest_sleep(&worker, 0), WATCHDOG_NS);
    close_worker();
}
END_TEST

/* A sleep that was too short to be worth it makes the next look longer, any other one makes it shorter; within what a sleep
 * costs; after frames for the guest and after frames of the guest's each for itself. */
START_TEST(learning)
{
    open_worker(false);
    worker.spin_ns[0] = worker.spin_ns[1] = SPIN_NS;
    worker.sleep_cost_ns = 50000;
    learn(&worker, 100000, true);
    ck_assert_uint_eq(worker.spin_ns[0], 200000);
    learn(&worker, 300000, true);
    ck_assert_uint_eq(worker.spin_ns[0], 400000);
    learn(&worker, 400000, true);
    ck_assert_uint_eq(worker.spin_ns[0], 200000);
    learn(&worker, 100000, false);
    ck_assert_uint_eq(worker.spin_ns[0], 100000);
    ck_assert_uint_eq(worker.spin_ns[1], SPIN_NS);
    worker.delivered = true;
    learn(&worker, 30000, true);
    ck_assert_uint_eq(worker.spin_ns[1], 60000);
    worker.sleep_cost_ns = 1000; /* a fast machine: no look is longer than the shortest */
    learn(&worker, 5000, true);
    ck_assert_uint_eq(worker.spin_ns[1], SPIN_NS);
    worker.sleep_cost_ns = 1000000000;
    learn(&worker, 900000, true);
    ck_assert_uint_eq(worker.spin_ns[1], SPIN_MAX_NS);
    close_worker();
}
END_TEST

/* What waits for credit raises no event: sleep ends when there is some. */
START_TEST(out_of_credit)
{
    open_worker(false);
    worker_set_rate(&worker, (struct rate){FRAME, 10000});
    push_tx(3);
    sim.point = point;
    ck_assert_int_eq(work_on(&worker), 1);
    sim_send(&sim, 1);
    while (turn(&worker) > 0)
        ;
    ck_assert_uint_eq(sim.tx_ring->req_prod - worker.tx.ring.req_cons, 2);
    ck_assert_int_eq(prepare_sleep(&worker), 0);
    ck_assert_int_gt(longest_sleep(&worker, 0), 0);
    ck_assert_int_le(longest_sleep(&worker, 0), 10000000);
    clock_ns += (uint64_t)longest_sleep(&worker, 0);
    ck_assert_int_eq(work_on(&worker), 1);
    ck_assert_uint_eq(sim.tx_ring->req_prod - worker.tx.ring.req_cons, 1);
    sim_send(&sim, 1);
    ck_assert_int_eq(tx_abandon(&worker.tx), 0);
    close_worker();
}
END_TEST

/* A request that no event tells of is found by the watchdog, and counted; one whose event is on its way is not. */
START_TEST(watchdog_counts)
{
    for (unsigned told = 0; told < 2; told++) {
        open_worker(false);
        worker.unwoken = true;
        sim_push_tx(&sim, page, 0, 0, 0, FRAME);
        if (told)
            sim_event(&sim, worker.tx_event);
        ck_assert_int_eq(work_on(&worker), 1);
        ck_assert_uint_eq(worker.missed_wakeups, !told);
        sim_send(&sim, 1);
        ck_assert_int_eq(tx_abandon(&worker.tx), 0);
        close_worker();
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("worker");
    TCase *test = tcase_create("wake-ups");

    tcase_set_timeout(test, 120);
    tcase_add_test(test, points_are_enough);
    tcase_add_loop_test(test, requests, 0, 2);
    tcase_add_loop_test(test, buffers, 0, 2);
    tcase_add_loop_test(test, mail, 0, 2);
    tcase_add_loop_test(test, frames, 0, 2);
    tcase_add_loop_test(test, everything, 0, 2);
    tcase_add_loop_test(test, responses, 0, 2);
    tcase_add_loop_test(test, channels, 0, 2);
    tcase_add_test(test, untold);
    tcase_add_test(test, learning);
    tcase_add_test(test, out_of_credit);
    tcase_add_test(test, watchdog_counts);
    suite_add_tcase(suite, test);
    return run_suite(suite);
}
