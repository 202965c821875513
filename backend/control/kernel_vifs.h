/* SPDX-License-Identifier: MIT */
/* The backends that stay the kernel's.
 *
 * The kernel makes a device of every directory below dom0's backend/, and with the bus's
 * drivers_autoprobe at 1 its netback takes every vif at once. So the switch goes to 0 for as
 * long as the daemon runs, and every device that is not ours is handed to the kernel by name.
 * Control thread only. */
#ifndef NETVF_CONTROL_KERNEL_VIFS_H
#define NETVF_CONTROL_KERNEL_VIFS_H

#include <stdbool.h>
#include <stdint.h>

struct kernel_vifs;
struct store;
struct why;

/* Switches automatic probing off, after writing down in `rundir` what it was. NULL and a
 * sentence if the bus is not there or refuses. The strings must outlive it. */
struct kernel_vifs *kernel_vifs_new(const char *sysfs, const char *rundir, struct store *store,
                                    uint16_t own_domid, struct why *why);
/* Switches automatic probing back to what it was. */
void kernel_vifs_free(struct kernel_vifs *vifs);

/* Readable when the kernel has announced a device; kernel_vifs_drain takes that in without
 * blocking, and returns whether one of Xen's backends was among them. -1 if the kernel's
 * announcements cannot be had: then only the scans are left. */
int kernel_vifs_fd(const struct kernel_vifs *vifs);
bool kernel_vifs_drain(struct kernel_vifs *vifs);

/* Hands over what is there and not ours. True if it wants to look again soon: a device has no
 * driver yet (its module may still be loading), and has not been waited for KERNEL_VIFS_WAIT_MS,
 * or it cannot be told yet whose it is. */
bool kernel_vifs_scan(struct kernel_vifs *vifs);
#define KERNEL_VIFS_WAIT_MS 10000

#endif
