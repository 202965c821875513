/* SPDX-License-Identifier: MIT */
/* Journals outlive the daemon that wrote them: names, one for each queue, and the form of the file. Built with a
 * NETVF_RUNDIR of its own in the build tree. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/runner.h"
#include "xen/journal.h"

/* What daemons have written so far is read by this one: nothing in it may move. */
_Static_assert(sizeof(struct journal_record) == 16, "a record has 16 bytes");
_Static_assert(sizeof(struct journal_file) == 40 + 16 * JOURNAL_CAPACITY, "40 bytes before them");

static char found[8][64];
static unsigned count;

static void keep(const char *name, void *context)
{
    (void)context;
    ck_assert_uint_lt(count, 8);
    snprintf(found[count++], sizeof found[0], "%s", name);
}

static bool there(const char *name)
{
    count = 0;
    journal_each(keep, NULL);
    for (unsigned i = 0; i < count; i++)
        if (strcmp(found[i], name) == 0)
            return true;
    return false;
}

static void clean(void)
{
    char path[200];

    count = 0;
    journal_each(keep, NULL);
    for (unsigned i = 0; i < count; i++) {
        snprintf(path, sizeof path, NETVF_RUNDIR "/journal/%s", found[i]);
        unlink(path);
    }
}

/* A pin that is never given back: the process has been killed. */
static void pin_and_die(struct journal *journal, uint32_t handle)
{
    int index = journal_take(journal);

    ck_assert_int_ge(index, 0);
    journal->file->records[index] = (struct journal_record){.handle = handle, .live = 1, .peer = 1};
}

START_TEST(each_queue_has_its_own)
{
    static struct journal first, second;
    struct journal_file *file;

    ck_assert_int_eq(journal_open(&first, "1-0", "0000:01:10.0"), 0);
    ck_assert_int_eq(journal_open(&second, "1-0.q1", "0000:01:10.0"), 0);
    pin_and_die(&first, 7);
    pin_and_die(&second, 8);
    ck_assert(there("1-0") && there("1-0.q1"));
    ck_assert_uint_eq(count, 2);
    file = journal_load("1-0.q1");
    ck_assert_ptr_nonnull(file);
    ck_assert_str_eq(file->pci, "0000:01:10.0");
    ck_assert_uint_eq(file->records[0].handle, 8);
    journal_unload(file, "1-0.q1", 1);
    ck_assert(there("1-0") && !there("1-0.q1"));
    /* What could not be given back stays beside the next one of that name. */
    ck_assert_int_eq(journal_open(&second, "1-0", "0000:01:10.2"), 0);
    ck_assert(there("1-0") && there("1-0~1"));
    journal_close(&second);
    ck_assert(there("1-0") && !there("1-0~1"));
}
END_TEST

/* Byte by byte as a daemon that knew of one queue only has left it. */
START_TEST(former_journal_loads)
{
    static uint8_t bytes[40 + 16 * 1024];
    struct journal_file *file;
    int fd;

    memcpy(bytes, "netvfj1", 8);
    memcpy(bytes + 8, "0000:01:10.0", 12);
    bytes[37] = 4;                 /* capacity 1024 */
    bytes[40 + 16 * 3 + 2] = 0x12; /* dma 0x120000 */
    bytes[40 + 16 * 3 + 8] = 9;    /* handle */
    bytes[40 + 16 * 3 + 12] = 1;   /* live */
    bytes[40 + 16 * 3 + 14] = 5;   /* peer */
    mkdir(NETVF_RUNDIR, 0755);
    mkdir(NETVF_RUNDIR "/journal", 0755);
    fd = open(NETVF_RUNDIR "/journal/5-0", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_eq(write(fd, bytes, sizeof bytes), sizeof bytes);
    close(fd);
    file = journal_load("5-0");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(file->records[3].dma, 0x120000);
    ck_assert_uint_eq(file->records[3].handle, 9);
    ck_assert(file->records[3].live == 1 && file->records[3].peer == 5);
    ck_assert(!file->records[2].live && !file->irq.evtchn);
    journal_unload(file, "5-0", 1);
}
END_TEST

START_TEST(what_is_no_journal_does_not_load)
{
    static struct journal journal;

    ck_assert_int_eq(journal_open(&journal, "2-0", "0000:01:10.0"), 0);
    journal.file->magic[0] = 'x';
    ck_assert_ptr_null(journal_load("2-0"));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_int_eq(truncate(journal.path, 100), 0);
    ck_assert_ptr_null(journal_load("2-0"));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_null(journal_load("none"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("journal");
    TCase *test = tcase_create("journal");

    tcase_add_checked_fixture(test, clean, clean);
    tcase_add_test(test, each_queue_has_its_own);
    tcase_add_test(test, former_journal_loads);
    tcase_add_test(test, what_is_no_journal_does_not_load);
    suite_add_tcase(suite, test);
    return run_suite(suite);
}
