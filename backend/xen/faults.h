/* SPDX-License-Identifier: MIT */
/* Accesses that the IOMMU has stopped, each with the PCI function that made it. */
#ifndef NETVF_XEN_FAULTS_H
#define NETVF_XEN_FAULTS_H

#include <stdbool.h>

struct why;

/* A PCI address as Xen and sysfs write it: "0000:01:10.0". */
#define FAULT_PCI_TEXT 16

struct iommu_faults {
    /* Calls `each` for every fault that has become known since the last call, and returns how many these were; -1/errno. */
    int (*read)(struct iommu_faults *faults, void (*each)(void *context, const char *pci),
                void *context);
    void (*close)(struct iommu_faults *faults);
};

/* By Xen's log, for no hypercall tells of them. So some may be missed: those that Xen does not log, be it by its
 * guest_loglvl, be it that it holds lines back when there are many, and those that somebody clears first (xl dmesg -c).
 * What was logged before this call does not count. NULL and a sentence. */
struct iommu_faults *iommu_faults_open(struct why *why);

/* Whether this line of Xen's log, without its end, tells of a fault, and of which function. Lines that begin otherwise than
 * Xen's own do not count: a guest may write some, too. */
bool iommu_fault_line(const char *line, char pci[FAULT_PCI_TEXT]);

#endif
