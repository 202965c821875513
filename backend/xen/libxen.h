/* SPDX-License-Identifier: MIT */
/* What the files of the real port share. Nobody outside backend/xen includes this. */
#ifndef NETVF_XEN_LIBXEN_H
#define NETVF_XEN_LIBXEN_H

#include <xenctrl.h> /* first: it selects the tools' view of the public headers */
#include <xencall.h>
#include <xenevtchn.h>
#include <xengnttab.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>

#include "xen/journal.h"
#include "xen/libxen_sweep.h"
#include "xen/port.h"

/* The daemon runs in the control domain, which is the hardware domain: domain 0. */
#define OWN_DOMID 0

/* The argument of an event channel operation. Had beforehand: what is bound must be closed, whatever memory there is. */
union libxen_evtchn {
    struct evtchn_bind_pirq bind;
    struct evtchn_close close;
};

/* A vif's own channels are three at most. */
#define EVENTS_READ 8u

struct libxen_port {
    struct port port;
    xencall_handle *call;
    xenevtchn_handle *evtchn;
    xengnttab_handle *gnttab;
    xengntshr_handle *gntshr;
    xc_interface *xc;
    struct journal journal;
    /* Local ports that have been read from the event device and are not handed out yet. */
    evtchn_port_t events[EVENTS_READ];
    unsigned event_next, event_count;
    bool events_drained; /* there were no more */
    /* Argument arrays in memory that a hypercall can always reach, PORT_BATCH_MAX entries each. */
    struct gnttab_map_grant_ref *map;
    struct gnttab_unmap_grant_ref *unmap;
    struct gnttab_copy *copy;
    union libxen_evtchn *evtchn_argument;
};

static inline struct libxen_port *libxen_port(struct port *port)
{
    return (struct libxen_port *)port;
}

/* A grant table operation on `count` entries at `args`: 0, or -1/errno. Counted. */
int libxen_grant_op(struct libxen_port *p, unsigned op, void *args, unsigned count);

/* libxen_events.c */
int libxen_bind_peer(struct port *port, uint32_t remote, uint32_t *local);
int libxen_bind_msix(struct port *port, const char *pci, unsigned vector, uint32_t *local);
int libxen_unbind(struct port *port, uint32_t local);
int libxen_event_fd(struct port *port);
int libxen_event_pending(struct port *port, uint32_t *local);
int libxen_event_unmask(struct port *port, uint32_t local);
int libxen_notify(struct port *port, uint32_t evtchn);
/* Ends what bind_msix began, in Xen; works without the process that began it. */
void libxen_release_irq(xencall_handle *call, xc_interface *xc, union libxen_evtchn *argument,
                        struct journal_irq *irq);

#endif
