/* SPDX-License-Identifier: MIT */
/* netvf set: another translation, or windows or none, for a vif that is running. */
#include <stdio.h>
#include <string.h>

#include "dom0-tools/netvf/client.h"
#include "dom0-tools/netvf/domain.h"
#include "dom0-tools/netvf/netvf.h"

#define TRANSLATION "translation="
#define WINDOWS     "windows="

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static void print_windows(const struct options *options, const json_t *answer)
{
    const char *word = client_text(answer, "windows");

    printf("The windows of vif %s are %s; its guest has put %lld pages into them.\n",
           options->operand, word ? word : "?", client_number(answer, "pages"));
}

static void print_translation(const struct options *options, const json_t *answer)
{
    const char *word = options->setting + strlen(TRANSLATION);
    const char *now = client_text(answer, "translation");
    long long outage = client_number(answer, "outage_ms");

    if (!now)
        printf("No VF serves vif %s just now: translation %s is noted for when one does.\n",
               options->operand, word);
    else if (outage == 0)
        printf("Vif %s is on translation %s.\n", options->operand, now);
    else
        printf("Vif %s goes on with translation %s after %lld ms.\n", options->operand, now,
               outage);
}

static enum outcome ask(const struct options *options, const struct target *target, struct why *why)
{
    const char *value = strchr(options->setting, '=') + 1;
    bool windows = begins(options->setting, WINDOWS);
    json_t *request =
        json_pack("{s:s, s:I, s:I, s:s}", "call", "set", "dom", (json_int_t)target->dom, "devid",
                  (json_int_t)target->devid, windows ? "windows" : "translation", value);
    json_t *answer;

    if (!request) {
        why_fail(why, "the value is no text");
        return OUTCOME_USAGE;
    }
    answer = client_call(options->socket, request, CLIENT_RESETS_MS, why);
    json_decref(request);
    if (!answer)
        return OUTCOME_FAILED;
    if (options->json)
        client_print(answer);
    else if (windows)
        print_windows(options, answer);
    else
        print_translation(options, answer);
    json_decref(answer);
    return OUTCOME_DONE;
}

enum outcome command_set(const struct options *options, struct why *why)
{
    struct target target;

    if (!begins(options->setting, TRANSLATION) && !begins(options->setting, WINDOWS)) {
        why_fail(why, "%s cannot be set, " SETTING_SHOWN " can", options->setting);
        return OUTCOME_USAGE;
    }
    if (target_parse(options->operand, &target, why) < 0)
        return OUTCOME_FAILED;
    if (!target.one) {
        why_fail(why, "%s should be DOM/DEVID", options->operand);
        return OUTCOME_USAGE;
    }
    return ask(options, &target, why);
}
