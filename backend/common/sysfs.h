/* SPDX-License-Identifier: MIT */
/* Small files of sysfs. Paths are printf-like, so that the root can be given (a unit test has
 * its own). */
#ifndef NETVF_COMMON_SYSFS_H
#define NETVF_COMMON_SYSFS_H

#include <stdbool.h>
#include <stddef.h>

/* Longest path that is built; longer ones fail with ENOENT. */
#define SYSFS_PATH_MAX 512

bool sysfs_exists(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* First line of a file, without its newline. -1/errno; EMSGSIZE if it does not fit. */
int sysfs_read(char *value, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A number, decimal or with 0x, 0 or more. -1/errno. */
int sysfs_read_number(unsigned long *number, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Writes `value` to a file that is there, in one go. -1/errno. */
int sysfs_write(const char *value, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Last component of where a symbolic link points to. -1/errno. */
int sysfs_link_name(char *name, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
