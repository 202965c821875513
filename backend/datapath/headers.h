/* SPDX-License-Identifier: MIT */
/* What the first bytes of a frame are, and the edits that they need before a VF can finish the frame, or in its
 * place. */
#ifndef NETVF_DATAPATH_HEADERS_H
#define NETVF_DATAPATH_HEADERS_H

#include <stdbool.h>
#include <stdint.h>

#include "vf/vf.h"

#define ETH_HEADER 14u
/* Bytes of each frame that are looked at. A VF segments only what has all of its headers in here: 14 Ethernet, 4 VLAN
 * tag, 60 IPv4 (or 40 IPv6), 60 TCP at the longest. IPv6 gets 74 bytes more for extension headers below the longest
 * TCP header, which is both of Mobile IPv6's (24 + 24) or a segment routing header of four hops (8 + 64). */
#define HEADER_COPY 192u

struct headers {
    /* As the VF is told. ip_len 0: not IP; l4 VF_L4_NONE and l4_len 0: not TCP or UDP, or a fragment. */
    struct vf_offload vf;
    uint16_t length; /* all of the headers that were understood; the payload begins there */
    bool vlan;
    bool cut; /* they go on beyond the bytes that were there */
};

/* Reads `count` bytes at `bytes` (private memory, at least ETH_HEADER). Never fails: what is not understood counts as
 * payload. vf.mss is left 0. */
void headers_read(const uint8_t *bytes, unsigned count, struct headers *headers);

/* Is the IP header without options or extension headers? Else there may be a route or a home address in them, and the
 * pseudo-header of the L4 checksum is over other addresses than the IP header has (RFC 8200 8.1, RFC 6275 11.3.1). */
bool headers_plain(const struct headers *headers);

/* Prepares the TCP headers of a frame of `total` bytes for segmentation by the VF (82576 datasheet 7.2.4.3): IPv4
 * total length and header checksum, or IPv6 payload length, 0; TCP checksum = sum over the pseudo-header without the
 * length. Where the headers are not plain, the checksum field must hold the guest's pseudo-header sum. */
void headers_prepare_tso(uint8_t *bytes, const struct headers *headers, uint32_t total);

/* Finishes the checksum of TCP or UDP in a whole frame of `total` bytes, whose checksum field holds the pseudo-header
 * sum. False if the packet's length is not what its IP header says. */
bool headers_finish_checksum(uint8_t *bytes, const struct headers *headers, uint32_t total);

#endif
