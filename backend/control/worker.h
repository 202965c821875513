/* SPDX-License-Identifier: MIT */
/* The thread that moves one queue's packets: it owns both rings, the VF's queue pair and the port from worker_start to
 * worker_stop, and shares nothing on a packet's way with the workers of other queues. The control thread talks to it
 * by wake_fd and hears from it by fault_fd. */
#ifndef NETVF_CONTROL_WORKER_H
#define NETVF_CONTROL_WORKER_H

#include <pthread.h>

#include "common/quick_clock.h"
#include "common/why.h"
#include "control/session.h"
#include "datapath/rx.h"
#include "datapath/tx.h"

/* Work on the queue's window that another thread asks for, done by the worker between two rounds. */
struct worker_mail {
    int state;
    void (*work)(struct window *window, struct port *port, void *argument);
    void *argument;
    int done_fd; /* an eventfd */
};

struct worker {
    /* Set before worker_start, the worker's until worker_stop has returned. */
    struct port *port;
    struct vf_queue *queue;
    struct translate translate;
    struct tx tx;
    struct rx rx;
    struct mcast *mcast; /* the session's */
    uint64_t
        rate; /* what control wants of tx.bucket: bytes << 32 | interval_us, one word for atomicity */
    uint64_t rate_taken; /* as the bucket has it */
    /* Local ports. Where the guest has one channel for both rings, tx_event and rx_event are the same. */
    uint32_t tx_event, rx_event, vf_event;
    bool interrupts; /* vf_event is bound; else the VF is polled */
    bool rx_notify;  /* as in session_plan */
    int fault_fd;    /* likewise */
    int wake_fd;
    struct window *window; /* or NULL: then none of the next two is looked at */
    struct worker_mail mail;
    bool rest; /* control wants the window to rest */

    pthread_t thread;
    bool running;             /* there is a thread to be ended: control's */
    bool stop, link;          /* set by control; link: the VF can send */
    enum session_state state; /* set by the worker, once in each run */
    struct why why;           /* valid when state is not SESSION_RUNNING */

    struct quick_clock clock;
    bool told; /* the last sleep was ended by events, which wait to be taken */
    bool tx_pending, rx_pending, vf_pending; /* events taken and not unmasked yet */
    uint64_t last_work_ns,
        last_load_ns;       /* end of the last round that did something; that was under load */
    uint64_t load_round_ns; /* how long that took */
    bool delivered;         /* the last packets were for the guest, not from it */
    uint64_t spin_ns[2];    /* how long to look before sleep, by `delivered` */
    uint64_t sleep_cost_ns; /* what prepare_sleep() takes */

    uint64_t hypercalls_tx, hypercalls_rx, interrupts_seen, polls, missed_wakeups;
    bool unwoken; /* the last sleep ended by the watchdog */

    uint32_t
        sent; /* frames that the VF was done with when it was last seen to have sent one, ... */
    uint64_t sent_ns; /* ... or to have none to send; and when that was */
};

/* Also after worker_stop. -1/errno if there is no thread to be had. */
int worker_start(struct worker *worker);
/* Waits for its end; also if it was never started. */
void worker_stop(struct worker *worker);
/* Has the worker do `work` on its window. If there is no worker just now it waits for the next one. One thread at a time.
 * -1/ECANCELED: nothing was done, for stop_fd was readable first. */
int worker_ask(struct worker *worker,
               void (*work)(struct window *window, struct port *port, void *argument),
               void *argument, int stop_fd);
/* Has the window rest, or not any more, from the worker's next round on, which comes at once. */
void worker_set_rest(struct worker *worker, bool rest);
void worker_set_rate(struct worker *worker, struct rate rate);
/* Events for what has been pushed on either ring: the worker's own, and control's when there is no worker. */
void worker_notify(const struct worker *worker, bool tx, bool rx);
enum session_state worker_state(struct worker *worker, struct why *why);

#endif
