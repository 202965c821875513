/* SPDX-License-Identifier: MIT */
#include "tests/guest/lib/frames.h"

#include "tests/guest/lib/guest.h"

#define TYPE_IPV4 0x0800u
#define TYPE_ARP  0x0806u
#define IP_UDP    17u
#define IP_TCP    6u

void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value & 0xffff);
}

unsigned get16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

uint32_t get32(const uint8_t *at)
{
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

void eth_header(uint8_t *frame, const uint8_t to[6], const uint8_t from[6], unsigned type)
{
    memcpy(frame, to, 6);
    memcpy(frame + 6, from, 6);
    put16(frame + 12, type);
}

/* -- ARP -------------------------------------------------------------------------------------------------------------- */

static void arp(uint8_t *frame, unsigned what, const uint8_t mac[6], const uint8_t address[4],
                const uint8_t to_mac[6], const uint8_t to[4])
{
    uint8_t *a = frame + ETH_HLEN;

    memset(frame, 0, FRAME_MIN);
    eth_header(frame, to_mac, mac, TYPE_ARP);
    put16(a, 1);
    put16(a + 2, TYPE_IPV4);
    put16(a + 4, 0x0604);
    put16(a + 6, what);
    memcpy(a + 8, mac, 6);
    memcpy(a + 14, address, 4);
    memcpy(a + 18, to_mac, 6);
    memcpy(a + 24, to, 4);
}

void arp_request(const uint8_t mac[6], const uint8_t address[4], const uint8_t peer[4],
                 uint8_t frame[FRAME_MIN])
{
    static const uint8_t everybody[6] = {255, 255, 255, 255, 255, 255};

    arp(frame, 1, mac, address, everybody, peer);
}

bool arp_is_reply(const uint8_t *frame, unsigned length, const uint8_t peer[4], uint8_t mac[6])
{
    if (length < 42 || get16(frame + 12) != TYPE_ARP || get16(frame + 20) != 2 ||
        memcmp(frame + 28, peer, 4))
        return false;
    memcpy(mac, frame + 22, 6);
    return true;
}

bool arp_answer(const uint8_t *frame, unsigned length, const uint8_t mac[6],
                const uint8_t address[4], uint8_t answer[FRAME_MIN])
{
    if (length < 42 || get16(frame + 12) != TYPE_ARP || get16(frame + 20) != 1 ||
        memcmp(frame + 38, address, 4))
        return false;
    arp(answer, 2, mac, address, frame + 22, frame + 28);
    return true;
}

/* -- IPv4 ------------------------------------------------------------------------------------------------------------- */

static uint32_t sum(uint32_t start, const uint8_t *at, unsigned count)
{
    for (; count > 1; at += 2, count -= 2)
        start += get16(at);
    return count ? start + ((uint32_t)*at << 8) : start;
}

static unsigned fold(uint32_t value)
{
    value = (value >> 16) + (value & 0xffff);
    return (value + (value >> 16)) & 0xffff;
}

static uint32_t pseudo_sum(const uint8_t *ip, unsigned length)
{
    return sum(ip[9] + length, ip + 12, 8);
}

static void ip_header(uint8_t *ip, const struct flow *flow, unsigned protocol, unsigned length)
{
    memset(ip, 0, 20);
    ip[0] = 0x45;
    put16(ip + 2, 20 + length);
    ip[6] = 0x40;
    ip[8] = 64;
    ip[9] = (uint8_t)protocol;
    memcpy(ip + 12, flow->address, 4);
    memcpy(ip + 16, flow->peer, 4);
    put16(ip + 10, ~fold(sum(0, ip, 20)) & 0xffff);
}

void udp_headers(uint8_t *frame, const struct flow *flow, unsigned payload)
{
    uint8_t *ip = frame + ETH_HLEN, *udp = ip + 20;
    unsigned check;

    eth_header(frame, flow->peer_mac, flow->mac, TYPE_IPV4);
    ip_header(ip, flow, IP_UDP, 8 + payload);
    put16(udp, flow->port);
    put16(udp + 2, flow->peer_port);
    put16(udp + 4, 8 + payload);
    put16(udp + 6, 0);
    check = ~fold(sum(pseudo_sum(ip, 8 + payload), udp, 8 + payload)) & 0xffff;
    put16(udp + 6, check ? check : 0xffff);
}

const uint8_t *udp_payload(const uint8_t *frame, unsigned length, const struct flow *flow,
                           unsigned *payload)
{
    const uint8_t *ip = frame + ETH_HLEN, *udp = ip + 20;
    unsigned size;

    if (length < UDP_HEADERS || get16(frame + 12) != TYPE_IPV4 || ip[0] != 0x45 ||
        ip[9] != IP_UDP || memcmp(ip + 12, flow->peer, 4) || memcmp(ip + 16, flow->address, 4))
        return NULL;
    if (get16(udp) != flow->peer_port || get16(udp + 2) != flow->port)
        return NULL;
    size = get16(udp + 4);
    if (size < 8 || size > length - ETH_HLEN - 20 || fold(sum(0, ip, 20)) != 0xffff)
        return NULL;
    if (get16(udp + 6) && fold(sum(pseudo_sum(ip, size), udp, size)) != 0xffff)
        return NULL;
    *payload = size - 8;
    return udp + 8;
}

void tcp_headers(uint8_t *frame, const struct flow *flow, uint32_t sequence, unsigned payload,
                 bool blank)
{
    uint8_t *ip = frame + ETH_HLEN, *tcp = ip + 20;
    unsigned length = 20 + payload;

    eth_header(frame, flow->peer_mac, flow->mac, TYPE_IPV4);
    ip_header(ip, flow, IP_TCP, length);
    memset(tcp, 0, 20);
    put16(tcp, flow->port);
    put16(tcp + 2, flow->peer_port);
    put32(tcp + 4, sequence);
    tcp[12] = 0x50;
    tcp[13] = 0x10; /* ACK */
    put16(tcp + 14, 0xffff);
    put16(tcp + 16, blank ? fold(pseudo_sum(ip, length))
                          : ~fold(sum(pseudo_sum(ip, length), tcp, length)) & 0xffff);
}

/* -- patterns ---------------------------------------------------------------------------------------------------------- */

/* The period is odd, so that no shift by a power of two looks right. */
static uint8_t pattern(unsigned at, unsigned seed)
{
    return (uint8_t)((at + seed * 7) % 251);
}

void pattern_fill(uint8_t *to, unsigned count, unsigned seed)
{
    for (unsigned i = 0; i < count; i++)
        to[i] = pattern(i, seed);
}

bool pattern_holds(const uint8_t *at, unsigned count, unsigned seed)
{
    for (unsigned i = 0; i < count; i++)
        if (at[i] != pattern(i, seed))
            return false;
    return true;
}
