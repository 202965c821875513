/* SPDX-License-Identifier: MIT */
#include "control/vif_state.h"

/* On destroy libxl deletes the frontend's directory in the same transaction that sets our state
 * to Closing; a domain may also die with no key changed at all. */
static bool guest_gone(const struct vif_snapshot *s)
{
    return s->frontend == XenbusStateUnknown || s->domain_gone;
}

static bool session_must_end(const struct vif_snapshot *s)
{
    if (s->faulted || guest_gone(s))
        return true;
    switch (s->frontend) {
    case XenbusStateInitialising: /* kexec or a reloaded driver: its rings are void */
    case XenbusStateClosing:
    case XenbusStateClosed:
        return true;
    default:
        break;
    }
    switch (s->backend) {
    case XenbusStateConnected:
    case XenbusStateReconfigured:
        return false;
    case XenbusStateClosing: /* written by libxl: the guest gets time to close in good order */
        return s->overdue;
    default: /* the directory has been made anew under us, or somebody wrote over our state */
        return true;
    }
}

static enum vif_action in_initialising(const struct vif_snapshot *s)
{
    /* A VF in hand belongs to a former life of the same directory: its keys may say otherwise
     * now. */
    return s->bound ? VIF_RELEASE : VIF_ADOPT;
}

static enum vif_action in_init_wait(const struct vif_snapshot *s)
{
    /* Windows and Mirage frontends close before they ever connect, and wait for our answer;
     * Closed without Closing before it has been seen as well. We pass through Closing in either
     * case. */
    if (s->frontend == XenbusStateClosing || s->frontend == XenbusStateClosed || s->faulted)
        return VIF_CLOSING;
    if (s->refused)
        return VIF_NOTHING;
    if (!s->bound)
        return VIF_ADOPT;
    /* libxl waits for our state to be exactly 2 before it runs the script: never leave 2 before
     * the script has ended, however early the guest is. */
    if (s->frontend == XenbusStateConnected && s->hotplug_connected)
        return VIF_CONNECT;
    return VIF_NOTHING;
}

/* netfront, with its RTNL lock held and without a limit, waits for Reconfigured when an XDP program is to be set or taken
 * away. It then goes back to Connected, and so do we, though netback does not: whoever looks at our state sees a vif
 * that works, and the next time netfront waits for what is true then. */
static enum vif_action reconfigure(const struct vif_snapshot *s)
{
    if (s->backend == XenbusStateReconfigured)
        return s->frontend == XenbusStateReconfiguring ? VIF_NOTHING : VIF_BACK;
    return s->frontend == XenbusStateReconfiguring && s->headroom ? VIF_RECONFIGURED : VIF_NOTHING;
}

/* And in Reconfigured, which is Connected under another name. */
static enum vif_action in_connected(const struct vif_snapshot *s)
{
    /* netfront does not come back by itself from a backend that closes: a VF's faults are not told. */
    if (s->connected)
        return s->lost && s->due ? VIF_RECOVER : reconfigure(s);
    if ((s->frontend != XenbusStateConnected && s->frontend != XenbusStateReconfiguring) ||
        s->faulted || s->refused)
        return VIF_CLOSING;
    /* Left by a daemon that stopped or died; the guest has noticed nothing but silence. */
    return s->bound ? VIF_CONNECT : VIF_BIND;
}

static enum vif_action in_closing(const struct vif_snapshot *s)
{
    if (s->connected)
        return VIF_NOTHING;
    /* Closing is answered by Closing, Closed by Closed: netfront waits for each without a limit.
     * A frontend in Initialising has nothing left to close. */
    if (s->frontend == XenbusStateClosed || s->frontend == XenbusStateInitialising || s->overdue)
        return VIF_CLOSED;
    /* It has closed and opened again before we had answered: no close is left to wait for. One that we have faulted
     * still stands in Connected because it has not seen our Closing. */
    if (s->frontend == XenbusStateConnected && s->online && !s->faulted && !s->refused)
        return VIF_CLOSED;
    return VIF_NOTHING;
}

/* The guest wants to be served: by the book from Initialising; or, as Linux' netback takes it too, straight in Connected,
 * with new keys. Connected may also be where we have left it when we closed for its fault: that is no wish. */
static bool asks(const struct vif_snapshot *s)
{
    if (s->frontend == XenbusStateInitialising)
        return true;
    return s->frontend == XenbusStateConnected && (s->reopened || (!s->faulted && !s->refused));
}

static enum vif_action in_closed(const struct vif_snapshot *s)
{
    if (!s->online)
        return s->bound ? VIF_RELEASE : VIF_NOTHING;
    /* Until then its VF is kept for it. */
    if (asks(s) && !s->throttled)
        return s->bound ? VIF_ADVERTISE : VIF_ADOPT;
    return VIF_NOTHING;
}

static enum vif_action without_guest(const struct vif_snapshot *s)
{
    if (s->backend != XenbusStateClosed)
        return VIF_CLOSED;
    return s->bound ? VIF_RELEASE : VIF_NOTHING;
}

enum vif_action vif_next(const struct vif_snapshot *s)
{
    /* Only libxl deletes our directory, and it does not wait for us for ever. */
    if (s->backend == XenbusStateUnknown)
        return s->connected ? VIF_DISCONNECT : s->bound ? VIF_RELEASE : VIF_FORGET;
    if (s->connected && session_must_end(s))
        return VIF_DISCONNECT;
    if (guest_gone(s))
        return without_guest(s);
    switch (s->backend) {
    case XenbusStateInitialising:
        return in_initialising(s);
    case XenbusStateInitWait:
        return in_init_wait(s);
    case XenbusStateConnected:
    case XenbusStateReconfigured:
        return in_connected(s);
    case XenbusStateClosing:
        return in_closing(s);
    case XenbusStateClosed:
        return in_closed(s);
    default: /* no state that we ever write */
        return VIF_CLOSING;
    }
}

const char *vif_action_name(enum vif_action action)
{
    static const char *const names[] = {
        [VIF_NOTHING] = "nothing", [VIF_ADOPT] = "adopt",
        [VIF_BIND] = "bind",       [VIF_ADVERTISE] = "advertise",
        [VIF_CONNECT] = "connect", [VIF_DISCONNECT] = "disconnect",
        [VIF_RECOVER] = "recover", [VIF_CLOSING] = "closing",
        [VIF_CLOSED] = "closed",   [VIF_RELEASE] = "release",
        [VIF_FORGET] = "forget",   [VIF_RECONFIGURED] = "reconfigured",
        [VIF_BACK] = "back",
    };

    return names[action];
}
