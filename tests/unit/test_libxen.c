/* SPDX-License-Identifier: MIT */
/* The real port, the real guest context and the real store, on Xen's libraries in memory (sim/fake_xen.h): what they ask of
 * Xen, and that whatever call fails, all is given back. Built with a NETVF_RUNDIR of its own in the build tree. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/why.h"
#include "sim/fake_xen.h"
#include "unit/runner.h"
#include "xen/context.h"
#include "xen/journal.h"
#include "xen/port.h"
#include "xen/store.h"

#define PCI  "0000:01:10.0"
#define NAME "5-0"

static struct why why;
static bool old_kernel; /* which has no way to adopt a port */

/* In place of the C library's, by a macro: sysfs and /proc/xen are not those of this machine. */
FILE *fake_fopen(const char *path, const char *mode);
int fake_ioctl(int fd, unsigned long request, ...);

static char resource[] = "0x0 0x0 0x0\n0x0 0x0 0x0\n0x0 0x0 0x0\n0xfe000000 0xfe003fff 0x140204\n";
static char capabilities[32];

FILE *fake_fopen(const char *path, const char *mode)
{
    if (strcmp(path, "/proc/xen/capabilities") == 0 && capabilities[0])
        return fmemopen(capabilities, strlen(capabilities), "r");
    if (strcmp(path, "/sys/bus/pci/devices/" PCI "/resource") == 0)
        return fmemopen(resource, strlen(resource), "r");
    (void)mode;
    errno = ENOENT;
    return NULL;
}

int fake_ioctl(int fd, unsigned long request, ...)
{
    (void)fd;
    (void)request;
    if (!old_kernel && !fake_xen_fails())
        return 0;
    errno = ENOTTY;
    return -1;
}

/* Of a run that was cut short. */
static void remove_journal(const char *name, void *context)
{
    char path[200];

    (void)context;
    snprintf(path, sizeof path, NETVF_RUNDIR "/journal/%s", name);
    unlink(path);
}

static void setup(void)
{
    fake_xen_open();
    mkdir(NETVF_RUNDIR, 0755);
    journal_each(remove_journal, NULL);
    old_kernel = false;
    fake_xen.domains[5] = (struct fake_xen_domain){
        .there = true, .has_context = true, .max_memkb = 65536, .grant_version = 1};
    fake_xen.bad_gref = 999;
}

static bool journal_there;

static void see_journal(const char *name, void *context)
{
    (void)context;
    journal_there |= strcmp(name, NAME) == 0;
}

static bool journaled(void)
{
    journal_there = false;
    journal_each(see_journal, NULL);
    return journal_there;
}

static struct port *open_port(void)
{
    struct port *port = port_open(NAME, 5, PCI, &why);

    ck_assert_msg(port, "%s", why.text);
    return port;
}

static void close_port(struct port *port)
{
    port->ops->close(port);
    ck_assert(!journaled());
    fake_xen_expect_nothing_left();
}

/* ---- The port ---- */

START_TEST(pins_of_a_guest)
{
    struct port *port = open_port();
    struct grant_pin pins[3] = {{.gref = 8, .readonly = true}, {.gref = 999}, {.gref = 10}};
    struct grant_pin good[2];
    uint64_t live = port_live(), leaked = port_leaked();

    ck_assert_int_eq(port->ops->pin(port, pins, 3), 0);
    ck_assert(!pins[0].status && pins[1].status && !pins[2].status);
    ck_assert(pins[0].dma == (6ull << 32 | 8 * 4096) && pins[2].dma == (6ull << 32 | 10 * 4096));
    ck_assert_uint_eq(fake_xen.pins, 2);
    ck_assert_uint_eq(port_live(), live + 2);
    ck_assert(journaled());
    good[0] = pins[0];
    good[1] = pins[2];
    fake_xen.refuse_unpin = true;
    ck_assert_int_eq(port->ops->unpin(port, good, 1), -1);
    ck_assert_uint_eq(port_leaked(), leaked + 1);
    fake_xen.refuse_unpin = false;
    ck_assert_int_eq(port->ops->unpin(port, good + 1, 1), 0);
    ck_assert_uint_eq(fake_xen.pins, 1);
    /* what Xen had refused is asked for once more at the end */
    close_port(port);
    ck_assert_uint_eq(port_live(), live);
}
END_TEST

START_TEST(batches_too_long)
{
    struct port *port = open_port();
    static struct grant_pin pins[PORT_BATCH_MAX + 1];
    static struct grant_copy copies[PORT_BATCH_MAX + 1];
    static struct dma_page pages[PORT_BATCH_MAX + 1];

    ck_assert_int_eq(port->ops->pin(port, pins, PORT_BATCH_MAX + 1), -1);
    ck_assert_int_eq(port->ops->unpin(port, pins, PORT_BATCH_MAX + 1), -1);
    ck_assert_int_eq(port->ops->copy(port, copies, PORT_BATCH_MAX + 1), -1);
    ck_assert_int_eq(port->ops->store(port, copies, PORT_BATCH_MAX + 1), -1);
    ck_assert_int_eq(port->ops->dma_alloc(port, pages, PORT_BATCH_MAX + 1), -1);
    ck_assert_int_eq(port->ops->dma_alloc(port, pages, 0), -1);
    ck_assert_uint_eq(fake_xen.pins, 0);
    /* more than the journal has records for */
    for (unsigned i = 0; i < JOURNAL_CAPACITY / PORT_BATCH_MAX; i++)
        ck_assert_int_eq(port->ops->pin(port, pins, PORT_BATCH_MAX), 0);
    ck_assert_int_eq(port->ops->pin(port, pins, 1), -1);
    ck_assert_int_eq(errno, ENOSPC);
    close_port(port);
}
END_TEST

START_TEST(copies_by_xen)
{
    struct port *port = open_port();
    struct grant_copy copies[2] = {{.gref = 8, .own = 4096 * 7 + 100, .length = 60}, {.gref = 999}};

    ck_assert_int_eq(port->ops->copy(port, copies, 2), 0);
    ck_assert(!copies[0].status && copies[1].status);
    ck_assert_uint_eq(fake_xen.copied, 2);
    fake_xen.fail_call = fake_xen.calls + 1;
    ck_assert_int_eq(port->ops->copy(port, copies, 1), -1);
    ck_assert(copies[0].status);
    ck_assert_uint_eq(port->counters.copy_ops, 3);
    ck_assert_uint_eq(fake_xen.stored, 0);
    /* and the other way */
    ck_assert_int_eq(port->ops->store(port, copies, 2), 0);
    ck_assert(!copies[0].status && copies[1].status);
    ck_assert_uint_eq(fake_xen.stored, 2);
    ck_assert_int_eq(port->ops->store(port, copies, 1), 0);
    ck_assert_uint_eq(fake_xen.own_gmfn, 7);
    fake_xen.fail_call = fake_xen.calls + 1;
    ck_assert_int_eq(port->ops->store(port, copies, 1), -1);
    ck_assert(copies[0].status);
    close_port(port);
}
END_TEST

START_TEST(pages_of_our_own)
{
    struct port *port = open_port();
    struct dma_page pages[4];
    uint64_t live = port_live();

    ck_assert_int_eq(port->ops->dma_alloc(port, pages, 4), 0);
    ck_assert_uint_eq(fake_xen.shared, 4);
    ck_assert_uint_eq(port_live(), live); /* not a guest's */
    for (unsigned i = 0; i < 4; i++)
        memset(pages[i].va, 1, 4096);
    ck_assert(pages[1].dma && pages[1].dma != pages[0].dma);
    port->ops->dma_free(port, pages, 4);
    ck_assert_uint_eq(fake_xen.shared, 0);
    ck_assert_uint_eq(fake_xen.pins, 0);
    /* one of them cannot be pinned: none is kept */
    fake_xen.bad_gref = 10;
    ck_assert_int_eq(port->ops->dma_alloc(port, pages, 4), -1);
    ck_assert_uint_eq(fake_xen.shared + fake_xen.pins, 0);
    fake_xen.fail_call = fake_xen.calls + 2;
    ck_assert_int_eq(port->ops->dma_alloc(port, pages, 4), -1);
    ck_assert_uint_eq(fake_xen.shared + fake_xen.pins, 0);
    close_port(port);
}
END_TEST

START_TEST(rings)
{
    struct port *port = open_port();
    char *ring = port->ops->ring_map(port, 8);

    ck_assert_ptr_nonnull(ring);
    ring[4095] = 1;
    ck_assert_ptr_null(port->ops->ring_map(port, 999));
    port->ops->ring_unmap(port, ring);
    close_port(port);
}
END_TEST

START_TEST(event_channels)
{
    struct port *port = open_port();
    uint32_t local, came;

    ck_assert_int_ge(port->ops->event_fd(port), 0);
    ck_assert_int_eq(port->ops->bind_peer(port, 17, &local), 0);
    ck_assert_int_eq(port->ops->event_pending(port, &came), -1);
    fake_xen_event(local);
    ck_assert_int_eq(port->ops->event_pending(port, &came), 0);
    ck_assert_uint_eq(came, local);
    ck_assert_int_eq(port->ops->event_unmask(port, local), 0);
    ck_assert_int_eq(port->ops->notify(port, local), 0);
    ck_assert_uint_eq(fake_xen.last_notified, local);
    ck_assert_int_eq(port->ops->unbind(port, local), 0);
    ck_assert_uint_eq(port->counters.events_sent, 1);
    ck_assert_uint_eq(port->counters.events_received, 1);
    close_port(port);
}
END_TEST

/* One, as many as one read of the device has room for, and more: each is handed out once, and then there are none. */
#define ONE_READ 8u
START_TEST(many_events)
{
    struct port *port = open_port();
    uint32_t local, came;

    ck_assert_int_eq(port->ops->bind_peer(port, 17, &local), 0);
    for (unsigned round = 0, count = 1; round < 3; round++, count += ONE_READ - 1) {
        for (unsigned i = 0; i < count; i++)
            fake_xen_event(local);
        for (unsigned i = 0; i < count; i++)
            ck_assert_int_eq(port->ops->event_pending(port, &came), 0);
        errno = 0;
        ck_assert_int_eq(port->ops->event_pending(port, &came), -1);
        ck_assert_int_eq(errno, EAGAIN);
    }
    fake_xen_event(local);
    ck_assert_int_eq(port->ops->event_pending(port, &came), 0);
    close_port(port);
}
END_TEST

START_TEST(interrupt)
{
    struct port *port = open_port();
    uint32_t local;

    ck_assert_int_eq(port->ops->bind_msix(port, "none", 0, &local), -1);
    ck_assert_int_eq(port->ops->bind_msix(port, "0001:01:10.0", 0, &local), -1);
    ck_assert_int_eq(port->ops->bind_msix(port, "0000:01:10.2", 0, &local), -1);
    ck_assert_int_eq(port->ops->bind_msix(port, PCI, 1, &local), 0);
    ck_assert_uint_eq(fake_xen.pirqs, 1);
    if (_i) /* or else it ends with the port */
        port->ops->unbind(port, local);
    old_kernel = true;
    if (_i)
        ck_assert_int_eq(port->ops->bind_msix(port, PCI, 1, &local), -1);
    close_port(port);
}
END_TEST

/* The port's whole life, with the n-th call failing that can fail, for each n that there is. */
static void live_once(void)
{
    struct port *port = port_open(NAME, 5, PCI, &why);
    struct grant_pin pin = {.gref = 8};
    struct dma_page pages[2];
    uint32_t local;
    void *ring;

    if (!port) {
        ck_assert(why.text[0]);
        return;
    }
    if (port->ops->bind_peer(port, 3, &local) == 0)
        port->ops->unbind(port, local);
    if (port->ops->bind_msix(port, PCI, 0, &local) == 0)
        port->ops->unbind(port, local);
    ring = port->ops->ring_map(port, 8);
    if (port->ops->dma_alloc(port, pages, 2) == 0)
        port->ops->dma_free(port, pages, 2);
    if (port->ops->pin(port, &pin, 1) == 0)
        port->ops->unpin(port, &pin, 1);
    port->ops->move(port, "0000:01:10.4");
    if (ring)
        port->ops->ring_unmap(port, ring);
    port->ops->close(port);
}

START_TEST(any_call_may_fail)
{
    unsigned n;

    for (n = 1;; n++) {
        setup();
        fake_xen.fail_call = n;
        live_once();
        if (fake_xen.calls < n)
            break;
        ck_assert_uint_eq(fake_xen.handles, 0);
        ck_assert_uint_eq(fake_xen.buffers, 0);
        ck_assert_uint_eq(fake_xen.pins + fake_xen.pirqs + fake_xen.channels, 0);
    }
    ck_assert_uint_gt(n, 18);
    ck_assert(!journaled());
}
END_TEST

/* ---- The guest's context ---- */

START_TEST(context_and_back)
{
    struct context *context = context_libxen.open(NAME, 5, PCI, 30, &why);
    uint64_t frames[2] = {100, 101};
    int errors[2];
    void *va;

    ck_assert_msg(context, "%s", why.text);
    ck_assert_int_eq(fake_xen.device_in, 5);
    ck_assert_uint_eq(context->page_count, 30);
    ck_assert_uint_eq(context->grant_count, 4 * 512);
    ck_assert_uint_eq(context->grants[0], 0);
    ck_assert_uint_eq(fake_xen.domains[5].extra_pages, 30);
    ck_assert_uint_eq(fake_xen.domains[5].max_memkb, 65536 + 120);
    va = context->ops->map(context, frames, errors, 2);
    ck_assert_ptr_nonnull(va);
    context->ops->unmap(context, va, 2);
    if (_i)
        fake_xen.domains[5].dying = true; /* nothing is left to take away from it */
    ck_assert_int_eq(context->ops->close(context), 0);
    ck_assert_uint_eq(fake_xen.domains[5].extra_pages, _i ? 30 : 0);
    ck_assert_uint_eq(fake_xen.domains[5].max_memkb, _i ? 65536 + 120 : 65536);
    fake_xen_expect_nothing_left();
}
END_TEST

START_TEST(no_context)
{
    switch (_i) {
    case 0:
        fake_xen.domains[5].has_context = false;
        break;
    case 1:
        fake_xen.domains[5].grant_version = 2;
        break;
    }
    ck_assert_ptr_null(
        context_libxen.open(NAME, 5, _i == 2 ? "none" : PCI, _i == 3 ? 65 : 30, &why));
    ck_assert_ptr_nonnull(strstr(why.text, (const char *[]){"passthrough=", "version 1",
                                                            "no PCI address", "no memory"}[_i]));
    ck_assert_uint_eq(fake_xen.domains[5].max_memkb, 65536);
    fake_xen_expect_nothing_left();
}
END_TEST

static bool is_quiet;

static int quiesce(const char *pci)
{
    ck_assert_str_eq(pci, PCI);
    return is_quiet ? 0 : -1;
}

static int nothing_to_quiesce(const char *pci)
{
    ck_abort_msg("a record of %s is left", pci);
    return -1;
}

static void nothing_stays(void *argument, const char *pci)
{
    (void)argument;
    ck_abort_msg("VF %s has not come back", pci);
}

/* What cannot be undone stands in a record, and the next daemon undoes it. */
START_TEST(any_call_of_a_context_may_fail)
{
    unsigned n;

    for (n = 1;; n++) {
        struct context *context;

        setup();
        fake_xen.fail_call = n;
        context = context_libxen.open(NAME, 5, PCI, 30, &why);
        ck_assert(context || (errno == ENOTRECOVERABLE) == (fake_xen.device_in != 0));
        if (context)
            context->ops->close(context);
        ck_assert_uint_eq(fake_xen.handles + fake_xen.maps, 0);
        if (fake_xen.calls < n)
            break;
        fake_xen.fail_call = 0;
        is_quiet = true;
        ck_assert_uint_eq(context_recover(quiesce, nothing_stays, NULL), 0);
        ck_assert_int_eq(fake_xen.device_in, 0);
        ck_assert_uint_eq(context_recover(nothing_to_quiesce, nothing_stays, NULL), 0);
    }
    ck_assert_uint_gt(n, 12);
}
END_TEST

/* A daemon is killed after Xen has done a batch and before it is written down: pins that were only wanted are found, one
 * of a page that is pinned twice among them; pins that are gone already are no error. Nobody else's mapping is touched. */
START_TEST(killed_in_a_batch)
{
    struct port *port = open_port();
    struct grant_pin pins[6] = {{.gref = 8, .readonly = true},
                                {.gref = 9},
                                {.gref = 9},
                                {.gref = 10},
                                {.gref = 11},
                                {.gref = 12}};
    struct journal_file *file;

    ck_assert_int_eq(port->ops->pin(port, pins, 6), 0);
    ck_assert_int_eq(port->ops->unpin(port, &pins[3], 1), 0);
    file = journal_load(NAME);
    ck_assert_ptr_nonnull(file);
    /* 0 to 2 are pinned, and 3 is not; of none the outcome is written down. 4 is as it should be; 5 is somebody else's. */
    for (unsigned i = 0; i < 4; i++)
        file->records[pins[i].journal] = (struct journal_record){
            .handle = pins[i].gref,
            .live = pins[i].readonly ? JOURNAL_WANTED_READONLY : JOURNAL_WANTED,
            .peer = 5};
    file->records[pins[5].journal] = (struct journal_record){0};
    /* Released, and not written down. */
    file->records[500] =
        (struct journal_record){.dma = 0x5000, .handle = 60, .live = JOURNAL_LIVE, .peer = 5};
    file->records[501] = (struct journal_record){
        .dma = 0x6000, .handle = pins[5].handle, .live = JOURNAL_LIVE, .peer = 5};
    journal_unload(file, NAME, 0);
    fake_xen.may_guess = true;
    is_quiet = false;
    ck_assert_uint_eq(port_recover(quiesce), 1);
    ck_assert_uint_eq(fake_xen.pins, 5);
    is_quiet = true;
    ck_assert_uint_eq(port_recover(quiesce), 0);
    ck_assert_uint_eq(fake_xen.pins, 1);
    ck_assert(!journaled());
    fake_xen.may_guess = false;
    ck_assert_int_eq(port->ops->unpin(port, &pins[5], 1), 0);
    close_port(port);
}
END_TEST

static void stays(void *argument, const char *pci)
{
    *(const char **)argument = strcmp(pci, PCI) == 0 ? PCI : "another";
}

START_TEST(recovery_waits_for_quiet)
{
    const char *told = "none";
    pid_t ours = fork();

    if (!ours) /* a daemon that dies in the middle */
        _exit(context_libxen.open(NAME, 5, PCI, 30, &why) ? 0 : 1);
    ck_assert_int_eq(waitpid(ours, NULL, 0), ours);
    fake_xen.device_in = 5; /* the child's Xen is not ours */
    fake_xen.domains[5].extra_pages = 30;
    fake_xen.domains[5].max_memkb += 120;
    is_quiet = false;
    ck_assert_uint_eq(context_recover(quiesce, stays, &told), 1);
    ck_assert_str_eq(told, PCI);
    ck_assert_int_eq(fake_xen.device_in, 5);
    is_quiet = true;
    ck_assert_uint_eq(context_recover(quiesce, nothing_stays, NULL), 0);
    ck_assert_uint_eq(fake_xen.domains[5].max_memkb, 65536);
    fake_xen_expect_nothing_left();
}
END_TEST

/* ---- The store ---- */

START_TEST(store_by_libxenstore)
{
    struct store *store = store_open(&why);
    char value[STORE_VALUE_MAX], long_key[STORE_PATH_MAX + 1], **names;
    unsigned count;
    uint16_t domid;

    memset(long_key, 'k', sizeof long_key - 1);
    long_key[sizeof long_key - 1] = 0;
    ck_assert_int_ge(store_fd(store), 0);
    ck_assert_int_eq(store_own_domid(store, &domid), -1);
    fake_xen_set("domid", "x");
    ck_assert_int_eq(store_own_domid(store, &domid), -1);
    fake_xen_set("domid", "3");
    ck_assert_int_eq(store_own_domid(store, &domid), 0);
    ck_assert_uint_eq(domid, 3);
    ck_assert(store_domain_alive(store, 5) && !store_domain_alive(store, 6));

    ck_assert_int_eq(store_watch(store, "/a"), 0);
    ck_assert_uint_eq(store_drain(store), 1);
    ck_assert_int_eq(store_write(store, "/a", "b", "1"), 0);
    ck_assert_uint_eq(store_drain(store), 1);
    ck_assert_int_eq(store_read(store, "/a", "b", value), 0);
    ck_assert_str_eq(value, "1");
    ck_assert_int_eq(store_list(store, "/a", &names, &count), 0);
    ck_assert(count == 1 && strcmp(names[0], "b") == 0);
    free(names);
    ck_assert_int_eq(store_list(store, "/none", &names, &count), -1);

    ck_assert_int_eq(store_begin(store), 0);
    ck_assert_int_eq(store_begin(store), -1);
    ck_assert_int_eq(store_write(store, "/a", "b", "2"), 0);
    store_abort(store);
    ck_assert_str_eq(fake_xen_get("/a/b"), "1");
    ck_assert_int_eq(store_begin(store), 0);
    ck_assert_int_eq(store_printf(store, "/a", "b", "%u", 3), 0);
    fake_xen.fail_call = fake_xen.calls + 1;
    fake_xen.fail_errno = EAGAIN;
    ck_assert_int_eq(store_commit(store), -1);
    ck_assert_int_eq(errno, EAGAIN);
    ck_assert_str_eq(fake_xen_get("/a/b"), "1");

    ck_assert_int_eq(store_remove(store, "/a", "b"), 0);
    ck_assert_int_eq(store_remove(store, "/a", "b"), -1);
    ck_assert_int_eq(store_read(store, "/a", "b", value), -1);
    ck_assert_int_eq(store_read(store, "/a", long_key, value), -1);
    ck_assert_int_eq(store_write(store, "/a", long_key, "1"), -1);
    ck_assert_int_eq(store_remove(store, "/a", long_key), -1);
    ck_assert_int_eq(store_unwatch(store, "/a"), 0);
    ck_assert_int_eq(store_unwatch(store, "/a"), -1);
    store_close(store);
    store_close(NULL);
    fake_xen_expect_nothing_left();
    fake_xen.fail_call = fake_xen.calls + 1;
    ck_assert_ptr_null(store_open(&why));
    ck_assert_ptr_nonnull(strstr(why.text, "xenstored"));
}
END_TEST

START_TEST(is_there_a_xen)
{
    capabilities[0] = 0;
    ck_assert_int_eq(port_probe(&why), -1);
    strcpy(capabilities, "\n");
    ck_assert_int_eq(port_probe(&why), -1);
    ck_assert_ptr_nonnull(strstr(why.text, "dom0"));
    strcpy(capabilities, "control_d\n");
    ck_assert_int_eq(port_probe(&why), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("libxen");
    TCase *tc = tcase_create("libxen");

    tcase_add_checked_fixture(tc, setup, NULL);
    tcase_add_test(tc, pins_of_a_guest);
    tcase_add_test(tc, batches_too_long);
    tcase_add_test(tc, copies_by_xen);
    tcase_add_test(tc, pages_of_our_own);
    tcase_add_test(tc, rings);
    tcase_add_test(tc, event_channels);
    tcase_add_test(tc, many_events);
    tcase_add_loop_test(tc, interrupt, 0, 2);
    tcase_add_test(tc, any_call_may_fail);
    tcase_add_loop_test(tc, context_and_back, 0, 2);
    tcase_add_loop_test(tc, no_context, 0, 4);
    tcase_add_test(tc, any_call_of_a_context_may_fail);
    tcase_add_test(tc, killed_in_a_batch);
    tcase_add_test(tc, recovery_waits_for_quiet);
    tcase_add_test(tc, store_by_libxenstore);
    tcase_add_test(tc, is_there_a_xen);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
