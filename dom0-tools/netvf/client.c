/* SPDX-License-Identifier: MIT */
#include "dom0-tools/netvf/client.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/why.h"

/* No answer is anywhere near this; what is longer does not come from netvfd. */
#define ANSWER_MAX (16u << 20)

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int connect_fails(const char *path, struct why *why)
{
    switch (errno) {
    case ENOENT:
    case ECONNREFUSED:
        return why_fail(why, "netvfd is not running: start it with 'systemctl start netvfd'");
    case EACCES:
        return why_fail(why, "%s is not for this user: run netvf as root", path);
    case EAGAIN:
        return why_fail(why, "netvfd does not answer: see its log, and restart it if it hangs");
    default:
        return why_fail(why, "cannot connect to %s: %s", path, strerror(errno));
    }
}

static int open_socket(const char *path, int patience_ms, struct why *why)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    /* For connect() and send(); the answer is waited for with poll(). */
    struct timeval patience = {.tv_sec = patience_ms / 1000};
    int fd;

    if (strlen(path) >= sizeof address.sun_path)
        return why_fail(why, "%s is too long for the name of a socket", path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return why_fail(why, "cannot make a socket: %s", strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
        connect_fails(path, why);
        close(fd);
        return -1;
    }
    return fd;
}

static int send_request(int fd, const json_t *request, struct why *why)
{
    char *text = json_dumps(request, JSON_COMPACT);
    size_t length;
    ssize_t sent;

    if (!text)
        return why_fail(why, "out of memory");
    /* The terminator makes room for the newline that ends the request. */
    length = strlen(text);
    text[length++] = '\n';
    sent = send(fd, text, length, MSG_NOSIGNAL);
    free(text);
    if (sent != (ssize_t)length)
        return why_fail(why, "netvfd does not take the request: see its log");
    return 0;
}

/* Reads until the daemon closes its end. */
static char *receive(int fd, size_t *length, int patience_ms, struct why *why)
{
    int64_t deadline = now_ms() + patience_ms;
    size_t size = 0, used = 0;
    char *answer = NULL;

    for (;;) {
        struct pollfd poller = {.fd = fd, .events = POLLIN};
        int64_t left = deadline - now_ms();
        ssize_t count;

        if (used == size) {
            char *larger =
                size < ANSWER_MAX ? realloc(answer, size = size ? 2 * size : 4096) : NULL;

            if (!larger) {
                why_fail(why, "netvfd's answer is too long");
                break;
            }
            answer = larger;
        }
        if (left <= 0 || poll(&poller, 1, (int)left) == 0) {
            why_fail(why, "netvfd does not answer: see its log, and restart it if it hangs");
            break;
        }
        count = recv(fd, answer + used, size - used, MSG_DONTWAIT);
        if (count == 0) {
            *length = used;
            return answer;
        }
        if (count < 0 && errno != EINTR && errno != EAGAIN) {
            why_fail(why, "cannot read netvfd's answer: %s", strerror(errno));
            break;
        }
        used += count > 0 ? (size_t)count : 0;
    }
    free(answer);
    return NULL;
}

static json_t *parse(const char *text, size_t length, struct why *why)
{
    json_t *answer = json_loadb(text, length, 0, NULL);
    const char *error;

    if (!json_is_object(answer)) {
        json_decref(answer);
        why_fail(why, "netvfd's answer makes no sense: are netvf and netvfd of the same version?");
        return NULL;
    }
    error = client_text(answer, "error");
    if (error) {
        why_fail(why, "%s", error);
        json_decref(answer);
        return NULL;
    }
    return answer;
}

json_t *client_call(const char *socket, const json_t *request, int patience_ms, struct why *why)
{
    int fd = open_socket(socket, patience_ms, why);
    json_t *answer = NULL;
    size_t length;
    char *text;

    if (fd < 0)
        return NULL;
    if (send_request(fd, request, why) == 0) {
        text = receive(fd, &length, patience_ms, why);
        if (text)
            answer = parse(text, length, why);
        free(text);
    }
    close(fd);
    return answer;
}

const char *client_text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

long long client_number(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

const char *client_link(const json_t *object)
{
    const json_t *link = json_object_get(object, "link");

    if (!json_is_boolean(link))
        return NULL;
    return json_is_true(link) ? "up" : "down";
}

void client_print(const json_t *answer)
{
    json_dumpf(answer, stdout, JSON_INDENT(2));
    putchar('\n');
}
