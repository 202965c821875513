/* SPDX-License-Identifier: MIT */
#include "common/mac.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static unsigned digit(char c)
{
    return isdigit((unsigned char)c) ? (unsigned)(c - '0')
                                     : (unsigned)(tolower((unsigned char)c) - 'a' + 10);
}

int mac_parse(const char *text, uint8_t mac[6])
{
    unsigned any = 0;

    if (strlen(text) != MAC_TEXT - 1)
        goto malformed;
    for (unsigned i = 0; i < 6; i++) {
        const char *pair = text + (size_t)3 * i;

        if (!isxdigit((unsigned char)pair[0]) || !isxdigit((unsigned char)pair[1]) ||
            pair[2] != (i < 5 ? ':' : '\0'))
            goto malformed;
        mac[i] = (uint8_t)(digit(pair[0]) << 4 | digit(pair[1]));
        any |= mac[i];
    }
    if (any && !(mac[0] & 1))
        return 0;

malformed:
    errno = EINVAL;
    return -1;
}

const char *mac_format(const uint8_t mac[6], char text[MAC_TEXT])
{
    snprintf(text, MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
             mac[4], mac[5]);
    return text;
}
