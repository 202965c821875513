/* SPDX-License-Identifier: MIT */
#include "vf/vf.h"

#include "common/why.h"
#include "vf/hold.h"
#include "vf/igbvf.h"
#include "vf/pci.h"
#include "vf/pf.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* PCI ids, vendor << 16 | device, the driver for each, and how many queue pairs it has. */
static const struct family {
    uint32_t id;
    struct vf *(*open)(const char *pci, unsigned queues, struct why *why);
    unsigned queues;
} families[] = {
    {I82576_VF, igbvf_open, 2}, /* 82576 VF: two for each of the eight pools (8.26.1) */
    {I350_VF, igbvf_open, 1},   /* i350 VF: the same register file */
};

struct vf *vf_open(const char *pci, struct why *why)
{
    const struct family *family = families;
    const struct family *const families_end = families + sizeof families / sizeof *families;
    uint32_t id = pci_id(pci);
    char path[80];
    struct vf *vf;
    bool held;

    snprintf(path, sizeof path, PF_SYSFS "/bus/pci/devices/%s/driver", pci);
    if (access(path, F_OK) == 0) {
        why_fail(why, "VF %s is held by a kernel driver; unbind it", pci);
        errno = EBUSY;
        return NULL;
    }
    while (family < families_end && family->id != id)
        family++;
    if (family == families_end) {
        why_fail(why, "VF %s is of a kind (%04x:%04x) that netvf has no driver for", pci, id >> 16,
                 id & 0xffff);
        errno = ENOTSUP;
        return NULL;
    }
    held = hold_begin(pci);
    vf = family->open(pci, family->queues, why);
    if (vf)
        vf->held = held;
    else if (held)
        hold_end(pci);
    return vf;
}

int vf_quiesce(const char *pci)
{
    struct pci_function function;
    int rc;

    if (!pci[0])
        return 0;
    if (pci_open(&function, pci) < 0)
        return errno == ENOENT && pf_vf_gone(PF_SYSFS, pci) ? 0 : -1;
    rc = pci_silence(&function);
    pci_close(&function);
    return rc;
}
