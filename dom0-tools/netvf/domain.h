/* SPDX-License-Identifier: MIT */
/* Guests by name and by id. */
#ifndef NETVF_DOM0_TOOLS_DOMAIN_H
#define NETVF_DOM0_TOOLS_DOMAIN_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "xen/store.h"

struct why;

/* Longest operand "DOM/DEVID". */
#define TARGET_MAX 128

/* One vif, or all vifs of a guest. */
struct target {
    uint32_t dom;
    uint32_t devid;
    bool one; /* devid counts */
};

/* Takes "DOM" or "DOM/DEVID" apart. Only digits make an id; everything else is looked up among the
 * names of running domains, for which `store` may have to be opened. -1 and a sentence. */
int target_parse(const char *operand, struct target *target, struct why *why);

/* Adds the name of the domain to an object of an answer, as "name"; null if it has none. A NULL
 * store knows no names: they are a courtesy, what the daemon says holds without them. */
void domain_add_name(struct store *store, json_t *object, uint32_t dom);

#endif
