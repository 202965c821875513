/* SPDX-License-Identifier: MIT */
/* The multicast addresses that a guest wants to hear (netif.h, "feature-multicast-control"), amended by its requests
 * on the tx ring and read by the control thread, which tells the VF. A lock: requests may come on any queue, and they
 * are no packets. */
#ifndef NETVF_DATAPATH_MCAST_H
#define NETVF_DATAPATH_MCAST_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vf/vf.h"

struct mcast {
    pthread_mutex_t lock;
    struct vf_multicast list; /* `all` is the control thread's matter and false here */
    bool news;                /* changed since it was read last */
    bool tell;                /* ... and nobody has told the control thread yet */
};

void mcast_init(struct mcast *mcast);

/* Adds an address; one that is there already is fine. -1/EINVAL: no group address. -1/ENOSPC: VF_MULTICAST_MAX are
 * there (Linux' netback holds as many). */
int mcast_add(struct mcast *mcast, const uint8_t address[6]);
/* Removes an address, if it is there. */
void mcast_remove(struct mcast *mcast, const uint8_t address[6]);

/* True once for each change, or row of changes, that the control thread has not read: then it is to be woken. So a
 * guest that changes its list all the time wakes it once for each time it looks. */
bool mcast_tell(struct mcast *mcast);
/* Whether there is anything new to read. */
bool mcast_news(const struct mcast *mcast);
/* The list as it stands. */
void mcast_read(struct mcast *mcast, struct vf_multicast *list);

#endif
