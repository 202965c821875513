/* SPDX-License-Identifier: MIT */
#include "common/why.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int why_fail(struct why *why, const char *format, ...)
{
    int saved = errno;
    va_list args;

    if (why) {
        va_start(args, format);
        vsnprintf(why->text, sizeof why->text, format, args);
        va_end(args);
    }
    errno = saved;
    return -1;
}
