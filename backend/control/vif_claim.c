/* SPDX-License-Identifier: MIT */
#include "control/vif_claim.h"

#include "xen/store.h"
#include "xenstore-schema/keys.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int vif_claim(struct store *store, uint16_t own_domid, const char *path)
{
    char script[STORE_VALUE_MAX], absolute[STORE_PATH_MAX];
    const char *last;

    if (path[0] != '/') {
        int length = snprintf(absolute, sizeof absolute, "/local/domain/%u/%s", own_domid, path);

        if (length < 0 || (size_t)length >= sizeof absolute) {
            errno = ENAMETOOLONG;
            return -1;
        }
        path = absolute;
    }
    if (store_read(store, path, KEY_BE_SCRIPT, script) < 0)
        return -1;
    last = strrchr(script, '/');
    return strcmp(last ? last + 1 : script, VIF_CLAIM_SCRIPT) == 0;
}
