/* SPDX-License-Identifier: MIT */
/* Which vifs are ours. */
#ifndef NETVF_CONTROL_VIF_CLAIM_H
#define NETVF_CONTROL_VIF_CLAIM_H

#include <stdint.h>

struct store;

/* The hotplug script whose vifs are ours, by the last component of its path. */
#define VIF_CLAIM_SCRIPT "vif-netvf"

/* Whether the backend directory `path` is of a vif of ours: 1 yes, 0 no, -1/errno if that cannot be
 * told (yet). `path` may be relative to our own domain, as the kernel writes it. */
int vif_claim(struct store *store, uint16_t own_domid, const char *path);

#endif
