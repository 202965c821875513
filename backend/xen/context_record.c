/* SPDX-License-Identifier: MIT */
#include "xen/context_record.h"

#include "common/each_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONTEXT_DIR NETVF_RUNDIR "/context"

static const char record_magic[8] = "netvfc1";

int context_file_create(struct context_file *file, const char *name)
{
    if ((mkdir(NETVF_RUNDIR, 0755) < 0 && errno != EEXIST) ||
        (mkdir(CONTEXT_DIR, 0700) < 0 && errno != EEXIST))
        return -1;
    snprintf(file->path, sizeof file->path, CONTEXT_DIR "/%s", name);
    for (unsigned i = 1;; i++) {
        file->fd = open(file->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (file->fd >= 0)
            return 0;
        if (errno != EEXIST)
            return -1;
        snprintf(file->path, sizeof file->path, CONTEXT_DIR "/%s~%u", name, i);
    }
}

int context_file_write(const struct context_file *file, const struct context_record *record)
{
    struct context_record copy = *record;
    ssize_t written;

    memcpy(copy.magic, record_magic, sizeof copy.magic);
    written = pwrite(file->fd, &copy, sizeof copy, 0);
    if (written == (ssize_t)sizeof copy)
        return 0;
    if (written >= 0)
        errno = ENOSPC;
    return -1;
}

void context_file_close(struct context_file *file, int done)
{
    if (done)
        unlink(file->path);
    close(file->fd);
    file->fd = -1;
}

int context_file_read(const char *name, struct context_file *file, struct context_record *record)
{
    snprintf(file->path, sizeof file->path, CONTEXT_DIR "/%s", name);
    file->fd = open(file->path, O_RDWR | O_CLOEXEC);
    if (file->fd < 0)
        return -1;
    if (pread(file->fd, record, sizeof *record, 0) != (ssize_t)sizeof *record ||
        memcmp(record->magic, record_magic, sizeof record_magic) != 0 ||
        record->page_count > CONTEXT_PAGES_MAX) {
        close(file->fd);
        file->fd = -1;
        errno = EINVAL;
        return -1;
    }
    record->pci[sizeof record->pci - 1] = '\0';
    return 0;
}

void context_file_each(void (*each)(const char *name, void *context), void *context)
{
    each_file(CONTEXT_DIR, each, context);
}
