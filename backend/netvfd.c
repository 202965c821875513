/* SPDX-License-Identifier: MIT */
/* netvfd: the backend of vifs that SR-IOV VFs serve. Options, start, signals, the control side's
 * one loop. */
#include "config.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/why.h"
#include "control/api.h"
#include "control/api_answer.h"
#include "control/kernel_vifs.h"
#include "control/manager.h"
#include "control/vif.h"
#include "control/vif_claim.h"
#include "control/windows.h"
#include "vf/links.h"
#include "vf/hold.h"
#include "vf/pool.h"
#include "vf/vf.h"
#include "xen/context.h"
#include "xen/faults.h"
#include "xen/port.h"
#include "xen/store.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LOCK_FILE   NETVF_RUNDIR "/netvfd.pid"
#define SOCKET_FILE NETVF_RUNDIR "/control"

/* Guests fire watches as fast as they can write their state: the tree is looked at again no
 * sooner than this. */
#define SCAN_EVERY_MS 10

#define WINDOW_PAGES_LIMIT (1u << 24)

struct daemon {
    int lock, epoll, signals, fault;
    struct store *store;
    struct pool *pool;
    struct links *links;
    struct vif_host host;
    struct manager *manager;
    struct kernel_vifs *kernel_vifs;
    struct api_world world;
    struct api *api;
    bool due;     /* something has happened since the last scan */
    bool pending; /* the last scan wants another one soon */
    bool link;    /* a network device has changed since the last check */
    int64_t scanned, checked;
    bool stop;
};

static void usage(FILE *out)
{
    fputs("Usage: netvfd [OPTION]...\n"
          "Serves the vifs of this Xen host whose script is " VIF_CLAIM_SCRIPT
          " through idle SR-IOV VFs.\n\n"
          "  -f, --foreground  stay in the foreground (it always does)\n"
          "      --queues N    offer a guest at most N queues for a vif (default: as many as a\n"
          "                    VF has)\n"
          "      --debug       log every step\n"
          "      --translation auto|host|iommu\n"
          "                    how VFs reach guests' memory (auto: iommu for guests created with\n"
          "                    passthrough=\"enabled\", host for all others)\n"
          "      --window-pages N\n"
          "                    most pages that all guests together may keep pinned in DMA\n"
          "                    windows (16384)\n"
          "      --window-quota N\n"
          "                    most of these for one guest (1024); 0: no windows\n"
          "      --version     print the version and exit\n"
          "  -h, --help        print this and exit\n",
          out);
}

/* 1 to VF_QUEUES_MAX, or more, which is the same: no VF has more. */
static int parse_queues(const char *text, unsigned *queues)
{
    uint32_t number;

    if (store_number(text, UINT32_MAX, &number) < 0 || !number) {
        fprintf(stderr, "netvfd: --queues takes a number, 1 or more, not \"%s\"\n", text);
        return -1;
    }
    *queues = number < VF_QUEUES_MAX ? number : VF_QUEUES_MAX;
    return 0;
}

/* Pages, 0 to the most that a host of today would have. */
static int parse_pages(const char *option, const char *text, unsigned *pages)
{
    uint32_t number;

    if (store_number(text, WINDOW_PAGES_LIMIT, &number) < 0) {
        fprintf(stderr, "netvfd: --%s takes a number of pages, 0 to %u, not \"%s\"\n", option,
                WINDOW_PAGES_LIMIT, text);
        return -1;
    }
    *pages = number;
    return 0;
}

/* -1: go on; else exit with it. */
static int options(int argc, char **argv, struct vif_host *host)
{
    enum {
        OPTION_DEBUG = 256,
        OPTION_QUEUES,
        OPTION_TRANSLATION,
        OPTION_WINDOW_PAGES,
        OPTION_WINDOW_QUOTA,
        OPTION_VERSION
    };
    static const struct option longs[] = {
        {"foreground", no_argument, NULL, 'f'},
        {"debug", no_argument, NULL, OPTION_DEBUG},
        {"queues", required_argument, NULL, OPTION_QUEUES},
        {"translation", required_argument, NULL, OPTION_TRANSLATION},
        {"window-pages", required_argument, NULL, OPTION_WINDOW_PAGES},
        {"window-quota", required_argument, NULL, OPTION_WINDOW_QUOTA},
        {"version", no_argument, NULL, OPTION_VERSION},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "fh", longs, NULL)) >= 0) {
        switch (option) {
        case 'f':
            break;
        case OPTION_DEBUG:
            log_set_level(LOG_LEVEL_DEBUG);
            break;
        case OPTION_TRANSLATION:
            if (translation_parse(optarg, &host->translation) < 0) {
                usage(stderr);
                return EXIT_FAILURE;
            }
            break;
        case OPTION_QUEUES:
            if (parse_queues(optarg, &host->queues) < 0)
                return EXIT_FAILURE;
            break;
        case OPTION_WINDOW_PAGES:
            if (parse_pages("window-pages", optarg, &host->windows->pages) < 0)
                return EXIT_FAILURE;
            break;
        case OPTION_WINDOW_QUOTA:
            if (parse_pages("window-quota", optarg, &host->windows->quota) < 0)
                return EXIT_FAILURE;
            break;
        case OPTION_VERSION:
            puts(PACKAGE_STRING);
            return EXIT_SUCCESS;
        case 'h':
            usage(stdout);
            return EXIT_SUCCESS;
        default:
            usage(stderr);
            return EXIT_FAILURE;
        }
    }
    if (optind < argc) {
        usage(stderr);
        return EXIT_FAILURE;
    }
    return -1;
}

/* Two daemons would give the same VF to two vifs. The lock goes with the process, however it
 * ends. */
static int take_lock(struct daemon *d, struct why *why)
{
    if (mkdir(NETVF_RUNDIR, 0755) < 0 && errno != EEXIST)
        return why_fail(why, "cannot make " NETVF_RUNDIR ": %s", strerror(errno));
    d->lock = open(LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (d->lock < 0)
        return why_fail(why, "cannot open " LOCK_FILE ": %s", strerror(errno));
    if (flock(d->lock, LOCK_EX | LOCK_NB) < 0)
        return why_fail(why, "another netvfd runs already (" LOCK_FILE " is locked)");
    if (ftruncate(d->lock, 0) < 0 || dprintf(d->lock, "%d\n", (int)getpid()) < 0)
        return why_fail(why, "cannot write " LOCK_FILE ": %s", strerror(errno));
    return 0;
}

static int watch_fd(struct daemon *d, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    return fd < 0 ? 0 : epoll_ctl(d->epoll, EPOLL_CTL_ADD, fd, &event);
}

/* Before any thread is started, so that all of them inherit the mask. */
static int open_loop(struct daemon *d, struct why *why)
{
    sigset_t mask;

    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGINT);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    signal(SIGPIPE, SIG_IGN);
    d->epoll = epoll_create1(EPOLL_CLOEXEC);
    d->signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    d->fault = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (d->epoll < 0 || d->signals < 0 || d->fault < 0 || watch_fd(d, d->signals) < 0 ||
        watch_fd(d, d->fault) < 0)
        return why_fail(why, "cannot set up the event loop: %s", strerror(errno));
    return 0;
}

static void strand(void *pool, const char *pci)
{
    pool_strand(pool, pci);
}

/* What a daemon that died left behind must be quiet and given back before any VF is lent again. */
static int clean_up_after_the_last(struct daemon *d, struct why *why)
{
    unsigned stuck;

    d->pool = pool_new(PF_SYSFS, &pool_hardware);
    if (!d->pool)
        return why_fail(why, "no memory");
    stuck = port_recover(vf_quiesce) + context_recover(vf_quiesce, strand, d->pool);
    hold_recover();
    if (stuck)
        log_error("%u pages or VFs of a former netvfd could not be given back", stuck);
    pool_quiesce_idle(d->pool);
    return 0;
}

static int start(struct daemon *d, struct why *why)
{
    struct why fault;

    if (port_probe(why) < 0 || take_lock(d, why) < 0 || open_loop(d, why) < 0)
        return -1;
    d->store = store_open(why);
    if (!d->store)
        return -1;
    if (store_own_domid(d->store, &d->host.own_domid) < 0)
        return why_fail(why, "xenstore does not tell which domain this is: %s", strerror(errno));
    if (clean_up_after_the_last(d, why) < 0)
        return -1;
    d->host.store = d->store;
    d->host.pool = d->pool;
    d->host.fault_fd = d->fault;
    d->host.contexts = &context_libxen;
    d->host.faults = iommu_faults_open(&fault);
    if (!d->host.faults)
        log_warn("%s", fault.text);
    d->kernel_vifs = kernel_vifs_new(PF_SYSFS, NETVF_RUNDIR, d->store, d->host.own_domid, why);
    if (!d->kernel_vifs)
        return -1;
    d->manager = manager_new(&d->host, why);
    if (!d->manager)
        return -1;
    d->world =
        (struct api_world){.manager = d->manager, .pool = d->pool, .windows = d->host.windows};
    d->api = api_new(SOCKET_FILE, api_answer, &d->world, why);
    if (!d->api)
        return -1;
    d->links = links_open(why);
    if (!d->links)
        return -1;
    if (watch_fd(d, links_fd(d->links)) < 0 || watch_fd(d, store_fd(d->store)) < 0 ||
        watch_fd(d, kernel_vifs_fd(d->kernel_vifs)) < 0 || watch_fd(d, api_fd(d->api)) < 0)
        return why_fail(why, "cannot set up the event loop: %s", strerror(errno));
    return 0;
}

/* In reverse order; also after a start that has come only so far. Vifs stay in their states: see
 * vif_stop. */
static void stop(struct daemon *d)
{
    links_close(d->links);
    api_free(d->api);
    manager_free(d->manager);
    kernel_vifs_free(d->kernel_vifs);
    if (d->host.faults)
        d->host.faults->close(d->host.faults);
    pool_free(d->pool);
    store_close(d->store);
    if (d->fault >= 0)
        close(d->fault);
    if (d->signals >= 0)
        close(d->signals);
    if (d->epoll >= 0)
        close(d->epoll);
    if (d->lock >= 0)
        close(d->lock);
}

/* sd_notify(3), of which no more than this is needed. */
static void tell_service_manager(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = path ? strlen(path) : 0;
    int fd;

    if (!length || length >= sizeof address.sun_path)
        return;
    memcpy(address.sun_path, path, length);
    if (address.sun_path[0] == '@')
        address.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address,
               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) < 0)
        log_debug("cannot notify %s: %s", path, strerror(errno));
    close(fd);
}

static void handle(struct daemon *d, int fd)
{
    struct signalfd_siginfo info;
    uint64_t faults;

    if (fd == d->signals) {
        d->stop = read(fd, &info, sizeof info) == sizeof info;
    } else if (fd == d->fault) {
        d->due |= read(fd, &faults, sizeof faults) == sizeof faults;
    } else if (fd == store_fd(d->store)) {
        d->due |= store_drain(d->store) > 0;
    } else if (fd == kernel_vifs_fd(d->kernel_vifs)) {
        d->due |= kernel_vifs_drain(d->kernel_vifs);
    } else if (fd == links_fd(d->links)) {
        d->link |= links_drain(d->links);
    } else if (fd == api_fd(d->api)) {
        api_ready(d->api);
    }
}

/* Milliseconds until the next scan, -1 if only an event can bring it. */
static int until_scan(const struct daemon *d)
{
    int64_t next = d->due ? d->scanned + SCAN_EVERY_MS : d->scanned + MANAGER_TICK_MS;
    int64_t now = clock_ms();

    if (!d->due && !d->pending)
        return -1;
    return next > now ? (int)(next - now) : 0;
}

/* The same until the VFs of connected vifs, and those out of order, are to be looked at. */
static int until_check(const struct daemon *d)
{
    int64_t next = d->checked + MANAGER_CHECK_MS, now = clock_ms();

    if (!manager_serves(d->manager) && !pool_has_broken(d->pool))
        return -1;
    return d->link || next <= now ? 0 : (int)(next - now);
}

static int sooner(int a, int b)
{
    return a < 0 || (b >= 0 && b < a) ? b : a;
}

static void check(struct daemon *d)
{
    d->due |= manager_check(d->manager, d->link);
    pool_mend(d->pool, clock_ms());
    d->link = false;
    d->checked = clock_ms();
}

static void scan(struct daemon *d)
{
    d->due = false;
    d->pending = manager_scan(d->manager);
    d->pending |= kernel_vifs_scan(d->kernel_vifs);
    d->scanned = clock_ms();
}

static int run(struct daemon *d)
{
    struct epoll_event events[8];

    d->due = true;
    while (!d->stop) {
        int count = epoll_wait(d->epoll, events, 8, sooner(until_scan(d), until_check(d)));

        if (count < 0 && errno != EINTR) {
            log_error("the event loop has failed: %s", strerror(errno));
            return -1;
        }
        for (int i = 0; i < count; i++)
            handle(d, events[i].data.fd);
        if (!d->stop && until_check(d) == 0)
            check(d);
        if (!d->stop && until_scan(d) == 0)
            scan(d);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct daemon d = {
        .lock = -1, .epoll = -1, .signals = -1, .fault = -1, .host.queues = VF_QUEUES_MAX};
    static struct window_budget windows;
    struct why why;
    int rc;

    window_budget_init(&windows, WINDOW_BUDGET_PAGES, WINDOW_GUEST_QUOTA);
    d.host.windows = &windows;
    rc = options(argc, argv, &d.host);

    if (rc >= 0)
        return rc;
    if (start(&d, &why) < 0) {
        log_error("netvfd: %s", why.text);
        stop(&d);
        return EXIT_FAILURE;
    }
    log_info("netvfd " PACKAGE_VERSION " serves the vifs of domain %u's script " VIF_CLAIM_SCRIPT,
             d.host.own_domid);
    tell_service_manager("READY=1");
    rc = run(&d);
    tell_service_manager("STOPPING=1");
    stop(&d);
    log_info("netvfd has stopped");
    return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
