/* SPDX-License-Identifier: MIT */
/* What the files of a vif share: vif.c (its states), vif_recover.c (its VF's faults), vif_switch.c (another translation),
 * vif_publish.c (what it tells of itself). */
#ifndef NETVF_CONTROL_VIF_PRIVATE_H
#define NETVF_CONTROL_VIF_PRIVATE_H

#include "common/allowance.h"
#include "common/log.h"
#include "common/why.h"
#include "control/follow.h"
#include "control/vif.h"
#include "vf/pool.h"
#include "xen/store.h"

/* Lines of the log that one vif may fill: so many in a row, then one in so many milliseconds. */
#define VIF_LOG_BURST    24
#define VIF_LOG_EVERY_MS 5000

/* Resets of a VF that the IOMMU has stopped: so many in a row, then one in so many milliseconds; in between its guest
 * goes without. A VF in its guest's context does what the guest has it do, and each fault costs Xen a line of its log. */
#define VIF_FAULT_BURST    16
#define VIF_FAULT_EVERY_MS 10000

struct vif {
    const struct vif_host *host;
    uint16_t domid;
    uint32_t devid;
    char name[24];                /* "vif1.0" */
    char owner[24];               /* "1/0" */
    char backend[STORE_PATH_MAX]; /* made from the numbers above, never read from the store */
    char frontend[STORE_PATH_MAX];

    struct vif_config config;
    bool configured;
    struct pool_lease *lease;
    bool fresh;                        /* the VF has been reset since its last session */
    struct port *ports[VF_QUEUES_MAX]; /* the first one as long as the session, more when needed */
    struct port *ctrl_port;            /* for a control ring, from the first one on */
    struct session *session;
    struct session_counters counters;
    unsigned queues; /* of the session, or of the last one */
    struct session_counters queue_counters[VF_QUEUES_MAX];
    struct follow follow; /* while it has a session */
    bool headroom;        /* likewise: received frames have headroom */

    bool refused, faulted;
    const char *state; /* netvf/state */
    struct why error;  /* "" if none */
    int64_t closing_since;
    bool reopened; /* while we were closed, the guest's end was seen to be so, too */
    struct allowance reconnects, lines;

    /* Of a session: vif_recover.c. */
    bool lost;   /* its VF has failed or is missing */
    bool parted; /* ... and the session is free of it: worker ended, VF quiet, nothing pinned */
    bool idling; /* ... and runs without one */
    bool link;   /* the VF's, as last seen */
    bool untold; /* something has changed that xenstore does not say yet */
    int64_t next_try, lost_since;
    uint64_t iommu_faults;   /* of all its VFs */
    unsigned stopped;        /* of these, since its VF was reset for them */
    bool suspect;            /* there were some at the last vif_check */
    bool renewed;            /* the VF has been reset since then: they may be older */
    struct allowance resets; /* for such faults */

    /* netvf/request-translation: vif_switch.c. */
    bool asked; /* there is one: */
    enum translation wish;
    bool wish_untold; /* xenstore does not say it yet */
    bool bad_wish;    /* what it says is nonsense, and that has been said */
    bool stranded;    /* a VF of its has not come back from its guest's IOMMU context */

    bool windows_off; /* asked for by vif_set_windows */
};

__attribute__((format(printf, 3, 4))) void vif_say(struct vif *vif, enum log_level level,
                                                   const char *format, ...);

/* Goes from xenbus state `from` to `to`, with the keys that tell a person how the vif is, and, if `offer`, the features:
 * all at once, and only if the state still is `from`. -1/ESTALE if it is not; other errors as they come. */
int vif_publish(struct vif *vif, unsigned from, unsigned to, bool offer);

/* Brings its counters up to date with its session, which it must have. */
void vif_count(struct vif *vif);

/* The state key of our end; XenbusStateUnknown if there is none (any more). */
unsigned vif_backend_state(const struct vif *vif);

/* VIF_RECONFIGURED: looks at what the guest wants reconfigured, and goes to Reconfigured. -1/errno as vif_publish. */
int vif_reconfigured(struct vif *vif, unsigned from);

/* What it wants of a VF; valid as long as its configuration. */
struct pool_wish vif_wish(const struct vif *vif);
/* Gives the VF back and keeps the port. -1 if the VF is not proven quiet. */
int vif_let_go(struct vif *vif, bool broken);
/* The same with a VF that has not come back from its guest's IOMMU context, which nobody uses any more, and which no other
 * is to follow. */
void vif_strand(struct vif *vif);
/* Ends its service for the guest's or the host's fault. */
void vif_fault(struct vif *vif, const struct why *why);

/* 0 if a VF may work for it, be it the first time or again; -1 and a sentence if it has to wait, after faults of the IOMMU
 * (VIF_FAULT_BURST). Takes the faults for dealt with. */
int vif_may_have_vf(struct vif *vif, struct why *why);
/* A session that has just begun, with the VF of its lease or without one. */
void vif_began(struct vif *vif, bool with_vf);
/* Goes on without a VF and says so, in state Connected; `from` is the state it is in. -1/errno as vif_publish. */
int vif_wait(struct vif *vif, unsigned from, const struct why *why);
/* Notes that its VF has failed. */
void vif_lose(struct vif *vif, const struct why *why);
/* VIF_RECOVER: parts the session from a VF that has failed; finds another one, or its own again. -1/errno as
 * vif_publish. */
int vif_recover(struct vif *vif, unsigned from);
/* Worker ended, VF quiet, pages released, requests answered: in this order (invariants 2 and 4). The lease is gone if
 * the VF has not come back from its guest's context. -1 and a sentence if the VF is not quiet yet; -1 and `faulted` if
 * Xen has refused to release its pages. */
int vif_part(struct vif *vif, struct why *why);

/* Reads what is asked of it in xenstore. Nonsense is said once and counts for nothing. */
void vif_read_wish(struct vif *vif);
/* The translation that it is to have, be it by the daemon's option; host instead of auto once a VF is stranded. */
enum translation vif_translation(const struct vif *vif);

#endif
