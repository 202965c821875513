/* SPDX-License-Identifier: MIT */
/* store.h on libxenstore. */
#include "xen/store.h"

#include "common/why.h"

#include <xenstore.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct store {
    struct xs_handle *xs;
    xs_transaction_t transaction; /* XBT_NULL outside of a group of writes */
};

struct store *store_open(struct why *why)
{
    struct store *store = calloc(1, sizeof *store);

    if (!store) {
        why_fail(why, "no memory");
        return NULL;
    }
    store->transaction = XBT_NULL;
    store->xs = xs_open(XS_UNWATCH_FILTER);
    if (!store->xs) {
        why_fail(why, "cannot reach xenstore (%s); is xenstored running?", strerror(errno));
        free(store);
        return NULL;
    }
    return store;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    xs_close(store->xs);
    free(store);
}

int store_fd(const struct store *store)
{
    return xs_fileno(store->xs);
}

unsigned store_drain(struct store *store)
{
    unsigned count = 0;
    char **event;

    while ((event = xs_check_watch(store->xs))) {
        free(event);
        count++;
    }
    return count;
}

/* The path is its own token: nobody watches a path twice. */
int store_watch(struct store *store, const char *path)
{
    return xs_watch(store->xs, path, path) ? 0 : -1;
}

int store_unwatch(struct store *store, const char *path)
{
    return xs_unwatch(store->xs, path, path) ? 0 : -1;
}

static int join(char path[STORE_PATH_MAX], const char *dir, const char *key)
{
    int length = snprintf(path, STORE_PATH_MAX, "%s/%s", dir, key);

    if (length < 0 || length >= STORE_PATH_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return 0;
}

int store_read(struct store *store, const char *dir, const char *key, char value[STORE_VALUE_MAX])
{
    char path[STORE_PATH_MAX], *bytes;
    unsigned length;
    int rc, saved;

    if (join(path, dir, key) < 0)
        return -1;
    bytes = xs_read(store->xs, store->transaction, path, &length);
    if (!bytes)
        return -1;
    rc = store_value(bytes, length, value);
    saved = errno;
    free(bytes);
    errno = saved;
    return rc;
}

int store_write(struct store *store, const char *dir, const char *key, const char *value)
{
    char path[STORE_PATH_MAX];

    if (join(path, dir, key) < 0)
        return -1;
    return xs_write(store->xs, store->transaction, path, value, (unsigned)strlen(value)) ? 0 : -1;
}

int store_remove(struct store *store, const char *dir, const char *key)
{
    char path[STORE_PATH_MAX];

    if (join(path, dir, key) < 0)
        return -1;
    return xs_rm(store->xs, store->transaction, path) ? 0 : -1;
}

int store_list(struct store *store, const char *path, char ***names, unsigned *count)
{
    *names = xs_directory(store->xs, store->transaction, path, count);
    return *names ? 0 : -1;
}

int store_begin(struct store *store)
{
    if (store->transaction != XBT_NULL) {
        errno = EBUSY;
        return -1;
    }
    store->transaction = xs_transaction_start(store->xs);
    return store->transaction == XBT_NULL ? -1 : 0;
}

static int end(struct store *store, bool abort)
{
    xs_transaction_t transaction = store->transaction;

    store->transaction = XBT_NULL;
    return xs_transaction_end(store->xs, transaction, abort) ? 0 : -1;
}

int store_commit(struct store *store)
{
    return end(store, false);
}

void store_abort(struct store *store)
{
    int saved = errno;

    end(store, true);
    errno = saved;
}

int store_own_domid(struct store *store, uint16_t *domid)
{
    char *bytes, value[STORE_VALUE_MAX];
    unsigned length;
    uint32_t number;
    int rc;

    /* A relative path: it starts from the home of whoever asks. */
    bytes = xs_read(store->xs, XBT_NULL, "domid", &length);
    if (!bytes)
        return -1;
    rc = store_value(bytes, length, value);
    free(bytes);
    if (rc < 0 || store_number(value, 0x7fef, &number) < 0)
        return -1;
    *domid = (uint16_t)number;
    return 0;
}

bool store_domain_alive(struct store *store, uint16_t domid)
{
    return xs_is_domain_introduced(store->xs, domid);
}
