/* SPDX-License-Identifier: MIT */
#include "vf/bar_guard.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

/* VFs that can be open at the same time: more than any card has. */
#define GUARDED_MAX 1024u

/* Process-wide, because a signal's handler is given nothing else to find them by. `start` is 0 in a place that is free;
 * it is set last, so that a handler on another thread sees a size that belongs to it. */
static struct guarded {
    uintptr_t start;
    size_t size;
} guarded[GUARDED_MAX];

static struct guarded *find(uintptr_t address)
{
    for (unsigned i = 0; i < GUARDED_MAX; i++) {
        uintptr_t start = __atomic_load_n(&guarded[i].start, __ATOMIC_ACQUIRE);

        if (start && address >= start && address - start < guarded[i].size)
            return &guarded[i];
    }
    return NULL;
}

/* Returns to the access that has failed, which then finds memory. mmap is a bare system call, and as safe here. */
static void handle(int number, siginfo_t *info, void *context)
{
    const struct guarded *bar = find((uintptr_t)info->si_addr);
    int saved = errno;
    void *map;

    (void)context;
    if (bar) {
        map = mmap((void *)bar->start, bar->size, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        if (map != MAP_FAILED) {
            memset(map, 0xff, bar->size);
            errno = saved;
            return;
        }
    }
    signal(number, SIG_DFL); /* and the same access ends the process */
}

static int install(void)
{
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO};
    struct sigaction old;

    if (sigaction(SIGBUS, NULL, &old) < 0)
        return -1;
    if ((old.sa_flags & SA_SIGINFO) && old.sa_sigaction == handle)
        return 0;
    sigemptyset(&action.sa_mask);
    return sigaction(SIGBUS, &action, NULL);
}

int bar_guard_add(void *bar, size_t size)
{
    if (install() < 0)
        return -1;
    for (unsigned i = 0; i < GUARDED_MAX; i++) {
        if (guarded[i].start)
            continue;
        guarded[i].size = size;
        __atomic_store_n(&guarded[i].start, (uintptr_t)bar, __ATOMIC_RELEASE);
        return 0;
    }
    errno = ENOSPC;
    return -1;
}

void bar_guard_remove(void *bar)
{
    struct guarded *entry = find((uintptr_t)bar);

    if (entry)
        __atomic_store_n(&entry->start, 0, __ATOMIC_RELEASE);
}
