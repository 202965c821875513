/* SPDX-License-Identifier: MIT */
/* A vif that is asked to take another way to its guest's memory, and goes over while the guest stays connected. */
#include "unit/vif_world.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SET(way) "{\"call\":\"set\",\"dom\":1,\"devid\":0,\"translation\":\"" way "\"}"
#define WISH     BE "/netvf/request-translation"

/* Both ends as they were, on its VF. */
static void goes_on(const char *translation)
{
    is(BE "/state", "4");
    is(FE "/state", "4");
    is(BE "/netvf/state", "connected");
    is(BE "/netvf/translation", translation);
    is(BE "/netvf/vf", "0000:01:10.0");
    is(BE "/carrier", "1");
    ck_assert(!fake_store_has(world.store, BE "/netvf/error"));
    ck_assert(world.busy && !world.paused && world.sends);
    ck_assert_uint_eq(world.sessions, 1);
    ck_assert_uint_eq(world.started, 1);
    ck_assert_uint_eq(world.stopped, 0);
    ck_assert_uint_eq(world.taken, 1);
}

START_TEST(there_and_back)
{
    connected();
    is(BE "/netvf/translation", "iommu");
    ck_assert(!fake_store_has(world.store, WISH));
    for (unsigned i = 1; i <= 6; i++) {
        answers(i % 2 ? SET("host") : SET("iommu"),
                i % 2 ? "{\"translation\":\"host\",\"outage_ms\":"
                      : "{\"translation\":\"iommu\",\"outage_ms\":");
        goes_on(i % 2 ? "host" : "iommu");
        is(WISH, i % 2 ? "host" : "iommu");
        ck_assert_uint_eq(world.flushed, i);
        ck_assert_uint_eq(world.resumed, i);
        ck_assert_uint_eq(world.resets, 1 + i);
    }
    answers("{\"call\":\"show\"}", "\"translation_asked\":\"iommu\"");
    check(true); /* nothing is left to be mended */
    ck_assert_uint_eq(world.resumed, 6);
}
END_TEST

/* What a program that looks at netvf/state all the time sees: each write of it is one of the store's. */
START_TEST(state_is_written_once_and_unchanged)
{
    connected();
    /* The first write of the switch is the state's, and it fails: all the rest would then be told later. */
    fake_store_fail_writes(world.store, 1);
    answers(SET("host"), "{\"translation\":\"host\"");
    is(BE "/netvf/translation", "iommu");
    is(BE "/netvf/state", "connected");
    ck_assert(!fake_store_has(world.store, WISH));
    check(false);
    goes_on("host");
    is(WISH, "host");
}
END_TEST

START_TEST(nothing_to_do)
{
    connected();
    answers(SET("iommu"), "{\"translation\":\"iommu\",\"outage_ms\":0}");
    answers(SET("auto"), "{\"translation\":\"iommu\",\"outage_ms\":0}");
    goes_on("iommu");
    is(WISH, "auto");
    ck_assert_uint_eq(world.flushed, 0);
}
END_TEST

START_TEST(auto_takes_what_there_is)
{
    world.no_context = true;
    connected();
    goes_on("host");
    answers(SET("auto"), "{\"translation\":\"host\"");
    goes_on("host");
    world.no_context = false;
    answers(SET("auto"), "{\"translation\":\"iommu\"");
    goes_on("iommu");
    is(WISH, "auto");
}
END_TEST

/* Then it has what it had, and what was wished for before counts. */
START_TEST(refused_context)
{
    world.no_context = true;
    connected();
    goes_on("host");
    for (unsigned i = 1; i <= 3; i++) {
        answers(SET("iommu"), "{\"error\":\"" REFUSAL "\"}");
        goes_on("host");
        ck_assert_int_eq(world.plan.translation, TRANSLATION_AUTO);
        ck_assert(!fake_store_has(world.store, WISH));
        ck_assert_uint_eq(world.resets, 1 + 2 * i);
        ck_assert_uint_eq(world.flushed, 2 * i);
    }
    answers(SET("host"), "\"outage_ms\":0");
    answers(SET("iommu"), "{\"error\":\"" REFUSAL "\"}");
    is(WISH, "host");
    ck_assert_int_eq(world.plan.translation, TRANSLATION_HOST);
}
END_TEST

START_TEST(survives_a_daemon)
{
    connected();
    answers(SET("host"), "\"host\"");
    manager_free(world.manager);
    is(WISH, "host");
    world.host.translation = TRANSLATION_IOMMU; /* its option */
    start_manager();
    scan();
    is(BE "/netvf/translation", "host");
    is(BE "/netvf/state", "connected");
    answers("{\"call\":\"show\"}", "\"translation_asked\":\"host\"");
}
END_TEST

START_TEST(survives_the_guests_driver)
{
    connected();
    answers(SET("host"), "\"host\"");
    set(FE "/state", "5");
    scan();
    set(FE "/state", "6");
    scan();
    set(FE "/state", "1");
    scan();
    netfront_connects();
    scan();
    is(BE "/netvf/state", "connected");
    is(BE "/netvf/translation", "host");
}
END_TEST

START_TEST(survives_a_vf)
{
    connected();
    answers(SET("host"), "\"host\"");
    world.failed = true;
    world.deaf_vf = "0000:01:10.0";
    check(false);
    is(BE "/netvf/vf", "0000:01:10.2");
    is(BE "/netvf/translation", "host");
}
END_TEST

static const struct {
    const char *wish, *translation;
} written[] = {
    {"host", "host"},   {"iommu", "iommu"}, {"auto", "iommu"},  {"", "host"},
    {"HOST", "host"},   {"iommu ", "host"}, {"window", "host"}, {"\xff\xfe", "host"},
    {"bounce", "host"}, {"1", "host"},
};

/* What somebody has written before the vif comes; the daemon's option is host. */
START_TEST(wishes_in_the_store)
{
    for (unsigned i = 0; i < sizeof written / sizeof written[0]; i++) {
        world_close();
        world_open();
        world.host.translation = TRANSLATION_HOST;
        set(WISH, written[i].wish);
        connected();
        is(BE "/netvf/translation", written[i].translation);
        is(WISH, written[i].wish);
    }
}
END_TEST

/* The log's lines go to standard error. */
static unsigned warnings(void (*run)(void))
{
    FILE *log = tmpfile();
    int before = dup(STDERR_FILENO);
    unsigned count = 0;
    char line[400];

    fflush(stderr);
    dup2(fileno(log), STDERR_FILENO);
    run();
    fflush(stderr);
    dup2(before, STDERR_FILENO);
    close(before);
    rewind(log);
    while (fgets(line, sizeof line, log))
        count += strstr(line, "none of auto, host or iommu; it is ignored") != NULL;
    fclose(log);
    return count;
}

static void connects_three_times(void)
{
    connected();
    for (unsigned i = 0; i < 2; i++) {
        set(FE "/state", "5");
        scan();
        set(FE "/state", "6");
        scan();
        set(FE "/state", "1");
        scan();
        netfront_connects();
        scan();
        is(BE "/netvf/state", "connected");
    }
}

START_TEST(nonsense_is_said_once)
{
    set(WISH, "faster");
    ck_assert_uint_eq(warnings(connects_three_times), 1);
    answers("{\"call\":\"show\"}", "\"translation_asked\":null");
    answers(SET("host"), "\"host\"");
    is(WISH, "host");
}
END_TEST

START_TEST(before_the_guest_connects)
{
    libxl_creates(1, MAC);
    scan();
    answers(SET("host"), "{\"translation\":null,\"outage_ms\":0}");
    is(WISH, "host");
    is(BE "/state", "2");
    is(BE "/netvf/state", "bound");
    set(BE "/hotplug-status", "connected");
    netfront_connects();
    scan();
    goes_on("host");
    ck_assert_uint_eq(world.resumed, 0);
}
END_TEST

START_TEST(xenstore_refuses)
{
    libxl_creates(1, MAC);
    scan();
    fake_store_fail_writes(world.store, 1);
    answers(SET("host"), "{\"error\":\"xenstore does not take the wish: ");
    ck_assert(!fake_store_has(world.store, WISH));
    set(BE "/hotplug-status", "connected");
    netfront_connects();
    scan();
    goes_on("iommu");
}
END_TEST

/* libxl has said Closing, or has deleted the directory, and we have not looked yet. */
START_TEST(on_its_way_out)
{
    connected();
    libxl_detaches();
    answers(SET("host"), "on its way up or down");
    set(BE, NULL);
    answers(SET("host"), "on its way up or down");
    ck_assert(!fake_store_has(world.store, WISH));
    ck_assert_uint_eq(world.flushed, 0);
    scan();
    nothing_held();
}
END_TEST

static void closes(struct store *store)
{
    fake_store_set(store, BE "/state", "5");
}

START_TEST(goes_away_meanwhile)
{
    connected();
    fake_store_interfere(world.store, closes);
    answers(SET("host"), "{\"translation\":\"host\"");
    is(BE "/state", "5");
    is(BE "/netvf/translation", "iommu");
    ck_assert(!fake_store_has(world.store, WISH));
    guest_says("6", "6");
    ck_assert_uint_eq(world.sessions, 0);
}
END_TEST

static void pf_is(bool up)
{
    fake_sysfs_file("class/net/eth0/flags", up ? "0x1003\n" : "0x1002\n");
}

START_TEST(while_it_waits_for_a_vf)
{
    connected();
    pf_is(false);
    world.failed = true;
    check(true);
    is(BE "/netvf/state", "waiting");
    answers(SET("host"), "{\"translation\":null,\"outage_ms\":0}");
    is(BE "/netvf/state", "waiting");
    is(WISH, "host");
    pf_is(true);
    world.failed = false;
    scan(); /* which the daemon does when it is called; no time has to pass */
    goes_on("host");
}
END_TEST

/* Waiting because the way that it was to have cannot be had; another one can. */
START_TEST(out_of_a_wish_that_never_comes_true)
{
    world.no_context = true;
    set(WISH, "iommu");
    offered();
    netfront_connects();
    scan();
    is(BE "/netvf/state", "waiting");
    is(BE "/netvf/error", REFUSAL);
    is(BE "/netvf/vf", "0000:01:10.0"); /* nothing is said against it */
    answers(SET("host"), "{\"translation\":null");
    scan();
    goes_on("host");
}
END_TEST

/* Its VF has failed, and nobody has looked yet: it is mended, with the wish. */
START_TEST(vf_had_failed_before)
{
    connected();
    world.failed = true;
    answers(SET("host"), "{\"translation\":null,\"outage_ms\":0}");
    ck_assert_uint_eq(world.flushed, 0);
    world.failed = false;
    scan();
    goes_on("host");
}
END_TEST

static void is_called(bool called)
{
    uint64_t count;

    ck_assert_int_eq(read(world.host.fault_fd, &count, sizeof count) == sizeof count, called);
}

/* It does not come up again after its reset: the next one serves, as it did before. */
START_TEST(vf_fails_over_it)
{
    world.host.fault_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    connected();
    is_called(false);
    world.deaf_vf = "0000:01:10.0";
    answers(SET("host"), "{\"error\":\"VF 0000:01:10.0 does not answer\"}");
    is_called(true);
    ck_assert(!fake_store_has(world.store, WISH));
    scan();
    is(BE "/state", "4");
    is(BE "/netvf/state", "connected");
    is(BE "/netvf/vf", "0000:01:10.2");
    is(BE "/netvf/translation", "iommu");
    ck_assert_uint_eq(world.stopped, 0);
    close(world.host.fault_fd);
}
END_TEST

START_TEST(vf_does_not_start_again)
{
    connected();
    world.refuse_vf = true;
    answers(SET("host"), "{\"error\":\"" SENTENCE "\"}");
    scan();
    is(BE "/state", "4");
    is(BE "/netvf/state", "waiting");
    ck_assert_int_eq(world.plan.translation, TRANSLATION_AUTO);
    world.refuse_vf = false;
    check(true);
    is(BE "/netvf/state", "connected");
    is(BE "/netvf/translation", "iommu");
}
END_TEST

START_TEST(vf_that_is_not_quiet)
{
    connected();
    world.stop_fails = true;
    answers(SET("host"), "cannot be proven quiet");
    ck_assert_uint_eq(world.flushed, 0);
    ck_assert(world.busy && world.paused);
    scan();
    is(BE "/netvf/state", "waiting");
    ck_assert_uint_eq(world.flushed, 0);
    world.stop_fails = false;
    check(true);
    is(BE "/netvf/state", "connected");
    is(BE "/netvf/translation", "iommu");
}
END_TEST

START_TEST(vf_that_stays_in_its_context)
{
    connected();
    world.comes_not_back = true;
    answers(SET("host"), "{\"error\":\"VF 0000:01:10.0 has not come back from its guest's IOMMU");
    world.comes_not_back = false;
    scan();
    is(BE "/state", "4");
    is(BE "/netvf/state", "connected");
    is(BE "/netvf/vf", "0000:01:10.2");
}
END_TEST

START_TEST(release_is_refused)
{
    connected();
    world.flush_fails = true;
    answers(SET("host"), "{\"error\":\"Xen has refused to release its pages\"}");
    world.flush_fails = false;
    answers(SET("host"), "{\"translation\":null,\"outage_ms\":0}"); /* it is not begun with again */
    ck_assert_uint_eq(world.flushed, 1);
    scan();
    is(BE "/state", "5");
    is(BE "/netvf/state", "fault");
    ck_assert_uint_eq(world.stopped, 1);
}
END_TEST

START_TEST(of_a_refused_vif)
{
    libxl_creates(1, "nonsense");
    scan();
    is(BE "/netvf/state", "refused");
    answers(SET("host"), "{\"translation\":null,\"outage_ms\":0}");
    is(BE "/netvf/state", "refused");
    is(WISH, "host");
}
END_TEST

static const char *const hostile[][2] = {
    {"{\"call\":\"set\"}", "\\\"dom\\\" and \\\"devid\\\""},
    {"{\"call\":\"set\",\"dom\":1}", "\\\"dom\\\" and \\\"devid\\\""},
    {"{\"call\":\"set\",\"dom\":1,\"devid\":0}", "auto, host or iommu"},
    {"{\"call\":\"set\",\"dom\":1,\"devid\":0,\"translation\":null}", "auto, host or iommu"},
    {"{\"call\":\"set\",\"dom\":1,\"devid\":0,\"translation\":1}", "auto, host or iommu"},
    {"{\"call\":\"set\",\"dom\":1,\"devid\":0,\"translation\":[\"host\"]}", "auto, host or iommu"},
    {SET(""), "auto, host or iommu"},
    {SET("Host"), "auto, host or iommu"},
    {SET("window"), "auto, host or iommu"},
    {SET("host\\n"), "auto, host or iommu"},
    {"{\"call\":\"set\",\"dom\":\"1\",\"devid\":0,\"translation\":\"host\"}", "\\\"dom\\\" and"},
    {"{\"call\":\"set\",\"dom\":1.0,\"devid\":0,\"translation\":\"host\"}", "\\\"dom\\\" and"},
    {"{\"call\":\"set\",\"dom\":-1,\"devid\":0,\"translation\":\"host\"}", "\\\"dom\\\" and"},
    {"{\"call\":\"set\",\"dom\":1,\"devid\":-1,\"translation\":\"host\"}", "\\\"dom\\\" and"},
    /* 1/0 in fewer bits */
    {"{\"call\":\"set\",\"dom\":65537,\"devid\":0,\"translation\":\"host\"}", "\\\"dom\\\" and"},
    {"{\"call\":\"set\",\"dom\":1,\"devid\":4294967296,\"translation\":\"host\"}",
     "\\\"dom\\\" and"},
    {"{\"call\":\"set\",\"dom\":9223372036854775807,\"devid\":0,\"translation\":\"host\"}",
     "\\\"dom\\\" and"},
    {"{\"call\":\"set\",\"dom\":1,\"devid\":1,\"translation\":\"host\"}", "no such vif"},
    {"{\"call\":\"set\",\"dom\":2,\"devid\":0,\"translation\":\"host\"}", "no such vif"},
    {"{\"call\":\"set\",\"dom\":0,\"devid\":4294967295,\"translation\":\"host\"}", "no such vif"},
};

START_TEST(requests_that_are_none)
{
    connected();
    for (unsigned i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        answers(hostile[i][0], "{\"error\":\"");
        answers(hostile[i][0], hostile[i][1]);
    }
    goes_on("iommu");
    ck_assert_uint_eq(world.flushed, 0);
    ck_assert(!fake_store_has(world.store, WISH));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        there_and_back,
        state_is_written_once_and_unchanged,
        nothing_to_do,
        auto_takes_what_there_is,
        refused_context,
        survives_a_daemon,
        survives_the_guests_driver,
        survives_a_vf,
        wishes_in_the_store,
        nonsense_is_said_once,
        before_the_guest_connects,
        xenstore_refuses,
        on_its_way_out,
        goes_away_meanwhile,
        while_it_waits_for_a_vf,
        out_of_a_wish_that_never_comes_true,
        vf_had_failed_before,
        vf_fails_over_it,
        vf_does_not_start_again,
        vf_that_is_not_quiet,
        vf_that_stays_in_its_context,
        release_is_refused,
        of_a_refused_vif,
        requests_that_are_none,
    };

    return world_run("vif_switch", tests, sizeof tests / sizeof tests[0]);
}
