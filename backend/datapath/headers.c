/* SPDX-License-Identifier: MIT */
#include "datapath/headers.h"

#include <string.h>

enum { TYPE_IPV4 = 0x0800, TYPE_IPV6 = 0x86dd, TYPE_VLAN = 0x8100 };
enum { PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_ICMPV6 = 58 };
enum { IPV4_MIN = 20, IPV6_LEN = 40, TCP_MIN = 20, UDP_LEN = 8, ICMP_LEN = 8, VLAN_TAG = 4 };

static unsigned be16(const uint8_t *bytes)
{
    return (unsigned)bytes[0] << 8 | bytes[1];
}

static void read_l4(const uint8_t *bytes, unsigned count, unsigned protocol,
                    struct headers *headers)
{
    const uint8_t *l4 = bytes + headers->length;
    unsigned left = count - headers->length;
    unsigned tcp_len;

    if ((protocol == PROTO_ICMP || protocol == PROTO_ICMPV6) && left >= ICMP_LEN) {
        headers->length += ICMP_LEN;
        return;
    }
    if (protocol == PROTO_UDP && left >= UDP_LEN) {
        headers->l4 = VF_L4_UDP;
        headers->l4_len = UDP_LEN;
    } else if (protocol == PROTO_TCP && left >= TCP_MIN) {
        tcp_len = (l4[12] >> 4) * 4u;
        if (tcp_len < TCP_MIN || tcp_len > left)
            return;
        headers->l4 = VF_L4_TCP;
        headers->l4_len = (uint8_t)tcp_len;
    }
    headers->length = (uint16_t)(headers->length + headers->l4_len);
}

static void read_ipv4(const uint8_t *bytes, unsigned count, struct headers *headers)
{
    const uint8_t *ip = bytes + headers->mac_len;
    unsigned left = count - headers->mac_len;
    unsigned ip_len;

    if (left < IPV4_MIN || ip[0] >> 4 != 4)
        return;
    ip_len = (ip[0] & 15u) * 4u;
    if (ip_len < IPV4_MIN || ip_len > left)
        return;
    headers->ipv4 = true;
    headers->ip_len = (uint16_t)ip_len;
    headers->length = (uint16_t)(headers->length + ip_len);
    if (be16(ip + 6) &
        0x3fff) /* a fragment: what follows is no L4 header, or not all of its payload */
        return;
    read_l4(bytes, count, ip[9], headers);
}

/* No extension headers: a frame with them is sent as it is, but nothing in it can be finished by the VF. */
static void read_ipv6(const uint8_t *bytes, unsigned count, struct headers *headers)
{
    const uint8_t *ip = bytes + headers->mac_len;

    if (count - headers->mac_len < IPV6_LEN || ip[0] >> 4 != 6)
        return;
    headers->ip_len = IPV6_LEN;
    headers->length = (uint16_t)(headers->length + IPV6_LEN);
    read_l4(bytes, count, ip[6], headers);
}

void headers_read(const uint8_t *bytes, unsigned count, struct headers *headers)
{
    unsigned type = be16(bytes + 12);

    memset(headers, 0, sizeof *headers);
    headers->mac_len = ETH_HEADER;
    if (type == TYPE_VLAN && count >= ETH_HEADER + VLAN_TAG) {
        headers->vlan = true;
        headers->mac_len += VLAN_TAG;
        type = be16(bytes + 16);
    }
    headers->length = headers->mac_len;
    if (type == TYPE_IPV4)
        read_ipv4(bytes, count, headers);
    else if (type == TYPE_IPV6)
        read_ipv6(bytes, count, headers);
}

void headers_prepare_tso(uint8_t *bytes, const struct headers *headers)
{
    uint8_t *ip = bytes + headers->mac_len;
    uint8_t *tcp = ip + headers->ip_len;
    uint32_t sum = PROTO_TCP;

    memset(ip + 2, 0, 2);                 /* total length */
    memset(ip + 10, 0, 2);                /* header checksum */
    for (unsigned i = 12; i < 20; i += 2) /* source and destination */
        sum += be16(ip + i);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    tcp[16] = (uint8_t)(sum >> 8);
    tcp[17] = (uint8_t)sum;
}
