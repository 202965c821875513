/* SPDX-License-Identifier: MIT */
/* Frames on a trunk: the VF takes their tags off, and the guest gets them as they were on the cable, by whatever
 * translation; or an error in their place. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <xen/grant_table.h>

#include "datapath/rx.h"
#include "sim/sim.h"
#include "translate/window.h"
#include "unit/runner.h"
#include "xen/context.h"

enum { HOST, WINDOW, IOMMU, TRANSLATIONS };

static struct sim sim;
static struct rx rx;
static struct translate translate;
static struct window window;
static struct echo echo;
static struct dma_page scratch;
static bool notify;
static uint8_t frame[9022];
static unsigned kind; /* of translation */

static uint32_t table[SIM_PAGES * 2];
static struct context context;

static const uint8_t mac[6] = {0x00, 0x16, 0x3e, 0x01, 0x02, 0x03};

/* The guest's pages as they are at that moment; nothing writes to them while a test looks. */
static void *map(struct context *c, const uint64_t *frames, int *errors, unsigned count)
{
    uint8_t *va = malloc((size_t)count * GUEST_PAGE);

    (void)c;
    ck_assert_ptr_nonnull(va);
    for (unsigned i = 0; i < count; i++) {
        uint64_t page = frames[i] - sim.pages[0].dma / GUEST_PAGE;

        memcpy(va + (size_t)i * GUEST_PAGE, sim.pages[page].bytes, GUEST_PAGE);
        errors[i] = 0;
    }
    return va;
}

static void unmap(struct context *c, void *va, unsigned count)
{
    (void)c;
    (void)count;
    free(va);
}

static const struct context_ops context_ops = {.map = map, .unmap = unmap};

static void choose(unsigned wanted)
{
    kind = wanted;
    if (kind != IOMMU) {
        translate_host(&translate, &sim.port);
        window_init(&window);
        translate.window = kind == WINDOW ? &window : NULL;
        return;
    }
    context = (struct context){.ops = &context_ops, .grants = table, .grant_count = SIM_PAGES};
    ck_assert_int_eq(translate_iommu(&translate, &sim.port, &context, 0), 0);
    sim.in_context = true;
}

static void setup(void)
{
    sim_open(&sim);
    memset(&rx, 0, sizeof rx);
    memset(table, 0, sizeof table);
    memset(&echo, 0, sizeof echo);
    notify = false;
    sim.vf.trunk = (struct vf_trunk){2, {10, 20}};
    rx.translate = &translate;
    rx.queue = &sim.queue;
    rx.headroom = VF_RX_TAG_ROOM;
    sim.port.ops->dma_alloc(&sim.port, &scratch, 1);
    rx.scratch = &scratch;
    rx.echo = &echo;
    echo.buffer = vf_rx_buffer(&sim.vf);
    memcpy(rx.mac, mac, sizeof mac);
    rx_attach(&rx, sim.rx_ring);
    for (unsigned i = 0; i < sizeof frame; i++)
        frame[i] = (uint8_t)(i * 7);
    choose(HOST);
}

static void teardown(void)
{
    rx_abandon(&rx);
    if (kind == WINDOW)
        window_clear(&window, &sim.port);
    else
        translate.ops->close(&translate);
    ck_assert_uint_eq(sim.live_pins, 0);
    ck_assert_uint_eq(sim.stray, 0);
    sim_close(&sim);
}

/* The guest posts `count` buffers; the references count up from the one returned. */
static uint32_t post(unsigned count)
{
    uint32_t first = 0;

    for (unsigned i = 0; i < count; i++) {
        uint32_t gref = sim_grant(&sim, false);
        struct window_entry entry = {.view = sim_bytes(&sim, gref), .gref = gref};

        if (!i)
            first = gref;
        table[gref * 2] = GTF_permit_access;
        table[gref * 2 + 1] = (uint32_t)(sim.pages[gref].dma / GUEST_PAGE);
        if (kind == WINDOW)
            ck_assert_int_eq(window_add(&window, &sim.port, &entry, 1), 0);
        sim_push_rx(&sim, gref, i);
    }
    ck_assert_int_eq(rx_fill(&rx, 1), (int)count);
    return first;
}

static void tag_it(uint16_t tag)
{
    frame[12] = 0x81;
    frame[13] = 0;
    frame[14] = (uint8_t)(tag >> 8);
    frame[15] = (uint8_t)tag;
}

/* A frame comes with that tag. */
static void arrives(uint16_t tag, unsigned length)
{
    tag_it(tag);
    ck_assert(sim_receive(&sim, frame, length));
}

/* The n-th answer is for `length` bytes in that page, which begin so much before the place where the VF has written. */
static void expect(unsigned n, uint32_t gref, const uint8_t *bytes, unsigned length, unsigned tag)
{
    const netif_rx_response_t *response = sim_rx_response(&sim, n);

    ck_assert_int_eq(response->status, (int)length);
    ck_assert_uint_eq(response->offset, VF_RX_TAG_ROOM - tag);
    ck_assert_mem_eq(sim_bytes(&sim, gref) + response->offset, bytes, length);
}

/* With tags and without, in one batch: two calls for all the tags, whatever there is. */
START_TEST(as_on_the_cable)
{
    uint32_t grefs;
    unsigned calls;

    choose((unsigned)_i);
    grefs = post(4);
    calls = sim.calls;
    arrives(10, 1518);
    ck_assert(sim_receive(&sim, (uint8_t[60]){1, 2, 3}, 60));
    arrives(20, 64);
    arrives(0xe000, 64); /* a priority, and no VLAN */
    ck_assert_int_eq(rx_complete(&rx, &notify), 4);
    /* host: fetch, store, unpin; elsewhere the store alone, for a page of a window is looked at in place and stays
     * pinned, and in the guest's context there is nothing to be pinned */
    ck_assert_uint_eq(sim.calls - calls, kind == HOST ? 3 : 1);
    expect(2, grefs + 2, (tag_it(20), frame), 64, 4);
    expect(3, grefs + 3, (tag_it(0xe000), frame), 64, 4);
    expect(0, grefs, (tag_it(10), frame), 1518, 4);
    expect(1, grefs + 1, (uint8_t[60]){1, 2, 3}, 60, 0);
    ck_assert_uint_eq(sim_rx_response(&sim, 0)->flags, NETRXF_data_validated);
    ck_assert_uint_eq(rx.counters.packets, 4);
    ck_assert_uint_eq(rx.counters.bytes, 1518 + 60 + 64 + 64);
    ck_assert_uint_eq(rx.counters.dropped, 0);
}
END_TEST

/* A tag that the VF has left where it is costs nothing. */
START_TEST(kept_by_the_vf)
{
    uint32_t gref = post(1);
    unsigned calls = sim.calls;

    sim.keeps_tags = true;
    arrives(10, 100);
    ck_assert_int_eq(rx_complete(&rx, &notify), 1);
    expect(0, gref, frame, 100, 0);
    ck_assert_uint_eq(sim.calls - calls, 1);
}
END_TEST

/* Without a trunk a tag is nothing that anybody looks at. */
START_TEST(no_trunk)
{
    unsigned calls;

    sim.vf.trunk.count = 0;
    rx.headroom = 0;
    post(1);
    calls = sim.calls;
    sim.rx_done[0] = (struct vf_received){.length = 60, .last = true, .stripped = true, .tag = 10};
    sim.rx_filled++;
    ck_assert_int_eq(rx_complete(&rx, &notify), 1);
    ck_assert_int_eq(sim_rx_response(&sim, 0)->status, 60);
    ck_assert_uint_eq(sim_rx_response(&sim, 0)->offset, 0);
    ck_assert_uint_eq(sim.calls - calls, 1);
}
END_TEST

/* Only its first buffer changes, by a tag that is known with the last. */
START_TEST(jumbo)
{
    uint32_t grefs;

    choose((unsigned)_i);
    sim.vf.mtu = 9000;
    echo.buffer = vf_rx_buffer(&sim.vf);
    grefs = post(3);
    arrives(20, 9018);
    ck_assert_int_eq(rx_complete(&rx, &notify), 3);
    expect(0, grefs, frame, 3072 + 4, 4);
    expect(1, grefs + 1, frame + 3076, 3072, 0);
    expect(2, grefs + 2, frame + 6148, 9018 - 6148, 0);
    ck_assert_uint_eq(sim_rx_response(&sim, 0)->flags, NETRXF_more_data | NETRXF_data_validated);
    ck_assert_uint_eq(rx.counters.bytes, 9018);
}
END_TEST

/* Nothing of a frame is answered before its end, and what comes before it is. */
START_TEST(held_until_its_end)
{
    uint32_t grefs = post(4);

    arrives(10, 100);
    arrives(20, 5000);
    sim.rx_filled--;
    ck_assert_int_eq(rx_complete(&rx, &notify), 1);
    expect(0, grefs, (tag_it(10), frame), 100, 4);
    ck_assert_int_eq(rx_complete(&rx, &notify), 0);
    ck_assert_uint_eq(rx.posted, 3);
    ck_assert_uint_eq(sim.rx_ring->rsp_prod, 1);
    sim.rx_filled++;
    ck_assert_int_eq(rx_complete(&rx, &notify), 3);
    tag_it(20);
    expect(1, grefs + 1, frame, 2048 + 4, 4);
    expect(3, grefs + 3, frame + 4100, 5000 - 4100, 0);
    ck_assert_uint_eq(rx.held, 0);
    ck_assert_uint_eq(rx.posted, 0);
}
END_TEST

/* A VF that goes in the middle of one: its buffers are requests again. */
START_TEST(taken_back_in_the_middle)
{
    uint32_t grefs = post(3);

    arrives(20, 5000);
    sim.rx_filled--;
    ck_assert_int_eq(rx_complete(&rx, &notify), 0);
    ck_assert_int_eq(rx_take_back(&rx, &notify), 0);
    ck_assert_uint_eq(sim.rx_ring->rsp_prod, 0);
    ck_assert_uint_eq(sim.live_pins, 0);
    sim.rx_posted = sim.rx_filled = sim.rx_reaped = 0; /* another VF */
    ck_assert_int_eq(rx_fill(&rx, 1), 3);
    arrives(10, 100);
    ck_assert_int_eq(rx_complete(&rx, &notify), 1);
    expect(0, grefs, frame, 100, 4);
}
END_TEST

/* A VF whose frame has no end. */
START_TEST(without_end)
{
    post(RX_BATCH);
    post(100);
    for (unsigned i = 0; i < RX_BATCH + 2; i++)
        sim.rx_done[sim.rx_filled++] = (struct vf_received){.length = 2048};
    ck_assert_int_eq(rx_complete(&rx, &notify), (int)RX_BATCH);
    ck_assert_int_eq(sim_rx_response(&sim, RX_BATCH - 1)->status, NETIF_RSP_ERROR);
    ck_assert_uint_eq(sim_rx_response(&sim, RX_BATCH - 1)->flags, 0);
    ck_assert_uint_eq(rx.counters.dropped, 1);
    ck_assert_int_eq(rx_complete(&rx, &notify), 0);
    ck_assert_uint_eq(rx.held, 2);
}
END_TEST

/* What a VF must not report: a VLAN that the PF's filter keeps out; a frame that is shorter than its addresses. */
START_TEST(lies)
{
    static const struct vf_received reports[] = {
        {.length = 60, .last = true, .stripped = true, .tag = 11},
        {.length = 60, .last = true, .stripped = true, .tag = 0xfff},
        {.length = 11, .last = true, .stripped = true, .tag = 10},
        {.error = true, .last = true, .stripped = true, .tag = 10},
    };
    unsigned calls;

    post(2);
    calls = sim.calls;
    sim.rx_done[0] = reports[_i];
    sim.rx_filled++;
    ck_assert_int_eq(rx_complete(&rx, &notify), 1);
    ck_assert_int_eq(sim_rx_response(&sim, 0)->status, NETIF_RSP_ERROR);
    ck_assert_uint_eq(rx.counters.dropped, 1);
    ck_assert_uint_eq(sim.calls - calls, 1);
    arrives(10, 64);
    ck_assert_int_eq(rx_complete(&rx, &notify), 1);
    ck_assert_int_eq(sim_rx_response(&sim, 1)->status, 64);
}
END_TEST

/* A guest that takes a reference back, or the right to write there: its own frame is lost, and no other. */
START_TEST(revoked)
{
    uint32_t grefs;

    choose((unsigned)_i / 2);
    grefs = post(3);
    for (unsigned i = 0; i < 3; i++)
        arrives(10, 64 + i);
    if (_i % 2) {
        sim.pages[grefs + 1].readonly = true;
    } else {
        sim.pages[grefs + 1].granted = false;
        table[(grefs + 1) * 2] = GTF_invalid;
    }
    ck_assert_int_eq(rx_complete(&rx, &notify), 3);
    expect(0, grefs, frame, 64, 4);
    ck_assert_int_eq(sim_rx_response(&sim, 1)->status, NETIF_RSP_ERROR);
    expect(2, grefs + 2, frame, 66, 4);
    ck_assert_uint_eq(rx.counters.dropped, 1);
    ck_assert_uint_eq(rx.counters.packets, 2);
}
END_TEST

/* A call that fails as a whole is the host's fault, and leaves all that it takes to end. */
START_TEST(failing_calls)
{
    post(2);
    arrives(10, 64);
    arrives(20, 64);
    sim.fail_call = sim.calls + 1 + (unsigned)_i;
    ck_assert_int_eq(rx_complete(&rx, &notify), -1);
    ck_assert_ptr_null(rx.fault);
    ck_assert_uint_eq(sim.live_pins, 2);
}
END_TEST

/* A frame of our own that comes back is kept away, with its tag or without; another's is not. */
START_TEST(own_frames)
{
    uint32_t grefs = post(4);

    memset(frame, 0xff, 6);
    memcpy(frame + 6, mac, sizeof mac);
    echo_expect(&echo, 300 - 4); /* as tx.c notes a frame of 300 with a tag */
    echo_expect(&echo, 46 - 4);
    arrives(10, 300);
    arrives(20, 60); /* padded with its tag, and then 4 shorter */
    frame[11]++;
    arrives(10, 300);
    arrives(20, 60);
    ck_assert_int_eq(rx_complete(&rx, &notify), 4);
    for (unsigned i = 0; i < 2; i++)
        ck_assert_int_eq(sim_rx_response(&sim, i)->status, NETIF_RSP_ERROR);
    expect(2, grefs + 2, (tag_it(10), frame), 300, 4);
    expect(3, grefs + 3, (tag_it(20), frame), 60, 4);
    ck_assert_uint_eq(rx.counters.echoes, 2);
    ck_assert_uint_eq(rx.counters.dropped, 0);
}
END_TEST

/* Bad references among the buffers keep their places. */
START_TEST(bad_references)
{
    uint32_t good = sim_grant(&sim, false);

    sim_push_rx(&sim, 999, 0);
    sim_push_rx(&sim, good, 1);
    sim_push_rx(&sim, 999, 2);
    ck_assert_int_eq(rx_fill(&rx, 1), 3);
    arrives(10, 100);
    ck_assert_int_eq(rx_complete(&rx, &notify), 3);
    ck_assert_int_eq(sim_rx_response(&sim, 0)->status, NETIF_RSP_ERROR);
    expect(1, good, frame, 100, 4);
    ck_assert_int_eq(sim_rx_response(&sim, 2)->status, NETIF_RSP_ERROR);
}
END_TEST

/* Many times round, with tags and without, whole and in parts; every answer in its place. */
START_TEST(around)
{
    unsigned answered = 0, received = 0;
    uint32_t grefs;

    choose((unsigned)_i);
    grefs = post(64);
    for (unsigned pushed = 64; answered < 2000;) {
        for (unsigned i = 0; i < 20; i++) {
            tag_it(received % 3 ? 10 : 20);
            received += sim_receive(&sim, frame, 64 + (received * 31) % 1400);
        }
        ck_assert_int_ge(rx_complete(&rx, &notify), 0);
        for (; answered != sim.rx_ring->rsp_prod; answered++) {
            tag_it(answered % 3 ? 10 : 20);
            expect(answered, grefs + answered % 64, frame, 64 + answered * 31 % 1400, 4);
        }
        for (; pushed - answered < 64; pushed++)
            sim_push_rx(&sim, grefs + pushed % 64, pushed % 256);
        ck_assert_int_ge(rx_fill(&rx, 8), 0);
    }
    ck_assert_uint_eq(rx.counters.packets, answered);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rx_tags");
    TCase *tcase = tcase_create("rx_tags");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, as_on_the_cable, 0, TRANSLATIONS);
    tcase_add_test(tcase, kept_by_the_vf);
    tcase_add_test(tcase, no_trunk);
    tcase_add_loop_test(tcase, jumbo, 0, TRANSLATIONS);
    tcase_add_test(tcase, held_until_its_end);
    tcase_add_test(tcase, taken_back_in_the_middle);
    tcase_add_test(tcase, without_end);
    tcase_add_loop_test(tcase, lies, 0, 4);
    tcase_add_loop_test(tcase, revoked, 0, 2 * TRANSLATIONS);
    tcase_add_loop_test(tcase, failing_calls, 0, 2);
    tcase_add_test(tcase, own_frames);
    tcase_add_test(tcase, bad_references);
    tcase_add_loop_test(tcase, around, 0, TRANSLATIONS);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
