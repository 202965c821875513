/* SPDX-License-Identifier: MIT */
/* The PF's administrative side of a VF, by rtnetlink: what `ip link set PF vf N ...` does. */
#ifndef NETVF_VF_NETLINK_H
#define NETVF_VF_NETLINK_H

#include <stdint.h>

struct why;

/* VF `index` of the network device `pf`: this port VLAN (0: none), not trusted, spoof check on, and
 * this MAC address. To be done before the VF's reset handshake, in which the PF tells it the address. -1
 * and a sentence if the PF refuses. */
int netlink_vf_set_up(const char *pf, unsigned index, const uint8_t mac[6], uint16_t vlan,
                      struct why *why);
/* Takes the MAC address and the port VLAN away again. -1 and a sentence if the PF refuses. */
int netlink_vf_clear(const char *pf, unsigned index, struct why *why);

#endif
