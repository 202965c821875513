/* SPDX-License-Identifier: MIT */
/* netvf check: a live vif's xenstore directories against the schema. */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dom0-tools/netvf/domain.h"
#include "dom0-tools/netvf/netvf.h"
#include "xenstore-schema/check.h"
#include "xenstore-schema/keys.h"

/* The guest decides how much lies in its directory: look at no more than this. */
#define KEYS_MAX  512
#define DEPTH_MAX 3

#define OUR_SCRIPT "vif-netvf"

/* All keys below a directory. */
struct tree {
    struct schema_pair pairs[KEYS_MAX];
    unsigned count;
    bool cut; /* there was more */
};

static char *copy(const char *text)
{
    char *copied = strdup(text);

    if (!copied)
        err(1, "netvf");
    return copied;
}

static void tree_free(struct tree *tree)
{
    for (unsigned i = 0; i < tree->count; i++) {
        free((char *)tree->pairs[i].key);
        free((char *)tree->pairs[i].value);
    }
}

/* The value at `path`. A node that only holds others says nothing and is left out. */
static void add_value(struct tree *tree, struct store *store, const char *dir, const char *key,
                      bool has_children)
{
    char value[STORE_VALUE_MAX];
    bool readable = store_read(store, dir, key, value) == 0;

    if (!readable && errno != EMSGSIZE)
        return; /* gone since it was listed, or not ours to read */
    if (has_children && readable && !value[0])
        return;
    if (tree->count == KEYS_MAX) {
        tree->cut = true;
        return;
    }
    tree->pairs[tree->count++] = (struct schema_pair){copy(key), readable ? copy(value) : NULL};
}

/* `below` is "" or the part of the path below `dir`, with a slash at its end. */
static int walk(struct tree *tree, struct store *store, const char *dir, const char *below,
                unsigned depth)
{
    char path[STORE_PATH_MAX], key[STORE_PATH_MAX];
    char **names;
    unsigned count;

    snprintf(path, sizeof path, "%s/%s", dir, below);
    path[strlen(path) - 1] = '\0';
    if (store_list(store, path, &names, &count) < 0)
        return -1;
    for (unsigned i = 0; i < count && !tree->cut; i++) {
        unsigned before = tree->count;
        int length = snprintf(key, sizeof key, "%s%s/", below, names[i]);

        /* No key that the schema knows is nearly as long, or lies as deep. */
        if (strlen(dir) + (size_t)length + 1 >= sizeof path) {
            tree->cut = true;
            break;
        }
        if (depth < DEPTH_MAX)
            walk(tree, store, dir, key, depth + 1);
        key[length - 1] = '\0';
        add_value(tree, store, dir, key, tree->count > before);
    }
    free(names);
    return 0;
}

struct findings {
    const char *end;
    unsigned violations, warnings;
};

static void print_finding(void *context, enum schema_severity severity, const char *sentence)
{
    struct findings *findings = context;

    if (severity == SCHEMA_VIOLATION)
        findings->violations++;
    else
        findings->warnings++;
    printf("%s: %s%s\n", findings->end, severity == SCHEMA_WARNING ? "warning: " : "", sentence);
}

static int check_end(struct store *store, enum schema_side side, const char *dir,
                     struct findings *findings)
{
    struct tree tree = {.count = 0};

    findings->end = side == SCHEMA_BE ? "backend" : "frontend";
    if (walk(&tree, store, dir, "", 1) < 0) {
        printf("%s: %s is missing\n", findings->end, dir);
        findings->violations++;
        return -1;
    }
    schema_check(side, tree.pairs, tree.count, print_finding, findings);
    if (tree.cut)
        print_finding(findings, SCHEMA_WARNING,
                      "there are more keys, or longer ones, than a vif needs");
    tree_free(&tree);
    return 0;
}

/* Only a vif of ours has to keep our schema. */
static int is_ours(struct store *store, const char *dir, const char *operand, struct why *why)
{
    char script[STORE_VALUE_MAX];
    const char *base;

    if (store_read(store, dir, KEY_BE_SCRIPT, script) < 0)
        return why_fail(why, "there is no vif %s in %s", operand, dir);
    base = strrchr(script, '/');
    if (strcmp(base ? base + 1 : script, OUR_SCRIPT) != 0)
        return why_fail(why, "vif %s is not netvf's: its script is %s", operand, script);
    return 0;
}

static enum outcome check_vif(struct store *store, const struct target *target, const char *operand,
                              struct why *why)
{
    struct findings findings = {NULL, 0, 0};
    char backend[STORE_PATH_MAX], frontend[STORE_PATH_MAX];
    uint16_t own;

    if (store_own_domid(store, &own) < 0) {
        why_fail(why, "xenstore does not tell which domain this is: is xen-init-dom0 missing?");
        return OUTCOME_FAILED;
    }
    snprintf(backend, sizeof backend, PATH_BE_DIR, (unsigned)own, (unsigned)target->dom,
             (unsigned)target->devid);
    snprintf(frontend, sizeof frontend, PATH_FE_DIR, (unsigned)target->dom,
             (unsigned)target->devid);
    if (is_ours(store, backend, operand, why) < 0)
        return OUTCOME_FAILED;
    check_end(store, SCHEMA_BE, backend, &findings);
    check_end(store, SCHEMA_FE, frontend, &findings);
    printf("vif %u/%u: %u violations, %u warnings\n", (unsigned)target->dom,
           (unsigned)target->devid, findings.violations, findings.warnings);
    return findings.violations ? OUTCOME_FAILED : OUTCOME_DONE;
}

enum outcome command_check(const struct options *options, struct why *why)
{
    struct target target;
    struct store *store;
    enum outcome outcome;

    if (target_parse(options->operand, &target, why) < 0)
        return OUTCOME_FAILED;
    if (!target.one) {
        why_fail(why, "%s should be DOM/DEVID", options->operand);
        return OUTCOME_USAGE;
    }
    store = store_open(why);
    if (!store)
        return OUTCOME_FAILED;
    outcome = check_vif(store, &target, options->operand, why);
    store_close(store);
    return outcome;
}
