/* SPDX-License-Identifier: MIT */
/* A physical function by the name of its network device, and its VFs, as sysfs shows them. */
#ifndef NETVF_VF_PF_H
#define NETVF_VF_PF_H

#include <stdbool.h>

struct why;

#define PF_NAME_MAX    16 /* a network device's name */
#define PF_PCI_MAX     16 /* "0000:01:10.0" */
#define PF_DRIVER_MAX  32
#define PF_DEVICES_MAX 64

#ifndef PF_SYSFS /* a test has one of its own */
#define PF_SYSFS "/sys"
#endif

struct pf {
    char name[PF_NAME_MAX];
    char pci[PF_PCI_MAX];
    char driver[PF_DRIVER_MAX]; /* "" if none */
    bool up; /* administratively: without it the VFs' mailboxes are not answered */
    bool carrier;
    unsigned mtu; /* 0 if unknown */
    unsigned total_vfs, num_vfs;
};

struct pf_vf {
    unsigned index;
    char pci[PF_PCI_MAX];
    char driver[PF_DRIVER_MAX]; /* "" if none: then it is ours to use */
};

/* Looks at the network device `name` below the sysfs at `sysfs`. -1 and a sentence if it is not
 * there or cannot have VFs. */
int pf_read(const char *sysfs, const char *name, struct pf *pf, struct why *why);
/* All network devices that can have VFs, at most PF_DEVICES_MAX, sorted by name. Returns their
 * number. */
unsigned pf_list(const char *sysfs, struct pf pfs[PF_DEVICES_MAX]);
/* VF `index` of it, which must be less than num_vfs. -1/errno. */
int pf_read_vf(const char *sysfs, const struct pf *pf, unsigned index, struct pf_vf *vf);
/* Makes a PF that is up have all the VFs it can have, with no kernel driver on any of them. -1
 * and a sentence. */
int pf_enable_vfs(const char *sysfs, struct pf *pf, struct why *why);
/* Whether the VF at `pci`, by its full address, is gone in a way that proves that it does no DMA: the kernel has no
 * such function, and the PF to which that address belongs has, by its sriov_numvfs, no VF of that number. The kernel
 * takes a VF's directory away first, then clears VF Enable, waits the second that SR-IOV 1.1, 3.3.3.1, gives
 * transactions to end, and only then says 0 in sriov_numvfs. A PF that is gone has taken its VFs along. */
bool pf_vf_gone(const char *sysfs, const char *pci);
/* Whether the function at `pci` may master the bus, that is, may DMA. */
bool pf_bus_master(const char *sysfs, const char *pci);

#endif
