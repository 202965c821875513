/* SPDX-License-Identifier: MIT */
#include "control/kernel_vifs.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/sysfs.h"
#include "common/why.h"
#include "control/vif_claim.h"
#include "xen/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUS          "bus/xen-backend"
#define KERNEL_GROUP 1 /* uevents as the kernel sends them; udev's own go to group 2 */

/* A device that waits for its driver. */
struct waiting {
    char device[64]; /* "vif-1-0" */
    int64_t since;
    bool seen, given_up;
    struct waiting *next;
};

struct kernel_vifs {
    const char *sysfs;
    struct store *store;
    uint16_t own_domid;
    char former[8];     /* drivers_autoprobe as it was */
    char reminder[128]; /* the file that says so to the next daemon, should this one die */
    struct mnl_socket *uevents;
    struct waiting *waiting;
};

/* What drivers_autoprobe was before the first daemon touched it: one that died could not put it
 * back. A reminder that says nothing is of one that died before it had touched anything. */
static int remember(struct kernel_vifs *vifs)
{
    int fd, rc;

    if (sysfs_read(vifs->former, sizeof vifs->former, "%s", vifs->reminder) == 0 &&
        (strcmp(vifs->former, "0") == 0 || strcmp(vifs->former, "1") == 0))
        return 0;
    if (sysfs_read(vifs->former, sizeof vifs->former, "%s/" BUS "/drivers_autoprobe", vifs->sysfs) <
        0)
        return -1;
    fd = open(vifs->reminder, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return -1;
    rc = write(fd, vifs->former, strlen(vifs->former)) == (ssize_t)strlen(vifs->former) ? 0 : -1;
    close(fd);
    return rc;
}

/* Without them the scans after every watch still find each device, only later. */
static void open_uevents(struct kernel_vifs *vifs)
{
    vifs->uevents = mnl_socket_open2(NETLINK_KOBJECT_UEVENT, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (vifs->uevents && mnl_socket_bind(vifs->uevents, KERNEL_GROUP, MNL_SOCKET_AUTOPID) == 0)
        return;
    log_warn("the kernel's device announcements cannot be had: %s", strerror(errno));
    if (vifs->uevents)
        mnl_socket_close(vifs->uevents);
    vifs->uevents = NULL;
}

struct kernel_vifs *kernel_vifs_new(const char *sysfs, const char *rundir, struct store *store,
                                    uint16_t own_domid, struct why *why)
{
    struct kernel_vifs *vifs = calloc(1, sizeof *vifs);

    if (!vifs) {
        why_fail(why, "no memory");
        return NULL;
    }
    vifs->sysfs = sysfs;
    vifs->store = store;
    vifs->own_domid = own_domid;
    snprintf(vifs->reminder, sizeof vifs->reminder, "%s/drivers_autoprobe", rundir);
    if (remember(vifs) < 0 || sysfs_write("0", "%s/" BUS "/drivers_autoprobe", vifs->sysfs) < 0) {
        why_fail(why,
                 "cannot keep the kernel's netback off our vifs (%s/" BUS
                 "/drivers_autoprobe: %s); is xenbus up in this kernel?",
                 sysfs, strerror(errno));
        free(vifs);
        return NULL;
    }
    open_uevents(vifs);
    return vifs;
}

static void drop_waiting(struct kernel_vifs *vifs, bool all)
{
    struct waiting **link = &vifs->waiting;

    while (*link) {
        struct waiting *waiting = *link;

        if (waiting->seen && !all) {
            waiting->seen = false;
            link = &waiting->next;
            continue;
        }
        *link = waiting->next;
        free(waiting);
    }
}

void kernel_vifs_free(struct kernel_vifs *vifs)
{
    if (!vifs)
        return;
    if (sysfs_write(vifs->former, "%s/" BUS "/drivers_autoprobe", vifs->sysfs) < 0)
        log_warn("cannot put xen-backend/drivers_autoprobe back to %s: %s", vifs->former,
                 strerror(errno));
    else
        unlink(vifs->reminder);
    if (vifs->uevents)
        mnl_socket_close(vifs->uevents);
    drop_waiting(vifs, true);
    free(vifs);
}

int kernel_vifs_fd(const struct kernel_vifs *vifs)
{
    return vifs->uevents ? mnl_socket_get_fd(vifs->uevents) : -1;
}

/* An announcement is a row of strings; any of Xen's backends names its bus in SUBSYSTEM. A lost
 * one (ENOBUFS) counts as one of ours. */
bool kernel_vifs_drain(struct kernel_vifs *vifs)
{
    static const char wanted[] = "SUBSYSTEM=xen-backend";
    char message[8192];
    bool found = false;

    for (;;) {
        ssize_t length = recv(mnl_socket_get_fd(vifs->uevents), message, sizeof message, 0);

        if (length < 0 && errno == ENOBUFS) {
            found = true;
            continue;
        }
        if (length <= 0)
            return found;
        if (memmem(message, (size_t)length, wanted, sizeof wanted))
            found = true;
    }
}

static struct waiting *wait_for(struct kernel_vifs *vifs, const char *device)
{
    struct waiting *waiting;

    for (waiting = vifs->waiting; waiting; waiting = waiting->next)
        if (strcmp(waiting->device, device) == 0)
            return waiting;
    waiting = calloc(1, sizeof *waiting);
    if (!waiting)
        return NULL;
    snprintf(waiting->device, sizeof waiting->device, "%s", device);
    waiting->since = clock_ms();
    waiting->next = vifs->waiting;
    vifs->waiting = waiting;
    return waiting;
}

/* 1 ours, 0 the kernel's, -1 if that cannot be told yet. */
static int whose(struct kernel_vifs *vifs, const char *device)
{
    char nodename[STORE_PATH_MAX];

    if (strncmp(device, "vif-", 4) != 0)
        return 0;
    if (sysfs_read(nodename, sizeof nodename, "%s/" BUS "/devices/%s/nodename", vifs->sysfs,
                   device) < 0)
        return -1;
    return vif_claim(vifs->store, vifs->own_domid, nodename);
}

static bool has_driver(const struct kernel_vifs *vifs, const char *device)
{
    return sysfs_exists("%s/" BUS "/devices/%s/driver", vifs->sysfs, device);
}

/* One of ours that the kernel took before this daemon was there: said once. */
static void complain(struct kernel_vifs *vifs, const char *device)
{
    struct waiting *waiting = wait_for(vifs, device);

    if (!waiting)
        return;
    waiting->seen = true;
    if (!waiting->given_up)
        log_warn("%s asks for " VIF_CLAIM_SCRIPT ", but the kernel's netback took it before netvfd "
                 "was there; detach it and attach it again",
                 device);
    waiting->given_up = true;
}

/* Returns whether to come back soon. */
static bool hand_over(struct kernel_vifs *vifs, const char *device)
{
    int ours = whose(vifs, device);
    struct waiting *waiting;

    if (has_driver(vifs, device)) {
        if (ours == 1)
            complain(vifs, device);
        return false;
    }
    if (ours == 1)
        return false;
    waiting = wait_for(vifs, device);
    if (!waiting)
        return true;
    waiting->seen = true;
    if (waiting->given_up)
        return false;
    /* Succeeds also when no driver wants it: then it is looked at again. */
    if (ours == 0 && sysfs_write(device, "%s/" BUS "/drivers_probe", vifs->sysfs) == 0 &&
        has_driver(vifs, device))
        return false;
    if (clock_ms() - waiting->since < KERNEL_VIFS_WAIT_MS)
        return true;
    waiting->given_up = true;
    /* A device model serves some kinds (console, vkbd, qdisk) outside of the kernel: nothing is
     * wrong then. */
    if (strncmp(device, "vif-", 4) == 0)
        log_warn("no kernel driver takes %s; is xen-netback loaded?", device);
    return false;
}

bool kernel_vifs_scan(struct kernel_vifs *vifs)
{
    char path[SYSFS_PATH_MAX];
    struct dirent *entry;
    bool again = false;
    DIR *dir;

    snprintf(path, sizeof path, "%s/" BUS "/devices", vifs->sysfs);
    dir = opendir(path);
    if (!dir)
        return false;
    while ((entry = readdir(dir)))
        if (entry->d_name[0] != '.' && strlen(entry->d_name) < sizeof vifs->waiting->device)
            again |= hand_over(vifs, entry->d_name);
    closedir(dir);
    drop_waiting(vifs, false);
    return again;
}
