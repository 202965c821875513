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
    struct libxen_sweep sweep;
    xc_interface *xc;
    union libxen_evtchn *evtchn;
    int (*quiesce)(const char *pci);
    unsigned stuck;
};

/* One pin, by itself: how a single one fails matters here, speed does not. A daemon that was killed after Xen had
 * released a batch has left records of handles that are none any more, or that Xen has given to somebody else since: the
 * address must match. Returns 1 if the pin was gone already, -1 if Xen refuses. */
static int release(struct recovery *r, struct journal_record *record)
{
    int16_t status = libxen_sweep_unmap(&r->sweep, record->dma, record->handle);

    if (status && status != GNTST_bad_handle && status != GNTST_bad_dev_addr)
        return -1;
    record->live = JOURNAL_FREE;
    return status ? 1 : 0;
}

/* What is written down as pinned. What was only wanted waits until all VFs are known to be quiet. */
static void recover_one(const char *name, void *context)
{
    struct recovery *r = context;
    struct journal_file *file = journal_load(name);
    unsigned released = 0, gone = 0, stuck = 0, wanted = 0;

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
        libxen_release_irq(r->sweep.call, r->xc, r->evtchn, &file->irq);
    for (unsigned i = 0; i < JOURNAL_CAPACITY; i++) {
        struct journal_record *record = &file->records[i];
        int rc;

        wanted += (unsigned)journal_wanted(record);
        if (record->live != JOURNAL_LIVE)
            continue;
        rc = release(r, record);
        released += rc == 0;
        gone += rc > 0;
        stuck += rc < 0;
    }
    log_info("vif %s: released %u pages that a former netvfd had pinned for VF %s; %u were "
             "released already, %u "
             "refused",
             name, released, file->pci, gone, stuck);
    r->stuck += stuck;
    journal_unload(file, name, stuck == 0 && !wanted);
}

/* All VFs are quiet, and what is written down has been released. */
static void sweep_one(const char *name, void *context)
{
    struct recovery *r = context;
    struct journal_file *file = journal_load(name);
    unsigned wanted = 0, found;

    if (!file)
        return;
    for (unsigned i = 0; i < JOURNAL_CAPACITY; i++)
        wanted += (unsigned)journal_wanted(&file->records[i]);
    found = libxen_sweep(&r->sweep, file);
    log_info("vif %s: %u pins were under way when netvfd died; %u had been made, and are released",
             name, wanted, found);
    journal_unload(file, name, 1);
}

static void close_recovery(struct recovery *r)
{
    if (r->sweep.call) {
        xencall_free_buffer(r->sweep.call, r->evtchn);
        libxen_sweep_close(&r->sweep);
    }
    if (r->xc)
        xc_interface_close(r->xc);
}

static int open_recovery(struct recovery *r)
{
    r->xc = xc_interface_open(NULL, NULL, 0);
    if (!r->xc || libxen_sweep_open(&r->sweep) < 0)
        return -1;
    r->evtchn = xencall_alloc_buffer(r->sweep.call, sizeof *r->evtchn);
    return r->evtchn ? 0 : -1;
}

unsigned port_recover(int (*quiesce)(const char *pci))
{
    struct recovery r = {.quiesce = quiesce};

    if (open_recovery(&r) == 0) {
        journal_each(recover_one, &r);
        if (!r.stuck)
            journal_each(sweep_one, &r);
    } else {
        log_error("cannot open Xen's hypercall device: %s", strerror(errno));
    }
    close_recovery(&r);
    return r.stuck;
}
