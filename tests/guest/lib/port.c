/* SPDX-License-Identifier: MIT */
/* libnetvf-front's world (frontend/port.h), where there is no operating system. */
#include "tests/guest/lib/guest.h"

#include "frontend/port.h"

static uint32_t transaction;

static int port_read(struct netvf_front_port *port, const char *path, char *value, size_t size)
{
    (void)port;
    return store_read(transaction, path, value, size);
}

static int port_write(struct netvf_front_port *port, const char *path, const char *value)
{
    (void)port;
    return store_write(transaction, path, value, strlen(value));
}

static int port_remove(struct netvf_front_port *port, const char *path)
{
    (void)port;
    return store_remove(transaction, path);
}

static int port_begin(struct netvf_front_port *port)
{
    (void)port;
    return store_begin(&transaction);
}

static int port_end(struct netvf_front_port *port, bool commit)
{
    uint32_t ending = transaction;

    (void)port;
    transaction = 0;
    return store_end(ending, commit);
}

static int port_share(struct netvf_front_port *port, uint16_t domid, bool readonly,
                      struct netvf_front_page *pages, unsigned count)
{
    (void)port;
    for (unsigned i = 0; i < count; i++) {
        pages[i].bytes = page_take();
        pages[i].gref = grant_take();
        grant_set(pages[i].gref, domid, virt_to_mfn(pages[i].bytes), readonly);
    }
    return 0;
}

static void port_unshare(struct netvf_front_port *port, struct netvf_front_page *pages,
                         unsigned count)
{
    (void)port;
    for (unsigned i = 0; i < count; i++) {
        unsigned before = pages_kept();

        grant_give(pages[i].gref);
        if (pages_kept() == before)
            page_give(pages[i].bytes);
    }
}

static int port_open_channel(struct netvf_front_port *port, uint16_t domid, uint32_t *channel)
{
    (void)port;
    *channel = channel_open(domid);
    return *channel ? 0 : -XEN_ENOSPC;
}

static void port_close_channel(struct netvf_front_port *port, uint32_t channel)
{
    (void)port;
    channel_close(channel);
}

static void port_notify(struct netvf_front_port *port, uint32_t channel)
{
    (void)port;
    hypercall_evtchn_send(channel);
}

struct netvf_front_port *guest_port(void)
{
    static struct netvf_front_port port = {
        .read = port_read,
        .write = port_write,
        .remove = port_remove,
        .begin = port_begin,
        .end = port_end,
        .share = port_share,
        .unshare = port_unshare,
        .open_channel = port_open_channel,
        .close_channel = port_close_channel,
        .notify = port_notify,
    };

    return &port;
}

void guest_init(void)
{
    store_init();
    pages_init();
}
