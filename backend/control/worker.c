/* SPDX-License-Identifier: MIT */
/* Work while there is any; look around for a moment; then say what to be woken for, look once more, and sleep.
 *
 * Event channels stay masked from the moment they are taken until just before sleep (late EOI, XSA-332): a guest that
 * kicks without end wakes us once for each sleep, never in between.
 *
 * Why no wake-up is lost. The worker sleeps only after a prepare_sleep() that has found nothing. All that may come is
 * either found by it, or told of after it has begun:
 *
 * - A request on the tx ring. We write req_event = req_cons + 1, pass a full barrier, read req_prod; the frontend
 *   writes req_prod, passes a full barrier, reads req_event (RING_PUSH_REQUESTS_AND_CHECK_NOTIFY). One of the two sees
 *   the other's write. If we do not find the request, it is number req_cons, nothing before it waits, and
 *   the frontend sees it cross req_event: it sends an event. If we find requests and cannot take them, the VF's ring
 *   is full of frames on their way out, and sleep is short (SLEEP_SENDING_NS); or the guest's credit is used up, and
 *   sleep ends when there is some again.
 * - Buffers on the rx ring. The same with req_event = req_cons + n, where n is the number at which rx_fill() would take
 *   them: rx_ask() and rx_fill() ask the same function for it, and what it depends on changes only with work done,
 *   after which there is no sleep. Fewer than n may wait meanwhile, or more than the VF's ring has room for: then
 *   the VF has enough others, and interrupts with each that it fills.
 * - That event. While its channel is masked Xen keeps it pending, and it fires when it is unmasked, which comes before
 *   all the rest. From then on it makes event_fd readable, which stays so until take_events() has read it; and that is
 *   called by prepare_sleep(), or by work_on() ahead of it, before the look at everything that ends with it. Not when a
 *   sleep ends: the packet that it ended for does not wait for a system call that can come later.
 * - A frame on the VF's receive ring. It was written back before the look, which finds it, or after; and the pair was
 *   armed before the look, so that it interrupts (vf_queue_ops.arm).
 * - A frame that the VF has sent. Nobody tells of it; while there are any, sleep is short.
 * - The end, and mail (worker_ask). Both are noted before wake_fd is written, which stays readable until a sleep has
 *   ended by it; and both are looked for after that.
 *
 * What came before the channel was bound is found by the first round. tests/unit/test_worker.c lets a guest push at
 * each point of this. The other direction, responses that a frontend sleeps for, is ring_push()'s. */
#include "control/worker.h"

#include "common/counter.h"
#include "translate/window.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Slots that wait before they are worth a hypercall to release, and buffers before they are worth one to pin, while
 * there is other work. Xen flushes TLBs once per 32 unmaps. */
#define RELEASE_BATCH 32u
#define FILL_BATCH    32u
/* How long to go on looking before sleep: at least; and at most, this and so many times of what going to sleep takes,
 * see learn(). */
#define SPIN_NS      20000u
#define SPIN_MAX_NS  1000000u
#define SPIN_FOR_ONE 8u
/* A round that has done so much is one under load; for so long after one the worker does not go back to being woken
 * but rests for a moment and looks again: batches grow, and neither events nor the calls that arm and unmask them are
 * spent. It rests half as long as its last round took, at most REST_MAX_NS, so the measure fits a fast machine and a
 * slow one; not at all after a round that was full. */
#define LOAD_WORK      16
#define FULL_WORK      64
#define LOAD_MEMORY_NS 1000000u
#define REST_MAX_NS    250000u
/* How long to sleep at most: with frames on their way out, for which no interrupt comes; and where the VF cannot
 * interrupt at all, soon after work and later. */
#define SLEEP_SENDING_NS 1000000
/* And where the frontend does not say when it has posted buffers (feature-rx-notify absent): as Linux' netback. */
#define SLEEP_UNTOLD_NS 30000000
/* Never longer than this, though nothing should ever be found then: a device's interrupt can be lost, and its own
 * drivers look after the rings by a timer too (igb's watchdog). What was found that late, with no event on its way, is
 * counted. */
#define SLEEP_WATCHDOG_NS 250000000
/* A VF that has frames to send and sends none for so long, as when its link goes down under them, does not do so any
 * more without being reset (igb and igbvf do the same; QEMU and a busy wire take milliseconds). */
#define SEND_HANG_NS      5000000000u
#define SLEEP_POLL_NS     200000
#define SLEEP_POLL_MAX_NS 2000000

static uint64_t now_ns(struct worker *w)
{
    return quick_clock_ns(&w->clock);
}

static void tell_control(struct worker *w)
{
    uint64_t one = 1;

    if (write(w->fault_fd, &one, sizeof one) < 0)
        return; /* the counter is full: control has not looked yet and will */
}

static void fail(struct worker *w, enum session_state state, const char *what)
{
    snprintf(w->why.text, sizeof w->why.text, "%s", what);
    __atomic_store_n(&w->state, state, __ATOMIC_RELEASE);
    tell_control(w);
}

static int failed_call(struct worker *w, const char *guest_fault)
{
    if (guest_fault)
        fail(w, SESSION_GUEST_FAULT, guest_fault);
    else
        fail(w, SESSION_HOST_FAULT, strerror(errno));
    return -1;
}

static int receive(struct worker *w, bool *notify)
{
    uint64_t before = w->port->counters.hypercalls;
    int completed = rx_complete(&w->rx, notify);
    int filled = completed < 0 ? -1 : rx_fill(&w->rx, FILL_BATCH);

    counter_add(&w->hypercalls_rx, w->port->counters.hypercalls - before);
    if (completed < 0)
        return failed_call(w, NULL);
    if (filled < 0)
        return failed_call(w, w->rx.fault);
    w->delivered = completed || w->delivered;
    return completed + filled;
}

/* The limit as control wants it, and the credit that has been earned. */
static void refill(struct worker *w)
{
    uint64_t wanted = __atomic_load_n(&w->rate, __ATOMIC_RELAXED);

    if (wanted != w->rate_taken) {
        bucket_set(&w->tx.bucket, (struct rate){(uint32_t)(wanted >> 32), (uint32_t)wanted},
                   now_ns(w));
        w->rate_taken = wanted;
    }
    if (w->tx.bucket.rate.bytes)
        bucket_refill(&w->tx.bucket, now_ns(w));
}

static int send_out(struct worker *w, bool *notify)
{
    uint64_t before = w->port->counters.hypercalls;
    int taken, completed;

    w->tx.no_link = !__atomic_load_n(&w->link, __ATOMIC_RELAXED);
    refill(w);
    taken = tx_take(&w->tx);
    if (mcast_tell(w->mcast))
        tell_control(w);
    completed = taken < 0 ? -1 : tx_complete(&w->tx, taken ? RELEASE_BATCH : 1, notify);

    counter_add(&w->hypercalls_tx, w->port->counters.hypercalls - before);
    if (taken < 0)
        return failed_call(w, w->tx.fault);
    if (completed < 0)
        return failed_call(w, NULL);
    w->delivered = !taken && w->delivered;
    return taken + completed;
}

/* Each ring's own channel where there are two: a frontend delays channels on which it finds nothing (XSA-391). One
 * event for both rings where there is one. */
void worker_notify(const struct worker *w, bool tx, bool rx)
{
    struct port *port = w->port;

    if (w->tx_event == w->rx_event) {
        tx = tx || rx;
        rx = false;
    }
    if (tx)
        port->ops->notify(port, w->tx_event);
    if (rx)
        port->ops->notify(port, w->rx_event);
}

/* One round over both rings. Returns how much there was to do; -1: the session has failed. */
static int turn(struct worker *w)
{
    bool tx = false, rx = false;
    int received = receive(w, &rx);
    int sent = received < 0 ? -1 : send_out(w, &tx);

    /* Also when something failed: what has been pushed has been pushed. */
    worker_notify(w, tx, rx);
    counter_add(&w->polls, 1);
    return sent < 0 ? -1 : received + sent;
}

/* Returns whether there were any. */
static bool take_events(struct worker *w)
{
    struct port *port = w->port;
    bool taken = false;
    uint32_t local;

    while (port->ops->event_pending(port, &local) == 0) {
        taken = true;
        if (w->interrupts && local == w->vf_event) {
            w->vf_pending = true;
            counter_add(&w->interrupts_seen, 1);
        } else if (local == w->tx_event) {
            w->tx_pending = true;
        } else if (local == w->rx_event) {
            w->rx_pending = true;
        }
    }
    return taken;
}

static void unmask_events(struct worker *w)
{
    struct port *port = w->port;

    if (w->tx_pending)
        port->ops->event_unmask(port, w->tx_event);
    if (w->rx_pending)
        port->ops->event_unmask(port, w->rx_event);
    if (w->vf_pending)
        port->ops->event_unmask(port, w->vf_event);
    w->tx_pending = w->rx_pending = w->vf_pending = false;
}

/* Nanoseconds to sleep at most. */
static int64_t longest_sleep(const struct worker *w, uint64_t idle_ns)
{
    int64_t longest = w->rx_notify ? SLEEP_WATCHDOG_NS : SLEEP_UNTOLD_NS;

    if (!w->interrupts) {
        longest = idle_ns > SLEEP_POLL_MAX_NS ? SLEEP_POLL_MAX_NS : (int64_t)idle_ns;
        if (longest < SLEEP_POLL_NS)
            longest = SLEEP_POLL_NS;
    }
    if (tx_outstanding(&w->tx) && longest > SLEEP_SENDING_NS)
        longest = SLEEP_SENDING_NS;
    /* What waits on the tx ring for credit raises no event. */
    if ((uint64_t)longest > bucket_wait_ns(&w->tx.bucket) && !bucket_open(&w->tx.bucket))
        longest = (int64_t)bucket_wait_ns(&w->tx.bucket);
    return longest;
}

/* Before a look at what it was about. */
static void hear(const struct worker *w)
{
    uint64_t count;

    if (read(w->wake_fd, &count, sizeof count) < 0)
        return; /* cannot happen: it was readable, and is read here only */
}

/* What comes soon after a sleep has begun is better waited for awake: in a PV domain going to sleep and waking up are half
 * a dozen system calls, and the processor may be another's by then. So a wait for which the worker slept for nothing
 * makes the next one as long as it would have taken, and one that was too long makes it shorter (as kvm's halt_poll_ns).
 * What follows frames for the guest, its answer, and what follows frames of the guest's, one from far away, are two
 * things to learn. What is worth waiting for goes by what a sleep costs here: microseconds on a machine, hundreds of them
 * on an emulated one. */
static void learn(struct worker *w, uint64_t waited, bool told)
{
    uint64_t *spin = &w->spin_ns[w->delivered];
    uint64_t worth = SPIN_FOR_ONE * w->sleep_cost_ns;
    uint64_t most = worth < SPIN_MAX_NS ? worth : SPIN_MAX_NS;
    uint64_t wanted = told && waited < most ? 2 * waited : *spin / 2;

    if (wanted > most)
        wanted = most;
    *spin = wanted < SPIN_NS ? SPIN_NS : wanted;
}

static void sleep_until_event(struct worker *w, int64_t longest)
{
    struct pollfd fds[2] = {
        {.fd = w->port->ops->event_fd(w->port), .events = POLLIN},
        {.fd = w->wake_fd, .events = POLLIN},
    };
    struct timespec limit = {longest / 1000000000, longest % 1000000000};

    int ready = ppoll(fds, 2, &limit, NULL);

    w->unwoken = ready == 0 && longest == SLEEP_WATCHDOG_NS;
    w->told = ready > 0 && (fds[0].revents & POLLIN);
    if (ready > 0 && (fds[1].revents & POLLIN))
        hear(w);
    learn(w, now_ns(w) - w->last_work_ns, w->told);
}

/* Arms everything that can wake us, then looks once more: what came before the arming is seen now, what comes after
 * it wakes us (see the top). Returns as turn(). */
static int prepare_sleep(struct worker *w)
{
    if (w->told)
        take_events(w);
    w->told = false;
    unmask_events(w);
    ring_ask(&w->tx.ring, 1);
    rx_ask(&w->rx, FILL_BATCH);
    w->queue->ops->arm(w->queue);
    return turn(w);
}

/* The same, and a running mean of what it takes when there is nothing. */
static int try_sleep(struct worker *w)
{
    uint64_t before = now_ns(w), took;
    int work = prepare_sleep(w);

    took = now_ns(w) - before;
    if (took > SPIN_MAX_NS)
        took = SPIN_MAX_NS; /* another had the processor */
    if (!work)
        w->sleep_cost_ns += took / 8 - w->sleep_cost_ns / 8;
    return work;
}

/* -1: the VF has stopped sending. */
static int watch_sending(struct worker *w, uint64_t now)
{
    uint32_t sent = w->tx.frame_head + w->tx.done;

    if (!tx_outstanding(&w->tx) || sent != w->sent) {
        w->sent = sent;
        w->sent_ns = now;
    } else if (now - w->sent_ns > SEND_HANG_NS) {
        fail(w, SESSION_DEVICE_FAULT, "it has not sent a frame for 5 s");
        return -1;
    }
    return 0;
}

static void rest(uint64_t worked_ns)
{
    uint64_t ns = worked_ns / 2 < REST_MAX_NS ? worked_ns / 2 : REST_MAX_NS;
    struct timespec time = {0, (long)ns};

    nanosleep(&time, NULL);
}

/* A round, and a rest after it if there is load. 1: go on looking; 0: nothing to do, and none expected at once; -1: the
 * session has failed. */
static int work_on(struct worker *w)
{
    uint64_t before = now_ns(w), now;
    int work = turn(w);

    if (work < 0)
        return -1;
    now = now_ns(w);
    if (watch_sending(w, now) < 0)
        return -1;
    if (work)
        w->last_work_ns = now;
    if (work && w->unwoken && !take_events(w))
        counter_add(&w->missed_wakeups, 1);
    w->unwoken = false;
    if (work >= LOAD_WORK) {
        w->last_load_ns = now;
        w->load_round_ns = now - before;
    }
    if (work >= FULL_WORK)
        return 1;
    if (now - w->last_load_ns < LOAD_MEMORY_NS) {
        rest(w->load_round_ns);
        return 1;
    }
    return work || now - w->last_work_ns < w->spin_ns[w->delivered];
}

enum { MAIL_NONE, MAIL_ASKED, MAIL_SERVED };

static void answer_mail(struct worker *w)
{
    int asked = MAIL_ASKED;
    uint64_t one = 1;

    if (!__atomic_compare_exchange_n(&w->mail.state, &asked, MAIL_SERVED, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED))
        return; /* taken back */
    w->mail.work(w->window, w->port, w->mail.argument);
    if (write(w->mail.done_fd, &one, sizeof one) < 0)
        return; /* cannot happen: its counter is 0 */
}

/* What others want of the window. -1: the session has failed. */
static int look_after_window(struct worker *w)
{
    bool rest = __atomic_load_n(&w->rest, __ATOMIC_ACQUIRE);

    if (__atomic_load_n(&w->mail.state, __ATOMIC_RELAXED) == MAIL_ASKED)
        answer_mail(w);
    if (rest == w->window->resting)
        return 0;
    if (!rest)
        window_wake(w->window, w->port);
    else if (window_rest(w->window, w->port) < 0)
        return failed_call(w, NULL);
    return 0;
}

static void *run(void *argument)
{
    struct worker *w = argument;

    w->last_work_ns = now_ns(w);
    while (!__atomic_load_n(&w->stop, __ATOMIC_ACQUIRE)) {
        int work;

        if (w->window && look_after_window(w) < 0)
            break;
        work = work_on(w);

        if (!work)
            work = try_sleep(w);
        if (work < 0)
            break;
        if (!work)
            sleep_until_event(w, longest_sleep(w, now_ns(w) - w->last_work_ns));
    }
    return NULL;
}

int worker_start(struct worker *worker)
{
    uint64_t woken;
    int rc;

    worker->stop = false;
    worker->state = SESSION_RUNNING;
    worker->sent_ns = now_ns(worker);
    worker->spin_ns[0] = worker->spin_ns[1] = SPIN_NS;
    if (read(worker->wake_fd, &woken, sizeof woken) < 0 && errno != EAGAIN)
        return -1; /* else: its last end has been told of */
    rc = pthread_create(&worker->thread, NULL, run, worker);
    if (rc)
        errno = rc;
    worker->running = rc == 0;
    return rc ? -1 : 0;
}

static void wake(const struct worker *worker)
{
    uint64_t one = 1;

    if (write(worker->wake_fd, &one, sizeof one) < 0)
        return; /* cannot happen: its counter is far from full */
}

void worker_stop(struct worker *worker)
{
    if (!worker->running)
        return;
    __atomic_store_n(&worker->stop, true, __ATOMIC_RELEASE);
    wake(worker);
    pthread_join(worker->thread, NULL);
    worker->running = false;
}

int worker_ask(struct worker *worker,
               void (*work)(struct window *window, struct port *port, void *argument),
               void *argument, int stop_fd)
{
    struct worker_mail *mail = &worker->mail;
    struct pollfd fds[2] = {
        {.fd = mail->done_fd, .events = POLLIN},
        {.fd = stop_fd, .events = POLLIN},
    };
    int asked = MAIL_ASKED;
    uint64_t count;

    mail->work = work;
    mail->argument = argument;
    __atomic_store_n(&mail->state, MAIL_ASKED, __ATOMIC_RELEASE);
    wake(worker);
    while (poll(fds, 2, -1) < 0 && errno == EINTR)
        ;
    if (!(fds[0].revents & POLLIN) &&
        __atomic_compare_exchange_n(&mail->state, &asked, MAIL_NONE, false, __ATOMIC_ACQUIRE,
                                    __ATOMIC_RELAXED)) {
        errno = ECANCELED;
        return -1;
    }
    /* Done, or about to be. */
    while (poll(fds, 1, -1) < 0 && errno == EINTR)
        ;
    if (read(mail->done_fd, &count, sizeof count) < 0)
        return -1; /* cannot happen: it was readable, and is read here only */
    __atomic_store_n(&mail->state, MAIL_NONE, __ATOMIC_RELEASE);
    return 0;
}

void worker_set_rest(struct worker *worker, bool rest)
{
    __atomic_store_n(&worker->rest, rest, __ATOMIC_RELEASE);
    wake(worker);
}

void worker_set_rate(struct worker *worker, struct rate rate)
{
    __atomic_store_n(&worker->rate, (uint64_t)rate.bytes << 32 | rate.interval_us,
                     __ATOMIC_RELAXED);
}

enum session_state worker_state(struct worker *worker, struct why *why)
{
    enum session_state state = __atomic_load_n(&worker->state, __ATOMIC_ACQUIRE);

    if (state != SESSION_RUNNING && why)
        *why = worker->why;
    return state;
}
