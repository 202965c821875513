/* SPDX-License-Identifier: MIT */
/* Segmentation: TCP of up to 64 KiB in one frame leaves as segments with right checksums and all of its bytes, and what the
 * outside sends as segments arrives whole, whether the backend joins them or not. */
#include "tests/guest/lib/peer.h"

const char test_title[] = "frontend: GSO";

#define PORT     4242u
#define MSS      1448u
#define FRAMES   12u
#define STREAM   (64u * 1024)
#define PATIENCE 3000u

static uint8_t frame[TCP_HEADERS + 65535], got[VIF_FRAME_MAX];

static struct flow flow_of(const struct vif *vif)
{
    return (struct flow){vif->link->mac, vif->peer_mac, vif->address, vif->peer, PORT, PORT};
}

/* In parts of a page; TCP's payload is the pattern of its place in the stream. */
static bool send_one(struct vif *vif, uint32_t sequence, unsigned payload)
{
    const struct flow flow = flow_of(vif);
    uint16_t lengths[NETVF_FRONT_TX_PARTS];
    unsigned left = TCP_HEADERS + payload, count = 0;

    for (unsigned i = 0; i < payload; i++)
        frame[TCP_HEADERS + i] = (uint8_t)((sequence + i) % 251);
    tcp_headers(frame, &flow, sequence, payload, true);
    for (; left; left -= lengths[count++])
        lengths[count] = (uint16_t)(left > PAGE_SIZE ? PAGE_SIZE : left);
    return vif_send(vif, frame, lengths, count, MSS);
}

static bool out_of_the_guest(struct vif *vif)
{
    /* One segment and a byte, several, as many as there can be. */
    static const unsigned payloads[] = {MSS + 1, 4096, 10 * MSS, 32000, 65535 - TCP_HEADERS};
    struct peer_answer answer;
    uint32_t sequence = 0;

    if (!peer_query(vif, &answer))
        return false;
    for (unsigned i = 0; i < FRAMES; i++) {
        unsigned payload = payloads[i % ARRAY_SIZE(payloads)];

        if (!send_one(vif, sequence, payload) || !vif_drain(vif))
            return false;
        sequence += payload;
    }
    if (!peer_query(vif, &answer))
        return false;
    printk("gso_frames=%u\ngso_bytes=%u\ngso_bytes_outside=%u\ngso_segments_outside=%u\n", FRAMES,
           sequence, answer.bytes, answer.frames);
    if (answer.bytes == sequence && !answer.wrong && !answer.bad_checksums)
        return true;
    xtf_failure("outside has %u of %u bytes, %u of them wrong, %u bad checksums\n", answer.bytes,
                sequence, answer.wrong, answer.bad_checksums);
    return false;
}

/* Bytes of the stream in this frame, or -1 if they are not what they should be. */
static int stream_bytes(const struct vif *vif, unsigned length)
{
    const uint8_t *tcp = got + ETH_HLEN + 20;
    unsigned payload;
    uint32_t sequence;

    if (length < TCP_HEADERS || get16(got + 12) != 0x0800 || got[23] != 6 ||
        memcmp(got + 30, vif->address, 4) || get16(tcp + 2) != PORT)
        return 0;
    payload = get16(got + 16) - 40;
    sequence = get32(tcp + 4);
    if (payload > length - TCP_HEADERS)
        return -1;
    for (unsigned i = 0; i < payload; i++)
        if (got[TCP_HEADERS + i] != (uint8_t)((sequence + i) % 251))
            return -1;
    return (int)payload;
}

static bool into_the_guest(struct vif *vif)
{
    unsigned bytes = 0, frames = 0, joined = 0;

    if (!peer_ask_stream(vif, STREAM, MSS))
        return false;
    while (bytes < STREAM) {
        uint16_t gso = 0;
        int length = vif_receive(vif, got, PATIENCE, &gso), more;

        if (length <= 0)
            break;
        more = stream_bytes(vif, (unsigned)length);
        if (more < 0) {
            xtf_failure("TCP's bytes arrived damaged\n");
            return false;
        }
        bytes += (unsigned)more;
        frames += more > 0;
        joined += gso > 0;
    }
    printk("stream_bytes=%u\nstream_frames=%u\nstream_joined=%u\n", bytes, frames, joined);
    if (bytes == STREAM)
        return true;
    xtf_failure("%u of %u bytes arrived\n", bytes, STREAM);
    return false;
}

void test_main(void)
{
    static struct vif vif;
    bool good;

    guest_init();
    if (!vif_start(&vif))
        return;
    if (!vif.link->gso_tcpv4) {
        xtf_failure("the backend offers no segmentation\n");
        return;
    }
    good = out_of_the_guest(&vif) && into_the_guest(&vif);
    if (good && vif_end(&vif))
        xtf_success("all bytes went both ways\n");
}
