/* SPDX-License-Identifier: MIT */
/* Received frames on their way to TAP, whatever their headers say: what has been merged, cut into segments again as a GSO
 * frame is, gives the frames that came in, in their order, but for what no segment keeps: the identification, checksums,
 * and PSH. What was not merged goes on as it is. */
#include "frontend/linux/merge.h"

#include "fuzz/input.h"

#define FRAMES 80u

enum { ETH = 14, V4 = 20, V6 = 40, TCP = 20 };

struct received {
    uint8_t *bytes; /* exactly so long, that a sanitizer sees each byte behind it */
    unsigned length;
};

static struct merge merge;
static struct merge_input input;
static struct received pending[FRAMES]; /* what `merge` holds */
static uint8_t out[2 * 65536];
static uint32_t seq;

/* -- oracle --------------------------------------------------------------------------------------------------------------- */

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* One segment's headers, as cutting makes them; what cutting cannot know is taken from what came in. */
static void check_segment(const struct virtio_net_hdr *header, unsigned number, unsigned length)
{
    const struct received *in = &pending[number];
    unsigned tcp = header->csum_start, start = number * header->gso_size;
    uint8_t head[VNET_HEAD];
    bool v6 = header->gso_type == VIRTIO_NET_HDR_GSO_TCPV6;
    uint8_t *ip = head + tcp - (v6 ? V6 : V4);
    uint32_t first;

    require(in->length > header->hdr_len && in->length - header->hdr_len <= header->gso_size);
    memcpy(head, out, header->hdr_len);
    put16(ip + (v6 ? 4 : 2), v6 ? in->length - tcp : in->length - tcp + V4);
    if (!v6)
        memcpy(ip + 4, in->bytes + (ip - head) + 4, 2);
    if (!v6)
        memcpy(ip + 10, in->bytes + (ip - head) + 10, 2);
    first = (uint32_t)head[tcp + 4] << 24 | (uint32_t)head[tcp + 5] << 16 |
            (uint32_t)head[tcp + 6] << 8 | head[tcp + 7];
    put16(head + tcp + 4, (first + start) >> 16);
    put16(head + tcp + 6, (first + start) & 0xffff);
    if (number + 1 < merge.count)
        head[tcp + 13] &= (uint8_t)~8u;
    memcpy(head + tcp + 16, in->bytes + tcp + 16, 2);
    require(!memcmp(head, in->bytes, header->hdr_len));
    require(header->hdr_len + start + in->length - header->hdr_len <= length);
    require(!memcmp(out + header->hdr_len + start, in->bytes + header->hdr_len,
                    in->length - header->hdr_len));
}

static void flush(void)
{
    struct virtio_net_hdr header;
    unsigned count, length = 0, payload = 0;
    const struct iovec *parts;

    if (!merge.count)
        return;
    parts = merge_finish(&merge, &count);
    memcpy(&header, parts[0].iov_base, sizeof header);
    for (unsigned i = 1; i < count; i++) {
        require(length + parts[i].iov_len <= sizeof out);
        memcpy(out + length, parts[i].iov_base, parts[i].iov_len);
        length += (unsigned)parts[i].iov_len;
    }
    if (merge.count == 1)
        require(length == pending[0].length && !memcmp(out, pending[0].bytes, length));
    for (unsigned i = 0; i < merge.count && merge.count > 1; i++) {
        check_segment(&header, i, length);
        payload += pending[i].length - header.hdr_len;
    }
    require(merge.count == 1 || (length == header.hdr_len + payload && length <= 65535));
    for (unsigned i = 0; i < merge.count; i++)
        free(pending[i].bytes);
    merge.count = 0;
}

/* -- frames --------------------------------------------------------------------------------------------------------------- */

/* A segment by the book, but for what the input changes. */
static unsigned build(struct input *in, uint8_t *bytes)
{
    uint8_t how = input_u8(in);
    unsigned l3 = how & 1 ? V6 : V4, tcp = ETH + l3, payload = input_u16(in) % 1600;
    unsigned options = how & 2 ? 12 : 0, length = tcp + TCP + options + payload;

    memset(bytes, 0, length);
    put16(bytes + 12, how & 1 ? 0x86dd : 0x0800);
    memcpy(bytes + ETH, how & 1 ? "\x60\0\0\0\0\0\x06\x40" : "\x45\0\0\0\0\0\x40\0\x40\x06",
           how & 1 ? 8 : 10);
    put16(bytes + ETH + (how & 1 ? 4 : 2), how & 1 ? length - tcp : length - ETH);
    if (how & 4)
        seq += input_u16(in);
    put16(bytes + tcp + 4, seq >> 16);
    put16(bytes + tcp + 6, seq & 0xffff);
    bytes[tcp + 12] = (uint8_t)((TCP + options) / 4 << 4);
    bytes[tcp + 13] = how & 8 ? 0x18 : 0x10;
    for (unsigned i = length - payload; i < length; i++)
        bytes[i] = (uint8_t)((seq + i) * 5 >> 2);
    seq += payload;
    for (unsigned changes = how >> 6; changes; changes--) {
        unsigned at = input_u8(in);

        if (at < length)
            bytes[at] ^= input_u8(in);
    }
    return length;
}

static void receive(struct input *in)
{
    static uint8_t bytes[2000];
    unsigned length = build(in, bytes), cut = input_u8(in) * 8u;
    uint8_t *copy = malloc(length), said = input_u8(in);

    require(copy != NULL);
    memcpy(copy, bytes, length);
    cut = cut && cut < length ? cut : length;
    input.frame = (struct netvf_front_rx_frame){
        .parts = {{.bytes = copy, .length = (uint16_t)cut},
                  {.bytes = copy + cut, .length = (uint16_t)(length - cut)}},
        .count = cut < length ? 2 : 1,
        .length = length,
        .validated = !(said & 1),
        .csum_blank = said & 2,
        .gso = said & 4 ? (enum netvf_front_gso)(said >> 3 & 3) % 3 : NETVF_FRONT_GSO_NONE,
        .gso_size = 100};
    if (!merge_look(&input)) {
        free(copy);
        return;
    }
    if (!merge_add(&merge, &input)) {
        flush();
        merge_begin(&merge, &input);
    }
    require(merge.count <= FRAMES);
    pending[merge.count - 1] = (struct received){.bytes = copy, .length = length};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {.data = data, .left = size};

    seq = 0xffffff00;
    for (unsigned frames = 0; in.left && frames < 200; frames++)
        receive(&in);
    flush();
    return 0;
}
