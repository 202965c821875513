/* SPDX-License-Identifier: MIT */
/* That no wake-up is lost, with two threads, as far as chance goes: see test_worker for where it does not. */
#include <check.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#include "sim/sim.h"
#include "unit/runner.h"
#include "unit/worker_world.h"

#define FRAME 60u

static struct sim sim;
static struct worker worker;

static void send_all(struct sim *same)
{
    sim_send(same, SIM_QUEUE);
}

static void wait_a_moment(unsigned rounds)
{
    for (volatile unsigned i = 0; i < rounds; i++)
        ;
}

/* Waits for an event, and for nothing but an event. */
static void wait_for_event(unsigned before)
{
    time_t start = time(NULL);

    while (__atomic_load_n(&sim.channels[worker.tx_event].sent, __ATOMIC_SEQ_CST) == before) {
        ck_assert_msg(time(NULL) - start < 10, "no event for a response");
        sched_yield();
    }
}

/* One request, its response, the next one, with pauses that end in the worker's spinning, in its going to sleep, and
 * in its sleep, for which some have to be long: it learns to spin. */
START_TEST(ping_pong)
{
    volatile uint32_t *req_prod, *req_event, *rsp_prod, *rsp_event;
    uint32_t page;

    worker_world_open(&sim, &worker, false);
    page = sim_grant(&sim, false);
    req_prod = &sim.tx_ring->req_prod;
    req_event = &sim.tx_ring->req_event;
    rsp_prod = &sim.tx_ring->rsp_prod;
    rsp_event = &sim.tx_ring->rsp_event;
    sim.point = send_all;
    ck_assert_int_eq(worker_start(&worker), 0);
    for (uint32_t i = 0; i < 4000; i++) {
        unsigned before = __atomic_load_n(&sim.channels[worker.tx_event].sent, __ATOMIC_SEQ_CST);

        wait_a_moment(i % 16 ? i * 37 % 40000 : 1000000);
        sim.tx_ring->ring[i % 256].req =
            (netif_tx_request_t){.gref = page, .id = (uint16_t)(i % 256), .size = FRAME};
        *rsp_event = i + 1;
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        *req_prod = i + 1;
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        worker_world_notify(&sim, i, i + 1, *req_event, worker.tx_event);
        if (*rsp_prod != i + 1)
            wait_for_event(before);
        ck_assert_uint_eq(*rsp_prod, i + 1);
    }
    worker_stop(&worker);
    ck_assert_uint_eq(worker.missed_wakeups, 0);
    worker_world_close(&sim, &worker);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("worker's thread");
    TCase *test = tcase_create("wake-ups");

    tcase_set_timeout(test, 120);
    tcase_add_test(test, ping_pong);
    suite_add_tcase(suite, test);
    return run_suite(suite);
}
