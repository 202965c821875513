/* SPDX-License-Identifier: MIT */
/* A fuzzer's input as a stream of choices, read from the front; behind its end all is 0. And what an oracle says when it
 * has been proven wrong. */
#ifndef NETVF_TESTS_FUZZ_INPUT_H
#define NETVF_TESTS_FUZZ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct input {
    const uint8_t *data;
    size_t left;
};

/* Each target has one of these; 0 always. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void input_bytes(struct input *in, void *to, size_t count)
{
    size_t have = in->left < count ? in->left : count;

    memset(to, 0, count);
    if (!have)
        return;
    memcpy(to, in->data, have);
    in->data += have;
    in->left -= have;
}

static inline uint8_t input_u8(struct input *in)
{
    uint8_t value;

    input_bytes(in, &value, sizeof value);
    return value;
}

static inline uint16_t input_u16(struct input *in)
{
    uint16_t value;

    input_bytes(in, &value, sizeof value);
    return value;
}

static inline uint32_t input_u32(struct input *in)
{
    uint32_t value;

    input_bytes(in, &value, sizeof value);
    return value;
}

#define require(ok)                                                             \
    do {                                                                        \
        if (!(ok)) {                                                            \
            fprintf(stderr, "%s:%d: must hold: %s\n", __FILE__, __LINE__, #ok); \
            abort();                                                            \
        }                                                                       \
    } while (0)

#endif
