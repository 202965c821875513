/* SPDX-License-Identifier: MIT */
#include "vf/vf.h"

#include "common/why.h"
#include "vf/igbvf.h"
#include "vf/pci.h"
#include "vf/pf.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* PCI ids, vendor << 16 | device, the driver for each, and how many queue pairs it has. */
static const struct {
    uint32_t id;
    struct vf *(*open)(const char *pci, unsigned queues, struct why *why);
    unsigned queues;
} families[] = {
    {0x808610ca, igbvf_open, 2}, /* 82576 VF: two for each of the eight pools (8.26.1) */
    {0x80861520, igbvf_open, 1}, /* i350 VF: the same register file */
};

struct vf *vf_open(const char *pci, struct why *why)
{
    uint32_t id = pci_id(pci);
    char path[80];

    snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/driver", pci);
    if (access(path, F_OK) == 0) {
        why_fail(why, "VF %s is held by a kernel driver; unbind it", pci);
        errno = EBUSY;
        return NULL;
    }
    for (unsigned i = 0; i < sizeof families / sizeof *families; i++)
        if (families[i].id == id)
            return families[i].open(pci, families[i].queues, why);
    why_fail(why, "VF %s is of a kind (%04x:%04x) that netvf has no driver for", pci, id >> 16,
             id & 0xffff);
    errno = ENOTSUP;
    return NULL;
}

int vf_quiesce(const char *pci)
{
    struct pci_function function;
    int rc;

    if (pci_open(&function, pci) < 0)
        return errno == ENOENT && pf_vf_gone(PF_SYSFS, pci) ? 0 : -1;
    rc = pci_silence(&function);
    pci_close(&function);
    return rc;
}
