/* SPDX-License-Identifier: MIT */
/* What of rtnetlink's news is news: messages made here, in the kernel's form. */
#include <check.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "common/why.h"
#include "unit/runner.h"
#include "vf/links.h"

static struct links *links;

static void setup(void)
{
    struct why why = {""};

    links = links_open(&why);
    ck_assert_msg(links != NULL, "%s", why.text);
}

static void teardown(void)
{
    links_close(links);
}

static bool told(unsigned type, int index, unsigned flags)
{
    struct {
        struct nlmsghdr header;
        struct ifinfomsg info;
    } message;

    memset(&message, 0, sizeof message);
    message.header.nlmsg_len = sizeof message;
    message.header.nlmsg_type = (uint16_t)type;
    message.info.ifi_index = index;
    message.info.ifi_flags = flags;
    return links_take(links, &message, sizeof message);
}

START_TEST(up_down_and_carrier_count)
{
    unsigned up = IFF_UP | IFF_BROADCAST, running = up | IFF_RUNNING | IFF_LOWER_UP;

    ck_assert(told(RTM_NEWLINK, 3, up));  /* never seen before */
    ck_assert(!told(RTM_NEWLINK, 3, up)); /* the address of a VF has been set */
    ck_assert(told(RTM_NEWLINK, 3, running));
    ck_assert(!told(RTM_NEWLINK, 3, running | IFF_PROMISC));
    ck_assert(told(RTM_NEWLINK, 3, IFF_BROADCAST));
    ck_assert(told(RTM_NEWLINK, 4, up));
    ck_assert(!told(RTM_NEWLINK, 3, IFF_BROADCAST));
    ck_assert(told(RTM_DELLINK, 3, 0));
    ck_assert(!told(RTM_NEWLINK, 4, up));
    ck_assert(told(RTM_NEWLINK, 3, IFF_BROADCAST));
}
END_TEST

START_TEST(what_is_no_link_does_not_count)
{
    static const char scraps[] = "no message at all";

    ck_assert(!told(RTM_NEWADDR, 3, IFF_UP));
    ck_assert(!links_take(links, scraps, sizeof scraps));
    ck_assert(!links_take(links, scraps, 0));
}
END_TEST

/* Beyond what is remembered each message counts: a scan too many does no harm. */
START_TEST(many_devices)
{
    for (int i = 1; i <= 300; i++)
        ck_assert(told(RTM_NEWLINK, i, IFF_UP));
    ck_assert(!told(RTM_NEWLINK, 1, IFF_UP));
    ck_assert(told(RTM_NEWLINK, 300, IFF_UP));
}
END_TEST

START_TEST(nothing_to_drain)
{
    ck_assert_int_ge(links_fd(links), 0);
    while (links_drain(links)) /* other devices of this host may be changing */
        ;
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("links");
    TCase *test = tcase_create("links");

    tcase_add_checked_fixture(test, setup, teardown);
    tcase_add_test(test, up_down_and_carrier_count);
    tcase_add_test(test, what_is_no_link_does_not_count);
    tcase_add_test(test, many_devices);
    tcase_add_test(test, nothing_to_drain);
    suite_add_tcase(suite, test);
    return run_suite(suite);
}
