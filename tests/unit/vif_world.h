/* SPDX-License-Identifier: MIT */
/* A world for whole lives of vifs: the manager and the vifs on a xenstore, a sysfs, VFs and sessions in memory. What
 * libxl, the hotplug script and netfront write is written here in their order. */
#ifndef NETVF_TESTS_VIF_WORLD_H
#define NETVF_TESTS_VIF_WORLD_H

#include <check.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/why.h"
#include "control/manager.h"
#include "control/session.h"
#include "sim/fake_store.h"
#include "sim/fake_sysfs.h"
#include "vf/pool.h"
#include "vf/vf.h"
#include "xen/port.h"
#include "xen/store.h"

#define BE       "/local/domain/0/backend/vif/1/0"
#define FE       "/local/domain/1/device/vif/0"
#define MAC      "00:16:3e:01:02:03"
#define SENTENCE "the guest has broken something"
#define REFUSAL  "the guest has no IOMMU context"

struct world {
    unsigned sessions, ports, vfs; /* live */
    unsigned started, stopped, taken;
    bool refuse_start, stop_fails;
    enum session_state state;
    struct session_plan plan; /* the last one */
    unsigned flushed, resumed;
    bool refuse_vf;      /* no VF can be started */
    bool refuse_idle;    /* nor can a session run without one: a worker has, another has not */
    bool no_context;     /* the guest has no IOMMU context */
    bool comes_not_back; /* a VF stays in it */
    bool goes_astray;    /* it has gone there, cannot be used there, and stays */
    unsigned resets;     /* of VFs: handshakes */
    bool paused;         /* no worker runs */
    bool busy;           /* the session's VF may DMA */
    bool flush_fails;    /* Xen refuses to release */
    bool sends;          /* the session believes in its link */
    bool failed;         /* what the VF's check says */
    const char *deaf_vf; /* the PF does not answer this one's reset */
    bool link_down;
    char port_name[32];
    uint8_t mac[6];
    uint16_t vlan;
    struct rate rate;
    bool news, control, filter_refused;
    unsigned filters; /* how often the VF's filter has been set */

    struct store *store;
    struct pool *pool;
    struct vif_host host;
    struct manager *manager;
};

extern struct world world;

/* Runs the tests, each in a fresh world with a PF eth0 that has two VFs; main()'s result. */
int world_run(const char *name, const TTest *const tests[], unsigned count);

/* For a test that wants several of them. */
void world_open(void);
void world_close(void);
/* The same on a sysfs that is there already and stays. */
void world_begin(const char *sysfs);
void world_end(void);

void start_manager(void);
/* What the daemon's loop does after an event; true if it shall look again soon. */
bool scan(void);
/* What it does once a second, or `at_once` after a network device has changed. */
void check(bool at_once);
/* Writes a key by its whole path; NULL removes it. */
void set(const char *path, const char *value);
/* The whole answer of the control socket to a line of JSON; to be freed. */
char *answer(const char *request);
/* ... which must have this part. */
void answers(const char *request, const char *part);
/* The key must have this value. */
void is(const char *path, const char *value);

void libxl_creates(unsigned domid, const char *mac);
void libxl_detaches(void);
void libxl_destroys(void);
void netfront_connects(void);
/* vif 1/0, from its creation to state 2, with its VF. */
void offered(void);
/* Its guest writes its state, which is seen, and then ours is that one. */
void guest_says(const char *state, const char *ours);
/* vif 1/0, from its creation to state 4. */
void connected(void);
void nothing_held(void);

#endif
