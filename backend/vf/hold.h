/* SPDX-License-Identifier: MIT */
/* Keeping a VF that serves a vif from being switched off under it.
 *
 * The VF's interrupt is Xen's and ours (xen/libxen_events.c), and dom0's kernel does not know of it. When the VFs are
 * switched off (sriov_numvfs, or the PF's driver unloaded) the kernel takes them from Xen at once, and Xen 4.17 panics
 * over an interrupt that is still bound (BUG at arch/x86/irq.c:1753). PF drivers refuse to switch VFs off while one of
 * them is assigned, and xen-pciback is how that is said in dom0: so a VF in service is bound to it. It does nothing else
 * with the VF. Where it is not loaded, VFs are not held, and then must be polled. */
#ifndef NETVF_VF_HOLD_H
#define NETVF_VF_HOLD_H

#include <stdbool.h>

/* Whether the VF at `pci`, on which there is no driver, is held now. Resets it. What is held is written down in
 * RUNDIR/held, for it outlives this process. */
bool hold_begin(const char *pci);
/* When its interrupt is no longer in use. */
void hold_end(const char *pci);
/* Lets go of what a daemon that died held. After its interrupts have been given back. */
void hold_recover(void);

#endif
