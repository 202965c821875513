/* SPDX-License-Identifier: MIT */
/* The hypervisor as one worker sees it: grant operations, event channels, memory a device may reach.
 *
 * One `struct port` belongs to one worker thread (and, before the worker runs and after it has ended, to the control
 * thread). The real one is libxen.c; tests/sim has one in memory. All batch verbs take and fill plain arrays; an
 * operation that fails alone is reported in its own status, the return value is -1/errno only if the whole call did
 * not happen. */
#ifndef NETVF_XEN_PORT_H
#define NETVF_XEN_PORT_H

#include <stdbool.h>
#include <stdint.h>

struct why;
struct port;

/* One granted page pinned for DMA: GNTTABOP_map_grant_ref with GNTMAP_device_map only, no CPU mapping.
 * In: gref, readonly. Out: status (0, or a GNTST_ code), handle, dma. `journal` is the port's own.
 * `dma` is the machine address of the page in a PV dom0; the unmap must carry exactly this value, 0 would release
 * nothing and still report success (facts of Xen 4.17's grant_table.c). */
struct grant_pin {
    uint64_t dma;
    uint32_t gref;
    uint32_t handle;
    uint16_t journal;
    int16_t status;
    bool readonly;
    uint16_t
        window; /* translate/window.c's: 0, or the page of the window that this is, and then it is not ours to unpin */
};

/* Bytes copied by the hypervisor between a granted page and a page of ours. Out: status (0, or a GNTST_ code).
 * Neither side may cross a page end. */
struct grant_copy {
    uint64_t own; /* DMA address inside one of our own dma_pages */
    void *own_va; /* the same place */
    uint32_t gref;
    uint16_t offset;
    uint16_t length;
    int16_t status;
};

/* A page of dom0's own memory that a device may reach. */
struct dma_page {
    void *va;
    uint64_t dma;
    uint32_t handle;  /* the port's own */
    uint16_t journal; /* the port's own */
};

/* Hypercalls and events, counted where they are made. Written by the worker only, read by anyone. */
struct port_counters {
    uint64_t
        hypercalls; /* every trap into Xen on behalf of the data path, event channel calls included */
    uint64_t map_ops, unmap_ops, copy_ops;
    uint64_t events_sent, events_received;
};

struct port_ops {
    /* At most PORT_BATCH_MAX entries a call. */
    int (*pin)(struct port *port, struct grant_pin *pins, unsigned count);
    /* A pin that Xen refuses to release stays in the journal and in `leaked`. */
    int (*unpin)(struct port *port, struct grant_pin *pins, unsigned count);
    /* copy: out of the peer's pages into ours; store: the other way, only where the peer lets us write. */
    int (*copy)(struct port *port, struct grant_copy *copies, unsigned count);
    int (*store)(struct port *port, struct grant_copy *copies, unsigned count);
    int (*notify)(struct port *port, uint32_t evtchn);

    /* CPU mapping of one shared ring page of the peer, writable. NULL/errno. */
    void *(*ring_map)(struct port *port, uint32_t gref);
    void (*ring_unmap)(struct port *port, void *ring);

    /* CPU mapping of any page that the peer has granted, read-only, so that Xen takes it for no write of ours.
     * NULL/errno. */
    const volatile void *(*page_view)(struct port *port, uint32_t gref);
    void (*page_unview)(struct port *port, const volatile void *view);

    /* `count` zeroed pages next to each other in our memory (not in the machine's), DMA addresses filled in. They are
     * given back all at once, and only when no device can reach them any more. */
    int (*dma_alloc)(struct port *port, struct dma_page *pages, unsigned count);
    void (*dma_free)(struct port *port, struct dma_page *pages, unsigned count);

    /* Event channels. bind_peer: the local port of an interdomain channel. bind_msix: a device's MSI-X vector as an
     * event channel (-1/ENOTTY where dom0's kernel is older than 6.6: poll instead). All of them arrive on event_fd;
     * event_pending returns a local port or -1/EAGAIN; it stays masked until event_unmask (late EOI). */
    int (*bind_peer)(struct port *port, uint32_t remote, uint32_t *local);
    int (*bind_msix)(struct port *port, const char *pci, unsigned vector, uint32_t *local);
    int (*unbind)(struct port *port, uint32_t local);
    int (*event_fd)(struct port *port);
    int (*event_pending)(struct port *port, uint32_t *local);
    int (*event_unmask)(struct port *port, uint32_t local);

    /* Its pages are for the VF at `pci` from now on. Only when no device can reach any of them. */
    void (*move)(struct port *port, const char *pci);
    /* Only when no device can reach any page of it: what is still pinned is released. */
    void (*close)(struct port *port);
};

struct port {
    const struct port_ops *ops;
    uint16_t peer; /* domain id of the guest this port is for */
    struct port_counters counters;
};

#define PORT_BATCH_MAX 256

/* The real port, for a queue of a vif of domain `peer` on the VF at `pci` ("0000:01:10.0"). Live pins are journaled in
 * RUNDIR/journal/`name` ("1-0": the vif's first queue; "1-0.q1": its second) together with the VF, so that a later daemon can quiesce the VF and give back
 * what this one could not (invariant 5). NULL and a sentence on failure. */
struct port *port_open(const char *name, uint16_t peer, const char *pci, struct why *why);

/* Is there a Xen to talk to, and are we its control domain? 0, or -1 and a sentence. Needs no privileges beyond
 * reading /proc/xen. */
int port_probe(struct why *why);

/* Gives back what a daemon that died left pinned: for each journal, first quiesce(pci) (must return 0 when the VF can
 * no longer DMA), then every live pin is released. Returns the number of pins that could not be released. */
unsigned port_recover(int (*quiesce)(const char *pci));

/* Pins that Xen has refused to release since start, over all ports: 0 unless something is badly wrong. */
uint64_t port_leaked(void);
/* Pins that are live now, over all ports, the daemon's own pages not counted. */
uint64_t port_live(void);

#endif
