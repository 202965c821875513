/* SPDX-License-Identifier: MIT */
/* A connected vif that takes another way to addresses while its guest stays connected, as before a live migration: Xen
 * refuses to log a guest's writes while a device is assigned to it, so its VFs must leave its IOMMU context for a while.
 *
 * It is the way by which vif_recover.c goes on after a VF's fault, with a VF that has none: parted from it, reset, and
 * resumed with it. Nothing is published in between, so that xenstore tells of the outcome alone. */
#include "control/vif_private.h"

#include "common/clock.h"
#include "vf/vf.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <xen/io/xenbus.h>

void vif_read_wish(struct vif *vif)
{
    struct why why;
    int rc = negotiate_translation(vif->host->store, vif->backend, &vif->wish, &why);

    vif->asked = rc > 0;
    vif->wish_untold = false;
    if (rc < 0 && !vif->bad_wish)
        vif_say(vif, LOG_LEVEL_WARN, "%s; it is ignored", why.text);
    vif->bad_wish = rc < 0;
}

enum translation vif_translation(const struct vif *vif)
{
    enum translation wanted = vif->asked ? vif->wish : vif->host->translation;

    /* The next one would go the same way, and there are few of them. */
    return vif->stranded && wanted == TRANSLATION_AUTO ? TRANSLATION_HOST : wanted;
}

static void ask(struct vif *vif, enum translation translation)
{
    vif->asked = vif->wish_untold = true;
    vif->wish = translation;
    if (vif->session)
        session_set_translation(vif->session, translation);
}

/* Nothing runs that the wish could change at once. */
static int note(struct vif *vif, unsigned state, enum translation translation, struct why *why)
{
    bool asked = vif->asked;
    enum translation before = vif->wish;

    ask(vif, translation);
    if (vif_publish(vif, state, state, false) == 0)
        return 0;
    vif->asked = asked;
    vif->wish = before;
    vif->wish_untold = false;
    if (vif->session)
        session_set_translation(vif->session, vif_translation(vif));
    return why_fail(why, "xenstore does not take the wish: %s", strerror(errno));
}

/* The control loop is to look at the vif soon: there is work that is not for here. */
static void call_control(const struct vif *vif)
{
    if (eventfd_write(vif->host->fault_fd, 1) < 0)
        return; /* its counter is full: it is to look in any case */
}

/* Parted from its VF, which is reset then. */
static int take_out(struct vif *vif, struct why *why)
{
    char pci[PF_PCI_MAX];

    snprintf(pci, sizeof pci, "%s", vif->lease->vf->pci);
    if (vif_part(vif, why) < 0)
        return -1;
    if (!vif->lease)
        return why_fail(why, "VF %s has not come back from its guest's IOMMU context", pci);
    return pool_renew(vif->host->pool, vif->lease, why);
}

static int put_back(struct vif *vif, enum translation translation, struct why *why)
{
    int rc;

    vif->parted = false;
    session_set_translation(vif->session, translation);
    rc = session_resume(vif->session, vif->lease->vf, why);
    vif->lease->astray |= rc < 0 && errno == ENOTRECOVERABLE;
    return rc;
}

static void goes_on(struct vif *vif)
{
    vif_began(vif, true);
    vif->fresh = false;
    vif->untold = true; /* if it cannot be told at once, the next check tells it */
    vif_publish(vif, XenbusStateConnected, XenbusStateConnected, false);
}

/* The session may have ended for Xen's refusal; else this is a VF's fault like any other. */
static int give_up(struct vif *vif, struct why *why)
{
    session_set_translation(vif->session, vif_translation(vif));
    if (vif->faulted)
        *why = vif->error;
    else
        vif_lose(vif, why);
    call_control(vif);
    return -1;
}

/* `why` keeps the sentence about what was wanted, unless there is a worse one. */
static int go_back(struct vif *vif, enum translation wanted, struct why *why)
{
    struct why worse = {""};
    const char *reason;

    if (take_out(vif, &worse) < 0 || put_back(vif, vif_translation(vif), &worse) < 0) {
        *why = worse;
        return give_up(vif, why);
    }
    goes_on(vif);
    vif_say(vif, LOG_LEVEL_INFO, "goes on with translation %s, as %s cannot be had: %s",
            session_translation(vif->session, &reason), translation_word(wanted), why->text);
    return -1;
}

static int go_over(struct vif *vif, enum translation wanted, struct vif_switched *done,
                   struct why *why)
{
    int64_t began = clock_ms();
    const char *reason;

    why->text[0] = '\0';
    if (take_out(vif, why) < 0)
        return give_up(vif, why);
    if (put_back(vif, wanted, why) < 0)
        return go_back(vif, wanted, why);
    done->outage_ms = clock_ms() - began;
    done->translation = session_translation(vif->session, &reason);
    ask(vif, wanted);
    goes_on(vif);
    vif_say(vif, LOG_LEVEL_INFO, "goes on with translation %s after %" PRIi64 " ms",
            done->translation, done->outage_ms);
    return 0;
}

/* Whether packets move, with a VF that is in order. */
static bool serves(struct vif *vif)
{
    struct why why;

    if (!vif->session || vif->lost || vif->faulted ||
        session_state(vif->session, NULL) != SESSION_RUNNING)
        return false;
    if (vif->lease->vf->ops->check(vif->lease->vf, &why) == 0)
        return true;
    vif_lose(vif, &why);
    return false;
}

/* The best that `wanted` could bring is what `now` is. */
static bool has(const char *now, enum translation wanted)
{
    return strcmp(now, translation_word(wanted == TRANSLATION_AUTO ? TRANSLATION_IOMMU : wanted)) ==
           0;
}

int vif_set_translation(struct vif *vif, enum translation wanted, struct vif_switched *done,
                        struct why *why)
{
    unsigned state = vif_backend_state(vif);
    const char *now, *reason;

    *done = (struct vif_switched){NULL, 0};
    if (state != XenbusStateInitWait && state != XenbusStateConnected && state != XenbusStateClosed)
        return why_fail(why, "the vif is on its way up or down just now (state %u); try it again",
                        state);
    if (!serves(vif)) {
        /* It may be all that it has waited for. */
        vif->next_try = clock_ms();
        call_control(vif);
        return note(vif, state, wanted, why);
    }
    now = session_translation(vif->session, &reason);
    if (state == XenbusStateConnected && !has(now, wanted))
        return go_over(vif, wanted, done, why);
    done->translation = now;
    return note(vif, state, wanted, why);
}

/* Nothing of it is in xenstore: a window does not outlive the daemon either. */
int vif_set_windows(struct vif *vif, bool on, struct why *why)
{
    vif->windows_off = !on;
    if (!vif->session)
        return 0;
    if (session_rest_windows(vif->session, !on) || on)
        return 0;
    return why_fail(why, "pages of its windows are still pinned, for its VF has failed and is not "
                         "proven quiet yet; they are released when it is");
}
