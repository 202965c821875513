/* SPDX-License-Identifier: MIT */
/* Xenstore and the states of a vif: a guest that writes anything below its directory, a toolstack that may do the same
 * below ours, VFs and sessions that fail, time that passes, a daemon that starts anew. What is read becomes a session
 * only if it is what was offered; and whatever a guest has done, it can come back by the book. */
#include <stdarg.h>

#include "common/clock.h"
#include "common/log.h"
#include "fuzz/input.h"
#include "unit/vif_world.h"
#include "xenstore-schema/keys.h"

static struct input in;
static int64_t now_ms;
static bool tampered; /* the toolstack has done what no toolstack does */
static bool dead, unwritten;
static unsigned interferer;

/* What Check's assertions in the simulated world come to (tests/fuzz/local.mk). */
void fuzz_assert_failed(const char *file, int line, const char *expression, const char *message,
                        ...)
{
    va_list args;

    fprintf(stderr, "%s:%d: %s ", file, line, expression);
    va_start(args, message);
    if (message)
        vfprintf(stderr, message, args);
    va_end(args);
    fprintf(stderr, "\n");
    abort();
}

void fuzz_mark_point(const char *file, int line)
{
    (void)file;
    (void)line;
}

int64_t clock_ms(void)
{
    return now_ms;
}

/* ---- Values ---- */

static void any_value(const char *dir, const char *key)
{
    static const char *const values[] = {"",   "0",  "1",  "2",      "3",          "4",
                                         "5",  "6",  "7",  "8",      "9",          "131071",
                                         "-1", "1 ", "01", "131072", "4294967295", "4294967296"};
    unsigned how = input_u8(&in);
    char path[STORE_PATH_MAX], bytes[300];

    snprintf(path, sizeof path, "%s/%s", dir, key);
    if (how < 180) {
        set(path, values[how % (sizeof values / sizeof values[0])]);
    } else if (how < 190) {
        set(path, NULL);
    } else {
        size_t length = input_u8(&in) % 64 + (how == 255 ? 220u : 0u);

        input_bytes(&in, bytes, length);
        fake_store_set_bytes(world.store, path, bytes, length);
    }
}

static void guest_writes(void)
{
    static const char *const keys[] = {
        KEY_FE_STATE,
        KEY_FE_TX_RING_REF,
        KEY_FE_RX_RING_REF,
        KEY_FE_EVENT_CHANNEL,
        KEY_FE_EVENT_CHANNEL_TX,
        KEY_FE_EVENT_CHANNEL_RX,
        KEY_FE_REQUEST_RX_COPY,
        KEY_FE_FEATURE_RX_NOTIFY,
        KEY_FE_FEATURE_SG,
        KEY_FE_REQUEST_MULTICAST_CONTROL,
        KEY_FE_MULTI_QUEUE_NUM_QUEUES,
        "queue-0/tx-ring-ref",
        "queue-0/rx-ring-ref",
        "queue-0/event-channel",
        "queue-1/tx-ring-ref",
        "queue-1/rx-ring-ref",
        "queue-1/event-channel-tx",
        "queue-1/event-channel-rx",
        KEY_FE_CTRL_RING_REF,
        KEY_FE_BACKEND,
    };

    any_value(FE, keys[input_u8(&in) % (sizeof keys / sizeof keys[0])]);
}

static void toolstack_writes(void)
{
    static const char *const keys[] = {
        KEY_BE_STATE,
        KEY_BE_ONLINE,
        KEY_BE_HOTPLUG_STATUS,
        KEY_BE_MAC,
        KEY_BE_BRIDGE,
        KEY_BE_MTU,
        KEY_BE_VLAN,
        KEY_BE_RATE,
        "script",
        KEY_BE_FRONTEND,
        KEY_BE_HANDLE,
        KEY_BE_FRONTEND_ID,
        KEY_BE_MULTI_QUEUE_MAX_QUEUES,
    };

    tampered = true;
    any_value(BE, keys[input_u8(&in) % (sizeof keys / sizeof keys[0])]);
}

/* A guest with two queues, by the book. */
static void two_queues(void)
{
    set(FE "/multi-queue-num-queues", "2");
    set(FE "/queue-0/tx-ring-ref", "8");
    set(FE "/queue-0/rx-ring-ref", "9");
    set(FE "/queue-0/event-channel", "12");
    set(FE "/queue-1/tx-ring-ref", "10");
    set(FE "/queue-1/rx-ring-ref", "11");
    set(FE "/queue-1/event-channel-tx", "13");
    set(FE "/queue-1/event-channel-rx", "14");
    set(FE "/request-rx-copy", "1");
    set(FE "/state", "4");
}

static void interfere(struct store *store)
{
    char state[2] = {(char)('0' + interferer % 9), '\0'};

    fake_store_set(store, FE "/state", state);
}

/* ---- Oracles ---- */

static void check_trunk(const struct vf_trunk *trunk, uint16_t port_vlan)
{
    require(trunk->count <= (port_vlan ? 0 : VF_TRUNK_MAX));
    for (unsigned i = 0; i < trunk->count; i++) {
        require(trunk->vlans[i] >= 1 && trunk->vlans[i] <= 4094);
        for (unsigned k = 0; k < i; k++)
            require(trunk->vlans[i] != trunk->vlans[k]);
    }
}

static void check_plan(const struct session_plan *plan)
{
    uint32_t refs[2 * VF_QUEUES_MAX];

    require(plan->queues >= 1 && plan->queues <= VF_QUEUES_MAX);
    require(plan->mtu >= 68 && plan->mtu <= VF_MTU_MAX && plan->vlan <= 4094);
    if (plan->vf)
        check_trunk(&plan->vf->trunk, plan->vlan);
    for (unsigned i = 0; i < plan->queues; i++) {
        const struct session_plan_queue *queue = &plan->queue[i];

        require(plan->ports[i] != NULL);
        require(queue->tx_channel && queue->tx_channel <= 131071);
        require(queue->rx_channel && queue->rx_channel <= 131071);
        require(queue->split == (queue->tx_channel != queue->rx_channel));
        refs[2 * i] = queue->tx_ring_ref;
        refs[2 * i + 1] = queue->rx_ring_ref;
    }
    for (unsigned i = 0; i < 2 * plan->queues; i++)
        for (unsigned k = 0; k < i; k++)
            require(refs[i] != refs[k]);
}

static unsigned backend_state(void)
{
    return (unsigned)strtoul(fake_store_get(world.store, BE "/state"), NULL, 10);
}

static void check_world(void)
{
    require(world.sessions <= 1);
    if (world.sessions)
        check_plan(&world.plan);
    if (tampered || !fake_store_has(world.store, BE "/state"))
        return;
    require(backend_state() >= 1 && backend_state() <= 6);
    require(!world.sessions || backend_state() == 4 || backend_state() == 5);
}

/* What cannot be written at one look is written at the next. */
static void look(void)
{
    scan();
    if (unwritten) {
        fake_store_fail_writes(world.store, 0);
        scan();
    }
    unwritten = false;
    check_world();
}

/* ---- Acts ---- */

static void world_fails(void)
{
    uint8_t how = input_u8(&in);

    world.refuse_start = how & 1;
    world.refuse_vf = how & 2;
    world.failed = how & 4;
    world.link_down = how & 8;
    world.flush_fails = how & 16;
    world.filter_refused = how & 32;
    world.news = how & 64;
    world.deaf_vf = how & 128 ? "0000:01:10.0" : NULL;
    if (world.sessions)
        world.state = input_u8(&in) % 4;
}

/* What an administrator asks of the daemon meanwhile. */
static void ask(void)
{
    static const char *const requests[] = {
        "{\"call\":\"set\",\"dom\":1,\"devid\":0,\"translation\":\"host\"}",
        "{\"call\":\"set\",\"dom\":1,\"devid\":0,\"translation\":\"iommu\"}",
        "{\"call\":\"set\",\"dom\":1,\"devid\":0,\"translation\":\"auto\"}",
        "{\"call\":\"show\"}",
        "{\"call\":\"list\"}",
    };
    uint8_t how = input_u8(&in);

    world.no_context = how & 32;
    world.comes_not_back = how & 64;
    free(answer(requests[how % 8 % (sizeof requests / sizeof requests[0])]));
    look();
}

static void restart(void)
{
    manager_free(world.manager);
    start_manager();
}

static void toolstack_acts(unsigned how)
{
    switch (how % 4) {
    case 0:
        libxl_creates(1, MAC);
        break;
    case 1:
        set(BE "/hotplug-status", "connected");
        return;
    case 2:
        libxl_detaches();
        break;
    default:
        libxl_destroys();
        set(BE, NULL);
    }
    tampered = true;
}

static void step(void)
{
    switch (input_u8(&in) % 17) {
    case 16:
        ask();
        break;
    case 0:
    case 1:
    case 2:
        guest_writes();
        break;
    case 3:
        any_value(FE, KEY_FE_STATE);
        break;
    case 4:
        set(FE, NULL);
        break;
    case 5:
        netfront_connects();
        break;
    case 6:
        two_queues();
        break;
    case 7:
        toolstack_writes();
        break;
    case 8:
        toolstack_acts(input_u8(&in));
        break;
    case 9:
        fake_store_fail_writes(world.store, input_u8(&in) % 8);
        unwritten = true;
        break;
    case 10:
        interferer = input_u8(&in);
        fake_store_interfere(world.store, interfere);
        break;
    case 11:
        world_fails();
        break;
    case 12:
        check(input_u8(&in) & 1);
        look();
        break;
    case 13:
        now_ms += input_u16(&in) % 8192;
        break;
    case 14:
        if (input_u8(&in) == 77 && !dead)
            fake_store_kill(world.store, 1);
        else
            restart();
        dead |= store_domain_alive(world.store, 1) == false;
        break;
    default:
        look();
    }
}

/* ---- The end ---- */

static void all_well_again(void)
{
    world.refuse_start = world.refuse_vf = world.failed = world.link_down = false;
    world.flush_fails = world.filter_refused = false;
    world.no_context = world.comes_not_back = false;
    world.deaf_vf = NULL;
    if (world.sessions)
        world.state = SESSION_RUNNING;
    fake_store_fail_writes(world.store, 0);
    fake_store_interfere(world.store, NULL);
    now_ms += 60000;
}

/* Not if all have stayed in their guests' contexts. */
static bool vf_to_be_had(void)
{
    const char *sysfs = pool_sysfs(world.pool);
    struct pf_vf vf;
    struct pf pf;

    require(pf_read(sysfs, "eth0", &pf, NULL) == 0);
    for (unsigned i = 0; i < 2; i++) {
        require(pf_read_vf(sysfs, &pf, i, &vf) == 0);
        if (pool_state(world.pool, &vf, NULL) != POOL_BROKEN)
            return true;
    }
    return false;
}

/* A frontend that closes, comes up and connects as netfront does. */
static void by_the_book(void)
{
    look();
    set(FE "/state", "5");
    look();
    require(backend_state() == 5 || backend_state() == 6);
    set(FE "/state", "6");
    look();
    require(backend_state() == 6);
    now_ms += 60000;
    set(FE, NULL);
    set(FE "/state", "1");
    look();
    require(backend_state() == 2);
    set(BE "/hotplug-status", "connected");
    netfront_connects();
    look();
    require((backend_state() == 4 && world.sessions == 1) || !vf_to_be_had());
}

static void destroyed(void)
{
    libxl_destroys();
    look();
    now_ms += 60000;
    set(BE, NULL);
    look();
    nothing_held();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *sysfs;

    if (!sysfs) {
        sysfs = fake_sysfs_open();
        fake_sysfs_pf("eth0", 2, 2);
        atexit(fake_sysfs_close);
        log_set_level(0);
    }
    in = (struct input){data, size};
    now_ms = 1000;
    tampered = dead = unwritten = false;
    world_begin(sysfs);
    libxl_creates(1, MAC);
    look();
    set(BE "/hotplug-status", "connected");
    while (in.left)
        step();
    all_well_again();
    if (!tampered && !dead)
        by_the_book();
    destroyed();
    world_end();
    return 0;
}
