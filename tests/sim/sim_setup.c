/* SPDX-License-Identifier: MIT */
/* The port's verbs beside those of the data path: rings, memory, event channels. */
#include "sim/sim.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static struct sim *of_port(struct port *port)
{
    return (struct sim *)port;
}

static int set_up(struct sim *sim)
{
    if (++sim->setup_calls != sim->fail_setup)
        return 0;
    errno = EIO;
    return -1;
}

/* The rings that sim_open has made are not granted, and mapped all the same. */
void *sim_ring_map(struct port *port, uint32_t gref)
{
    struct sim *sim = of_port(port);

    if (set_up(sim) < 0)
        return NULL;
    errno = EINVAL;
    if (gref >= SIM_PAGES || !sim->pages[gref].bytes || sim->pages[gref].own ||
        sim->pages[gref].readonly)
        return NULL;
    sim->mapped_rings++;
    return sim->pages[gref].bytes;
}

void sim_ring_unmap(struct port *port, void *ring)
{
    (void)ring;
    of_port(port)->mapped_rings--;
}

const volatile void *sim_page_view(struct port *port, uint32_t gref)
{
    struct sim *sim = of_port(port);

    if (set_up(sim) < 0)
        return NULL;
    errno = EINVAL;
    if (gref >= SIM_PAGES || !sim->pages[gref].granted)
        return NULL;
    sim->views++;
    return sim->pages[gref].bytes;
}

void sim_page_unview(struct port *port, const volatile void *view)
{
    (void)view;
    of_port(port)->views--;
}

void sim_dma_free(struct port *port, struct dma_page *pages, unsigned count)
{
    (void)pages;
    of_port(port)->own_pages -= count;
}

static int bind(struct sim *sim, uint32_t *local)
{
    if (set_up(sim) < 0)
        return -1;
    for (*local = 1; sim->channels[*local].bound; ++*local)
        if (*local == SIM_CHANNELS - 1)
            abort();
    sim->channels[*local] = (struct sim_channel){.bound = true};
    return 0;
}

int sim_bind_peer(struct port *port, uint32_t remote, uint32_t *local)
{
    (void)remote;
    return bind(of_port(port), local);
}

int sim_bind_msix(struct port *port, const char *pci, unsigned vector, uint32_t *local)
{
    struct sim *sim = of_port(port);

    (void)pci;
    (void)vector;
    if (sim->no_msix) {
        errno = ENOTTY;
        return -1;
    }
    if (bind(sim, local) < 0)
        return -1;
    sim->vf_channel = *local;
    return 0;
}

int sim_unbind(struct port *port, uint32_t local)
{
    struct sim *sim = of_port(port);

    if (!sim->channels[local].bound)
        abort();
    sim->channels[local].bound = false;
    if (local == sim->vf_channel)
        sim->vf_channel = 0;
    return 0;
}

int sim_event_fd(struct port *port)
{
    return of_port(port)->event_fd;
}

/* With the lock held. */
static void deliver(struct sim *sim, uint32_t local)
{
    struct sim_channel *channel = &sim->channels[local];
    uint64_t one = 1;

    channel->pending = channel->masked;
    if (channel->masked)
        return;
    channel->masked = channel->queued = true;
    if (write(sim->event_fd, &one, sizeof one) != sizeof one)
        abort();
}

void sim_event(struct sim *sim, uint32_t local)
{
    pthread_mutex_lock(&sim->lock);
    deliver(sim, local);
    pthread_mutex_unlock(&sim->lock);
}

int sim_event_pending(struct port *port, uint32_t *local)
{
    struct sim *sim = of_port(port);
    uint64_t count;
    int rc = -1;

    if (sim->point)
        sim->point(sim);
    pthread_mutex_lock(&sim->lock);
    errno = EAGAIN;
    for (*local = 1; rc < 0 && *local < SIM_CHANNELS; ++*local)
        if (sim->channels[*local].queued) {
            sim->channels[*local].queued = false;
            rc = 0;
            break;
        }
    if (rc < 0 && read(sim->event_fd, &count, sizeof count) < 0)
        errno = EAGAIN;
    pthread_mutex_unlock(&sim->lock);
    return rc;
}

int sim_event_unmask(struct port *port, uint32_t local)
{
    struct sim *sim = of_port(port);
    struct sim_channel *channel = &sim->channels[local];

    if (sim->point)
        sim->point(sim);
    pthread_mutex_lock(&sim->lock);
    channel->masked = false;
    if (channel->pending)
        deliver(sim, local);
    pthread_mutex_unlock(&sim->lock);
    return 0;
}

static void fire(struct sim *sim)
{
    if (!sim->vf_armed || !sim->vf_cause)
        return;
    sim->vf_armed = sim->vf_cause = false;
    if (sim->vf_channel)
        sim_event(sim, sim->vf_channel);
}

void sim_interrupt(struct sim *sim)
{
    sim->vf_cause = true;
    fire(sim);
}

void sim_arm(struct sim *sim)
{
    sim->vf_armed = true;
    fire(sim);
}
