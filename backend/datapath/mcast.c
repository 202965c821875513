/* SPDX-License-Identifier: MIT */
#include "datapath/mcast.h"

#include <errno.h>
#include <string.h>

void mcast_init(struct mcast *mcast)
{
    memset(mcast, 0, sizeof *mcast);
    pthread_mutex_init(&mcast->lock, NULL); /* cannot fail without attributes */
}

/* Where the address is in the list, or its length. */
static unsigned find(const struct vf_multicast *list, const uint8_t address[6])
{
    unsigned at = 0;

    while (at < list->count && memcmp(list->addresses[at], address, 6) != 0)
        at++;
    return at;
}

/* With the lock held. */
static void changed(struct mcast *mcast)
{
    if (!mcast->news)
        __atomic_store_n(&mcast->tell, true, __ATOMIC_RELAXED);
    __atomic_store_n(&mcast->news, true, __ATOMIC_RELAXED);
}

int mcast_add(struct mcast *mcast, const uint8_t address[6])
{
    struct vf_multicast *list = &mcast->list;
    unsigned at;
    int rc = 0;

    if (!(address[0] & 1)) {
        errno = EINVAL;
        return -1;
    }
    pthread_mutex_lock(&mcast->lock);
    at = find(list, address);
    if (at == VF_MULTICAST_MAX) {
        errno = ENOSPC;
        rc = -1;
    } else if (at == list->count) {
        memcpy(list->addresses[list->count++], address, 6);
        changed(mcast);
    }
    pthread_mutex_unlock(&mcast->lock);
    return rc;
}

void mcast_remove(struct mcast *mcast, const uint8_t address[6])
{
    struct vf_multicast *list = &mcast->list;
    unsigned at;

    pthread_mutex_lock(&mcast->lock);
    at = find(list, address);
    if (at < list->count) {
        memcpy(list->addresses[at], list->addresses[--list->count], 6);
        changed(mcast);
    }
    pthread_mutex_unlock(&mcast->lock);
}

bool mcast_tell(struct mcast *mcast)
{
    /* Read first: this is asked after every batch, and nearly always in vain. */
    return __atomic_load_n(&mcast->tell, __ATOMIC_RELAXED) &&
           __atomic_exchange_n(&mcast->tell, false, __ATOMIC_RELAXED);
}

bool mcast_news(const struct mcast *mcast)
{
    return __atomic_load_n(&mcast->news, __ATOMIC_RELAXED);
}

void mcast_read(struct mcast *mcast, struct vf_multicast *list)
{
    pthread_mutex_lock(&mcast->lock);
    *list = mcast->list;
    __atomic_store_n(&mcast->news, false, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&mcast->lock);
}
