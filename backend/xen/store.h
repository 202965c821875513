/* SPDX-License-Identifier: MIT */
/* Xenstore as the control side needs it. Implemented by store_libxen.c (libxenstore) and, for tests, by a tree in
 * memory. Everything read below a frontend's directory is written by a guest: reads are bounded, numbers are parsed
 * strictly, and no path found in there is ever followed without being checked. */
#ifndef NETVF_XEN_STORE_H
#define NETVF_XEN_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct why;
struct store;

/* Longest value taken from the store, its terminator included. Longer ones count as malformed (EMSGSIZE). */
#define STORE_VALUE_MAX 256
/* Longest path we build (xenstore's own limit for relative paths is 2048; ours are far shorter). */
#define STORE_PATH_MAX 160

/* Opens the connection. NULL and a sentence in `why` if there is no xenstore to talk to. */
struct store *store_open(struct why *why);
void store_close(struct store *store);

/* Readable when a watch has fired. */
int store_fd(const struct store *store);
/* Takes in all watch events that have fired, without blocking; returns how many there were. What fired is not told:
 * the control side is level-triggered and looks at everything of its own again. */
unsigned store_drain(struct store *store);
int store_watch(struct store *store, const char *path);
int store_unwatch(struct store *store, const char *path);

/* Value of `dir`/`key` into `value`, terminated. -1/ENOENT if there is none, -1/EMSGSIZE if it is too long or holds
 * a NUL or a control character. */
int store_read(struct store *store, const char *dir, const char *key, char value[STORE_VALUE_MAX]);
/* The same for a decimal number in 0..max: -1/ENOENT if absent, -1/EINVAL if it is anything else. (store.c) */
int store_read_number(struct store *store, const char *dir, const char *key, uint32_t max,
                      uint32_t *number);
int store_write(struct store *store, const char *dir, const char *key, const char *value);
int store_printf(struct store *store, const char *dir, const char *key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
int store_remove(struct store *store, const char *dir, const char *key);

/* Names below `path`. The array and its strings are one allocation: free(names). -1/ENOENT if there is no such node. */
int store_list(struct store *store, const char *path, char ***names, unsigned *count);

/* Groups writes: all of them appear at once. store_commit retries nothing: -1/EAGAIN asks the caller to do the whole
 * group again. */
int store_begin(struct store *store);
int store_commit(struct store *store);
void store_abort(struct store *store);

/* Our own domain id ("domid" of the connection's domain). */
int store_own_domid(struct store *store, uint16_t *domid);
/* Whether xenstore still serves that domain: false once it is dying, also while a page of it is still held. */
bool store_domain_alive(struct store *store, uint16_t domid);

/* What every implementation needs (store.c). store_number: `text` as a decimal number in 0..max, digits only, or
 * -1/EINVAL. store_value: `length` bytes as a value, copied and terminated, or -1/EMSGSIZE as above. */
int store_number(const char *text, uint32_t max, uint32_t *number);
int store_value(const char *bytes, size_t length, char value[STORE_VALUE_MAX]);

#endif
