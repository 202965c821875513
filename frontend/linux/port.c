/* SPDX-License-Identifier: MIT */
#include "frontend/linux/port.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include <xen/errno.h>
#include <xenevtchn.h>
#include <xengnttab.h>
#include <xenstore.h>

#define PAGE      4096u
#define SHARE_MAX 256u /* pages in one call: port.h */

/* Xen took its numbers from Linux on x86: errno can be handed on. */
_Static_assert(XEN_EINVAL == EINVAL && XEN_EAGAIN == EAGAIN && XEN_ENOENT == ENOENT &&
                   XEN_ENOTCONN == ENOTCONN && XEN_EBADMSG == EBADMSG && XEN_ENOSPC == ENOSPC,
               "errno is not Xen's");

struct linux_port {
    struct netvf_front_port port;
    struct xs_handle *store;
    xs_transaction_t transaction; /* XBT_NULL outside of one */
    xengntshr_handle *pages;
    xenevtchn_handle *events;
    int domid; /* our own, as of the last look */
};

static struct linux_port *of(struct netvf_front_port *port)
{
    return (struct linux_port *)port;
}

static int result(bool ok)
{
    return ok ? 0 : -errno;
}

/* -- xenstore --------------------------------------------------------------------------------------------------------- */

static int store_read(struct netvf_front_port *port, const char *path, char *value, size_t size)
{
    struct linux_port *p = of(port);
    unsigned length;
    char *got = xs_read(p->store, p->transaction, path, &length);
    int r;

    if (!got)
        return errno == EACCES ? -XEN_ENOENT : -errno;
    r = (int)length;
    if (length >= size || strlen(got) != length)
        r = -XEN_EINVAL;
    else
        memcpy(value, got, length + 1);
    free(got);
    return r;
}

static int store_write(struct netvf_front_port *port, const char *path, const char *value)
{
    struct linux_port *p = of(port);

    return result(xs_write(p->store, p->transaction, path, value, (unsigned)strlen(value)));
}

static int store_remove(struct netvf_front_port *port, const char *path)
{
    struct linux_port *p = of(port);

    return xs_rm(p->store, p->transaction, path) || errno == ENOENT ? 0 : -errno;
}

static int store_begin(struct netvf_front_port *port)
{
    struct linux_port *p = of(port);

    p->transaction = xs_transaction_start(p->store);
    return result(p->transaction != XBT_NULL);
}

static int store_end(struct netvf_front_port *port, bool commit)
{
    struct linux_port *p = of(port);
    xs_transaction_t ending = p->transaction;

    p->transaction = XBT_NULL;
    return result(xs_transaction_end(p->store, ending, !commit));
}

/* -- pages and channels ------------------------------------------------------------------------------------------------ */

/* gntalloc makes the pages: zeroed, and freed by the kernel only when the other domain has unmapped them. */
static int share(struct netvf_front_port *port, uint16_t domid, bool readonly,
                 struct netvf_front_page *pages, unsigned count)
{
    uint32_t grefs[SHARE_MAX];
    uint8_t *bytes;

    if (!count || count > SHARE_MAX)
        return -XEN_EINVAL;
    bytes = xengntshr_share_pages(of(port)->pages, domid, (int)count, grefs, !readonly);
    if (!bytes)
        return -errno;
    for (unsigned i = 0; i < count; i++)
        pages[i] = (struct netvf_front_page){.bytes = bytes + i * PAGE, .gref = grefs[i]};
    return 0;
}

static void unshare(struct netvf_front_port *port, struct netvf_front_page *pages, unsigned count)
{
    xengntshr_unshare(of(port)->pages, pages[0].bytes, count);
}

/* -1/errno if xenstore does not say. */
static int own_domid(struct linux_port *p)
{
    char text[16];
    int r = store_read(&p->port, "domid", text, sizeof text);

    if (r > 0)
        return atoi(text);
    errno = r ? -r : EINVAL;
    return -1;
}

/* xenevtchn_pending() is not to wait for an event. */
static xenevtchn_handle *open_events(void)
{
    xenevtchn_handle *events = xenevtchn_open(NULL, 0);
    int fd, error;

    if (!events)
        return NULL;
    fd = xenevtchn_fd(events);
    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0)
        return events;
    error = errno;
    xenevtchn_close(events);
    errno = error;
    return NULL;
}

/* A domain that was suspended comes back as another one, and its event channels are gone. Linux' evtchn driver does not
 * know that: it stops at a BUG_ON when such a channel is given back (evtchn_unbind_from_user), and mixes up channels that
 * are opened beside it. So what was opened before is left alone for the rest of the process's life. */
static bool moved(struct linux_port *p)
{
    int domid = own_domid(p);
    xenevtchn_handle *events;

    if (domid < 0 || domid == p->domid)
        return false;
    events = open_events();
    if (events) {
        p->events = events;
        p->domid = domid;
    }
    return true;
}

static int open_channel(struct netvf_front_port *port, uint16_t domid, uint32_t *channel)
{
    xenevtchn_port_or_error_t local = xenevtchn_bind_unbound_port(of(port)->events, domid);

    if (local < 0)
        return -errno;
    *channel = (uint32_t)local;
    return 0;
}

static void close_channel(struct netvf_front_port *port, uint32_t channel)
{
    if (!moved(of(port)))
        xenevtchn_unbind(of(port)->events, channel);
}

static void notify(struct netvf_front_port *port, uint32_t channel)
{
    xenevtchn_notify(of(port)->events, channel);
}

/* -- the process's side ------------------------------------------------------------------------------------------------ */

static const struct netvf_front_port functions = {
    .read = store_read,
    .write = store_write,
    .remove = store_remove,
    .begin = store_begin,
    .end = store_end,
    .share = share,
    .unshare = unshare,
    .open_channel = open_channel,
    .close_channel = close_channel,
    .notify = notify,
};

static int open_all(struct linux_port *p, const char **what)
{
    *what = "/dev/xen/gntalloc";
    p->pages = xengntshr_open(NULL, 0);
    if (!p->pages)
        return -1;
    *what = "/dev/xen/evtchn";
    p->events = open_events();
    if (!p->events)
        return -1;
    *what = "xenstore";
    p->store = xs_open(0);
    if (!p->store)
        return -1;
    *what = "the domain's id in xenstore";
    p->domid = own_domid(p);
    return p->domid < 0 ? -1 : 0;
}

int linux_port_open(struct netvf_front_port **port, const char **what)
{
    struct linux_port *p = calloc(1, sizeof *p);

    *what = "memory";
    if (!p)
        return -1;
    p->port = functions;
    p->transaction = XBT_NULL;
    if (open_all(p, what) < 0) {
        int error = errno;

        linux_port_close(&p->port);
        errno = error;
        return -1;
    }
    *port = &p->port;
    return 0;
}

void linux_port_close(struct netvf_front_port *port)
{
    struct linux_port *p = of(port);

    if (p->store)
        xs_close(p->store);
    if (p->events)
        xenevtchn_close(p->events);
    if (p->pages)
        xengntshr_close(p->pages);
    free(p);
}

int linux_port_event_fd(const struct netvf_front_port *port)
{
    return xenevtchn_fd(((const struct linux_port *)port)->events);
}

int linux_port_store_fd(const struct netvf_front_port *port)
{
    return xs_fileno(((const struct linux_port *)port)->store);
}

int linux_port_take_event(struct netvf_front_port *port)
{
    xenevtchn_port_or_error_t local = xenevtchn_pending(of(port)->events);

    if (local < 0)
        return -1;
    return xenevtchn_unmask(of(port)->events, (evtchn_port_t)local);
}

void linux_port_take_watches(struct netvf_front_port *port)
{
    char **watch;

    while ((watch = xs_check_watch(of(port)->store)))
        free(watch);
}

int linux_port_watch(struct netvf_front_port *port, const char *path)
{
    return xs_watch(of(port)->store, path, path) ? 0 : -1;
}

void linux_port_unwatch(struct netvf_front_port *port, const char *path)
{
    xs_unwatch(of(port)->store, path, path);
}
