/* SPDX-License-Identifier: MIT */
/* The frontend's window against any backend: what is asked, in which order, and what each answer makes of it. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <xen/errno.h>

#include "sim/front_sim.h"
#include "unit/runner.h"

#define BUFFERS 32u
#define POOL    8u

DEFINE_RING_TYPES(ctrl_test, struct xen_netif_ctrl_request, struct xen_netif_ctrl_response);

enum { OK, NOT_SUPPORTED, INVALID, OVERFLOW };

static struct front_sim fs;
static struct netvf_front *front;
static void *storage;
static ctrl_test_sring_t *ring;
static struct netvf_front_page pool[2][POOL];
static unsigned answered;

static void open_front(unsigned queues, unsigned window, const char *offered)
{
    const struct netvf_front_config config = {
        .port = &fs.port,
        .path = FE_DIR,
        .queues = (uint16_t)queues,
        .rx_buffers = BUFFERS,
        .sg = true,
        .window = (uint16_t)window,
    };

    answered = 0;
    front_sim_open(&fs);
    front_sim_make_vif(&fs, BE_DIR, "0");
    front_sim_offer(&fs, BE_DIR, "2");
    front_sim_set(&fs, BE_DIR "/feature-ctrl-ring", offered);
    storage = malloc(netvf_front_size(queues));
    ck_assert_int_eq(netvf_front_init(storage, netvf_front_size(queues), &config, &front), 0);
    ck_assert_int_eq(netvf_front_step(front), NETVF_FRONT_CONNECTING);
    ring = (ctrl_test_sring_t *)fs.pages[front_sim_number(&fs, "ctrl-ring-ref")];
}

/* Nothing is asked before both ends are connected. */
static void connect_front(void)
{
    ck_assert_uint_eq(ring->req_prod, 0);
    front_sim_set(&fs, BE_DIR "/state", "4");
    ck_assert_int_eq(netvf_front_step(front), NETVF_FRONT_CONNECTED);
}

static void setup(void)
{
    open_front(1, 512, "1");
    connect_front();
}

static void close_front(void)
{
    netvf_front_drop(front);
    ck_assert_uint_eq(fs.live_channels, 0);
    front_sim_close(&fs);
    free(storage);
}

static void lend(unsigned queue)
{
    ck_assert_int_eq(fs.port.share(&fs.port, 0, true, pool[queue], POOL), 0);
    ck_assert_int_eq(netvf_front_window_add(front, queue, pool[queue], POOL), 0);
}

static const struct xen_netif_gref *list(const struct xen_netif_ctrl_request *request)
{
    return (const struct xen_netif_gref *)fs.pages[request->data[1]];
}

/* The request that is out. */
static struct xen_netif_ctrl_request asked(unsigned type, unsigned queue)
{
    struct xen_netif_ctrl_request request = ring->ring[answered % 128].req;

    ck_assert_uint_eq(ring->req_prod, answered + 1);
    ck_assert_uint_eq(request.type, type);
    ck_assert_uint_eq(request.data[0], queue);
    return request;
}

static int answer(uint32_t status, uint32_t data)
{
    struct xen_netif_ctrl_request request = ring->ring[answered % 128].req;

    ck_assert(!netvf_front_ctrl_waiting(front));
    ring->ring[answered++ % 128].rsp = (struct xen_netif_ctrl_response){
        .id = request.id, .type = request.type, .status = status, .data = data};
    ring->rsp_prod = answered;
    ck_assert(netvf_front_ctrl_waiting(front));
    return netvf_front_step(front);
}

static void nothing_asked(void)
{
    ck_assert_uint_eq(ring->req_prod, answered);
    ck_assert(!netvf_front_ctrl_waiting(front));
}

START_TEST(all_that_is_wanted)
{
    struct xen_netif_ctrl_request request = asked(XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE, 0);

    ck_assert_uint_eq(fs.notified[netvf_front_ctrl_channel(front)], 1);
    ck_assert_uint_eq(front_sim_number(&fs, "event-channel-ctrl"), netvf_front_ctrl_channel(front));
    lend(0);
    answer(OK, 448);
    request = asked(XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING, 0);
    ck_assert_uint_eq(request.data[2], BUFFERS);
    for (unsigned i = 0; i < BUFFERS; i++)
        ck_assert_uint_eq(list(&request)[i].flags, 0);
    ck_assert_uint_eq(fs.granted_to[list(&request)[5].ref], 0);
    ck_assert_uint_eq(netvf_front_window_pages(front, 0), 0);
    answer(OK, 0);
    ck_assert_uint_eq(netvf_front_window_pages(front, 0), BUFFERS);
    request = asked(XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING, 0);
    ck_assert_uint_eq(request.data[2], POOL);
    for (unsigned i = 0; i < POOL; i++) {
        ck_assert_uint_eq(list(&request)[i].ref, pool[0][i].gref);
        ck_assert_uint_eq(list(&request)[i].flags, XEN_NETIF_CTRLF_GREF_readonly);
    }
    answer(OK, 0);
    ck_assert_uint_eq(netvf_front_window_pages(front, 0), BUFFERS + POOL);
    nothing_asked();
}
END_TEST

/* The pages to send from may come late. */
START_TEST(lent_later)
{
    answer(OK, 448);
    answer(OK, 0);
    nothing_asked();
    lend(0);
    netvf_front_step(front);
    asked(XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING, 0);
}
END_TEST

/* As much as there is: fewer buffers, or fewer pages to send from. */
START_TEST(less_than_is_wanted)
{
    static const unsigned most[] = {1, BUFFERS - 1, BUFFERS, BUFFERS + 3, BUFFERS + POOL};

    lend(0);
    answer(OK, most[_i]);
    ck_assert_uint_eq(asked(XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING, 0).data[2],
                      most[_i] < BUFFERS ? most[_i] : BUFFERS);
    answer(OK, 0);
    if (most[_i] > BUFFERS) {
        ck_assert_uint_eq(asked(XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING, 0).data[2],
                          most[_i] - BUFFERS);
        answer(OK, 0);
    }
    nothing_asked();
    ck_assert_uint_eq(netvf_front_window_pages(front, 0), most[_i]);
}
END_TEST

/* At each request: then that is all, and the vif is as it was. */
START_TEST(refused)
{
    uint32_t status = NOT_SUPPORTED + (uint32_t)_i % 3;
    unsigned at = (unsigned)_i / 3;

    lend(0);
    for (unsigned i = 0; i < at; i++)
        answer(OK, 448);
    ck_assert_int_eq(answer(status, 448), NETVF_FRONT_CONNECTED);
    nothing_asked();
    ck_assert_uint_eq(netvf_front_window_pages(front, 0), at == 2 ? BUFFERS : 0);
    ck_assert_ptr_null(netvf_front_fault(front));
}
END_TEST

START_TEST(nothing_to_be_had)
{
    ck_assert_int_eq(answer(OK, 0), NETVF_FRONT_CONNECTED);
    nothing_asked();
}
END_TEST

/* What no backend by the book answers. */
START_TEST(breaks_the_protocol)
{
    struct xen_netif_ctrl_response *response = &ring->ring[0].rsp;
    struct xen_netif_ctrl_request request = asked(8, 0);

    *response = (struct xen_netif_ctrl_response){.id = request.id, .type = request.type, .data = 9};
    response->id = (uint16_t)(response->id + (_i == 0));
    response->type = (uint16_t)(response->type + (_i == 1));
    ring->rsp_prod = _i == 2 ? 2 : _i == 3 ? UINT32_MAX : 1;
    ck_assert_int_eq(netvf_front_step(front), NETVF_FRONT_CLOSING);
    ck_assert_ptr_nonnull(netvf_front_fault(front));
    ck_assert_uint_eq(front_sim_number(&fs, "state"), 5);
    front_sim_set(&fs, BE_DIR "/state", "6");
    ck_assert_int_eq(netvf_front_step(front), NETVF_FRONT_DOWN);
    ck_assert_uint_eq(fs.live_pages, 0);
}
END_TEST

/* A queue after the other. */
START_TEST(two_queues)
{
    open_front(2, 20, "1");
    connect_front();
    lend(0);
    lend(1);
    for (unsigned queue = 0; queue < 2; queue++) {
        asked(XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE, queue);
        answer(OK, 448);
        ck_assert_uint_eq(asked(XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING, queue).data[2], 20);
        answer(OK, 0);
        ck_assert_uint_eq(netvf_front_window_pages(front, queue), 20);
    }
    nothing_asked();
}
END_TEST

/* Not offered, or not wanted: no ring, no keys. */
START_TEST(without)
{
    open_front(1, _i ? 100 : 0, _i ? "0" : "1");
    ck_assert_str_eq(front_sim_get(&fs, FE_DIR "/ctrl-ring-ref"), "");
    ck_assert_str_eq(front_sim_get(&fs, FE_DIR "/event-channel-ctrl"), "");
    ck_assert_uint_eq(netvf_front_ctrl_channel(front), 0);
    front_sim_set(&fs, BE_DIR "/state", "4");
    ck_assert_int_eq(netvf_front_step(front), NETVF_FRONT_CONNECTED);
    lend(0);
    ck_assert_int_eq(netvf_front_step(front), NETVF_FRONT_CONNECTED);
    netvf_front_close(front);
    ck_assert_int_eq(netvf_front_step(front), NETVF_FRONT_CLOSING);
    ck_assert_uint_eq(front_sim_number(&fs, "state"), 5);
}
END_TEST

static void fill_window(void)
{
    lend(0);
    answer(OK, 448);
    answer(OK, 0);
    answer(OK, 0);
}

/* Whatever comes of the removal, the close goes on; and it does when nothing comes. */
START_TEST(closing)
{
    struct xen_netif_ctrl_request request;
    struct xen_netif_gref *entries;

    fill_window();
    netvf_front_close(front);
    ck_assert_int_eq(netvf_front_step(front), NETVF_FRONT_CLOSING);
    request = asked(XEN_NETIF_CTRL_TYPE_DEL_GREF_MAPPING, 0);
    ck_assert_uint_eq(request.data[2], POOL);
    ck_assert_uint_eq(front_sim_number(&fs, "state"), 4);
    entries = (struct xen_netif_gref *)fs.pages[request.data[1]];
    for (unsigned i = 0; i < POOL; i++)
        entries[i].status = _i == 1 ? OK : INVALID;
    if (_i < 2)
        answer(OK, UINT32_MAX);
    else if (_i == 2)
        answer(INVALID, 0);
    else
        for (unsigned i = 0; i < 8; i++)
            netvf_front_step(front);
    ck_assert_uint_eq(front_sim_number(&fs, "state"), 5);
    front_sim_set(&fs, BE_DIR "/state", "6");
    ck_assert_int_eq(netvf_front_step(front), NETVF_FRONT_DOWN);
    ck_assert_uint_eq(fs.live_pages, POOL);
}
END_TEST

/* A connection that is made anew, as after a migration, asks for its window anew, with pages of its own. */
START_TEST(made_anew)
{
    fill_window();
    front_sim_make_vif(&fs, BE_DIR2, "3");
    front_sim_offer(&fs, BE_DIR2, "1");
    front_sim_set(&fs, BE_DIR2 "/feature-ctrl-ring", "1");
    ck_assert_int_eq(netvf_front_step(front), NETVF_FRONT_CONNECTING);
    ck_assert_uint_eq(netvf_front_window_pages(front, 0), 0);
    ring = (ctrl_test_sring_t *)fs.pages[front_sim_number(&fs, "ctrl-ring-ref")];
    answered = 0;
    ck_assert_uint_eq(ring->req_prod, 0);
    front_sim_set(&fs, BE_DIR2 "/state", "4");
    ck_assert_int_eq(netvf_front_step(front), NETVF_FRONT_CONNECTED);
    lend(0);
    answer(OK, 448);
    ck_assert_uint_eq(fs.granted_to[list(&ring->ring[1].req)[0].ref], 3);
    answer(OK, 0);
    answer(OK, 0);
    ck_assert_uint_eq(netvf_front_window_pages(front, 0), BUFFERS + POOL);
}
END_TEST

/* Each call into the port fails once, on the way up. */
START_TEST(calls_fail)
{
    const struct netvf_front_config config = {.port = &fs.port,
                                              .path = FE_DIR,
                                              .queues = 1,
                                              .rx_buffers = BUFFERS,
                                              .sg = true,
                                              .window = 64};
    int r;

    front_sim_open(&fs);
    front_sim_make_vif(&fs, BE_DIR, "0");
    front_sim_offer(&fs, BE_DIR, "1");
    front_sim_set(&fs, BE_DIR "/feature-ctrl-ring", "1");
    storage = malloc(netvf_front_size(1));
    ck_assert_int_eq(netvf_front_init(storage, netvf_front_size(1), &config, &front), 0);
    fs.fail_call = (unsigned)_i;
    r = netvf_front_step(front);
    if (r < 0)
        ck_assert_uint_eq(fs.live_pages + fs.live_channels, 0);
    fs.fail_call = 0;
    ck_assert_int_eq(netvf_front_step(front), NETVF_FRONT_CONNECTING);
    ck_assert_uint_ne(netvf_front_ctrl_channel(front), 0);
}
END_TEST

/* A page of the window is written to, with what is in it, before its frame is handed out. */
START_TEST(handed_out_after_a_write)
{
    struct netvf_front_rx_frame frame;
    netif_rx_sring_t *rx;
    uint8_t *bytes;

    fill_window();
    rx = front_sim_rx(&fs, "");
    bytes = fs.pages[rx->ring[0].req.gref];
    memset(bytes, 0x5a, 60);
    rx->ring[0].rsp = (netif_rx_response_t){.status = 60};
    rx->rsp_prod = 1;
    ck_assert_int_eq(netvf_front_rx(front, 0, &frame), 1);
    ck_assert_ptr_eq(frame.parts[0].bytes, bytes);
    ck_assert_uint_eq(bytes[0], 0x5a);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("front_window");
    TCase *tc = tcase_create("window"), *bare = tcase_create("bare");

    tcase_add_checked_fixture(tc, setup, close_front);
    tcase_add_test(tc, all_that_is_wanted);
    tcase_add_test(tc, lent_later);
    tcase_add_loop_test(tc, less_than_is_wanted, 0, 5);
    tcase_add_loop_test(tc, refused, 0, 9);
    tcase_add_test(tc, nothing_to_be_had);
    tcase_add_loop_test(tc, breaks_the_protocol, 0, 4);
    tcase_add_loop_test(tc, closing, 0, 4);
    tcase_add_test(tc, made_anew);
    tcase_add_test(tc, handed_out_after_a_write);
    suite_add_tcase(suite, tc);
    tcase_add_checked_fixture(bare, NULL, close_front);
    tcase_add_test(bare, two_queues);
    tcase_add_loop_test(bare, without, 0, 2);
    tcase_add_loop_test(bare, calls_fail, 1, 100);
    suite_add_tcase(suite, bare);
    return run_suite(suite);
}
