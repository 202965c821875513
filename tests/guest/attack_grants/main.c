/* SPDX-License-Identifier: MIT */
/* Grant references that are not there, not the backend's, not for writing, that change or go. Parameter victim: a domain
 * that the pages are granted to instead. */
#include "tests/guest/lib/attack.h"

const char test_title[] = "attack: grants";

#define READ_OFTEN 40u

static void send_all(struct attack *a, unsigned size)
{
    for (unsigned i = 0; i < DATA_PAGES; i++)
        attack_tx(a, a->gref[i], 0, 0, size);
    attack_push(a);
}

static void post_all(struct attack *a)
{
    for (unsigned i = 0; i < DATA_PAGES; i++)
        attack_rx(a, a->gref[i]);
    attack_push(a);
}

static void never_granted(struct attack *a)
{
    attack_tx(a, 500, 0, 0, 1514);
    attack_tx(a, 500, 0, 0, FRAME_BYTES);
    attack_push(a);
}

static void out_of_the_table(struct attack *a)
{
    attack_tx(a, UINT32_MAX, 0, 0, 1514);
    attack_tx(a, 0x00ffffff, 0, 0, FRAME_BYTES);
    attack_push(a);
}

static void rx_out_of_the_table(struct attack *a)
{
    attack_rx(a, UINT32_MAX);
    attack_rx(a, 500);
    attack_push(a);
}

/* Those of console and xenstore, which the toolstack has made. */
static void reserved(struct attack *a)
{
    for (uint32_t i = 0; i < GNTTAB_NR_RESERVED_ENTRIES; i++)
        attack_tx(a, i, 0, 0, FRAME_BYTES);
    attack_push(a);
}

static void to_another_domain(struct attack *a, bool receive)
{
    uint16_t victim = (uint16_t)param_number("victim", 1);

    for (unsigned i = 0; i < DATA_PAGES; i++)
        grant_set(a->gref[i], victim, virt_to_mfn(a->page[i]), false);
    if (receive)
        post_all(a);
    else
        send_all(a, 1514);
}

static void tx_to_another(struct attack *a)
{
    to_another_domain(a, false);
}

static void rx_to_another(struct attack *a)
{
    to_another_domain(a, true);
}

static void rx_readonly(struct attack *a)
{
    for (unsigned i = 0; i < DATA_PAGES; i++)
        grant_set(a->gref[i], a->backend, virt_to_mfn(a->page[i]), true);
    post_all(a);
}

static void foreign_frames(struct attack *a)
{
    /* Xen's own, nobody's, one that is not there. */
    static const unsigned long frames[] = {0, 1, 0x100, 0xfee00, 0xffffff, 0x7fffffff};

    for (unsigned i = 0; i < DATA_PAGES; i++)
        grant_set(a->gref[i], a->backend, frames[i % ARRAY_SIZE(frames)], false);
    send_all(a, 1514);
}

static void transfer_entries(struct attack *a)
{
    for (unsigned i = 0; i < DATA_PAGES; i++)
        gnttab_v1[a->gref[i]].flags = GTF_accept_transfer;
    send_all(a, 1514);
    for (unsigned i = 0; i < DATA_PAGES; i++)
        gnttab_v1[a->gref[i]].flags = 0;
}

static void revoked_at_once(struct attack *a)
{
    for (unsigned round = 0; round < READ_OFTEN; round++) {
        for (unsigned i = 0; i < DATA_PAGES; i++)
            grant_set(a->gref[i], a->backend, virt_to_mfn(a->page[i]), false);
        if (a->tx_prod - a->tx[RSP_PROD] <= RING_SLOTS - DATA_PAGES)
            send_all(a, 1514);
        for (unsigned i = 0; i < DATA_PAGES; i++)
            grant_end(a->gref[i]);
        hypercall_yield();
    }
}

/* By force, whatever Xen has written there. */
static void regranted(struct attack *a)
{
    for (unsigned round = 0; round < READ_OFTEN; round++) {
        if (a->tx_prod - a->tx[RSP_PROD] <= RING_SLOTS - DATA_PAGES)
            send_all(a, 1514);
        for (unsigned i = 0; i < DATA_PAGES; i++) {
            gnttab_v1[a->gref[i]].frame =
                (uint32_t)virt_to_mfn(a->page[attack_random() % DATA_PAGES]);
            gnttab_v1[a->gref[i]].domid = (uint16_t)(round % 2 ? 1 : a->backend);
        }
    }
    for (unsigned i = 0; i < DATA_PAGES; i++)
        gnttab_v1[a->gref[i]].domid = a->backend;
}

static void rx_revoked(struct attack *a)
{
    post_all(a);
    sleep_ms(50);
    for (unsigned i = 0; i < DATA_PAGES; i++)
        gnttab_v1[a->gref[i]].frame = 0;
}

/* Its own rings as the buffers that the VF writes to and reads from. */
static void rings_as_buffers(struct attack *a)
{
    attack_rx(a, a->tx_gref);
    attack_rx(a, a->rx_gref);
    attack_tx(a, a->tx_gref, 0, 0, 1514);
    attack_tx(a, a->rx_gref, 0, 0, FRAME_BYTES);
    attack_push(a);
}

static void rings_revoked(struct attack *a)
{
    gnttab_v1[a->tx_gref].frame = gnttab_v1[a->rx_gref].frame = 0;
    send_all(a, FRAME_BYTES);
}

void test_main(void)
{
    static const struct attack_kind kinds[] = {
        {"never granted", never_granted, REFUSED},
        {"out of the table", out_of_the_table, REFUSED},
        {"buffers out of the table", rx_out_of_the_table, REFUSED},
        {"the toolstack's", reserved, ANYTHING},
        {"granted to another domain", tx_to_another, REFUSED},
        {"buffers granted to another domain", rx_to_another, REFUSED},
        {"buffers for reading only", rx_readonly, REFUSED},
        {"frames that are not ours", foreign_frames, REFUSED},
        {"entries for transfer", transfer_entries, REFUSED},
        {"revoked at once", revoked_at_once, ANYTHING},
        {"granted again, differently", regranted, ANYTHING},
        {"buffers revoked", rx_revoked, ANYTHING},
        {"rings as buffers", rings_as_buffers, ANYTHING},
        {"rings revoked", rings_revoked, ANYTHING},
    };

    guest_init();
    attack_all(kinds, ARRAY_SIZE(kinds), false);
}
