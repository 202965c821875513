/* SPDX-License-Identifier: MIT */
/* The offloads of a frame in the two languages: virtio's header, which TAP interfaces speak (linux/virtio_net.h), and
 * netif's flags. */
#ifndef NETVF_FRONT_LINUX_VNET_H
#define NETVF_FRONT_LINUX_VNET_H

#include <linux/virtio_net.h>

#include "frontend/netfront.h"

/* Bytes at a frame's head that are enough to find what has to be known. */
#define VNET_HEAD 192u

/* Where the headers of a frame are, as offsets from its first byte. */
struct vnet_place {
    unsigned l3, l4;  /* IP; TCP, UDP or whatever comes behind it */
    uint8_t protocol; /* at l4 */
    bool v6;
};

/* Behind up to two tags, and IPv6's extension headers that a host may look past. False: no IP, or more than these bytes
 * would be needed. True says that IP's own header is in them, and nothing of what is at l4. */
bool vnet_find(const uint8_t *head, unsigned length, struct vnet_place *place);

/* From TAP: fills in csum_blank, gso and gso_size. False: this cannot be said in netif's flags, or was not agreed on. */
bool vnet_to_netif(const struct virtio_net_hdr *from, const struct netvf_front_link *link,
                   struct netvf_front_tx_frame *to);

/* To TAP: `head` is a private copy of the frame's first bytes, `length` of them. False: its flags and its headers do not
 * agree. */
bool vnet_from_netif(const struct netvf_front_rx_frame *from, const uint8_t *head, unsigned length,
                     struct virtio_net_hdr *to);

/* A number that the frames of one TCP or UDP flow share, and hardly two flows: it is made of the ports. 0 where there are
 * none. */
uint32_t vnet_flow(const uint8_t *head, unsigned length);

#endif
