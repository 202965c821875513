/* SPDX-License-Identifier: MIT */
#include "tests/guest/lib/peer.h"

static uint8_t buffer[VIF_FRAME_MAX];

static void head(const struct vif *vif, uint8_t *frame, uint8_t what, unsigned length,
                 unsigned number)
{
    eth_header(frame, vif->peer_mac, vif->link->mac, TYPE_PEER);
    frame[14] = what;
    frame[15] = 0;
    put16(frame + 16, length);
    put32(frame + 18, number);
}

void peer_frame(const struct vif *vif, uint8_t *frame, unsigned length, unsigned number)
{
    uint8_t whole[PEER_HEAD];

    head(vif, whole, PEER_ECHO, length, number);
    memcpy(frame, whole, length < PEER_HEAD ? length : PEER_HEAD);
    if (length > PEER_HEAD)
        pattern_fill(frame + PEER_HEAD, length - PEER_HEAD, number);
}

/* A frame of less than 60 bytes is filled up on the wire. */
int peer_echoed(const uint8_t *frame, unsigned length)
{
    unsigned said = get16(frame + 16);

    if (length < PEER_HEAD || get16(frame + 12) != TYPE_PEER || frame[14] != PEER_ECHO)
        return -1;
    if (said < PEER_HEAD || length != (said < FRAME_MIN ? FRAME_MIN : said))
        return -2;
    if (!pattern_holds(frame + PEER_HEAD, said - PEER_HEAD, get32(frame + 18)))
        return -2;
    return (int)get32(frame + 18);
}

bool peer_query(struct vif *vif, struct peer_answer *answer)
{
    for (unsigned tries = 0; tries < 10; tries++) {
        int length = 1;

        memset(buffer, 0, FRAME_MIN);
        head(vif, buffer, PEER_QUERY, FRAME_MIN, 0);
        if (!vif_send_frame(vif, buffer, FRAME_MIN))
            return false;
        while (length > 0) {
            length = vif_receive(vif, buffer, 1000, NULL);
            if (length < (int)PEER_HEAD + 16 || get16(buffer + 12) != TYPE_PEER ||
                buffer[14] != PEER_QUERY)
                continue;
            *answer = (struct peer_answer){get32(buffer + 22), get32(buffer + 26),
                                           get32(buffer + 30), get32(buffer + 34)};
            return true;
        }
    }
    xtf_error("the outside host's peer.py does not answer\n");
    return false;
}

bool peer_ask_stream(struct vif *vif, uint32_t bytes, unsigned segment)
{
    memset(buffer, 0, FRAME_MIN);
    head(vif, buffer, PEER_STREAM, FRAME_MIN, 0);
    put32(buffer + 22, bytes);
    put16(buffer + 26, segment);
    memcpy(buffer + 28, vif->peer, 4);
    memcpy(buffer + 32, vif->address, 4);
    return vif_send_frame(vif, buffer, FRAME_MIN);
}
