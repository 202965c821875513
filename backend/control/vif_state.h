/* SPDX-License-Identifier: MIT */
/* What a vif has to do next, as a function of what can be seen of it and of nothing else.
 *
 * The control side is level-triggered: after any event it takes a snapshot of each vif, asks
 * vif_next() for one action, carries it out and asks again until there is nothing left to do.
 * How libxl and netfront behave is written down at the rules in vif_state.c. */
#ifndef NETVF_CONTROL_VIF_STATE_H
#define NETVF_CONTROL_VIF_STATE_H

#include <stdbool.h>

#include <xen/io/xenbus.h>

/* A detach that the guest does not answer is forced after this long: libxl gives up after 10 s. */
#define VIF_CLOSE_TIMEOUT_MS 5000

struct vif_snapshot {
    unsigned backend;       /* our state key, XenbusStateUnknown if there is none (any more) */
    unsigned frontend;      /* the guest's, XenbusStateUnknown if missing or nonsense */
    bool online;            /* "online": the toolstack wants this vif to be */
    bool hotplug_connected; /* the hotplug script has ended well */
    bool domain_gone;       /* dying or dead; a suspended domain is not gone */
    bool bound;             /* a VF is set aside for it */
    bool connected;         /* it has a session */
    bool headroom;          /* ... whose received frames have headroom (xdp-headroom) */
    bool refused;           /* it cannot be served, and netvf/error says why */
    bool faulted;           /* its session ended by itself or could not be started */
    bool lost;              /* its session's VF has failed or is missing */
    bool due;               /* and it is time to do something about it */
    bool reopened;          /* while we were Closed, the guest's end has been seen not Connected */
    bool overdue;           /* our state has been Closing for VIF_CLOSE_TIMEOUT_MS */
    bool throttled;         /* it has reconnected too often lately */
};

enum vif_action {
    VIF_NOTHING,
    VIF_ADOPT,     /* check its keys, take a VF, write the features, go to InitWait; or refuse it */
    VIF_BIND,      /* take a VF for a vif that is connected already: a former daemon served it */
    VIF_ADVERTISE, /* make its VF ready again, write the features, go to InitWait */
    VIF_CONNECT,   /* read the guest's keys, start the session, go to Connected */
    VIF_RECOVER,   /* part the session from its VF, find it another, and go on */
    VIF_RECONFIGURED, /* what the guest wants reconfigured is so: go to Reconfigured */
    VIF_BACK,         /* and from there to Connected */
    VIF_DISCONNECT,   /* end the session */
    VIF_CLOSING,      /* go to Closing */
    VIF_CLOSED,       /* go to Closed */
    VIF_RELEASE,      /* give the VF back */
    VIF_FORGET,       /* its directory is gone */
};

enum vif_action vif_next(const struct vif_snapshot *snapshot);
/* For debug lines and tests. */
const char *vif_action_name(enum vif_action action);

#endif
