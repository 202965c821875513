/* SPDX-License-Identifier: MIT */
/* The send side against a guest and a VF in memory: what does not leave, because an honest guest has got it wrong, a
 * hostile one tries it, or a call fails. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/tx_slots.h"
#include "unit/runner.h"
#include "unit/tx_world.h"

static const struct {
    uint8_t tag[4];
    bool port_vlan, passes;
} tags[] = {
    {{0x81, 0x00, 0x00, 0x0a}, false, false}, {{0x81, 0x00, 0x0f, 0xff}, false, false},
    {{0x81, 0x00, 0x01, 0x00}, false, false}, {{0x81, 0x00, 0xe0, 0x00}, false, true},
    {{0x81, 0x00, 0xe0, 0x00}, true, false},  {{0x81, 0x00, 0x00, 0x0a}, true, false},
    {{0x88, 0xa8, 0x00, 0x0a}, true, true}, /* to the VF it is payload of the port's VLAN */
    {{0x08, 0x00, 0x45, 0x00}, true, true},
};

START_TEST(vlan_tags)
{
    memcpy(sim_bytes(&sim, push_simple(1, 400, 0)) + 12, tags[_i].tag, 4);
    tx.port_vlan = tags[_i].port_vlan;
    ck_assert_int_eq(tx_take(&tx), 1);
    ck_assert_uint_eq(tx.counters.packets, tags[_i].passes);
    ck_assert_uint_eq(tx.counters.spoofed, !tags[_i].passes);
}
END_TEST

/* On a trunk its VLANs pass, whatever their priority and whatever is inside, and no others. */
static const struct {
    uint8_t bytes[6];
    bool passes;
} trunk_tags[] = {
    {{0x81, 0x00, 0x00, 0x0a, 0x08, 0x00}, true},  {{0x81, 0x00, 0xb0, 0x0a, 0x08, 0x00}, true},
    {{0x81, 0x00, 0x0f, 0xfe, 0x08, 0x00}, true},  {{0x81, 0x00, 0xe0, 0x00, 0x08, 0x00}, true},
    {{0x81, 0x00, 0x00, 0x0b, 0x08, 0x00}, false}, {{0x81, 0x00, 0x01, 0x0a, 0x08, 0x00}, false},
    {{0x81, 0x00, 0x0f, 0xff, 0x08, 0x00}, false}, {{0x81, 0x00, 0x00, 0x0a, 0x81, 0x00}, true},
    {{0x81, 0x00, 0x00, 0x0b, 0x81, 0x00}, false}, {{0x08, 0x00, 0x45, 0x00, 0x00, 0x00}, true},
};

START_TEST(tags_of_a_trunk)
{
    memcpy(sim_bytes(&sim, push_simple(1, 400, 0)) + 12, trunk_tags[_i].bytes, 6);
    sim.vf.trunk = (struct vf_trunk){2, {10, 4094}};
    ck_assert_int_eq(tx_take(&tx), 1);
    ck_assert_uint_eq(tx.counters.packets, trunk_tags[_i].passes);
    ck_assert_uint_eq(tx.counters.spoofed, !trunk_tags[_i].passes);
}
END_TEST

/* The VF would pad it, and find a tag. */
START_TEST(cut_tag)
{
    sim_bytes(&sim, push_simple(1, 15, 0))[12] = 0x81;
    sim.vf.trunk = (struct vf_trunk){1, {10}};
    ck_assert_int_eq(tx_take(&tx), 1);
    ck_assert_uint_eq(tx.counters.spoofed, 1);
}
END_TEST

/* Frames that are answered with an error and not sent; the vif lives on. */
START_TEST(refused_frames)
{
    uint32_t good = sim_grant(&sim, true), spoofed = sim_grant(&sim, true);
    uint32_t udp = sim_grant(&sim, true);

    fill_tcp(sim_bytes(&sim, good), 2000);
    fill_tcp(sim_bytes(&sim, spoofed), 100);
    sim_bytes(&sim, spoofed)[11] ^= 1;
    fill_tcp(sim_bytes(&sim, udp), 100);
    sim_bytes(&sim, udp)[23] = 47; /* GRE: nothing that could be summed */
    sim_push_tx(&sim, spoofed, 0, 0, 0, 100);
    sim_push_tx(&sim, 12345, 0, 0, 1, 100);               /* no such reference */
    sim_push_tx(&sim, good, 0, 0, 2, 13);                 /* no Ethernet header */
    sim_push_tx(&sim, good, 0, 0, 3, 1600);               /* too long */
    sim_push_tx(&sim, udp, 0, NETTXF_csum_blank, 4, 100); /* nothing to sum */
    sim_push_tx(&sim, good, 0, NETTXF_more_data, 5, 100); /* parts exceed the whole */
    sim_push_tx(&sim, good, 0, 0, 6, 200);
    sim_push_tx(&sim, good, 0, NETTXF_extra_info | NETTXF_csum_blank, 7, 1400);
    push_gso(TX_MSS_MIN - 1, XEN_NETIF_GSO_TYPE_TCPV4);
    sim_push_tx(&sim, good, 0, NETTXF_extra_info | NETTXF_csum_blank, 8, 2000);
    push_gso(9000, XEN_NETIF_GSO_TYPE_TCPV4);
    ck_assert_int_eq(tx_take(&tx), 8);
    ck_assert_ptr_null(tx.fault);
    ck_assert_uint_eq(sim.tx_posted, 0);
    ck_assert_int_eq(tx_complete(&tx, 1, &notify), 11);
    ck_assert_uint_eq(sim.live_pins, 0);
    for (unsigned i = 0; i < 8; i++)
        expect_response(i, i, NETIF_RSP_ERROR);
    ck_assert_int_eq(sim_tx_response(&sim, 8)->status, NETIF_RSP_NULL);
    ck_assert_uint_eq(tx.counters.dropped, 8);
    ck_assert_uint_eq(tx.counters.spoofed, 1);
    push_simple(50, 500, 0);
    ck_assert_int_eq(tx_take(&tx), 1);
    ck_assert_uint_eq(sim_send(&sim, 1), 1);
}
END_TEST

/* 18 slots are the limit, 19 a mistake, 20 an attack. */
static void push_slots(unsigned slots)
{
    uint32_t gref = sim_grant(&sim, true);

    fill_tcp(sim_bytes(&sim, gref), 4096);
    sim_push_tx(&sim, gref, 0, slots > 1 ? NETTXF_more_data : 0, 0, 400 + slots - 1);
    for (unsigned i = 1; i < slots; i++)
        sim_push_tx(&sim, gref, 399 + i, i < slots - 1 ? NETTXF_more_data : 0, i, 1);
}

START_TEST(slot_limits)
{
    push_slots(18);
    ck_assert_int_eq(tx_take(&tx), 1);
    ck_assert_uint_eq(sim.tx_posted, 1);
    push_slots(19);
    ck_assert_int_eq(tx_take(&tx), 1);
    ck_assert_uint_eq(sim.tx_posted, 1);
    ck_assert_uint_eq(tx.counters.dropped, 1);
    push_slots(20);
    ck_assert_int_eq(tx_take(&tx), -1);
    ck_assert_ptr_nonnull(tx.fault);
}
END_TEST

/* Each of these ends the vif: no frontend does it by mistake. */
START_TEST(guest_faults)
{
    uint32_t gref = sim_grant(&sim, true);
    netif_extra_info_t extra = {.type = XEN_NETIF_EXTRA_TYPE_MAX};

    switch (_i) {
    case 0: /* XSA-39: more requests than slots */
        sim.tx_ring->req_prod = 257;
        break;
    case 1: /* moving backwards */
        sim.tx_ring->req_prod = (uint32_t)-1;
        break;
    case 2: /* across the page's end */
        sim_push_tx(&sim, gref, 4000, 0, 0, 97);
        break;
    case 3: /* offset beyond the page, with a sum that wraps in 16 bits */
        sim_push_tx(&sim, gref, 0xffff, 0, 0, 100);
        break;
    case 4: /* a later part across the page's end */
        sim_push_tx(&sim, gref, 0, NETTXF_more_data, 0, 1000);
        sim_push_tx(&sim, gref, 4090, 0, 0, 7);
        break;
    case 5: /* a chain that leads nowhere */
        sim_push_tx(&sim, gref, 0, NETTXF_more_data, 0, 1000);
        break;
    case 6: /* an extra that is not there */
        sim_push_tx(&sim, gref, 0, NETTXF_extra_info, 0, 1000);
        break;
    case 7: /* an extra of no type */
        sim_push_tx(&sim, gref, 0, NETTXF_extra_info, 0, 1000);
        sim_push_extra(&sim, &extra);
        break;
    case 8: /* GSO without a size */
        sim_push_tx(&sim, gref, 0, NETTXF_extra_info, 0, 1000);
        push_gso(0, XEN_NETIF_GSO_TYPE_TCPV4);
        break;
    case 9: /* GSO of a type that does not exist */
        sim_push_tx(&sim, gref, 0, NETTXF_extra_info, 0, 1000);
        push_gso(1000, 3);
        break;
    case 10: /* GSO of a type that was not offered */
        sim.vf_ops.offloads.tso_ipv6 = false;
        sim_push_tx(&sim, gref, 0, NETTXF_extra_info, 0, 1000);
        push_gso(1000, XEN_NETIF_GSO_TYPE_TCPV6);
        break;
    }
    ck_assert_int_eq(tx_take(&tx), -1);
    ck_assert_ptr_nonnull(tx.fault);
    ck_assert_uint_eq(sim.tx_posted, 0);
    ck_assert_int_eq(tx_abandon(&tx), 0);
}
END_TEST

/* Whatever call fails, nothing stays pinned and nothing is answered that is not released. */
START_TEST(failing_calls)
{
    for (unsigned n = 1; n <= 4; n++) {
        int taken, completed = 0;

        sim_close(&sim);
        tx_setup();
        push_simple(0, 1000, 0);
        push_simple(1, 1000, 0);
        sim.fail_call = n;
        taken = tx_take(&tx);
        if (taken >= 0) {
            sim_send(&sim, 2);
            completed = tx_complete(&tx, 1, &notify);
        }
        if (n <= 3) {
            ck_assert(taken < 0 || completed < 0);
            ck_assert_uint_eq(sim.tx_ring->rsp_prod, 0);
        }
        sim.fail_call = 0;
        ck_assert_int_eq(tx_abandon(&tx), 0);
        ck_assert_uint_eq(sim.live_pins,
                          n == 3 ? 2 : 0); /* Xen refused these two: journaled, not tried again */
        ck_assert_uint_eq(sim.stray, 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tx_refused");
    TCase *tcase = tcase_create("tx");

    tcase_add_checked_fixture(tcase, tx_setup, tx_teardown);
    tcase_add_loop_test(tcase, vlan_tags, 0, (int)(sizeof tags / sizeof tags[0]));
    tcase_add_loop_test(tcase, tags_of_a_trunk, 0, (int)(sizeof trunk_tags / sizeof trunk_tags[0]));
    tcase_add_test(tcase, cut_tag);
    tcase_add_test(tcase, refused_frames);
    tcase_add_test(tcase, slot_limits);
    tcase_add_loop_test(tcase, guest_faults, 0, 11);
    tcase_add_test(tcase, failing_calls);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
