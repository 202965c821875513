/* SPDX-License-Identifier: MIT */
/* So many events in a row, then one per interval. Whoever makes one takes it from `left`. */
#ifndef NETVF_COMMON_ALLOWANCE_H
#define NETVF_COMMON_ALLOWANCE_H

#include <stdbool.h>
#include <stdint.h>

struct allowance {
    unsigned left; /* `burst` at the start */
    int64_t since; /* clock_ms() at the start */
};

/* Adds what has been earned until `now`, one per `every` milliseconds; whether any is left. */
static inline bool allowance_left(struct allowance *allowance, unsigned burst, int64_t every,
                                  int64_t now)
{
    int64_t earned = (now - allowance->since) / every;

    if (earned > 0) {
        allowance->since += earned * every;
        allowance->left =
            earned >= (int64_t)burst - allowance->left ? burst : allowance->left + (unsigned)earned;
    }
    return allowance->left > 0;
}

#endif
