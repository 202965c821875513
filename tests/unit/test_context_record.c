/* SPDX-License-Identifier: MIT */
/* What a VF's stay in a guest's context leaves for the next daemon: names, form, and what is no such file. Built with a
 * NETVF_RUNDIR of its own in the build tree. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit/runner.h"
#include "xen/context_record.h"

#define DIRECTORY NETVF_RUNDIR "/context/"

static const struct context_record record = {
    .pci = "0000:01:10.0", .domid = 7, .assigned = 1, .page_count = 2, .frames = {0x1234, 0x5678}};

static char found[4][32];
static unsigned count;

static void keep(const char *name, void *context)
{
    (void)context;
    ck_assert_uint_lt(count, 4);
    snprintf(found[count++], sizeof found[0], "%s", name);
}

static void clean(void)
{
    char path[128];

    count = 0;
    context_file_each(keep, NULL);
    for (unsigned i = 0; i < count; i++) {
        snprintf(path, sizeof path, DIRECTORY "%s", found[i]);
        unlink(path);
    }
    count = 0;
}

START_TEST(what_is_written_is_read)
{
    struct context_record read;
    struct context_file file;

    ck_assert_int_eq(context_file_create(&file, "1-0"), 0);
    ck_assert_int_eq(context_file_write(&file, &record), 0);
    context_file_close(&file, 0);
    ck_assert_int_eq(context_file_read("1-0", &file, &read), 0);
    ck_assert_str_eq(read.pci, "0000:01:10.0");
    ck_assert_uint_eq(read.domid, 7);
    ck_assert_uint_eq(read.assigned, 1);
    ck_assert_uint_eq(read.page_count, 2);
    ck_assert_uint_eq(read.frames[1], 0x5678);
    context_file_close(&file, 1);
    context_file_each(keep, NULL);
    ck_assert_uint_eq(count, 0);
}
END_TEST

/* What a former daemon has left stays. */
START_TEST(one_of_the_same_name_is_there)
{
    struct context_file first, second;

    ck_assert_int_eq(context_file_create(&first, "1-0"), 0);
    ck_assert_int_eq(context_file_create(&second, "1-0"), 0);
    context_file_each(keep, NULL);
    ck_assert_uint_eq(count, 2);
    ck_assert(strcmp(found[0], "1-0~1") == 0 || strcmp(found[1], "1-0~1") == 0);
    context_file_close(&second, 1);
    context_file_close(&first, 1);
}
END_TEST

/* A file that a daemon has created and not written, one of another form, one with more pages than there can be. */
START_TEST(no_record)
{
    struct context_record wrong = record, read;
    struct context_file file;
    int fd;

    ck_assert_int_eq(context_file_create(&file, "1-0"), 0);
    ck_assert_int_eq(context_file_read("1-0", &file, &read), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_int_eq(context_file_read("2-0", &file, &read), -1);
    ck_assert_int_eq(errno, ENOENT);
    fd = open(DIRECTORY "1-0", O_WRONLY | O_CLOEXEC);
    ck_assert_int_eq(write(fd, &wrong, sizeof wrong), sizeof wrong); /* no magic */
    close(fd);
    ck_assert_int_eq(context_file_read("1-0", &file, &read), -1);
    ck_assert_int_eq(errno, EINVAL);
    wrong.page_count = CONTEXT_PAGES_MAX + 1;
    ck_assert_int_eq(context_file_create(&file, "1-1"), 0);
    ck_assert_int_eq(context_file_write(&file, &wrong), 0);
    context_file_close(&file, 0);
    ck_assert_int_eq(context_file_read("1-1", &file, &read), -1);
    ck_assert_int_eq(errno, EINVAL);
}
END_TEST

/* A full tmpfs: /dev/full is one. */
START_TEST(no_space)
{
    struct context_file file = {.fd = open("/dev/full", O_WRONLY | O_CLOEXEC)};

    ck_assert_int_ge(file.fd, 0);
    ck_assert_int_eq(context_file_write(&file, &record), -1);
    ck_assert_int_eq(errno, ENOSPC);
    close(file.fd);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("context_record");
    TCase *test = tcase_create("context_record");

    tcase_add_checked_fixture(test, clean, clean);
    tcase_add_test(test, what_is_written_is_read);
    tcase_add_test(test, one_of_the_same_name_is_there);
    tcase_add_test(test, no_record);
    tcase_add_test(test, no_space);
    suite_add_tcase(suite, test);
    return run_suite(suite);
}
