/* SPDX-License-Identifier: MIT */
/* Monotonic time in nanoseconds for loops that ask all the time. In a PV domain whose clock source is not the TSC each
 * clock_gettime() is a system call, by way of the hypervisor; so the processor's own counter tells the time between two
 * of them, at most QUICK_CLOCK_TRUST_NS apart. What it is off by, for its rate changes or processors disagree, is thus
 * off for no longer. */
#ifndef NETVF_COMMON_QUICK_CLOCK_H
#define NETVF_COMMON_QUICK_CLOCK_H

#include <stdint.h>

#define QUICK_CLOCK_TRUST_NS 10000000u

/* All zero to begin with. One thread's. */
struct quick_clock {
    uint64_t ticks, ns;   /* the last time that the kernel was asked: the counter and its answer */
    uint64_t trust_ticks; /* for so many after that the counter will do; 0: its rate is not known */
    uint64_t rate;        /* nanoseconds a tick, times 2^32 */
    uint64_t last;        /* what was said last: never goes back */
};

uint64_t quick_clock_ns(struct quick_clock *clock);

#endif
