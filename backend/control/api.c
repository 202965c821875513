/* SPDX-License-Identifier: MIT */
#include "control/api.h"

#include "common/clock.h"
#include "common/why.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#define TICK_MS 250

struct client {
    int fd; /* -1: free */
    int64_t deadline;
    char request[API_REQUEST_MAX];
    size_t length;
    char *answer; /* NULL while the request is coming in */
    size_t answer_length, sent;
};

struct api {
    int epoll, listener, timer;
    json_t *(*answer)(void *context, const json_t *request);
    void *context;
    struct client clients[API_CLIENTS_MAX];
    unsigned count;
    struct sockaddr_un address;
};

static int watch(struct api *api, int operation, int fd, uint32_t events, void *what)
{
    struct epoll_event event = {.events = events, .data.ptr = what};

    return epoll_ctl(api->epoll, operation, fd, &event);
}

static int listen_on(struct api *api, const char *path)
{
    mode_t mask;
    int rc;

    if (strlen(path) >= sizeof api->address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    api->address.sun_family = AF_UNIX;
    strcpy(api->address.sun_path, path);
    api->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (api->listener < 0 || (unlink(path) < 0 && errno != ENOENT))
        return -1;
    /* Nobody else may connect, not even for the moment before a chmod. */
    mask = umask(0177);
    rc = bind(api->listener, (struct sockaddr *)&api->address, sizeof api->address);
    umask(mask);
    return rc < 0 ? -1 : listen(api->listener, API_CLIENTS_MAX);
}

struct api *api_new(const char *path, json_t *(*answer)(void *context, const json_t *request),
                    void *context, struct why *why)
{
    struct api *api = calloc(1, sizeof *api);

    if (!api) {
        why_fail(why, "no memory");
        return NULL;
    }
    api->listener = -1;
    api->answer = answer;
    api->context = context;
    for (unsigned i = 0; i < API_CLIENTS_MAX; i++)
        api->clients[i].fd = -1;
    api->epoll = epoll_create1(EPOLL_CLOEXEC);
    api->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (api->epoll < 0 || api->timer < 0 || listen_on(api, path) < 0 ||
        watch(api, EPOLL_CTL_ADD, api->listener, EPOLLIN, &api->listener) < 0 ||
        watch(api, EPOLL_CTL_ADD, api->timer, EPOLLIN, &api->timer) < 0) {
        why_fail(why, "cannot listen on %s: %s", path, strerror(errno));
        api_free(api);
        return NULL;
    }
    return api;
}

static void set_timer(struct api *api, bool on)
{
    const struct itimerspec spec = {
        .it_value.tv_nsec = on ? TICK_MS * 1000000 : 0,
        .it_interval.tv_nsec = on ? TICK_MS * 1000000 : 0,
    };

    timerfd_settime(api->timer, 0, &spec, NULL);
}

static void hang_up(struct api *api, struct client *client)
{
    close(client->fd);
    free(client->answer);
    client->answer = NULL;
    client->fd = -1;
    /* There is room again for those that wait. */
    if (api->count-- == API_CLIENTS_MAX)
        watch(api, EPOLL_CTL_MOD, api->listener, EPOLLIN, &api->listener);
    if (!api->count)
        set_timer(api, false);
}

void api_free(struct api *api)
{
    if (!api)
        return;
    for (unsigned i = 0; i < API_CLIENTS_MAX; i++)
        if (api->clients[i].fd >= 0)
            hang_up(api, &api->clients[i]);
    if (api->listener >= 0) {
        close(api->listener);
        unlink(api->address.sun_path);
    }
    if (api->timer >= 0)
        close(api->timer);
    if (api->epoll >= 0)
        close(api->epoll);
    free(api);
}

int api_fd(const struct api *api)
{
    return api->epoll;
}

static void welcome(struct api *api)
{
    struct client *client = api->clients;
    int fd;

    if (api->count == API_CLIENTS_MAX)
        return;
    fd = accept4(api->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    while (client->fd >= 0)
        client++;
    if (watch(api, EPOLL_CTL_ADD, fd, EPOLLIN, client) < 0) {
        close(fd);
        return;
    }
    *client = (struct client){.fd = fd, .deadline = clock_ms() + API_PATIENCE_MS};
    if (!api->count++)
        set_timer(api, true);
    if (api->count == API_CLIENTS_MAX)
        watch(api, EPOLL_CTL_MOD, api->listener, 0, &api->listener);
}

static void send_answer(struct api *api, struct client *client)
{
    while (client->sent < client->answer_length) {
        ssize_t length = send(client->fd, client->answer + client->sent,
                              client->answer_length - client->sent, MSG_NOSIGNAL);

        if (length < 0 && errno == EAGAIN) {
            watch(api, EPOLL_CTL_MOD, client->fd, EPOLLOUT, client);
            return;
        }
        if (length < 0)
            break;
        client->sent += (size_t)length;
    }
    hang_up(api, client);
}

/* Nobody is listened to while an answer is made: that time is not the clients' to be patient with. */
static json_t *ask(struct api *api, const json_t *request)
{
    int64_t began = clock_ms();
    json_t *answer = api->answer(api->context, request);
    int64_t took = clock_ms() - began;

    for (unsigned i = 0; i < API_CLIENTS_MAX; i++)
        api->clients[i].deadline += took;
    return answer;
}

static json_t *document(struct api *api, const struct client *client)
{
    json_error_t error;
    json_t *request = json_loadb(client->request, client->length, JSON_REJECT_DUPLICATES, &error);
    json_t *answer;

    if (!json_is_object(request))
        answer = json_pack("{s:s}", "error", "the request is not one line with a JSON object");
    else
        answer = ask(api, request);
    json_decref(request);
    return answer;
}

static void reply(struct api *api, struct client *client)
{
    json_t *answer = document(api, client);
    char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;

    json_decref(answer);
    if (!text) {
        hang_up(api, client);
        return;
    }
    client->answer = text;
    client->answer_length = strlen(text);
    client->answer[client->answer_length++] = '\n'; /* in place of the terminator */
    client->deadline = clock_ms() + API_PATIENCE_MS;
    send_answer(api, client);
}

static void receive(struct api *api, struct client *client)
{
    ssize_t length = recv(client->fd, client->request + client->length,
                          sizeof client->request - client->length, 0);
    char *end;

    if (length < 0 && errno == EAGAIN)
        return;
    if (length > 0) {
        end = memchr(client->request + client->length, '\n', (size_t)length);
        client->length += (size_t)length;
        if (!end && client->length < sizeof client->request)
            return;
        /* Without a newline in sight it is no request, and its text is answered as such. */
        client->length = end ? (size_t)(end - client->request) : 0;
    }
    if (length < 0 || (!length && !client->length))
        hang_up(api, client);
    else
        reply(api, client);
}

static void drop_overdue(struct api *api)
{
    int64_t now = clock_ms();
    uint64_t ticks;

    if (read(api->timer, &ticks, sizeof ticks) < 0)
        return;
    for (unsigned i = 0; i < API_CLIENTS_MAX; i++)
        if (api->clients[i].fd >= 0 && now >= api->clients[i].deadline)
            hang_up(api, &api->clients[i]);
}

void api_ready(struct api *api)
{
    struct epoll_event event;

    /* One event a call: what a client was hung up for is then never stale. The rest stays
     * readable. */
    if (epoll_wait(api->epoll, &event, 1, 0) != 1)
        return;
    if (event.data.ptr == &api->listener) {
        welcome(api);
    } else if (event.data.ptr == &api->timer) {
        drop_overdue(api);
    } else {
        struct client *client = event.data.ptr;

        if (client->answer)
            send_answer(api, client);
        else
            receive(api, client);
    }
}
