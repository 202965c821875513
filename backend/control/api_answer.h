/* SPDX-License-Identifier: MIT */
/* The documents that the control socket answers with. */
#ifndef NETVF_CONTROL_API_ANSWER_H
#define NETVF_CONTROL_API_ANSWER_H

#include <jansson.h>

struct manager;
struct pool;
struct window_budget;

struct api_world {
    struct manager *manager;
    struct pool *pool;
    struct window_budget *windows;
};

/* Answers {"call":"list"}, {"call":"show"}, {"call":"show","dom":1,"devid":0},
 * {"call":"set","dom":1,"devid":0,"translation":"host"} and the same with "windows":"off"; the former of these may take as long as two resets of a VF. `context` is a
 * struct api_world. What cannot be answered becomes {"error":"one sentence"}. NULL only without
 * memory. */
json_t *api_answer(void *context, const json_t *request);

#endif
