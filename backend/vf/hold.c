/* SPDX-License-Identifier: MIT */
#include "vf/hold.h"

#include "common/log.h"
#include "common/sysfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOLDER   "pciback"
#define HELD_DIR NETVF_RUNDIR "/held"
#define DEVICES  "/sys/bus/pci/devices/"
#define DRIVERS  "/sys/bus/pci/drivers/"

static int write_down(const char *pci)
{
    char path[128];
    int fd;

    if ((mkdir(NETVF_RUNDIR, 0755) < 0 && errno != EEXIST) ||
        (mkdir(HELD_DIR, 0700) < 0 && errno != EEXIST))
        return -1;
    snprintf(path, sizeof path, HELD_DIR "/%s", pci);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    close(fd);
    return 0;
}

bool hold_begin(const char *pci)
{
    char driver[32];

    if (!sysfs_exists(DRIVERS HOLDER)) {
        errno = ENOENT;
        return false;
    }
    if (write_down(pci) < 0)
        return false;
    if (sysfs_write(HOLDER, DEVICES "%s/driver_override", pci) == 0 &&
        sysfs_write(pci, "/sys/bus/pci/drivers_probe") == 0 &&
        sysfs_link_name(driver, sizeof driver, DEVICES "%s/driver", pci) == 0 &&
        strcmp(driver, HOLDER) == 0)
        return true;
    hold_end(pci);
    return false;
}

void hold_end(const char *pci)
{
    char driver[32], path[128];

    if (sysfs_link_name(driver, sizeof driver, DEVICES "%s/driver", pci) == 0 &&
        strcmp(driver, HOLDER) == 0 && sysfs_write(pci, DRIVERS HOLDER "/unbind") < 0)
        log_warn("VF %s stays bound to " HOLDER ": %s", pci, strerror(errno));
    if (sysfs_write("\n", DEVICES "%s/driver_override", pci) < 0)
        log_debug("VF %s keeps its driver_override: %s", pci, strerror(errno));
    snprintf(path, sizeof path, HELD_DIR "/%s", pci);
    unlink(path);
}

void hold_recover(void)
{
    DIR *dir = opendir(HELD_DIR);
    struct dirent *entry;

    if (!dir)
        return;
    while ((entry = readdir(dir)))
        if (entry->d_name[0] != '.' && strlen(entry->d_name) < 16)
            hold_end(entry->d_name);
    closedir(dir);
}
