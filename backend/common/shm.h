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

struct shm_word {
    uint64_t value;
} __attribute__((packed, may_alias));

/* Bytes out of such memory: each once, eight at a time as long as there are so many; what is written meanwhile is in
 * the copy or is not. */
static inline void shm_copy(uint8_t *to, const volatile uint8_t *from, unsigned length)
{
    for (; length >= sizeof(struct shm_word); length -= (unsigned)sizeof(struct shm_word)) {
        ((struct shm_word *)to)->value = ((const volatile struct shm_word *)from)->value;
        to += sizeof(struct shm_word);
        from += sizeof(struct shm_word);
    }
    for (unsigned i = 0; i < length; i++)
        to[i] = from[i];
}

#endif
