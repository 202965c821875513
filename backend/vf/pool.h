/* SPDX-License-Identifier: MIT */
/* Which VF is idle.
 *
 * sysfs says which VFs there are and which of them a kernel driver holds; the pool remembers
 * only which ones it has lent to a vif, and which ones it does not trust. Control thread only. */
#ifndef NETVF_VF_POOL_H
#define NETVF_VF_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "vf/pf.h"
#include "vf/vf.h"

struct pool;
struct why;

enum pool_state {
    POOL_IDLE,
    POOL_BOUND,   /* lent to a vif */
    POOL_FOREIGN, /* a kernel driver holds it */
    POOL_BROKEN,  /* failed, or not proven quiet: not lent again before it is quiesced */
};

/* What a vif wants of its VF. */
struct pool_wish {
    const char *pf; /* the PF's network device */
    uint8_t mac[6];
    uint16_t vlan;         /* port VLAN, 0: none */
    struct vf_trunk trunk; /* only without one */
    uint16_t mtu;
};

/* A VF that is lent to a vif: reset, its MAC address set, open. Given back by pool_give_back. */
struct pool_lease {
    struct vf *vf;
    char pf[PF_NAME_MAX];
    unsigned index;
    uint8_t mac[6];
    uint16_t vlan;  /* its trunk is the VF's */
    char owner[16]; /* "1/0": domain and vif */
    bool astray;    /* set by its holder: still in a guest's IOMMU context, never lent again */
    const char *translation; /* what its holder uses it with, NULL while it does not run */
};

/* The world below the pool; the real one is pool_hardware. */
struct pool_ops {
    int (*set_up)(const char *pf, unsigned index, const uint8_t mac[6], uint16_t vlan,
                  struct why *why);
    int (*clear)(const char *pf, unsigned index, struct why *why);
    struct vf *(*open)(const char *pci, struct why *why);
    int (*quiesce)(const char *pci);
};

extern const struct pool_ops pool_hardware;

/* `sysfs` is where sysfs is mounted; both arguments must outlive the pool. NULL/errno. */
struct pool *pool_new(const char *sysfs, const struct pool_ops *ops);
/* All leases must have been given back. */
void pool_free(struct pool *pool);

/* The VF at `pci` is in a guest's IOMMU context, where a former daemon has left it: it is never lent. */
void pool_strand(struct pool *pool, const char *pci);
/* At start, when nobody can rightly be driving them: quiets every driverless VF that may still
 * DMA. */
void pool_quiesce_idle(struct pool *pool);

/* Lends an idle VF of the PF in `wish`, switching its VFs on if it has none yet. A VF that fails is set aside and the
 * next one is tried, within POOL_TAKE_MS; but not if it is the PF that has no room for the trunk. NULL and a sentence
 * if there is none. */
struct pool_lease *pool_take(struct pool *pool, const struct pool_wish *wish, const char *owner,
                             struct why *why);
/* Whether that VF is as wished; else it has to be given back and another one taken. The MTU is no matter: it is a
 * session's. */
bool pool_fits(const struct pool_lease *lease, const struct pool_wish *wish);
/* The same for a vif in service that has lost its VF, without switching any on: somebody has just
 * switched them off. */
struct pool_lease *pool_take_another(struct pool *pool, const struct pool_wish *wish,
                                     const char *owner, struct why *why);
/* Resets a VF that has been used, for its next session. -1 and a sentence if it fails: with
 * ENETDOWN because the PF is down, or ENOSPC because it has no room for the trunk, which says
 * nothing against the VF; else it is to be given back as broken. */
int pool_renew(struct pool *pool, struct pool_lease *lease, struct why *why);
/* Stops a VF of which nothing is known any more: 0 if it is proven that it can no longer DMA, be it
 * that it is gone from the bus (pf_vf_gone), else -1. May be tried again. */
int pool_silence(struct pool *pool, struct pool_lease *lease);
/* Whether its frames can leave. Down only if VF and PF agree on it: what is queued on a link that
 * is down costs less than what is dropped on one that is not. */
bool pool_link(const struct pool *pool, const struct pool_lease *lease);
/* Stops the VF, closes it, takes its MAC address away. `broken` if it has failed its user.
 * Returns 0 if it is proven quiet, else -1: then no memory that it could reach may be released.
 * Frees the lease. */
int pool_give_back(struct pool *pool, struct pool_lease *lease, bool broken);

#define POOL_TAKE_MS 2000

/* Whether some VF is broken; then pool_mend, called about once a second, tries now and then whether it works again,
 * one in each call, which may take as long as a handshake. `now`: clock_ms(). */
bool pool_has_broken(const struct pool *pool);
void pool_mend(struct pool *pool, int64_t now);

/* How that VF stands; `lease` (may be NULL) is set to its lease if it is bound, else to NULL. */
enum pool_state pool_state(const struct pool *pool, const struct pf_vf *vf,
                           const struct pool_lease **lease);
const char *pool_state_name(enum pool_state state);
const char *pool_sysfs(const struct pool *pool);

#endif
