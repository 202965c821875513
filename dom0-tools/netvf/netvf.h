/* SPDX-License-Identifier: MIT */
/* What the subcommands of netvf have in common. */
#ifndef NETVF_DOM0_TOOLS_NETVF_H
#define NETVF_DOM0_TOOLS_NETVF_H

#include <stdbool.h>

#include "common/why.h"

struct options {
    const char *socket;  /* where the daemon listens */
    const char *operand; /* NULL if none was given */
    bool json;
};

/* What a subcommand returns, and what netvf exits with. */
enum outcome {
    OUTCOME_DONE = 0,
    OUTCOME_FAILED = 1, /* `why` has the sentence, or is empty if all has been said */
    OUTCOME_USAGE = 2,
};

enum outcome command_list(const struct options *options, struct why *why);
enum outcome command_show(const struct options *options, struct why *why);
enum outcome command_check(const struct options *options, struct why *why);

#endif
