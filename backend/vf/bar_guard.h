/* SPDX-License-Identifier: MIT */
/* Registers that vanish while they are mapped: when a function is removed from the bus, the kernel takes its resource
 * files away, and may take the mappings along. The next access, a worker's doorbell for one, would then raise SIGBUS and
 * end every vif of the host. Here such a mapping is replaced by memory full of ones, which is what reads of a function
 * that is gone give in any case; the driver's check verb finds that. (DPDK's hot-unplug handling does the same.) */
#ifndef NETVF_VF_BAR_GUARD_H
#define NETVF_VF_BAR_GUARD_H

#include <stddef.h>

/* Guards the mapping of `size` bytes at `bar`; installs the process' handler of SIGBUS when it is the first one. Any
 * other SIGBUS ends the process as before. -1/errno. Control thread only, as is the end of it. */
int bar_guard_add(void *bar, size_t size);
/* To be called before the mapping is undone. */
void bar_guard_remove(void *bar);

#endif
