/* SPDX-License-Identifier: MIT */
#include "control/manager.h"

#include "common/log.h"
#include "common/sysfs.h"
#include "common/why.h"
#include "control/vif_claim.h"
#include "vf/pool.h"
#include "xen/faults.h"
#include "xen/store.h"
#include "xenstore-schema/keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Domain ids end below DOMID_FIRST_RESERVED. */
#define DOMID_MAX 0x7fefu

struct member {
    struct vif *vif;
    struct member *next;
};

struct manager {
    const struct vif_host *host;
    char root[STORE_PATH_MAX]; /* our backend/vif */
    struct member *members;
    bool pending;
};

struct manager *manager_new(const struct vif_host *host, struct why *why)
{
    struct manager *manager = calloc(1, sizeof *manager);

    if (!manager) {
        why_fail(why, "no memory");
        return NULL;
    }
    manager->host = host;
    snprintf(manager->root, sizeof manager->root, "/local/domain/%u/backend/vif", host->own_domid);
    /* A domain can die with no key of its vifs changed: @releaseDomain tells. */
    if (store_watch(host->store, manager->root) < 0 ||
        store_watch(host->store, "@releaseDomain") < 0) {
        why_fail(why, "cannot watch %s in xenstore: %s", manager->root, strerror(errno));
        free(manager);
        return NULL;
    }
    return manager;
}

void manager_free(struct manager *manager)
{
    struct member *next;

    if (!manager)
        return;
    for (struct member *member = manager->members; member; member = next) {
        next = member->next;
        vif_stop(member->vif);
        vif_free(member->vif);
        free(member);
    }
    store_unwatch(manager->host->store, "@releaseDomain");
    store_unwatch(manager->host->store, manager->root);
    free(manager);
}

static void note_fault(void *context, const char *pci)
{
    const struct manager *manager = context;

    for (const struct member *member = manager->members; member; member = member->next)
        if (vif_iommu_fault(member->vif, pci))
            return;
    log_debug("the IOMMU has stopped an access of %s, which no vif has", pci);
}

/* Also when a vif has given its VF back: what is told of later would be put down to the next one. */
static void take_faults(struct manager *manager)
{
    struct iommu_faults *faults = manager->host->faults;

    if (faults && faults->read(faults, note_fault, manager) < 0)
        log_debug("Xen's log cannot be read: %s", strerror(errno));
}

/* Steps what is there, those with or those without a VF, and drops what is gone. */
static void step_members(struct manager *manager, bool holding)
{
    struct member **link = &manager->members;

    while (*link) {
        struct member *member = *link;
        enum vif_progress progress = VIF_SETTLED;

        if (vif_holds_vf(member->vif) == holding)
            progress = vif_step(member->vif);
        if (holding && !vif_holds_vf(member->vif))
            take_faults(manager);
        manager->pending |= progress == VIF_PENDING;
        if (progress != VIF_GONE) {
            link = &member->next;
            continue;
        }
        *link = member->next;
        vif_free(member->vif);
        free(member);
    }
}

struct vif *manager_find(const struct manager *manager, uint16_t domid, uint32_t devid)
{
    for (const struct member *member = manager->members; member; member = member->next)
        if (vif_is(member->vif, domid, devid))
            return member->vif;
    return NULL;
}

static void add(struct manager *manager, uint16_t domid, uint32_t devid)
{
    struct member **link = &manager->members;
    struct member *member = calloc(1, sizeof *member);

    if (member)
        member->vif = vif_new(manager->host, domid, devid);
    if (!member || !member->vif) {
        log_error("vif%u.%u: cannot be taken on: %s", domid, devid, strerror(errno));
        free(member);
        manager->pending = true;
        return;
    }
    while (*link)
        link = &(*link)->next;
    *link = member;
}

/* The kernel's netback took it before this daemon was there to keep it off: two backends must
 * not share a vif. */
static bool kernel_has(const struct manager *manager, uint16_t domid, uint32_t devid)
{
    return sysfs_exists("%s/bus/xen-backend/devices/vif-%u-%u/driver",
                        pool_sysfs(manager->host->pool), domid, devid);
}

static void find_in_domain(struct manager *manager, uint16_t domid)
{
    char path[STORE_PATH_MAX], dir[STORE_PATH_MAX], **names;
    unsigned count;

    snprintf(path, sizeof path, "/local/domain/%u/backend/vif/%u", manager->host->own_domid, domid);
    if (store_list(manager->host->store, path, &names, &count) < 0)
        return;
    for (unsigned i = 0; i < count; i++) {
        uint32_t devid;

        if (store_number(names[i], UINT32_MAX, &devid) < 0 || manager_find(manager, domid, devid))
            continue;
        snprintf(dir, sizeof dir, PATH_BE_DIR, manager->host->own_domid, domid, devid);
        if (vif_claim(manager->host->store, manager->host->own_domid, dir) == 1 &&
            !kernel_has(manager, domid, devid))
            add(manager, domid, devid);
    }
    free(names);
}

static void find_new(struct manager *manager)
{
    char **names;
    unsigned count;

    if (store_list(manager->host->store, manager->root, &names, &count) < 0)
        return;
    for (unsigned i = 0; i < count; i++) {
        uint32_t domid;

        if (store_number(names[i], DOMID_MAX, &domid) == 0)
            find_in_domain(manager, (uint16_t)domid);
    }
    free(names);
}

bool manager_scan(struct manager *manager)
{
    manager->pending = false;
    /* A vif that goes may hold the very VF that another needs. */
    step_members(manager, true);
    find_new(manager);
    step_members(manager, false);
    return manager->pending;
}

bool manager_check(struct manager *manager, bool at_once)
{
    bool due = false;

    take_faults(manager);
    for (struct member *member = manager->members; member; member = member->next)
        due |= vif_check(member->vif, at_once);
    return due;
}

bool manager_serves(const struct manager *manager)
{
    for (const struct member *member = manager->members; member; member = member->next)
        if (vif_connected(member->vif))
            return true;
    return false;
}

void manager_each(struct manager *manager, void (*each)(struct vif *vif, void *context),
                  void *context)
{
    for (struct member *member = manager->members; member; member = member->next)
        each(member->vif, context);
}
