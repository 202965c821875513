/* SPDX-License-Identifier: MIT */
/* Translation `iommu`: the VF sees the guest's memory as the guest does, so the address is the frame that the guest's
 * own grant table names. Nothing is pinned: the guest may revoke or change an entry at any time, and then the VF
 * reaches another page of that same guest, or none and an IOMMU fault. */
#include "common/shm.h"
#include "translate/frame_cache.h"
#include "translate/translate.h"
#include "xen/context.h"

#include <stdlib.h>
#include <xen/grant_table.h>

/* Below 4 GiB, addresses that the chipset takes for interrupts and not for memory: without interrupt remapping a
 * write there would be a message to any processor (VT-d specification 3.14). */
#define INTERRUPT_FIRST 0xfee00u
#define INTERRUPT_LAST  0xfeeffu

static void look_up(const struct translate *translate, struct grant_pin *pin)
{
    const struct context *context = translate->context;
    const volatile uint32_t *entry;
    uint32_t head, frame;

    pin->status = GNTST_bad_gntref;
    if (pin->gref >= context->grant_count)
        return;
    entry = &context->grants[pin->gref * 2];
    head = shm_read32(&entry[0]);
    frame = shm_read32(&entry[1]);
    /* The first word: flags, and the domain that may use the page. Sub-page and transitive entries are for copies. */
    if ((head & GTF_type_mask) != GTF_permit_access || head >> 16 != translate->own_domid)
        return;
    if ((head & GTF_readonly) && !pin->readonly) {
        pin->status = GNTST_permission_denied;
        return;
    }
    if (frame >= INTERRUPT_FIRST && frame <= INTERRUPT_LAST)
        return;
    pin->dma = (uint64_t)frame * GUEST_PAGE;
    pin->status = GNTST_okay;
}

static int context_acquire(struct translate *translate, struct grant_pin *pins, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        look_up(translate, &pins[i]);
    return 0;
}

/* Nothing was pinned. */
static int context_release(struct translate *translate, struct grant_pin *pins, unsigned count)
{
    (void)translate;
    (void)pins;
    (void)count;
    return 0;
}

static int context_fetch(struct translate *translate, struct grant_copy *copies, unsigned count)
{
    const volatile uint8_t *views[PORT_BATCH_MAX];
    uint64_t frames[PORT_BATCH_MAX];
    unsigned good = 0;

    for (unsigned i = 0; i < count; i++) {
        struct grant_pin pin = {.gref = copies[i].gref, .readonly = true};

        look_up(translate, &pin);
        copies[i].status = pin.status;
        if (!pin.status)
            frames[good++] = pin.dma / GUEST_PAGE;
    }
    if (good)
        frame_cache_view(translate->frames, frames, views, good);
    for (unsigned i = 0, next = 0; i < count; i++) {
        const volatile uint8_t *view;

        if (copies[i].status)
            continue;
        view = views[next++];
        if (view)
            shm_copy(copies[i].own_va, view + copies[i].offset, copies[i].length);
        else
            copies[i].status = GNTST_bad_page;
    }
    return 0;
}

/* By the hypervisor, which looks at the entry again: the views are read-only, for a page that dom0 has mapped writable
 * can be none of a PV guest's page tables, as long as the view is kept. */
static int context_store(struct translate *translate, struct grant_copy *copies, unsigned count)
{
    return translate->port->ops->store(translate->port, copies, count);
}

static void context_close(struct translate *translate)
{
    frame_cache_flush(translate->frames);
    free(translate->frames);
    translate->frames = NULL;
}

static const struct translate_ops context_ops = {
    .name = "iommu",
    .acquire = context_acquire,
    .release = context_release,
    .fetch = context_fetch,
    .store = context_store,
    .close = context_close,
};

int translate_iommu(struct translate *translate, struct port *port, struct context *context,
                    uint16_t own_domid)
{
    translate->frames = malloc(sizeof *translate->frames);
    if (!translate->frames)
        return -1;
    frame_cache_open(translate->frames, context, &port->counters);
    translate->ops = &context_ops;
    translate->port = port;
    translate->context = context;
    translate->own_domid = own_domid;
    return 0;
}
