/* SPDX-License-Identifier: MIT */
#include "frontend/linux/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_arp.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int open_queue(const char name[IFNAMSIZ], bool several, struct ifreq *request)
{
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return -1;
    memset(request, 0, sizeof *request);
    memcpy(request->ifr_name, name, sizeof request->ifr_name);
    request->ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    if (several)
        request->ifr_flags |= IFF_MULTI_QUEUE;
    if (ioctl(fd, TUNSETIFF, request) < 0) {
        int error = errno;

        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

int tap_open(struct tap *tap, const char *name, unsigned queues)
{
    struct ifreq request;

    *tap = (struct tap){.active = queues};
    if (strlen(name) >= sizeof tap->name) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(tap->name, name);
    for (; tap->queues < queues; tap->queues++) {
        tap->fds[tap->queues] = open_queue(tap->name, queues > 1, &request);
        if (tap->fds[tap->queues] < 0) {
            int error = errno;

            tap_close(tap);
            errno = error;
            return -1;
        }
        memcpy(tap->name, request.ifr_name, sizeof tap->name);
    }
    return 0;
}

void tap_close(struct tap *tap)
{
    while (tap->queues)
        close(tap->fds[--tap->queues]);
}

/* A request about the interface, which any socket takes. */
static int interface(const struct tap *tap, unsigned long what, struct ifreq *request)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), r, error;

    if (fd < 0)
        return -1;
    memcpy(request->ifr_name, tap->name, sizeof request->ifr_name);
    r = ioctl(fd, what, request);
    error = errno;
    close(fd);
    errno = error;
    return r;
}

static int set_queues(struct tap *tap, unsigned wanted)
{
    while (tap->active != wanted) {
        bool more = tap->active < wanted;
        struct ifreq request = {.ifr_flags = more ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE};

        if (ioctl(tap->fds[more ? tap->active : tap->active - 1], TUNSETQUEUE, &request) < 0)
            return -1;
        tap->active = more ? tap->active + 1 : tap->active - 1;
    }
    return 0;
}

/* TAP knows one switch for checksums, whatever the family. */
bool tap_offloads(const struct netvf_front_link *link)
{
    return link->csum_blank_ipv4 && link->csum_blank_ipv6;
}

int tap_configure(struct tap *tap, const struct netvf_front_link *link)
{
    struct ifreq mac = {.ifr_hwaddr.sa_family = ARPHRD_ETHER}, mtu = {.ifr_mtu = link->mtu};
    unsigned long offloads = 0;

    if (tap_offloads(link))
        offloads =
            TUN_F_CSUM | (link->gso_tcpv4 ? TUN_F_TSO4 : 0) | (link->gso_tcpv6 ? TUN_F_TSO6 : 0);
    memcpy(mac.ifr_hwaddr.sa_data, link->mac, sizeof link->mac);
    if (interface(tap, SIOCSIFHWADDR, &mac) < 0 || interface(tap, SIOCSIFMTU, &mtu) < 0)
        return -1;
    if (ioctl(tap->fds[0], TUNSETOFFLOAD, offloads) < 0)
        return -1;
    return set_queues(tap, link->queues);
}

/* Linux before 5.0 has no such request: its interfaces are always up. */
void tap_carrier(const struct tap *tap, bool up)
{
    int carrier = up;

    (void)ioctl(tap->fds[0], TUNSETCARRIER, &carrier);
}
