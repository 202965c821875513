/* SPDX-License-Identifier: MIT */
/* Slots that say what cannot be: ids, sizes, offsets, chains, extras; and slots and pages that are rewritten while they are
 * read. */
#include "tests/guest/lib/attack.h"

const char test_title[] = "attack: slots";

#define EXTRA_MORE 1u
#define EXTRA_GSO  1u
#define GSO_TCPV4  1u

/* One slot with these numbers, and nothing else. */
static void one(struct attack *a, unsigned offset, unsigned flags, unsigned size)
{
    attack_tx(a, a->gref[0], offset, flags, size);
    attack_push(a);
}

static void ids(struct attack *a)
{
    for (unsigned i = 0; i < 32; i++)
        attack_tx_words(a, a->gref[0], 0, (0xffff - i) | FRAME_BYTES << 16);
    attack_push(a);
}

static void past_the_page(struct attack *a)
{
    one(a, 4000, 0, 200);
}

static void offset_far_away(struct attack *a)
{
    one(a, 0xffff, 0, FRAME_BYTES);
}

static void whole_64k(struct attack *a)
{
    one(a, 0, 0, 0xffff);
}

static void size_zero(struct attack *a)
{
    one(a, 0, 0, 0);
}

static void size_13(struct attack *a)
{
    one(a, 0, 0, 13);
}

static void total_too_small(struct attack *a)
{
    attack_tx(a, a->gref[0], 0, TX_MORE, 100);
    attack_tx(a, a->gref[1], 0, 0, 2000);
    attack_push(a);
}

static void chain(struct attack *a, unsigned slots, unsigned each)
{
    attack_tx(a, a->gref[0], 0, slots > 1 ? TX_MORE : 0, FRAME_BYTES + (slots - 1) * each);
    for (unsigned i = 1; i < slots; i++)
        attack_tx(a, a->gref[i % DATA_PAGES], 0, i + 1 < slots ? TX_MORE : 0, each);
    attack_push(a);
}

static void empty_parts(struct attack *a)
{
    chain(a, 18, 0);
}

static void tiny_parts(struct attack *a)
{
    for (unsigned i = 0; i < 10; i++)
        chain(a, 18, 1);
}

static void slots_19(struct attack *a)
{
    chain(a, 19, 10);
}

static void slots_60(struct attack *a)
{
    chain(a, 60, 10);
}

static void no_end(struct attack *a)
{
    attack_tx(a, a->gref[0], 0, TX_MORE, FRAME_BYTES);
    attack_push(a);
}

static void extra(struct attack *a, unsigned type, unsigned more, unsigned gso_size, unsigned gso)
{
    attack_tx(a, a->gref[0], 0, TX_EXTRA | TX_CSUM, FRAME_BYTES);
    attack_tx_words(a, type | more << 8 | gso_size << 16, gso, 0);
}

static void extra_missing(struct attack *a)
{
    one(a, 0, TX_EXTRA, FRAME_BYTES);
}

static void extra_type_0(struct attack *a)
{
    extra(a, 0, 0, 0, 0);
    attack_push(a);
}

static void extra_type_200(struct attack *a)
{
    extra(a, 200, 0, 0, 0);
    attack_push(a);
}

static void extras_without_end(struct attack *a)
{
    extra(a, EXTRA_GSO, EXTRA_MORE, 1448, GSO_TCPV4);
    for (unsigned i = 0; i < 100; i++)
        attack_tx_words(a, EXTRA_GSO | EXTRA_MORE << 8 | 1448u << 16, GSO_TCPV4, 0);
    attack_push(a);
}

static void gso_size_0(struct attack *a)
{
    extra(a, EXTRA_GSO, 0, 0, GSO_TCPV4);
    attack_push(a);
}

static void gso_type_9(struct attack *a)
{
    extra(a, EXTRA_GSO, 0, 1448, 9);
    attack_push(a);
}

/* Well-formed slots about a frame that is no TCP. */
static void gso_of_nothing(struct attack *a)
{
    extra(a, EXTRA_GSO, 0, 1448, GSO_TCPV4);
    attack_push(a);
}

/* Any slot at any time, also those that the worker is just reading. */
static void slots_rewritten(struct attack *a)
{
    uint64_t end = now() + 300 * NS_PER_MS;

    for (unsigned i = 0; i < RING_SLOTS; i++)
        attack_tx(a, a->gref[i % DATA_PAGES], 0, 0, FRAME_BYTES);
    attack_push(a);
    while (now() < end)
        for (unsigned i = 0; i < 64; i++) {
            uint32_t at = RING_HEAD + attack_random() % (RING_SLOTS * TX_WORDS);

            a->tx[at] = at % 2 ? attack_random() : a->gref[attack_random() % DATA_PAGES];
        }
}

/* Headers and payload, while frames of them are sent. */
static void pages_rewritten(struct attack *a)
{
    uint64_t end = now() + 300 * NS_PER_MS;

    while (now() < end) {
        while (a->tx_prod - a->tx[RSP_PROD] < 128)
            attack_tx(a, a->gref[a->tx_prod % DATA_PAGES], 0, 0, 1514);
        attack_push(a);
        for (unsigned i = 0; i < 2000; i++)
            a->page[attack_random() % DATA_PAGES][attack_random() % 64] = (uint8_t)i;
    }
}

static void foreign_source(struct attack *a)
{
    for (unsigned i = 0; i < DATA_PAGES; i++) {
        a->page[i][7] ^= 0x55;
        attack_tx(a, a->gref[i], 0, 0, FRAME_BYTES);
    }
    attack_push(a);
}

void test_main(void)
{
    static const struct attack_kind kinds[] = {
        {"ids out of range", ids, ANYTHING},
        {"a part past the page", past_the_page, STOPPED},
        {"an offset far away", offset_far_away, STOPPED},
        {"64 KiB in one slot", whole_64k, STOPPED},
        {"a frame of nothing", size_zero, REFUSED},
        {"a frame of 13 bytes", size_13, REFUSED},
        {"a total less than its parts", total_too_small, REFUSED},
        {"17 empty parts", empty_parts, ANYTHING},
        {"parts of one byte", tiny_parts, ANYTHING},
        {"19 slots", slots_19, REFUSED},
        {"60 slots", slots_60, STOPPED},
        {"a frame without end", no_end, STOPPED},
        {"an extra that is not there", extra_missing, STOPPED},
        {"an extra of type 0", extra_type_0, STOPPED},
        {"an extra of type 200", extra_type_200, STOPPED},
        {"extras without end", extras_without_end, STOPPED},
        {"segments of no size", gso_size_0, STOPPED},
        {"segments of no kind", gso_type_9, STOPPED},
        {"segments of nothing", gso_of_nothing, REFUSED},
        {"slots rewritten", slots_rewritten, ANYTHING},
        {"pages rewritten", pages_rewritten, ANYTHING},
        {"a foreign source", foreign_source, ANYTHING},
    };

    guest_init();
    attack_all(kinds, ARRAY_SIZE(kinds), false);
}
