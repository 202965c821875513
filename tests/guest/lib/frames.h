/* SPDX-License-Identifier: MIT */
/* Frames: Ethernet, ARP, IPv4 with UDP or TCP, and the plain ones that tests/guest/peer.py answers. */
#ifndef NETVF_GUEST_FRAMES_H
#define NETVF_GUEST_FRAMES_H

#include <stdbool.h>
#include <stdint.h>

#define FRAME_MIN   60u /* without its check sequence */
#define ETH_HLEN    14u
#define UDP_HEADERS 42u
#define TCP_HEADERS 54u
#define TYPE_PEER   0x88b5u /* for experiments (IEEE 802) */

struct flow {
    const uint8_t *mac, *peer_mac, *address, *peer;
    uint16_t port, peer_port;
};

void put16(uint8_t *at, unsigned value);
void put32(uint8_t *at, uint32_t value);
unsigned get16(const uint8_t *at);
uint32_t get32(const uint8_t *at);

void eth_header(uint8_t *frame, const uint8_t to[6], const uint8_t from[6], unsigned type);

void arp_request(const uint8_t mac[6], const uint8_t address[4], const uint8_t peer[4],
                 uint8_t frame[FRAME_MIN]);
bool arp_is_reply(const uint8_t *frame, unsigned length, const uint8_t peer[4], uint8_t mac[6]);
/* Whether it is a request for our address; then there is the answer. */
bool arp_answer(const uint8_t *frame, unsigned length, const uint8_t mac[6],
                const uint8_t address[4], uint8_t answer[FRAME_MIN]);

/* Headers before `payload` bytes that are there already; the checksum is whole. */
void udp_headers(uint8_t *frame, const struct flow *flow, unsigned payload);
/* Payload of a UDP datagram of that flow, or NULL; its checksums are right. */
const uint8_t *udp_payload(const uint8_t *frame, unsigned length, const struct flow *flow,
                           unsigned *payload);
/* With `blank`, the checksum is only begun (netif.h, NETTXF_csum_blank). */
void tcp_headers(uint8_t *frame, const struct flow *flow, uint32_t sequence, unsigned payload,
                 bool blank);

/* Bytes that show where they belong. */
void pattern_fill(uint8_t *to, unsigned count, unsigned seed);
bool pattern_holds(const uint8_t *at, unsigned count, unsigned seed);

#endif
