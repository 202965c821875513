/* SPDX-License-Identifier: MIT */
/* Counters with one writer (a worker) and any number of readers: no lock, no torn value, no ordering promised. */
#ifndef NETVF_COMMON_COUNTER_H
#define NETVF_COMMON_COUNTER_H

#include <stdint.h>

static inline void counter_add(uint64_t *counter, uint64_t more)
{
    __atomic_store_n(counter, *counter + more, __ATOMIC_RELAXED);
}

static inline uint64_t counter_read(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

#endif
