/* SPDX-License-Identifier: MIT */
/* A sysfs in a temporary directory: plain files and links where the kernel would have its own. */
#ifndef NETVF_TESTS_FAKE_SYSFS_H
#define NETVF_TESTS_FAKE_SYSFS_H

#include <stdbool.h>

/* Makes an empty one; returns its path, which is valid until fake_sysfs_close. One at a time. */
const char *fake_sysfs_open(void);
void fake_sysfs_close(void);

/* `path` is relative to its root; directories above it are made. */
void fake_sysfs_file(const char *path, const char *value);
void fake_sysfs_link(const char *path, const char *target);
void fake_sysfs_remove(const char *path);
/* A file's content. Valid until the next call. */
const char *fake_sysfs_read(const char *path);

/* A PF "eth0" at 0000:01:00.0, up, with `total` VFs of which `count` are there, at 0000:01:10.0,
 * .2, ... */
void fake_sysfs_pf(const char *name, unsigned total, unsigned count);
/* The address of its VF `index`. Valid until the next call. */
const char *fake_sysfs_vf(unsigned index);
/* A kernel driver takes, or lets go of, VF `index`. */
void fake_sysfs_driver(unsigned index, const char *driver);

#endif
