/* SPDX-License-Identifier: MIT */
/* What the first bytes of a frame are, and the edits that a VF needs in them before it can finish the frame. */
#ifndef NETVF_DATAPATH_HEADERS_H
#define NETVF_DATAPATH_HEADERS_H

#include <stdbool.h>
#include <stdint.h>

#include "vf/vf.h"

#define ETH_HEADER 14u
/* Bytes of a frame that are looked at: the longest headers there are over IPv4 (14 + VLAN tag 4 + 60 + 60), rounded
 * up. */
#define HEADER_COPY 144u

struct headers {
    uint16_t length; /* all of the headers that were understood; the payload begins there */
    uint16_t ip_len; /* 0: not IP */
    uint8_t mac_len;
    uint8_t l4_len; /* 0: not TCP or UDP, or a fragment */
    enum vf_l4 l4;
    bool ipv4;
    bool vlan;
};

/* Reads `count` bytes at `bytes` (private memory, at least ETH_HEADER). Never fails: what is not understood counts as
 * payload. */
void headers_read(const uint8_t *bytes, unsigned count, struct headers *headers);

/* Prepares TCP/IPv4 headers for segmentation by the VF (82576 datasheet 7.2.4.3): total length and header checksum 0,
 * TCP checksum = sum over the pseudo-header without the length. */
void headers_prepare_tso(uint8_t *bytes, const struct headers *headers);

#endif
