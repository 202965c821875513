/* SPDX-License-Identifier: MIT */
/* A TAP interface with one or several queues, each a descriptor that reads and writes whole frames behind a
 * struct virtio_net_hdr. Functions return -1/errno. */
#ifndef NETVF_FRONT_LINUX_TAP_H
#define NETVF_FRONT_LINUX_TAP_H

#include <net/if.h>

#include "frontend/netfront.h"

struct tap {
    char name[IFNAMSIZ];
    unsigned queues, active;
    int fds[NETVF_FRONT_QUEUES_MAX]; /* all the time; `active` of them carry frames */
};

/* `name` may hold a %d for a number that the kernel chooses. */
int tap_open(struct tap *tap, const char *name, unsigned queues);
void tap_close(struct tap *tap);
/* MAC address, MTU, offloads and number of queues of a connection. */
int tap_configure(struct tap *tap, const struct netvf_front_link *link);
void tap_carrier(const struct tap *tap, bool up);
/* Checksums and segments may be left to the backend: see tap_configure. */
bool tap_offloads(const struct netvf_front_link *link);

#endif
