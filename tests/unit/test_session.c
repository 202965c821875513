/* SPDX-License-Identifier: MIT */
/* Sessions of one queue and of two: what is set up is taken down, in the right order, however far it has come; and
 * each queue's packets go through its own rings, port and queue pair. The workers are real threads. */
#include <check.h>
#include <poll.h>
#include <string.h>

#include "datapath/tx.h"
#include "unit/runner.h"
#include "unit/session_world.h"
#include "xen/context.h"

#define FRAME 60u

static struct {
    struct vf_multicast multicast;
    unsigned started, stopped; /* queue pairs; times */
    bool refuse_start, interrupts;
    uint64_t ring_dma[VF_QUEUES_MAX];
} fake;

static int fake_start(struct vf *vf, struct vf_queue_setup *queues, unsigned count,
                      struct why *reason)
{
    fake.started = count;
    if (fake.refuse_start)
        return why_fail(reason, "the VF does not start");
    fake.interrupts = queues[0].interrupts;
    for (unsigned i = 0; i < count; i++) {
        /* Its own ring pages, which nobody else has. */
        ck_assert_ptr_nonnull(queues[i].ring_pages[VF_RING_PAGES - 1].va);
        ck_assert(i == 0 || queues[i].ring_pages != queues[i - 1].ring_pages);
        fake.ring_dma[i] = queues[i].ring_pages[0].dma;
    }
    return session_vf_start(vf, queues, count, reason);
}

/* Invariant 4: all that the VF can reach is still there. */
static int fake_stop(struct vf *vf)
{
    fake.stopped++;
    for (unsigned i = 0; i < fake.started; i++)
        ck_assert_uint_gt(sims[i].own_pages, 0);
    return session_vf_stop(vf);
}

static void fake_count(struct vf *vf, struct vf_counters *counters)
{
    (void)vf;
    *counters = (struct vf_counters){.tx_packets = 100, .rx_bytes = 7};
}

static int fake_set_multicast(struct vf *vf, const struct vf_multicast *wanted, struct why *reason)
{
    (void)vf;
    (void)reason;
    fake.multicast = *wanted;
    return 0;
}

static void setup(void)
{
    memset(&fake, 0, sizeof fake);
    session_world_open(VF_QUEUES_MAX);
    session_vf.ops = (struct vf_ops){.family = "fake",
                                     .start = fake_start,
                                     .stop = fake_stop,
                                     .set_multicast = fake_set_multicast,
                                     .count = fake_count};
}

static bool any_channel(const struct sim *sim)
{
    for (unsigned i = 0; i < SIM_CHANNELS; i++)
        if (sim->channels[i].bound)
            return true;
    return false;
}

static void nothing_left(void)
{
    for (unsigned i = 0; i < VF_QUEUES_MAX; i++) {
        ck_assert_uint_eq(sims[i].mapped_rings, 0);
        ck_assert_uint_eq(sims[i].own_pages, 0);
        ck_assert_uint_eq(sims[i].live_pins, 0);
        ck_assert(!any_channel(&sims[i]));
    }
    ck_assert_uint_eq(ctrl_sim.mapped_rings, 0);
    ck_assert(!any_channel(&ctrl_sim));
}

static void start(unsigned queues)
{
    plan.queues = queues;
    ck_assert_msg(session_start(&session, &plan, &why) == 0, "%s", why.text);
}

/* The guest sends on one queue, and its buffers there are pinned. */
static void use(unsigned index, unsigned packets)
{
    struct sim *sim = &sims[index];
    uint32_t gref = sim_grant(sim, false);

    sim_push_rx(sim, gref, 0);
    for (unsigned i = 0; i < packets; i++)
        sim_push_tx(sim, gref, 0, 0, i, FRAME);
    sim_event(sim, 1);
    wait_for(&sim->tx_ring->rsp_prod, packets);
}

START_TEST(starts_and_stops)
{
    unsigned queues = (unsigned)_i;

    start(queues);
    ck_assert_uint_eq(session_queues(session), queues);
    ck_assert_uint_eq(fake.started, queues);
    ck_assert(fake.interrupts && session_interrupts(session));
    for (unsigned i = 0; i < VF_QUEUES_MAX; i++) {
        ck_assert_uint_eq(sims[i].mapped_rings, i < queues ? 2 : 0);
        ck_assert(any_channel(&sims[i]) == (i < queues));
    }
    ck_assert_int_eq(session_state(session, &why), SESSION_RUNNING);
    ck_assert_int_eq(session_stop(session), 0);
    ck_assert_uint_eq(fake.stopped, 1);
    nothing_left();
}
END_TEST

/* The last netvfd may have been killed after it had shown responses and before it told of them: the guest sleeps until it is
 * told, and no later response would do, for it did not ask for one. Rings that nobody has used need none. */
START_TEST(used_rings_are_told_of)
{
    unsigned used = (unsigned)_i & 1;

    plan.queue[0].split = true;
    plan.queue[0].rx_channel = 2;
    plan.ctrl_ring = true;
    if (_i & 2)
        sims[0].tx_ring->rsp_prod = sims[0].tx_ring->req_prod = 7;
    if (used) {
        sims[0].rx_ring->rsp_prod = sims[0].rx_ring->req_prod = 9;
        ((volatile uint32_t *)sim_bytes(&ctrl_sim, 0))[0] = 3; /* req_prod */
        ((volatile uint32_t *)sim_bytes(&ctrl_sim, 0))[2] = 3; /* rsp_prod */
    }
    start(1);
    ck_assert_uint_eq(sims[0].channels[1].sent, (_i & 2) ? 1 : 0);
    ck_assert_uint_eq(sims[0].channels[2].sent, used);
    ck_assert_uint_eq(ctrl_sim.channels[1].sent, used);
    ck_assert_int_eq(session_stop(session), 0);
}
END_TEST

/* Xen does not survive the end of a device whose interrupt is bound behind dom0's kernel's back. */
START_TEST(polls_what_can_be_switched_off)
{
    session_vf.vf.held = false;
    start(1);
    ck_assert(!fake.interrupts && !session_interrupts(session));
    ck_assert_int_eq(session_stop(session), 0);
}
END_TEST

START_TEST(split_channels)
{
    plan.queue[1].split = true;
    plan.queue[1].rx_channel = 6;
    start(2);
    /* local ports 1 and 2 are the guest's, 3 is the VF's; the other queue has 1 and 2 alone */
    ck_assert(sims[1].channels[3].bound && !sims[0].channels[3].bound);
    ck_assert_uint_eq(sims[1].vf_channel, 3);
    ck_assert_int_eq(session_stop(session), 0);
    nothing_left();
}
END_TEST

/* Each of the calls that set a queue up fails once, in the first queue and in the second. */
START_TEST(fails_half_way)
{
    struct sim *failing = &sims[_i / 10];
    bool failed;

    plan.queues = 2;
    plan.queue[0].split = plan.queue[1].split = true;
    failing->fail_setup = (unsigned)_i % 10;
    failed = session_start(&session, &plan, &why) < 0;
    /* Two rings, two channels, the interrupt, without which the VF is polled, our pages. */
    ck_assert_int_eq(failed, failing->fail_setup != 5);
    if (!failed) {
        ck_assert(!session_interrupts(session));
        ck_assert_int_eq(session_stop(session), 0);
    }
    ck_assert_uint_eq(fake.stopped, !failed);
    nothing_left();
}
END_TEST

/* One context for the VF, and in it pages for each queue; dom0 has those for private copies only. */
static struct context context;
static unsigned contexts;
static bool context_stuck;

static struct context *open_context(const char *name, uint16_t domid, const char *pci,
                                    unsigned pages, struct why *reason)
{
    (void)domid;
    (void)pci;
    (void)reason;
    ck_assert_str_eq(name, "vif1.0");
    ck_assert(
        sims[1].channels[2].bound); /* all interrupts are there: later Xen would refuse them */
    ck_assert_uint_eq(pages, 2 * (VF_RING_PAGES + TX_PAGES));
    for (unsigned i = 0; i < pages; i++)
        context.pages[i] = (struct dma_page){.va = &context, .dma = i * 4096};
    contexts++;
    return &context;
}

static int close_context(struct context *same)
{
    ck_assert_ptr_eq(same, &context);
    ck_assert_uint_eq(fake.stopped, 1);
    contexts--;
    return context_stuck ? -1 : 0;
}

static const struct context_ops context_fake = {.open = open_context, .close = close_context};

START_TEST(in_the_guests_context)
{
    const char *reason;

    context_stuck = _i;
    context.ops = plan.contexts = &context_fake;
    plan.translation = TRANSLATION_IOMMU;
    start(2);
    ck_assert_str_eq(session_translation(session, &reason), "iommu");
    ck_assert_ptr_null(reason);
    ck_assert_uint_eq(contexts, 1);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_uint_eq(fake.ring_dma[i], i * (VF_RING_PAGES + TX_PAGES) * 4096);
        ck_assert_uint_eq(sims[i].own_pages, TX_PAGES + 1);
    }
    ck_assert_int_eq(session_stop(session), context_stuck ? -1 : 0);
    ck_assert_uint_eq(contexts, 0);
    nothing_left();
}
END_TEST

START_TEST(no_context_to_be_had)
{
    plan.queues = 2;
    plan.translation = TRANSLATION_IOMMU;
    ck_assert_int_eq(session_start(&session, &plan, &why), -1);
    ck_assert_ptr_nonnull(strstr(why.text, "IOMMU contexts"));
    ck_assert_uint_eq(fake.started, 0);
    nothing_left();
}
END_TEST

/* What the vif has and its queues share: the guest's groups, which it may name on any queue, ... */
START_TEST(groups_from_any_queue)
{
    netif_extra_info_t extra = {.type = XEN_NETIF_EXTRA_TYPE_MCAST_ADD};
    struct pollfd news = {.fd = plan.fault_fd, .events = POLLIN};

    memcpy(extra.u.mcast.addr, "\x33\x33\0\0\0\1", 6);
    start(2);
    ck_assert(fake.multicast.all);
    for (unsigned i = 0; i < 2; i++) {
        extra.u.mcast.addr[5] = (uint8_t)(i + 1);
        sim_push_tx(&sims[i], 0, 0, NETTXF_extra_info, 0, 0);
        sim_push_extra(&sims[i], &extra);
        sim_event(&sims[i], 1);
        wait_for(&sims[i].tx_ring->rsp_prod, 2);
    }
    ck_assert_int_eq(poll(&news, 1, 5000), 1);
    ck_assert(session_multicast_news(session));
    ck_assert_int_eq(session_set_multicast(session, true, &why), 0);
    ck_assert(!fake.multicast.all);
    ck_assert_uint_eq(fake.multicast.count, 2);
    ck_assert_int_eq(session_stop(session), 0);
    nothing_left();
}
END_TEST

/* ... its rate, in even shares, ... */
START_TEST(rate_is_shared)
{
    plan.rate = (struct rate){2 * FRAME, RATE_INTERVAL_MAX};
    start(2);
    for (unsigned i = 0; i < 2; i++) {
        uint32_t gref = sim_grant(&sims[i], false);

        for (unsigned frame = 0; frame < 3; frame++)
            sim_push_tx(&sims[i], gref, 0, 0, frame, FRAME);
        sim_event(&sims[i], 1);
        wait_for(&sims[i].tx_ring->rsp_prod, 1); /* and not the others, for seconds */
    }
    session_set_rate(session, (struct rate){0});
    for (unsigned i = 0; i < 2; i++) {
        sim_event(&sims[i], 1);
        wait_for(&sims[i].tx_ring->rsp_prod, 3);
    }
    ck_assert_int_eq(session_stop(session), 0);
    nothing_left();
}
END_TEST

/* ... and its own frames, which a card may give back on another queue than the one that they have left by. */
START_TEST(echo_on_the_other_queue)
{
    uint32_t sent, buffer;
    struct session_counters counters;

    memcpy(plan.mac, "\0\x16\x3e\1\2\3", 6);
    start(2);
    sent = sim_grant(&sims[1], false);
    buffer = sim_grant(&sims[0], false);
    memset(sim_bytes(&sims[1], sent), 0xff, 6);
    memcpy(sim_bytes(&sims[1], sent) + 6, plan.mac, 6);
    sim_push_rx(&sims[0], buffer, 0);
    sim_event(&sims[0], 1);
    wait_for(&sims[0].rx_posted, 1);
    sim_push_tx(&sims[1], sent, 0, 0, 0, FRAME);
    sim_event(&sims[1], 1);
    wait_for(&sims[1].tx_ring->rsp_prod, 1);
    ck_assert(sim_receive(&sims[0], sim_bytes(&sims[1], sent), FRAME));
    wait_for(&sims[0].rx_ring->rsp_prod, 1);
    ck_assert_int_eq(sim_rx_response(&sims[0], 0)->status, NETIF_RSP_ERROR);
    session_count(session, &counters);
    ck_assert_uint_eq(counters.rx_echoes, 1);
    ck_assert_uint_eq(counters.rx_packets, 0);
    ck_assert_int_eq(session_stop(session), 0);
    nothing_left();
}
END_TEST

START_TEST(vf_does_not_start)
{
    plan.queues = 2;
    fake.refuse_start = true;
    ck_assert_int_eq(session_start(&session, &plan, &why), -1);
    ck_assert_str_eq(why.text, "the VF does not start");
    ck_assert_uint_eq(fake.stopped, 1);
    nothing_left();
}
END_TEST

START_TEST(more_queues_than_pairs)
{
    plan.queues = 2;
    session_vf.vf.queues = 1;
    ck_assert_int_eq(session_start(&session, &plan, &why), -1);
    ck_assert_ptr_nonnull(strstr(why.text, "has 1 queue pairs, and the guest uses 2 queues"));
    ck_assert_uint_eq(fake.started, 0);
    nothing_left();
}
END_TEST

/* Without interrupts for VFs in dom0's kernel. */
START_TEST(polls)
{
    sims[0].no_msix = sims[1].no_msix = true;
    start(2);
    ck_assert(!session_interrupts(session) && !fake.interrupts);
    use(1, 3);
    ck_assert_int_eq(session_stop(session), 0);
    nothing_left();
}
END_TEST

START_TEST(each_queue_by_itself)
{
    struct session_counters all, one;

    start(2);
    use(0, 3);
    use(1, 20);
    session_count_queue(session, 0, &one);
    ck_assert_uint_eq(one.tx_packets, 3);
    ck_assert_uint_eq(one.tx_wire_packets, 0);
    session_count_queue(session, 1, &one);
    ck_assert_uint_eq(one.tx_packets, 20);
    ck_assert_uint_eq(one.tx_bytes, 20 * FRAME);
    session_count(session, &all);
    ck_assert_uint_eq(all.tx_packets, 23);
    ck_assert_uint_eq(all.tx_wire_packets, 100);
    ck_assert_uint_eq(all.rx_wire_bytes, 7);
    ck_assert_uint_eq(all.missed_wakeups, 0);
    ck_assert_int_eq(session_stop(session), 0);
    nothing_left();
}
END_TEST

/* A guest that breaks the protocol on one queue is stopped as a whole; control hears of it. */
START_TEST(fault_in_one_queue)
{
    struct pollfd fault = {.fd = plan.fault_fd, .events = POLLIN};

    start(2);
    sims[1].tx_ring->req_prod = 300;
    sim_event(&sims[1], 1);
    ck_assert_int_eq(poll(&fault, 1, 5000), 1);
    ck_assert_int_eq(session_state(session, &why), SESSION_GUEST_FAULT);
    ck_assert_ptr_nonnull(strstr(why.text, "tx ring claims more requests"));
    use(0, 1); /* until then the other queue goes on */
    ck_assert_int_eq(session_stop(session), 0);
    nothing_left();
}
END_TEST

/* As the frontend has asked for when it connected; frames that need whole pages have none. */
START_TEST(headroom)
{
    static const uint8_t frame[FRAME] = {1};
    uint32_t gref = sim_grant(&sims[0], false);

    plan.headroom = true;
    plan.mtu = _i ? 9000 : VF_MTU;
    start(1);
    sim_push_rx(&sims[0], gref, 0);
    sim_event(&sims[0], 1);
    wait_for(&sims[0].rx_posted, 1);
    ck_assert(sim_receive(&sims[0], frame, sizeof frame));
    wait_for(&sims[0].rx_ring->rsp_prod, 1);
    ck_assert_uint_eq(sim_rx_response(&sims[0], 0)->offset, _i ? 0 : 256);
    ck_assert_mem_eq(sim_bytes(&sims[0], gref) + (_i ? 0 : 256), frame, sizeof frame);
    ck_assert_int_eq(session_stop(session), 0);
    nothing_left();
}
END_TEST

/* On a trunk there is room for a tag, with whole pages or without. */
START_TEST(room_for_a_tag)
{
    static const uint8_t frame[FRAME] = {[12] = 0x81, [15] = 10};
    uint32_t gref = sim_grant(&sims[0], false);

    plan.mtu = _i ? 9000 : VF_MTU;
    session_vf.vf.trunk = sims[0].vf.trunk = (struct vf_trunk){1, {10}};
    sims[0].queue.vf = &session_vf.vf;
    start(1);
    sim_push_rx(&sims[0], gref, 0);
    sim_event(&sims[0], 1);
    wait_for(&sims[0].rx_posted, 1);
    ck_assert(sim_receive(&sims[0], frame, sizeof frame));
    wait_for(&sims[0].rx_ring->rsp_prod, 1);
    ck_assert_uint_eq(sim_rx_response(&sims[0], 0)->offset, VF_RX_TAG_ROOM - 4);
    ck_assert_mem_eq(sim_bytes(&sims[0], gref) + VF_RX_TAG_ROOM - 4, frame, sizeof frame);
    ck_assert_int_eq(session_stop(session), 0);
    nothing_left();
}
END_TEST

/* Whatever the pages on that ring are called: they are words to us. */
static volatile uint32_t *ctrl_words(void)
{
    return (volatile uint32_t *)sim_bytes(&ctrl_sim, 0);
}

START_TEST(control_ring)
{
    volatile uint32_t *words = ctrl_words();

    plan.ctrl_ring = true;
    start(2);
    words[16] = XEN_NETIF_CTRL_TYPE_SET_HASH_KEY << 16 | 7; /* id 7 */
    words[0] = 1;                                           /* req_prod */
    sim_event(&ctrl_sim, 1);
    wait_for(&words[2], 1); /* rsp_prod */
    ck_assert_uint_eq(words[16], XEN_NETIF_CTRL_TYPE_SET_HASH_KEY << 16 | 7);
    ck_assert_uint_eq(words[17], XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED);
    ck_assert_int_eq(session_state(session, &why), SESSION_RUNNING);
    /* It has nothing to do with the VF. */
    session_pause(session);
    words[0] = 2;
    sim_event(&ctrl_sim, 1);
    wait_for(&words[2], 2);
    ck_assert_int_eq(session_stop(session), 0);
    nothing_left();
}
END_TEST

START_TEST(fault_on_the_control_ring)
{
    struct pollfd fault = {.fd = plan.fault_fd, .events = POLLIN};

    plan.ctrl_ring = true;
    start(1);
    ctrl_words()[0] = 129;
    sim_event(&ctrl_sim, 1);
    ck_assert_int_eq(poll(&fault, 1, 5000), 1);
    ck_assert_int_eq(session_state(session, &why), SESSION_GUEST_FAULT);
    ck_assert_ptr_nonnull(strstr(why.text, "control ring claims more requests"));
    use(0, 1);
    ck_assert_int_eq(session_stop(session), 0);
    nothing_left();
}
END_TEST

START_TEST(no_control_ring_to_be_had)
{
    plan.queues = 1;
    plan.ctrl_ring = true;
    ctrl_sim.fail_setup = (unsigned)_i;
    ck_assert_int_eq(session_start(&session, &plan, &why), -1);
    ck_assert_ptr_nonnull(strstr(why.text, "control ring"));
    ck_assert_uint_eq(fake.started, 0);
    nothing_left();
}
END_TEST

/* Nothing that a VF may still reach is given back, of no queue; the rest is. */
START_TEST(vf_is_not_quiet)
{
    start(2);
    use(0, 1);
    use(1, 1);
    session_vf.not_quiet = true;
    ck_assert_int_eq(session_stop(session), -1);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_uint_gt(sims[i].own_pages, 0);
        ck_assert_uint_eq(sims[i].live_pins, 1);
        ck_assert_uint_eq(sims[i].mapped_rings, 0);
        ck_assert(!any_channel(&sims[i]));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("session");
    TCase *test = tcase_create("session");

    tcase_add_checked_fixture(test, setup, session_world_close);
    tcase_set_timeout(test, 30);
    tcase_add_loop_test(test, starts_and_stops, 1, VF_QUEUES_MAX + 1);
    tcase_add_loop_test(test, used_rings_are_told_of, 0, 4);
    tcase_add_test(test, polls_what_can_be_switched_off);
    tcase_add_test(test, split_channels);
    tcase_add_loop_test(test, fails_half_way, 1, 7);
    tcase_add_loop_test(test, fails_half_way, 11, 17);
    tcase_add_loop_test(test, in_the_guests_context, 0, 2);
    tcase_add_test(test, no_context_to_be_had);
    tcase_add_test(test, groups_from_any_queue);
    tcase_add_test(test, rate_is_shared);
    tcase_add_test(test, echo_on_the_other_queue);
    tcase_add_test(test, vf_does_not_start);
    tcase_add_test(test, more_queues_than_pairs);
    tcase_add_test(test, polls);
    tcase_add_test(test, each_queue_by_itself);
    tcase_add_test(test, fault_in_one_queue);
    tcase_add_loop_test(test, headroom, 0, 2);
    tcase_add_loop_test(test, room_for_a_tag, 0, 2);
    tcase_add_test(test, control_ring);
    tcase_add_test(test, fault_on_the_control_ring);
    tcase_add_loop_test(test, no_control_ring_to_be_had, 1, 3);
    tcase_add_test(test, vf_is_not_quiet);
    suite_add_tcase(suite, test);
    return run_suite(suite);
}
