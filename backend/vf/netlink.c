/* SPDX-License-Identifier: MIT */
#include "vf/netlink.h"

#include "common/why.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

/* The kernel answers at once, from within the PF's driver. */
#define ANSWER_TIMEOUT_S 2

struct attribute {
    uint16_t type;
    uint16_t size;
    const void *data;
    const char *what;
    bool optional; /* a driver that does not know of it does not do it either */
};

static struct mnl_socket *open_route(void)
{
    const struct timeval timeout = {.tv_sec = ANSWER_TIMEOUT_S};
    struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);

    if (!socket)
        return NULL;
    if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
        setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) <
            0) {
        mnl_socket_close(socket);
        return NULL;
    }
    return socket;
}

/* One attribute a request: what the PF refuses can then be told by name. */
static int set_attribute(struct mnl_socket *socket, unsigned ifindex, unsigned sequence,
                         const struct attribute *attribute)
{
    char buffer[1024]; /* an ACK carries the request's header, an error all of the request */
    struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
    struct ifinfomsg *info;
    struct nlattr *list, *vf;
    ssize_t length;

    header->nlmsg_type = RTM_SETLINK;
    header->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    header->nlmsg_seq = sequence;
    info = mnl_nlmsg_put_extra_header(header, sizeof *info);
    info->ifi_family = AF_UNSPEC;
    info->ifi_index = (int)ifindex;
    list = mnl_attr_nest_start(header, IFLA_VFINFO_LIST);
    vf = mnl_attr_nest_start(header, IFLA_VF_INFO);
    mnl_attr_put(header, attribute->type, attribute->size, attribute->data);
    mnl_attr_nest_end(header, vf);
    mnl_attr_nest_end(header, list);

    if (mnl_socket_sendto(socket, header, header->nlmsg_len) < 0)
        return -1;
    length = mnl_socket_recvfrom(socket, buffer, sizeof buffer);
    if (length < 0)
        return -1;
    return mnl_cb_run(buffer, (size_t)length, sequence, mnl_socket_get_portid(socket), NULL, NULL) <
                   0
               ? -1
               : 0;
}

static int set_all(const char *pf, unsigned index, const struct attribute *attributes,
                   unsigned count, struct why *why)
{
    unsigned ifindex = if_nametoindex(pf);
    struct mnl_socket *socket;
    int rc = 0;

    if (!ifindex)
        return why_fail(why, "there is no network device %s", pf);
    socket = open_route();
    if (!socket)
        return why_fail(why, "cannot open a netlink socket: %s", strerror(errno));
    for (unsigned i = 0; !rc && i < count; i++) {
        if (set_attribute(socket, ifindex, i + 1, &attributes[i]) == 0 ||
            (attributes[i].optional && errno == EOPNOTSUPP))
            continue;
        rc = why_fail(why, "PF %s refuses to set %s of its VF %u (%s); see the kernel's log", pf,
                      attributes[i].what, index, strerror(errno));
    }
    mnl_socket_close(socket);
    return rc;
}

int netlink_vf_set_up(const char *pf, unsigned index, const uint8_t mac[6], uint16_t vlan,
                      struct why *why)
{
    const struct ifla_vf_vlan port_vlan = {.vf = index, .vlan = vlan};
    const struct ifla_vf_trust trust = {.vf = index};
    const struct ifla_vf_spoofchk spoofchk = {.vf = index, .setting = 1};
    struct ifla_vf_mac address = {.vf = index};
    const struct attribute attributes[] = {
        /* Where there is one to be set, the VF must not go without it. */
        {IFLA_VF_VLAN, sizeof port_vlan, &port_vlan, "the port VLAN", !vlan},
        {IFLA_VF_TRUST, sizeof trust, &trust, "the trust", true},
        {IFLA_VF_SPOOFCHK, sizeof spoofchk, &spoofchk, "the spoof check", false},
        {IFLA_VF_MAC, sizeof address, &address, "the MAC address", false},
    };

    memcpy(address.mac, mac, 6);
    return set_all(pf, index, attributes, sizeof attributes / sizeof attributes[0], why);
}

int netlink_vf_clear(const char *pf, unsigned index, struct why *why)
{
    const struct ifla_vf_mac address = {.vf = index};
    const struct ifla_vf_vlan vlan = {.vf = index};
    const struct attribute attributes[] = {
        {IFLA_VF_MAC, sizeof address, &address, "the MAC address", false},
        {IFLA_VF_VLAN, sizeof vlan, &vlan, "the port VLAN", true},
    };

    return set_all(pf, index, attributes, sizeof attributes / sizeof attributes[0], why);
}
