/* SPDX-License-Identifier: MIT */
/* The VF of a vif that has none just now: it takes no buffers, delivers nothing and has no link. Frames must not be
 * given to it (tx.no_link). So the data path of a connected guest goes on as it is. */
#ifndef NETVF_VF_ABSENT_H
#define NETVF_VF_ABSENT_H

#include "vf/vf.h"

void vf_absent(struct vf *vf, struct vf_queue queues[VF_QUEUES_MAX]);

#endif
