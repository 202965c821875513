/* SPDX-License-Identifier: MIT */
/* The header parser on memory that ends with the frame: what it reports lies within what it was given, and nothing
 * behind that is read or written. */
#include "datapath/headers.h"

#include "fuzz/input.h"

static void check_lengths(const struct headers *headers, unsigned count)
{
    unsigned sum = headers->vf.mac_len + headers->vf.ip_len + headers->vf.l4_len;

    require(headers->vf.mac_len >= ETH_HEADER && headers->vf.mac_len <= ETH_HEADER + 8);
    require(headers->length <= count && sum <= headers->length);
    if (headers->vf.l4 == VF_L4_TCP)
        require(headers->vf.l4_len >= 20 && sum == headers->length);
    if (headers->vf.l4 == VF_L4_UDP)
        require(headers->vf.l4_len == 8 && sum == headers->length);
    if (headers->vf.l4 != VF_L4_NONE)
        require(headers->vf.ip_len >= (headers->vf.ipv4 ? 20 : 40) && !headers->cut);
}

/* As both callers do: the parser sees `count` bytes of a frame of `total`, all of which is there when a sum is made. */
static void try(uint8_t *bytes, unsigned count, unsigned total)
{
    struct headers headers;

    headers_read(bytes, count, &headers);
    check_lengths(&headers, count);
    if (headers.vf.l4 == VF_L4_TCP && total > headers.length)
        headers_prepare_tso(bytes, &headers, total);
    if (headers.vf.l4 != VF_L4_NONE && count == total)
        headers_finish_checksum(bytes, &headers, total);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned count;
    uint8_t *bytes;

    if (size < ETH_HEADER || size > 9100)
        return 0;
    count = size < HEADER_COPY ? (unsigned)size : HEADER_COPY;
    for (unsigned whole = 0; whole < 2; whole++) {
        unsigned length = whole ? (unsigned)size : count;

        bytes = malloc(length);
        require(bytes != NULL);
        memcpy(bytes, data, length);
        try(bytes, length, (unsigned)size);
        free(bytes);
    }
    return 0;
}
