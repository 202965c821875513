/* SPDX-License-Identifier: MIT */
/* The frontend's port in a Linux process: xenstore by libxenstore, pages by /dev/xen/gntalloc, channels by
 * /dev/xen/evtchn. The only place of the frontend that knows libxen. */
#ifndef NETVF_FRONT_LINUX_PORT_H
#define NETVF_FRONT_LINUX_PORT_H

#include "frontend/port.h"

/* 0, or -1/errno and *what: the device or service that could not be opened. */
int linux_port_open(struct netvf_front_port **port, const char **what);
void linux_port_close(struct netvf_front_port *port);

/* Readable when an event has come or a watched key has changed. Level-triggered by the two functions below. */
int linux_port_event_fd(const struct netvf_front_port *port);
int linux_port_store_fd(const struct netvf_front_port *port);
/* Takes one event, unmasks its channel; -1/errno, EAGAIN if there is none. */
int linux_port_take_event(struct netvf_front_port *port);
/* Takes all that has been told of watches. */
void linux_port_take_watches(struct netvf_front_port *port);
/* -1/errno */
int linux_port_watch(struct netvf_front_port *port, const char *path);
void linux_port_unwatch(struct netvf_front_port *port, const char *path);

#endif
