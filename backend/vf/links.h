/* SPDX-License-Identifier: MIT */
/* Network devices of dom0 that go up and down, by rtnetlink's link group: a PF that does so takes its VFs along. */
#ifndef NETVF_VF_LINKS_H
#define NETVF_VF_LINKS_H

#include <stdbool.h>
#include <stddef.h>

struct links;
struct why;

/* NULL and a sentence. */
struct links *links_open(struct why *why);
void links_close(struct links *links);
/* Readable when there is something to drain. */
int links_fd(const struct links *links);
/* Takes in what has been announced, without blocking. True if a device has come, gone, or changed its being up or its
 * carrier; other news (there is some with each VF's address that we set) does not count. */
bool links_drain(struct links *links);
/* The same for messages in hand. */
bool links_take(struct links *links, const void *messages, size_t length);

#endif
