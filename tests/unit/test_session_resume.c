/* SPDX-License-Identifier: MIT */
/* A session with its worker running, whose VF goes and comes: the rings stay mapped, and nothing is answered twice or
 * not at all. The VF in memory works in its doorbell, as QEMU's does, so all of it happens on the worker's thread. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "common/why.h"
#include "control/session.h"
#include "sim/sim.h"
#include "unit/runner.h"

static struct sim sim;
static struct port_ops port_ops;
static struct vf_ops vf_ops;
static struct vf_queue_ops queue_ops;
static struct session *session;
static struct session_plan plan;
static struct why why;
static int events, fault;
static unsigned mapped, bound, interrupts, started;
static bool stuck; /* the VF takes frames and sends none */
static char moved_to[16], ctrl_moved_to[16];

static const uint8_t mac[6] = {0x00, 0x16, 0x3e, 0x01, 0x02, 0x03};

static void *ring_map(struct port *port, uint32_t gref)
{
    (void)port;
    mapped++;
    return gref == 1 ? (void *)sim.tx_ring : (void *)sim.rx_ring;
}

static void ring_unmap(struct port *port, void *ring)
{
    (void)port;
    (void)ring;
    mapped--;
}

static void dma_free(struct port *port, struct dma_page *pages, unsigned count)
{
    (void)port;
    (void)pages;
    (void)count;
}

static int bind_peer(struct port *port, uint32_t remote, uint32_t *local)
{
    (void)port;
    *local = remote;
    bound++;
    return 0;
}

static int bind_msix(struct port *port, const char *pci, unsigned vector, uint32_t *local)
{
    (void)port;
    (void)pci;
    *local = 100 + vector;
    bound++;
    interrupts++;
    return 0;
}

static int unbind(struct port *port, uint32_t local)
{
    (void)port;
    (void)local;
    bound--;
    return 0;
}

static int event_fd(struct port *port)
{
    (void)port;
    return events;
}

static int event_pending(struct port *port, uint32_t *local)
{
    uint64_t count;

    (void)port;
    *local = 12;
    return read(events, &count, sizeof count) == sizeof count ? 0 : -1;
}

static int event_unmask(struct port *port, uint32_t local)
{
    (void)port;
    (void)local;
    return 0;
}

static void move(struct port *port, const char *pci)
{
    (void)port;
    ck_assert_uint_eq(sim.live_pins, 0); /* none that the last VF could reach */
    snprintf(moved_to, sizeof moved_to, "%s", pci);
}

static void ctrl_move(struct port *port, const char *pci)
{
    (void)port;
    snprintf(ctrl_moved_to, sizeof ctrl_moved_to, "%s", pci);
}

static int vf_start(struct vf *vf, struct vf_queue_setup *queues, unsigned count,
                    struct why *reason)
{
    (void)vf;
    (void)reason;
    ck_assert_uint_eq(count, 1);
    queues[0].queue = &sim.queue;
    started++;
    return 0;
}

static int vf_stop(struct vf *vf)
{
    (void)vf;
    return 0;
}

static void vf_doorbell(struct vf_queue *queue)
{
    (void)queue;
    sim.tx_rung = sim.tx_posted;
    if (!stuck)
        sim_send(&sim, SIM_QUEUE);
}

static int vf_set_multicast(struct vf *vf, const struct vf_multicast *wanted, struct why *reason)
{
    (void)vf;
    (void)reason;
    ck_assert(wanted->all);
    return 0;
}

static void vf_arm(struct vf_queue *queue)
{
    (void)queue;
}

static void vf_count(struct vf *vf, struct vf_counters *counters)
{
    (void)vf;
    *counters = (struct vf_counters){.tx_packets = 1000 + sim.tx_sent};
}

static void setup(void)
{
    sim_open(&sim);
    port_ops = *sim.port.ops;
    port_ops.ring_map = ring_map;
    port_ops.ring_unmap = ring_unmap;
    port_ops.dma_free = dma_free;
    port_ops.bind_peer = bind_peer;
    port_ops.bind_msix = bind_msix;
    port_ops.unbind = unbind;
    port_ops.event_fd = event_fd;
    port_ops.event_pending = event_pending;
    port_ops.event_unmask = event_unmask;
    port_ops.move = move;
    sim.port.ops = &port_ops;
    vf_ops = *sim.vf.ops;
    vf_ops.start = vf_start;
    vf_ops.stop = vf_stop;
    vf_ops.set_multicast = vf_set_multicast;
    vf_ops.count = vf_count;
    sim.vf.ops = &vf_ops;
    sim.vf.queues = 1;
    queue_ops = *sim.queue.ops;
    queue_ops.tx_doorbell = vf_doorbell;
    queue_ops.arm = vf_arm;
    sim.queue.ops = &queue_ops;
    snprintf(sim.vf.pci, sizeof sim.vf.pci, "0000:01:10.4");
    events = eventfd(0, EFD_NONBLOCK);
    fault = eventfd(0, EFD_NONBLOCK);
    mapped = bound = interrupts = started = 0;
    stuck = false;
    moved_to[0] = '\0';
    plan = (struct session_plan){
        .ports = {&sim.port},
        .queues = 1,
        .queue = {{.tx_ring_ref = 1, .rx_ring_ref = 2, .tx_channel = 12, .rx_channel = 12}},
        .vf = &sim.vf,
        .name = "vif1.0",
        .rx_notify = true,
        .translation = TRANSLATION_HOST,
        .mtu = 1500,
        .fault_fd = fault};
    memcpy(plan.mac, mac, sizeof mac);
}

static void teardown(void)
{
    ck_assert_uint_eq(mapped, 0);
    ck_assert_uint_eq(bound, 0);
    ck_assert_uint_eq(sim.live_pins, 0);
    ck_assert_uint_eq(sim.stray, 0);
    close(events);
    close(fault);
    sim_close(&sim);
}

static void begin(void)
{
    ck_assert_msg(session_start(&session, &plan, &why) == 0, "%s", why.text);
}

/* Up to five seconds until another thread has brought `value` to `wanted`. */
static void wait_until(const uint32_t *value, uint32_t wanted)
{
    const struct timespec moment = {0, 1000000};

    for (unsigned i = 0; i < 5000 && __atomic_load_n(value, __ATOMIC_ACQUIRE) != wanted; i++)
        nanosleep(&moment, NULL);
    ck_assert_uint_eq(__atomic_load_n(value, __ATOMIC_ACQUIRE), wanted);
}

static void kick(void)
{
    uint64_t one = 1;

    ck_assert_int_eq(write(events, &one, sizeof one), sizeof one);
}

static void send_frames(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint32_t gref = sim_grant(&sim, true);

        memcpy(sim_bytes(&sim, gref) + 6, mac, sizeof mac);
        sim_push_tx(&sim, gref, 0, 0, i, 1000);
    }
    kick();
}

static void answered(unsigned from, unsigned to, int status)
{
    wait_until(&sim.tx_ring->rsp_prod, to);
    for (unsigned i = from; i < to; i++)
        ck_assert_int_eq(sim_tx_response(&sim, i)->status, status);
}

static void vf_is_fresh(void)
{
    sim.tx_posted = sim.tx_sent = sim.tx_reaped = sim.tx_rung = 0;
    sim.rx_posted = sim.rx_filled = sim.rx_reaped = 0;
}

START_TEST(one_vf_after_the_other)
{
    struct session_counters counters;

    for (unsigned i = 0; i < 8; i++)
        sim_push_rx(&sim, sim_grant(&sim, false), i);
    begin();
    send_frames(3);
    answered(0, 3, NETIF_RSP_OKAY);
    stuck = true;
    send_frames(4);
    wait_until(&sim.tx_posted, 7);

    session_pause(session);
    ck_assert_uint_eq(sim.rx_posted, 8);
    ck_assert_uint_eq(sim.live_pins, 4 + 8);
    ck_assert_uint_eq(sim.tx_ring->rsp_prod, 3); /* not before the VF is quiet */
    ck_assert_int_eq(session_flush(session), 0);
    ck_assert_uint_eq(sim.live_pins, 0);
    answered(3, 7, NETIF_RSP_ERROR);

    stuck = false;
    vf_is_fresh();
    ck_assert_int_eq(session_resume(session, &sim.vf, &why), 0);
    ck_assert_str_eq(moved_to, "0000:01:10.4");
    send_frames(2);
    answered(7, 9, NETIF_RSP_OKAY);
    session_pause(session);
    ck_assert_uint_eq(sim.rx_posted, 8); /* the same buffers again */
    ck_assert_uint_eq(sim.rx_ring->rsp_prod, 0);
    ck_assert_uint_eq(mapped, 2);
    ck_assert_uint_eq(interrupts, 2);
    session_count(session, &counters);
    ck_assert_uint_eq(counters.tx_packets, 9);
    ck_assert_uint_eq(counters.tx_dropped, 4);
    ck_assert_uint_eq(counters.tx_wire_packets, 1003 + 2);
    ck_assert_int_eq(session_stop(session), 0);
}
END_TEST

/* The control ring goes on from VF to VF without a break, and its journal names the one that there is. */
START_TEST(control_ring_goes_on)
{
    static struct sim ctrl;
    struct port_ops ops;
    volatile uint32_t *words;

    sim_open(&ctrl);
    ops = *ctrl.port.ops;
    ops.move = ctrl_move;
    ctrl.port.ops = &ops;
    words = (volatile uint32_t *)sim_bytes(&ctrl, 0);
    plan.ctrl_ring = true;
    plan.ctrl_port = &ctrl.port;
    begin();
    for (uint32_t requests = 1; requests <= 4; requests++) {
        words[0] = requests; /* req_prod */
        sim_event(&ctrl, 1);
        wait_until((const uint32_t *)&words[2], requests); /* rsp_prod */
        if (requests == 1) {
            session_pause(session);
        } else if (requests == 2) {
            ck_assert_int_eq(session_flush(session), 0);
            ck_assert_str_eq(ctrl_moved_to, "");
        } else if (requests == 3) {
            ck_assert_int_eq(session_resume(session, &sim.vf, &why), 0);
            ck_assert_str_eq(ctrl_moved_to, "0000:01:10.4");
        }
    }
    ck_assert_uint_eq(ctrl.mapped_rings, 1);
    ck_assert_int_eq(session_stop(session), 0);
    ck_assert_uint_eq(ctrl.mapped_rings, 0);
    sim_close(&ctrl);
}
END_TEST

START_TEST(none_for_a_while)
{
    begin();
    session_pause(session);
    session_pause(session);
    ck_assert_int_eq(session_flush(session), 0);
    ck_assert_int_eq(session_flush(session), 0);
    ck_assert_int_eq(session_resume(session, NULL, &why), 0);
    ck_assert_str_eq(moved_to, "");
    session_link(session, true); /* of a VF that is not there */
    for (unsigned i = 0; i < 5; i++) {
        send_frames(100);
        answered(i * 100, i * 100 + 100, NETIF_RSP_ERROR);
    }
    ck_assert_uint_eq(sim.tx_posted, 0);
    session_pause(session);
    ck_assert_int_eq(session_flush(session), 0);
    ck_assert_int_eq(session_resume(session, &sim.vf, &why), 0);
    send_frames(1);
    answered(500, 501, NETIF_RSP_OKAY);
    ck_assert_int_eq(session_stop(session), 0);
}
END_TEST

START_TEST(starts_without_one)
{
    plan.vf = NULL;
    begin();
    ck_assert_uint_eq(started, 0);
    ck_assert(!session_interrupts(session));
    send_frames(1);
    answered(0, 1, NETIF_RSP_ERROR);
    session_pause(session);
    ck_assert_int_eq(session_flush(session), 0);
    ck_assert_int_eq(session_resume(session, &sim.vf, &why), 0);
    ck_assert(session_interrupts(session));
    send_frames(1);
    answered(1, 2, NETIF_RSP_OKAY);
    ck_assert_int_eq(session_stop(session), 0);
}
END_TEST

START_TEST(link_down)
{
    begin();
    session_link(session, false);
    send_frames(3);
    answered(0, 3, NETIF_RSP_ERROR);
    ck_assert_uint_eq(sim.tx_posted, 0);
    session_link(session, true);
    send_frames(3);
    answered(3, 6, NETIF_RSP_OKAY);
    ck_assert_int_eq(session_stop(session), 0);
}
END_TEST

START_TEST(ends_while_paused)
{
    stuck = true;
    begin();
    send_frames(2);
    wait_until(&sim.tx_posted, 2);
    session_pause(session);
    ck_assert_int_eq(session_stop(session), 0);
    ck_assert_uint_eq(sim.tx_ring->rsp_prod, 0);
}
END_TEST

/* Five seconds. */
START_TEST(a_vf_that_stops_sending)
{
    uint64_t told;

    stuck = true;
    begin();
    send_frames(1);
    wait_until(&sim.tx_posted, 1);
    for (unsigned i = 0; i < 80 && session_state(session, &why) == SESSION_RUNNING; i++)
        usleep(100000);
    ck_assert_int_eq(session_state(session, &why), SESSION_DEVICE_FAULT);
    ck_assert_int_eq(read(fault, &told, sizeof told), sizeof told);
    session_pause(session);
    ck_assert_int_eq(session_flush(session), 0);
    answered(0, 1, NETIF_RSP_ERROR);
    stuck = false;
    vf_is_fresh();
    ck_assert_int_eq(session_resume(session, &sim.vf, &why), 0);
    ck_assert_int_eq(session_state(session, &why), SESSION_RUNNING);
    send_frames(1);
    answered(1, 2, NETIF_RSP_OKAY);
    ck_assert_int_eq(session_stop(session), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("session");
    TCase *test = tcase_create("session");

    tcase_add_checked_fixture(test, setup, teardown);
    tcase_set_timeout(test, 30);
    tcase_add_test(test, one_vf_after_the_other);
    tcase_add_test(test, control_ring_goes_on);
    tcase_add_test(test, none_for_a_while);
    tcase_add_test(test, starts_without_one);
    tcase_add_test(test, link_down);
    tcase_add_test(test, ends_while_paused);
    tcase_add_test(test, a_vf_that_stops_sending);
    suite_add_tcase(suite, test);
    return run_suite(suite);
}
