/* SPDX-License-Identifier: MIT */
/* Time as Xen keeps it for a vcpu (xen/xen.h, struct vcpu_time_info), and event channels, which are polled for. */
#include "tests/guest/lib/guest.h"

static uint64_t cycles(void)
{
    uint32_t low, high;

    __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

uint64_t now(void)
{
    const volatile struct vcpu_time_info *t = &shared_info.vcpu_info[0].time;
    uint64_t delta, base;
    uint32_t version;

    do {
        version = t->version;
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        delta = cycles() - t->tsc_timestamp;
        delta = t->tsc_shift < 0 ? delta >> -t->tsc_shift : delta << t->tsc_shift;
        base = t->system_time;
        delta = (uint64_t)((unsigned __int128)delta * t->tsc_to_system_mul >> 32);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
    } while ((version & 1) || version != t->version);
    return base + delta;
}

bool event_take(evtchn_port_t channel)
{
    unsigned long bit = 1ul << channel % 64;

    return __atomic_fetch_and(&shared_info.evtchn_pending[channel / 64], ~bit, __ATOMIC_SEQ_CST) &
           bit;
}

void event_wait(evtchn_port_t a, evtchn_port_t b, uint64_t ns)
{
    evtchn_port_t ports[2];
    struct sched_poll poll = {.timeout = now() + ns};

    if (a)
        ports[poll.nr_ports++] = a;
    if (b && b != a)
        ports[poll.nr_ports++] = b;
    set_xen_guest_handle(poll.ports, ports);
    hypercall_sched_op(SCHEDOP_poll, &poll);
    if (a)
        event_take(a);
    if (b)
        event_take(b);
}

void sleep_ms(unsigned ms)
{
    uint64_t end = now() + ms * NS_PER_MS;

    while (now() < end)
        event_wait(0, 0, end - now());
}
