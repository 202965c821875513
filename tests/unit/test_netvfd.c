/* SPDX-License-Identifier: MIT */
/* The daemon as a whole, from its options to its exit code: on Xen's libraries in memory (sim/fake_xen.h), a sysfs in a
 * temporary directory, and a NETVF_RUNDIR in the build tree. What it does for a vif is shown elsewhere; here it starts,
 * answers, and stops. */
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/fake_sysfs.h"
#include "sim/fake_xen.h"
#include "unit/runner.h"
#include "vf/pf.h"

int netvfd_main(int argc, char **argv);
FILE *fake_fopen(const char *path, const char *mode);

static const char *sysfs;

#undef PF_SYSFS
#define PF_SYSFS sysfs
#define main     netvfd_main
#include "backend/netvfd.c"
#undef main

#define BE "/local/domain/0/backend/vif/5/0"

static char capabilities[32];

/* In place of the C library's in all other files, by a macro. */
FILE *fake_fopen(const char *path, const char *mode)
{
    if (strcmp(path, "/proc/xen/capabilities") != 0) {
        int fd = open(path, *mode == 'r' ? O_RDONLY : O_WRONLY | O_CREAT | O_TRUNC, 0644);

        return fd < 0 ? NULL : fdopen(fd, mode);
    }
    if (capabilities[0])
        return fmemopen(capabilities, strlen(capabilities), "r");
    errno = ENOENT;
    return NULL;
}

static void setup(void)
{
    sysfs = fake_sysfs_open();
    fake_sysfs_file("bus/xen-backend/drivers_autoprobe", "1");
    fake_sysfs_file("bus/xen-backend/drivers_probe", "");
    fake_sysfs_file("bus/xen-backend/devices/vif-5-0/nodename", "backend/vif/5/0");
    fake_xen_open();
    fake_xen.domains[5] = (struct fake_xen_domain){.there = true};
    fake_xen_set("domid", "0");
    strcpy(capabilities, "control_d\n");
}

static void teardown(void)
{
    fake_sysfs_close();
}

static int run_daemon(const char *first, const char *second)
{
    char *argv[] = {(char[]){"netvfd"}, first ? strdup(first) : NULL,
                    second ? strdup(second) : NULL, NULL};
    int code = netvfd_main(second ? 3 : first ? 2 : 1, argv);

    free(argv[1]);
    free(argv[2]);
    return code;
}

/* ---- A life ---- */

static int service; /* what a service manager listens on */

static void listen_as_service_manager(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = NETVF_RUNDIR "/notify"};

    mkdir(NETVF_RUNDIR, 0755);
    unlink(address.sun_path);
    service = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(service, (struct sockaddr *)&address, sizeof address), 0);
    setenv("NOTIFY_SOCKET", address.sun_path, 1);
}

static bool told(const char *what)
{
    char text[64] = "";

    return read(service, text, sizeof text - 1) > 0 && strcmp(text, what) == 0;
}

/* Asks the control socket; true if that is in its answer. */
static bool ask(const char *request, const char *answer)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = NETVF_RUNDIR "/control"};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char text[4096] = "";
    size_t length = 0;
    ssize_t got;

    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        write(fd, request, strlen(request)) < 0)
        return false;
    while ((got = read(fd, text + length, sizeof text - 1 - length)) > 0)
        length += (size_t)got;
    close(fd);
    return strstr(text, answer) != NULL;
}

/* The other process: all that is asked of the daemon while it lives. Exits with 0 if all was as it should be. */
static pid_t life(int signal_to_end)
{
    pid_t child = fork();
    bool good;

    if (child)
        return child;
    good = told("READY=1");
    good = good && ask("{\"call\":\"list\"}\n", "\"leaks\"");
    good = good && ask("{\"call\":\"show\"}\n", "\"vifs\"");
    good = good && ask("{\"call\":\"nonsense\"}\n", "\"error\"");
    kill(getppid(), signal_to_end);
    _exit(good && told("STOPPING=1") ? 0 : 1);
}

START_TEST(starts_answers_stops)
{
    int status;
    pid_t child;

    listen_as_service_manager();
    child = life(_i ? SIGINT : SIGTERM);
    ck_assert_int_eq(run_daemon(_i ? "--debug" : "--foreground", NULL), 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    /* the kernel's vifs are the kernel's again */
    ck_assert_str_eq(fake_sysfs_read("bus/xen-backend/drivers_autoprobe"), "1");
    fake_xen_expect_nothing_left();
}
END_TEST

/* A vif of ours, whose PF this host does not have: it is said where the toolstack reads it. */
START_TEST(a_vif_without_a_pf)
{
    int status;
    pid_t child;

    fake_xen_set(BE "/frontend", "/local/domain/5/device/vif/0");
    fake_xen_set(BE "/frontend-id", "5");
    fake_xen_set(BE "/script", "/etc/xen/scripts/vif-netvf");
    fake_xen_set(BE "/bridge", "eth9");
    fake_xen_set(BE "/mac", "00:16:3e:01:02:03");
    fake_xen_set(BE "/handle", "0");
    fake_xen_set(BE "/state", "1");
    fake_xen_set("/local/domain/5/device/vif/0/state", "1");
    listen_as_service_manager();
    child = fork();
    if (!child) {
        bool good = told("READY=1");

        for (unsigned i = 0; good && i < 100 && !ask("{\"call\":\"show\"}\n", "eth9"); i++)
            usleep(10000);
        good = good && ask("{\"call\":\"show\"}\n", "eth9");
        kill(getppid(), SIGTERM);
        _exit(good ? 0 : 1);
    }
    ck_assert_int_eq(run_daemon(NULL, NULL), 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_ptr_nonnull(strstr(fake_xen_get(BE "/netvf/error"), "eth9"));
}
END_TEST

/* ---- Starts that fail ---- */

START_TEST(cannot_start)
{
    int lock;

    switch (_i) {
    case 0:
        capabilities[0] = 0;
        break;
    case 1:
        strcpy(capabilities, "none\n");
        break;
    case 2: /* another one runs */
        mkdir(NETVF_RUNDIR, 0755);
        lock = open(LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        ck_assert_int_eq(flock(lock, LOCK_EX | LOCK_NB), 0);
        break;
    case 3: /* no xenbus */
        fake_sysfs_remove("bus/xen-backend");
        break;
    case 4:
        fake_xen_set("domid", NULL);
        break;
    default: /* a call of Xen's or of xenstore's */
        fake_xen.fail_call = (unsigned)_i - 4;
        break;
    }
    ck_assert_int_eq(run_daemon(NULL, NULL), EXIT_FAILURE);
    fake_xen_expect_nothing_left();
}
END_TEST

/* What a former daemon held back for itself is let go of. */
START_TEST(recovers_held_vfs)
{
    mkdir(NETVF_RUNDIR, 0755);
    mkdir(NETVF_RUNDIR "/held", 0755);
    ck_assert_int_ge(close(open(NETVF_RUNDIR "/held/ffff:ff:1f.7", O_CREAT | O_WRONLY, 0600)), 0);
    fake_xen_set("domid", NULL);
    hold_recover();
    ck_assert_int_eq(access(NETVF_RUNDIR "/held/ffff:ff:1f.7", F_OK), -1);
}
END_TEST

/* ---- Options ---- */

static const struct {
    const char *option, *value;
    int code;
} options_of[] = {
    {"--help", NULL, EXIT_SUCCESS},
    {"-h", NULL, EXIT_SUCCESS},
    {"--version", NULL, EXIT_SUCCESS},
    {"--nonsense", NULL, EXIT_FAILURE},
    {"argument", NULL, EXIT_FAILURE},
    {"--queues", "0", EXIT_FAILURE},
    {"--queues", "x", EXIT_FAILURE},
    {"--queues", "1", EXIT_FAILURE}, /* and there is no Xen */
    {"--translation", "none", EXIT_FAILURE},
    {"--translation", "host", EXIT_FAILURE},
};

START_TEST(command_line)
{
    capabilities[0] = 0;
    ck_assert_int_eq(run_daemon(options_of[_i].option, options_of[_i].value), options_of[_i].code);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("netvfd");
    TCase *tc = tcase_create("daemon");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 30);
    tcase_add_loop_test(tc, starts_answers_stops, 0, 2);
    tcase_add_test(tc, a_vif_without_a_pf);
    tcase_add_loop_test(tc, cannot_start, 0, 7);
    tcase_add_test(tc, recovers_held_vfs);
    tcase_add_loop_test(tc, command_line, 0, sizeof options_of / sizeof options_of[0]);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
