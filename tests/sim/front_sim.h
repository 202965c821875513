/* SPDX-License-Identifier: MIT */
/* What a frontend needs of the world, in memory: a xenstore, pages, event channels; and the other end's hands on them. */
#ifndef NETVF_TESTS_FRONT_SIM_H
#define NETVF_TESTS_FRONT_SIM_H

#include <stdbool.h>
#include <stdint.h>
#include <xen/io/netif.h>

#include "frontend/netfront.h"
#include "frontend/port.h"

#define FRONT_SIM_KEYS     96u
#define FRONT_SIM_PAGES    1100u
#define FRONT_SIM_CHANNELS 16u

#define FE_DIR  "device/vif/0"
#define BE_DIR  "/local/domain/0/backend/vif/5/0"
#define BE_DIR2 "/local/domain/3/backend/vif/9/0"

struct sim;

struct front_sim_key {
    char path[80], value[272];
};

struct front_sim {
    struct netvf_front_port port;
    struct front_sim_key keys[FRONT_SIM_KEYS], before[FRONT_SIM_KEYS];
    bool transaction;
    unsigned interfere; /* so many commits fail, as when somebody came in between */

    struct sim *backend; /* with our own backend at the other end: pages come from there */
    uint8_t *pages[FRONT_SIM_PAGES]; /* index = gref */
    uint16_t granted_to[FRONT_SIM_PAGES];
    unsigned next_page, live_pages;

    bool channels[FRONT_SIM_CHANNELS]; /* index = local port */
    unsigned notified[FRONT_SIM_CHANNELS];
    unsigned live_channels;

    unsigned calls, fail_call; /* the fail_call-th call that can fail does; 0: none */
    void (*point)(
        struct front_sim *); /* comes before each of them: what happens meanwhile; may be NULL */
};

void front_sim_open(struct front_sim *sim);
void front_sim_close(struct front_sim *sim);

/* NULL removes it and all below. */
void front_sim_set(struct front_sim *sim, const char *path, const char *value);
/* "" if there is none */
const char *front_sim_get(const struct front_sim *sim, const char *path);
/* A number below the frontend's directory; 0 if there is none. */
unsigned front_sim_number(const struct front_sim *sim, const char *key);

/* What the toolstack writes for a vif whose backend is `be`, in domain `domid`. */
void front_sim_make_vif(struct front_sim *sim, const char *be, const char *domid);
/* A backend with everything, in InitWait. */
void front_sim_offer(struct front_sim *sim, const char *be, const char *queues);

/* A frontend of that configuration, whose port and path are filled in, brought to CONNECTED with a backend that offers one
 * queue. In storage that begins with it: to be freed. */
struct netvf_front *front_sim_connect(struct front_sim *sim, struct netvf_front_config config);

/* The pages of the rings, by the keys that the frontend has written. `queue`: "" or "queue-1/". */
netif_tx_sring_t *front_sim_tx(struct front_sim *sim, const char *queue);
netif_rx_sring_t *front_sim_rx(struct front_sim *sim, const char *queue);

#endif
