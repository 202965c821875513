/* SPDX-License-Identifier: MIT */
/* Translation `iommu`: which entries of a guest's grant table count, and what the VF may be told. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xen/grant_table.h>

#include "datapath/tx.h"
#include "sim/sim.h"
#include "translate/frame_cache.h"
#include "translate/translate.h"
#include "unit/runner.h"
#include "xen/context.h"

#define BACKEND 0u
#define ENTRIES 512u

static uint32_t table[ENTRIES * 2];
static struct context context;
static struct translate translate;

static struct sim sim;
static unsigned mapped, map_calls;

/* A guest whose frame n is full of the byte n, counting up over its first RISING bytes, and that has no frames from
 * BAD on. */
#define RISING 64u
#define BAD    0x80000u

static void *map(struct context *c, const uint64_t *frames, int *errors, unsigned count)
{
    uint8_t *va = malloc((size_t)count * 4096);

    (void)c;
    ck_assert_ptr_nonnull(va);
    for (unsigned i = 0; i < count; i++) {
        memset(va + (size_t)i * 4096, (int)(frames[i] & 0xff), 4096);
        for (unsigned at = 0; at < RISING; at++)
            va[(size_t)i * 4096 + at] = (uint8_t)(frames[i] + at);
        errors[i] = frames[i] >= BAD ? -EINVAL : 0;
    }
    mapped += count;
    map_calls++;
    return va;
}

static void unmap(struct context *c, void *va, unsigned count)
{
    (void)c;
    mapped -= count;
    free(va);
}

static const struct context_ops context_fake = {.map = map, .unmap = unmap};

static void setup(void)
{
    memset(table, 0, sizeof table);
    context = (struct context){.grants = table, .grant_count = ENTRIES};
    sim_open(&sim);
    context.ops = &context_fake;
    mapped = 0;
    ck_assert_int_eq(translate_iommu(&translate, &sim.port, &context, BACKEND), 0);
}

static void teardown(void)
{
    translate.ops->close(&translate);
    ck_assert_uint_eq(mapped, 0);
    sim_close(&sim);
}

static void entry(uint32_t gref, uint32_t flags, uint32_t domid, uint32_t frame)
{
    table[gref * 2] = flags | domid << 16;
    table[gref * 2 + 1] = frame;
}

static struct grant_pin look_up(uint32_t gref, bool readonly)
{
    struct grant_pin pin = {.gref = gref, .readonly = readonly, .dma = 0x55};

    ck_assert_int_eq(translate.ops->acquire(&translate, &pin, 1), 0);
    ck_assert_int_eq(translate.ops->release(&translate, &pin, 1), 0);
    return pin;
}

START_TEST(address_is_the_frame)
{
    entry(8, GTF_permit_access, BACKEND, 0x12345);
    ck_assert_int_eq(look_up(8, false).status, 0);
    ck_assert_uint_eq(look_up(8, false).dma, 0x12345000);
    /* Frames above 4 GiB of memory do not lose their upper bits. */
    entry(9, GTF_permit_access, BACKEND, 0xfedcba98);
    ck_assert_uint_eq(look_up(9, false).dma, 0xfedcba98000);
}
END_TEST

START_TEST(readonly_entry_is_for_sending_only)
{
    entry(8, GTF_permit_access | GTF_readonly, BACKEND, 1);
    ck_assert_int_eq(look_up(8, true).status, 0);
    ck_assert_int_eq(look_up(8, false).status, GNTST_permission_denied);
}
END_TEST

START_TEST(what_is_not_granted_to_us_is_refused)
{
    entry(8, GTF_permit_access, 7, 1); /* to another domain */
    ck_assert_int_ne(look_up(8, true).status, 0);
    entry(8, GTF_invalid, BACKEND, 1);
    ck_assert_int_ne(look_up(8, true).status, 0);
    entry(8, GTF_accept_transfer, BACKEND, 1);
    ck_assert_int_ne(look_up(8, true).status, 0);
    ck_assert_int_ne(look_up(ENTRIES, true).status, 0);
    ck_assert_int_ne(look_up(UINT32_MAX, true).status, 0);
}
END_TEST

/* Without interrupt remapping a write to 0xfeexxxxx is an interrupt at any processor. */
START_TEST(interrupt_addresses_are_no_memory)
{
    for (uint32_t frame = 0xfee00; frame <= 0xfeeff; frame++) {
        entry(8, GTF_permit_access, BACKEND, frame);
        ck_assert_int_ne(look_up(8, false).status, 0);
    }
    entry(8, GTF_permit_access, BACKEND, 0xfedff);
    ck_assert_int_eq(look_up(8, false).status, 0);
    entry(8, GTF_permit_access, BACKEND, 0xfef00);
    ck_assert_int_eq(look_up(8, false).status, 0);
}
END_TEST

static int16_t fetch(uint32_t gref, void *to, uint16_t offset, uint16_t length)
{
    struct grant_copy copy = {.gref = gref, .own_va = to, .offset = offset, .length = length};

    ck_assert_int_eq(translate.ops->fetch(&translate, &copy, 1), 0);
    return copy.status;
}

START_TEST(bytes_come_without_a_hypercall_once_mapped)
{
    uint8_t bytes[8] = {0};

    entry(8, GTF_permit_access | GTF_readonly, BACKEND, 0x42);
    map_calls = 0;
    for (unsigned i = 0; i < 10; i++)
        ck_assert_int_eq(fetch(8, bytes, 4090, 6), 0);
    ck_assert_uint_eq(map_calls, 1);
    ck_assert_uint_eq(sim.port.counters.hypercalls, 1);
    ck_assert_mem_eq(bytes, "BBBBBB\0\0", 8);
}
END_TEST

/* Whole words and what is left over, wherever they begin; and nothing behind them. */
START_TEST(any_length_from_any_offset)
{
    entry(8, GTF_permit_access, BACKEND, 0x10);
    for (uint16_t offset = 0; offset < 9; offset++) {
        for (uint16_t length = 1; length < 27; length++) {
            uint8_t bytes[28];

            memset(bytes, 0xee, sizeof bytes);
            ck_assert_int_eq(fetch(8, bytes, offset, length), 0);
            for (unsigned i = 0; i < length; i++)
                ck_assert_uint_eq(bytes[i], 0x10 + offset + i);
            ck_assert_uint_eq(bytes[length], 0xee);
        }
    }
}
END_TEST

START_TEST(what_cannot_be_mapped_is_not_touched)
{
    uint8_t byte = 7;

    entry(8, GTF_permit_access, BACKEND, BAD);
    ck_assert_int_ne(fetch(8, &byte, 0, 1), 0);
    entry(9, GTF_invalid, BACKEND, 1);
    ck_assert_int_ne(fetch(9, &byte, 0, 1), 0);
    ck_assert_uint_eq(byte, 7);
}
END_TEST

/* A guest that sends from ever new pages does not make the daemon hold all of them. */
START_TEST(mapped_pages_are_bounded)
{
    uint8_t byte;

    for (uint32_t frame = 1; frame < 3 * FRAME_CACHE_MAX; frame++) {
        entry(8, GTF_permit_access, BACKEND, frame);
        ck_assert_int_eq(fetch(8, &byte, 0, 1), 0);
        ck_assert_uint_eq(byte, frame & 0xff);
        ck_assert_uint_le(mapped, FRAME_CACHE_MAX);
    }
}
END_TEST

/* The VF's header copy lies where the guest can write: what is checked must be the other one, and what the VF gets is
 * taken from it. */
START_TEST(headers_are_checked_in_private_and_then_copied)
{
    static struct tx tx;
    static struct echo echo = {.buffer = VF_RX_BUFFER};
    struct dma_page visible[TX_HEADER_PAGES], private[TX_HEADER_PAGES];
    struct translate host;
    uint8_t *frame;
    uint32_t gref;

    memset(&tx, 0, sizeof tx);
    sim.port.ops->dma_alloc(&sim.port, visible, TX_HEADER_PAGES);
    sim.port.ops->dma_alloc(&sim.port, private, TX_HEADER_PAGES);
    translate_host(&host, &sim.port);
    tx.port = &sim.port;
    tx.translate = &host;
    tx.queue = &sim.queue;
    tx.echo = &echo;
    tx.echo_count = 1;
    tx.header_pages = visible;
    tx.private_pages = private;
    memcpy(tx.mac, "\0\x16\x3e\1\2\3", 6);
    tx_attach(&tx, sim.tx_ring);

    gref = sim_grant(&sim, true);
    frame = sim_bytes(&sim, gref);
    memset(frame, 0xff, 6);
    memcpy(frame + 6, tx.mac, 6);
    memset(frame + 12, 0x42, 48);
    sim_push_tx(&sim, gref, 0, 0, 1, 60);
    memset(visible[0].va, 0xee, 4096); /* whatever the guest has written there */
    ck_assert_int_eq(tx_take(&tx), 1);
    ck_assert_uint_eq(sim_send(&sim, 1), 1);
    ck_assert_uint_eq(sim.wire_length, 60);
    ck_assert_mem_eq(sim.wire, frame, 60);
    ck_assert_mem_eq(private[0].va, frame, 60);
    ck_assert_uint_eq(sim.stray, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("guest_context");
    TCase *tests = tcase_create("iommu");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, address_is_the_frame);
    tcase_add_test(tests, readonly_entry_is_for_sending_only);
    tcase_add_test(tests, what_is_not_granted_to_us_is_refused);
    tcase_add_test(tests, interrupt_addresses_are_no_memory);
    tcase_add_test(tests, bytes_come_without_a_hypercall_once_mapped);
    tcase_add_test(tests, any_length_from_any_offset);
    tcase_add_test(tests, what_cannot_be_mapped_is_not_touched);
    tcase_add_test(tests, mapped_pages_are_bounded);
    tcase_add_test(tests, headers_are_checked_in_private_and_then_copied);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
