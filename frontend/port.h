/* SPDX-License-Identifier: MIT */
/* What libnetvf-front needs of the world: xenstore, granted pages, event channels. One struct of functions, so that the
 * library itself runs wherever these can be had: frontend/linux/port.c has them for a Linux process; a kernel without
 * an operating system brings its own.
 *
 * An implementation embeds the struct in one of its own and finds that by the pointer that each function gets. Where
 * nothing else is said a function returns 0, or a negative error number of Xen's public header xen/errno.h (on x86 that
 * is -errno of Linux). A function may wait for an answer of xenstored or of Xen, and for nothing else. */
#ifndef NETVF_FRONT_PORT_H
#define NETVF_FRONT_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A page of 4096 bytes that one other domain may map. */
struct netvf_front_page {
    void *bytes;
    uint32_t gref;
};

struct netvf_front_port {
    /* Xenstore. Paths are relative to the domain's own home, or absolute.
     * read: copies the value, terminated by a 0 byte, and returns its length; -XEN_ENOENT if there is no such key or it
     * may not be read, -XEN_EINVAL if it holds a 0 byte or does not fit into `size` bytes. */
    int (*read)(struct netvf_front_port *port, const char *path, char *value, size_t size);
    int (*write)(struct netvf_front_port *port, const char *path, const char *value);
    /* With all that is below it. Nothing there is no error. */
    int (*remove)(struct netvf_front_port *port, const char *path);
    /* All reads and writes between the two belong to one transaction. end: with `commit`, -XEN_EAGAIN if somebody came
     * in between, and then nothing was written. The transaction has ended, whatever end returns. */
    int (*begin)(struct netvf_front_port *port);
    int (*end)(struct netvf_front_port *port, bool commit);

    /* `count` (at most 256) pages, zeroed and used for nothing else (XSA-403), granted to `domid`; filled into `pages`.
     * All or none. */
    int (*share)(struct netvf_front_port *port, uint16_t domid, bool readonly,
                 struct netvf_front_page *pages, unsigned count);
    /* Gives back exactly what one call of share has made. A page that the other domain still has mapped must not be
     * used for anything else until Xen has ended the access; to see to that, later if need be, is this function's duty
     * (XSA-396: test and end in one step). Cannot fail. */
    void (*unshare)(struct netvf_front_port *port, struct netvf_front_page *pages, unsigned count);

    /* An event channel that `domid` may bind; *channel is the local port, never 0. Events on it are the caller's of the
     * library to receive. */
    int (*open_channel)(struct netvf_front_port *port, uint16_t domid, uint32_t *channel);
    void (*close_channel)(struct netvf_front_port *port, uint32_t channel);
    void (*notify)(struct netvf_front_port *port, uint32_t channel);
};

#endif
