/* SPDX-License-Identifier: MIT */
#include "vf/pci.h"

#include "common/sysfs.h"
#include "vf/bar_guard.h"
#include "vf/pf.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define SYSFS_DEVICES             PF_SYSFS "/bus/pci/devices/"
#define PCI_STATUS                0x06
#define PCI_STATUS_CAPS           0x10u
#define PCI_CAP_POINTER           0x34
#define PCI_CAP_EXPRESS           0x10u
#define PCIE_DEVICE_STATUS        0x0a /* from the capability's start */
#define PCIE_TRANSACTIONS_PENDING 0x20u
/* PCI_SUBVENDOR_ID_REDHAT_QUMRANET and PCI_SUBDEVICE_ID_QEMU in Linux */
#define QEMU_SUBSYSTEM_VENDOR 0x1af4u
#define QEMU_SUBSYSTEM_DEVICE 0x1100u

int pci_open(struct pci_function *function, const char *pci)
{
    char path[80];

    snprintf(path, sizeof path, SYSFS_DEVICES "%s/config", pci);
    function->config = open(path, O_RDWR | O_CLOEXEC);
    return function->config < 0 ? -1 : 0;
}

void pci_close(struct pci_function *function)
{
    if (function->config >= 0)
        close(function->config);
    function->config = -1;
}

int pci_read16(const struct pci_function *function, unsigned offset, uint16_t *value)
{
    uint16_t raw;
    ssize_t got = pread(function->config, &raw, sizeof raw, (off_t)offset);

    if (got == sizeof raw) {
        *value = le16toh(raw);
        return 0;
    }
    if (got >= 0)
        errno = EIO;
    return -1;
}

int pci_write16(const struct pci_function *function, unsigned offset, uint16_t value)
{
    uint16_t raw = htole16(value);
    ssize_t put = pwrite(function->config, &raw, sizeof raw, (off_t)offset);

    if (put == sizeof raw)
        return 0;
    if (put >= 0)
        errno = EIO;
    return -1;
}

unsigned pci_capability(const struct pci_function *function, uint8_t id)
{
    uint16_t value;
    unsigned at;

    if (pci_read16(function, PCI_STATUS, &value) < 0 || !(value & PCI_STATUS_CAPS))
        return 0;
    if (pci_read16(function, PCI_CAP_POINTER, &value) < 0)
        return 0;
    at = value & 0xfcu;
    for (unsigned hops = 0; at && hops < 48; hops++) { /* 48: as many as fit below 0x100 */
        if (pci_read16(function, at, &value) < 0)
            return 0;
        if ((value & 0xff) == id)
            return at;
        at = (value >> 8) & 0xfcu;
    }
    return 0;
}

void *pci_map(const char *pci, unsigned bar, size_t size)
{
    char path[80];
    void *map;
    int fd, saved;

    snprintf(path, sizeof path, SYSFS_DEVICES "%s/resource%u", pci, bar);
    fd = open(path, O_RDWR | O_SYNC | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    saved = errno;
    close(fd);
    errno = saved;
    if (map == MAP_FAILED)
        return NULL;
    if (bar_guard_add(map, size) < 0) {
        saved = errno;
        munmap(map, size);
        errno = saved;
        return NULL;
    }
    return map;
}

void pci_unmap(void *map, size_t size)
{
    bar_guard_remove(map);
    munmap(map, size);
}

int pci_silence(const struct pci_function *function)
{
    unsigned express = pci_capability(function, PCI_CAP_EXPRESS);
    uint16_t value;

    if (pci_read16(function, PCI_COMMAND, &value) < 0)
        return -1;
    if (pci_write16(function, PCI_COMMAND, value & (uint16_t)~PCI_COMMAND_MASTER) < 0 ||
        pci_read16(function, PCI_COMMAND, &value) < 0 || (value & PCI_COMMAND_MASTER))
        return -1;
    if (!express) {
        errno = ENODEV;
        return -1;
    }
    for (unsigned ms = 0; ms <= 100; ms++) {
        if (pci_read16(function, express + PCIE_DEVICE_STATUS, &value) < 0)
            return -1;
        if (!(value & PCIE_TRANSACTIONS_PENDING))
            return 0;
        pci_wait_us(1000);
    }
    errno = ETIMEDOUT;
    return -1;
}

static uint32_t id_attribute(const char *pci, const char *name)
{
    char path[80], line[16];
    uint32_t id = 0;
    FILE *file;

    snprintf(path, sizeof path, SYSFS_DEVICES "%s/%s", pci, name);
    file = fopen(path, "re");
    if (!file)
        return 0;
    if (fgets(line, sizeof line, file))
        id = (uint32_t)strtoul(line, NULL, 16) & 0xffff;
    fclose(file);
    return id;
}

uint32_t pci_id(const char *pci)
{
    return id_attribute(pci, "vendor") << 16 | id_attribute(pci, "device");
}

bool pci_emulated(const char *pci)
{
    return id_attribute(pci, "physfn/subsystem_vendor") == QEMU_SUBSYSTEM_VENDOR &&
           id_attribute(pci, "physfn/subsystem_device") == QEMU_SUBSYSTEM_DEVICE;
}

bool pci_pf_promiscuous(const char *pci)
{
    unsigned long flags;
    bool promiscuous = false;
    char path[80];
    glob_t found;

    snprintf(path, sizeof path, SYSFS_DEVICES "%s/physfn/net/*/flags", pci);
    if (glob(path, 0, NULL, &found) == 0 && sysfs_read_number(&flags, "%s", found.gl_pathv[0]) == 0)
        promiscuous = flags & IFF_PROMISC;
    globfree(&found);
    return promiscuous;
}

void pci_wait_us(unsigned microseconds)
{
    struct timespec left = {microseconds / 1000000, (long)(microseconds % 1000000) * 1000};

    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        ;
}
