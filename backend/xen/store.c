/* SPDX-License-Identifier: MIT */
/* The part of store.h that is the same for every store: what counts as a value and as a number. */
#include "xen/store.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int store_number(const char *text, uint32_t max, uint32_t *number)
{
    uint64_t sum = 0;
    size_t length = strspn(text, "0123456789");

    /* strtoul would take blanks, signs and 0x: nothing that a key of ours may hold. */
    if (!length || length > 10 || text[length] != '\0')
        goto malformed;
    for (size_t i = 0; i < length; i++)
        sum = sum * 10 + (uint64_t)(text[i] - '0');
    if (sum > max)
        goto malformed;
    *number = (uint32_t)sum;
    return 0;

malformed:
    errno = EINVAL;
    return -1;
}

int store_value(const char *bytes, size_t length, char value[STORE_VALUE_MAX])
{
    if (length >= STORE_VALUE_MAX)
        goto malformed;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)bytes[i] < ' ' || bytes[i] == 0x7f)
            goto malformed;
    memcpy(value, bytes, length);
    value[length] = '\0';
    return 0;

malformed:
    errno = EMSGSIZE;
    return -1;
}

int store_read_number(struct store *store, const char *dir, const char *key, uint32_t max,
                      uint32_t *number)
{
    char value[STORE_VALUE_MAX];

    if (store_read(store, dir, key, value) < 0) {
        if (errno == EMSGSIZE)
            errno = EINVAL;
        return -1;
    }
    return store_number(value, max, number);
}

int store_printf(struct store *store, const char *dir, const char *key, const char *format, ...)
{
    char value[STORE_VALUE_MAX];
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(value, sizeof value, format, args);
    va_end(args);
    if (length < 0 || (size_t)length >= sizeof value) {
        errno = EMSGSIZE;
        return -1;
    }
    return store_write(store, dir, key, value);
}
