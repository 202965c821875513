/* SPDX-License-Identifier: MIT */
/* The state machine: each rule by an example, and all snapshots there are by properties. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "control/vif_state.h"
#include "unit/runner.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

enum {
    ONLINE = 1,
    SCRIPT = 2, /* hotplug-status is connected */
    GONE = 4,
    BOUND = 8,
    CONNECTED = 16,
    REFUSED = 32,
    FAULTED = 64,
    OVERDUE = 128,
    THROTTLED = 256,
    LOST = 512,
    DUE = 1024,
    REOPENED = 2048,
    HEADROOM = 4096,
    FLAGS_END = 8192,
};

static struct vif_snapshot snapshot(unsigned backend, unsigned frontend, unsigned flags)
{
    return (struct vif_snapshot){
        .backend = backend,
        .frontend = frontend,
        .online = flags & ONLINE,
        .hotplug_connected = flags & SCRIPT,
        .domain_gone = flags & GONE,
        .bound = flags & BOUND,
        .connected = flags & CONNECTED,
        .refused = flags & REFUSED,
        .faulted = flags & FAULTED,
        .overdue = flags & OVERDUE,
        .throttled = flags & THROTTLED,
        .lost = flags & LOST,
        .due = flags & DUE,
        .reopened = flags & REOPENED,
        .headroom = flags & HEADROOM,
    };
}

static const struct {
    const char *what;
    unsigned backend, frontend, flags;
    enum vif_action action;
} rules[] = {
    /* Attach, and the two things that must both have happened before we connect. */
    {"new directory", 1, 1, ONLINE, VIF_ADOPT},
    {"new directory, guest already in Connected (restored)", 1, 4, ONLINE, VIF_ADOPT},
    {"offered, nothing answered", 2, 1, ONLINE | BOUND, VIF_NOTHING},
    {"script done, guest not", 2, 1, ONLINE | SCRIPT | BOUND, VIF_NOTHING},
    {"guest done, script not: libxl waits for exactly 2", 2, 4, ONLINE | BOUND, VIF_NOTHING},
    {"guest in Initialised is not done", 2, 3, ONLINE | SCRIPT | BOUND, VIF_NOTHING},
    {"both done", 2, 4, ONLINE | SCRIPT | BOUND, VIF_CONNECT},
    {"running", 4, 4, ONLINE | SCRIPT | BOUND | CONNECTED, VIF_NOTHING},
    {"Reconfiguring for what was not offered", 4, 7, ONLINE | SCRIPT | BOUND | CONNECTED,
     VIF_NOTHING},

    /* An XDP program in the guest. */
    {"wants headroom, and has it", 4, 7, ONLINE | SCRIPT | BOUND | CONNECTED | HEADROOM,
     VIF_RECONFIGURED},
    {"told so", 8, 7, ONLINE | SCRIPT | BOUND | CONNECTED | HEADROOM, VIF_NOTHING},
    {"goes back", 8, 4, ONLINE | SCRIPT | BOUND | CONNECTED | HEADROOM, VIF_BACK},
    {"VF lost meanwhile", 8, 7, ONLINE | SCRIPT | CONNECTED | HEADROOM | LOST | DUE, VIF_RECOVER},
    {"VF lost, to be looked for later: told all the same", 4, 7,
     ONLINE | SCRIPT | CONNECTED | HEADROOM | LOST, VIF_RECONFIGURED},
    {"closes instead", 8, 5, ONLINE | SCRIPT | BOUND | CONNECTED | HEADROOM, VIF_DISCONNECT},
    {"closes instead, session ended", 8, 5, ONLINE | SCRIPT | BOUND, VIF_CLOSING},
    {"fault", 8, 7, ONLINE | SCRIPT | BOUND | CONNECTED | HEADROOM | FAULTED, VIF_DISCONNECT},
    {"daemon restarted while it waits", 4, 7, ONLINE | SCRIPT, VIF_BIND},
    {"daemon restarted, VF taken", 4, 7, ONLINE | SCRIPT | BOUND, VIF_CONNECT},
    {"daemon restarted after the answer", 8, 4, ONLINE | SCRIPT, VIF_BIND},
    {"daemon restarted after the answer, VF taken", 8, 7, ONLINE | SCRIPT | BOUND, VIF_CONNECT},

    /* The guest closes. */
    {"guest closes", 4, 5, ONLINE | SCRIPT | BOUND | CONNECTED, VIF_DISCONNECT},
    {"after the session's end: 5 to 5", 4, 5, ONLINE | SCRIPT | BOUND, VIF_CLOSING},
    {"waits for the guest's 6", 5, 5, ONLINE | SCRIPT | BOUND, VIF_NOTHING},
    {"6 to 6", 5, 6, ONLINE | SCRIPT | BOUND, VIF_CLOSED},
    {"keeps the VF while online", 6, 6, ONLINE | SCRIPT | BOUND, VIF_NOTHING},
    {"guest starts afresh", 6, 1, ONLINE | SCRIPT | BOUND, VIF_ADVERTISE},
    {"too often", 6, 1, ONLINE | SCRIPT | BOUND | THROTTLED, VIF_NOTHING},
    {"afresh, VF lost meanwhile", 6, 1, ONLINE | SCRIPT, VIF_ADOPT},
    {"straight to 6 while running", 4, 6, ONLINE | SCRIPT | BOUND | CONNECTED, VIF_DISCONNECT},
    {"straight to 6: 5 all the same", 4, 6, ONLINE | SCRIPT | BOUND, VIF_CLOSING},
    {"closes before it has ever connected", 2, 5, ONLINE | BOUND, VIF_CLOSING},
    {"6 before it has ever connected", 2, 6, ONLINE | BOUND, VIF_CLOSING},
    {"reload of the driver, kexec", 4, 1, ONLINE | SCRIPT | BOUND | CONNECTED, VIF_DISCONNECT},
    {"reload: first 5", 4, 1, ONLINE | SCRIPT | BOUND, VIF_CLOSING},
    {"reload: then 6", 5, 1, ONLINE | SCRIPT | BOUND, VIF_CLOSED},
    {"Reconfigured neither", 4, 8, ONLINE | SCRIPT | BOUND | CONNECTED, VIF_NOTHING},
    {"back from Reconfiguring", 4, 4, ONLINE | SCRIPT | BOUND | CONNECTED, VIF_NOTHING},
    {"Reconfiguring before it has connected", 2, 7, ONLINE | SCRIPT | BOUND, VIF_NOTHING},
    {"closes out of Reconfiguring", 4, 5, ONLINE | SCRIPT | BOUND | CONNECTED, VIF_DISCONNECT},

    /* Shortcuts, none of them by the book; Linux' netback takes them all. */
    {"0 to 4: its directory had been away", 6, 4, ONLINE | SCRIPT | REOPENED, VIF_ADOPT},
    {"6 to 4", 6, 4, ONLINE | SCRIPT | BOUND | REOPENED, VIF_ADVERTISE},
    {"6 to 4, then", 2, 4, ONLINE | SCRIPT | BOUND, VIF_CONNECT},
    {"6 to 4 too often", 6, 4, ONLINE | SCRIPT | BOUND | REOPENED | THROTTLED, VIF_NOTHING},
    {"6 to 4 too fast to be seen", 6, 4, ONLINE | SCRIPT | BOUND, VIF_ADVERTISE},
    {"6 to 4 though offline", 6, 4, SCRIPT | BOUND | REOPENED, VIF_RELEASE},
    {"5 to 4", 5, 4, ONLINE | SCRIPT | BOUND, VIF_CLOSED},
    {"5 to 1", 5, 1, ONLINE | SCRIPT | BOUND, VIF_CLOSED},
    {"5 to 1, then", 6, 1, ONLINE | SCRIPT | BOUND | REOPENED, VIF_ADVERTISE},
    {"4 to 1", 4, 1, ONLINE | SCRIPT | BOUND | CONNECTED, VIF_DISCONNECT},
    {"4 to 2 is no close", 4, 2, ONLINE | SCRIPT | BOUND | CONNECTED, VIF_NOTHING},
    {"guest stuck in 5", 5, 5, ONLINE | SCRIPT | BOUND | OVERDUE, VIF_CLOSED},

    /* xl network-detach: libxl has written 5 and online 0. */
    {"guest gets time", 5, 4, SCRIPT | BOUND | CONNECTED, VIF_NOTHING},
    {"guest has closed", 5, 6, SCRIPT | BOUND | CONNECTED, VIF_DISCONNECT},
    {"guest is closing", 5, 5, SCRIPT | BOUND | CONNECTED, VIF_DISCONNECT},
    {"guest hangs", 5, 4, SCRIPT | BOUND | CONNECTED | OVERDUE, VIF_DISCONNECT},
    {"guest hangs, session ended", 5, 4, SCRIPT | BOUND | OVERDUE, VIF_CLOSED},
    {"no driver in the guest", 5, 1, BOUND, VIF_CLOSED},
    {"VF goes back", 6, 6, SCRIPT | BOUND, VIF_RELEASE},
    {"done", 6, 6, SCRIPT, VIF_NOTHING},
    {"no new life for what is offline", 6, 1, SCRIPT, VIF_NOTHING},

    /* xl destroy: the guest's directory is deleted first. */
    {"destroyed while running", 5, 0, SCRIPT | BOUND | CONNECTED, VIF_DISCONNECT},
    {"no guest to wait for", 5, 0, SCRIPT | BOUND, VIF_CLOSED},
    {"VF goes back", 6, 0, SCRIPT | BOUND, VIF_RELEASE},
    {"done", 6, 0, SCRIPT, VIF_NOTHING},
    {"guest's directory gone without libxl", 4, 0, ONLINE | BOUND | CONNECTED, VIF_DISCONNECT},
    {"and then", 4, 0, ONLINE | BOUND, VIF_CLOSED},
    {"VF goes back though online", 6, 0, ONLINE | BOUND, VIF_RELEASE},
    {"orphan found at start", 1, 0, ONLINE, VIF_CLOSED},

    /* A domain that dies with no key changed. */
    {"dies while running", 4, 4, ONLINE | SCRIPT | BOUND | CONNECTED | GONE, VIF_DISCONNECT},
    {"dead", 4, 4, ONLINE | SCRIPT | BOUND | GONE, VIF_CLOSED},
    {"dead, closed", 6, 4, ONLINE | SCRIPT | BOUND | GONE, VIF_RELEASE},
    {"dead, all done", 6, 1, ONLINE | SCRIPT | GONE, VIF_NOTHING},

    /* The directory goes, or is made anew, behind our back. */
    {"deleted while running", 0, 4, BOUND | CONNECTED, VIF_DISCONNECT},
    {"deleted with a VF", 0, 0, BOUND, VIF_RELEASE},
    {"deleted", 0, 0, 0, VIF_FORGET},
    {"made anew while running", 1, 1, ONLINE | BOUND | CONNECTED, VIF_DISCONNECT},
    {"made anew", 1, 1, ONLINE | BOUND, VIF_RELEASE},
    {"made anew after a refusal", 1, 1, ONLINE | REFUSED, VIF_ADOPT},
    {"made anew after a fault", 1, 1, ONLINE | FAULTED, VIF_ADOPT},

    /* Refused: InitWait, and never more. */
    {"refused", 2, 1, ONLINE | REFUSED, VIF_NOTHING},
    {"refused, guest eager", 2, 4, ONLINE | SCRIPT | REFUSED, VIF_NOTHING},
    {"refused, detached", 5, 4, REFUSED | OVERDUE, VIF_CLOSED},
    {"refused, destroyed", 5, 0, REFUSED, VIF_CLOSED},
    {"refused, guest closes", 2, 5, ONLINE | REFUSED, VIF_CLOSING},
    {"refused, guest tries again", 6, 1, ONLINE | REFUSED, VIF_ADOPT},
    {"refused at a restart", 4, 4, ONLINE | SCRIPT | REFUSED, VIF_CLOSING},

    /* Faults end a session once and close. */
    {"fault", 4, 4, ONLINE | SCRIPT | BOUND | CONNECTED | FAULTED, VIF_DISCONNECT},
    {"fault, session ended", 4, 4, ONLINE | SCRIPT | BOUND | FAULTED, VIF_CLOSING},
    {"fault, VF broken", 4, 4, ONLINE | SCRIPT | FAULTED, VIF_CLOSING},
    {"could not connect", 2, 4, ONLINE | SCRIPT | BOUND | FAULTED, VIF_CLOSING},
    {"fault, waits for the guest", 5, 4, ONLINE | SCRIPT | BOUND | FAULTED, VIF_NOTHING},
    {"fault, guest does not care", 5, 4, ONLINE | BOUND | FAULTED | OVERDUE, VIF_CLOSED},
    {"fault, guest comes back", 6, 1, ONLINE | SCRIPT | BOUND | FAULTED, VIF_ADVERTISE},
    {"fault, guest stays", 6, 4, ONLINE | SCRIPT | BOUND | FAULTED, VIF_NOTHING},
    {"fault, guest comes back by a shortcut", 6, 4, ONLINE | SCRIPT | BOUND | FAULTED | REOPENED,
     VIF_ADVERTISE},

    /* Its VF fails: the guest is not told. */
    {"VF lost", 4, 4, ONLINE | SCRIPT | BOUND | CONNECTED | LOST | DUE, VIF_RECOVER},
    {"VF lost, to be looked for later", 4, 4, ONLINE | SCRIPT | CONNECTED | LOST, VIF_NOTHING},
    {"VF lost, guest in Reconfiguring", 4, 7, ONLINE | SCRIPT | CONNECTED | LOST | DUE,
     VIF_RECOVER},
    {"VF lost, guest closes", 4, 5, ONLINE | SCRIPT | BOUND | CONNECTED | LOST | DUE,
     VIF_DISCONNECT},
    {"VF lost, guest at fault", 4, 4, ONLINE | SCRIPT | BOUND | CONNECTED | LOST | DUE | FAULTED,
     VIF_DISCONNECT},
    {"VF lost, detached: the guest gets time", 5, 4, SCRIPT | CONNECTED | LOST | DUE, VIF_NOTHING},
    {"VF lost, destroyed", 5, 0, SCRIPT | CONNECTED | LOST | DUE, VIF_DISCONNECT},

    /* What a daemon finds that has just been started. */
    {"offered by the last one", 2, 1, ONLINE, VIF_ADOPT},
    {"answered meanwhile", 2, 4, ONLINE | SCRIPT, VIF_ADOPT},
    {"live guest", 4, 4, ONLINE | SCRIPT, VIF_BIND},
    {"live guest, VF taken", 4, 4, ONLINE | SCRIPT | BOUND, VIF_CONNECT},
    {"closed meanwhile", 4, 5, ONLINE | SCRIPT, VIF_CLOSING},
    {"reloaded meanwhile", 4, 1, ONLINE | SCRIPT, VIF_CLOSING},
    {"a close half done", 5, 6, ONLINE | SCRIPT, VIF_CLOSED},
    {"a detach half done", 5, 4, SCRIPT | OVERDUE, VIF_CLOSED},
    {"closed long since", 6, 6, 0, VIF_NOTHING},

    {"a state that nobody writes", 3, 1, ONLINE | BOUND, VIF_CLOSING},
};

START_TEST(every_rule)
{
    struct vif_snapshot s = snapshot(rules[_i].backend, rules[_i].frontend, rules[_i].flags);
    enum vif_action action = vif_next(&s);

    ck_assert_msg(action == rules[_i].action, "%s: %s instead of %s", rules[_i].what,
                  vif_action_name(action), vif_action_name(rules[_i].action));
}
END_TEST

/* What an action does if all goes well. */
static void apply(struct vif_snapshot *s, enum vif_action action)
{
    switch (action) {
    case VIF_ADOPT:
    case VIF_ADVERTISE:
        s->bound = true;
        s->refused = s->faulted = false;
        s->backend = XenbusStateInitWait;
        break;
    case VIF_BIND:
        s->bound = true;
        break;
    case VIF_CONNECT:
        s->connected = true;
        s->backend = XenbusStateConnected;
        break;
    case VIF_RECOVER:
        s->bound = true;
        s->lost = false;
        break;
    case VIF_RECONFIGURED:
        s->backend = XenbusStateReconfigured;
        break;
    case VIF_BACK:
        s->backend = XenbusStateConnected;
        break;
    case VIF_DISCONNECT:
        s->connected = false;
        break;
    case VIF_CLOSING:
        s->backend = XenbusStateClosing;
        break;
    case VIF_CLOSED:
        s->backend = XenbusStateClosed;
        break;
    case VIF_RELEASE:
        s->bound = false;
        break;
    case VIF_NOTHING:
    case VIF_FORGET:
        break;
    }
}

static void check_step(const struct vif_snapshot *s, enum vif_action action)
{
    switch (action) {
    case VIF_CONNECT:
        ck_assert(s->bound && !s->connected && !s->refused && !s->faulted && !s->domain_gone);
        ck_assert(s->frontend == XenbusStateConnected || s->frontend == XenbusStateReconfiguring);
        ck_assert(s->backend == XenbusStateConnected || s->backend == XenbusStateReconfigured ||
                  (s->backend == XenbusStateInitWait && s->hotplug_connected));
        break;
    case VIF_ADOPT:
    case VIF_BIND:
        ck_assert(!s->bound && !s->connected);
        break;
    case VIF_ADVERTISE:
        ck_assert(s->bound && !s->connected && s->online);
        break;
    case VIF_DISCONNECT:
        ck_assert(s->connected);
        break;
    case VIF_RECOVER: /* for nobody who has ended, or is about to */
        ck_assert(s->connected && s->lost && s->due && !s->faulted && !s->domain_gone);
        ck_assert(s->backend == XenbusStateConnected || s->backend == XenbusStateReconfigured);
        break;
    case VIF_RECONFIGURED:
        ck_assert(s->connected && s->headroom);
        ck_assert_uint_eq(s->frontend, XenbusStateReconfiguring);
        ck_assert_uint_eq(s->backend, XenbusStateConnected);
        break;
    case VIF_BACK:
        ck_assert(s->connected);
        ck_assert_uint_eq(s->backend, XenbusStateReconfigured);
        break;
    case VIF_RELEASE:
        ck_assert(s->bound && !s->connected);
        break;
    case VIF_CLOSING:
    case VIF_CLOSED: /* never while DMA may go on */
        ck_assert(!s->connected);
        ck_assert(action != VIF_CLOSED || s->backend != XenbusStateClosed);
        break;
    case VIF_FORGET:
        ck_assert(!s->bound && !s->connected && s->backend == XenbusStateUnknown);
        break;
    case VIF_NOTHING:
        break;
    }
}

static void check_rest(const struct vif_snapshot *s)
{
    bool guest = s->frontend != XenbusStateUnknown && !s->domain_gone;

    /* Nothing is held for a guest that is not there, nor for a vif that is off. */
    if (!guest || s->backend == XenbusStateUnknown)
        ck_assert(!s->bound && !s->connected);
    if (s->backend == XenbusStateClosed && !s->online)
        ck_assert(!s->bound && !s->connected);
    /* netfront waits for ever for these two. */
    if (guest && s->frontend == XenbusStateClosed && s->backend)
        ck_assert_uint_eq(s->backend, XenbusStateClosed);
    if (guest && s->frontend == XenbusStateClosing && s->backend)
        ck_assert(s->backend == XenbusStateClosing || s->backend == XenbusStateClosed);
    if (guest && s->frontend == XenbusStateReconfiguring && s->connected && s->headroom &&
        s->backend != XenbusStateClosing)
        ck_assert_uint_eq(s->backend, XenbusStateReconfigured);
    if (s->overdue)
        ck_assert_uint_ne(s->backend, XenbusStateClosing);
}

START_TEST(every_snapshot_comes_to_rest)
{
    unsigned backend = (unsigned)_i;

    for (unsigned frontend = 0; frontend <= 8; frontend++) {
        for (unsigned flags = 0; flags < FLAGS_END; flags++) {
            struct vif_snapshot s = snapshot(backend, frontend, flags);
            unsigned steps = 0;

            if (s.lost ? !s.connected : s.connected && !s.bound)
                continue; /* only a session can lose its VF, and only then it runs without */
            for (;;) {
                enum vif_action action = vif_next(&s);

                check_step(&s, action);
                if (action == VIF_NOTHING || action == VIF_FORGET)
                    break;
                apply(&s, action);
                if (s.backend != XenbusStateClosing)
                    s.overdue = s.overdue && backend == XenbusStateClosing && steps == 0;
                ck_assert_uint_lt(++steps, 10);
            }
            check_rest(&s);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("vif_state");
    TCase *test = tcase_create("vif_state");

    tcase_add_loop_test(test, every_rule, 0, (int)COUNT(rules));
    tcase_add_loop_test(test, every_snapshot_comes_to_rest, 0, 9);
    suite_add_tcase(suite, test);
    return run_suite(suite);
}
