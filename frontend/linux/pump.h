/* SPDX-License-Identifier: MIT */
/* One queue of a TAP interface and one of a vif, and the frames between them. */
#ifndef NETVF_FRONT_LINUX_PUMP_H
#define NETVF_FRONT_LINUX_PUMP_H

#include "frontend/linux/merge.h"
#include "frontend/netfront.h"
#include "frontend/port.h"

/* Pages to send from: seven of the largest frames, or as many small ones. What there is of them in flight is bounded by
 * nothing else, for the ring has more slots. */
#define PUMP_PAGES 128u

struct pump {
    struct netvf_front *front;
    struct netvf_front_port *port;
    unsigned queue;
    const int *taps; /* of all queues; this one reads its own, writes to that of a frame's flow */
    bool ready;      /* the pages are there */
    bool readable;   /* the TAP may have a frame: whoever polls it says so; until there is none */
    bool full;       /* frames wait in the TAP until some are done */
    unsigned frame_pages; /* what the largest frame of this connection takes */

    struct netvf_front_page pages[PUMP_PAGES];
    uint16_t next[PUMP_PAGES]; /* of a frame's pages, or of the free ones */
    uint16_t free_page, free_count;
    uint64_t refused; /* frames that could not be said to the other side, either way */

    struct merge merge; /* empty between two runs */
};

/* For a connection that was just made: its pages. Negative error number, as the port's. */
int pump_start(struct pump *pump, const struct netvf_front_link *link);
void pump_stop(struct pump *pump);

/* Moves what there is, up to a budget each way. 1: there is more, come again; 0: sleep until an event or, unless `full`,
 * until the TAP is readable, which is then to be said in `readable`. Negative: the queue's error (netfront.h). */
int pump_run(struct pump *pump);

#endif
