/* SPDX-License-Identifier: MIT */
/* A xenstore in memory, behind the daemon's own store.h: store_open() makes an empty one. */
#ifndef NETVF_TESTS_FAKE_STORE_H
#define NETVF_TESTS_FAKE_STORE_H

#include <stdbool.h>
#include <stddef.h>

struct store;

/* Writes a node by its whole path; NULL removes it and all below it. Fires watches, and works
 * inside of nobody's transaction: what toolstack and guest do. */
void fake_store_set(struct store *store, const char *path, const char *value);
/* The same with a value that no well-behaved writer makes. */
void fake_store_set_bytes(struct store *store, const char *path, const void *bytes, size_t length);
/* "" if there is none. Valid until the node changes. */
const char *fake_store_get(const struct store *store, const char *path);
bool fake_store_has(const struct store *store, const char *path);

/* Runs `before` once, just before the next commit, which then fails with EAGAIN as a transaction
 * does that somebody has come in between of. */
void fake_store_interfere(struct store *store, void (*before)(struct store *store));
/* The next `count` writes, or reads, fail with EIO. */
void fake_store_fail_writes(struct store *store, unsigned count);
void fake_store_fail_reads(struct store *store, unsigned count);
bool fake_store_watched(const struct store *store, const char *path);

/* Domains are alive unless said otherwise; our own one is 0. */
void fake_store_kill(struct store *store, unsigned domid);

#endif
