/* SPDX-License-Identifier: MIT */
#include "frontend/linux/merge.h"

#include <netinet/in.h>
#include <string.h>

/* RFC 9293, 3.1; RFC 791, 3.1; RFC 8200, 3. */
enum {
    TCP_SEQ = 4,
    TCP_WORDS = 12,
    TCP_FLAGS = 13,
    TCP_WINDOW = 14,
    TCP_SUM = 16,
    TCP_URGENT = 18
};
enum { TCP_ACK = 0x10, TCP_PSH = 0x08, TCP_HEADER = 20 };
enum {
    V4_TOTAL = 2,
    V4_FRAGMENT = 6,
    V4_SUM = 10,
    V4_ADDRESSES = 12,
    V4_HEADER = 20,
    V4_DF = 0x40
};
enum { V6_LENGTH = 4, V6_ADDRESSES = 8, V6_HEADER = 40 };
enum { LENGTH_MAX = 65535 };

static unsigned get16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

/* -- looking at a frame ------------------------------------------------------------------------------------------------ */

static unsigned copy_head(const struct netvf_front_rx_frame *frame, uint8_t *head)
{
    unsigned length = 0;

    for (unsigned i = 0; i < frame->count && length < VNET_HEAD; i++) {
        const struct netvf_front_rx_part *part = &frame->parts[i];
        unsigned take = VNET_HEAD - length < part->length ? VNET_HEAD - length : part->length;

        memcpy(head + length, part->bytes, take);
        length += take;
    }
    return length;
}

bool merge_look(struct merge_input *input)
{
    input->head_length = copy_head(&input->frame, input->head);
    return vnet_from_netif(&input->frame, input->head, input->head_length, &input->header);
}

/* IP says the same length as the wire (a short frame is padded), and the frame is no fragment. Without DF each segment of
 * what is merged would need the identification that it came with. */
static bool whole_packet(const uint8_t *ip, const struct vnet_place *place, unsigned length)
{
    if (place->v6)
        return place->l4 == place->l3 + V6_HEADER && get16(ip + V6_LENGTH) == length - place->l4;
    return place->l4 == place->l3 + V4_HEADER && get16(ip + V4_TOTAL) == length - place->l3 &&
           ip[V4_FRAGMENT] == V4_DF && !ip[V4_FRAGMENT + 1];
}

/* Where the payload of a TCP segment begins that may be merged with others: one whose checksum is known to be right, with
 * data, and with no flag that means something for this one segment. 0: it is none. */
static unsigned mergeable(const struct merge_input *input, struct vnet_place *place)
{
    const uint8_t *head = input->head;
    unsigned payload;

    if (!input->header.flags || input->header.gso_type != VIRTIO_NET_HDR_GSO_NONE)
        return 0;
    if (!vnet_find(head, input->head_length, place) || place->protocol != IPPROTO_TCP ||
        place->l4 + TCP_HEADER > input->head_length)
        return 0;
    if (!whole_packet(head + place->l3, place, input->frame.length))
        return 0;
    payload = place->l4 + (head[place->l4 + TCP_WORDS] >> 4) * 4u;
    if (payload < place->l4 + TCP_HEADER || payload > input->head_length ||
        payload >= input->frame.length)
        return 0;
    return (head[place->l4 + TCP_FLAGS] & ~TCP_PSH) == TCP_ACK ? payload : 0;
}

/* -- putting frames together ----------------------------------------------------------------------------------------------- */

static void add_parts(struct merge *merge, const struct netvf_front_rx_frame *frame, unsigned skip)
{
    for (unsigned i = 0; i < frame->count; i++) {
        const struct netvf_front_rx_part *part = &frame->parts[i];

        if (skip >= part->length) {
            skip -= part->length;
            continue;
        }
        merge->parts[merge->part_count++] = (struct iovec){
            .iov_base = (void *)(uintptr_t)(part->bytes + skip), .iov_len = part->length - skip};
        skip = 0;
    }
}

/* A segment with PSH is the last of what its sender has written: so it is here. */
static bool pushed(const struct merge_input *input, const struct vnet_place *place)
{
    return input->head[place->l4 + TCP_FLAGS] & TCP_PSH;
}

void merge_begin(struct merge *merge, const struct merge_input *input)
{
    merge->frames[0] = input->frame;
    merge->count = 1;
    merge->header = input->header;
    memcpy(merge->head, input->head, input->head_length);
    merge->head_length = input->head_length;
    merge->part_count = 2;
    add_parts(merge, &input->frame, input->head_length);
    merge->length = input->frame.length;
    merge->payload = mergeable(input, &merge->place);
    merge->open = merge->payload && !pushed(input, &merge->place);
    if (merge->open)
        merge->next =
            get32(merge->head + merge->place.l4 + TCP_SEQ) + merge->length - merge->payload;
}

/* All that must be the same in each segment of a flow: everything but lengths, the identification, checksums, the sequence
 * number and PSH. An acknowledgement or a window that is another is news, and stands in a frame of its own. */
static bool same_headers(const struct merge *merge, const uint8_t *head)
{
    unsigned ip = merge->place.l3, tcp = merge->place.l4;
    const uint8_t *first = merge->head;
    /* Pairs of where a range begins and where it ends. */
    const unsigned v4[] = {0,           ip + V4_TOTAL,     ip + V4_FRAGMENT,
                           ip + V4_SUM, ip + V4_ADDRESSES, tcp + TCP_SEQ};
    const unsigned v6[] = {
        0, ip + V6_LENGTH, ip + V6_LENGTH + 2, ip + V6_ADDRESSES, ip + V6_ADDRESSES, tcp + TCP_SEQ};
    const unsigned *ranges = merge->place.v6 ? v6 : v4;

    for (unsigned i = 0; i < 6; i += 2)
        if (memcmp(first + ranges[i], head + ranges[i], ranges[i + 1] - ranges[i]))
            return false;
    /* What is acknowledged and the header's length; the window; the urgent pointer and all options. */
    return !memcmp(first + tcp + TCP_SEQ + 4, head + tcp + TCP_SEQ + 4, 5) &&
           !memcmp(first + tcp + TCP_WINDOW, head + tcp + TCP_WINDOW, 2) &&
           !memcmp(first + tcp + TCP_URGENT, head + tcp + TCP_URGENT,
                   merge->payload - tcp - TCP_URGENT);
}

bool merge_add(struct merge *merge, const struct merge_input *input)
{
    struct vnet_place place;
    unsigned payload, segment, length;

    if (!merge->count || !merge->open || merge->count == MERGE_FRAMES ||
        merge->part_count + input->frame.count > 2 + MERGE_PARTS)
        return false;
    payload = mergeable(input, &place);
    if (!payload || payload != merge->payload || place.l3 != merge->place.l3 ||
        place.v6 != merge->place.v6 || !same_headers(merge, input->head))
        return false;
    /* Each is as long as the first, but for the last. */
    segment = merge->frames[0].length - merge->payload;
    length = input->frame.length - payload;
    if (get32(input->head + place.l4 + TCP_SEQ) != merge->next || length > segment ||
        merge->length + length > LENGTH_MAX)
        return false;
    merge->frames[merge->count++] = input->frame;
    add_parts(merge, &input->frame, payload);
    merge->length += length;
    merge->next += length;
    merge->head[place.l4 + TCP_FLAGS] |= input->head[place.l4 + TCP_FLAGS] & TCP_PSH;
    merge->open = length == segment && !pushed(input, &place);
    return true;
}

/* -- the headers of the whole ---------------------------------------------------------------------------------------------- */

/* The sum of 16-bit words of RFC 1071, folded, not complemented. */
static unsigned sum(const uint8_t *bytes, unsigned length, unsigned start)
{
    unsigned total = start;

    for (unsigned i = 0; i < length; i += 2)
        total += get16(bytes + i);
    while (total >> 16)
        total = (total & 0xffff) + (total >> 16);
    return total;
}

static void close_ip(uint8_t *ip, const struct merge *merge)
{
    if (merge->place.v6) {
        put16(ip + V6_LENGTH, merge->length - merge->place.l4);
        return;
    }
    put16(ip + V4_TOTAL, merge->length - merge->place.l3);
    put16(ip + V4_SUM, 0);
    put16(ip + V4_SUM, ~sum(ip, V4_HEADER, 0));
}

/* TCP's checksum is left blank: what the field holds is the pseudo-header's sum (virtio 1.2, 5.1.6.2). */
static void close_tcp(struct merge *merge)
{
    const uint8_t *ip = merge->head + merge->place.l3;
    unsigned start = IPPROTO_TCP + merge->length - merge->place.l4;
    unsigned pseudo =
        merge->place.v6 ? sum(ip + V6_ADDRESSES, 32, start) : sum(ip + V4_ADDRESSES, 8, start);

    put16(merge->head + merge->place.l4 + TCP_SUM, pseudo);
    merge->header = (struct virtio_net_hdr){
        .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
        .gso_type = merge->place.v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4,
        .gso_size = (uint16_t)(merge->frames[0].length - merge->payload),
        .hdr_len = (uint16_t)merge->payload,
        .csum_start = (uint16_t)merge->place.l4,
        .csum_offset = TCP_SUM,
    };
}

const struct iovec *merge_finish(struct merge *merge, unsigned *count)
{
    if (merge->count > 1) {
        close_ip(merge->head + merge->place.l3, merge);
        close_tcp(merge);
    }
    merge->parts[0] = (struct iovec){.iov_base = &merge->header, .iov_len = sizeof merge->header};
    merge->parts[1] = (struct iovec){.iov_base = merge->head, .iov_len = merge->head_length};
    *count = merge->part_count;
    return merge->parts;
}
