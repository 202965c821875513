/* SPDX-License-Identifier: MIT */
#include "unit/session_world.h"

#include <check.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

struct sim sims[VF_QUEUES_MAX];
struct sim ctrl_sim;
struct session_plan plan;
struct session *session;
struct why why;
struct session_vf session_vf;

int session_vf_start(struct vf *vf, struct vf_queue_setup *queues, unsigned count,
                     struct why *reason)
{
    (void)vf;
    (void)reason;
    for (unsigned i = 0; i < count; i++)
        queues[i].queue = &sims[i].queue;
    session_vf.running = true;
    return 0;
}

int session_vf_stop(struct vf *vf)
{
    (void)vf;
    session_vf.running = false;
    return session_vf.not_quiet ? -1 : 0;
}

static int set_multicast(struct vf *vf, const struct vf_multicast *wanted, struct why *reason)
{
    (void)vf;
    (void)wanted;
    (void)reason;
    return 0;
}

static void count_none(struct vf *vf, struct vf_counters *counters)
{
    (void)vf;
    memset(counters, 0, sizeof *counters);
}

static void send_all(struct sim *sim)
{
    if (!__atomic_load_n(&session_vf.stuck, __ATOMIC_ACQUIRE))
        sim_send(sim, SIM_QUEUE);
}

static void open_vf(unsigned queues)
{
    memset(&session_vf, 0, sizeof session_vf);
    session_vf.ops = (struct vf_ops){.family = "fake",
                                     .start = session_vf_start,
                                     .stop = session_vf_stop,
                                     .set_multicast = set_multicast,
                                     .count = count_none};
    session_vf.vf =
        (struct vf){.ops = &session_vf.ops, .pci = "0000:01:10.0", .queues = queues, .held = true};
}

void session_world_open(unsigned queues)
{
    open_vf(queues);
    session = NULL;
    plan = (struct session_plan){.vf = &session_vf.vf,
                                 .name = "vif1.0",
                                 .queues = queues,
                                 .rx_notify = true,
                                 .sg = true,
                                 .mtu = VF_MTU,
                                 .ctrl_channel = 9,
                                 .ctrl_port = &ctrl_sim.port,
                                 .fault_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    sim_open(&ctrl_sim);
    for (unsigned i = 0; i < VF_QUEUES_MAX; i++) {
        sim_open(&sims[i]);
        sims[i].point = send_all;
        plan.ports[i] = &sims[i].port;
        /* sim_open has made the rings of pages 0 and 1 */
        plan.queue[i] =
            (struct session_plan_queue){.tx_ring_ref = 0, .rx_ring_ref = 1, .tx_channel = 5};
    }
}

void session_world_close(void)
{
    for (unsigned i = 0; i < VF_QUEUES_MAX; i++) {
        ck_assert_uint_eq(sims[i].stray, 0);
        sim_close(&sims[i]);
    }
    sim_close(&ctrl_sim);
    close(plan.fault_fd);
}

void wait_for(const volatile uint32_t *word, uint32_t value)
{
    const struct timespec moment = {0, 1000000};

    for (unsigned i = 0; i < 5000 && __atomic_load_n(word, __ATOMIC_ACQUIRE) != value; i++)
        nanosleep(&moment, NULL);
    ck_assert_uint_eq(__atomic_load_n(word, __ATOMIC_ACQUIRE), value);
}
