/* SPDX-License-Identifier: MIT */
/* The program netvf-front as a whole, from its options to its exit code: on Xen's libraries in memory (sim/fake_xen.h), a
 * backend that acts when keys are written and events are sent, and a TAP device that is one end of a socket pair. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xen/io/netif.h>

#include "sim/fake_xen.h"
#include "unit/runner.h"

/* In place of the C library's in frontend/linux/tap.c, by a macro. */
int fake_open(const char *path, int flags, ...);
int fake_ioctl(int fd, unsigned long request, ...);
int netvf_front_main(int argc, char **argv);

#define main netvf_front_main
#include "frontend/linux/netvf-front.c"
#undef main

#define FE  "device/vif/0"
#define BE  "/local/domain/0/backend/vif/5/0"
#define ETH 60u

static enum { GOOD, SILENT, LIAR } backend;
static int wire[2]; /* the other ends of the TAP's queues */
static unsigned taps, ioctls, fail_ioctl;
static bool no_tun, received;
static unsigned sent;

/* ---- TAP ---- */

int fake_open(const char *path, int flags, ...)
{
    static const struct virtio_net_hdr header;
    uint8_t frame[sizeof header + ETH] = {0};
    int pair[2];

    ck_assert_str_eq(path, "/dev/net/tun");
    ck_assert(flags & O_NONBLOCK);
    if (no_tun) {
        errno = ENOENT;
        return -1;
    }
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
                     0);
    ck_assert_uint_lt(taps, 2);
    wire[taps++] = pair[1];
    /* it waits there before anybody listens */
    ck_assert_int_eq(write(pair[1], frame, sizeof frame), sizeof frame);
    return pair[0];
}

int fake_ioctl(int fd, unsigned long request, ...)
{
    struct ifreq *argument;
    va_list list;

    va_start(list, request);
    argument = va_arg(list, void *);
    va_end(list);
    ck_assert_int_ge(fd, 0);
    if (++ioctls == fail_ioctl) {
        errno = EBUSY;
        return -1;
    }
    if (request == TUNSETIFF)
        strcpy(argument->ifr_name, "tap7");
    return 0;
}

/* ---- The backend ---- */

static void *ring(const char *queue, const char *which)
{
    char path[64];

    snprintf(path, sizeof path, FE "/%s%s-ring-ref", queue, which);
    return fake_xen_page((uint32_t)atoi(fake_xen_get(path)));
}

static void offer(const char *queues)
{
    static const char *const features[] = {"feature-rx-copy", "feature-sg", "feature-gso-tcpv4",
                                           "feature-gso-tcpv6", "feature-ipv6-csum-offload"};
    char path[96];

    for (unsigned i = 0; i < sizeof features / sizeof features[0]; i++) {
        snprintf(path, sizeof path, BE "/%s", features[i]);
        fake_xen_set(path, "1");
    }
    fake_xen_set(BE "/multi-queue-max-queues", queues);
}

static void wrote(const char *path, const char *value)
{
    if (strcmp(path, FE "/state") != 0 || backend == SILENT)
        return;
    fake_xen_set(BE "/state", strcmp(value, "1") == 0 ? "2" : value);
}

/* Answers what was sent, by a frame of its own as well. */
static void event_sent(uint32_t port)
{
    const char *queue = atoi(fake_xen_get(FE "/multi-queue-num-queues")) > 1 ? "queue-0/" : "";
    netif_tx_sring_t *tx = ring(queue, "tx");
    netif_rx_sring_t *rx = ring(queue, "rx");

    if (!tx || !rx || tx->rsp_prod == tx->req_prod)
        return;
    while (tx->rsp_prod != tx->req_prod) {
        tx->ring[tx->rsp_prod % 256].rsp = (netif_tx_response_t){
            .id = tx->ring[tx->rsp_prod % 256].req.id, .status = NETIF_RSP_OKAY};
        tx->rsp_prod++;
        sent++;
    }
    if (!received) {
        rx->ring[0].rsp = (netif_rx_response_t){.status = ETH};
        rx->rsp_prod = backend == LIAR ? 300 : 1;
        received = true;
    }
    fake_xen_event(port);
}

static void setup(void)
{
    fake_xen_open();
    fake_xen.wrote = wrote;
    fake_xen.event_sent = event_sent;
    fake_xen_set("domid", "5");
    fake_xen_set(FE "/backend", BE);
    fake_xen_set(FE "/backend-id", "0");
    fake_xen_set(FE "/state", "1");
    fake_xen_set(FE "/mac", "00:16:3e:01:02:03");
    fake_xen_set(BE "/state", "2");
    offer("2");
}

/* Its exit code. It gets a signal when that time is over. */
static int run(unsigned ms, const char *queues)
{
    char *argv[] = {(char[]){"netvf-front"}, (char[]){"--tap"}, (char[]){"tap%d"},
                    (char[]){"--queues"},    strdup(queues),    NULL};
    pid_t clock = fork();
    int code;

    if (!clock) {
        usleep(ms * 1000);
        kill(getppid(), SIGTERM);
        _exit(0);
    }
    code = netvf_front_main(5, argv);
    kill(clock, SIGKILL);
    waitpid(clock, NULL, 0);
    free(argv[4]);
    return code;
}

/* ---- Tests ---- */

/* One frame each way for each queue that is in use; then it says goodbye and gives all back. */
START_TEST(frames_and_goodbye)
{
    uint8_t frame[100];

    ck_assert_int_eq(run(300, _i ? "2" : "1"), 0);
    ck_assert_str_eq(fake_xen_get(FE "/state"), "6");
    ck_assert_uint_ge(sent, 1);
    ck_assert_int_eq(read(wire[0], frame, sizeof frame), sizeof(struct virtio_net_hdr) + ETH);
    ck_assert_uint_eq(taps, _i ? 2 : 1);
    fake_xen_expect_nothing_left();
}
END_TEST

START_TEST(backend_lies)
{
    backend = LIAR;
    ck_assert_int_eq(run(2000, "1"), EXIT_FAILURE);
    ck_assert_uint_eq(sent, 1);
    fake_xen_expect_nothing_left();
}
END_TEST

START_TEST(backend_cannot_copy)
{
    fake_xen_set(BE "/feature-rx-copy", NULL);
    ck_assert_int_eq(run(200, "1"), 0);
    ck_assert_uint_eq(sent, 0);
    fake_xen_expect_nothing_left();
}
END_TEST

START_TEST(no_such_vif)
{
    fake_xen_set(FE, NULL);
    ck_assert_int_eq(run(200, "1"), 0);
    fake_xen_expect_nothing_left();
}
END_TEST

/* It is given up after a while. */
START_TEST(backend_does_not_answer)
{
    fake_xen.wrote = NULL;
    ck_assert_int_eq(run(100, "1"), EXIT_FAILURE);
    fake_xen_expect_nothing_left();
}
END_TEST

static void move_once(uint32_t port)
{
    static unsigned events;

    event_sent(port);
    if (!sent || events++)
        return;
    fake_xen_set("domid", "6");
    fake_xen_set(FE "/state", "1");
    fake_xen_set(BE "/state", "2");
}

/* Suspended and resumed: the channels of before are left alone, with the handle that they are of. */
START_TEST(moved_to_another_domain)
{
    fake_xen.event_sent = move_once;
    ck_assert_int_eq(run(400, "1"), 0);
    ck_assert_uint_eq(fake_xen.shared, 0);
    ck_assert_uint_eq(fake_xen.handles, 1);
}
END_TEST

START_TEST(no_tap)
{
    if (_i)
        fail_ioctl = (unsigned)_i;
    else
        no_tun = true;
    /* 1 the interface, 2 carrier, which may be missing, then MAC, MTU, offloads */
    ck_assert_int_eq(run(300, "1"), _i == 2 ? 0 : EXIT_FAILURE);
    fake_xen_expect_nothing_left();
}
END_TEST

/* Those of its opening end the program, later ones are tried again. */
START_TEST(a_call_fails)
{
    fake_xen.fail_call = (unsigned)_i;
    /* the fourth asks which domain this is */
    ck_assert_int_eq(run(_i <= 6 ? 50 : 1300, "1"), _i <= 5 ? EXIT_FAILURE : 0);
    ck_assert_uint_eq(fake_xen.handles, 0);
    ck_assert_uint_eq(fake_xen.shared, 0);
}
END_TEST

static void parse_words(const char *first, const char *second)
{
    char *argv[] = {(char[]){"netvf-front"}, strdup(first), second ? strdup(second) : NULL, NULL};

    netvf_front_main(second ? 3 : 2, argv);
}

START_TEST(help)
{
    parse_words("--help", NULL);
}
END_TEST

START_TEST(version)
{
    parse_words("--version", NULL);
}
END_TEST

static const char *const wrong[][2] = {
    {"--tap", NULL},   {"--vif", "1"},     {"--vif", "65536"}, {"--queues", "0"},
    {"--queues", "9"}, {"--queues", "1x"}, {"--queues", ""},   {"--nonsense", NULL},
    {"--vif", "-1"},   {"argument", NULL},
};

START_TEST(wrong_options)
{
    parse_words(wrong[_i][0], wrong[_i][1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("front_linux");
    TCase *tc = tcase_create("program");

    tcase_add_checked_fixture(tc, setup, NULL);
    tcase_set_timeout(tc, 30);
    tcase_add_loop_test(tc, frames_and_goodbye, 0, 2);
    tcase_add_test(tc, backend_lies);
    tcase_add_test(tc, backend_cannot_copy);
    tcase_add_test(tc, no_such_vif);
    tcase_add_test(tc, backend_does_not_answer);
    tcase_add_test(tc, moved_to_another_domain);
    tcase_add_loop_test(tc, no_tap, 0, 6);
    tcase_add_loop_test(tc, a_call_fails, 1, 8);
    tcase_add_exit_test(tc, help, 0);
    tcase_add_exit_test(tc, version, 0);
    tcase_add_loop_exit_test(tc, wrong_options, 2, 0, sizeof wrong / sizeof wrong[0]);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
