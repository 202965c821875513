/* SPDX-License-Identifier: MIT */
/* What a vif tells of itself: in xenstore, in the log, on the control socket. */
#include "control/vif_private.h"

#include "common/clock.h"
#include "vf/vf.h"
#include "xenstore-schema/keys.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <xen/io/xenbus.h>

/* xenstore ends a transaction of ours when somebody else has written below the same directory
 * meanwhile. */
#define TRANSACTION_RETRIES 8

void vif_say(struct vif *vif, enum log_level level, const char *format, ...)
{
    char text[300];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (allowance_left(&vif->lines, VIF_LOG_BURST, VIF_LOG_EVERY_MS, clock_ms()))
        vif->lines.left--;
    else
        level = LOG_LEVEL_DEBUG;
    log_line(level, "%s: %s", vif->name, text);
}

struct change {
    const char *key;
    const char *value; /* NULL: the key goes */
};

static int write_changes(struct vif *vif)
{
    const struct change changes[] = {
        {KEY_BE_NETVF_STATE, vif->state},
        {KEY_BE_NETVF_ERROR, vif->error.text[0] ? vif->error.text : NULL},
        {KEY_BE_NETVF_VF, vif->lease ? vif->lease->vf->pci : NULL},
        {KEY_BE_NETVF_TRANSLATION, vif->lease ? vif->lease->translation : NULL},
        {KEY_BE_CARRIER, !vif->session ? NULL
                         : vif->link   ? "1"
                                       : "0"},
    };
    struct store *store = vif->host->store;

    for (unsigned i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        if (changes[i].value
                ? store_write(store, vif->backend, changes[i].key, changes[i].value) < 0
                : store_remove(store, vif->backend, changes[i].key) < 0 && errno != ENOENT)
            return -1;
    }
    /* A key that others may write too is written when it has been asked for here, and at no other time. */
    return vif->wish_untold ? store_write(store, vif->backend, KEY_BE_NETVF_REQUEST_TRANSLATION,
                                          translation_word(vif->wish))
                            : 0;
}

/* What the data path carries, with no more queues than this VF has; and with one if there is a rate to be kept, which
 * several would have to share. */
static int offer_features(const struct vif *vif)
{
    struct features features = {
        .offloads = vif->lease->vf->ops->offloads,
        .split_event_channels = true,
        .ctrl_ring = true,
        .headroom = vf_rx_headroom(vif->config.mtu, &vif->config.trunk) > 0,
        .queues = vif->host->queues,
    };

    if (features.queues > vif->lease->vf->queues)
        features.queues = vif->lease->vf->queues;
    if (vif->config.rate.bytes)
        features.queues = 1;
    return negotiate_offer(vif->host->store, vif->backend, &features);
}

/* libxl writes Closing over our state when it wants the vif to go, and deletes the directory when
 * it has waited enough, and neither may be undone by us. */
int vif_publish(struct vif *vif, unsigned from, unsigned to, bool offer)
{
    struct store *store = vif->host->store;

    for (unsigned try = 0; try < TRANSACTION_RETRIES; try++) {
        uint32_t state;

        if (store_begin(store) < 0)
            return -1;
        if (store_read_number(store, vif->backend, KEY_BE_STATE, XenbusStateReconfigured, &state) <
                0 ||
            state != from) {
            store_abort(store);
            errno = ESTALE;
            return -1;
        }
        if (write_changes(vif) < 0 || (offer && offer_features(vif) < 0) ||
            (to != from && store_printf(store, vif->backend, KEY_BE_STATE, "%u", to) < 0)) {
            store_abort(store);
            return -1;
        }
        if (store_commit(store) == 0) {
            vif->untold = vif->wish_untold = false;
            return 0;
        }
        if (errno != EAGAIN)
            return -1;
    }
    return -1;
}

void vif_count(struct vif *vif)
{
    session_count(vif->session, &vif->counters);
    vif->queues = session_queues(vif->session);
    for (unsigned i = 0; i < vif->queues; i++)
        session_count_queue(vif->session, i, &vif->queue_counters[i]);
}

void vif_look(struct vif *vif, struct vif_view *view)
{
    *view = (struct vif_view){
        .domid = vif->domid,
        .devid = vif->devid,
        .mac = vif->configured ? vif->config.mac : NULL,
        .pf = vif->config.pf[0] ? vif->config.pf : NULL,
        .vlan = vif->config.vlan,
        .trunk = vif->config.trunk,
        .lease = vif->lease,
        .translation_asked = vif->asked ? translation_word(vif->wish) : NULL,
        .state = vif->state,
        .error = vif->error.text[0] ? vif->error.text : NULL,
        .connected = vif->session != NULL,
        .windows_off = vif->windows_off,
        .iommu_faults = vif->iommu_faults,
    };
    if (vif->session) {
        vif_count(vif);
        view->interrupts = session_interrupts(vif->session);
        view->translation = session_translation(vif->session, &view->translation_reason);
        view->link = vif->link;
        view->window_pages = session_window_pages(vif->session);
    }
    view->counters = vif->counters;
    view->queues = vif->queues;
    memcpy(view->queue_counters, vif->queue_counters, sizeof view->queue_counters);
}

/* All frames of the session have the headroom that there is from the beginning: nothing has to be done to have it, nor
 * for the guest not to want it. */
int vif_reconfigured(struct vif *vif, unsigned from)
{
    struct why why;
    bool headroom;

    if (negotiate_headroom(vif->host->store, vif->backend, vif->frontend, &headroom, &why) < 0) {
        vif_fault(vif, &why);
        return 0;
    }
    return vif_publish(vif, from, XenbusStateReconfigured, false);
}
