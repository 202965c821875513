/* SPDX-License-Identifier: MIT */
/* headers_read() for those who read the headers of every frame: a call, and what it leaves in memory for its caller to
 * find again, would be a third of its cost. */
#ifndef NETVF_DATAPATH_HEADERS_PARSE_H
#define NETVF_DATAPATH_HEADERS_PARSE_H

#include <string.h>

#include "datapath/headers.h"

enum { TYPE_IPV4 = 0x0800, TYPE_IPV6 = 0x86dd, TYPE_VLAN = 0x8100, TYPE_SERVICE_VLAN = 0x88a8 };
enum { PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_ICMPV6 = 58 };
enum { IPV4_MIN = 20, IPV6_LEN = 40, TCP_MIN = 20, UDP_LEN = 8, ICMP_LEN = 8, VLAN_TAG = 4 };
enum { VLAN_TAGS_MAX = 2 };

static inline unsigned headers_be16(const uint8_t *bytes)
{
    return (unsigned)bytes[0] << 8 | bytes[1];
}

static inline void headers_l4(const uint8_t *bytes, unsigned count, unsigned protocol,
                              struct headers *headers)
{
    const uint8_t *l4 = bytes + headers->length;
    unsigned left = count - headers->length;
    unsigned l4_len;

    if (protocol == PROTO_UDP) {
        if (left < UDP_LEN) {
            headers->cut = true;
            return;
        }
        headers->vf.l4 = VF_L4_UDP;
        l4_len = UDP_LEN;
    } else if (protocol == PROTO_TCP) {
        headers->cut = left < TCP_MIN;
        if (headers->cut)
            return;
        l4_len = (l4[12] >> 4) * 4u;
        headers->cut = l4_len > left;
        if (l4_len < TCP_MIN || headers->cut)
            return;
        headers->vf.l4 = VF_L4_TCP;
    } else {
        if ((protocol == PROTO_ICMP || protocol == PROTO_ICMPV6) && left >= ICMP_LEN)
            headers->length += ICMP_LEN;
        return;
    }
    headers->vf.l4_len = (uint8_t)l4_len;
    headers->length = (uint16_t)(headers->length + l4_len);
}

/* Returns what comes after the IP header, -1 if that is not to be had. */
static inline int headers_ipv4(const uint8_t *bytes, unsigned count, struct headers *headers)
{
    const uint8_t *ip = bytes + headers->length;
    unsigned left = count - headers->length;
    unsigned ip_len;

    if (left < IPV4_MIN || ip[0] >> 4 != 4)
        return -1;
    ip_len = (ip[0] & 15u) * 4u;
    if (ip_len < IPV4_MIN || ip_len > left)
        return -1;
    headers->vf.ipv4 = true;
    headers->vf.ip_len = (uint16_t)ip_len;
    headers->length = (uint16_t)(headers->length + ip_len);
    /* A fragment: what follows is no L4 header, or not all of its payload. */
    return headers_be16(ip + 6) & 0x3fff ? -1 : ip[9];
}

/* As headers_ipv4. Not inline: IPv4 need not pay for its registers. */
int headers_ipv6(const uint8_t *bytes, unsigned count, struct headers *headers);

/* Goes over the tags, the first of which is of `type`. Returns the type of what comes after them. */
static inline unsigned headers_skip_tags(const uint8_t *bytes, unsigned count, unsigned type,
                                         struct headers *headers)
{
    for (unsigned tags = 0; tags < VLAN_TAGS_MAX; tags++) {
        if ((type != TYPE_VLAN && type != TYPE_SERVICE_VLAN) ||
            count - headers->vf.mac_len < VLAN_TAG)
            break;
        headers->vlan = true;
        type = headers_be16(bytes + headers->vf.mac_len + 2);
        headers->vf.mac_len += VLAN_TAG;
    }
    headers->length = headers->vf.mac_len;
    return type;
}

static inline void headers_parse(const uint8_t *bytes, unsigned count, struct headers *headers)
{
    unsigned type = headers_be16(bytes + 12);
    int protocol = -1;

    memset(headers, 0, sizeof *headers);
    headers->length = headers->vf.mac_len = ETH_HEADER;
    if (type != TYPE_IPV4)
        type = headers_skip_tags(bytes, count, type, headers);
    if (type == TYPE_IPV4)
        protocol = headers_ipv4(bytes, count, headers);
    else if (type == TYPE_IPV6)
        protocol = headers_ipv6(bytes, count, headers);
    if (protocol >= 0)
        headers_l4(bytes, count, (unsigned)protocol, headers);
}

#endif
