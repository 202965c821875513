/* SPDX-License-Identifier: MIT */
#include "sim/fake_store.h"

#include "xen/store.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODES_MAX   512
#define WATCHES_MAX 32
#define DEAD_MAX    8

struct node {
    char path[STORE_PATH_MAX];
    char bytes[2 * STORE_VALUE_MAX];
    size_t length;
};

struct tree {
    struct node nodes[NODES_MAX];
    unsigned count;
};

struct store {
    struct tree tree, before; /* `before`: as it was when the transaction began */
    bool in_transaction;
    char watches[WATCHES_MAX][STORE_PATH_MAX];
    unsigned watch_count, fired;
    unsigned dead[DEAD_MAX], dead_count;
    void (*interfere)(struct store *store);
    unsigned failing_writes, failing_reads;
};

static bool below(const char *path, const char *top)
{
    size_t length = strlen(top);

    return strncmp(path, top, length) == 0 && (path[length] == '/' || !path[length]);
}

static void fire(struct store *store, const char *path)
{
    for (unsigned i = 0; i < store->watch_count; i++)
        store->fired += below(path, store->watches[i]);
}

static struct node *find(const struct tree *tree, const char *path)
{
    for (unsigned i = 0; i < tree->count; i++)
        if (strcmp(tree->nodes[i].path, path) == 0)
            return (struct node *)&tree->nodes[i];
    return NULL;
}

/* As xenstored does, with the directories above it. */
static struct node *make(struct tree *tree, const char *path)
{
    struct node *node = find(tree, path);
    char above[STORE_PATH_MAX], *slash;

    if (node)
        return node;
    snprintf(above, sizeof above, "%s", path);
    slash = strrchr(above, '/');
    if (slash && slash != above) {
        *slash = '\0';
        make(tree, above);
    }
    ck_assert_uint_lt(tree->count, NODES_MAX);
    node = &tree->nodes[tree->count++];
    memset(node, 0, sizeof *node);
    snprintf(node->path, sizeof node->path, "%s", path);
    return node;
}

static bool cut(struct tree *tree, const char *path)
{
    bool found = false;

    for (unsigned i = 0; i < tree->count;) {
        if (below(tree->nodes[i].path, path)) {
            tree->nodes[i] = tree->nodes[--tree->count];
            found = true;
        } else {
            i++;
        }
    }
    return found;
}

void fake_store_set_bytes(struct store *store, const char *path, const void *bytes, size_t length)
{
    struct node *node = make(&store->tree, path);

    ck_assert_uint_lt(length, sizeof node->bytes);
    memcpy(node->bytes, bytes, length);
    node->bytes[length] = '\0';
    node->length = length;
    fire(store, path);
}

void fake_store_set(struct store *store, const char *path, const char *value)
{
    if (value) {
        fake_store_set_bytes(store, path, value, strlen(value));
        return;
    }
    cut(&store->tree, path);
    fire(store, path);
}

const char *fake_store_get(const struct store *store, const char *path)
{
    const struct node *node = find(&store->tree, path);

    return node ? node->bytes : "";
}

bool fake_store_has(const struct store *store, const char *path)
{
    return find(&store->tree, path) != NULL;
}

void fake_store_interfere(struct store *store, void (*before)(struct store *store))
{
    store->interfere = before;
}

void fake_store_fail_reads(struct store *store, unsigned count)
{
    store->failing_reads = count;
}

void fake_store_fail_writes(struct store *store, unsigned count)
{
    store->failing_writes = count;
}

bool fake_store_watched(const struct store *store, const char *path)
{
    for (unsigned i = 0; i < store->watch_count; i++)
        if (strcmp(store->watches[i], path) == 0)
            return true;
    return false;
}

void fake_store_kill(struct store *store, unsigned domid)
{
    ck_assert_uint_lt(store->dead_count, DEAD_MAX);
    store->dead[store->dead_count++] = domid;
    fire(store, "@releaseDomain");
}

struct store *store_open(struct why *why)
{
    (void)why;
    return calloc(1, sizeof(struct store));
}

void store_close(struct store *store)
{
    free(store);
}

int store_fd(const struct store *store)
{
    (void)store;
    return -1;
}

unsigned store_drain(struct store *store)
{
    unsigned fired = store->fired;

    store->fired = 0;
    return fired;
}

int store_watch(struct store *store, const char *path)
{
    ck_assert_msg(!fake_store_watched(store, path), "%s is watched twice", path);
    ck_assert_uint_lt(store->watch_count, WATCHES_MAX);
    snprintf(store->watches[store->watch_count++], STORE_PATH_MAX, "%s", path);
    store->fired++;
    return 0;
}

int store_unwatch(struct store *store, const char *path)
{
    for (unsigned i = 0; i < store->watch_count; i++) {
        if (strcmp(store->watches[i], path) != 0)
            continue;
        memmove(store->watches[i], store->watches[--store->watch_count], STORE_PATH_MAX);
        return 0;
    }
    errno = ENOENT;
    return -1;
}

static void join(char path[STORE_PATH_MAX], const char *dir, const char *key)
{
    ck_assert_int_lt(snprintf(path, STORE_PATH_MAX, "%s/%s", dir, key), STORE_PATH_MAX);
}

int store_read(struct store *store, const char *dir, const char *key, char value[STORE_VALUE_MAX])
{
    char path[STORE_PATH_MAX];
    const struct node *node;

    if (store->failing_reads) {
        store->failing_reads--;
        errno = EIO;
        return -1;
    }
    join(path, dir, key);
    node = find(&store->tree, path);
    if (!node) {
        errno = ENOENT;
        return -1;
    }
    return store_value(node->bytes, node->length, value);
}

int store_write(struct store *store, const char *dir, const char *key, const char *value)
{
    char path[STORE_PATH_MAX];

    if (store->failing_writes) {
        store->failing_writes--;
        errno = EIO;
        return -1;
    }
    join(path, dir, key);
    fake_store_set(store, path, value);
    return 0;
}

int store_remove(struct store *store, const char *dir, const char *key)
{
    char path[STORE_PATH_MAX];

    join(path, dir, key);
    if (!cut(&store->tree, path)) {
        errno = ENOENT;
        return -1;
    }
    fire(store, path);
    return 0;
}

int store_list(struct store *store, const char *path, char ***names, unsigned *count)
{
    size_t length = strlen(path);
    char *text;

    if (!find(&store->tree, path)) {
        errno = ENOENT;
        return -1;
    }
    *names = calloc(1, NODES_MAX * (sizeof(char *) + STORE_PATH_MAX));
    ck_assert_ptr_nonnull(*names);
    text = (char *)(*names + NODES_MAX);
    *count = 0;
    for (unsigned i = 0; i < store->tree.count; i++) {
        const char *node = store->tree.nodes[i].path;

        if (!below(node, path) || node[length] != '/' || strchr(node + length + 1, '/'))
            continue;
        (*names)[*count] = strcpy(text, node + length + 1);
        text += strlen(text) + 1;
        (*count)++;
    }
    return 0;
}

int store_begin(struct store *store)
{
    ck_assert(!store->in_transaction);
    store->in_transaction = true;
    store->before = store->tree;
    return 0;
}

void store_abort(struct store *store)
{
    ck_assert(store->in_transaction);
    store->in_transaction = false;
    store->tree = store->before;
}

int store_commit(struct store *store)
{
    void (*interfere)(struct store * store) = store->interfere;

    ck_assert(store->in_transaction);
    if (!interfere) {
        store->in_transaction = false;
        return 0;
    }
    store_abort(store);
    store->interfere = NULL;
    interfere(store);
    errno = EAGAIN;
    return -1;
}

int store_own_domid(struct store *store, uint16_t *domid)
{
    (void)store;
    *domid = 0;
    return 0;
}

bool store_domain_alive(struct store *store, uint16_t domid)
{
    for (unsigned i = 0; i < store->dead_count; i++)
        if (store->dead[i] == domid)
            return false;
    return true;
}
