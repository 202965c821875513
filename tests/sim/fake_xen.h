/* SPDX-License-Identifier: MIT */
/* Xen's libraries in memory: what of libxencall, libxenctrl, libxengnttab, libxenevtchn, libxenforeignmemory and
 * libxenstore the daemon and netvf-front call, under the same names. A program that is linked with this is not linked with
 * them. Whatever is used wrongly (a handle that is not open, a pin given back twice) ends the program. */
#ifndef NETVF_TESTS_FAKE_XEN_H
#define NETVF_TESTS_FAKE_XEN_H

#include <stdbool.h>
#include <stdint.h>

#define FAKE_XEN_PINS     1100u
#define FAKE_XEN_CHANNELS 32u
#define FAKE_XEN_DOMAINS  8u

struct fake_xen {
    unsigned calls, fail_call; /* the fail_call-th call that can fail does; 0: none */
    int fail_errno;            /* with this; ENOMEM */

    unsigned handles;         /* open, of all libraries */
    unsigned buffers;         /* for hypercalls */
    unsigned pins;            /* live, of anybody's pages */
    unsigned maps;            /* pages mapped, all kinds */
    unsigned shared;          /* pages of ours that are granted */
    unsigned channels, pirqs; /* bound */
    uint32_t bad_gref;        /* one that nobody has granted */
    bool refuse_unpin;        /* Xen says no */
    bool
        may_guess; /* handles that are none, and addresses, are refused and no fault of the caller's */
    unsigned copied, notified; /* grant copies; events sent */
    unsigned stored;           /* of the copies, those into a guest's page */
    uint64_t own_gmfn;         /* the frame of ours that the last one was about */
    uint32_t last_notified;

    /* Domains other than our own, 0. */
    struct fake_xen_domain {
        bool there, dying, has_context;
        uint64_t max_memkb;
        unsigned extra_pages; /* added to it */
        unsigned grant_version;
    } domains[FAKE_XEN_DOMAINS];
    int device_in; /* the domain that the one device is assigned to; 0: ours */

    const char *console; /* all that Xen has ever logged; "" at the start */

    /* Comes after each write of a key, and after each event that is sent; may be NULL. */
    void (*wrote)(const char *path, const char *value);
    void (*event_sent)(uint32_t port);
};

extern struct fake_xen fake_xen;

void fake_xen_open(void);
void fake_xs_open(void); /* fake_xen_open's second half */
/* Whether this call, of those that can fail, does; errno is set then. */
bool fake_xen_fails(void);
/* Everything that was open or shared must be given back by now. */
void fake_xen_expect_nothing_left(void);

/* As another domain or the toolstack: NULL removes it with all below. Fires watches. */
void fake_xen_set(const char *path, const char *value);
/* "" if there is none. */
const char *fake_xen_get(const char *path);
/* An event arrives. */
void fake_xen_event(uint32_t port);
/* A page of ours that is granted by that reference; NULL: none. */
void *fake_xen_page(uint32_t gref);

#endif
