/* SPDX-License-Identifier: MIT */
/* What may change while a vif is connected: the limit that the administrator sets, and the multicast that the guest
 * wants. Control thread only. */
#ifndef NETVF_CONTROL_FOLLOW_H
#define NETVF_CONTROL_FOLLOW_H

#include <stdbool.h>

#include "common/allowance.h"
#include "datapath/bucket.h"

struct session;
struct session_plan;
struct store;

struct follow {
    struct rate rate;
    bool multicast_control;
    bool bad_rate; /* said already, once for each time that it begins */
    bool failed; /* the PF's driver did not take the filter: said likewise, and to be tried again */
    struct allowance messages;
};

/* A session has been started with `plan`. */
void follow_begin(struct follow *follow, const struct session_plan *plan);

/* Holds the keys against what the session does, and sees to the difference. True if there is more to do, soon: a
 * guest may have the VF's filter changed a few times in a row, then once in FOLLOW_MESSAGE_MS, for each change is
 * work for the PF's driver. `name` is for log lines. */
bool follow_keys(struct follow *follow, struct session *session, struct store *store,
                 const char *backend, const char *frontend, const char *name);

#define FOLLOW_MESSAGE_BURST 4
#define FOLLOW_MESSAGE_MS    250
/* After a message that the PF's driver has refused, or not answered, which takes up to two seconds of everyone's. */
#define FOLLOW_RETRY_MS 10000

#endif
