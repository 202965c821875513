/* SPDX-License-Identifier: MIT */
/* The frontend's states, keys and set-up against a backend in xenstore only. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <xen/errno.h>

#include "sim/front_sim.h"
#include "unit/runner.h"

#define BUFFERS 64u

static struct front_sim sim;
static struct netvf_front *front;
static void *storage;

static void make(unsigned queues)
{
    const struct netvf_front_config config = {
        .port = &sim.port,
        .path = FE_DIR,
        .queues = (uint16_t)queues,
        .rx_buffers = BUFFERS,
        .sg = true,
        .gso_tcpv4 = true,
        .csum_blank_ipv4 = true,
    };

    free(storage);
    storage = malloc(netvf_front_size(queues));
    ck_assert_int_eq(netvf_front_init(storage, netvf_front_size(queues), &config, &front), 0);
}

static void setup(void)
{
    front_sim_open(&sim);
    front_sim_make_vif(&sim, BE_DIR, "0");
    make(2);
}

static void teardown(void)
{
    netvf_front_drop(front);
    ck_assert_uint_eq(sim.live_pages, 0);
    ck_assert_uint_eq(sim.live_channels, 0);
    front_sim_close(&sim);
    free(storage);
    storage = NULL;
}

static void be(const char *state)
{
    front_sim_set(&sim, BE_DIR "/state", state);
}

static unsigned own(void)
{
    return front_sim_number(&sim, "state");
}

static void expect_step(int state, unsigned said)
{
    ck_assert_int_eq(netvf_front_step(front), state);
    ck_assert_uint_eq(own(), said);
}

static void connect_to(const char *queues)
{
    front_sim_offer(&sim, BE_DIR, queues);
    expect_step(NETVF_FRONT_CONNECTING, 4);
    be("4");
    expect_step(NETVF_FRONT_CONNECTED, 4);
}

START_TEST(by_the_book)
{
    const struct netvf_front_link *link;

    expect_step(NETVF_FRONT_WAITING, 1);
    ck_assert_ptr_null(netvf_front_link(front));
    ck_assert_uint_eq(sim.live_pages, 0);
    connect_to("1");
    link = netvf_front_link(front);
    ck_assert_uint_eq(link->queues, 1);
    ck_assert_uint_eq(link->mtu, 1500);
    ck_assert_mem_eq(link->mac, "\x00\x16\x3e\x01\x02\xab", 6);
    ck_assert(link->sg && link->gso_tcpv4 && link->gso_tcpv6 && link->csum_blank_ipv4);
    ck_assert(link->split && link->carrier);
    /* one queue is told at the top, also to a backend that knows of several */
    ck_assert_uint_eq(front_sim_number(&sim, "multi-queue-num-queues"), 1);
    ck_assert_uint_ne(front_sim_number(&sim, "tx-ring-ref"), 0);
    ck_assert_uint_eq(front_sim_number(&sim, "event-channel-tx"), netvf_front_tx_channel(front, 0));
    ck_assert_uint_eq(front_sim_number(&sim, "event-channel-rx"), netvf_front_rx_channel(front, 0));
    ck_assert_str_eq(front_sim_get(&sim, FE_DIR "/event-channel"), "");
    ck_assert_str_eq(front_sim_get(&sim, FE_DIR "/queue-0/tx-ring-ref"), "");
    ck_assert_uint_eq(front_sim_number(&sim, "request-rx-copy"), 1);
    ck_assert_uint_eq(front_sim_number(&sim, "feature-rx-notify"), 1);
    ck_assert_uint_eq(front_sim_number(&sim, "feature-sg"), 1);
    ck_assert_uint_eq(front_sim_number(&sim, "feature-gso-tcpv4"), 1);
    ck_assert_uint_eq(front_sim_number(&sim, "feature-gso-tcpv6"), 0);
    ck_assert_uint_eq(front_sim_number(&sim, "feature-no-csum-offload"), 0);
    ck_assert_uint_eq(front_sim_rx(&sim, "")->req_prod, BUFFERS);
    ck_assert_uint_eq(sim.live_pages, 2 + BUFFERS);
    ck_assert_uint_eq(sim.live_channels, 2);
    /* both channels have been kicked once the backend was there to hear it */
    ck_assert_uint_ge(sim.notified[netvf_front_tx_channel(front, 0)], 1);
    ck_assert_uint_ge(sim.notified[netvf_front_rx_channel(front, 0)], 1);
}
END_TEST

START_TEST(two_queues)
{
    /* left by somebody else: they would contradict ours */
    front_sim_set(&sim, FE_DIR "/tx-ring-ref", "8");
    front_sim_set(&sim, FE_DIR "/event-channel", "9");
    front_sim_set(&sim, FE_DIR "/queue-7/tx-ring-ref", "10");
    connect_to("8");
    ck_assert_uint_eq(netvf_front_link(front)->queues, 2);
    ck_assert_uint_eq(front_sim_number(&sim, "multi-queue-num-queues"), 2);
    ck_assert_str_eq(front_sim_get(&sim, FE_DIR "/tx-ring-ref"), "");
    ck_assert_str_eq(front_sim_get(&sim, FE_DIR "/event-channel"), "");
    ck_assert_str_eq(front_sim_get(&sim, FE_DIR "/queue-7/tx-ring-ref"), "");
    ck_assert_uint_eq(front_sim_number(&sim, "queue-1/event-channel-rx"),
                      netvf_front_rx_channel(front, 1));
    ck_assert_uint_eq(sim.live_pages, 2 * (2 + BUFFERS));
    ck_assert_uint_eq(sim.live_channels, 4);
}
END_TEST

/* The oldest backend that can be talked to: it copies, and knows of nothing else. */
START_TEST(plain_backend)
{
    front_sim_set(&sim, BE_DIR "/feature-rx-copy", "1");
    front_sim_set(&sim, BE_DIR "/feature-no-csum-offload", "1");
    front_sim_set(&sim, BE_DIR "/feature-gso-tcpv4", "1"); /* without sg: no sense */
    front_sim_set(&sim, FE_DIR "/mtu", "9000");
    be("2");
    expect_step(NETVF_FRONT_CONNECTING, 4);
    ck_assert(!netvf_front_link(front)->sg);
    ck_assert(!netvf_front_link(front)->gso_tcpv4);
    ck_assert(!netvf_front_link(front)->csum_blank_ipv4);
    ck_assert_uint_eq(netvf_front_link(front)->mtu, 1500);
    ck_assert_str_eq(front_sim_get(&sim, FE_DIR "/multi-queue-num-queues"), "");
    ck_assert_uint_eq(front_sim_number(&sim, "event-channel"), netvf_front_tx_channel(front, 0));
    ck_assert_uint_eq(netvf_front_tx_channel(front, 0), netvf_front_rx_channel(front, 0));
    ck_assert_uint_eq(sim.live_channels, 1);
}
END_TEST

START_TEST(backend_cannot_copy)
{
    front_sim_offer(&sim, BE_DIR, "1");
    front_sim_set(&sim, BE_DIR "/feature-rx-copy", "0");
    expect_step(-XEN_EOPNOTSUPP, 1);
    ck_assert_uint_eq(sim.live_pages, 0);
    front_sim_set(&sim, BE_DIR "/feature-rx-copy", "1");
    expect_step(NETVF_FRONT_CONNECTING, 4);
}
END_TEST

static const char *const nonsense[][2] = {
    {BE_DIR "/feature-sg", "yes"},
    {BE_DIR "/feature-sg", "2"},
    {BE_DIR "/feature-sg", ""},
    {BE_DIR "/multi-queue-max-queues", "-1"},
    {BE_DIR "/multi-queue-max-queues", "99999999999999999999"},
    {BE_DIR "/multi-queue-max-queues", "65536"},
    {BE_DIR "/state", "9"},
    {BE_DIR "/state", "2 "},
    {FE_DIR "/mac", "00:16:3e:01:02"},
    {FE_DIR "/mac", "00:16:3e:01:02:0g"},
    {FE_DIR "/mac", "00:16:3e:01:02-03"},
    {FE_DIR "/mtu", "70000"},
    {FE_DIR "/backend-id", "32752"},
};

START_TEST(values_without_sense)
{
    front_sim_offer(&sim, BE_DIR, "1");
    front_sim_set(&sim, nonsense[_i][0], nonsense[_i][1]);
    ck_assert_int_eq(netvf_front_step(front), -XEN_EINVAL);
    ck_assert_uint_eq(own(), 1);
    ck_assert_uint_eq(sim.live_pages, 0);
}
END_TEST

/* Pages go back when the backend has let go of them, and not before. */
START_TEST(we_close)
{
    connect_to("1");
    netvf_front_close(front);
    expect_step(NETVF_FRONT_CLOSING, 5);
    ck_assert_ptr_null(netvf_front_link(front));
    ck_assert_int_eq(netvf_front_rx_fill(front, 0), -XEN_ENOTCONN);
    expect_step(NETVF_FRONT_CLOSING, 5);
    be("5");
    expect_step(NETVF_FRONT_CLOSING, 6);
    ck_assert_uint_ne(sim.live_pages, 0);
    be("6");
    expect_step(NETVF_FRONT_DOWN, 6);
    ck_assert_uint_eq(sim.live_pages, 0);
    expect_step(NETVF_FRONT_DOWN, 6);
    netvf_front_open(front);
    expect_step(NETVF_FRONT_WAITING, 1);
    be("2");
    expect_step(NETVF_FRONT_CONNECTING, 4);
    ck_assert_uint_eq(netvf_front_link(front)->generation, 2);
}
END_TEST

/* A driver domain's backend that starts again comes back by itself; one that is taken away does not. */
START_TEST(backend_closes)
{
    connect_to("1");
    be("5");
    expect_step(NETVF_FRONT_CLOSING, 6);
    be("6");
    expect_step(NETVF_FRONT_WAITING, 1);
    ck_assert_uint_eq(sim.live_pages, 0);
    be("2");
    expect_step(NETVF_FRONT_CONNECTING, 4);
    front_sim_set(&sim, BE_DIR "/online", "0");
    be("5");
    expect_step(NETVF_FRONT_CLOSING, 6);
    be("6");
    expect_step(NETVF_FRONT_WAITING, 6);
    front_sim_set(&sim, FE_DIR, NULL);
    front_sim_set(&sim, BE_DIR, NULL);
    ck_assert_int_eq(netvf_front_step(front), NETVF_FRONT_GONE);
    ck_assert_str_eq(front_sim_get(&sim, FE_DIR "/state"), "");
    front_sim_make_vif(&sim, BE_DIR2, "3");
    expect_step(NETVF_FRONT_WAITING, 1);
    ck_assert_str_eq(netvf_front_backend_path(front), BE_DIR2);
}
END_TEST

START_TEST(taken_away_while_connected)
{
    connect_to("1");
    front_sim_set(&sim, FE_DIR, NULL);
    ck_assert_int_eq(netvf_front_step(front), NETVF_FRONT_GONE);
    ck_assert_uint_eq(sim.live_pages, 0);
    ck_assert_str_eq(front_sim_get(&sim, FE_DIR "/state"), "");
}
END_TEST

/* On the other host the toolstack has made both directories; our memory still says Connected. */
START_TEST(migrated)
{
    uint32_t gref;

    connect_to("2");
    gref = front_sim_number(&sim, "queue-0/tx-ring-ref");
    front_sim_set(&sim, FE_DIR, NULL);
    front_sim_set(&sim, BE_DIR, NULL);
    front_sim_make_vif(&sim, BE_DIR2, "3");
    expect_step(NETVF_FRONT_WAITING, 1);
    ck_assert_uint_eq(sim.live_pages, 0);
    front_sim_offer(&sim, BE_DIR2, "1");
    expect_step(NETVF_FRONT_CONNECTING, 4);
    ck_assert_uint_eq(netvf_front_link(front)->generation, 2);
    ck_assert_uint_eq(netvf_front_link(front)->backend, 3);
    ck_assert_uint_ne(front_sim_number(&sim, "tx-ring-ref"), gref);
    ck_assert_uint_eq(sim.granted_to[front_sim_number(&sim, "tx-ring-ref")], 3);
}
END_TEST

/* What the former backend's directory says is nothing to us, wherever we stood with it. */
START_TEST(former_backend_left_noise)
{
    connect_to("1");
    if (_i)
        netvf_front_drop(front);
    front_sim_set(&sim, BE_DIR "/state", "x");
    front_sim_set(&sim, BE_DIR "/online", "maybe");
    front_sim_make_vif(&sim, BE_DIR2, "3");
    ck_assert_int_eq(netvf_front_step(front), _i ? NETVF_FRONT_DOWN : NETVF_FRONT_WAITING);
    netvf_front_open(front);
    front_sim_offer(&sim, BE_DIR2, "1");
    expect_step(NETVF_FRONT_CONNECTING, 4);
    ck_assert_uint_eq(netvf_front_link(front)->backend, 3);
}
END_TEST

/* The same directories, the same domain, only the states are back: a restore on the same host. */
START_TEST(restored)
{
    connect_to("1");
    front_sim_set(&sim, FE_DIR "/state", "1");
    be("2");
    expect_step(NETVF_FRONT_CONNECTING, 4);
    ck_assert_uint_eq(netvf_front_link(front)->generation, 2);
}
END_TEST

START_TEST(predecessor_left_connected)
{
    front_sim_set(&sim, FE_DIR "/state", "4");
    be("4");
    expect_step(NETVF_FRONT_CLOSING, 5);
    be("5");
    expect_step(NETVF_FRONT_CLOSING, 6);
    be("6");
    expect_step(NETVF_FRONT_WAITING, 1);
}
END_TEST

/* A module that was unloaded: Closed, but the backend may still be at it. */
START_TEST(predecessor_left_closed)
{
    front_sim_set(&sim, FE_DIR "/state", "6");
    be("5");
    expect_step(NETVF_FRONT_WAITING, 6);
    be("6");
    expect_step(NETVF_FRONT_WAITING, 1);
}
END_TEST

START_TEST(fault_ends_the_connection)
{
    connect_to("1");
    front_sim_tx(&sim, "")->rsp_prod = 1;
    ck_assert_int_eq(netvf_front_tx_arm(front, 0), -XEN_EBADMSG);
    ck_assert_int_eq(netvf_front_tx_push(front, 0), -XEN_EBADMSG);
    expect_step(NETVF_FRONT_CLOSING, 5);
    ck_assert_ptr_nonnull(netvf_front_fault(front));
    be("6");
    expect_step(NETVF_FRONT_DOWN, 6);
    ck_assert_ptr_nonnull(netvf_front_fault(front));
    be("2");
    expect_step(NETVF_FRONT_DOWN, 6);
    netvf_front_open(front);
    expect_step(NETVF_FRONT_CONNECTING, 4);
    ck_assert_ptr_null(netvf_front_fault(front));
}
END_TEST

/* The word of the end fails: nothing has ended, and where the backend is back by then, nothing does. */
START_TEST(end_that_could_not_be_told)
{
    connect_to("1");
    be("5");
    sim.calls = 0;
    sim.fail_call = 6; /* after the five keys that each step reads */
    expect_step(-XEN_EIO, 4);
    ck_assert_ptr_nonnull(netvf_front_link(front));
    be("4");
    expect_step(NETVF_FRONT_CONNECTED, 4);
    ck_assert_int_eq(netvf_front_rx_arm(front, 0), 0);
    be("5");
    expect_step(NETVF_FRONT_CLOSING, 6);
    ck_assert_ptr_null(netvf_front_link(front));
}
END_TEST

START_TEST(somebody_came_in_between)
{
    front_sim_offer(&sim, BE_DIR, "1");
    sim.interfere = 3;
    expect_step(NETVF_FRONT_CONNECTING, 4);
    be("6");
    front_sim_set(&sim, BE_DIR "/online", "0");
    netvf_front_step(front);
    front_sim_set(&sim, BE_DIR "/online", "1");
    be("2");
    sim.interfere = 100;
    expect_step(-XEN_EAGAIN, 1);
    ck_assert_uint_eq(sim.live_pages, 0);
    sim.interfere = 0;
    expect_step(NETVF_FRONT_CONNECTING, 4);
}
END_TEST

START_TEST(carrier)
{
    connect_to("1");
    front_sim_set(&sim, BE_DIR "/carrier", "0");
    expect_step(NETVF_FRONT_CONNECTED, 4);
    ck_assert(!netvf_front_link(front)->carrier);
    front_sim_set(&sim, BE_DIR "/carrier", "1");
    expect_step(NETVF_FRONT_CONNECTED, 4);
    ck_assert(netvf_front_link(front)->carrier);
}
END_TEST

/* A whole life, with the N-th call into the port failing, for every N that there is. */
START_TEST(any_call_may_fail)
{
    unsigned failures = 0;

    for (unsigned n = 1; failures < n; n++) {
        int r = 0;

        front_sim_set(&sim, FE_DIR, NULL);
        front_sim_set(&sim, BE_DIR, NULL);
        front_sim_make_vif(&sim, BE_DIR, "0");
        front_sim_offer(&sim, BE_DIR, "2");
        make(2);
        sim.calls = 0;
        sim.fail_call = n;
        for (unsigned i = 0; i < 3 && r != NETVF_FRONT_CONNECTING; i++) {
            r = netvf_front_step(front);
            if (r < 0) {
                failures++;
                /* connected or not, and nothing between */
                ck_assert_uint_eq(sim.live_pages, netvf_front_link(front) ? 2 * (2 + BUFFERS) : 0);
                ck_assert_uint_eq(sim.live_channels, netvf_front_link(front) ? 4 : 0);
                ck_assert_int_eq(netvf_front_link(front) != NULL, own() == 4);
                ck_assert(!sim.transaction);
            }
        }
        ck_assert_int_eq(r, NETVF_FRONT_CONNECTING);
        be("4");
        r = netvf_front_step(front);
        failures += r < 0;
        netvf_front_close(front);
        for (unsigned i = 0; i < 8 && r != NETVF_FRONT_DOWN; i++) {
            r = netvf_front_step(front);
            failures += r < 0;
            be(own() == 5 ? "5" : own() == 6 ? "6" : "4");
        }
        ck_assert_int_eq(r, NETVF_FRONT_DOWN);
        ck_assert_uint_eq(sim.live_pages, 0);
        ck_assert_uint_eq(sim.live_channels, 0);
        if (sim.calls < n)
            break; /* it was none of them */
        ck_assert_uint_eq(failures, n);
    }
    ck_assert_uint_gt(failures, 150);
}
END_TEST

START_TEST(bad_configurations)
{
    struct netvf_front_config config = {
        .port = &sim.port, .path = FE_DIR, .queues = 1, .rx_buffers = BUFFERS};
    size_t size = netvf_front_size(2);
    struct netvf_front *made;

    ck_assert_int_eq(netvf_front_init(storage, size, &config, &made), 0);
    ck_assert_int_eq(netvf_front_init(storage, 100, &config, &made), -XEN_EINVAL);
    ck_assert_int_eq(netvf_front_init((char *)storage + 1, size - 1, &config, &made), -XEN_EINVAL);
    config.queues = 0;
    ck_assert_int_eq(netvf_front_init(storage, size, &config, &made), -XEN_EINVAL);
    config.queues = NETVF_FRONT_QUEUES_MAX + 1;
    ck_assert_int_eq(netvf_front_init(storage, SIZE_MAX, &config, &made), -XEN_EINVAL);
    config.queues = 1;
    config.rx_buffers = 18;
    ck_assert_int_eq(netvf_front_init(storage, size, &config, &made), -XEN_EINVAL);
    config.rx_buffers = 257;
    ck_assert_int_eq(netvf_front_init(storage, size, &config, &made), -XEN_EINVAL);
    config.rx_buffers = BUFFERS;
    config.gso_tcpv4 = true;
    ck_assert_int_eq(netvf_front_init(storage, size, &config, &made), -XEN_EINVAL);
    config.gso_tcpv4 = false;
    config.path = "a/path/that/is/longer/than/any/frontend/directory/that/there/will/be";
    ck_assert_int_eq(netvf_front_init(storage, size, &config, &made), -XEN_EINVAL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("front");
    TCase *tc = tcase_create("states");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, by_the_book);
    tcase_add_test(tc, two_queues);
    tcase_add_test(tc, plain_backend);
    tcase_add_test(tc, backend_cannot_copy);
    tcase_add_loop_test(tc, values_without_sense, 0, sizeof nonsense / sizeof nonsense[0]);
    tcase_add_test(tc, we_close);
    tcase_add_test(tc, backend_closes);
    tcase_add_test(tc, taken_away_while_connected);
    tcase_add_test(tc, migrated);
    tcase_add_loop_test(tc, former_backend_left_noise, 0, 2);
    tcase_add_test(tc, restored);
    tcase_add_test(tc, predecessor_left_connected);
    tcase_add_test(tc, predecessor_left_closed);
    tcase_add_test(tc, fault_ends_the_connection);
    tcase_add_test(tc, end_that_could_not_be_told);
    tcase_add_test(tc, somebody_came_in_between);
    tcase_add_test(tc, carrier);
    tcase_add_test(tc, any_call_may_fail);
    tcase_add_test(tc, bad_configurations);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
