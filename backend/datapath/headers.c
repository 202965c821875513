/* SPDX-License-Identifier: MIT */
#include "datapath/headers.h"

#include <string.h>

enum { TYPE_IPV4 = 0x0800, TYPE_IPV6 = 0x86dd, TYPE_VLAN = 0x8100, TYPE_SERVICE_VLAN = 0x88a8 };
enum { PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_ICMPV6 = 58 };
/* Extension headers that an L4 header may follow. Not the fragment header: behind it may be any part of a packet. */
enum { PROTO_HOP_BY_HOP = 0, PROTO_ROUTING = 43, PROTO_DESTINATION = 60 };
enum { IPV4_MIN = 20, IPV6_LEN = 40, TCP_MIN = 20, UDP_LEN = 8, ICMP_LEN = 8, VLAN_TAG = 4 };
enum { TCP_CHECKSUM = 16, UDP_CHECKSUM = 6 };
/* RFC 8200 4.1 gives a packet at most four of these kinds. */
enum { EXTENSIONS_MAX = 8, EXTENSION_UNIT = 8 };
enum { VLAN_TAGS_MAX = 2 };

static unsigned be16(const uint8_t *bytes)
{
    return (unsigned)bytes[0] << 8 | bytes[1];
}

static void put16(uint8_t *bytes, uint32_t value)
{
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
}

static void read_l4(const uint8_t *bytes, unsigned count, unsigned protocol,
                    struct headers *headers)
{
    const uint8_t *l4 = bytes + headers->length;
    unsigned left = count - headers->length;
    unsigned l4_len;

    if (protocol == PROTO_UDP) {
        headers->cut = left < UDP_LEN;
        if (headers->cut)
            return;
        headers->l4 = VF_L4_UDP;
        l4_len = UDP_LEN;
    } else if (protocol == PROTO_TCP) {
        headers->cut = left < TCP_MIN;
        if (headers->cut)
            return;
        l4_len = (l4[12] >> 4) * 4u;
        headers->cut = l4_len > left;
        if (l4_len < TCP_MIN || headers->cut)
            return;
        headers->l4 = VF_L4_TCP;
    } else {
        if ((protocol == PROTO_ICMP || protocol == PROTO_ICMPV6) && left >= ICMP_LEN)
            headers->length += ICMP_LEN;
        return;
    }
    headers->l4_len = (uint8_t)l4_len;
    headers->length = (uint16_t)(headers->length + l4_len);
}

/* Returns what comes after the IP header, -1 if that is not to be had. */
static int read_ipv4(const uint8_t *bytes, unsigned count, struct headers *headers)
{
    const uint8_t *ip = bytes + headers->mac_len;
    unsigned left = count - headers->mac_len;
    unsigned ip_len;

    if (left < IPV4_MIN || ip[0] >> 4 != 4)
        return -1;
    ip_len = (ip[0] & 15u) * 4u;
    if (ip_len < IPV4_MIN || ip_len > left)
        return -1;
    headers->ipv4 = true;
    headers->ip_len = (uint16_t)ip_len;
    headers->length = (uint16_t)(headers->length + ip_len);
    /* A fragment: what follows is no L4 header, or not all of its payload. */
    return be16(ip + 6) & 0x3fff ? -1 : ip[9];
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
        headers->ip_len = (uint16_t)(headers->ip_len + length);
        headers->length = (uint16_t)(headers->length + length);
    }
    return (int)next;
}

/* As read_ipv4. Not inline: IPv4 need not pay for its registers. */
static __attribute__((noinline)) int read_ipv6(const uint8_t *bytes, unsigned count,
                                               struct headers *headers)
{
    const uint8_t *ip = bytes + headers->mac_len;

    if (count - headers->mac_len < IPV6_LEN || ip[0] >> 4 != 6)
        return -1;
    headers->ip_len = IPV6_LEN;
    headers->length = (uint16_t)(headers->length + IPV6_LEN);
    return skip_extensions(bytes, count, ip[6], headers);
}

/* Goes over the tags, the first of which is of `type`. Returns the type of what comes after them. */
static unsigned skip_tags(const uint8_t *bytes, unsigned count, unsigned type,
                          struct headers *headers)
{
    for (unsigned tags = 0; tags < VLAN_TAGS_MAX; tags++) {
        if ((type != TYPE_VLAN && type != TYPE_SERVICE_VLAN) || count - headers->mac_len < VLAN_TAG)
            break;
        headers->vlan = true;
        type = be16(bytes + headers->mac_len + 2);
        headers->mac_len += VLAN_TAG;
    }
    return type;
}

void headers_read(const uint8_t *bytes, unsigned count, struct headers *headers)
{
    unsigned type = be16(bytes + 12);
    int protocol = -1;

    memset(headers, 0, sizeof *headers);
    headers->mac_len = ETH_HEADER;
    if (type != TYPE_IPV4)
        type = skip_tags(bytes, count, type, headers);
    headers->length = headers->mac_len;
    if (type == TYPE_IPV4)
        protocol = read_ipv4(bytes, count, headers);
    else if (type == TYPE_IPV6)
        protocol = read_ipv6(bytes, count, headers);
    if (protocol >= 0)
        read_l4(bytes, count, (unsigned)protocol, headers);
}

bool headers_plain(const struct headers *headers)
{
    return headers->ip_len == (headers->ipv4 ? IPV4_MIN : IPV6_LEN);
}

/* Adds 16-bit words to a sum, a last odd byte as if a 0 followed (RFC 1071). It has room for 128 KiB. */
static uint32_t add_words(uint32_t sum, const uint8_t *bytes, uint32_t length)
{
    for (; length >= 2; bytes += 2, length -= 2)
        sum += be16(bytes);
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
    uint8_t *ip = bytes + headers->mac_len;
    uint8_t *checksum = ip + headers->ip_len + TCP_CHECKSUM;
    uint32_t length = total - headers->mac_len - headers->ip_len;
    uint32_t sum;

    /* The guest's own sum, less the length, where only the guest knows the addresses. Else afresh: a frontend that does
     * not call a GSO frame's checksum blank has something else there (as checksum_setup() of Linux' netback). */
    if (!headers_plain(headers))
        sum = be16(checksum) + (~length & 0xffff);
    else if (headers->ipv4)
        sum = add_words(PROTO_TCP, ip + 12, 8);
    else
        sum = add_words(PROTO_TCP, ip + 8, 32);
    put16(checksum, fold(sum));
    if (headers->ipv4) {
        put16(ip + 2, 0);  /* total length */
        put16(ip + 10, 0); /* header checksum */
    } else {
        put16(ip + 4, 0); /* payload length */
    }
}

bool headers_finish_checksum(uint8_t *bytes, const struct headers *headers, uint32_t total)
{
    uint8_t *ip = bytes + headers->mac_len;
    uint8_t *l4 = ip + headers->ip_len;
    uint32_t length = headers->ipv4 ? be16(ip + 2) : IPV6_LEN + be16(ip + 4);
    uint32_t sum;

    if (length > total - headers->mac_len || length < (uint32_t)headers->ip_len + headers->l4_len)
        return false;
    sum = ~fold(add_words(0, l4, length - headers->ip_len)) & 0xffff;
    if (headers->l4 == VF_L4_TCP)
        put16(l4 + TCP_CHECKSUM, sum);
    else
        put16(l4 + UDP_CHECKSUM,
              sum ? sum : 0xffff); /* 0 would mean that there is none (RFC 768) */
    return true;
}
