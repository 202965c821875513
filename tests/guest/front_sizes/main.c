/* SPDX-License-Identifier: MIT */
/* Frames of every size, 14 bytes to what the vif's MTU allows: each comes back as it was sent. Parameter step: only every
 * so-manieth size beyond those of a vif of 1500. */
#include "tests/guest/lib/peer.h"

const char test_title[] = "frontend: every size";

#define WINDOW   8u
#define PATIENCE 1500u
#define TRIES    4u
#define SMALL    1514u

static uint8_t frame[VIF_FRAME_MAX], answer[VIF_FRAME_MAX];
static bool back[VIF_FRAME_MAX + 1];
static unsigned out, missing;

static bool send(struct vif *vif, unsigned size)
{
    peer_frame(vif, frame, size, size);
    out++;
    return vif_send_frame(vif, frame, size);
}

/* What is too small to tell which one it is comes alone. */
static bool is_small_echo(unsigned length)
{
    return length == FRAME_MIN && get16(answer + 12) == TYPE_PEER;
}

static bool collect(struct vif *vif, unsigned most_out, unsigned small)
{
    while (out > most_out) {
        int length = vif_receive(vif, answer, PATIENCE, NULL), number;

        if (length < 0)
            return false;
        if (length == 0) {
            out = 0; /* lost: they are tried again */
            return true;
        }
        if (small && is_small_echo((unsigned)length)) {
            back[small] = true;
            out--;
            continue;
        }
        number = peer_echoed(answer, (unsigned)length);
        if (number == -2) {
            xtf_failure("a frame came back damaged, it has %d bytes now\n", length);
            return false;
        }
        if (number < 0 || number > (int)VIF_FRAME_MAX)
            continue;
        back[number] = true;
        out--;
    }
    return true;
}

/* The largest one is always among them. */
static unsigned next(unsigned size, unsigned step, unsigned most)
{
    if (size < SMALL || size >= most)
        return size + 1;
    return size + step < most ? size + step : most;
}

static bool once(struct vif *vif, unsigned most, unsigned step)
{
    for (unsigned size = ETH_HLEN; size < PEER_HEAD; size++)
        if (!back[size] && !(send(vif, size) && collect(vif, 0, size)))
            return false;
    for (unsigned size = PEER_HEAD; size <= most; size = next(size, step, most))
        if (!back[size] && !(send(vif, size) && collect(vif, WINDOW - 1, 0)))
            return false;
    return collect(vif, 0, 0);
}

static unsigned count_back(unsigned most, unsigned step)
{
    unsigned sizes = 0;

    missing = 0;
    for (unsigned size = ETH_HLEN; size <= most; size = next(size, step, most), sizes++)
        missing += !back[size];
    return sizes;
}

void test_main(void)
{
    static struct vif vif;
    unsigned step = param_number("step", 1), most, sizes = 0;

    guest_init();
    if (!vif_start(&vif))
        return;
    most = vif.link->mtu + ETH_HLEN;
    for (unsigned tries = 0; tries < TRIES && (!tries || missing); tries++) {
        if (!once(&vif, most, step))
            return;
        sizes = count_back(most, step);
        printk("%u of %u sizes are missing\n", missing, sizes);
    }
    vif_drain(&vif);
    printk("sizes=%u\nlargest=%u\n", sizes, most);
    if (missing)
        xtf_failure("%u sizes never came back\n", missing);
    else if (vif_end(&vif))
        xtf_success("all sizes came back\n");
}
