/* SPDX-License-Identifier: MIT */
/* The control ring (netif.h, "Control ring"): requests in, responses out. Pure, as the rest of the data path, and apart
 * from it: no packet's way leads past here.
 *
 * What a frontend may ask for is a table of handlers by type. All types there are today are about hashing, which no VF
 * does towards a guest (docs/choices.md, "Control ring"). */
#ifndef NETVF_DATAPATH_CTRL_H
#define NETVF_DATAPATH_CTRL_H

#include <stdbool.h>
#include <stdint.h>
#include <xen/io/netif.h>

#include "datapath/ring.h"

struct ctrl {
    struct ring ring;
    const char *fault; /* what the guest has done, after a -1 */
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
