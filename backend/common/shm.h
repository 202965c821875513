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

typedef uint64_t shm_wide __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint64_t shm_word __attribute__((aligned(1), may_alias));

/* Bytes out of such memory: each once, as many at a time as there are; what is written meanwhile is in the copy or is
 * not. */
static inline void shm_copy(uint8_t *to, const volatile uint8_t *from, unsigned length)
{
    const uint8_t *end = to + length;

    for (; end - to >= (long)sizeof(shm_wide); to += sizeof(shm_wide), from += sizeof(shm_wide))
        *(shm_wide *)to = *(const volatile shm_wide *)from;
    for (; end - to >= (long)sizeof(shm_word); to += sizeof(shm_word), from += sizeof(shm_word))
        *(shm_word *)to = *(const volatile shm_word *)from;
    for (; to != end; to++, from++)
        *to = *from;
}

#endif
