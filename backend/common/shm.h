/* SPDX-License-Identifier: MIT */
/* The one accessor for memory that a guest or a device can write at any time (XSA-155): each word is read exactly once,
 * into a private copy, and only the copy is looked at. A test can define NETVF_SHM_HOOK to come before every read and
 * write. */
#ifndef NETVF_COMMON_SHM_H
#define NETVF_COMMON_SHM_H

#include <stdint.h>

#ifdef NETVF_SHM_HOOK
uint32_t shm_read32(const volatile uint32_t *word);
void shm_write32(volatile uint32_t *word, uint32_t value);
#else
static inline uint32_t shm_read32(const volatile uint32_t *word)
{
    return *word;
}

static inline void shm_write32(volatile uint32_t *word, uint32_t value)
{
    *word = value;
}
#endif

#endif
