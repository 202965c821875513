/* SPDX-License-Identifier: MIT */
/* A vif of the frontend core's, as the tests use it: open, send and wait, receive, close. What goes wrong with it is
 * reported to the framework, and the function says false. */
#ifndef NETVF_GUEST_VIF_H
#define NETVF_GUEST_VIF_H

#include "tests/guest/lib/guest.h"

#include "frontend/netfront.h"
#include "frontend/port.h"

#define VIF_TX_PAGES  160u
#define VIF_FRAME_MAX 9014u

struct vif {
    struct netvf_front *front;
    const struct netvf_front_link *link;
    struct netvf_front_page tx[VIF_TX_PAGES]; /* granted to the backend, read-only */
    unsigned tx_pages;                        /* of these, the ones that frames are sent from */
    unsigned tx_next;
    unsigned buffers;                /* pages for receiving */
    unsigned out;                    /* frames on the ring */
    uint64_t since;                  /* connected */
    uint64_t sent, failed, received; /* frames */
    uint8_t address[4], peer[4];     /* parameters ip, peer */
    uint8_t peer_mac[6];             /* by vif_resolve() */

    /* vif_window.c */
    unsigned window_pages;
    bool tx_in_window, rx_in_window; /* all frames are, since there were so many: */
    uint64_t sent_before, received_before;
    unsigned gates; /* passed, by all connections */
};

/* Connects device/vif/0. Parameter buffers=N: pages for receiving. */
bool vif_open(struct vif *vif);
/* ARP for the peer's address. */
bool vif_resolve(struct vif *vif);
/* Gives everything back, and fails if the backend does not. */
bool vif_close(struct vif *vif);

/* vif_window.c: how a test begins, and how it ends when all went well. Parameters window, gates: see there. */
bool vif_start(struct vif *vif);
/* With the figures that a scenario looks at. */
bool vif_end(struct vif *vif);
/* Waits until the scenario lets it go on. */
bool vif_gate(struct vif *vif);
/* Frames that went by the window, both ways. */
uint64_t vif_by_window(const struct vif *vif);

/* A frame of the given parts, whose bytes are copied into granted pages; `lengths` has `count` of them. With `gso`, the
 * checksum is blank. Waits for room. */
bool vif_send(struct vif *vif, const void *bytes, const uint16_t *lengths, unsigned count,
              uint16_t gso);
/* In as many parts as it has pages. */
bool vif_send_frame(struct vif *vif, const void *bytes, unsigned length);
/* All that was sent is answered. */
bool vif_drain(struct vif *vif);
/* Takes what is answered; false if the backend has broken the protocol. */
bool vif_collect(struct vif *vif);

/* The next frame, copied; its length. 0: none in that time. -1: the backend has broken the protocol. ARP requests for
 * our address are answered, and not told of. *gso: segments' size, if it is one of several. */
int vif_receive(struct vif *vif, uint8_t frame[VIF_FRAME_MAX], unsigned ms, uint16_t *gso);

/* The figures that a scenario looks at. */
void vif_report(const struct vif *vif);

#endif
