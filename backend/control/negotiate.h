/* SPDX-License-Identifier: MIT */
/* What both ends of a vif agree on: our offer below the backend's directory, the guest's answer
 * below its own. */
#ifndef NETVF_CONTROL_NEGOTIATE_H
#define NETVF_CONTROL_NEGOTIATE_H

#include <stdbool.h>
#include <stdint.h>

#include "control/translation.h"
#include "datapath/bucket.h"
#include "vf/vf.h"

struct session_plan;
struct store;
struct why;

/* What the data path carries on the VF that is to serve the vif; nothing else is offered. */
struct features {
    struct vf_offloads offloads; /* what the guest may leave to the VF */
    bool split_event_channels;   /* an event channel for each ring of a queue */
    bool ctrl_ring;              /* a control ring */
    bool headroom;               /* VF_RX_HEADROOM before received frames */
    unsigned queues;             /* most queues that the frontend may set up; 0 is taken for 1 */
};

/* What the toolstack has written about a vif. */
struct vif_config {
    uint8_t mac[6];
    char pf[16];           /* "bridge": the network device of the PF */
    uint16_t mtu;          /* 68 to VF_MTU_MAX */
    uint16_t vlan;         /* port VLAN, 1 to 4094, or 0; if there is one, there is no ... */
    struct vf_trunk trunk; /* ... list of VLANs that the guest tags itself, each of them once */
    struct rate rate;      /* of what the guest sends, as it was when the keys were read */
};

/* Reads and checks the toolstack's keys of the vif `devid` of domain `domid`. -1 and a sentence
 * if one of them is malformed, or asks for something that no VF would be doing. */
int negotiate_config(struct store *store, const char *backend, uint16_t domid, uint32_t devid,
                     struct vif_config *config, struct why *why);

/* Reads which translation the vif is asked to have. 1: `translation` is set; 0: nobody has asked; -1 and a sentence if
 * the key is nonsense. */
int negotiate_translation(struct store *store, const char *backend, enum translation *translation,
                          struct why *why);

/* Writes the features below `backend`. Meant to be called within a transaction. -1/errno. */
int negotiate_offer(struct store *store, const char *backend, const struct features *features);

/* Reads what the guest has set up below `frontend` into the ring and feature fields of `plan`,
 * and holds it against what has been offered below `backend`, by this daemon or the one before.
 * -1 and a sentence if something is missing, malformed, used twice, or was never offered. */
int negotiate_answer(struct store *store, const char *backend, const char *frontend,
                     struct session_plan *plan, struct why *why);

/* The two keys that count while a vif is connected, too. rate: -1 and a sentence if it is malformed. multicast:
 * whether the guest asks for multicast control; -1 and a sentence if the key is nonsense, *control as it was. */
int negotiate_rate(struct store *store, const char *backend, struct rate *rate, struct why *why);
int negotiate_multicast(struct store *store, const char *frontend, bool *control, struct why *why);

/* Whether received frames are to have headroom: yes if it was offered below `backend` and the frontend has written
 * xdp-headroom, be it 0. -1 and a sentence if it wants more than there is. */
int negotiate_headroom(struct store *store, const char *backend, const char *frontend,
                       bool *headroom, struct why *why);

#endif
