/* SPDX-License-Identifier: MIT */
/* What a VF's stay in a guest's context leaves in Xen, written down so that a later daemon can undo it. */
#ifndef NETVF_XEN_CONTEXT_RECORD_H
#define NETVF_XEN_CONTEXT_RECORD_H

#include <stdint.h>

#include "xen/context.h"

struct context_record {
    char magic[8];
    char pci[16];
    uint16_t domid;
    uint16_t assigned;    /* the VF may be in the guest's context */
    uint32_t extra_pages; /* by so much the guest's memory limit was raised */
    uint32_t page_count;  /* pages added to the guest, and which */
    uint64_t frames[CONTEXT_PAGES_MAX];
};

struct context_file {
    int fd;
    char path[128];
};

/* RUNDIR/context/`name`, made anew (one of the same name that is there already stays). -1/errno. */
int context_file_create(struct context_file *file, const char *name);
int context_file_write(const struct context_file *file, const struct context_record *record);
/* Closes it, and removes it if `done`. */
void context_file_close(struct context_file *file, int done);
/* -1/errno; EINVAL if it is none. */
int context_file_read(const char *name, struct context_file *file, struct context_record *record);
void context_file_each(void (*each)(const char *name, void *context), void *context);

#endif
