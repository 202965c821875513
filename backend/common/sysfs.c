/* SPDX-License-Identifier: MIT */
#include "common/sysfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The caller's path, or "", which nothing below can open. */
__attribute__((format(printf, 2, 0))) static void format_path(char path[SYSFS_PATH_MAX],
                                                              const char *format, va_list args)
{
    int length = vsnprintf(path, SYSFS_PATH_MAX, format, args);

    if (length < 0 || length >= SYSFS_PATH_MAX)
        path[0] = '\0';
}

bool sysfs_exists(const char *format, ...)
{
    struct stat status;
    char path[SYSFS_PATH_MAX];
    va_list args;

    va_start(args, format);
    format_path(path, format, args);
    va_end(args);
    return lstat(path, &status) == 0;
}

static int read_line(char *value, size_t size, const char *path)
{
    ssize_t length;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return -1;
    length = read(fd, value, size);
    close(fd);
    if (length < 0)
        return -1;
    if ((size_t)length == size) {
        errno = EMSGSIZE;
        return -1;
    }
    value[length] = '\0';
    value[strcspn(value, "\n")] = '\0';
    return 0;
}

int sysfs_read(char *value, size_t size, const char *format, ...)
{
    char path[SYSFS_PATH_MAX];
    va_list args;

    va_start(args, format);
    format_path(path, format, args);
    va_end(args);
    return read_line(value, size, path);
}

int sysfs_read_number(unsigned long *number, const char *format, ...)
{
    char path[SYSFS_PATH_MAX], value[32], *end;
    va_list args;

    va_start(args, format);
    format_path(path, format, args);
    va_end(args);
    if (read_line(value, sizeof value, path) < 0)
        return -1;
    errno = 0;
    *number = strtoul(value, &end, 0);
    if (errno || end == value || *end) {
        errno = EINVAL;
        return -1;
    }
    return 0;
}

int sysfs_write(const char *value, const char *format, ...)
{
    char path[SYSFS_PATH_MAX];
    va_list args;
    ssize_t length;
    int fd, saved;

    va_start(args, format);
    format_path(path, format, args);
    va_end(args);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    length = write(fd, value, strlen(value));
    saved = errno;
    close(fd);
    errno = saved;
    return length < 0 ? -1 : 0;
}

int sysfs_link_name(char *name, size_t size, const char *format, ...)
{
    char path[SYSFS_PATH_MAX], target[SYSFS_PATH_MAX];
    va_list args;
    const char *last;
    ssize_t length;

    va_start(args, format);
    format_path(path, format, args);
    va_end(args);
    length = readlink(path, target, sizeof target - 1);
    if (length < 0)
        return -1;
    target[length] = '\0';
    last = strrchr(target, '/');
    last = last ? last + 1 : target;
    if (strlen(last) >= size) {
        errno = EMSGSIZE;
        return -1;
    }
    strcpy(name, last);
    return 0;
}
