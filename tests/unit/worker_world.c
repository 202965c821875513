/* SPDX-License-Identifier: MIT */
#include "unit/worker_world.h"

#include <check.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

void worker_world_open(struct sim *sim, struct worker *worker, bool split)
{
    static struct dma_page headers[TX_PAGES], scratch;
    static struct mcast mcast;
    static struct echo echo;
    struct port *port = &sim->port;

    sim_open(sim);
    memset(worker, 0, sizeof *worker);
    port->ops->dma_alloc(port, headers, TX_PAGES);
    translate_host(&worker->translate, port);
    worker->port = worker->tx.port = port;
    worker->tx.translate = worker->rx.translate = &worker->translate;
    worker->queue = worker->tx.queue = worker->rx.queue = &sim->queue;
    worker->tx.header_pages = worker->tx.private_pages = headers;
    port->ops->dma_alloc(port, &scratch, 1);
    worker->rx.scratch = &scratch;
    echo = (struct echo){.buffer = VF_RX_BUFFER};
    worker->rx.echo = worker->tx.echo = &echo;
    worker->tx.echo_count = 1;
    mcast_init(&mcast);
    worker->mcast = worker->tx.mcast = &mcast;
    worker->rx_notify = true;
    worker->fault_fd = -1;
    worker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    port->ops->bind_peer(port, 1, &worker->tx_event);
    worker->rx_event = worker->tx_event;
    if (split)
        port->ops->bind_peer(port, 2, &worker->rx_event);
    worker->interrupts = port->ops->bind_msix(port, "", 0, &worker->vf_event) == 0;
    tx_attach(&worker->tx, sim->tx_ring);
    rx_attach(&worker->rx, sim->rx_ring);
    sim->tx_ring->rsp_event = sim->rx_ring->rsp_event = 128; /* nobody waits */
}

void worker_world_close(struct sim *sim, struct worker *worker)
{
    ck_assert_int_eq(worker->state, SESSION_RUNNING);
    ck_assert_uint_eq(sim->stray, 0);
    close(worker->wake_fd);
    sim_close(sim);
}

void worker_world_notify(struct sim *sim, uint32_t before, uint32_t after, uint32_t event,
                         uint32_t local)
{
    if (after - event < after - before)
        sim_event(sim, local);
}
