/* SPDX-License-Identifier: MIT */
#include "sim/front_sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/errno.h>

#include "sim/sim.h"

#define PAGE 4096u

static struct front_sim *of(struct netvf_front_port *port)
{
    return (struct front_sim *)port;
}

static bool fails(struct front_sim *sim)
{
    if (sim->point)
        sim->point(sim);
    return ++sim->calls == sim->fail_call;
}

/* -- xenstore --------------------------------------------------------------------------------------------------------- */

static struct front_sim_key *find(const struct front_sim *sim, const char *path)
{
    for (unsigned i = 0; i < FRONT_SIM_KEYS; i++)
        if (sim->keys[i].path[0] == path[0] && !strcmp(sim->keys[i].path, path))
            return (struct front_sim_key *)&sim->keys[i];
    return NULL;
}

void front_sim_set(struct front_sim *sim, const char *path, const char *value)
{
    struct front_sim_key *key = find(sim, path);
    size_t length = strlen(path);

    if (!value) {
        for (unsigned i = 0; i < FRONT_SIM_KEYS; i++) {
            key = &sim->keys[i];
            if (key->path[0] && !strncmp(key->path, path, length) &&
                (!key->path[length] || key->path[length] == '/'))
                key->path[0] = 0;
        }
        return;
    }
    if (!key)
        key = find(sim, "");
    if (!key || length >= sizeof key->path || strlen(value) >= sizeof key->value)
        abort();
    strcpy(key->path, path);
    strcpy(key->value, value);
}

const char *front_sim_get(const struct front_sim *sim, const char *path)
{
    const struct front_sim_key *key = find(sim, path);

    return key ? key->value : "";
}

unsigned front_sim_number(const struct front_sim *sim, const char *key)
{
    char path[80];

    snprintf(path, sizeof path, FE_DIR "/%s", key);
    return (unsigned)strtoul(front_sim_get(sim, path), NULL, 10);
}

static int sim_read(struct netvf_front_port *port, const char *path, char *value, size_t size)
{
    const struct front_sim_key *key = find(of(port), path);

    if (fails(of(port)))
        return -XEN_EIO;
    if (!key)
        return -XEN_ENOENT;
    if (strlen(key->value) >= size)
        return -XEN_EINVAL;
    strcpy(value, key->value);
    return (int)strlen(value);
}

static int sim_write(struct netvf_front_port *port, const char *path, const char *value)
{
    if (fails(of(port)))
        return -XEN_EIO;
    front_sim_set(of(port), path, value);
    return 0;
}

static int sim_remove(struct netvf_front_port *port, const char *path)
{
    if (fails(of(port)))
        return -XEN_EIO;
    front_sim_set(of(port), path, NULL);
    return 0;
}

static int sim_begin(struct netvf_front_port *port)
{
    struct front_sim *sim = of(port);

    if (fails(sim))
        return -XEN_EIO;
    if (sim->transaction)
        abort();
    sim->transaction = true;
    memcpy(sim->before, sim->keys, sizeof sim->before);
    return 0;
}

static int sim_end(struct netvf_front_port *port, bool commit)
{
    struct front_sim *sim = of(port);
    bool failed = commit && fails(sim);

    if (!sim->transaction)
        abort();
    sim->transaction = false;
    if (commit && !failed && !sim->interfere)
        return 0;
    memcpy(sim->keys, sim->before, sizeof sim->keys);
    if (commit && sim->interfere && !failed) {
        sim->interfere--;
        return -XEN_EAGAIN;
    }
    return failed ? -XEN_EIO : 0;
}

/* -- pages and channels ------------------------------------------------------------------------------------------------ */

/* The next one that is free, so that a reference is not used again at once. */
static uint32_t free_gref(struct front_sim *sim)
{
    do
        sim->next_page = sim->next_page % (FRONT_SIM_PAGES - 1) + 1;
    while (sim->pages[sim->next_page]);
    return sim->next_page;
}

static int sim_share(struct netvf_front_port *port, uint16_t domid, bool readonly,
                     struct netvf_front_page *pages, unsigned count)
{
    struct front_sim *sim = of(port);

    if (fails(sim))
        return -XEN_ENOMEM;
    for (unsigned i = 0; i < count; i++) {
        uint32_t gref = sim->backend ? sim_grant(sim->backend, readonly) : free_gref(sim);

        if (gref >= FRONT_SIM_PAGES)
            abort();
        sim->pages[gref] = sim->backend ? sim_bytes(sim->backend, gref) : calloc(1, PAGE);
        sim->granted_to[gref] = domid;
        pages[i] = (struct netvf_front_page){.bytes = sim->pages[gref], .gref = gref};
    }
    sim->live_pages += count;
    return 0;
}

static void sim_unshare(struct netvf_front_port *port, struct netvf_front_page *pages,
                        unsigned count)
{
    struct front_sim *sim = of(port);

    for (unsigned i = 0; i < count; i++) {
        uint32_t gref = pages[i].gref;

        if (sim->pages[gref] != pages[i].bytes)
            abort();
        if (sim->backend && sim->backend->pages[gref].pins)
            abort(); /* Xen would not end this access */
        if (sim->backend)
            sim->backend->pages[gref].granted = false;
        else
            free(sim->pages[gref]);
        sim->pages[gref] = NULL;
    }
    sim->live_pages -= count;
}

static int sim_open_channel(struct netvf_front_port *port, uint16_t domid, uint32_t *channel)
{
    struct front_sim *sim = of(port);

    (void)domid;
    if (fails(sim))
        return -XEN_ENOSPC;
    for (*channel = 1; sim->channels[*channel]; ++*channel)
        if (*channel == FRONT_SIM_CHANNELS - 1)
            abort();
    sim->channels[*channel] = true;
    sim->notified[*channel] = 0;
    sim->live_channels++;
    return 0;
}

static void sim_close_channel(struct netvf_front_port *port, uint32_t channel)
{
    struct front_sim *sim = of(port);

    if (!sim->channels[channel])
        abort();
    sim->channels[channel] = false;
    sim->live_channels--;
}

static void sim_notify(struct netvf_front_port *port, uint32_t channel)
{
    if (!of(port)->channels[channel])
        abort();
    of(port)->notified[channel]++;
}

/* -- both ends --------------------------------------------------------------------------------------------------------- */

void front_sim_open(struct front_sim *sim)
{
    memset(sim, 0, sizeof *sim);
    sim->port = (struct netvf_front_port){
        .read = sim_read,
        .write = sim_write,
        .remove = sim_remove,
        .begin = sim_begin,
        .end = sim_end,
        .share = sim_share,
        .unshare = sim_unshare,
        .open_channel = sim_open_channel,
        .close_channel = sim_close_channel,
        .notify = sim_notify,
    };
}

void front_sim_close(struct front_sim *sim)
{
    for (unsigned i = 0; i < FRONT_SIM_PAGES && !sim->backend; i++)
        free(sim->pages[i]);
}

static void set_below(struct front_sim *sim, const char *dir, const char *key, const char *value)
{
    char path[80];

    snprintf(path, sizeof path, "%s/%s", dir, key);
    front_sim_set(sim, path, value);
}

void front_sim_make_vif(struct front_sim *sim, const char *be, const char *domid)
{
    front_sim_set(sim, FE_DIR "/backend", be);
    front_sim_set(sim, FE_DIR "/backend-id", domid);
    front_sim_set(sim, FE_DIR "/state", "1");
    front_sim_set(sim, FE_DIR "/mac", "00:16:3e:01:02:aB");
    set_below(sim, be, "state", "1");
    set_below(sim, be, "online", "1");
}

void front_sim_offer(struct front_sim *sim, const char *be, const char *queues)
{
    static const char *const features[] = {
        "feature-rx-copy",           "feature-sg",
        "feature-gso-tcpv4",         "feature-gso-tcpv6",
        "feature-ipv6-csum-offload", "feature-split-event-channels"};

    for (unsigned i = 0; i < sizeof features / sizeof features[0]; i++)
        set_below(sim, be, features[i], "1");
    set_below(sim, be, "multi-queue-max-queues", queues);
    set_below(sim, be, "state", "2");
}

struct netvf_front *front_sim_connect(struct front_sim *sim, struct netvf_front_config config)
{
    size_t size = netvf_front_size(config.queues);
    void *storage = malloc(size);
    struct netvf_front *front;

    config.port = &sim->port;
    config.path = FE_DIR;
    front_sim_make_vif(sim, BE_DIR, "0");
    front_sim_offer(sim, BE_DIR, "1");
    if (netvf_front_init(storage, size, &config, &front) < 0 ||
        netvf_front_step(front) != NETVF_FRONT_CONNECTING)
        abort();
    front_sim_set(sim, BE_DIR "/state", "4");
    if (netvf_front_step(front) != NETVF_FRONT_CONNECTED)
        abort();
    return front;
}

static void *ring(struct front_sim *sim, const char *queue, const char *which)
{
    char key[64];
    unsigned gref;

    snprintf(key, sizeof key, "%s%s-ring-ref", queue, which);
    gref = front_sim_number(sim, key);
    if (!gref || gref >= FRONT_SIM_PAGES || !sim->pages[gref])
        abort();
    return sim->pages[gref];
}

netif_tx_sring_t *front_sim_tx(struct front_sim *sim, const char *queue)
{
    return ring(sim, queue, "tx");
}

netif_rx_sring_t *front_sim_rx(struct front_sim *sim, const char *queue)
{
    return ring(sim, queue, "rx");
}
