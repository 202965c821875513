/* SPDX-License-Identifier: MIT */
/* The tool's end of netvfd's control socket: one line of JSON asks, one document answers. */
#ifndef NETVF_DOM0_TOOLS_CLIENT_H
#define NETVF_DOM0_TOOLS_CLIENT_H

#include <jansson.h>

struct why;

/* The daemon answers from memory: this long without a whole answer means that it hangs. */
#define CLIENT_PATIENCE_MS 3000
/* What takes two resets of a VF, of up to two seconds each, and may have to wait for another client's. */
#define CLIENT_RESETS_MS 10000

/* Asks the daemon that listens at `socket`, for at most `patience_ms`. Returns the answer, which is
 * the caller's to json_decref. NULL and a sentence in `why` if there is none, or if the daemon
 * answered with an error. `request` stays the caller's. */
json_t *client_call(const char *socket, const json_t *request, int patience_ms, struct why *why);

/* A member that is a string; NULL if it is not there or is something else. */
const char *client_text(const json_t *object, const char *key);
/* A member that is a number; 0 if it is not there or is something else. */
long long client_number(const json_t *object, const char *key);

/* "link" as a word; NULL where nobody looks at it. */
const char *client_link(const json_t *object);

/* The document as --json prints it. */
void client_print(const json_t *answer);

#endif
