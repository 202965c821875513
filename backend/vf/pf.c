/* SPDX-License-Identifier: MIT */
#include "vf/pf.h"

#include "common/sysfs.h"
#include "common/why.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PCI_COMMAND        4
#define PCI_COMMAND_MASTER 0x04

static bool is_name(const char *name)
{
    size_t length = strlen(name);

    return length && length < PF_NAME_MAX && !strchr(name, '/') && name[0] != '.';
}

int pf_read(const char *sysfs, const char *name, struct pf *pf, struct why *why)
{
    unsigned long number;
    char device[SYSFS_PATH_MAX];

    memset(pf, 0, sizeof *pf);
    if (!is_name(name) || !sysfs_exists("%s/class/net/%s", sysfs, name))
        return why_fail(why,
                        "there is no network device %.15s in dom0; set bridge= in the vif line to "
                        "a PF (netvf list shows them)",
                        name);
    strcpy(pf->name, name);
    snprintf(device, sizeof device, "%s/class/net/%s/device", sysfs, name);
    if (sysfs_read_number(&number, "%s/sriov_totalvfs", device) < 0 || !number ||
        sysfs_link_name(pf->pci, sizeof pf->pci, "%s", device) < 0)
        return why_fail(why,
                        "%s has no VFs to give (no SR-IOV); set bridge= in the vif line to a PF "
                        "(netvf list shows them)",
                        name);
    pf->total_vfs = (unsigned)number;
    if (sysfs_read_number(&number, "%s/sriov_numvfs", device) == 0)
        pf->num_vfs = (unsigned)number;
    if (sysfs_link_name(pf->driver, sizeof pf->driver, "%s/driver", device) < 0)
        pf->driver[0] = '\0';
    if (sysfs_read_number(&number, "%s/class/net/%s/flags", sysfs, name) == 0)
        pf->up = number & IFF_UP;
    if (sysfs_read_number(&number, "%s/class/net/%s/mtu", sysfs, name) == 0)
        pf->mtu = (unsigned)number;
    /* Reading it fails while the device is down. */
    if (sysfs_read_number(&number, "%s/class/net/%s/carrier", sysfs, name) == 0)
        pf->carrier = number == 1;
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct pf *)a)->name, ((const struct pf *)b)->name);
}

unsigned pf_list(const char *sysfs, struct pf pfs[PF_DEVICES_MAX])
{
    char path[SYSFS_PATH_MAX];
    struct dirent *entry;
    unsigned count = 0;
    DIR *dir;

    snprintf(path, sizeof path, "%s/class/net", sysfs);
    dir = opendir(path);
    if (!dir)
        return 0;
    while (count < PF_DEVICES_MAX && (entry = readdir(dir)))
        if (entry->d_name[0] != '.' && pf_read(sysfs, entry->d_name, &pfs[count], NULL) == 0)
            count++;
    closedir(dir);
    qsort(pfs, count, sizeof *pfs, by_name);
    return count;
}

int pf_read_vf(const char *sysfs, const struct pf *pf, unsigned index, struct pf_vf *vf)
{
    memset(vf, 0, sizeof *vf);
    vf->index = index;
    if (sysfs_link_name(vf->pci, sizeof vf->pci, "%s/class/net/%s/device/virtfn%u", sysfs, pf->name,
                        index) < 0)
        return -1;
    if (sysfs_link_name(vf->driver, sizeof vf->driver, "%s/class/net/%s/device/virtfn%u/driver",
                        sysfs, pf->name, index) < 0)
        vf->driver[0] = '\0';
    return 0;
}

int pf_enable_vfs(const char *sysfs, struct pf *pf, struct why *why)
{
    char total[16];
    unsigned long number;

    /* Else the kernel's VF driver (igbvf) takes each of them at once. */
    if (sysfs_write("0", "%s/class/net/%s/device/sriov_drivers_autoprobe", sysfs, pf->name) < 0)
        return why_fail(why, "cannot keep kernel drivers off the VFs of %s: %s", pf->name,
                        strerror(errno));
    snprintf(total, sizeof total, "%u", pf->total_vfs);
    if (sysfs_write(total, "%s/class/net/%s/device/sriov_numvfs", sysfs, pf->name) < 0)
        return why_fail(why, "cannot switch on the VFs of %s: %s; see the kernel's log", pf->name,
                        strerror(errno));
    if (sysfs_read_number(&number, "%s/class/net/%s/device/sriov_numvfs", sysfs, pf->name) < 0)
        return why_fail(why, "cannot read the number of VFs of %s: %s", pf->name, strerror(errno));
    pf->num_vfs = (unsigned)number;
    return 0;
}

bool pf_bus_master(const char *sysfs, const char *pci)
{
    char path[SYSFS_PATH_MAX];
    uint8_t command = 0;
    int fd;

    snprintf(path, sizeof path, "%s/bus/pci/devices/%s/config", sysfs, pci);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    if (pread(fd, &command, sizeof command, PCI_COMMAND) != sizeof command)
        command = 0;
    close(fd);
    return command & PCI_COMMAND_MASTER;
}

/* A function's routing id: bus, device, function. False if `pci` is no address. */
static bool routing_id(const char *pci, unsigned *domain, unsigned *rid)
{
    unsigned bus, device, function;

    if (sscanf(pci, "%x:%x:%x.%x", domain, &bus, &device, &function) != 4)
        return false;
    *rid = bus << 8 | device << 3 | function;
    return true;
}

/* Whether VF `rid` is one that the PF at `pf` says to have just now: its VFs begin at an offset from its own routing
 * id, a stride apart (SR-IOV 1.1, 2.1.2). */
static bool has_vf(const char *sysfs, const char *pf, unsigned domain, unsigned rid)
{
    unsigned long count, offset, stride;
    unsigned own_domain, own;

    if (!routing_id(pf, &own_domain, &own) || own_domain != domain ||
        sysfs_read_number(&count, "%s/bus/pci/devices/%s/sriov_numvfs", sysfs, pf) < 0 || !count)
        return false;
    if (sysfs_read_number(&offset, "%s/bus/pci/devices/%s/sriov_offset", sysfs, pf) < 0 ||
        sysfs_read_number(&stride, "%s/bus/pci/devices/%s/sriov_stride", sysfs, pf) < 0)
        return true; /* it does not say which: it may be this one */
    for (unsigned long i = 0; i < count; i++)
        if (own + offset + i * stride == rid)
            return true;
    return false;
}

bool pf_vf_gone(const char *sysfs, const char *pci)
{
    char path[SYSFS_PATH_MAX];
    struct dirent *entry;
    unsigned domain, rid;
    bool had = false;
    DIR *dir;

    if (!routing_id(pci, &domain, &rid))
        return true; /* no function has this name */
    if (sysfs_exists("%s/bus/pci/devices/%s", sysfs, pci))
        return false;
    snprintf(path, sizeof path, "%s/bus/pci/devices", sysfs);
    dir = opendir(path);
    if (!dir)
        return false;
    while (!had && (entry = readdir(dir)))
        had = has_vf(sysfs, entry->d_name, domain, rid);
    closedir(dir);
    return !had;
}
