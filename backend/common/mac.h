/* SPDX-License-Identifier: MIT */
/* Ethernet addresses as text. */
#ifndef NETVF_COMMON_MAC_H
#define NETVF_COMMON_MAC_H

#include <stdint.h>

#define MAC_TEXT 18 /* "00:16:3e:00:00:01" and its terminator */

/* Six pairs of hexadecimal digits separated by ':', nothing else. -1/EINVAL also for an address
 * that no station may have: a group address, or all zeros. */
int mac_parse(const char *text, uint8_t mac[6]);
/* Returns `text`. */
const char *mac_format(const uint8_t mac[6], char text[MAC_TEXT]);

#endif
