/* SPDX-License-Identifier: MIT */
/* The DMA windows of a guest: who may have how much of them, and what its control ring asks for.
 *
 * A window's pages are pinned for as long as the guest likes, so they are counted: all windows of the host share one
 * budget, and each guest has a quota of it over all of its vifs. */
#ifndef NETVF_CONTROL_WINDOWS_H
#define NETVF_CONTROL_WINDOWS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/allowance.h"
#include "datapath/ctrl.h"
#include "translate/window.h"
#include "vf/vf.h"

struct worker;

#define WINDOW_BUDGET_PAGES 16384u /* 64 MiB of guests' memory */
#define WINDOW_GUEST_QUOTA  1024u  /* two queues with all their buffers */
#define WINDOW_DOMAINS      0x7ff0u

struct window_budget {
    unsigned pages, quota; /* in pages of 4096 bytes; a quota of 0 switches windows off */
    pthread_mutex_t lock;  /* of all below: control rings' threads come here, no packet does */
    unsigned used;
    uint32_t used_by[WINDOW_DOMAINS]; /* by domain id */
};

void window_budget_init(struct window_budget *budget, unsigned pages, unsigned quota);
/* What the guest could take now. */
unsigned window_budget_room(struct window_budget *budget, uint16_t domid);
unsigned window_budget_used(struct window_budget *budget);
bool window_budget_take(struct window_budget *budget, uint16_t domid, unsigned pages);
void window_budget_give(struct window_budget *budget, uint16_t domid, unsigned pages);

/* Requests that change a window, each of which can cost hundreds of calls: so many in a row, then one in so many
 * milliseconds. The guest's control ring waits meanwhile, and nothing else does. */
#define WINDOW_REQUEST_BURST    32
#define WINDOW_REQUEST_EVERY_MS 50

typedef void window_work(struct window *window, struct port *port, void *argument);

/* Of one session. The control ring's thread alone uses it, but for what is said. */
struct windows {
    struct ctrl_windows requests; /* first: ctrl.c knows no more of it */
    struct window_budget *budget;
    struct port *
        port; /* the control ring's: lists and views are mapped by it, pins are made by the queues' own */
    uint16_t domid;
    unsigned queues;
    /* Has the owner of a queue's window do it; returns when it is done, or -1 if the session ends first. */
    int (*ask)(struct windows *windows, unsigned queue, window_work *work, void *argument);
    struct worker *worker[VF_QUEUES_MAX]; /* whom to ask */
    struct window *window[VF_QUEUES_MAX];
    unsigned pages[VF_QUEUES_MAX]; /* in each; read by anyone */
    bool shut;                     /* set by control: no use for a window, for now */
    int stop_fd;                   /* readable when the thread is to end; -1: none */
    struct allowance turns;
};

/* What is the same for all queues; `worker` and `window` are the caller's to set. */
void windows_init(struct windows *windows, struct window_budget *budget, struct port *port,
                  uint16_t domid, unsigned queues);
/* Opens or shuts them for further pages. Control thread. */
void windows_shut(struct windows *windows, bool shut);
unsigned windows_pages(const struct windows *windows);
/* When neither the thread nor any worker is there any more: releases what is pinned, if the VF is `quiet`; else that
 * stays, and the journals know of it. -1/errno if Xen has refused to release a page. Frees the window. */
int windows_close_queue(struct windows *windows, unsigned queue, struct port *port, bool quiet);

#endif
