/* SPDX-License-Identifier: MIT */
/* A guest's control ring and the thread that serves it.
 *
 * A thread of its own, which there is only for a guest that has set up such a ring, and which sleeps nearly always.
 * The control thread may be away for the two seconds of another vif's VF reset, while a frontend waits for each answer
 * (Windows' xenvif, with a spin lock held); a worker under load asks for no events, and would have to look at one more
 * ring in each of its rounds. The thread knows nothing of the VF: it goes on while VFs come and go under the session. */
#ifndef NETVF_CONTROL_CTRL_RING_H
#define NETVF_CONTROL_CTRL_RING_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/allowance.h"
#include "common/why.h"
#include "datapath/ctrl.h"

struct port;
struct windows;

/* A round is one look at the ring, for whatever reason. A guest may cause so many in a row, then one in so many
 * milliseconds, of so many requests each: a flood of requests or of events costs dom0 no more than that. */
#define CTRL_ROUND_BURST    64
#define CTRL_ROUND_EVERY_MS 2
#define CTRL_ROUND_REQUESTS 16u

struct ctrl_ring {
    struct port *port; /* its alone until ctrl_ring_close */
    struct ctrl ctrl;
    void *page;
    uint32_t event; /* local port */
    bool bound;
    int wake_fd;
    int fault_fd; /* of the control loop, as in session_plan */
    struct allowance rounds;

    pthread_t thread;
    bool running; /* there is a thread to be ended */
    bool stop;
    bool faulted;   /* set by the thread, once: the guest broke the protocol, */
    struct why why; /* ... and how */
};

/* Maps the ring, binds the channel, starts the thread, which serves requests about `windows` (may be NULL) as well. -1
 * and a sentence with some of it done, which ctrl_ring_close undoes. */
int ctrl_ring_open(struct ctrl_ring *ring, struct port *port, uint32_t ring_ref, uint32_t channel,
                   struct windows *windows, int fault_fd, struct why *why);
void ctrl_ring_close(struct ctrl_ring *ring);

/* Whether the guest has broken the protocol on it; `why` (may be NULL) gets the sentence. */
bool ctrl_ring_faulted(const struct ctrl_ring *ring, struct why *why);

#endif
