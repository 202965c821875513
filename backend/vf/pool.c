/* SPDX-License-Identifier: MIT */
#include "vf/pool.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/mac.h"
#include "common/sysfs.h"
#include "common/why.h"
#include "vf/hold.h"
#include "vf/netlink.h"
#include "vf/vf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    struct pool_lease lease; /* lease.vf is NULL while it is not lent */
    char pci[PF_PCI_MAX];
    bool broken;
    int64_t mend_at; /* when it is worth a try to use a broken one again */
    unsigned mends;  /* tries so far */
    struct entry *next;
};

/* A VF that has failed is tried again after so long, then after twice as long, and so on, so many times longer at
 * most: a PF that has just been reset takes a second or two, and a dead VF costs the control loop a handshake. */
#define MEND_FIRST_MS   3000
#define MEND_DOUBLE_MAX 7
/* Locally administered, and only for as long as it takes to try a VF. */
static const uint8_t mend_mac[6] = {0x02, 0, 0, 0, 0, 1};

struct pool {
    const char *sysfs;
    const struct pool_ops *ops;
    struct entry *entries; /* VFs that are lent or broken: all that sysfs cannot tell */
};

const struct pool_ops pool_hardware = {
    .set_up = netlink_vf_set_up,
    .clear = netlink_vf_clear,
    .open = vf_open,
    .quiesce = vf_quiesce,
};

struct pool *pool_new(const char *sysfs, const struct pool_ops *ops)
{
    struct pool *pool = calloc(1, sizeof *pool);

    if (!pool)
        return NULL;
    pool->sysfs = sysfs;
    pool->ops = ops;
    return pool;
}

void pool_free(struct pool *pool)
{
    struct entry *next;

    if (!pool)
        return;
    for (struct entry *entry = pool->entries; entry; entry = next) {
        next = entry->next;
        free(entry);
    }
    free(pool);
}

const char *pool_sysfs(const struct pool *pool)
{
    return pool->sysfs;
}

static struct entry *find(const struct pool *pool, const char *pci)
{
    for (struct entry *entry = pool->entries; entry; entry = entry->next)
        if (strcmp(entry->pci, pci) == 0)
            return entry;
    return NULL;
}

static struct entry *find_or_add(struct pool *pool, const char *pci)
{
    struct entry *entry = find(pool, pci);

    if (entry)
        return entry;
    entry = calloc(1, sizeof *entry);
    if (!entry)
        return NULL;
    snprintf(entry->pci, sizeof entry->pci, "%s", pci);
    entry->next = pool->entries;
    pool->entries = entry;
    return entry;
}

/* An entry that is neither lent nor broken says nothing that sysfs does not say. */
static void forget(struct pool *pool, struct entry *entry)
{
    struct entry **link = &pool->entries;

    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
    free(entry);
}

enum pool_state pool_state(const struct pool *pool, const struct pf_vf *vf,
                           const struct pool_lease **lease)
{
    const struct entry *entry = find(pool, vf->pci);

    if (lease)
        *lease = entry && entry->lease.vf ? &entry->lease : NULL;
    if (entry && entry->lease.vf)
        return POOL_BOUND;
    if (vf->driver[0])
        return POOL_FOREIGN;
    return entry && entry->broken ? POOL_BROKEN : POOL_IDLE;
}

const char *pool_state_name(enum pool_state state)
{
    static const char *const names[] = {
        [POOL_IDLE] = "idle",
        [POOL_BOUND] = "bound",
        [POOL_FOREIGN] = "foreign",
        [POOL_BROKEN] = "broken",
    };

    return names[state];
}

void pool_strand(struct pool *pool, const char *pci)
{
    struct entry *entry = find_or_add(pool, pci);

    if (!entry) {
        log_error("no memory to remember that VF %s must not be used", pci);
        return;
    }
    entry->broken = true;
    entry->lease.astray = true;
}

/* The handshake, in which the PF answers with the address that it was told. */
static int handshake(struct vf *vf, const uint8_t mac[6], struct why *why)
{
    char text[MAC_TEXT];
    uint8_t answered[6];

    if (vf->ops->reset(vf, answered, why) < 0)
        return -1;
    if (memcmp(answered, mac, sizeof answered) == 0)
        return 0;
    errno = EPROTO;
    return why_fail(why, "VF %s got the MAC address %s from its PF, not the one that was set",
                    vf->pci, mac_format(answered, text));
}

static void break_entry(struct entry *entry)
{
    unsigned doubled = entry->mends < MEND_DOUBLE_MAX ? entry->mends : MEND_DOUBLE_MAX;

    entry->broken = true;
    entry->mend_at = clock_ms() + ((int64_t)MEND_FIRST_MS << doubled);
}

/* Everything that makes an idle VF serve `owner`. On failure it is left quiet and broken; with ENOSPC, idle. */
static struct pool_lease *try_vf(struct pool *pool, const struct pf *pf, const struct pf_vf *found,
                                 const struct pool_wish *wish, const char *owner, struct why *why)
{
    struct entry *entry = find_or_add(pool, found->pci);
    struct vf *vf;

    if (!entry) {
        errno = ENOMEM;
        why_fail(why, "no memory");
        return NULL;
    }
    snprintf(entry->lease.pf, sizeof entry->lease.pf, "%s", pf->name);
    entry->lease.index = found->index;
    break_entry(entry);
    if (pool->ops->set_up(pf->name, found->index, wish->mac, wish->vlan, why) < 0)
        return NULL;
    vf = pool->ops->open(found->pci, why);
    if (!vf)
        return NULL;
    vf->trunk = wish->trunk;
    entry->lease = (struct pool_lease){.vf = vf, .index = found->index, .vlan = wish->vlan};
    memcpy(entry->lease.mac, wish->mac, 6);
    snprintf(entry->lease.pf, sizeof entry->lease.pf, "%s", pf->name);
    snprintf(entry->lease.owner, sizeof entry->lease.owner, "%s", owner);
    if (handshake(vf, wish->mac, why) < 0) {
        int error = errno;

        pool_give_back(pool, &entry->lease, error != ENOSPC);
        errno = error;
        return NULL;
    }
    entry->broken = false;
    entry->mends = 0;
    return &entry->lease;
}

/* What stands in the way of a vif when no VF is idle. */
struct census {
    unsigned bound, foreign, broken;
    struct pf_vf held; /* one of the foreign ones */
};

static void refuse(const struct pf *pf, const struct census *census, struct why *why)
{
    if (census->foreign)
        why_fail(why,
                 "no idle VF on %s: %u bound to vifs, %u held by a kernel driver (%s has %s); free "
                 "one: echo %s > /sys/bus/pci/drivers/%s/unbind",
                 pf->name, census->bound, census->foreign, census->held.driver, census->held.pci,
                 census->held.pci, census->held.driver);
    else if (census->broken)
        why_fail(why,
                 "no idle VF on %s: %u bound to vifs, %u out of order (they cannot be proven "
                 "quiet); see netvfd's log",
                 pf->name, census->bound, census->broken);
    else if (census->bound)
        why_fail(
            why,
            "no idle VF on %s: all %u are bound to vifs; detach one, or set bridge= in the vif "
            "line to another PF",
            pf->name, census->bound);
    else
        why_fail(why, "%s has no VFs, though SR-IOV is switched on; see the kernel's log",
                 pf->name);
}

/* One pass over the VFs that stand as `wanted`. */
static struct pool_lease *take_among(struct pool *pool, const struct pf *pf, enum pool_state wanted,
                                     const struct pool_wish *wish, const char *owner, int64_t until,
                                     struct census *census, bool *failed, struct why *why)
{
    struct pool_lease *lease;
    struct pf_vf vf;

    for (unsigned i = 0; i < pf->num_vfs; i++) {
        enum pool_state state;

        if (pf_read_vf(pool->sysfs, pf, i, &vf) < 0)
            continue;
        state = pool_state(pool, &vf, NULL);
        census->bound += state == POOL_BOUND;
        census->broken += state == POOL_BROKEN;
        census->foreign += state == POOL_FOREIGN;
        if (state == POOL_FOREIGN)
            census->held = vf;
        /* xl waits 10 s, its user hardly longer than 3: a handshake with a dead PF must not be
         * tried on all VFs. */
        if (state != wanted || (*failed && clock_ms() >= until))
            continue;
        if (wanted == POOL_BROKEN &&
            (find(pool, vf.pci)->lease.astray || pool->ops->quiesce(vf.pci) < 0))
            continue;
        lease = try_vf(pool, pf, &vf, wish, owner, why);
        if (lease)
            return lease;
        *failed = true;
        if (errno == ENOSPC) /* the PF has no room for its trunk on any VF */
            break;
        if (why)
            log_warn("VF %s of %s is set aside: %s", vf.pci, pf->name, why->text);
    }
    return NULL;
}

static int pf_is_up(const struct pf *pf, struct why *why)
{
    if (pf->up)
        return 0;
    errno = ENETDOWN;
    return why_fail(why, "PF %s is down, so its VFs do not answer; bring it up: ip link set %s up",
                    pf->name, pf->name);
}

/* `enable`: switch the PF's VFs on if it has none. */
static struct pool_lease *take(struct pool *pool, const struct pool_wish *wish, const char *owner,
                               bool enable, struct why *why)
{
    int64_t until = clock_ms() + POOL_TAKE_MS;
    struct census census = {0}, ignored = {0};
    struct pool_lease *lease;
    bool failed = false;
    struct pf pf;

    if (pf_read(pool->sysfs, wish->pf, &pf, why) < 0)
        return NULL;
    if (pf_is_up(&pf, why) < 0)
        return NULL;
    if (!pf.num_vfs && !enable) {
        why_fail(
            why,
            "the VFs of %s have been switched off (echo %u > %s/class/net/%s/device/sriov_numvfs)",
            pf.name, pf.total_vfs, pool->sysfs, pf.name);
        return NULL;
    }
    /* igb would let a VF's frames through in any case; but a wire, or another PF's driver, whose MTU is that of the PF
     * would not, and in silence. */
    if (pf.mtu && wish->mtu > pf.mtu) {
        why_fail(why,
                 "PF %s has an MTU of %u bytes, the vif wants %u; raise it: ip link set %s mtu %u",
                 pf.name, pf.mtu, wish->mtu, pf.name, wish->mtu);
        return NULL;
    }
    if (!pf.num_vfs && pf_enable_vfs(pool->sysfs, &pf, why) < 0)
        return NULL;
    lease = take_among(pool, &pf, POOL_IDLE, wish, owner, until, &census, &failed, why);
    /* What has just failed is not worth another handshake. */
    if (!lease && !failed)
        lease = take_among(pool, &pf, POOL_BROKEN, wish, owner, until, &ignored, &failed, why);
    if (!lease && !failed)
        refuse(&pf, &census, why);
    return lease;
}

static bool same_trunk(const struct vf_trunk *one, const struct vf_trunk *other)
{
    return one->count == other->count &&
           memcmp(one->vlans, other->vlans, one->count * sizeof one->vlans[0]) == 0;
}

bool pool_fits(const struct pool_lease *lease, const struct pool_wish *wish)
{
    return strcmp(lease->pf, wish->pf) == 0 && memcmp(lease->mac, wish->mac, 6) == 0 &&
           lease->vlan == wish->vlan && same_trunk(&lease->vf->trunk, &wish->trunk);
}

struct pool_lease *pool_take(struct pool *pool, const struct pool_wish *wish, const char *owner,
                             struct why *why)
{
    return take(pool, wish, owner, true, why);
}

struct pool_lease *pool_take_another(struct pool *pool, const struct pool_wish *wish,
                                     const char *owner, struct why *why)
{
    return take(pool, wish, owner, false, why);
}

int pool_renew(struct pool *pool, struct pool_lease *lease, struct why *why)
{
    struct pf pf;

    if (pf_read(pool->sysfs, lease->pf, &pf, why) < 0 || pf_is_up(&pf, why) < 0)
        return -1;
    /* While VFs are switched off they answer for a moment longer, and their PF's driver does not. */
    if (!sysfs_exists("%s/bus/pci/devices/%s", pool->sysfs, lease->vf->pci)) {
        errno = ENODEV;
        return why_fail(why, "VF %s has been removed", lease->vf->pci);
    }
    return handshake(lease->vf, lease->mac, why);
}

int pool_silence(struct pool *pool, struct pool_lease *lease)
{
    const char *pci = lease->vf->pci;

    return lease->vf->ops->stop(lease->vf) == 0 || pool->ops->quiesce(pci) == 0 ||
                   pf_vf_gone(pool->sysfs, pci)
               ? 0
               : -1;
}

bool pool_link(const struct pool *pool, const struct pool_lease *lease)
{
    struct pf pf;

    return lease->vf->ops->link_up(lease->vf) ||
           (pf_read(pool->sysfs, lease->pf, &pf, NULL) == 0 && pf.carrier);
}

int pool_give_back(struct pool *pool, struct pool_lease *lease, bool broken)
{
    struct entry *entry = find(pool, lease->vf->pci);
    bool held = lease->vf->held, gone;
    struct why why;
    int rc;

    rc = lease->vf->ops->stop(lease->vf);
    lease->vf->ops->close(lease->vf);
    lease->vf = NULL;
    if (held)
        hold_end(entry->pci);
    /* The driver's word is not enough if the VF has failed already. */
    if (rc < 0 || broken)
        rc = pool->ops->quiesce(entry->pci);
    gone = pf_vf_gone(pool->sysfs, entry->pci); /* the PF's VFs have been switched off */
    if (gone)
        rc = 0;
    if (rc < 0)
        log_error("VF %s of %s cannot be proven quiet; it is not used again before a reset works",
                  entry->pci, lease->pf);
    if (pool->ops->clear(lease->pf, lease->index, &why) < 0)
        log_debug("%s", why.text);
    if (rc < 0 || (broken && !gone)) /* what comes to its address is another one */
        break_entry(entry);
    else
        forget(pool, entry);
    return rc;
}

bool pool_has_broken(const struct pool *pool)
{
    for (const struct entry *entry = pool->entries; entry; entry = entry->next)
        if (entry->broken && !entry->lease.vf && !entry->lease.astray)
            return true;
    return false;
}

/* Whether it is there, quiet, and shakes hands with its PF. */
static int mend(struct pool *pool, struct entry *entry, struct why *why)
{
    struct pool_wish wish = {.pf = entry->lease.pf};
    struct pool_lease *lease;
    struct pf_vf vf;
    struct pf pf;

    if (pf_read(pool->sysfs, entry->lease.pf, &pf, why) < 0 || pf_is_up(&pf, why) < 0)
        return -1;
    if (pf_read_vf(pool->sysfs, &pf, entry->lease.index, &vf) < 0 ||
        strcmp(vf.pci, entry->pci) != 0 || vf.driver[0])
        return why_fail(why, "VF %s is not there, or a kernel driver has it", entry->pci);
    if (pool->ops->quiesce(entry->pci) < 0)
        return why_fail(why, "VF %s cannot be proven quiet", entry->pci);
    memcpy(wish.mac, mend_mac, sizeof wish.mac);
    lease = try_vf(pool, &pf, &vf, &wish, "", why);
    return lease ? pool_give_back(pool, lease, false) : -1;
}

void pool_mend(struct pool *pool, int64_t now)
{
    struct entry *entry = pool->entries;
    char pci[PF_PCI_MAX];
    struct why why;

    while (entry &&
           (!entry->broken || entry->lease.vf || entry->lease.astray || entry->mend_at > now))
        entry = entry->next;
    if (!entry)
        return;
    memcpy(pci, entry->pci, sizeof pci); /* the entry goes when it is mended */
    entry->mends++;
    if (mend(pool, entry, &why) == 0) {
        log_info("VF %s is in order again", pci);
        return;
    }
    log_debug("VF %s is still out of order: %s", pci, why.text);
    break_entry(entry);
}

static void quiesce_vf(struct pool *pool, const struct pf *pf, const struct pf_vf *vf)
{
    struct entry *entry;

    if (pool_state(pool, vf, NULL) != POOL_IDLE || !pf_bus_master(pool->sysfs, vf->pci))
        return;
    if (pool->ops->quiesce(vf->pci) == 0) {
        log_info("VF %s of %s was left able to DMA; it is quiet now", vf->pci, pf->name);
        return;
    }
    log_error("VF %s of %s was left able to DMA and cannot be proven quiet", vf->pci, pf->name);
    entry = find_or_add(pool, vf->pci);
    if (!entry)
        return;
    memcpy(entry->lease.pf, pf->name, sizeof entry->lease.pf);
    entry->lease.index = vf->index;
    break_entry(entry);
}

void pool_quiesce_idle(struct pool *pool)
{
    struct pf pfs[PF_DEVICES_MAX];
    struct pf_vf vf;
    unsigned count = pf_list(pool->sysfs, pfs);

    for (unsigned i = 0; i < count; i++)
        for (unsigned j = 0; j < pfs[i].num_vfs; j++)
            if (pf_read_vf(pool->sysfs, &pfs[i], j, &vf) == 0)
                quiesce_vf(pool, &pfs[i], &vf);
}
