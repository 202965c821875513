/* SPDX-License-Identifier: MIT */
/* Driver for the virtual functions of the 82576 and the i350. */
#ifndef NETVF_VF_IGBVF_H
#define NETVF_VF_IGBVF_H

#include "vf/vf.h"

/* Vendor << 16 | device. */
#define I82576_VF 0x808610cau
#define I350_VF   0x80861520u

/* `queues`: the queue pairs of this kind of VF. NULL and a sentence on failure. */
struct vf *igbvf_open(const char *pci, unsigned queues, struct why *why);

#endif
