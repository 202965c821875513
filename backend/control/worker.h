/* SPDX-License-Identifier: MIT */
/* The thread that moves one vif's packets: it owns both rings, the VF's data verbs and the port from worker_start to
 * worker_stop. The control thread talks to it by wake_fd and hears from it by plan.fault_fd. */
#ifndef NETVF_CONTROL_WORKER_H
#define NETVF_CONTROL_WORKER_H

#include <pthread.h>

#include "common/why.h"
#include "control/session.h"
#include "datapath/rx.h"
#include "datapath/tx.h"

struct worker {
    struct session_plan plan;
    struct translate translate;
    struct tx tx;
    struct rx rx;
    struct echo echo;
    struct mcast mcast;
    uint64_t
        rate; /* what control wants of tx.bucket: bytes << 32 | interval_us, one word for atomicity */
    uint64_t rate_taken;           /* as the bucket has it */
    uint32_t peer_event, vf_event; /* local ports */
    bool interrupts;               /* vf_event is bound; else the VF is polled */
    int wake_fd;

    pthread_t thread;
    bool stop;                /* set by control */
    enum session_state state; /* set by the worker, once */
    struct why why;           /* valid when state is not SESSION_RUNNING */

    bool peer_pending, vf_pending; /* events taken and not unmasked yet */
    uint64_t last_work_ns,
        last_load_ns;       /* end of the last round that did something; that was under load */
    uint64_t load_round_ns; /* how long that took */

    struct port_counters port_before; /* the port is older than the session */
    uint64_t hypercalls_tx, hypercalls_rx, interrupts_seen, polls, missed_wakeups;
    bool unwoken; /* the last sleep ended by the watchdog */
};

int worker_start(struct worker *worker);
void worker_stop(struct worker *worker);
void worker_set_rate(struct worker *worker, struct rate rate);
enum session_state worker_state(struct worker *worker, struct why *why);

#endif
