/* SPDX-License-Identifier: MIT */
/* One vif of ours, from its directory's appearance to its deletion. Control thread only. */
#ifndef NETVF_CONTROL_VIF_H
#define NETVF_CONTROL_VIF_H

#include <stdbool.h>
#include <stdint.h>

#include "control/negotiate.h"
#include "control/session.h"

struct iommu_faults;
struct pool;
struct pool_lease;
struct store;
struct vif;
struct window_budget;

/* What vifs share; it outlives them. */
struct vif_host {
    struct store *store;
    struct pool *pool;
    uint16_t own_domid;
    int fault_fd;    /* eventfd on which sessions tell that they have stopped by themselves */
    unsigned queues; /* most that a guest is offered for a vif; 0 is taken for 1 */
    enum translation translation;
    const struct context_ops *contexts; /* as in session_plan */
    struct window_budget *windows;      /* likewise */
    struct iommu_faults *faults;        /* NULL: nobody tells of them */
};

/* A vif whose directory has just been seen. Touches nothing but the watch on the guest's state.
 * NULL/errno. */
struct vif *vif_new(const struct vif_host *host, uint16_t domid, uint32_t devid);
/* Ends it without a word in xenstore: its directory is gone, or vif_stop has been called. */
void vif_free(struct vif *vif);

enum vif_progress {
    VIF_SETTLED, /* nothing to do before something changes */
    VIF_PENDING, /* look again soon: time is running, or a call has failed */
    VIF_GONE,    /* its directory is gone and nothing is held any more: vif_free */
};

/* Looks at the vif and does all there is to do. May take as long as a VF's reset (two seconds). */
enum vif_progress vif_step(struct vif *vif);
/* Looks after the VF of a connected vif, in a few register reads: about once a second, or `at_once` after something has
 * happened to network devices of dom0. True if vif_step has something to do. */
bool vif_check(struct vif *vif, bool at_once);
/* The IOMMU has stopped an access of the function at `pci`. False if that is not the vif's VF; else it is counted, and the
 * next but one vif_check has the VF reset. */
bool vif_iommu_fault(struct vif *vif, const char *pci);
/* The daemon stops in good order: the session ends, the VF is given back, the states stay as
 * they are, so that the next daemon takes the vif up again. */
void vif_stop(struct vif *vif);

/* For the control socket. */
struct vif_view {
    uint16_t domid;
    uint32_t devid;
    const uint8_t *mac;               /* NULL if the vif is refused for its keys */
    const char *pf;                   /* NULL if none is named */
    uint16_t vlan;                    /* port VLAN, 0: none */
    struct vf_trunk trunk;            /* VLANs that the guest tags itself */
    const struct pool_lease *lease;   /* NULL if it holds no VF */
    const char *translation;          /* NULL while not connected */
    const char *translation_reason;   /* NULL, or why it is not one that needs no hypercalls */
    const char *translation_asked;    /* NULL, or the word in netvf/request-translation */
    const char *state;                /* what netvf/state says */
    const char *error;                /* NULL or the sentence */
    bool connected, interrupts, link; /* the last two only while connected */
    struct session_counters counters; /* of the session, or of the last one */
    unsigned queues;                  /* likewise; 0 if there was none */
    struct session_counters queue_counters[VF_QUEUES_MAX];
    unsigned window_pages; /* in its queues' windows now */
    bool windows_off;      /* by vif_set_windows */
    uint64_t iommu_faults; /* accesses of its VFs that the IOMMU has stopped */
};

/* What has come of vif_set_translation. */
struct vif_switched {
    const char *translation; /* in use; NULL while no VF serves the vif */
    int64_t outage_ms;       /* from the last packet before to the first one after; 0: none */
};

/* Has the vif take this way to addresses from now on, also after a restart of the daemon. If it is connected it goes
 * over with the VF that it has, while the guest stays connected: which takes one reset of the VF, two if the way cannot
 * be had. -1 and a sentence: then it goes on as before, or, if its VF has failed over it, is mended as after any fault
 * of a VF. */
int vif_set_translation(struct vif *vif, enum translation translation, struct vif_switched *done,
                        struct why *why);

/* Whether the vif's windows keep pages pinned, from now on and until netvfd ends: off, the guest keeps what it has put
 * into them, but its packets go the ordinary way, and Xen sees each page that is written. -1 and a sentence if some are
 * still pinned: nothing runs that could release them just now. */
int vif_set_windows(struct vif *vif, bool on, struct why *why);

bool vif_is(const struct vif *vif, uint16_t domid, uint32_t devid);
bool vif_holds_vf(const struct vif *vif);
bool vif_connected(const struct vif *vif);
void vif_look(struct vif *vif, struct vif_view *view);

#endif
