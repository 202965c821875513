/* SPDX-License-Identifier: MIT */
#include "control/api_answer.h"

#include "common/mac.h"
#include "common/why.h"
#include "control/manager.h"
#include "control/vif.h"
#include "control/windows.h"
#include "vf/pool.h"
#include "vf/vf.h"
#include "xen/port.h"
#include "xenstore-schema/keys.h"

#include <stddef.h>
#include <string.h>

static json_t *sentence(const char *text)
{
    return json_pack("{s:s}", "error", text);
}

static json_t *vf_document(const struct pool *pool, const struct pf_vf *vf)
{
    const struct pool_lease *lease;
    enum pool_state state = pool_state(pool, vf, &lease);
    char mac[MAC_TEXT];

    return json_pack("{s:i, s:s, s:s, s:s?, s:s?, s:s?, s:s?, s:o}", "index", (int)vf->index, "pci",
                     vf->pci, "state", pool_state_name(state), "driver",
                     vf->driver[0] ? vf->driver : NULL, "vif", lease ? lease->owner : NULL, "mac",
                     lease ? mac_format(lease->mac, mac) : NULL, "translation",
                     lease ? lease->translation : NULL, "link",
                     lease ? json_boolean(lease->vf->ops->link_up(lease->vf)) : json_null());
}

static json_t *pf_document(const struct pool *pool, const struct pf *pf)
{
    json_t *vfs = json_array();

    for (unsigned i = 0; i < pf->num_vfs; i++) {
        struct pf_vf vf;

        if (pf_read_vf(pool_sysfs(pool), pf, i, &vf) == 0)
            json_array_append_new(vfs, vf_document(pool, &vf));
    }
    return json_pack("{s:s, s:s, s:s?, s:b, s:b, s:o}", "name", pf->name, "pci", pf->pci, "driver",
                     pf->driver[0] ? pf->driver : NULL, "up", pf->up, "carrier", pf->carrier, "vfs",
                     vfs);
}

static json_t *list(const struct api_world *world)
{
    struct pf pfs[PF_DEVICES_MAX];
    unsigned count = pf_list(pool_sysfs(world->pool), pfs);
    json_t *documents = json_array();

    for (unsigned i = 0; i < count; i++)
        json_array_append_new(documents, pf_document(world->pool, &pfs[i]));
    return json_pack("{s:o, s:{s:I, s:I}, s:{s:I, s:I, s:I}}", "pfs", documents, "leaks", "grants",
                     (json_int_t)port_leaked(), "live", (json_int_t)port_live(), "windows",
                     "budget", (json_int_t)world->windows->pages, "used",
                     (json_int_t)window_budget_used(world->windows), "quota",
                     (json_int_t)world->windows->quota);
}

#define COUNTER(name)                                  \
    {                                                  \
#name, offsetof(struct session_counters, name) \
    }

static const struct {
    const char *name;
    size_t offset;
} counters[] = {
    COUNTER(tx_packets),      COUNTER(tx_bytes),       COUNTER(rx_packets),
    COUNTER(rx_bytes),        COUNTER(tx_segments),    COUNTER(tx_dropped),
    COUNTER(tx_spoofed),      COUNTER(rx_dropped),     COUNTER(tx_wire_packets),
    COUNTER(rx_wire_packets), COUNTER(tx_wire_bytes),  COUNTER(rx_wire_bytes),
    COUNTER(payload_copies),  COUNTER(header_copies),  COUNTER(hypercalls),
    COUNTER(hypercalls_tx),   COUNTER(hypercalls_rx),  COUNTER(map_ops),
    COUNTER(unmap_ops),       COUNTER(copy_ops),       COUNTER(events_sent),
    COUNTER(events_received), COUNTER(interrupts),     COUNTER(doorbells),
    COUNTER(polls),           COUNTER(missed_wakeups), COUNTER(rx_echoes),
    COUNTER(window_slots),    COUNTER(window_reads),
};

_Static_assert(sizeof counters / sizeof counters[0] * sizeof(uint64_t) ==
                   sizeof(struct session_counters),
               "every counter of a session has its name above");

/* `wire`: with the VF's own counters, which a single queue does not have. */
static json_t *counters_document(const struct session_counters *values, bool wire)
{
    json_t *document = json_object();

    for (unsigned i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        uint64_t value;

        if (!wire && strstr(counters[i].name, "_wire_"))
            continue;
        memcpy(&value, (const char *)values + counters[i].offset, sizeof value);
        json_object_set_new(document, counters[i].name, json_integer((json_int_t)value));
    }
    return document;
}

/* Faults are the vif's: they go on from one session to the next. */
static json_t *vif_counters(const struct vif_view *view)
{
    json_t *document = counters_document(&view->counters, true);

    json_object_set_new(document, "iommu_faults", json_integer((json_int_t)view->iommu_faults));
    return document;
}

static json_t *queues_document(const struct vif_view *view)
{
    json_t *documents = json_array();

    for (unsigned i = 0; i < view->queues; i++)
        json_array_append_new(documents, counters_document(&view->queue_counters[i], false));
    return documents;
}

static json_t *trunk_document(const struct vf_trunk *trunk)
{
    json_t *vlans = json_array();

    for (unsigned i = 0; i < trunk->count; i++)
        json_array_append_new(vlans, json_integer(trunk->vlans[i]));
    return vlans;
}

static json_t *vif_document(const struct vif_view *view)
{
    const char *interrupts = view->interrupts ? "event-channel" : "polling";
    char mac[MAC_TEXT];

    return json_pack("{s:i, s:I, s:s?, s:s?, s:o, s:o, s:s?, s:s?, s:s?, s:s?, s:s, s:s?, s:s?, "
                     "s:o, s:{s:I, s:b}, s:o, "
                     "s:o}",
                     "dom", (int)view->domid, "devid", (json_int_t)view->devid, "mac",
                     view->mac ? mac_format(view->mac, mac) : NULL, "pf", view->pf, "vlan",
                     view->vlan ? json_integer(view->vlan) : json_null(), "trunk",
                     trunk_document(&view->trunk), "vf", view->lease ? view->lease->vf->pci : NULL,
                     "translation", view->translation, "translation_reason",
                     view->translation_reason, "translation_asked", view->translation_asked,
                     "state", view->state, "error", view->error, "interrupts",
                     view->connected ? interrupts : NULL, "link",
                     view->connected ? json_boolean(view->link) : json_null(), "window", "pages",
                     (json_int_t)view->window_pages, "off", view->windows_off, "counters",
                     vif_counters(view), "queues", queues_document(view));
}

struct selection {
    json_int_t domid, devid; /* -1: all */
    json_t *vifs;
};

static void add_vif(struct vif *vif, void *context)
{
    struct selection *selection = context;
    struct vif_view view;

    vif_look(vif, &view);
    if ((selection->domid < 0 || selection->domid == view.domid) &&
        (selection->devid < 0 || selection->devid == view.devid))
        json_array_append_new(selection->vifs, vif_document(&view));
}

static json_t *show(const struct api_world *world, const json_t *request)
{
    const json_t *dom = json_object_get(request, "dom"), *devid = json_object_get(request, "devid");
    struct selection selection = {
        .domid = dom ? json_integer_value(dom) : -1,
        .devid = devid ? json_integer_value(devid) : -1,
    };

    if ((dom && (!json_is_integer(dom) || selection.domid < 0)) ||
        (devid && (!json_is_integer(devid) || selection.devid < 0)))
        return sentence("\"dom\" and \"devid\" are numbers, 0 or more");
    selection.vifs = json_array();
    manager_each(world->manager, add_vif, &selection);
    return json_pack("{s:o}", "vifs", selection.vifs);
}

static bool is_number(const json_t *value, json_int_t max)
{
    return json_is_integer(value) && json_integer_value(value) >= 0 &&
           json_integer_value(value) <= max;
}

static json_t *set_translation(struct vif *vif, const char *word)
{
    enum translation translation;
    struct vif_switched done;
    struct why why;

    if (!word || translation_parse(word, &translation) < 0)
        return sentence("\"translation\" is " TRANSLATION_WORDS);
    if (vif_set_translation(vif, translation, &done, &why) < 0)
        return sentence(why.text);
    return json_pack("{s:s?, s:I}", "translation", done.translation, "outage_ms",
                     (json_int_t)done.outage_ms);
}

static json_t *set_windows(struct vif *vif, const char *word)
{
    bool on = word && strcmp(word, "on") == 0;
    struct vif_view view;
    struct why why;

    if (!on && (!word || strcmp(word, "off") != 0))
        return sentence("\"windows\" is \"on\" or \"off\"");
    if (vif_set_windows(vif, on, &why) < 0)
        return sentence(why.text);
    vif_look(vif, &view);
    return json_pack("{s:s, s:I}", "windows", word, "pages", (json_int_t)view.window_pages);
}

static json_t *set(const struct api_world *world, const json_t *request)
{
    const json_t *dom = json_object_get(request, "dom"), *devid = json_object_get(request, "devid");
    const json_t *translation = json_object_get(request, "translation");
    const json_t *windows = json_object_get(request, "windows");
    struct vif *vif;

    if (!is_number(dom, UINT16_MAX) || !is_number(devid, UINT32_MAX))
        return sentence("\"dom\" and \"devid\" are the numbers of a guest and of its vif");
    if (translation && windows)
        return sentence("one setting in a call");
    vif = manager_find(world->manager, (uint16_t)json_integer_value(dom),
                       (uint32_t)json_integer_value(devid));
    if (!vif)
        return sentence("netvfd drives no such vif: 'netvf list' shows those it does");
    return windows ? set_windows(vif, json_string_value(windows))
                   : set_translation(vif, json_string_value(translation));
}

json_t *api_answer(void *context, const json_t *request)
{
    const struct api_world *world = context;
    const char *call = json_string_value(json_object_get(request, "call"));

    if (call && strcmp(call, "list") == 0)
        return list(world);
    if (call && strcmp(call, "show") == 0)
        return show(world, request);
    if (call && strcmp(call, "set") == 0)
        return set(world, request);
    return sentence("there is no such call; netvfd knows \"list\", \"show\" and \"set\"");
}
