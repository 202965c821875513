/* SPDX-License-Identifier: MIT */
/* Monotonic time in milliseconds. A test can define NETVF_CLOCK_HOOK and say itself what time it is. */
#ifndef NETVF_COMMON_CLOCK_H
#define NETVF_COMMON_CLOCK_H

#include <stdint.h>
#include <time.h>

#ifdef NETVF_CLOCK_HOOK
int64_t clock_ms(void);
#else
static inline int64_t clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
#endif

#endif
