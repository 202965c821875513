/* SPDX-License-Identifier: MIT */
#include "frontend/linux/vnet.h"

#include <netinet/in.h>
#include <string.h>

enum {
    ETHERTYPE_V4 = 0x0800,
    ETHERTYPE_V6 = 0x86dd,
    ETHERTYPE_TAG = 0x8100,
    ETHERTYPE_QINQ = 0x88a8
};
/* Where the checksum is in a TCP and in a UDP header. */
enum { TCP_SUM = 16, UDP_SUM = 6 };
enum { V4_HEADER = 20, V6_HEADER = 40, TCP_HEADER = 20, UDP_HEADER = 8 };

bool vnet_to_netif(const struct virtio_net_hdr *from, const struct netvf_front_link *link,
                   struct netvf_front_tx_frame *to)
{
    bool both = link->csum_blank_ipv4 && link->csum_blank_ipv6;

    to->csum_blank = from->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
    to->gso_size = 0;
    /* netif has no place for where the field is: the backend takes TCP's or UDP's. */
    if (to->csum_blank && (!both || (from->csum_offset != TCP_SUM && from->csum_offset != UDP_SUM)))
        return false;
    switch (from->gso_type) {
    case VIRTIO_NET_HDR_GSO_NONE:
        to->gso = NETVF_FRONT_GSO_NONE;
        return true;
    case VIRTIO_NET_HDR_GSO_TCPV4:
        to->gso = NETVF_FRONT_GSO_TCPV4;
        break;
    case VIRTIO_NET_HDR_GSO_TCPV6:
        to->gso = NETVF_FRONT_GSO_TCPV6;
        break;
    default:
        return false;
    }
    to->gso_size = from->gso_size;
    return to->csum_blank;
}

static bool skip_v6_extensions(const uint8_t *head, unsigned length, struct vnet_place *place)
{
    while (place->protocol == IPPROTO_HOPOPTS || place->protocol == IPPROTO_ROUTING ||
           place->protocol == IPPROTO_DSTOPTS) {
        if (place->l4 + 8 > length)
            return false;
        place->protocol = head[place->l4];
        place->l4 += (head[place->l4 + 1] + 1u) * 8;
    }
    return true;
}

bool vnet_find(const uint8_t *head, unsigned length, struct vnet_place *place)
{
    unsigned at = 12, type;

    for (unsigned tags = 0;; tags++) {
        if (at + 2 > length || tags > 2)
            return false;
        type = (unsigned)head[at] << 8 | head[at + 1];
        at += 2;
        if (type != ETHERTYPE_TAG && type != ETHERTYPE_QINQ)
            break;
        at += 2;
    }
    place->v6 = type == ETHERTYPE_V6;
    place->l3 = at;
    if (type == ETHERTYPE_V4 && at + V4_HEADER <= length) {
        place->protocol = head[at + 9];
        place->l4 = at + (head[at] & 15u) * 4;
        return (head[at] & 15) >= 5;
    }
    if (type != ETHERTYPE_V6 || at + V6_HEADER > length)
        return false;
    place->protocol = head[at + 6];
    place->l4 = at + V6_HEADER;
    return skip_v6_extensions(head, length, place);
}

uint32_t vnet_flow(const uint8_t *head, unsigned length)
{
    struct vnet_place place;
    const uint8_t *ports;

    if (!vnet_find(head, length, &place) || place.l4 + 4 > length)
        return 0;
    if (place.protocol != IPPROTO_TCP && place.protocol != IPPROTO_UDP)
        return 0;
    ports = head + place.l4;
    /* Linux gives connections made one after the other ports that differ by two: a mere sum would be always even. */
    return (((uint32_t)ports[0] << 8 | ports[1]) + ((uint32_t)ports[2] << 8 | ports[3])) *
               0x9e3779b1u >>
           16;
}

bool vnet_from_netif(const struct netvf_front_rx_frame *from, const uint8_t *head, unsigned length,
                     struct virtio_net_hdr *to)
{
    struct vnet_place place;

    memset(to, 0, sizeof *to);
    if (!from->csum_blank) {
        if (from->validated)
            to->flags = VIRTIO_NET_HDR_F_DATA_VALID;
        return !from->gso; /* segments whose checksum is whole: there is no such thing */
    }
    if (!vnet_find(head, length, &place))
        return false;
    if (place.protocol != IPPROTO_TCP && (place.protocol != IPPROTO_UDP || from->gso))
        return false;
    if (place.l4 + (place.protocol == IPPROTO_TCP ? TCP_HEADER : UDP_HEADER) > length)
        return false;
    to->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    to->csum_start = (uint16_t)place.l4;
    to->csum_offset = place.protocol == IPPROTO_TCP ? TCP_SUM : UDP_SUM;
    if (!from->gso)
        return true;
    if (place.v6 != (from->gso == NETVF_FRONT_GSO_TCPV6))
        return false;
    to->gso_type = place.v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
    to->gso_size = from->gso_size;
    to->hdr_len = (uint16_t)(place.l4 + (head[place.l4 + 12] >> 4) * 4u);
    return true;
}
