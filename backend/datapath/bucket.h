/* SPDX-License-Identifier: MIT */
/* A token bucket: so many bytes in each interval, as libxl writes them into a vif's `rate` key and Linux' netback takes
 * them. Pure: the time is the caller's.
 *
 * A frame may go when there is any credit left, and may overdraw it: so a frame larger than the credit of an interval
 * passes, later, and the rate over time is exact. */
#ifndef NETVF_DATAPATH_BUCKET_H
#define NETVF_DATAPATH_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

/* Longest interval: 10 s. Products of it with any credit or rate fit into 64 bits. */
#define RATE_INTERVAL_MAX 10000000u

/* Bytes in each interval of so many microseconds, at most RATE_INTERVAL_MAX; 0 bytes: no limit. */
struct rate {
    uint32_t bytes, interval_us;
};

struct bucket {
    struct rate rate;
    int64_t credit;    /* bytes; negative when overdrawn */
    uint64_t since_ns; /* credit is given up to here */
};

/* Takes up a rate at time `now`, with the credit of one interval. */
void bucket_set(struct bucket *bucket, struct rate rate, uint64_t now_ns);
/* Gives what has been earned until `now`. What is not used is kept up to the larger of one interval and
 * BUCKET_BURST. */
void bucket_refill(struct bucket *bucket, uint64_t now_ns);
/* Nanoseconds until there is credit again; 0: there is some. */
uint64_t bucket_wait_ns(const struct bucket *bucket);

static inline bool bucket_open(const struct bucket *bucket)
{
    return !bucket->rate.bytes || bucket->credit > 0;
}

static inline void bucket_spend(struct bucket *bucket, uint32_t bytes)
{
    if (bucket->rate.bytes)
        bucket->credit -= bytes;
}

/* Two frames of the largest size, so that a low rate does not stall a stream that is segmented by the VF: as Linux'
 * netback. */
#define BUCKET_BURST 131072

#endif
