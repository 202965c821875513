/* SPDX-License-Identifier: MIT */
/* What the files of Xen's libraries in memory share. Not for tests. */
#ifndef NETVF_TESTS_FAKE_XEN_PRIVATE_H
#define NETVF_TESTS_FAKE_XEN_PRIVATE_H

#include "sim/fake_xen.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define FAKE_XEN_PAGE 4096u

#define expect(ok)                                                               \
    do {                                                                         \
        if (!(ok)) {                                                             \
            fprintf(stderr, "%s:%d: Xen's side: %s\n", __FILE__, __LINE__, #ok); \
            abort();                                                             \
        }                                                                        \
    } while (0)

/* All libraries' handles are the same one, which is open as many times as fake_xen.handles says. */
void *fake_xen_open_handle(void);
int fake_xen_close_handle(const void *which);
bool fake_xen_is_handle(const void *which);
/* Memory to be given back by munmap(). */
void *fake_xen_pages(size_t count);

#endif
