/* SPDX-License-Identifier: MIT */
/* The real port: event channels, among them the VF's interrupt. */
#include "xen/libxen.h"

#include "common/counter.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Linux 6.6 and later: adopt a port that was bound by other means (include/uapi/xen/evtchn.h). */
struct evtchn_bind {
    unsigned int port;
};
#define EVTCHN_BIND_STATIC _IOC(_IOC_NONE, 'E', 7, sizeof(struct evtchn_bind))

int libxen_bind_peer(struct port *port, uint32_t remote, uint32_t *local)
{
    int bound = xenevtchn_bind_interdomain(libxen_port(port)->evtchn, port->peer, remote);

    if (bound < 0)
        return -1;
    *local = (uint32_t)bound;
    return 0;
}

/* Start of a memory region of a PCI function, from the lines "start end flags" of sysfs' `resource`. */
static int region_start(const char *pci, unsigned region, uint64_t *start)
{
    char path[80], line[128];
    FILE *file;
    int rc = -1;

    snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/resource", pci);
    file = fopen(path, "re");
    if (!file)
        return -1;
    errno = ENXIO;
    for (unsigned i = 0; i <= region; i++)
        if (!fgets(line, sizeof line, file))
            goto out;
    if (sscanf(line, "%" SCNx64, start) == 1 && *start)
        rc = 0;
out:
    fclose(file);
    return rc;
}

void libxen_release_irq(xencall_handle *call, xc_interface *xc, union libxen_evtchn *argument,
                        struct journal_irq *irq)
{
    argument->close = (struct evtchn_close){.port = irq->evtchn};
    xencall2(call, __HYPERVISOR_event_channel_op, EVTCHNOP_close, (uintptr_t)argument);
    xc_physdev_unmap_pirq(xc, OWN_DOMID, irq->pirq);
    irq->evtchn = 0;
}

static int bind_pirq(struct libxen_port *p, int pirq, uint32_t *evtchn)
{
    p->evtchn_argument->bind = (struct evtchn_bind_pirq){.pirq = (uint32_t)pirq};
    if (xencall2(p->call, __HYPERVISOR_event_channel_op, EVTCHNOP_bind_pirq,
                 (uintptr_t)p->evtchn_argument) < 0)
        return -1;
    *evtchn = p->evtchn_argument->bind.port;
    return 0;
}

static void release_irq(struct libxen_port *p)
{
    libxen_release_irq(p->call, p->xc, p->evtchn_argument, &p->journal.file->irq);
}

/* No kernel driver owns the VF, so its interrupt comes as an event channel that we bind in Xen and the kernel's evtchn
 * device adopts. The order keeps the journal true at every step: what it names exists. */
int libxen_bind_msix(struct port *port, const char *pci, unsigned vector, uint32_t *local)
{
    struct libxen_port *p = libxen_port(port);
    struct journal_irq irq = {.pirq = -1};
    struct evtchn_bind adopt;
    unsigned segment, bus, device, function;
    uint64_t table;
    int saved;

    if (sscanf(pci, "%x:%x:%x.%x", &segment, &bus, &device, &function) != 4 || segment != 0) {
        errno = EINVAL;
        return -1;
    }
    if (region_start(pci, 3, &table) < 0)
        return -1;
    if (xc_physdev_map_pirq_msi(p->xc, OWN_DOMID, -1, &irq.pirq, (int)(device << 3 | function),
                                (int)bus, (int)vector, table) < 0)
        return -1;
    if (bind_pirq(p, irq.pirq, &irq.evtchn) < 0) {
        saved = errno;
        xc_physdev_unmap_pirq(p->xc, OWN_DOMID, irq.pirq);
        errno = saved;
        return -1;
    }
    p->journal.file->irq = irq;
    adopt.port = irq.evtchn;
    if (ioctl(xenevtchn_fd(p->evtchn), EVTCHN_BIND_STATIC, &adopt) < 0) {
        saved = errno;
        release_irq(p);
        errno = saved;
        return -1;
    }
    *local = irq.evtchn;
    return 0;
}

int libxen_unbind(struct port *port, uint32_t local)
{
    struct libxen_port *p = libxen_port(port);
    int rc = xenevtchn_unbind(p->evtchn, local);

    /* The kernel does not close a port that it only adopted. */
    if (p->journal.file->irq.evtchn == local)
        release_irq(p);
    return rc;
}

int libxen_event_fd(struct port *port)
{
    return xenevtchn_fd(libxen_port(port)->evtchn);
}

/* xenevtchn_pending() reads one port at a time, and once more to find none: in a PV domain each is a detour by the
 * hypervisor. The device gives as many as there are (linux/drivers/xen/evtchn.c), so a read that was not filled says
 * what that second one would. */
static int read_events(struct libxen_port *p)
{
    ssize_t got;

    if (p->events_drained) {
        p->events_drained = false;
        errno = EAGAIN;
        return -1;
    }
    got = read(xenevtchn_fd(p->evtchn), p->events, sizeof p->events);
    if (got < (ssize_t)sizeof p->events[0])
        return -1;
    p->event_next = 0;
    p->event_count = (unsigned)got / sizeof p->events[0];
    p->events_drained = (size_t)got < sizeof p->events;
    return 0;
}

int libxen_event_pending(struct port *port, uint32_t *local)
{
    struct libxen_port *p = libxen_port(port);

    if (p->event_next == p->event_count && read_events(p) < 0)
        return -1;
    counter_add(&port->counters.events_received, 1);
    *local = p->events[p->event_next++];
    return 0;
}

int libxen_event_unmask(struct port *port, uint32_t local)
{
    counter_add(&port->counters.hypercalls, 1);
    return xenevtchn_unmask(libxen_port(port)->evtchn, local);
}

int libxen_notify(struct port *port, uint32_t evtchn)
{
    counter_add(&port->counters.hypercalls, 1);
    counter_add(&port->counters.events_sent, 1);
    return xenevtchn_notify(libxen_port(port)->evtchn, evtchn);
}
