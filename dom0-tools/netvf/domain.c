/* SPDX-License-Identifier: MIT */
#include "dom0-tools/netvf/domain.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/why.h"

/* Xen's first reserved id: no domain has this one or a higher one. */
#define DOMAIN_RESERVED 0x7ff0u

static bool parse_decimal(const char *text, uint32_t max, uint32_t *number)
{
    uint64_t value = 0;

    if (!*text)
        return false;
    for (; *text; text++) {
        if (!isdigit((unsigned char)*text))
            return false;
        value = value * 10 + (uint64_t)(*text - '0');
        if (value > max)
            return false;
    }
    *number = (uint32_t)value;
    return true;
}

/* NULL if it has none. */
static const char *domain_name(struct store *store, uint32_t dom, char name[STORE_VALUE_MAX])
{
    char dir[STORE_PATH_MAX];

    snprintf(dir, sizeof dir, "/local/domain/%u", (unsigned)dom);
    return store_read(store, dir, "name", name) == 0 ? name : NULL;
}

void domain_add_name(struct store *store, json_t *object, uint32_t dom)
{
    char buffer[STORE_VALUE_MAX];
    const char *name = store ? domain_name(store, dom, buffer) : NULL;

    json_object_set_new(object, "name", name ? json_string(name) : json_null());
}

static int find_name(struct store *store, const char *wanted, uint32_t *dom, struct why *why)
{
    char **ids, name[STORE_VALUE_MAX];
    unsigned count;
    bool found = false;

    if (store_list(store, "/local/domain", &ids, &count) < 0)
        return why_fail(why, "cannot list the domains in xenstore");
    for (unsigned i = 0; i < count && !found; i++) {
        const char *has = NULL;

        if (parse_decimal(ids[i], DOMAIN_RESERVED - 1, dom))
            has = domain_name(store, *dom, name);
        found = has && strcmp(has, wanted) == 0;
    }
    free(ids);
    if (!found)
        return why_fail(why, "no domain is called %s: see 'xl list'", wanted);
    return 0;
}

static int look_up(const char *name, uint32_t *dom, struct why *why)
{
    struct store *store = store_open(why);
    int rc;

    if (!store)
        return -1;
    rc = find_name(store, name, dom, why);
    store_close(store);
    return rc;
}

int target_parse(const char *operand, struct target *target, struct why *why)
{
    char name[TARGET_MAX];
    char *slash;

    if (strlen(operand) >= sizeof name)
        return why_fail(why, "DOM/DEVID is too long");
    memcpy(name, operand, strlen(operand) + 1);
    /* The last one: a name may hold a slash of its own. */
    slash = strrchr(name, '/');
    target->one = slash != NULL;
    if (slash) {
        *slash = '\0';
        if (!parse_decimal(slash + 1, INT32_MAX, &target->devid))
            return why_fail(why, "%s should be DOM/DEVID with a number as DEVID", operand);
    }
    if (parse_decimal(name, DOMAIN_RESERVED - 1, &target->dom))
        return 0;
    return look_up(name, &target->dom, why);
}
