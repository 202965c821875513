/* SPDX-License-Identifier: MIT */
/* fake_xen.h's libxenstore. */
#include "sim/fake_xen_private.h"

#include <xenstore.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define KEYS    256u
#define WATCHES 16u

struct key {
    char path[96], value[128];
};

static struct key keys[KEYS], before[KEYS];
static char watches[WATCHES][96];
static unsigned fired[WATCHES];
static int watch_fd = -1;
static char handle;
static unsigned transaction;

static bool below(const char *path, const char *dir)
{
    size_t length = strlen(dir);

    return strncmp(path, dir, length) == 0 && (!path[length] || path[length] == '/');
}

static struct key *find(const char *path)
{
    for (unsigned i = 0; i < KEYS; i++)
        if (keys[i].path[0] && strcmp(keys[i].path, path) == 0)
            return &keys[i];
    return NULL;
}

static void fire(const char *path)
{
    for (unsigned i = 0; i < WATCHES; i++)
        if (watches[i][0] && (below(path, watches[i]) || below(watches[i], path))) {
            fired[i]++;
            expect(eventfd_write(watch_fd, 1) == 0);
        }
}

static void put(const char *path, const char *value)
{
    struct key *key = find(path);

    for (unsigned i = 0; !key && i < KEYS; i++)
        if (!keys[i].path[0])
            key = &keys[i];
    expect(key && strlen(path) < sizeof key->path && strlen(value) < sizeof key->value);
    strcpy(key->path, path);
    strcpy(key->value, value);
}

static unsigned take_away(const char *path)
{
    unsigned count = 0;

    for (unsigned i = 0; i < KEYS; i++)
        if (keys[i].path[0] && below(keys[i].path, path)) {
            keys[i].path[0] = 0;
            count++;
        }
    return count;
}

void fake_xs_open(void)
{
    memset(keys, 0, sizeof keys);
    memset(watches, 0, sizeof watches);
    memset(fired, 0, sizeof fired);
    transaction = 0;
    if (watch_fd < 0)
        watch_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

void fake_xen_set(const char *path, const char *value)
{
    if (value)
        put(path, value);
    else
        take_away(path);
    fire(path);
}

const char *fake_xen_get(const char *path)
{
    const struct key *key = find(path);

    return key ? key->value : "";
}

/* ---- The library ---- */

struct xs_handle *xs_open(unsigned long flags)
{
    (void)flags;
    if (fake_xen_fails())
        return NULL;
    fake_xen.handles++;
    return (void *)&handle;
}

void xs_close(struct xs_handle *xs)
{
    if (!xs)
        return;
    expect((void *)xs == &handle && fake_xen.handles);
    memset(watches, 0, sizeof watches);
    fake_xen.handles--;
}

int xs_fileno(struct xs_handle *xs)
{
    expect((void *)xs == &handle);
    return watch_fd;
}

bool xs_watch(struct xs_handle *xs, const char *path, const char *token)
{
    unsigned at = 0;

    expect((void *)xs == &handle && token && strlen(path) < sizeof watches[0]);
    if (fake_xen_fails())
        return false;
    while (watches[at][0])
        expect(++at < WATCHES);
    strcpy(watches[at], path);
    fired[at] = 1; /* each watch fires once when it is set */
    return eventfd_write(watch_fd, 1) == 0;
}

bool xs_unwatch(struct xs_handle *xs, const char *path, const char *token)
{
    expect((void *)xs == &handle && token);
    for (unsigned i = 0; i < WATCHES; i++)
        if (strcmp(watches[i], path) == 0) {
            watches[i][0] = 0;
            fired[i] = 0;
            return true;
        }
    errno = ENOENT;
    return false;
}

char **xs_check_watch(struct xs_handle *xs)
{
    eventfd_t seen;

    expect((void *)xs == &handle);
    for (unsigned i = 0; i < WATCHES; i++)
        if (fired[i]) {
            fired[i]--;
            return calloc(2, sizeof(char *));
        }
    (void)eventfd_read(watch_fd, &seen);
    errno = EAGAIN;
    return NULL;
}

void *xs_read(struct xs_handle *xs, xs_transaction_t t, const char *path, unsigned *length)
{
    const struct key *key = find(path);

    expect((void *)xs == &handle && t == transaction);
    if (fake_xen_fails())
        return NULL;
    if (!key) {
        errno = ENOENT;
        return NULL;
    }
    *length = (unsigned)strlen(key->value);
    return strdup(key->value);
}

bool xs_write(struct xs_handle *xs, xs_transaction_t t, const char *path, const void *bytes,
              unsigned length)
{
    char value[128] = "";

    expect((void *)xs == &handle && t == transaction && length < sizeof value);
    if (fake_xen_fails())
        return false;
    memcpy(value, bytes, length);
    put(path, value);
    if (!transaction)
        fire(path);
    if (fake_xen.wrote)
        fake_xen.wrote(path, value);
    return true;
}

bool xs_rm(struct xs_handle *xs, xs_transaction_t t, const char *path)
{
    expect((void *)xs == &handle && t == transaction);
    if (fake_xen_fails())
        return false;
    if (take_away(path)) {
        fire(path);
        return true;
    }
    errno = ENOENT;
    return false;
}

/* One allocation, as the library has it: pointers, then names. */
char **xs_directory(struct xs_handle *xs, xs_transaction_t t, const char *path, unsigned *count)
{
    size_t length = strlen(path), room = KEYS * (sizeof(char *) + sizeof keys[0].path);
    char **names = calloc(1, room), *next;
    bool there = false;

    expect((void *)xs == &handle && t == transaction && names);
    next = (char *)(names + KEYS);
    *count = 0;
    for (unsigned i = 0; i < KEYS; i++) {
        const char *name = keys[i].path + length + 1;
        size_t size;
        unsigned known = 0;

        if (!keys[i].path[0] || !below(keys[i].path, path))
            continue;
        there = true;
        if (!keys[i].path[length])
            continue;
        size = strcspn(name, "/");
        while (known < *count &&
               (strncmp(names[known], name, size) != 0 || names[known][size] != 0))
            known++;
        if (known < *count)
            continue;
        memcpy(next, name, size);
        names[(*count)++] = next;
        next += size + 1;
    }
    if (there && !fake_xen_fails())
        return names;
    free(names);
    errno = ENOENT;
    return NULL;
}

xs_transaction_t xs_transaction_start(struct xs_handle *xs)
{
    expect((void *)xs == &handle && !transaction);
    if (fake_xen_fails())
        return XBT_NULL;
    memcpy(before, keys, sizeof before);
    transaction = 7;
    return transaction;
}

bool xs_transaction_end(struct xs_handle *xs, xs_transaction_t t, bool give_up)
{
    bool failed = !give_up && fake_xen_fails();

    expect((void *)xs == &handle && transaction && t == transaction);
    transaction = 0;
    if (give_up || failed)
        memcpy(keys, before, sizeof keys);
    else
        fire("/"), fire("device");
    return !failed;
}

bool xs_is_domain_introduced(struct xs_handle *xs, unsigned domid)
{
    expect((void *)xs == &handle);
    return domid < FAKE_XEN_DOMAINS && fake_xen.domains[domid].there;
}
