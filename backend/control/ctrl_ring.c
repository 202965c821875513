/* SPDX-License-Identifier: MIT */
/* Look, answer, say what to be woken for, look once more, sleep: as a worker, with fewer reasons to wake.
 *
 * No wake-up is lost, by the argument at the top of worker.c: the channel is unmasked and req_event written before the
 * last look, which finds a request that came before; what comes after it makes event_fd readable, which stays so until
 * the next round has read it. The channel is masked from then on until the round's end (late EOI, XSA-332), and rounds
 * are rationed. */
#include "control/ctrl_ring.h"

#include "common/clock.h"
#include "control/windows.h"
#include "xen/port.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void fail(struct ctrl_ring *ring)
{
    uint64_t one = 1;

    why_fail(&ring->why, "%s", ring->ctrl.fault);
    __atomic_store_n(&ring->faulted, true, __ATOMIC_RELEASE);
    if (write(ring->fault_fd, &one, sizeof one) < 0)
        return; /* the counter is full: control has not looked yet and will */
}

/* Returns how many requests there were; -1: the guest has broken the protocol. */
static int serve(struct ctrl_ring *ring)
{
    bool notify = false;
    int served = ctrl_serve(&ring->ctrl, CTRL_ROUND_REQUESTS, &notify);

    if (notify)
        ring->port->ops->notify(ring->port, ring->event);
    return served;
}

/* The other fd becomes readable only to end the thread. */
static void wait_for(struct ctrl_ring *ring, bool events, int ms)
{
    struct pollfd fds[2] = {
        {.fd = ring->wake_fd, .events = POLLIN},
        {.fd = ring->port->ops->event_fd(ring->port), .events = POLLIN},
    };

    poll(fds, events ? 2 : 1, ms);
}

/* Returns whether an event of the guest's has been taken, which masks the channel. */
static bool take_events(struct ctrl_ring *ring)
{
    bool taken = false;
    uint32_t local;

    while (ring->port->ops->event_pending(ring->port, &local) == 0)
        taken = true;
    return taken;
}

static bool stopped(const struct ctrl_ring *ring)
{
    return __atomic_load_n(&ring->stop, __ATOMIC_ACQUIRE);
}

/* Until the guest may cause a round, which is then taken from what it may. */
static void wait_for_allowance(struct ctrl_ring *ring)
{
    while (!stopped(ring) &&
           !allowance_left(&ring->rounds, CTRL_ROUND_BURST, CTRL_ROUND_EVERY_MS, clock_ms()))
        wait_for(ring, false, CTRL_ROUND_EVERY_MS);
    if (ring->rounds.left)
        ring->rounds.left--;
}

static void *run(void *argument)
{
    struct ctrl_ring *ring = argument;
    bool masked = false;

    while (!stopped(ring)) {
        int served = serve(ring);

        if (!served) {
            if (masked)
                ring->port->ops->event_unmask(ring->port, ring->event);
            masked = false;
            ring_ask(&ring->ctrl.ring, 1);
            served = serve(ring);
        }
        if (served < 0) {
            fail(ring);
            break;
        }
        if (!served) {
            wait_for(ring, true, -1);
            masked = take_events(ring);
        }
        wait_for_allowance(ring);
    }
    return NULL;
}

int ctrl_ring_open(struct ctrl_ring *ring, struct port *port, uint32_t ring_ref, uint32_t channel,
                   struct windows *windows, int fault_fd, struct why *why)
{
    int rc;

    *ring = (struct ctrl_ring){.port = port, .fault_fd = fault_fd};
    ring->rounds = (struct allowance){CTRL_ROUND_BURST, clock_ms()};
    ring->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (ring->wake_fd < 0)
        return why_fail(why, "no eventfd for its control ring: %s", strerror(errno));
    ring->page = port->ops->ring_map(port, ring_ref);
    if (!ring->page)
        return why_fail(why, "cannot map the frontend's control ring (reference %u): %s", ring_ref,
                        strerror(errno));
    if (port->ops->bind_peer(port, channel, &ring->event) < 0)
        return why_fail(why, "cannot bind the event channel %u of the frontend's control ring: %s",
                        channel, strerror(errno));
    ring->bound = true;
    ctrl_attach(&ring->ctrl, ring->page);
    if (ring_used(&ring->ctrl.ring))
        port->ops->notify(port, ring->event);
    if (windows) {
        windows->stop_fd = ring->wake_fd;
        ring->ctrl.windows = &windows->requests;
    }
    rc = pthread_create(&ring->thread, NULL, run, ring);
    if (rc)
        return why_fail(why, "no thread for its control ring: %s", strerror(rc));
    ring->running = true;
    return 0;
}

static void end_thread(struct ctrl_ring *ring)
{
    uint64_t one = 1;

    __atomic_store_n(&ring->stop, true, __ATOMIC_RELEASE);
    if (write(ring->wake_fd, &one, sizeof one) < 0)
        return; /* cannot happen: the counter starts at 0 and is written here only */
    pthread_join(ring->thread, NULL);
    ring->running = false;
}

void ctrl_ring_close(struct ctrl_ring *ring)
{
    struct port *port = ring->port;

    if (ring->running)
        end_thread(ring);
    if (ring->bound)
        port->ops->unbind(port, ring->event);
    if (ring->page)
        port->ops->ring_unmap(port, ring->page);
    if (ring->wake_fd >= 0)
        close(ring->wake_fd);
    *ring = (struct ctrl_ring){.wake_fd = -1};
}

bool ctrl_ring_faulted(const struct ctrl_ring *ring, struct why *why)
{
    bool faulted = __atomic_load_n(&ring->faulted, __ATOMIC_ACQUIRE);

    if (faulted && why)
        *why = ring->why;
    return faulted;
}
