/* SPDX-License-Identifier: MIT */
/* What the tests use and the Xen Test Framework's own, shorter copies of Xen's headers do not have (configure --with-xtf).
 * Names and numbers are those of Xen's public headers. */
#ifndef NETVF_GUEST_XTF_MORE_H
#define NETVF_GUEST_XTF_MORE_H

#include <xtf.h>

#include <xen/io/xs_wire.h>

/* Its stdint.h has types only. */
#ifndef UINT32_MAX
#define UINT32_MAX 0xffffffffu
#endif

enum {
    XEN_ENOENT = 2,
    XEN_EIO = 5,
    XEN_EAGAIN = 11,
    XEN_EACCES = 13,
    XEN_EBUSY = 16,
    XEN_EINVAL = 22,
    XEN_ENOSPC = 28,
};

/* event_channel.h */
#define EVTCHNOP_close         3
#define EVTCHNOP_alloc_unbound 6

struct evtchn_close {
    evtchn_port_t port;
};

struct evtchn_alloc_unbound {
    domid_t dom, remote_dom;
    evtchn_port_t port;
};

/* grant_table.h; handles are plain pointers there */
#define GNTTAB_NR_RESERVED_ENTRIES          8
#define set_xen_guest_handle(handle, value) ((handle) = (value))

/* io/xs_wire.h, by the framework's names */
#define xenstore_domain_interface xenbus_interface
#define xsd_sockmsg               xenstore_msg_hdr
#define XENSTORE_RING_IDX         uint32_t
#define XENSTORE_RING_SIZE        XENBUS_RING_SIZE
#define MASK_XENSTORE_IDX         mask_xenbus_idx

#endif
