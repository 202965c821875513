/* SPDX-License-Identifier: MIT */
#include "common/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static enum log_level log_limit = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
    log_limit = level;
}

void log_line(enum log_level level, const char *format, ...)
{
    char line[512];
    va_list args;
    int prefix, length;

    if (level > log_limit)
        return;
    /* journald reads the prefix; on a terminal it would only be in the way. */
    prefix = isatty(STDERR_FILENO) ? 0 : snprintf(line, sizeof line, "<%d>", (int)level);
    va_start(args, format);
    length = vsnprintf(line + prefix, sizeof line - (size_t)prefix, format, args);
    va_end(args);
    if (length < 0)
        return;
    /* One write per line: lines of several threads do not mix. */
    fprintf(stderr, "%s\n", line);
}
