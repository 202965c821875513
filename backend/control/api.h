/* SPDX-License-Identifier: MIT */
/* The control socket: a client sends one line of JSON, gets one JSON document, and is hung up on.
 *
 * Nothing here blocks: all sockets and a timer hang on an epoll of its own, whose descriptor the
 * daemon's loop watches. */
#ifndef NETVF_CONTROL_API_H
#define NETVF_CONTROL_API_H

#include <jansson.h>

struct api;
struct why;

#define API_CLIENTS_MAX 16   /* further ones wait in the listen queue */
#define API_REQUEST_MAX 1024 /* bytes, newline included */
#define API_PATIENCE_MS 1000 /* for the request; then as long again for the answer to be taken */

/* Listens on `path`, which is removed first if a dead daemon has left it (the caller holds the
 * daemon's lock). `answer` makes a document of a request, a JSON object; the document is given
 * away. It may take as long as a VF's reset does, and no client is dropped for that time. NULL and a sentence. */
struct api *api_new(const char *path, json_t *(*answer)(void *context, const json_t *request),
                    void *context, struct why *why);
void api_free(struct api *api);

int api_fd(const struct api *api);
/* To be called when api_fd is readable. */
void api_ready(struct api *api);

#endif
