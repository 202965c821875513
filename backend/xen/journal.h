/* SPDX-License-Identifier: MIT */
/* The journal of live grant handles (invariant 5).
 *
 * A raw GNTTABOP_map_grant_ref belongs to dom0, not to the process: when the daemon dies its pins stay, and each of
 * them keeps a page of a guest, so that the guest cannot die. Hence every pin is written down in a file on tmpfs that
 * is mapped into the daemon: what is in it survives the process (not the host, whose pins end with it). One file for
 * each queue of a vif, so that its worker shares none, named after it ("1-0" for the first, "1-0.q1" for the second),
 * with the VF that may still be writing to the pinned pages.
 *
 * Order: what a pin is wanted of is written right before the hypercall that makes it, its handle right after, and the
 * record is cleared right after the hypercall that releases it. A daemon can be killed between a hypercall and what it
 * writes then: a pin that was only wanted may be there, and one that is written down may be gone. The next daemon finds
 * out (libxen_recover.c, libxen_sweep.c). */
#ifndef NETVF_XEN_JOURNAL_H
#define NETVF_XEN_JOURNAL_H

#include <stdint.h>

#define JOURNAL_CAPACITY 1024

enum journal_state {
    JOURNAL_FREE,
    JOURNAL_LIVE, /* pinned: dma and handle are valid */
    JOURNAL_WANTED, /* Xen has been asked for it, `handle` is its gref; the outcome is not written down */
    JOURNAL_WANTED_READONLY, /* the same */
};

/* One pin. All but its address is written in one go, so that a record is never half one thing and half another. */
struct journal_record {
    uint64_t dma;
    union {
        struct {
            uint32_t handle;
            uint16_t live; /* enum journal_state */
            uint16_t peer; /* domain whose page it is */
        };
        uint64_t word;
    };
};

static inline int journal_wanted(const struct journal_record *record)
{
    return record->live == JOURNAL_WANTED || record->live == JOURNAL_WANTED_READONLY;
}

/* The VF's interrupt, as Xen knows it: outlives the process too. */
struct journal_irq {
    uint32_t evtchn; /* 0: none */
    int32_t pirq;
};

struct journal_file {
    char magic[8];
    char pci[16];
    struct journal_irq irq;
    uint32_t unused;
    uint32_t capacity;
    struct journal_record records[JOURNAL_CAPACITY];
};

struct journal {
    struct journal_file *file;
    char path[128];
    unsigned free_count;
    uint16_t free[JOURNAL_CAPACITY]; /* indices of records not in use */
};

/* Makes RUNDIR/journal/`name` anew. -1/errno. */
int journal_open(struct journal *journal, const char *name, const char *pci);
/* Removes the file if nothing is live in it any more; else leaves it for the next daemon. */
void journal_close(struct journal *journal);

/* A free record's index, or -1/ENOSPC. */
int journal_take(struct journal *journal);
void journal_put(struct journal *journal, uint16_t index);

/* Maps what a former daemon left as `name`. NULL/errno (EINVAL: not a journal). Ended by journal_unload, which
 * removes the file if `done`. */
struct journal_file *journal_load(const char *name);
void journal_unload(struct journal_file *file, const char *name, int done);

/* Calls `each` for every journal there is. */
void journal_each(void (*each)(const char *name, void *context), void *context);

#endif
