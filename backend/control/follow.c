/* SPDX-License-Identifier: MIT */
#include "control/follow.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/why.h"
#include "control/negotiate.h"
#include "control/session.h"

void follow_begin(struct follow *follow, const struct session_plan *plan)
{
    *follow = (struct follow){
        .rate = plan->rate,
        .multicast_control = plan->multicast_control,
        .messages = {FOLLOW_MESSAGE_BURST, clock_ms()},
    };
}

/* A limit that cannot be read is no reason to lift the one that holds. */
static void follow_rate(struct follow *follow, struct session *session, struct store *store,
                        const char *backend, const char *name)
{
    struct rate rate;
    struct why why;

    if (negotiate_rate(store, backend, &rate, &why) < 0) {
        if (!follow->bad_rate)
            log_warn("%s: the limit stays as it is: %s", name, why.text);
        follow->bad_rate = true;
        return;
    }
    follow->bad_rate = false;
    if (rate.bytes == follow->rate.bytes && rate.interval_us == follow->rate.interval_us)
        return;
    session_set_rate(session, rate);
    follow->rate = rate;
    if (rate.bytes)
        log_info("%s: may send %u bytes in %u us", name, rate.bytes, rate.interval_us);
    else
        log_info("%s: may send without limit", name);
}

static bool follow_multicast(struct follow *follow, struct session *session, struct store *store,
                             const char *frontend, const char *name)
{
    bool control = follow->multicast_control;
    struct why why;

    /* Nonsense counts as no change: the guest may mend it. */
    negotiate_multicast(store, frontend, &control, NULL);
    /* The list is kept while nothing is filtered by it (netif.h), but then it is no news for the VF. */
    if (control == follow->multicast_control && !(control && session_multicast_news(session)) &&
        !follow->failed)
        return false;
    if (!allowance_left(&follow->messages, FOLLOW_MESSAGE_BURST, FOLLOW_MESSAGE_MS, clock_ms()))
        return true;
    follow->messages.left--;
    follow->multicast_control = control;
    if (session_set_multicast(session, control, &why) == 0) {
        follow->failed = false;
        return false;
    }
    if (!follow->failed)
        log_warn("%s: %s", name, why.text);
    follow->failed = true;
    follow->messages = (struct allowance){0, clock_ms() + FOLLOW_RETRY_MS};
    return true;
}

bool follow_keys(struct follow *follow, struct session *session, struct store *store,
                 const char *backend, const char *frontend, const char *name)
{
    follow_rate(follow, session, store, backend, name);
    return follow_multicast(follow, session, store, frontend, name);
}
