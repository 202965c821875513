/* SPDX-License-Identifier: MIT */
#include "control/negotiate.h"

#include "common/mac.h"
#include "common/why.h"
#include "control/session.h"
#include "vf/vf.h"
#include "xen/store.h"
#include "xenstore-schema/keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Event channels of the FIFO ABI: 2^17 of them, 0 is none. */
#define EVENT_CHANNEL_MAX 131071u
#define MTU_MIN           68u /* RFC 791 */
#define VLAN_MAX          4094u

static int config_address(struct store *store, const char *backend, struct vif_config *config,
                          struct why *why)
{
    char value[STORE_VALUE_MAX];

    if (store_read(store, backend, KEY_BE_MAC, value) < 0)
        return why_fail(why, "the vif has no readable MAC address; set mac= in its vif line");
    if (mac_parse(value, config->mac) < 0)
        return why_fail(why,
                        "\"%.40s\" is no MAC address that a station may have; set mac= in the vif "
                        "line to one like 00:16:3e:12:34:56",
                        value);
    return 0;
}

/* "eth0.7": VLAN 7 on PF eth0, as Linux names such interfaces, and as it has to be said to an xl that does not know
 * vlan= (before Xen 4.20). Cuts the number off. 0: there is none. */
static uint16_t vlan_of_name(char *name)
{
    char *dot = strrchr(name, '.'), *end;
    unsigned long vlan;

    if (!dot || dot[1] < '1' || dot[1] > '9')
        return 0;
    vlan = strtoul(dot + 1, &end, 10);
    if (*end || vlan > VLAN_MAX)
        return 0;
    *dot = '\0';
    return (uint16_t)vlan;
}

/* Digits only, at the start of `text`, up to `max`. Returns what follows them, or NULL. */
static const char *digits(const char *text, uint64_t max, uint64_t *number)
{
    const char *start = text;

    for (*number = 0; *text >= '0' && *text <= '9'; text++) {
        if (*number > max / 10)
            return NULL;
        *number = *number * 10 + (uint64_t)(*text - '0');
    }
    return text == start || *number > max ? NULL : text;
}

static bool add_vlan(struct vf_trunk *trunk, uint64_t vlan)
{
    if (!vlan || vf_trunk_carries(trunk, (uint16_t)vlan) || trunk->count == VF_TRUNK_MAX)
        return false;
    trunk->vlans[trunk->count++] = (uint16_t)vlan;
    return true;
}

/* "eth0:10:20": VLANs 10 and 20 by tags of the guest's own, untagged frames besides, as vif-openvswitch has it. Cuts
 * the list off. */
static int trunk_of_name(char *name, struct vf_trunk *trunk, struct why *why)
{
    char *colon = strchr(name, ':');
    const char *number, *rest = colon;
    uint64_t vlan;

    if (!colon)
        return 0;
    do {
        number = rest + 1;
        rest = digits(number, VLAN_MAX, &vlan);
        if (!rest || (*rest && *rest != ':') || *number == '0' || !add_vlan(trunk, vlan)) {
            *colon = '\0';
            return why_fail(why,
                            "the vif's list of VLANs is wrong at \"%.20s\"; set bridge= in the vif "
                            "line to one like "
                            "%.15s:10:20, with at most %u different VLANs from 1 to %u",
                            number, name, VF_TRUNK_MAX, VLAN_MAX);
        }
    } while (*rest);
    *colon = '\0';
    return 0;
}

static int config_pf(struct store *store, const char *backend, struct vif_config *config,
                     struct why *why)
{
    char value[STORE_VALUE_MAX];
    size_t length;

    if (store_read(store, backend, KEY_BE_BRIDGE, value) < 0)
        return why_fail(why, "the vif names no PF; set bridge= in its vif line to the network "
                             "device whose VFs are to serve it (netvf list shows them)");
    if (trunk_of_name(value, &config->trunk, why) < 0)
        return -1;
    length = strlen(value);
    /* It becomes part of a path in sysfs. */
    if (!length || length >= sizeof config->pf || strchr(value, '/') || value[0] == '.')
        return why_fail(why,
                        "\"%.40s\" is no name of a network device; set bridge= in the vif line to "
                        "a PF (netvf list shows them)",
                        value);
    memcpy(config->pf, value, length + 1);
    config->vlan = vlan_of_name(config->pf);
    return 0;
}

/* A guest may have put whatever it likes behind a path that is not its own directory. */
static int config_frontend(struct store *store, const char *backend, uint16_t domid, uint32_t devid,
                           struct why *why)
{
    char value[STORE_VALUE_MAX], expected[STORE_PATH_MAX];
    uint32_t number;

    if (store_read_number(store, backend, KEY_BE_FRONTEND_ID, 0x7fef, &number) < 0 ||
        number != domid)
        return why_fail(why, "frontend-id is not %u, the domain that this backend directory is for",
                        domid);
    snprintf(expected, sizeof expected, PATH_FE_DIR, domid, devid);
    if (store_read(store, backend, KEY_BE_FRONTEND, value) < 0 || strcmp(value, expected) != 0)
        return why_fail(why, "frontend is not %s, the directory that belongs to this vif",
                        expected);
    if (store_read_number(store, backend, KEY_BE_HANDLE, UINT32_MAX, &number) < 0 ||
        number != devid)
        return why_fail(why, "handle is not %u, the number of this vif", devid);
    return 0;
}

static int config_mtu(struct store *store, const char *backend, struct vif_config *config,
                      struct why *why)
{
    uint32_t mtu = VF_MTU;

    if ((store_read_number(store, backend, KEY_BE_MTU, VF_MTU_MAX, &mtu) < 0 && errno != ENOENT) ||
        mtu < MTU_MIN)
        return why_fail(why,
                        "netvf carries an MTU of %u to %u bytes; correct mtu= in the vif line or "
                        "leave it out",
                        MTU_MIN, VF_MTU_MAX);
    config->mtu = (uint16_t)mtu;
    return 0;
}

/* One port VLAN by vlan=. What xl's grammar has besides is a mixture of port VLAN and tags, which no VF does. */
static int config_vlan_key(struct store *store, const char *backend, struct vif_config *config,
                           struct why *why)
{
    char value[STORE_VALUE_MAX];
    uint32_t vlan;

    if (store_read(store, backend, KEY_BE_VLAN, value) < 0 && errno == ENOENT)
        return 0;
    if (store_read_number(store, backend, KEY_BE_VLAN, VLAN_MAX, &vlan) < 0 || !vlan)
        return why_fail(why,
                        "netvf puts a vif into one VLAN, from 1 to %u, by vlan=; set it to one "
                        "number, or list those that the guest tags itself in bridge=%s:10:20",
                        VLAN_MAX, config->pf);
    if (config->vlan && config->vlan != vlan)
        return why_fail(why,
                        "the vif line names two VLANs, %u by bridge= and %u by vlan=; leave one of "
                        "them out",
                        config->vlan, vlan);
    config->vlan = (uint16_t)vlan;
    return 0;
}

/* A port VLAN, or a trunk: igb refuses a VF that has the one the other. */
static int config_vlan(struct store *store, const char *backend, struct vif_config *config,
                       struct why *why)
{
    if (config_vlan_key(store, backend, config, why) < 0)
        return -1;
    if (config->vlan && config->trunk.count)
        return why_fail(why,
                        "the vif line puts the vif into VLAN %u and lists VLANs that its guest "
                        "tags itself, from %u on; a VF does only one of the two",
                        config->vlan, config->trunk.vlans[0]);
    return 0;
}

int negotiate_rate(struct store *store, const char *backend, struct rate *rate, struct why *why)
{
    char value[STORE_VALUE_MAX];
    uint64_t bytes, interval;
    const char *rest;

    *rate = (struct rate){0};
    if (store_read(store, backend, KEY_BE_RATE, value) < 0) {
        if (errno == ENOENT)
            return 0;
        return why_fail(why, "the vif's rate cannot be read");
    }
    rest = digits(value, UINT64_MAX / 16, &bytes);
    rest = rest && *rest == ',' ? digits(rest + 1, RATE_INTERVAL_MAX, &interval) : NULL;
    if (!rest || *rest || !bytes || !interval)
        return why_fail(why,
                        "\"%.40s\" is no rate of bytes in each interval of up to %u microseconds; "
                        "set rate= in the vif line to one like 10Mb/s@50ms",
                        value, RATE_INTERVAL_MAX);
    /* More than any card's: the same as this much. */
    rate->bytes = bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes;
    rate->interval_us = (uint32_t)interval;
    return 0;
}

int negotiate_config(struct store *store, const char *backend, uint16_t domid, uint32_t devid,
                     struct vif_config *config, struct why *why)
{
    memset(config, 0, sizeof *config);
    if (config_frontend(store, backend, domid, devid, why) < 0 ||
        config_address(store, backend, config, why) < 0 ||
        config_pf(store, backend, config, why) < 0 || config_mtu(store, backend, config, why) < 0 ||
        config_vlan(store, backend, config, why) < 0 ||
        negotiate_rate(store, backend, &config->rate, why) < 0)
        return -1;
    return 0;
}

int negotiate_translation(struct store *store, const char *backend, enum translation *translation,
                          struct why *why)
{
    char value[STORE_VALUE_MAX];

    if (store_read(store, backend, KEY_BE_NETVF_REQUEST_TRANSLATION, value) < 0) {
        if (errno == ENOENT)
            return 0;
        return why_fail(why, KEY_BE_NETVF_REQUEST_TRANSLATION " cannot be read");
    }
    if (translation_parse(value, translation) < 0)
        return why_fail(why,
                        KEY_BE_NETVF_REQUEST_TRANSLATION
                        " is \"%.40s\", which is none of " TRANSLATION_WORDS,
                        value);
    return 1;
}

int negotiate_offer(struct store *store, const char *backend, const struct features *features)
{
    const struct vf_offloads *vf = &features->offloads;
    /* Stock netfront leaves IPv4 checksums blank whatever feature-no-csum-offload says: those that
     * a VF does not finish, the data path does, a few at a time. */
    const struct {
        const char *key;
        bool value;
    } offer[] = {
        {KEY_BE_FEATURE_RX_COPY, true},
        {KEY_BE_FEATURE_RX_FLIP, false},
        {KEY_BE_FEATURE_SG, true},
        {KEY_BE_FEATURE_GSO_TCPV4, vf->tso_ipv4},
        {KEY_BE_FEATURE_GSO_TCPV6, vf->tso_ipv6},
        {KEY_BE_FEATURE_NO_CSUM_OFFLOAD, !vf->csum_ipv4},
        {KEY_BE_FEATURE_IPV6_CSUM_OFFLOAD, vf->csum_ipv6},
        {KEY_BE_FEATURE_MULTICAST_CONTROL, true},
        {KEY_BE_FEATURE_DYNAMIC_MULTICAST_CONTROL, true},
        {KEY_BE_FEATURE_SPLIT_EVENT_CHANNELS, features->split_event_channels},
        {KEY_BE_FEATURE_CTRL_RING, features->ctrl_ring},
        {KEY_BE_FEATURE_XDP_HEADROOM, features->headroom},
    };

    for (unsigned i = 0; i < sizeof offer / sizeof offer[0]; i++)
        if (store_write(store, backend, offer[i].key, offer[i].value ? "1" : "0") < 0)
            return -1;
    /* Missing, it means 1; and it may be there from an offer with another VF. */
    if (features->queues > 1)
        return store_printf(store, backend, KEY_BE_MULTI_QUEUE_MAX_QUEUES, "%u", features->queues);
    return store_remove(store, backend, KEY_BE_MULTI_QUEUE_MAX_QUEUES) < 0 && errno != ENOENT ? -1
                                                                                              : 0;
}

/* What negotiate_offer has written: the guest can read it, and nobody but us and the toolstack
 * write it. */
static void read_offer(struct store *store, const char *backend, struct features *offer)
{
    uint32_t number;

    *offer = (struct features){.queues = 1};
    if (store_read_number(store, backend, KEY_BE_MULTI_QUEUE_MAX_QUEUES, VF_QUEUES_MAX, &number) ==
            0 &&
        number)
        offer->queues = number;
    if (store_read_number(store, backend, KEY_BE_FEATURE_SPLIT_EVENT_CHANNELS, 1, &number) == 0)
        offer->split_event_channels = number == 1;
    if (store_read_number(store, backend, KEY_BE_FEATURE_CTRL_RING, 1, &number) == 0)
        offer->ctrl_ring = number == 1;
    if (store_read_number(store, backend, KEY_BE_FEATURE_XDP_HEADROOM, 1, &number) == 0)
        offer->headroom = number == 1;
}

static int answer_flag(struct store *store, const char *frontend, const char *key, bool *flag,
                       struct why *why)
{
    uint32_t number = 0;

    if (store_read_number(store, frontend, key, 1, &number) < 0 && errno != ENOENT)
        return why_fail(why, "the guest's %s is neither 0 nor 1", key);
    *flag = number == 1;
    return 0;
}

int negotiate_multicast(struct store *store, const char *frontend, bool *control, struct why *why)
{
    return answer_flag(store, frontend, KEY_FE_REQUEST_MULTICAST_CONTROL, control, why);
}

static int answer_number(struct store *store, const char *frontend, const char *key, uint32_t max,
                         uint32_t *number, struct why *why)
{
    if (store_read_number(store, frontend, key, max, number) == 0)
        return 0;
    if (errno == ENOENT)
        return why_fail(why, "the guest is connected without %s", key);
    return why_fail(why, "the guest's %s is no number from 0 to %u", key, max);
}

static bool is_there(struct store *store, const char *frontend, const char *key)
{
    char value[STORE_VALUE_MAX];

    return store_read(store, frontend, key, value) == 0 || errno != ENOENT;
}

/* Frontends do not take back the key when they come to a backend that does not offer it: it is then as good as
 * missing. */
int negotiate_headroom(struct store *store, const char *backend, const char *frontend,
                       bool *headroom, struct why *why)
{
    struct features offer;
    uint32_t number;

    read_offer(store, backend, &offer);
    *headroom = offer.headroom && is_there(store, frontend, KEY_FE_XDP_HEADROOM);
    if (!*headroom)
        return 0;
    return answer_number(store, frontend, KEY_FE_XDP_HEADROOM, VF_RX_HEADROOM, &number, why);
}

/* The names of a queue's keys, from the frontend's directory on. */
struct queue_keys {
    char tx_ring_ref[40], rx_ring_ref[40];
    char channel[40], tx_channel[40], rx_channel[40];
};

/* One queue has its keys in the frontend's own directory, also if the guest says that it is one;
 * several have one directory each. */
static void name_keys(struct queue_keys *keys, unsigned queues, unsigned index)
{
    if (queues == 1) {
        *keys = (struct queue_keys){
            .tx_ring_ref = KEY_FE_TX_RING_REF,
            .rx_ring_ref = KEY_FE_RX_RING_REF,
            .channel = KEY_FE_EVENT_CHANNEL,
            .tx_channel = KEY_FE_EVENT_CHANNEL_TX,
            .rx_channel = KEY_FE_EVENT_CHANNEL_RX,
        };
        return;
    }
    snprintf(keys->tx_ring_ref, sizeof keys->tx_ring_ref, KEY_FE_QUEUE_N_TX_RING_REF, index);
    snprintf(keys->rx_ring_ref, sizeof keys->rx_ring_ref, KEY_FE_QUEUE_N_RX_RING_REF, index);
    snprintf(keys->channel, sizeof keys->channel, KEY_FE_QUEUE_N_EVENT_CHANNEL, index);
    snprintf(keys->tx_channel, sizeof keys->tx_channel, KEY_FE_QUEUE_N_EVENT_CHANNEL_TX, index);
    snprintf(keys->rx_channel, sizeof keys->rx_channel, KEY_FE_QUEUE_N_EVENT_CHANNEL_RX, index);
}

static int answer_channel(struct store *store, const char *frontend, const char *key,
                          uint32_t *channel, struct why *why)
{
    if (answer_number(store, frontend, key, EVENT_CHANNEL_MAX, channel, why) < 0)
        return -1;
    if (!*channel)
        return why_fail(why, "the guest's %s is 0, which is none", key);
    return 0;
}

/* One event channel for both rings, or one for each. */
static int answer_channels(struct store *store, const char *frontend, const struct queue_keys *keys,
                           bool split_offered, struct session_plan_queue *queue, struct why *why)
{
    queue->split =
        is_there(store, frontend, keys->tx_channel) || is_there(store, frontend, keys->rx_channel);
    if (!queue->split) {
        if (answer_channel(store, frontend, keys->channel, &queue->tx_channel, why) < 0)
            return -1;
        queue->rx_channel = queue->tx_channel;
        return 0;
    }
    if (!split_offered)
        return why_fail(why, "the guest asks for split event channels, which were not offered");
    if (answer_channel(store, frontend, keys->tx_channel, &queue->tx_channel, why) < 0 ||
        answer_channel(store, frontend, keys->rx_channel, &queue->rx_channel, why) < 0)
        return -1;
    return 0;
}

static int answer_queue_count(struct store *store, const char *frontend, unsigned offered,
                              unsigned *queues, struct why *why)
{
    uint32_t number = 1;

    if (store_read_number(store, frontend, KEY_FE_MULTI_QUEUE_NUM_QUEUES, UINT32_MAX, &number) <
            0 &&
        errno != ENOENT)
        return why_fail(why, "the guest's " KEY_FE_MULTI_QUEUE_NUM_QUEUES " is no number");
    if (!number || number > offered)
        return why_fail(why, "the guest asks for %u queues where %u %s offered", number, offered,
                        offered == 1 ? "was" : "were");
    *queues = number;
    return 0;
}

/* Two rings in one page would be two threads that read each other's writes as the guest's. */
static int check_rings_differ(const struct session_plan *plan, struct why *why)
{
    uint32_t refs[2 * VF_QUEUES_MAX + 1], channels[2 * VF_QUEUES_MAX + 1];
    unsigned ref_count = 0, channel_count = 0;

    for (unsigned i = 0; i < plan->queues; i++) {
        const struct session_plan_queue *queue = &plan->queue[i];

        refs[ref_count++] = queue->tx_ring_ref;
        refs[ref_count++] = queue->rx_ring_ref;
        channels[channel_count++] = queue->tx_channel;
        if (queue->split)
            channels[channel_count++] = queue->rx_channel;
    }
    if (plan->ctrl_ring) {
        refs[ref_count++] = plan->ctrl_ring_ref;
        channels[channel_count++] = plan->ctrl_channel;
    }
    for (unsigned i = 0; i < ref_count; i++)
        for (unsigned k = 0; k < i; k++)
            if (refs[i] == refs[k])
                return why_fail(why, "the guest gives the same page (%u) for two of its rings",
                                refs[i]);
    for (unsigned i = 0; i < channel_count; i++)
        for (unsigned k = 0; k < i; k++)
            if (channels[i] == channels[k])
                return why_fail(why, "the guest gives the same event channel (%u) twice",
                                channels[i]);
    return 0;
}

static int answer_queues(struct store *store, const char *frontend, const struct features *offer,
                         struct session_plan *plan, struct why *why)
{
    struct queue_keys keys;

    if (answer_queue_count(store, frontend, offer->queues, &plan->queues, why) < 0)
        return -1;
    for (unsigned i = 0; i < plan->queues; i++) {
        struct session_plan_queue *queue = &plan->queue[i];

        name_keys(&keys, plan->queues, i);
        if (answer_number(store, frontend, keys.tx_ring_ref, UINT32_MAX, &queue->tx_ring_ref, why) <
                0 ||
            answer_number(store, frontend, keys.rx_ring_ref, UINT32_MAX, &queue->rx_ring_ref, why) <
                0 ||
            answer_channels(store, frontend, &keys, offer->split_event_channels, queue, why) < 0)
            return -1;
    }
    return 0;
}

/* Both keys or neither. */
static int answer_ctrl_ring(struct store *store, const char *frontend, bool offered,
                            struct session_plan *plan, struct why *why)
{
    plan->ctrl_ring = is_there(store, frontend, KEY_FE_CTRL_RING_REF) ||
                      is_there(store, frontend, KEY_FE_EVENT_CHANNEL_CTRL);
    if (!plan->ctrl_ring)
        return 0;
    if (!offered)
        return why_fail(why, "the guest sets up a control ring, which was not offered");
    if (answer_number(store, frontend, KEY_FE_CTRL_RING_REF, UINT32_MAX, &plan->ctrl_ring_ref,
                      why) < 0)
        return -1;
    return answer_channel(store, frontend, KEY_FE_EVENT_CHANNEL_CTRL, &plan->ctrl_channel, why);
}

int negotiate_answer(struct store *store, const char *backend, const char *frontend,
                     struct session_plan *plan, struct why *why)
{
    struct features offer;
    bool rx_copy = false;

    read_offer(store, backend, &offer);
    if (answer_queues(store, frontend, &offer, plan, why) < 0 ||
        answer_ctrl_ring(store, frontend, offer.ctrl_ring, plan, why) < 0 ||
        check_rings_differ(plan, why) < 0 ||
        answer_flag(store, frontend, KEY_FE_REQUEST_RX_COPY, &rx_copy, why) < 0 ||
        answer_flag(store, frontend, KEY_FE_FEATURE_RX_NOTIFY, &plan->rx_notify, why) < 0 ||
        answer_flag(store, frontend, KEY_FE_FEATURE_SG, &plan->sg, why) < 0 ||
        negotiate_multicast(store, frontend, &plan->multicast_control, why) < 0 ||
        negotiate_headroom(store, backend, frontend, &plan->headroom, why) < 0)
        return -1;
    if (!rx_copy)
        return why_fail(why, "the guest does not set " KEY_FE_REQUEST_RX_COPY ", and page flipping "
                             "is not offered");
    return 0;
}
