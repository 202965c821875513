/* SPDX-License-Identifier: MIT */
/* The control ring (netif.h, "Control ring"): requests in, responses out. Pure, as the rest of the data path, and apart
 * from it: no packet's way leads past here.
 *
 * What a frontend may ask for is a table of handlers by type. Those about hashing are refused, for no VF does it towards a
 * guest (docs/choices.md, "Control ring"); those about static grants are carried out by who holds the windows. */
#ifndef NETVF_DATAPATH_CTRL_H
#define NETVF_DATAPATH_CTRL_H

#include <stdbool.h>
#include <stdint.h>
#include <xen/io/netif.h>

#include "datapath/ring.h"

/* What is behind the requests about static grants (netif.h, struct xen_netif_gref). Each returns the response's status;
 * `queue`, `count` and the reference of the list's page are as the guest has them. */
struct ctrl_windows {
    uint32_t (*size)(struct ctrl_windows *windows, unsigned queue, uint32_t *most);
    uint32_t (*add)(struct ctrl_windows *windows, unsigned queue, uint32_t list, unsigned count);
    uint32_t (*remove)(struct ctrl_windows *windows, unsigned queue, uint32_t list, unsigned count,
                       uint32_t *removed);
};

struct ctrl {
    struct ring ring;
    struct ctrl_windows *windows; /* NULL: there are none */
    const char *fault;            /* what the guest has done, after a -1 */
};

/* `page`: the mapped control ring. Takes it up where its last backend has left it. */
void ctrl_attach(struct ctrl *ctrl, void *page);

/* The answer to one request. Any request has one, whatever is in it; `request` is private memory. */
void ctrl_answer(struct ctrl *ctrl, const struct xen_netif_ctrl_request *request,
                 struct xen_netif_ctrl_response *response);

/* Answers the requests that wait, at most `most`. Returns how many there were; -1: guest fault (ctrl->fault says how).
 * Sets *notify when the guest wants an event. */
int ctrl_serve(struct ctrl *ctrl, unsigned most, bool *notify);

#endif
