/* SPDX-License-Identifier: MIT */
/* Before the first vif: is there a Xen, and what has a daemon left behind that died? */
#include "xen/libxen.h"

#include "common/log.h"
#include "common/why.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int port_probe(struct why *why)
{
    FILE *file = fopen("/proc/xen/capabilities", "re");
    char line[64] = "";

    if (!file)
        return why_fail(why,
                        "no Xen underneath (/proc/xen/capabilities cannot be read); run netvfd "
                        "in the control domain of a Xen host, with xenfs mounted on /proc/xen");
    if (!fgets(line, sizeof line, file))
        line[0] = '\0';
    fclose(file);
    if (!strstr(line, "control_d"))
        return why_fail(why, "this is not Xen's control domain; netvfd belongs into dom0");
    return 0;
}

struct recovery {
    xencall_handle *call;
    xc_interface *xc;
    struct gnttab_unmap_grant_ref *unmap;
    union libxen_evtchn *evtchn;
    int (*quiesce)(const char *pci);
    unsigned stuck;
};

/* One pin, by itself: how a single one fails matters here, speed does not. */
static int release(struct recovery *r, struct journal_record *record)
{
    *r->unmap = (struct gnttab_unmap_grant_ref){
        .dev_bus_addr = record->dma,
        .handle = record->handle,
    };
    if (xencall3(r->call, __HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref,
                 (uintptr_t)r->unmap, 1) ||
        r->unmap->status)
        return -1;
    record->live = 0;
    return 0;
}

static void recover_one(const char *name, void *context)
{
    struct recovery *r = context;
    struct journal_file *file = journal_load(name);
    unsigned released = 0, stuck = 0;

    if (!file) {
        log_warn("journal %s cannot be read: %s", name, strerror(errno));
        return;
    }
    /* A pin is what keeps the page the guest's while the VF may write to it: the VF first, always. */
    if (r->quiesce(file->pci) < 0) {
        log_error("vif %s: VF %s cannot be proven quiet; its pages stay pinned", name, file->pci);
        r->stuck++;
        journal_unload(file, name, 0);
        return;
    }
    if (file->irq.evtchn)
        libxen_release_irq(r->call, r->xc, r->evtchn, &file->irq);
    for (unsigned i = 0; i < JOURNAL_CAPACITY; i++) {
        if (!file->records[i].live)
            continue;
        if (release(r, &file->records[i]) < 0)
            stuck++;
        else
            released++;
    }
    if (file->in_flight)
        log_warn("vif %s: a batch of %u pins was under way when netvfd died; what Xen had done of "
                 "it is not known",
                 name, file->in_flight);
    log_info("vif %s: released %u pages that a former netvfd had pinned for VF %s, %u refused",
             name, released, file->pci, stuck);
    r->stuck += stuck;
    journal_unload(file, name, stuck == 0);
}

unsigned port_recover(int (*quiesce)(const char *pci))
{
    struct recovery r = {.quiesce = quiesce};

    r.call = xencall_open(NULL, 0);
    r.xc = xc_interface_open(NULL, NULL, 0);
    r.unmap = r.call ? xencall_alloc_buffer(r.call, sizeof *r.unmap) : NULL;
    r.evtchn = r.call ? xencall_alloc_buffer(r.call, sizeof *r.evtchn) : NULL;
    if (r.unmap && r.evtchn && r.xc)
        journal_each(recover_one, &r);
    else
        log_error("cannot open Xen's hypercall device: %s", strerror(errno));
    if (r.call) {
        xencall_free_buffer(r.call, r.evtchn);
        xencall_free_buffer(r.call, r.unmap);
        xencall_close(r.call);
    }
    if (r.xc)
        xc_interface_close(r.xc);
    return r.stuck;
}
