/* SPDX-License-Identifier: MIT */
/* libnetvf-front: the frontend of a Xen network vif, for any program or kernel and any backend.
 *
 * The protocol is that of Xen's public header xen/io/netif.h ("netif.h" below) and of xenbus (xen/io/xenbus.h). The
 * library allocates nothing, has no globals, and calls nothing but memcpy, memset and the functions of its port
 * (port.h). The backend is not trusted with the frontend's memory: each word of the shared rings is read once, and what
 * it says is checked against what we have asked for. A backend that breaks the protocol ends its connection, no more.
 *
 * Errors are negative numbers of Xen's public header xen/errno.h. Lengths and offsets are in bytes.
 *
 * Threads: each queue's functions may be called by a thread of that queue's own. netvf_front_step(), _open(), _close()
 * and _drop() may take the rings away, so that no thread may be in a queue's functions meanwhile. */
#ifndef NETVF_FRONT_H
#define NETVF_FRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct netvf_front; /* one vif; lives in storage of the caller's */
struct netvf_front_port;

#define NETVF_FRONT_QUEUES_MAX  64u
#define NETVF_FRONT_BUFFERS_MAX 256u /* slots of the rx ring: (4096 - 64) / 8, rounded down */
/* Parts of a frame: XEN_NETIF_NR_SLOTS_MIN on the way out; one more on the way in, as Linux' netfront takes it. */
#define NETVF_FRONT_TX_PARTS   18u
#define NETVF_FRONT_RX_PARTS   19u
#define NETVF_FRONT_WINDOW_MAX 512u /* what one list of a control request can name */

enum netvf_front_gso {
    NETVF_FRONT_GSO_NONE,
    NETVF_FRONT_GSO_TCPV4, /* values as XEN_NETIF_GSO_TYPE_TCPV4, _TCPV6 */
    NETVF_FRONT_GSO_TCPV6,
};

struct netvf_front_config {
    struct netvf_front_port *port; /* borrowed */
    const char *path;    /* the frontend's directory, "device/vif/0"; copied, at most 63 bytes */
    uint16_t queues;     /* most queues to set up, 1 to NETVF_FRONT_QUEUES_MAX */
    uint16_t rx_buffers; /* pages for receiving, each queue; 19 to NETVF_FRONT_BUFFERS_MAX */
    /* What the caller can take on the way in (keys feature-* of the frontend). GSO needs sg. */
    bool sg, gso_tcpv4, gso_tcpv6;
    bool csum_blank_ipv4, csum_blank_ipv6; /* TCP and UDP whose checksum is only begun */
    /* Most pages of each queue that the backend is asked to keep mapped (see "windows" below), 0 to
     * NETVF_FRONT_WINDOW_MAX; 0: it is not asked, and no control ring is set up. */
    uint16_t window;
};

/* What a connection has agreed on. Valid in the states CONNECTING and CONNECTED. */
struct netvf_front_link {
    uint32_t generation; /* another for each connection */
    uint16_t backend;    /* domain id: whom the pages of frames to send are to be granted to */
    uint16_t queues;
    uint16_t mtu; /* without Ethernet header; 1500 if the toolstack says nothing */
    uint8_t mac[6];
    bool split; /* two event channels for each queue */
    bool carrier;
    /* What the backend takes on the way out. Without sg a frame is one part. */
    bool sg, gso_tcpv4, gso_tcpv6, csum_blank_ipv4, csum_blank_ipv6;
};

/* Storage for a vif of `queues` queues, in bytes, to be aligned for a uint64_t and a pointer. */
size_t netvf_front_size(unsigned queues);

/* Makes *front in `storage`. -XEN_EINVAL: the storage is too small or not aligned, or the configuration is no sense. */
int netvf_front_init(void *storage, size_t size, const struct netvf_front_config *config,
                     struct netvf_front **front);

/* -- the connection (xen/io/xenbus.h) ------------------------------------------------------------------------------ */

enum netvf_front_state {
    NETVF_FRONT_GONE,    /* there is no such vif; it may come, or come back */
    NETVF_FRONT_WAITING, /* for the backend to be ready */
    NETVF_FRONT_CONNECTING, /* ours is said; the rings may be used, the backend has not come to them yet */
    NETVF_FRONT_CONNECTED,
    NETVF_FRONT_CLOSING,
    NETVF_FRONT_DOWN, /* closed by netvf_front_close(), or for netvf_front_fault(), until netvf_front_open() */
};

/* Does what can be done and returns the state, or an error: then nothing is half done, and the next call tries again.
 * Never waits for the backend. To be called at first, whenever a key below the frontend's directory or below the
 * backend's (netvf_front_backend_path) has changed, after a queue function has returned -XEN_EBADMSG, and after the
 * domain was resumed from suspension, which is noticed by the state that the toolstack has put back: the connection is
 * then made anew. It looks at everything each time, so one call more does no harm.
 * -XEN_EOPNOTSUPP: the backend cannot copy (feature-rx-copy). -XEN_ENOMEM and such: what the port says. */
int netvf_front_step(struct netvf_front *front);

/* The backend's directory as of the last step, "" if none is known. Valid until the next step. */
const char *netvf_front_backend_path(const struct netvf_front *front);
/* NULL unless CONNECTING or CONNECTED. Valid until the next step. */
const struct netvf_front_link *netvf_front_link(const struct netvf_front *front);
/* How the backend broke the protocol, one sentence; NULL if it did not. */
const char *netvf_front_fault(const struct netvf_front *front);

/* Asks for the end of the connection, which further steps carry out (states 5 and 6), until DOWN. */
void netvf_front_close(struct netvf_front *front);
/* Asks for a connection again, also after a fault. So it is after netvf_front_init(). */
void netvf_front_open(struct netvf_front *front);
/* Gives back all pages and channels at once and says nothing to the backend: when the caller cannot wait for it. */
void netvf_front_drop(struct netvf_front *front);

/* -- sending (netif.h, "Guest transmit") ----------------------------------------------------------------------------- */

/* A part of a frame, in a page that the caller has granted to link->backend, readable at least. */
struct netvf_front_tx_part {
    uint32_t gref;
    uint16_t offset,
        length; /* offset + length at most 4096; length at least 1; of the first part at least 14 */
};

struct netvf_front_tx_frame {
    const struct netvf_front_tx_part *parts; /* at most 65535 bytes together */
    uint16_t count;                          /* 1 to NETVF_FRONT_TX_PARTS */
    /* The TCP or UDP checksum field holds the sum over the pseudo-header only (netif.h, NETTXF_csum_blank). */
    bool csum_blank;
    enum netvf_front_gso gso; /* needs csum_blank */
    uint16_t gso_size;        /* with gso: bytes of payload in each segment */
    uint64_t cookie;          /* the caller's own, comes back in netvf_front_done */
};

/* Puts a frame on the ring. Its pages must stay granted and as they are until the frame is done; if the connection ends
 * first, until the state is past CLOSING: the backend may read them until it has closed. Frames of a former connection are
 * not told of any more (link->generation). The backend is told by netvf_front_tx_push(), once for many.
 * -XEN_EAGAIN: no room before more are done. -XEN_EINVAL: not a frame, or one that was not agreed on. -XEN_ENOTCONN.
 * -XEN_EBADMSG: the backend has broken the protocol, step now. */
int netvf_front_tx(struct netvf_front *front, unsigned queue,
                   const struct netvf_front_tx_frame *frame);
int netvf_front_tx_push(struct netvf_front *front, unsigned queue);
/* Slots that are free. A frame takes one for each part, and one more with gso. */
unsigned netvf_front_tx_room(const struct netvf_front *front, unsigned queue);

struct netvf_front_done {
    uint64_t cookie;
    bool sent; /* else the backend says that it was not */
};

/* Frames that the backend is done with, in any order; at most `max`. Returns how many. Errors as netvf_front_tx(). */
int netvf_front_tx_done(struct netvf_front *front, unsigned queue, struct netvf_front_done *done,
                        unsigned max);
/* Asks for an event at the next response (ring.h, RING_FINAL_CHECK_FOR_RESPONSES). 1: there is one already, and no event
 * will tell of it. 0: the caller may sleep. Errors as netvf_front_tx(). */
int netvf_front_tx_arm(struct netvf_front *front, unsigned queue);

/* -- receiving (netif.h, "Guest receive") ---------------------------------------------------------------------------- */

struct netvf_front_rx_part {
    /* In a page that stays granted: the backend can still write it. To be read once; what must not change under one's
     * hands is to be copied first. */
    const uint8_t *bytes;
    uint16_t length;
    uint16_t page; /* the library's own */
};

struct netvf_front_rx_frame {
    struct netvf_front_rx_part parts[NETVF_FRONT_RX_PARTS];
    uint16_t count;
    uint32_t length; /* of all parts; at least 14, at most 19 * 4096 */
    bool csum_blank; /* as in netvf_front_tx_frame */
    bool validated;  /* the backend vouches for the checksum */
    enum netvf_front_gso gso;
    uint16_t gso_size;
    uint32_t generation; /* the library's own */
};

/* The next frame. 1: there is one; its buffers are the caller's until netvf_front_rx_release(). 0: none.
 * Errors as netvf_front_tx(). */
int netvf_front_rx(struct netvf_front *front, unsigned queue, struct netvf_front_rx_frame *frame);
/* Gives a frame's buffers back, in any order. Those of a former connection are ignored. -XEN_EINVAL: not the caller's. */
int netvf_front_rx_release(struct netvf_front *front, unsigned queue,
                           const struct netvf_front_rx_frame *frame);
/* Posts all buffers that are free, and tells the backend if it has asked for that. To be called after a batch. */
int netvf_front_rx_fill(struct netvf_front *front, unsigned queue);
/* As netvf_front_tx_arm(). */
int netvf_front_rx_arm(struct netvf_front *front, unsigned queue);

/* -- windows (netif.h, "Static Grants") ------------------------------------------------------------------------------------ */

/* Pages that the backend has mapped once and keeps mapped: what is sent from them and received into them costs it no grant
 * operation. Asked for on a control ring as soon as both ends are connected, by netvf_front_step(), which is to be called
 * also when an answer waits; for each queue the receive buffers first, then the pages of netvf_front_window_add(), each as
 * many as fit into what the backend has left. A backend that knows no such thing, or refuses, changes nothing else.
 *
 * Live migration: what a device writes into pages that stay mapped, Xen's log of written pages does not see. So each page of
 * a received frame is written to once, with what is in it, before the frame is handed out; and after a resume
 * netvf_front_step() must come before anything else, which makes the connection and the window anew. */

struct netvf_front_page; /* port.h */

/* Pages, granted to link->backend, that the caller is going to send from for as long as the connection: for the window of
 * this queue, where they are read-only. Once for each connection; `pages` must stay as it is until that ends. When it is
 * closed in good order they are taken out first, but for those that frames are still sent from.
 * -XEN_EINVAL: given already, none, or more than NETVF_FRONT_WINDOW_MAX. -XEN_ENOTCONN, -XEN_EBADMSG as netvf_front_tx(). */
int netvf_front_window_add(struct netvf_front *front, unsigned queue,
                           const struct netvf_front_page *pages, unsigned count);
/* How many of a queue's pages are in its window now; 0 if not connected. */
unsigned netvf_front_window_pages(const struct netvf_front *front, unsigned queue);
/* The local port on which the backend tells of its answers, 0 without a control ring; and whether one waits: then
 * netvf_front_step() is to be called. */
uint32_t netvf_front_ctrl_channel(const struct netvf_front *front);
bool netvf_front_ctrl_waiting(const struct netvf_front *front);

/* -- events ------------------------------------------------------------------------------------------------------------ */

/* The local ports on which the backend tells of responses; the same twice unless link->split. 0 if not connected. */
uint32_t netvf_front_tx_channel(const struct netvf_front *front, unsigned queue);
uint32_t netvf_front_rx_channel(const struct netvf_front *front, unsigned queue);

struct netvf_front_counters {
    uint64_t tx_frames, tx_bytes, tx_failed; /* put on the ring; of these, answered with an error */
    uint64_t rx_frames, rx_bytes,
        rx_dropped;    /* handed out; ended by the backend's error or no frame at all */
    uint64_t notified; /* events to the backend */
};

/* Of one queue, over all connections. */
void netvf_front_count(const struct netvf_front *front, unsigned queue,
                       struct netvf_front_counters *counters);

#ifdef __cplusplus
}
#endif

#endif
