/* SPDX-License-Identifier: MIT */
/* Translation `host`: GNTTABOP_map_grant_ref with GNTMAP_device_map only. The pin's address is the page's machine
 * address, which is what a VF of dom0 uses with or without dom0-iommu=strict (in strict mode Xen enters it into
 * dom0's IOMMU table, read-only for a read-only pin, and removes it with the unmap).
 *
 * Pages that the guest keeps granted and has put into its window (window.h) are pinned already. */
#include "translate/translate.h"
#include "translate/window.h"

#include <stddef.h>

static int host_acquire(struct translate *translate, struct grant_pin *pins, unsigned count)
{
    if (translate->window && window_in_use(translate->window))
        return window_acquire(translate->window, translate->port, pins, count);
    return translate->port->ops->pin(translate->port, pins, count);
}

static int host_release(struct translate *translate, struct grant_pin *pins, unsigned count)
{
    if (translate->window && window_in_use(translate->window))
        return window_release(translate->window, translate->port, pins, count);
    return translate->port->ops->unpin(translate->port, pins, count);
}

static int host_fetch(struct translate *translate, struct grant_copy *copies, unsigned count)
{
    if (translate->window && window_in_use(translate->window))
        return window_fetch(translate->window, translate->port, copies, count);
    return translate->port->ops->copy(translate->port, copies, count);
}

/* Also into pages of the window, whose views are read-only: Xen sees each write, and logs it for a live migration. */
static int host_store(struct translate *translate, struct grant_copy *copies, unsigned count)
{
    return translate->port->ops->store(translate->port, copies, count);
}

static void host_close(struct translate *translate)
{
    (void)translate;
}

static const struct translate_ops host_ops = {
    .name = "host",
    .acquire = host_acquire,
    .release = host_release,
    .fetch = host_fetch,
    .store = host_store,
    .close = host_close,
};

void translate_host(struct translate *translate, struct port *port)
{
    translate->ops = &host_ops;
    translate->port = port;
    translate->window = NULL;
}
