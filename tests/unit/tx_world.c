/* SPDX-License-Identifier: MIT */
#include "unit/tx_world.h"

#include <check.h>
#include <string.h>

struct sim sim;
struct tx tx;
static struct translate translate;
struct echo echo;
struct mcast mcast;
struct dma_page header_pages[TX_PAGES];
bool notify;

const uint8_t tx_mac[6] = {0x00, 0x16, 0x3e, 0x01, 0x02, 0x03};

void tx_setup(void)
{
    sim_open(&sim);
    memset(&tx, 0, sizeof tx);
    notify = false;
    sim.port.ops->dma_alloc(&sim.port, header_pages, TX_PAGES);
    translate_host(&translate, &sim.port);
    tx.port = &sim.port;
    tx.translate = &translate;
    tx.queue = &sim.queue;
    tx.header_pages = tx.private_pages = header_pages;
    echo = (struct echo){.buffer = vf_rx_buffer(&sim.vf)};
    tx.echo = &echo;
    tx.echo_count = 1;
    mcast_init(&mcast);
    tx.mcast = &mcast;
    memcpy(tx.mac, tx_mac, sizeof tx_mac);
    tx_attach(&tx, sim.tx_ring);
}

void tx_teardown(void)
{
    ck_assert_uint_eq(sim.stray, 0);
    sim_close(&sim);
}

void fill_tcp(uint8_t *bytes, unsigned total)
{
    static const uint8_t header[54] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x16, 0x3e, 0x01, 0x02, 0x03, 0x08, 0x00,
        0x45, 0,    0x05, 0xdc, 0,    1,    0x40, 0,    64,   6,    0xaa, 0xbb, 10,   77,
        0,    2,    10,   77,   0,    1,    0x12, 0x34, 0x14, 0x51, 0,    0,    0,    1,
        0,    0,    0,    2,    0x50, 0x10, 0xff, 0xff, 0x77, 0x88, 0,    0};

    memcpy(bytes, header, sizeof header);
    for (unsigned i = sizeof header; i < total; i++)
        bytes[i] = (uint8_t)i;
}

uint32_t push_simple(unsigned id, unsigned size, unsigned flags)
{
    uint32_t gref = sim_grant(&sim, true);

    fill_tcp(sim_bytes(&sim, gref), size);
    sim_push_tx(&sim, gref, 0, flags, id, size);
    return gref;
}

void expect_response(unsigned index, unsigned id, int status)
{
    ck_assert_uint_eq(sim_tx_response(&sim, index)->id, id);
    ck_assert_int_eq(sim_tx_response(&sim, index)->status, status);
}

void push_gso(unsigned mss, unsigned type)
{
    netif_extra_info_t extra = {.type = XEN_NETIF_EXTRA_TYPE_GSO};

    extra.u.gso.size = (uint16_t)mss;
    extra.u.gso.type = (uint8_t)type;
    sim_push_extra(&sim, &extra);
}
