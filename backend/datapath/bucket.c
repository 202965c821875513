/* SPDX-License-Identifier: MIT */
#include "datapath/bucket.h"

/* Most that is earned at once; 2^32 bytes times this many nanoseconds fit into 64 bits. */
#define LONGEST_NS 4000000000ull

static int64_t most(const struct bucket *bucket)
{
    return bucket->rate.bytes > BUCKET_BURST ? bucket->rate.bytes : BUCKET_BURST;
}

void bucket_set(struct bucket *bucket, struct rate rate, uint64_t now_ns)
{
    if (!rate.interval_us)
        rate.bytes = 0;
    *bucket = (struct bucket){.rate = rate, .credit = rate.bytes, .since_ns = now_ns};
}

void bucket_refill(struct bucket *bucket, uint64_t now_ns)
{
    uint64_t interval_ns = (uint64_t)bucket->rate.interval_us * 1000;
    uint64_t earned;

    if (!bucket->rate.bytes || now_ns <= bucket->since_ns)
        return;
    if (now_ns - bucket->since_ns > LONGEST_NS)
        bucket->since_ns = now_ns - LONGEST_NS;
    earned = (now_ns - bucket->since_ns) * bucket->rate.bytes / interval_ns;
    bucket->credit += (int64_t)earned;
    /* Only as far as it was worth whole bytes: looks in quick succession must not lose the rest of each. */
    bucket->since_ns += earned * interval_ns / bucket->rate.bytes;
    if (bucket->credit > most(bucket))
        bucket->credit = most(bucket);
}

uint64_t bucket_wait_ns(const struct bucket *bucket)
{
    if (bucket_open(bucket))
        return 0;
    return ((uint64_t)-bucket->credit + 1) * bucket->rate.interval_us * 1000 / bucket->rate.bytes +
           1;
}
