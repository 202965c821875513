/* SPDX-License-Identifier: MIT */
/* A worker of a guest's queue in the sim, for tests of its loop. */
#ifndef NETVF_UNIT_WORKER_WORLD_H
#define NETVF_UNIT_WORKER_WORLD_H

#include "control/worker.h"
#include "sim/sim.h"

/* `split`: the guest has a channel for each ring. Not started. */
void worker_world_open(struct sim *sim, struct worker *worker, bool split);
/* Also judges that nothing went wrong in it. */
void worker_world_close(struct sim *sim, struct worker *worker);
/* What the guest does after it has moved a req_prod from `before` to `after` (RING_PUSH_REQUESTS_AND_CHECK_NOTIFY). */
void worker_world_notify(struct sim *sim, uint32_t before, uint32_t after, uint32_t event,
                         uint32_t local);

#endif
