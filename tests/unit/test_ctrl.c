/* SPDX-License-Identifier: MIT */
/* The control ring's protocol: each request has its one answer, whatever is in it, and the ring's own rules. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/ctrl.h"
#include "unit/runner.h"

#define SLOTS        128u /* (4096 - 64) / 16 = 252, rounded down to a power of two */
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

DEFINE_RING_TYPES(ctrl_test, struct xen_netif_ctrl_request, struct xen_netif_ctrl_response);

static uint32_t page[1024];
static ctrl_test_sring_t *const ring = (ctrl_test_sring_t *)page;
static struct ctrl ctrl;
static bool notify;

static void setup(void)
{
    memset(page, 0, sizeof page);
    memset(&ctrl, 0, sizeof ctrl);
    notify = false;
    ctrl_attach(&ctrl, page);
}

static void push(unsigned id, unsigned type, uint32_t a, uint32_t b, uint32_t c)
{
    ring->ring[ring->req_prod++ % SLOTS].req = (struct xen_netif_ctrl_request){
        .id = (uint16_t)id, .type = (uint16_t)type, .data = {a, b, c}};
}

static const struct xen_netif_ctrl_response *response(unsigned index)
{
    return &ring->ring[index % SLOTS].rsp;
}

enum { OK, NOT_SUPPORTED, INVALID, OVERFLOW };

static const struct {
    unsigned type;
    uint32_t data[3];
    uint32_t status;
} answers[] = {
    {7, {0, 0, 0}, OK}, /* no hashing: so it is */
    {7, {1, 0, 0}, INVALID},
    {7, {2, 0, 0}, INVALID},
    {7, {UINT32_MAX, 0, 0}, INVALID},
    {7, {0, 9, 9}, OK}, /* what has no meaning is not looked at */
    /* All else needs an algorithm. */
    {1, {0, 0, 0}, NOT_SUPPORTED},
    {2, {0, 0, 0}, NOT_SUPPORTED},
    {2, {15, 0, 0}, NOT_SUPPORTED},
    {2, {UINT32_MAX, 0, 0}, NOT_SUPPORTED},
    {3, {8, 40, 0}, NOT_SUPPORTED},
    {3, {UINT32_MAX, UINT32_MAX, 0}, NOT_SUPPORTED},
    {3, {8, 0, 0}, NOT_SUPPORTED},
    {4, {0, 0, 0}, NOT_SUPPORTED},
    {5, {128, 0, 0}, NOT_SUPPORTED},
    {5, {0, 0, 0}, NOT_SUPPORTED},
    {6, {8, 128, 0}, NOT_SUPPORTED},
    {6, {8, UINT32_MAX, UINT32_MAX}, NOT_SUPPORTED}, /* XSA-270: a sum that wraps */
    /* Static grants, and what nobody has thought of yet. */
    {8, {0, 0, 0}, NOT_SUPPORTED},
    {9, {0, 8, 512}, NOT_SUPPORTED},
    {10, {0, 8, 512}, NOT_SUPPORTED},
    {0, {0, 0, 0}, NOT_SUPPORTED},
    {11, {0, 0, 0}, NOT_SUPPORTED},
    {0xffff, {0, 0, 0}, NOT_SUPPORTED},
};

START_TEST(each_type)
{
    push(0xbeef, answers[_i].type, answers[_i].data[0], answers[_i].data[1], answers[_i].data[2]);
    ck_assert_int_eq(ctrl_serve(&ctrl, SLOTS, &notify), 1);
    ck_assert_uint_eq(ring->rsp_prod, 1);
    ck_assert_uint_eq(response(0)->id, 0xbeef);
    ck_assert_uint_eq(response(0)->type, answers[_i].type);
    ck_assert_uint_eq(response(0)->status, answers[_i].status);
    ck_assert_uint_eq(response(0)->data, 0);
}
END_TEST

/* As xenvif does it: it asks for Toeplitz, and when that is refused goes back to none. */
START_TEST(refusal_leaves_nothing_behind)
{
    push(1, XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM, XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ, 0, 0);
    push(2, XEN_NETIF_CTRL_TYPE_GET_HASH_FLAGS, 0, 0, 0);
    push(3, XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM, XEN_NETIF_CTRL_HASH_ALGORITHM_NONE, 0, 0);
    push(4, XEN_NETIF_CTRL_TYPE_GET_HASH_FLAGS, 0, 0, 0);
    ck_assert_int_eq(ctrl_serve(&ctrl, SLOTS, &notify), 4);
    ck_assert_uint_eq(response(1)->status, NOT_SUPPORTED);
    ck_assert_uint_eq(response(2)->status, OK);
    ck_assert_uint_eq(response(3)->status, NOT_SUPPORTED);
}
END_TEST

/* Worked out by hand from netif.h: a response has 12 bytes of its slot's 16, and nothing of ours gets into the rest. */
START_TEST(bytes_of_a_response)
{
    static const uint8_t bytes[16] = {
        0x34, 0x12, 0x06, 0x00, 0x01, 0, 0, 0, 0, 0, 0, 0, 0xa5, 0xa5, 0xa5, 0xa5,
    };

    push(0x1234, XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING, UINT32_MAX, UINT32_MAX, 0xa5a5a5a5);
    ck_assert_int_eq(ctrl_serve(&ctrl, SLOTS, &notify), 1);
    ck_assert_mem_eq((const uint8_t *)page + 64, bytes, sizeof bytes);
}
END_TEST

START_TEST(full_ring)
{
    for (unsigned i = 0; i < SLOTS; i++)
        push(i, i, 0, 0, 0);
    ck_assert_int_eq(ctrl_serve(&ctrl, 16, &notify), 16);
    ck_assert_uint_eq(ring->rsp_prod, 16);
    ck_assert_int_eq(ctrl_serve(&ctrl, SLOTS, &notify), SLOTS - 16);
    for (unsigned i = 0; i < SLOTS; i++) {
        ck_assert_uint_eq(response(i)->id, i);
        ck_assert_uint_eq(response(i)->type, i);
    }
    ck_assert_int_eq(ctrl_serve(&ctrl, SLOTS, &notify), 0);
}
END_TEST

/* The last slot that fits is the page's 508 bytes before its end; the 129th request would lie beyond. */
START_TEST(more_than_it_has_slots)
{
    ring->req_prod = SLOTS + 1 + (uint32_t)_i * 1000;
    ck_assert_int_eq(ctrl_serve(&ctrl, SLOTS, &notify), -1);
    ck_assert_ptr_nonnull(strstr(ctrl.fault, "control ring claims more"));
    ck_assert_uint_eq(ring->rsp_prod, 0);
    ck_assert(!notify);
}
END_TEST

START_TEST(going_backwards)
{
    push(0, 1, 0, 0, 0);
    push(1, 1, 0, 0, 0);
    ck_assert_int_eq(ctrl_serve(&ctrl, SLOTS, &notify), 2);
    ring->req_prod = 1;
    ck_assert_int_eq(ctrl_serve(&ctrl, SLOTS, &notify), -1);
}
END_TEST

/* What the guest writes over rsp_prod does not change what we know. */
START_TEST(taken_up_where_it_was_left)
{
    ring->rsp_prod = ring->req_prod = UINT32_MAX - 1;
    ctrl_attach(&ctrl, page);
    for (unsigned i = 0; i < 4; i++)
        push(i, 7, 0, 0, 0);
    ring->rsp_prod = 77;
    ck_assert_int_eq(ctrl_serve(&ctrl, SLOTS, &notify), 4);
    ck_assert_uint_eq(ring->rsp_prod, 2);
    ck_assert_uint_eq(response(UINT32_MAX - 1)->id, 0);
    ck_assert_uint_eq(response(1)->id, 3);
}
END_TEST

START_TEST(event_only_if_asked_for)
{
    ring->rsp_event = 2;
    push(0, 7, 0, 0, 0);
    ctrl_serve(&ctrl, SLOTS, &notify);
    ck_assert(!notify);
    push(1, 7, 0, 0, 0);
    ctrl_serve(&ctrl, SLOTS, &notify);
    ck_assert(notify);
}
END_TEST

/* All that may stand in a request. */
START_TEST(any_bytes)
{
    uint64_t random = 0x9e3779b97f4a7c15u;

    for (unsigned i = 0; i < 20000; i++) {
        struct xen_netif_ctrl_request request;
        struct xen_netif_ctrl_response answer;
        uint8_t bytes[sizeof request] = {0};

        for (unsigned k = 0; k < sizeof bytes; k++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            bytes[k] = (uint8_t)(random >> 56);
        }
        memcpy(&request, bytes, sizeof request);
        if (i % 2)
            request.type %= 16;
        ctrl_answer(&ctrl, &request, &answer);
        ck_assert_uint_eq(answer.id, request.id);
        ck_assert_uint_eq(answer.type, request.type);
        ck_assert_uint_le(answer.status, XEN_NETIF_CTRL_STATUS_BUFFER_OVERFLOW);
        ck_assert_uint_eq(answer.data, 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctrl");
    TCase *test = tcase_create("ctrl");

    tcase_add_checked_fixture(test, setup, NULL);
    tcase_add_loop_test(test, each_type, 0, (int)COUNT(answers));
    tcase_add_test(test, refusal_leaves_nothing_behind);
    tcase_add_test(test, bytes_of_a_response);
    tcase_add_test(test, full_ring);
    tcase_add_loop_test(test, more_than_it_has_slots, 0, 2);
    tcase_add_test(test, going_backwards);
    tcase_add_test(test, taken_up_where_it_was_left);
    tcase_add_test(test, event_only_if_asked_for);
    tcase_add_test(test, any_bytes);
    suite_add_tcase(suite, test);
    return run_suite(suite);
}
