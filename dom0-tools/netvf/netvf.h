/* SPDX-License-Identifier: MIT */
/* What the subcommands of netvf have in common. */
#ifndef NETVF_DOM0_TOOLS_NETVF_H
#define NETVF_DOM0_TOOLS_NETVF_H

#include <stdbool.h>

#include "common/why.h"

struct options {
    const char *socket;  /* where the daemon listens */
    const char *operand; /* NULL if none was given */
    const char *setting; /* likewise: "translation=host" */
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
enum outcome command_set(const struct options *options, struct why *why);

/* What the setting of command_set may be: for the usage, and for the completion. */
#define SETTING_SHOWN "translation=WAY or windows=on|off"
#define SETTING_COMPLETE \
    "translation=auto translation=host translation=iommu windows=on windows=off"

#endif
