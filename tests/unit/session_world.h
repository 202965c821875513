/* SPDX-License-Identifier: MIT */
/* What the tests of a session start from: a guest and a VF in memory with some queues, a control ring's port, and the plan
 * that names them. */
#ifndef NETVF_TESTS_UNIT_SESSION_WORLD_H
#define NETVF_TESTS_UNIT_SESSION_WORLD_H

#include "common/why.h"
#include "control/session.h"
#include "sim/sim.h"

extern struct sim sims[VF_QUEUES_MAX]; /* a queue each: its port, its pair, the guest's rings */
extern struct sim ctrl_sim;            /* the control ring's port; the ring is in its page 0 */
extern struct session_plan plan;
extern struct session *session;
extern struct why why;

/* The VF. A test may put functions of its own into `ops`, those of starting and stopping in front of the ones there. */
extern struct session_vf {
    struct vf vf;
    struct vf_ops ops;
    bool running, not_quiet;
    bool stuck; /* takes frames and sends none; to be read and written atomically */
} session_vf;

/* The VF has as many queue pairs, and the plan as many queues. Nothing is started. */
void session_world_open(unsigned queues);
/* The session has ended. */
void session_world_close(void);

int session_vf_start(struct vf *vf, struct vf_queue_setup *queues, unsigned count,
                     struct why *reason);
int session_vf_stop(struct vf *vf);

/* Until another thread has brought it there; fails after five seconds. */
void wait_for(const volatile uint32_t *word, uint32_t value);

#endif
