/* SPDX-License-Identifier: MIT */
/* Requests about a PF's VFs to a kernel whose device has none: what is refused is told by name. The loopback device is
 * there everywhere, and nothing of it changes. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/why.h"
#include "unit/runner.h"
#include "vf/netlink.h"

static const uint8_t mac[6] = {0x00, 0x16, 0x3e, 0x01, 0x02, 0x03};
static struct why why;

START_TEST(no_such_device)
{
    ck_assert_int_eq(netlink_vf_set_up("netvf-none", 0, mac, 0, &why), -1);
    ck_assert_str_eq(why.text, "there is no network device netvf-none");
    ck_assert_int_eq(netlink_vf_clear("netvf-none", 0, &why), -1);
}
END_TEST

START_TEST(device_without_vfs)
{
    ck_assert_int_eq(netlink_vf_set_up("lo", 3, mac, 0, &why), -1);
    ck_assert_msg(strncmp(why.text, "PF lo refuses to set ", 21) == 0, "%s", why.text);
    ck_assert_ptr_nonnull(strstr(why.text, "VF 3"));
    /* With a VLAN to be set nothing goes on without it. */
    ck_assert_int_eq(netlink_vf_set_up("lo", 3, mac, 7, &why), -1);
    ck_assert_ptr_nonnull(strstr(why.text, "the port VLAN"));
    ck_assert_int_eq(netlink_vf_clear("lo", 3, &why), -1);
    ck_assert_ptr_nonnull(strstr(why.text, "the MAC address"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("netlink");
    TCase *test = tcase_create("netlink");

    tcase_add_test(test, no_such_device);
    tcase_add_test(test, device_without_vfs);
    suite_add_tcase(suite, test);
    return run_suite(suite);
}
