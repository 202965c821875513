/* SPDX-License-Identifier: MIT */
#include "vf/links.h"

#include "common/why.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

/* What is told of a device beyond this many counts as a change each time. */
#define DEVICES_MAX 256u
#define WATCHED     (IFF_UP | IFF_RUNNING | IFF_LOWER_UP)

struct links {
    struct mnl_socket *socket;
    struct device {
        int index;
        unsigned flags; /* of WATCHED */
    } devices[DEVICES_MAX];
    unsigned count;
    bool changed;
};

struct links *links_open(struct why *why)
{
    struct links *links = calloc(1, sizeof *links);

    if (!links) {
        why_fail(why, "no memory");
        return NULL;
    }
    links->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (!links->socket || mnl_socket_bind(links->socket, RTMGRP_LINK, MNL_SOCKET_AUTOPID) < 0) {
        why_fail(why, "cannot listen to rtnetlink: %s", strerror(errno));
        links_close(links);
        return NULL;
    }
    return links;
}

void links_close(struct links *links)
{
    if (!links)
        return;
    if (links->socket)
        mnl_socket_close(links->socket);
    free(links);
}

int links_fd(const struct links *links)
{
    return mnl_socket_get_fd(links->socket);
}

static struct device *find(struct links *links, int index)
{
    for (unsigned i = 0; i < links->count; i++)
        if (links->devices[i].index == index)
            return &links->devices[i];
    return NULL;
}

static void note(struct links *links, int index, unsigned flags)
{
    struct device *device = find(links, index);

    if (device && device->flags == flags)
        return;
    links->changed = true;
    if (!device) {
        if (links->count == DEVICES_MAX)
            return;
        device = &links->devices[links->count++];
        device->index = index;
    }
    device->flags = flags;
}

static void forget(struct links *links, int index)
{
    struct device *device = find(links, index);

    links->changed = true;
    if (device)
        *device = links->devices[--links->count];
}

static int take_one(const struct nlmsghdr *header, void *context)
{
    const struct ifinfomsg *info = mnl_nlmsg_get_payload(header);
    struct links *links = context;

    if (mnl_nlmsg_get_payload_len(header) < sizeof *info)
        return MNL_CB_OK;
    if (header->nlmsg_type == RTM_NEWLINK)
        note(links, info->ifi_index, info->ifi_flags & WATCHED);
    else if (header->nlmsg_type == RTM_DELLINK)
        forget(links, info->ifi_index);
    return MNL_CB_OK;
}

bool links_take(struct links *links, const void *messages, size_t length)
{
    links->changed = false;
    mnl_cb_run(messages, length, 0, 0, take_one, links);
    return links->changed;
}

bool links_drain(struct links *links)
{
    char buffer[16384]; /* one datagram; the kernel makes none larger */
    bool changed = false;
    ssize_t length;

    while ((length = mnl_socket_recvfrom(links->socket, buffer, sizeof buffer)) > 0)
        changed |= links_take(links, buffer, (size_t)length);
    /* Some of it is lost, then: anything may have changed. */
    return changed || (length < 0 && (errno == ENOBUFS || errno == ENOSPC));
}
