/* SPDX-License-Identifier: MIT */
#include "xen/journal.h"

#include "common/each_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define JOURNAL_DIR NETVF_RUNDIR "/journal"

static const char journal_magic[8] = "netvfj1";

static struct journal_file *map_file(int fd)
{
    void *file = mmap(NULL, sizeof(struct journal_file), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    return file == MAP_FAILED ? NULL : file;
}

/* A journal of the same name may be there still, with pins that could not be released: it stays, and this one gets a
 * number. */
static int create(struct journal *journal, const char *name)
{
    int fd;

    snprintf(journal->path, sizeof journal->path, "%s/%s", JOURNAL_DIR, name);
    for (unsigned i = 1;; i++) {
        fd = open(journal->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd >= 0 || errno != EEXIST)
            return fd;
        snprintf(journal->path, sizeof journal->path, "%s/%s~%u", JOURNAL_DIR, name, i);
    }
}

int journal_open(struct journal *journal, const char *name, const char *pci)
{
    int fd;

    if ((mkdir(NETVF_RUNDIR, 0755) < 0 && errno != EEXIST) ||
        (mkdir(JOURNAL_DIR, 0700) < 0 && errno != EEXIST))
        return -1;
    fd = create(journal, name);
    if (fd < 0)
        return -1;
    journal->file = ftruncate(fd, sizeof(struct journal_file)) < 0 ? NULL : map_file(fd);
    close(fd);
    if (!journal->file) {
        unlink(journal->path);
        return -1;
    }
    memcpy(journal->file->magic, journal_magic, sizeof journal_magic);
    snprintf(journal->file->pci, sizeof journal->file->pci, "%s", pci);
    journal->file->capacity = JOURNAL_CAPACITY;
    for (unsigned i = 0; i < JOURNAL_CAPACITY; i++)
        journal->free[i] = (uint16_t)(JOURNAL_CAPACITY - 1 - i);
    journal->free_count = JOURNAL_CAPACITY;
    return 0;
}

void journal_close(struct journal *journal)
{
    if (!journal->file)
        return;
    if (journal->free_count == JOURNAL_CAPACITY && !journal->file->irq.evtchn)
        unlink(journal->path);
    munmap(journal->file, sizeof *journal->file);
    journal->file = NULL;
}

int journal_take(struct journal *journal)
{
    if (!journal->free_count) {
        errno = ENOSPC;
        return -1;
    }
    return journal->free[--journal->free_count];
}

void journal_put(struct journal *journal, uint16_t index)
{
    journal->free[journal->free_count++] = index;
}

struct journal_file *journal_load(const char *name)
{
    struct journal_file *file;
    struct stat status;
    char path[300];
    int fd;

    snprintf(path, sizeof path, "%s/%s", JOURNAL_DIR, name);
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &status) < 0 || status.st_size != (off_t)sizeof *file) {
        close(fd);
        errno = EINVAL;
        return NULL;
    }
    file = map_file(fd);
    close(fd);
    if (!file)
        return NULL;
    if (memcmp(file->magic, journal_magic, sizeof journal_magic) != 0 ||
        file->capacity != JOURNAL_CAPACITY) {
        munmap(file, sizeof *file);
        errno = EINVAL;
        return NULL;
    }
    file->pci[sizeof file->pci - 1] = '\0';
    return file;
}

void journal_unload(struct journal_file *file, const char *name, int done)
{
    char path[300];

    munmap(file, sizeof *file);
    snprintf(path, sizeof path, "%s/%s", JOURNAL_DIR, name);
    if (done)
        unlink(path);
}

void journal_each(void (*each)(const char *name, void *context), void *context)
{
    each_file(JOURNAL_DIR, each, context);
}
