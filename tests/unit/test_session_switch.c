/* SPDX-License-Identifier: MIT */
/* A session of two queues that goes from one translation to the other and back with its workers running: nothing is
 * answered twice or not at all, no page stays pinned, and what the VF reaches is what it is meant to reach. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xen/grant_table.h>

#include "datapath/tx.h"
#include "translate/translate.h"
#include "unit/runner.h"
#include "unit/session_world.h"
#include "xen/context.h"

#define QUEUES  2u
#define LENGTH  1000u /* more than is copied of a frame */
#define BUFFERS 8u
#define REFUSAL "the guest has no IOMMU context"
/* Of a queue, in the context: descriptor rings and copies of what is sent. */
#define PAGES (VF_RING_PAGES + TX_PAGES)

static struct port_ops port_ops;
static struct vf other_vf;
static const struct vf *started;
static unsigned starts;

/* The guest's IOMMU context. Its second queue has its pages at SPLIT and above, so that a frame's number tells whose it
 * is. */
#define SPLIT       512u
#define FIRST_FRAME 0x123400u /* of the pages in sim.c */

static struct {
    struct context context;
    uint32_t grants[SIM_PAGES * 2];
    bool open, refuse, stays;
    unsigned mapped;
} guest;

static struct context *open_context(const char *name, uint16_t domid, const char *pci,
                                    unsigned pages, struct why *reason)
{
    (void)domid;
    ck_assert_str_eq(name, "vif1.0");
    ck_assert_str_eq(pci, session_vf.vf.pci);
    ck_assert(!guest.open && !session_vf.running);
    ck_assert_uint_eq(pages, QUEUES * PAGES);
    if (guest.refuse) {
        errno = guest.stays ? ENOTRECOVERABLE : EIO;
        why_fail(reason, REFUSAL);
        return NULL;
    }
    for (unsigned i = 0; i < QUEUES; i++) {
        sims[i].port.ops->dma_alloc(&sims[i].port, &guest.context.pages[i * PAGES], PAGES);
        sims[i].in_context = true;
    }
    guest.open = true;
    return &guest.context;
}

static int close_context(struct context *context)
{
    ck_assert_ptr_eq(context, &guest.context);
    ck_assert(guest.open && !session_vf.running);
    for (unsigned i = 0; i < QUEUES; i++) {
        sims[i].port.ops->dma_free(&sims[i].port, &context->pages[i * PAGES], PAGES);
        sims[i].in_context = false;
    }
    guest.open = false;
    return guest.stays ? -1 : 0;
}

static void *map_frames(struct context *context, const uint64_t *frames, int *errors,
                        unsigned count)
{
    uint8_t *va = calloc(count, GUEST_PAGE);

    ck_assert_ptr_eq(context, &guest.context);
    for (unsigned i = 0; i < count; i++) {
        unsigned page = (unsigned)(frames[i] - FIRST_FRAME);

        ck_assert_uint_lt(page, SIM_PAGES);
        memcpy(va + (size_t)i * GUEST_PAGE, sim_bytes(&sims[page >= SPLIT], page), GUEST_PAGE);
        errors[i] = 0;
    }
    __atomic_fetch_add(&guest.mapped, count, __ATOMIC_SEQ_CST);
    return va;
}

static void unmap_frames(struct context *context, void *va, unsigned count)
{
    (void)context;
    free(va);
    __atomic_fetch_sub(&guest.mapped, count, __ATOMIC_SEQ_CST);
}

static const struct context_ops contexts = {
    .open = open_context, .close = close_context, .map = map_frames, .unmap = unmap_frames};

static int vf_start(struct vf *vf, struct vf_queue_setup *queues, unsigned count,
                    struct why *reason)
{
    ck_assert_uint_eq(count, QUEUES);
    ck_assert(!session_vf.running);
    for (unsigned i = 0; i < count; i++) {
        /* In a context it knows of no page of dom0's. */
        ck_assert(guest.open == (queues[i].ring_pages == &guest.context.pages[i * PAGES]));
        ck_assert(queues[i].interrupts);
    }
    started = vf;
    starts++;
    return session_vf_start(vf, queues, count, reason);
}

static void vf_count(struct vf *vf, struct vf_counters *counters)
{
    (void)vf;
    *counters = (struct vf_counters){.tx_packets = sims[0].tx_sent + sims[1].tx_sent};
}

/* Xen maps a device's interrupts to dom0 only while it is dom0's. */
static int bind_msix(struct port *port, const char *pci, unsigned vector, uint32_t *local)
{
    ck_assert(!guest.open);
    return sim_bind_msix(port, pci, vector, local);
}

/* The journal gets the next VF's name when the last one reaches nothing. */
static void move(struct port *port, const char *pci)
{
    (void)pci;
    ck_assert(!session_vf.running && !guest.open);
    ck_assert_uint_eq(((struct sim *)port)->live_pins, 0);
}

static void setup(void)
{
    memset(&guest, 0, sizeof guest);
    session_world_open(QUEUES);
    session_vf.ops.start = vf_start;
    session_vf.ops.count = vf_count;
    other_vf = session_vf.vf;
    strcpy(other_vf.pci, "0000:01:10.2");
    started = NULL;
    starts = 0;
    memcpy(plan.mac, "\0\x16\x3e\1\2\3", 6);
    plan.contexts = &contexts;
    plan.translation = TRANSLATION_HOST;
    port_ops = *sims[0].port.ops;
    port_ops.bind_msix = bind_msix;
    port_ops.move = move;
    for (unsigned i = 0; i < QUEUES; i++)
        sims[i].port.ops = &port_ops;
    sims[1].next_page = SPLIT;
    guest.context =
        (struct context){.ops = &contexts, .grants = guest.grants, .grant_count = SIM_PAGES};
    for (unsigned i = 0; i < SIM_PAGES; i++) {
        guest.grants[2 * i] = GTF_permit_access;
        guest.grants[2 * i + 1] = FIRST_FRAME + i;
    }
}

static void teardown(void)
{
    ck_assert(!guest.open && !session_vf.running);
    ck_assert_uint_eq(guest.mapped, 0);
    for (unsigned i = 0; i < QUEUES; i++) {
        ck_assert_uint_eq(sims[i].live_pins, 0);
        ck_assert_uint_eq(sims[i].own_pages, 0);
        ck_assert_uint_eq(sims[i].mapped_rings, 0);
    }
    session_world_close();
}

static void push(struct sim *sim, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint32_t gref = sim_grant(sim, false);

        memcpy(sim_bytes(sim, gref) + 6, plan.mac, 6);
        sim_push_tx(sim, gref, 0, 0, i, LENGTH);
    }
    sim_event(sim, 1);
}

/* Each of them sent, or each answered with an error. */
static void answered(struct sim *sim, unsigned count, int status)
{
    uint32_t end = sim->tx_ring->req_prod;

    wait_for(&sim->tx_ring->rsp_prod, end);
    for (unsigned i = end - count; i != end; i++)
        ck_assert_int_eq(sim_tx_response(sim, i)->status, status);
}

/* Frames out by both queues, and a frame in by each, into the buffer that is next. */
static void works(void)
{
    static uint8_t frame[LENGTH];

    memcpy(frame, "\0\x16\x3e\1\2\3\0\x16\x3e\1\2\4", 12);
    for (unsigned i = 0; i < QUEUES; i++) {
        struct sim *sim = &sims[i];
        uint32_t before = sim->rx_ring->rsp_prod;
        uint32_t gref = sim->rx_ring->ring[before % 256].req.gref;

        push(sim, 2);
        answered(sim, 2, NETIF_RSP_OKAY);
        wait_for(&sim->rx_posted, sim->rx_reaped + BUFFERS);
        ck_assert(sim_receive(sim, frame, sizeof frame));
        wait_for(&sim->rx_ring->rsp_prod, before + 1);
        ck_assert_uint_eq(sim_rx_response(sim, before)->id, before);
        ck_assert_int_eq(sim_rx_response(sim, before)->status, sizeof frame);
        ck_assert_mem_eq(sim_bytes(sim, gref), frame, sizeof frame);
        sim_push_rx(sim, sim_grant(sim, false), before + BUFFERS);
        sim_event(sim, 1);
        wait_for(&sim->rx_posted, sim->rx_reaped + BUFFERS);
    }
}

static void begin(void)
{
    for (unsigned i = 0; i < QUEUES; i++)
        for (unsigned buffer = 0; buffer < BUFFERS; buffer++)
            sim_push_rx(&sims[i], sim_grant(&sims[i], false), buffer);
    ck_assert_msg(session_start(&session, &plan, &why) == 0, "%s", why.text);
}

/* With `count` frames of each queue on their way and as many buffers as there are. What session_flush says. */
static int part(unsigned count)
{
    unsigned pins = guest.open ? 0 : count + BUFFERS;
    int rc;

    __atomic_store_n(&session_vf.stuck, true, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < QUEUES; i++) {
        uint32_t posted = sims[i].tx_posted;

        push(&sims[i], count);
        wait_for(&sims[i].tx_posted, posted + count);
        wait_for(&sims[i].rx_posted, sims[i].rx_reaped + BUFFERS);
    }
    session_pause(session);
    for (unsigned i = 0; i < QUEUES; i++) {
        ck_assert_uint_eq(sims[i].live_pins, pins);
        ck_assert_uint_eq(sims[i].tx_ring->rsp_prod, sims[i].tx_ring->req_prod - count);
    }
    session_vf.running = false;
    rc = session_flush(session);
    for (unsigned i = 0; i < QUEUES; i++) {
        ck_assert_uint_eq(sims[i].live_pins, 0);
        ck_assert_uint_eq(sims[i].own_pages, 0);
        answered(&sims[i], count, NETIF_RSP_ERROR);
        /* Its reset. */
        sims[i].tx_posted = sims[i].tx_sent = sims[i].tx_reaped = sims[i].tx_rung = 0;
        sims[i].rx_posted = sims[i].rx_filled = sims[i].rx_reaped = 0;
    }
    ck_assert(!guest.open);
    __atomic_store_n(&session_vf.stuck, false, __ATOMIC_RELEASE);
    return rc;
}

static void is_on(const char *translation)
{
    const char *reason;

    ck_assert_str_eq(session_translation(session, &reason), translation);
    ck_assert(guest.open == (strcmp(translation, "iommu") == 0));
    ck_assert(guest.open == (reason == NULL));
    ck_assert(session_vf.running && session_interrupts(session));
    ck_assert_int_eq(session_state(session, &why), SESSION_RUNNING);
}

static void resume(enum translation translation, struct vf *vf)
{
    session_set_translation(session, translation);
    ck_assert_msg(session_resume(session, vf, &why) == 0, "%s", why.text);
}

static void end(void)
{
    ck_assert_int_eq(session_stop(session), 0);
}

START_TEST(there_and_back)
{
    struct session_counters counters;

    plan.translation = _i ? TRANSLATION_IOMMU : TRANSLATION_HOST;
    begin();
    for (unsigned round = 0; round < 4; round++) {
        bool host = (round + (unsigned)_i) % 2 == 0;

        is_on(host ? "host" : "iommu");
        works();
        ck_assert_int_eq(part(3), 0);
        resume(host ? TRANSLATION_IOMMU : TRANSLATION_HOST, &session_vf.vf);
    }
    works();
    session_count(session, &counters);
    ck_assert_uint_eq(counters.tx_packets, QUEUES * (5 * 2 + 4 * 3));
    ck_assert_uint_eq(counters.tx_dropped, QUEUES * 4 * 3);
    ck_assert_uint_eq(counters.rx_packets, QUEUES * 5);
    ck_assert_uint_eq(counters.tx_wire_packets, QUEUES * 5 * 2);
    ck_assert_uint_eq(starts, 5);
    end();
}
END_TEST

START_TEST(no_grant_operation_in_a_context)
{
    unsigned calls;

    begin();
    works();
    ck_assert_int_eq(part(1), 0);
    calls = sims[0].calls + sims[1].calls;
    resume(TRANSLATION_IOMMU, &session_vf.vf);
    works();
    ck_assert_int_eq(part(1), 0);
    ck_assert_uint_gt(calls, 0);
    ck_assert_uint_eq(sims[0].calls + sims[1].calls, calls);
    end();
}
END_TEST

/* Asked for and not to be had: the same VF goes on as before. */
START_TEST(context_is_refused)
{
    begin();
    guest.refuse = true;
    ck_assert_int_eq(part(2), 0);
    session_set_translation(session, TRANSLATION_IOMMU);
    ck_assert_int_eq(session_resume(session, &session_vf.vf, &why), -1);
    ck_assert_str_eq(why.text, REFUSAL);
    ck_assert_int_eq(errno, EOPNOTSUPP);
    ck_assert_uint_eq(starts, 1);
    session_pause(session);
    ck_assert_int_eq(session_flush(session), 0);
    resume(TRANSLATION_HOST, &session_vf.vf);
    is_on("host");
    works();
    end();
}
END_TEST

START_TEST(auto_does_without)
{
    const char *reason;

    begin();
    guest.refuse = true;
    ck_assert_int_eq(part(0), 0);
    resume(TRANSLATION_AUTO, &session_vf.vf);
    is_on("host");
    session_translation(session, &reason);
    ck_assert_str_eq(reason, REFUSAL);
    works();
    guest.refuse = false;
    ck_assert_int_eq(part(0), 0);
    resume(TRANSLATION_AUTO, &session_vf.vf);
    is_on("iommu");
    works();
    end();
}
END_TEST

/* The VF has gone into the context, could not be used there, and is there still: by machine addresses it would reach
 * whatever the guest has at them. */
START_TEST(auto_does_not_use_a_vf_astray)
{
    begin();
    ck_assert_int_eq(part(0), 0);
    guest.refuse = guest.stays = true;
    session_set_translation(session, TRANSLATION_AUTO);
    ck_assert_int_eq(session_resume(session, &session_vf.vf, &why), -1);
    ck_assert_int_eq(errno, ENOTRECOVERABLE);
    ck_assert_uint_eq(starts, 1);
    session_pause(session);
    ck_assert_int_eq(session_flush(session), 0);
    resume(TRANSLATION_HOST, &other_vf);
    is_on("host");
    works();
    end();
}
END_TEST

START_TEST(ends_and_leaves_it_in_the_context)
{
    plan.translation = TRANSLATION_IOMMU;
    begin();
    works();
    guest.stays = true;
    ck_assert_int_eq(session_stop(session), -1);
    ck_assert_int_eq(errno, ENOTRECOVERABLE);
}
END_TEST

/* A context is there, and then there are no pages for the second queue. */
START_TEST(fails_in_the_context)
{
    begin();
    ck_assert_int_eq(part(1), 0);
    sims[1].fail_setup =
        sims[1].setup_calls + 3; /* interrupt, the context's pages, private copies */
    session_set_translation(session, TRANSLATION_IOMMU);
    ck_assert_int_eq(session_resume(session, &session_vf.vf, &why), -1);
    ck_assert_ptr_nonnull(strstr(why.text, "no pages for descriptor rings"));
    ck_assert(guest.open);
    session_pause(session);
    ck_assert_int_eq(session_flush(session), 0);
    ck_assert(!guest.open);
    resume(TRANSLATION_HOST, &session_vf.vf);
    is_on("host");
    works();
    end();
}
END_TEST

START_TEST(vf_stays_in_the_context)
{
    plan.translation = TRANSLATION_IOMMU;
    begin();
    works();
    guest.stays = true;
    ck_assert_int_eq(part(1), 1);
    resume(TRANSLATION_HOST, &other_vf);
    ck_assert_ptr_eq(started, &other_vf);
    is_on("host");
    works();
    end();
}
END_TEST

/* As recovery does it: without a VF first. */
START_TEST(none_in_between)
{
    plan.translation = TRANSLATION_IOMMU;
    begin();
    works();
    ck_assert_int_eq(part(2), 0);
    resume(TRANSLATION_IOMMU, NULL);
    ck_assert(!guest.open && !session_vf.running);
    for (unsigned i = 0; i < QUEUES; i++) {
        push(&sims[i], 5);
        answered(&sims[i], 5, NETIF_RSP_ERROR);
    }
    session_pause(session);
    ck_assert_int_eq(session_flush(session), 0);
    resume(TRANSLATION_IOMMU, &session_vf.vf);
    is_on("iommu");
    works();
    end();
}
END_TEST

START_TEST(ends_parted)
{
    plan.translation = TRANSLATION_IOMMU;
    begin();
    ck_assert_int_eq(part(1), 0);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("session_switch");
    TCase *test = tcase_create("session_switch");

    tcase_add_checked_fixture(test, setup, teardown);
    tcase_set_timeout(test, 30);
    tcase_add_loop_test(test, there_and_back, 0, 2);
    tcase_add_test(test, no_grant_operation_in_a_context);
    tcase_add_test(test, context_is_refused);
    tcase_add_test(test, auto_does_without);
    tcase_add_test(test, fails_in_the_context);
    tcase_add_test(test, vf_stays_in_the_context);
    tcase_add_test(test, auto_does_not_use_a_vf_astray);
    tcase_add_test(test, ends_and_leaves_it_in_the_context);
    tcase_add_test(test, none_in_between);
    tcase_add_test(test, ends_parted);
    suite_add_tcase(suite, test);
    return run_suite(suite);
}
