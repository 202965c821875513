/* SPDX-License-Identifier: MIT */
/* A vif ready for a test: connected, the peer found, and what the parameters want of a DMA window (netfront.h, "windows").
 *
 * window=N: that many pages of it are asked for. The receive buffers come first, and frames are then sent from no other pages
 * than those that are in it, so that everything goes by it.
 * gates=1: before and after what the test does the guest waits for the scenario, which looks at the backend's counters. */
#include "tests/guest/lib/frames.h"
#include "tests/guest/lib/vif.h"

#define WINDOW_PATIENCE (4 * NS_PER_S)
#define SETTLE_PATIENCE (20 * NS_PER_S)
#define GATE_PATIENCE   (60 * NS_PER_S)
#define GATE_KEY        "data/gate"
#define BURST           8u

/* -- gates ---------------------------------------------------------------------------------------------------------- */

bool vif_gate(struct vif *vif)
{
    uint64_t since = now();

    if (!param_number("gates", 0))
        return true;
    printk("gate %u\n", ++vif->gates);
    while (store_number(GATE_KEY, 0) < vif->gates) {
        if (now() - since > GATE_PATIENCE) {
            xtf_error("nobody opens gate %u\n", vif->gates);
            return false;
        }
        sleep_ms(20);
    }
    return true;
}

/* -- the window ------------------------------------------------------------------------------------------------------ */

/* Steps until that many pages are in it, or it is plain that there will not be more. */
static void wait_for_pages(struct vif *vif, unsigned wanted)
{
    uint64_t since = now();

    while (netvf_front_window_pages(vif->front, 0) < wanted && now() - since < WINDOW_PATIENCE) {
        netvf_front_step(vif->front);
        sleep_ms(10);
    }
    vif->window_pages = netvf_front_window_pages(vif->front, 0);
}

/* Buffers that were posted before the window are none of it, until they have come round: the outside's answers to ARP do
 * that, for it gives one to each question. */
static bool settle(struct vif *vif)
{
    static uint8_t frame[VIF_FRAME_MAX];
    uint64_t since = now(), wanted = vif->received + vif->buffers;
    int r;

    while (vif->received < wanted) {
        for (unsigned i = 0; i < BURST; i++) {
            arp_request(vif->link->mac, vif->address, vif->peer, frame);
            if (!vif_send_frame(vif, frame, FRAME_MIN))
                return false;
        }
        for (unsigned i = 0; i < BURST; i++) {
            r = vif_receive(vif, frame, 200, NULL);
            if (r < 0)
                return false;
            if (r == 0)
                break;
        }
        if (now() - since > SETTLE_PATIENCE) {
            xtf_failure("%lu buffers of before the window have not come back\n",
                        wanted - vif->received);
            return false;
        }
    }
    return vif_drain(vif);
}

/* Frames are sent from its pages alone, if there are enough for one that waits and one that is filled. */
static bool use_window(struct vif *vif)
{
    unsigned left;

    if (vif->window_pages < vif->buffers)
        return true;
    left = vif->window_pages - vif->buffers;
    if (left >= 2 * NETVF_FRONT_TX_PARTS) {
        vif->tx_pages = left;
        vif->tx_next = 0;
    }
    if (!settle(vif))
        return false;
    vif->rx_in_window = true;
    vif->tx_in_window = vif->tx_pages == left;
    vif->sent_before = vif->sent;
    vif->received_before = vif->received;
    return true;
}

static bool open_window(struct vif *vif)
{
    unsigned wanted = param_number("window", 0), most = vif->buffers + VIF_TX_PAGES;
    int r;

    if (!wanted)
        return true;
    if (!vif_drain(vif))
        return false;
    r = netvf_front_window_add(vif->front, 0, vif->tx, VIF_TX_PAGES);
    if (r < 0) {
        xtf_failure("no page can be had in a window: %d\n", r);
        return false;
    }
    wait_for_pages(vif, wanted < most ? wanted : most);
    printk("window: %u of %u pages\n", vif->window_pages, wanted);
    return use_window(vif);
}

uint64_t vif_by_window(const struct vif *vif)
{
    return (vif->tx_in_window ? vif->sent - vif->sent_before : 0) +
           (vif->rx_in_window ? vif->received - vif->received_before : 0);
}

bool vif_start(struct vif *vif)
{
    return vif_open(vif) && vif_resolve(vif) && open_window(vif) && vif_gate(vif);
}

bool vif_end(struct vif *vif)
{
    vif_report(vif);
    return vif_gate(vif) && vif_close(vif);
}
