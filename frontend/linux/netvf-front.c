/* SPDX-License-Identifier: MIT */
/* netvf-front: gives a vif of this domain to a TAP interface, without the kernel's netfront. One thread, one loop. */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "frontend/linux/port.h"
#include "frontend/linux/pump.h"
#include "frontend/linux/tap.h"
#include "frontend/netfront.h"

#define QUEUES_MAX    8u
#define BUFFERS       256u
#define LOOK_MS       1000 /* keys are looked at so often even if no watch tells of them */
#define CLOSE_SECONDS 5    /* the time that a backend gets to answer our closing */

struct options {
    const char *tap;
    unsigned vif, queues, window;
};

struct program {
    struct options options;
    struct netvf_front_port *port;
    struct netvf_front *front;
    void *storage;
    struct tap tap;
    struct pump pumps[QUEUES_MAX];
    char path[32];     /* of the frontend */
    char watched[256]; /* the backend's path, "" for none */
    int signals;
    int state, error;    /* of the last step; said once each */
    uint32_t generation; /* of the connection that the pumps are for; 0: none */
    bool closing, failed;
};

enum { POLL_SIGNALS, POLL_STORE, POLL_EVENTS, POLL_TAP };

static void say(const struct program *p, const char *what, const char *more)
{
    fprintf(stderr, "netvf-front: %s (vif %u): %s%s\n", p->tap.name, p->options.vif, what, more);
}

static const char *state_name(int state)
{
    static const char *const names[] = {
        [NETVF_FRONT_GONE] = "there is no such vif; waiting for it",
        [NETVF_FRONT_WAITING] = "waiting for the backend",
        [NETVF_FRONT_CONNECTING] = "connecting",
        [NETVF_FRONT_CONNECTED] = "connected",
        [NETVF_FRONT_CLOSING] = "closing",
        [NETVF_FRONT_DOWN] = "closed",
    };

    return names[state];
}

/* -- connection ------------------------------------------------------------------------------------------------------- */

static void stop_pumps(struct program *p)
{
    if (!p->generation)
        return;
    for (unsigned i = 0; i < p->options.queues; i++)
        pump_stop(&p->pumps[i]);
    p->generation = 0;
}

static int start_pumps(struct program *p, const struct netvf_front_link *link)
{
    int r;

    p->generation = link->generation;
    if (tap_configure(&p->tap, link) < 0) {
        say(p, "the TAP interface could not be set up: ", strerror(errno));
        return -1;
    }
    for (unsigned i = 0; i < link->queues; i++) {
        r = pump_start(&p->pumps[i], link);
        if (r == 0 && p->options.window)
            r = netvf_front_window_add(p->front, i, p->pumps[i].pages, PUMP_PAGES);
        if (r < 0) {
            say(p, "no pages to send from (see /sys/module/xen_gntalloc/parameters/limit): ",
                strerror(-r));
            return -1;
        }
    }
    return 0;
}

/* What the kernel told of the backend's keys is about the directory that we know. */
static void watch_backend(struct program *p)
{
    const char *path = netvf_front_backend_path(p->front);

    if (!strcmp(path, p->watched))
        return;
    if (p->watched[0])
        linux_port_unwatch(p->port, p->watched);
    snprintf(p->watched, sizeof p->watched, "%s", path);
    if (path[0] && linux_port_watch(p->port, path) < 0)
        say(p, "no watch on the backend: ", strerror(errno));
}

static void tell(struct program *p, int r)
{
    if (r < 0 && r != p->error)
        say(p, "not connected: ",
            r == -EOPNOTSUPP ? "the backend cannot copy (feature-rx-copy)"
            : r == -ENOSPC || r == -ENOMEM
                ? "no pages to share; raise /sys/module/xen_gntalloc/parameters/limit"
                : strerror(-r));
    p->error = r < 0 ? r : 0;
    if (r < 0 || r == p->state)
        return;
    p->state = r;
    say(p, state_name(r), "");
    if (r == NETVF_FRONT_DOWN && netvf_front_fault(p->front)) {
        say(p, "the backend broke the protocol: ", netvf_front_fault(p->front));
        p->failed = true;
    }
}

/* One look at xenstore, and what follows from it. */
static void step(struct program *p)
{
    const struct netvf_front_link *link;
    int r = netvf_front_step(p->front);

    watch_backend(p);
    tell(p, r);
    link = netvf_front_link(p->front);
    if (!link)
        tap_carrier(&p->tap, false);
    /* Until the backend has closed it may read what we had sent. */
    if (link ? link->generation != p->generation : r >= 0 && r != NETVF_FRONT_CLOSING)
        stop_pumps(p);
    if (!link)
        return;
    if (!p->generation && start_pumps(p, link) < 0) {
        p->failed = p->closing = true;
        netvf_front_close(p->front);
        return;
    }
    tap_carrier(&p->tap, link->carrier && p->state == NETVF_FRONT_CONNECTED);
}

/* -- the loop ----------------------------------------------------------------------------------------------------------- */

/* 1: there is more to do at once. */
static int run_pumps(struct program *p)
{
    int more = 0;

    for (unsigned i = 0; i < p->options.queues; i++) {
        int r = pump_run(&p->pumps[i]);

        if (r < 0) {
            step(p);
            return 1;
        }
        more |= r;
    }
    return more;
}

static unsigned fill_poll(const struct program *p, struct pollfd *fds)
{
    bool linked = netvf_front_link(p->front);

    fds[POLL_SIGNALS] = (struct pollfd){.fd = p->signals, .events = POLLIN};
    fds[POLL_STORE] = (struct pollfd){.fd = linux_port_store_fd(p->port), .events = POLLIN};
    fds[POLL_EVENTS] = (struct pollfd){.fd = linux_port_event_fd(p->port), .events = POLLIN};
    /* Without a connection, or room for it, nobody would read it; poll() passes over negative ones. */
    for (unsigned i = 0; i < p->tap.active; i++) {
        bool wanted = linked && p->pumps[i].ready && !p->pumps[i].full;

        fds[POLL_TAP + i] = (struct pollfd){.fd = wanted ? p->tap.fds[i] : -1, .events = POLLIN};
    }
    return POLL_TAP + p->tap.active;
}

/* Reading is asked for only where poll() has found something: in a PV guest each system call is dear. What is left of the
 * events, the next poll() tells of. */
static void take_polled(struct program *p, const struct pollfd *fds)
{
    if (fds[POLL_EVENTS].revents)
        linux_port_take_event(p->port);
    for (unsigned i = 0; i < p->tap.active; i++)
        if (fds[POLL_TAP + i].revents)
            p->pumps[i].readable = true;
}

static void take_signal(struct program *p)
{
    struct signalfd_siginfo info;

    if (read(p->signals, &info, sizeof info) != sizeof info || p->closing)
        return;
    p->closing = true;
    netvf_front_close(p->front);
    step(p);
}

static time_t seconds(void)
{
    struct timespec now;

    /* No system call, whatever the clock source: a second more or less is all the same here. */
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return now.tv_sec;
}

static void loop(struct program *p)
{
    struct pollfd fds[POLL_TAP + QUEUES_MAX];
    time_t looked = 0, closing_since = 0;
    int more = 0;

    for (;;) {
        int r = poll(fds, fill_poll(p, fds), more ? 0 : LOOK_MS);

        if (r < 0 && errno != EINTR) {
            say(p, "poll: ", strerror(errno));
            p->failed = true;
            return;
        }
        if (fds[POLL_SIGNALS].revents)
            take_signal(p);
        take_polled(p, fds);
        if (fds[POLL_STORE].revents || looked != seconds() || netvf_front_ctrl_waiting(p->front)) {
            linux_port_take_watches(p->port);
            step(p);
            looked = seconds();
        }
        more = run_pumps(p);
        if (p->state == NETVF_FRONT_DOWN || (p->closing && p->state == NETVF_FRONT_GONE))
            return;
        if (p->closing && !closing_since)
            closing_since = seconds();
        if (p->closing && seconds() - closing_since > CLOSE_SECONDS) {
            say(p, "the backend does not answer our closing", "");
            p->failed = true;
            return;
        }
    }
}

/* -- start and end -------------------------------------------------------------------------------------------------------- */

static int open_front(struct program *p)
{
    const struct netvf_front_config config = {
        .port = p->port,
        .path = p->path,
        .queues = (uint16_t)p->options.queues,
        .rx_buffers = BUFFERS,
        .sg = true,
        .gso_tcpv4 = true,
        .gso_tcpv6 = true,
        .csum_blank_ipv4 = true,
        .csum_blank_ipv6 = true,
        .window = (uint16_t)p->options.window,
    };
    size_t size = netvf_front_size(p->options.queues);
    int r;

    p->storage = malloc(size);
    if (!p->storage) {
        perror("netvf-front");
        return -1;
    }
    r = netvf_front_init(p->storage, size, &config, &p->front);
    if (r < 0)
        say(p, "the frontend could not be made: ", strerror(-r));
    for (unsigned i = 0; i < p->options.queues; i++)
        p->pumps[i] =
            (struct pump){.front = p->front, .port = p->port, .queue = i, .taps = p->tap.fds};
    return r;
}

static int open_signals(struct program *p)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    p->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (p->signals < 0)
        perror("netvf-front: signalfd");
    return p->signals < 0 ? -1 : 0;
}

static int start(struct program *p)
{
    const char *what;

    p->state = -1;
    snprintf(p->path, sizeof p->path, "device/vif/%u", p->options.vif);
    /* Before libxenstore's thread for watches is made, which must not get them. */
    if (open_signals(p) < 0)
        return -1;
    if (tap_open(&p->tap, p->options.tap, p->options.queues) < 0) {
        fprintf(stderr, "netvf-front: no TAP interface %s: %s\n", p->options.tap, strerror(errno));
        return -1;
    }
    if (linux_port_open(&p->port, &what) < 0) {
        fprintf(stderr, "netvf-front: %s cannot be had: %s\n", what, strerror(errno));
        return -1;
    }
    if (open_front(p) < 0)
        return -1;
    if (linux_port_watch(p->port, p->path) < 0) {
        say(p, "no watch on the vif: ", strerror(errno));
        return -1;
    }
    tap_carrier(&p->tap, false);
    return 0;
}

static void end(struct program *p)
{
    if (p->front) {
        stop_pumps(p);
        netvf_front_drop(p->front);
    }
    if (p->port)
        linux_port_close(p->port);
    tap_close(&p->tap);
    if (p->signals >= 0)
        close(p->signals);
    free(p->storage);
}

static void usage(FILE *out)
{
    fputs("usage: netvf-front --tap NAME [--vif NUMBER] [--queues NUMBER] [--window NUMBER]\n"
          "Gives a vif of this domain to a TAP interface. The kernel's netfront must not have the "
          "vif.\n"
          "  --tap NAME        the interface to make; a %d in it becomes a free number\n"
          "  --vif NUMBER      the vif's number in this domain [0]\n"
          "  --queues NUMBER   most queues to use, 1 to 8 [1]\n"
          "  --window NUMBER   most pages of each queue that the backend is to keep mapped, 0 to "
          "512 [0]\n"
          "  --help, --version\n",
          out);
}

static unsigned number(const char *text, unsigned least, unsigned most)
{
    char *rest;
    unsigned long value = strtoul(text, &rest, 10);

    if (*text < '0' || *text > '9' || *rest || value < least || value > most) {
        fprintf(stderr, "netvf-front: '%s' is no number from %u to %u\n", text, least, most);
        exit(2);
    }
    return (unsigned)value;
}

static struct options parse(int argc, char **argv)
{
    static const struct option known[] = {
        {"tap", required_argument, NULL, 't'},
        {"vif", required_argument, NULL, 'v'},
        {"queues", required_argument, NULL, 'q'},
        {"help", no_argument, NULL, 'h'},
        {"window", required_argument, NULL, 'w'},
        {"version", no_argument, NULL, 'V'},
        {0},
    };
    struct options options = {.queues = 1};
    int c;

    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (c) {
        case 't':
            options.tap = optarg;
            break;
        case 'v':
            options.vif = number(optarg, 0, 65535);
            break;
        case 'q':
            options.queues = number(optarg, 1, QUEUES_MAX);
            break;
        case 'w':
            options.window = number(optarg, 0, NETVF_FRONT_WINDOW_MAX);
            break;
        case 'h':
            usage(stdout);
            exit(0);
        case 'V':
            puts("netvf-front " PACKAGE_VERSION);
            exit(0);
        default:
            usage(stderr);
            exit(2);
        }
    }
    if (!options.tap || optind != argc) {
        usage(stderr);
        exit(2);
    }
    return options;
}

int main(int argc, char **argv)
{
    static struct program program;

    program.options = parse(argc, argv);
    program.signals = -1;
    if (start(&program) == 0)
        loop(&program);
    else
        program.failed = true;
    end(&program);
    return program.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
