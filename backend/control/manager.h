/* SPDX-License-Identifier: MIT */
/* All vifs of ours: finds them, steps them, forgets them. Control thread only. */
#ifndef NETVF_CONTROL_MANAGER_H
#define NETVF_CONTROL_MANAGER_H

#include <stdbool.h>
#include <stdint.h>

#include "control/vif.h"

struct manager;
struct why;

/* Watches what has to be watched. `host` must outlive the manager. NULL and a sentence. */
struct manager *manager_new(const struct vif_host *host, struct why *why);
/* Ends every vif as vif_stop does, and the manager. */
void manager_free(struct manager *manager);

/* Looks at all there is and does all there is to do. True if it wants to look again within
 * MANAGER_TICK_MS although nothing may change by itself. */
bool manager_scan(struct manager *manager);
#define MANAGER_TICK_MS 100

/* Looks after the VFs of connected vifs (see vif_check): to be called every MANAGER_CHECK_MS while there is one, and
 * `at_once` when a network device of dom0 has changed. True if a scan has something to do. */
bool manager_check(struct manager *manager, bool at_once);
bool manager_serves(const struct manager *manager);
#define MANAGER_CHECK_MS 1000

/* NULL if it is none of ours. */
struct vif *manager_find(const struct manager *manager, uint16_t domid, uint32_t devid);

/* Calls `each` for every vif, in order of their appearance. */
void manager_each(struct manager *manager, void (*each)(struct vif *vif, void *context),
                  void *context);

#endif
