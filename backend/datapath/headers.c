/* SPDX-License-Identifier: MIT */
#include "datapath/headers.h"

#include "datapath/headers_parse.h"

/* Extension headers that an L4 header may follow. Not the fragment header: behind it may be any part of a packet. */
enum { PROTO_HOP_BY_HOP = 0, PROTO_ROUTING = 43, PROTO_DESTINATION = 60 };
/* RFC 8200 4.1 gives a packet at most four of these kinds. */
enum { EXTENSIONS_MAX = 8, EXTENSION_UNIT = 8 };
enum { TCP_CHECKSUM = 16, UDP_CHECKSUM = 6 };

static void put16(uint8_t *bytes, uint32_t value)
{
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
}

/* Goes over the extension headers at headers->length. Returns what comes after them, -1 if that is not to be had. */
static int skip_extensions(const uint8_t *bytes, unsigned count, unsigned next,
                           struct headers *headers)
{
    for (unsigned n = 0;
         next == PROTO_HOP_BY_HOP || next == PROTO_ROUTING || next == PROTO_DESTINATION; n++) {
        const uint8_t *extension = bytes + headers->length;
        unsigned left = count - headers->length;
        unsigned length;

        if (n == EXTENSIONS_MAX)
            return -1;
        length = left < EXTENSION_UNIT ? EXTENSION_UNIT : (extension[1] + 1u) * EXTENSION_UNIT;
        headers->cut = length > left;
        if (headers->cut)
            return -1;
        next = extension[0];
        headers->vf.ip_len = (uint16_t)(headers->vf.ip_len + length);
        headers->length = (uint16_t)(headers->length + length);
    }
    return (int)next;
}

int headers_ipv6(const uint8_t *bytes, unsigned count, struct headers *headers)
{
    const uint8_t *ip = bytes + headers->vf.mac_len;

    if (count - headers->vf.mac_len < IPV6_LEN || ip[0] >> 4 != 6)
        return -1;
    headers->vf.ip_len = IPV6_LEN;
    headers->length = (uint16_t)(headers->length + IPV6_LEN);
    return skip_extensions(bytes, count, ip[6], headers);
}

void headers_read(const uint8_t *bytes, unsigned count, struct headers *headers)
{
    headers_parse(bytes, count, headers);
}

bool headers_plain(const struct headers *headers)
{
    return headers->vf.ip_len == (headers->vf.ipv4 ? IPV4_MIN : IPV6_LEN);
}

/* Adds 16-bit words to a sum, a last odd byte as if a 0 followed (RFC 1071). It has room for 128 KiB. */
static uint32_t add_words(uint32_t sum, const uint8_t *bytes, uint32_t length)
{
    for (; length >= 2; bytes += 2, length -= 2)
        sum += headers_be16(bytes);
    return length ? sum + ((uint32_t)bytes[0] << 8) : sum;
}

static uint32_t fold(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

void headers_prepare_tso(uint8_t *bytes, const struct headers *headers, uint32_t total)
{
    uint8_t *ip = bytes + headers->vf.mac_len;
    uint8_t *checksum = ip + headers->vf.ip_len + TCP_CHECKSUM;
    uint32_t length = total - headers->vf.mac_len - headers->vf.ip_len;
    uint32_t sum;

    /* The guest's own sum, less the length, where only the guest knows the addresses. Else afresh: a frontend that does
     * not call a GSO frame's checksum blank has something else there (as checksum_setup() of Linux' netback). */
    if (!headers_plain(headers))
        sum = headers_be16(checksum) + (~length & 0xffff);
    else if (headers->vf.ipv4)
        sum = add_words(PROTO_TCP, ip + 12, 8);
    else
        sum = add_words(PROTO_TCP, ip + 8, 32);
    put16(checksum, fold(sum));
    if (headers->vf.ipv4) {
        put16(ip + 2, 0);  /* total length */
        put16(ip + 10, 0); /* header checksum */
    } else {
        put16(ip + 4, 0); /* payload length */
    }
}

bool headers_finish_checksum(uint8_t *bytes, const struct headers *headers, uint32_t total)
{
    uint8_t *ip = bytes + headers->vf.mac_len;
    uint8_t *l4 = ip + headers->vf.ip_len;
    uint32_t length = headers->vf.ipv4 ? headers_be16(ip + 2) : IPV6_LEN + headers_be16(ip + 4);
    uint32_t sum;

    if (length > total - headers->vf.mac_len ||
        length < (uint32_t)headers->vf.ip_len + headers->vf.l4_len)
        return false;
    sum = ~fold(add_words(0, l4, length - headers->vf.ip_len)) & 0xffff;
    if (headers->vf.l4 == VF_L4_TCP)
        put16(l4 + TCP_CHECKSUM, sum);
    else
        put16(l4 + UDP_CHECKSUM,
              sum ? sum : 0xffff); /* 0 would mean that there is none (RFC 768) */
    return true;
}
