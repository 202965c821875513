/* SPDX-License-Identifier: MIT */
#include "common/quick_clock.h"

#include <time.h>

/* Too short to tell a rate from; and what no processor's counter does, a tick of more than a microsecond. */
#define RATE_SPAN_NS 1000000u
#define RATE_MAX     (1000ull << 32)

/* A test brings a counter of its own. */
#ifdef QUICK_CLOCK_COUNTER
#elif defined(__x86_64__) || defined(__i386__)
static uint64_t counter(void)
{
    return __builtin_ia32_rdtsc();
}
#else
static uint64_t counter(void)
{
    return 0; /* no rate is ever found: the kernel is asked each time */
}
#endif

static uint64_t kernel_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The rate, from this look and the last one: in between the counter may have stood still, or gone back. */
static void set_rate(struct quick_clock *clock, uint64_t ticks, uint64_t ns)
{
    uint64_t span = ns - clock->ns;

    clock->trust_ticks = 0;
    if (!clock->ns || span > UINT32_MAX || ticks <= clock->ticks)
        return;
    clock->rate = (span << 32) / (ticks - clock->ticks);
    if (clock->rate && clock->rate < RATE_MAX)
        clock->trust_ticks = ((uint64_t)QUICK_CLOCK_TRUST_NS << 32) / clock->rate;
}

/* Asks the kernel. A look soon after the last one says nothing about the rate: the one before it stays. */
static uint64_t look(struct quick_clock *clock, uint64_t ticks)
{
    uint64_t ns = kernel_ns();

    if (ns - clock->ns < RATE_SPAN_NS)
        return ns;
    set_rate(clock, ticks, ns);
    clock->ticks = ticks;
    clock->ns = ns;
    return ns;
}

uint64_t quick_clock_ns(struct quick_clock *clock)
{
    uint64_t ticks = counter(), passed = ticks - clock->ticks, ns;

    if (passed < clock->trust_ticks)
        ns = clock->ns + (uint64_t)(((unsigned __int128)passed * clock->rate) >> 32);
    else
        ns = look(clock, ticks);
    if (ns > clock->last)
        clock->last = ns;
    return clock->last;
}
