/* SPDX-License-Identifier: MIT */
/* A connected vif whose VF fails, is reset by its PF, or goes from the bus.
 *
 * The guest stays connected, and notices lost packets and nothing else: netfront does not come back by itself from a
 * backend that closes. The session is parted from the VF (which is proven quiet before any page is released), runs
 * without one for as long as it takes, and goes on with the same rings on the next: its own after another reset, or any
 * other idle one of the same PF. */
#include "control/vif_private.h"

#include "common/clock.h"
#include "vf/vf.h"
#include "xenstore-schema/keys.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <xen/io/xenbus.h>

/* Between two tries to find a VF; longer where a try takes long, as with a PF that does not answer: the control loop has
 * other vifs to look after. */
#define RETRY_MS     1000
#define RETRY_FACTOR 4

void vif_began(struct vif *vif, bool with_vf)
{
    const char *reason;

    vif->lost = vif->parted = vif->idling = !with_vf;
    vif->renewed = true;
    vif->suspect = false;
    vif->link = with_vf && pool_link(vif->host->pool, vif->lease);
    if (with_vf)
        vif->lease->translation = session_translation(vif->session, &reason);
    vif->next_try = vif->lost_since = clock_ms();
    session_link(vif->session, vif->link);
}

void vif_lose(struct vif *vif, const struct why *why)
{
    vif->lost = true;
    vif->parted = vif->idling = false;
    vif->error = *why;
    vif->next_try = vif->lost_since = clock_ms();
    vif_say(vif, LOG_LEVEL_WARN, "its VF has failed: %s", why->text);
}

/* Only with a VF that is quiet, or with none. */
static int flush(struct vif *vif)
{
    struct why fault;
    int rc;

    if (vif->lease)
        vif->lease->translation = NULL;
    rc = session_flush(vif->session);
    if (vif->lease && (rc > 0 || (rc == 0 && vif->lease->astray)))
        vif_strand(vif);
    if (rc >= 0)
        return 0;
    why_fail(&fault, "Xen has refused to release its pages");
    vif_fault(vif, &fault);
    return -1;
}

int vif_part(struct vif *vif, struct why *why)
{
    if (vif->parted)
        return 0;
    session_pause(vif->session);
    if (vif->lease && pool_silence(vif->host->pool, vif->lease) < 0)
        return why_fail(why,
                        "VF %s has failed and cannot be proven quiet, so the guest's pages stay "
                        "with it; reset its PF: ip link set %s down; ip link set %s up",
                        vif->lease->vf->pci, vif->lease->pf, vif->lease->pf);
    vif->parted = flush(vif) == 0;
    vif->idling = false;
    return vif->parted ? 0 : -1;
}

int vif_may_have_vf(struct vif *vif, struct why *why)
{
    if (!vif->stopped)
        return 0;
    if (!allowance_left(&vif->resets, VIF_FAULT_BURST, VIF_FAULT_EVERY_MS, clock_ms()))
        return why_fail(
            why, "the IOMMU has stopped its VF again and again, so it is kept still for up to %u s",
            VIF_FAULT_EVERY_MS / 1000);
    vif->resets.left--;
    vif->stopped = 0;
    return 0;
}

/* Its own VF again, or another one of the same PF. */
static int find_vf(struct vif *vif, struct why *why)
{
    struct pool_wish wish = vif_wish(vif);
    struct pool *pool = vif->host->pool;

    if (vif->lease) {
        if (pool_renew(pool, vif->lease, why) == 0)
            return 0;
        if (errno == ENETDOWN || errno == ENOSPC) /* no other VF of that PF would do better */
            return -1;
        vif_let_go(vif, true);
    }
    vif->lease = pool_take_another(pool, &wish, vif->owner, why);
    return vif->lease ? 0 : -1;
}

/* With the VF that has been found, which has been reset and not started. */
static int go_on(struct vif *vif, struct why *why)
{
    bool no_fault;

    if (vif->idling) {
        session_pause(vif->session);
        vif->idling = false;
        if (flush(vif) < 0)
            return -1;
        if (!vif->lease)
            return why_fail(why, "its VF has not come back from its guest's IOMMU context");
    }
    vif->parted = false;
    if (session_resume(vif->session, vif->lease->vf, why) == 0)
        return 0;
    no_fault = errno == EOPNOTSUPP;
    vif->lease->astray |= errno == ENOTRECOVERABLE;
    if (vif_part(vif, NULL) == 0 && !no_fault)
        vif_let_go(vif, true);
    return -1;
}

static int recovered(struct vif *vif, unsigned from)
{
    int64_t outage = clock_ms() - vif->lost_since;

    vif_began(vif, true);
    vif->fresh = false;
    vif->state = VALUE_BE_NETVF_STATE_CONNECTED;
    vif->error.text[0] = '\0';
    vif_say(vif, LOG_LEVEL_INFO, "goes on through VF %s of %s after %" PRIi64 " ms",
            vif->lease->vf->pci, vif->lease->pf, outage);
    return vif_publish(vif, from, from, false);
}

/* Frames of the guest are dropped meanwhile, so that nothing in it waits for them. */
int vif_wait(struct vif *vif, unsigned from, const struct why *why)
{
    struct why ignored;

    if (vif->parted && !vif->idling) {
        vif->idling = session_resume(vif->session, NULL, &ignored) == 0;
        if (!vif->idling)
            session_pause(
                vif->session); /* some of its workers may have started, and taken buffers */
        vif->parted = vif->idling;
    }
    vif->untold |= from != XenbusStateConnected;
    if (strcmp(vif->state, VALUE_BE_NETVF_STATE_WAITING) != 0 ||
        strcmp(vif->error.text, why->text) != 0) {
        vif_say(vif, LOG_LEVEL_WARN, "waits for a VF of %s: %s", vif->config.pf, why->text);
        vif->untold = true;
    }
    vif->link = false;
    vif->state = VALUE_BE_NETVF_STATE_WAITING;
    vif->error = *why;
    return vif->untold ? vif_publish(vif, from, XenbusStateConnected, false) : 0;
}

int vif_recover(struct vif *vif, unsigned from)
{
    bool first = vif->next_try == vif->lost_since;
    int64_t began = clock_ms(), took;
    struct why why = {""};
    int rc;

    if (!vif->lost) {
        session_state(vif->session, &why); /* what its worker says */
        vif_lose(vif, &why);
    }
    rc = vif_part(vif, &why);
    if (rc == 0)
        rc = vif_may_have_vf(vif, &why);
    if (rc == 0)
        rc = find_vf(vif, &why);
    if (rc == 0)
        rc = go_on(vif, &why);
    if (rc == 0)
        return recovered(vif, from);
    if (vif->faulted)
        return 0;
    /* The first try may have met VFs that are just being switched off; how long it took says nothing of the next. */
    took = first ? 0 : clock_ms() - began;
    vif->next_try = clock_ms() + (took * RETRY_FACTOR > RETRY_MS ? took * RETRY_FACTOR : RETRY_MS);
    return vif_wait(vif, from, &why);
}

bool vif_iommu_fault(struct vif *vif, const char *pci)
{
    if (!vif->lease || strcmp(vif->lease->vf->pci, pci) != 0)
        return false;
    vif->iommu_faults++;
    vif->stopped++;
    return true;
}

/* Whether the IOMMU has stopped the VF as it is now. What is told of after a reset may have been before it. And a VF that
 * is being removed has faults, too: it is found gone by the next look, before anything is tried with it. */
static bool was_stopped(struct vif *vif, struct why *why)
{
    bool due = vif->suspect;

    if (vif->renewed)
        vif->stopped = 0;
    vif->suspect = vif->stopped && !due;
    vif->renewed = false;
    if (!due)
        return false;
    why_fail(why, "the IOMMU has stopped %u accesses of VF %s to memory that is not its guest's",
             vif->stopped, vif->lease->vf->pci);
    return true;
}

bool vif_check(struct vif *vif, bool at_once)
{
    struct why why;
    bool link;

    if (!vif->session)
        return false;
    if (vif->lost) {
        if (at_once)
            vif->next_try = clock_ms();
        return clock_ms() >= vif->next_try;
    }
    if (vif->lease->vf->ops->check(vif->lease->vf, &why) < 0 || was_stopped(vif, &why)) {
        vif_lose(vif, &why);
        return true;
    }
    link = pool_link(vif->host->pool, vif->lease);
    if (link != vif->link) {
        vif->link = link;
        vif->untold = true;
        session_link(vif->session, link);
        vif_say(vif, LOG_LEVEL_INFO, "the link of VF %s is %s", vif->lease->vf->pci,
                link ? "up" : "down");
    }
    if (vif->untold)
        vif_publish(vif, XenbusStateConnected, XenbusStateConnected, false);
    return false;
}
