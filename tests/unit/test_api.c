/* SPDX-License-Identifier: MIT */
/* The control socket with good, bad and slow clients. */
#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/why.h"
#include "control/api.h"
#include "unit/runner.h"

static char directory[32], path[64];
static struct api *api;
static struct why why;
static unsigned asked, padding, takes_ms;

static json_t *answer(void *context, const json_t *request)
{
    char *text = calloc(1, padding + 1);
    json_t *document;

    (void)context;
    asked++;
    usleep(takes_ms * 1000);
    memset(text, 'x', padding);
    document = json_pack("{s:O, s:s}", "you", json_object_get(request, "call"), "pad", text);
    free(text);
    return document;
}

static void setup(void)
{
    asked = padding = takes_ms = 0;
    strcpy(directory, "/tmp/netvf-api-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/control", directory);
    api = api_new(path, answer, NULL, &why);
    ck_assert_msg(api != NULL, "%s", why.text);
}

static void teardown(void)
{
    api_free(api);
    ck_assert_int_ne(access(path, F_OK), 0);
    rmdir(directory);
}

static int dial(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strcpy(address.sun_path, path);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* The daemon's loop, until nothing has happened for `quiet` milliseconds. */
static void serve(int quiet)
{
    struct pollfd ready = {.fd = api_fd(api), .events = POLLIN};

    while (poll(&ready, 1, quiet) > 0)
        api_ready(api);
}

/* All that comes until we are hung up on, with the daemon served meanwhile. */
static size_t take(int fd, char *text, size_t size)
{
    struct pollfd both[2] = {{.fd = api_fd(api), .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    size_t length = 0;

    while (poll(both, 2, 3000) > 0) {
        ssize_t more;

        if (both[0].revents)
            api_ready(api);
        if (!both[1].revents)
            continue;
        more = recv(fd, text + length, size - 1 - length, 0);
        if (more <= 0)
            break;
        length += (size_t)more;
    }
    text[length] = '\0';
    close(fd);
    return length;
}

static void ask(const char *request, char *text, size_t size)
{
    int fd = dial();

    ck_assert_int_eq(send(fd, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
    take(fd, text, size);
}

START_TEST(answers_one_line)
{
    struct stat status;
    char text[256];

    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0600);
    ask("{\"call\":\"list\"}\n", text, sizeof text);
    ck_assert_str_eq(text, "{\"you\":\"list\",\"pad\":\"\"}\n");
    ask("{\"call\":\"list\"}\n{\"call\":\"show\"}\n", text, sizeof text);
    ck_assert_uint_eq(asked, 2);
}
END_TEST

START_TEST(takes_a_request_in_pieces)
{
    char text[256];
    int fd = dial();

    ck_assert_int_eq(send(fd, "{\"call\":", 8, 0), 8);
    serve(20);
    ck_assert_int_eq(send(fd, "\"show\"}\n", 8, 0), 8);
    take(fd, text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "show"));
}
END_TEST

START_TEST(refuses_nonsense)
{
    static const char *const requests[] = {"nonsense\n", "[]\n", "\n", "{\"call\":\"list\"\n",
                                           "{\"a\":1,\"a\":2}\n"};
    char text[256], big[API_REQUEST_MAX + 1];

    for (unsigned i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        ask(requests[i], text, sizeof text);
        ck_assert_msg(strncmp(text, "{\"error\":\"", 10) == 0, "%s: %s", requests[i], text);
    }
    memset(big, 'x', API_REQUEST_MAX);
    big[API_REQUEST_MAX] = '\0';
    ask(big, text, sizeof text);
    ck_assert_int_eq(strncmp(text, "{\"error\":\"", 10), 0);
    ck_assert_uint_eq(asked, 0);
}
END_TEST

START_TEST(sends_what_does_not_fit_into_a_socket)
{
    size_t size = 4u << 20;
    char *text = malloc(size);

    padding = 2u << 20;
    ask("{\"call\":\"list\"}\n", text, size);
    ck_assert_uint_gt(strlen(text), padding);
    ck_assert_int_eq(text[strlen(text) - 1], '\n');
    free(text);
}
END_TEST

START_TEST(drops_a_client_that_says_nothing)
{
    int64_t start = clock_ms();
    int fd = dial();
    char text[8];

    ck_assert_uint_eq(take(fd, text, sizeof text), 0);
    ck_assert_int_ge(clock_ms() - start, API_PATIENCE_MS);
    ck_assert_int_lt(clock_ms() - start, 3 * API_PATIENCE_MS);
}
END_TEST

/* An answer that takes as long as a VF's reset does, and one who was there before and has yet to ask. */
START_TEST(long_answers_are_not_the_clients_fault)
{
    int other = dial(), fd = dial();
    char text[256];

    serve(20);
    takes_ms = API_PATIENCE_MS + 300;
    ck_assert_int_eq(send(fd, "{\"call\":\"set\"}\n", 15, 0), 15);
    serve(10);
    ck_assert_uint_eq(asked, 1);
    ck_assert_uint_gt(take(fd, text, sizeof text), 0);
    takes_ms = 0;
    ck_assert_int_eq(send(other, "{\"call\":\"show\"}\n", 16, MSG_NOSIGNAL), 16);
    ck_assert_uint_gt(take(other, text, sizeof text), 0);
    ck_assert_ptr_nonnull(strstr(text, "show"));
}
END_TEST

START_TEST(serves_no_more_than_it_can)
{
    int fds[API_CLIENTS_MAX + 4];
    char text[256];

    for (unsigned i = 0; i < API_CLIENTS_MAX + 4; i++) {
        fds[i] = dial();
        serve(10);
    }
    /* The last ones wait until the silent ones have been dropped. */
    ck_assert_int_eq(send(fds[API_CLIENTS_MAX + 3], "{\"call\":\"x\"}\n", 13, 0), 13);
    ck_assert_uint_gt(take(fds[API_CLIENTS_MAX + 3], text, sizeof text), 0);
    for (unsigned i = 0; i < API_CLIENTS_MAX + 3; i++)
        close(fds[i]);
    serve(20);
}
END_TEST

START_TEST(survives_a_client_that_leaves)
{
    int fd = dial();

    padding = 2u << 20;
    ck_assert_int_eq(send(fd, "{\"call\":\"x\"}\n", 13, 0), 13);
    close(fd);
    serve(20);
    close(dial());
    serve(20);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api");
    TCase *test = tcase_create("api");

    tcase_add_checked_fixture(test, setup, teardown);
    tcase_set_timeout(test, 20);
    tcase_add_test(test, answers_one_line);
    tcase_add_test(test, takes_a_request_in_pieces);
    tcase_add_test(test, refuses_nonsense);
    tcase_add_test(test, sends_what_does_not_fit_into_a_socket);
    tcase_add_test(test, drops_a_client_that_says_nothing);
    tcase_add_test(test, long_answers_are_not_the_clients_fault);
    tcase_add_test(test, serves_no_more_than_it_can);
    tcase_add_test(test, survives_a_client_that_leaves);
    suite_add_tcase(suite, test);
    return run_suite(suite);
}
