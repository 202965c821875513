/* SPDX-License-Identifier: MIT */
/* What a guest can write into xenstore: floods, values of absurd length, no numbers, others' paths, states in every order.
 * Parameter writes: how many of a flood. Parameter victim: a domain that is not to be reached. */
#include "tests/guest/lib/attack.h"

const char test_title[] = "attack: xenstore";

#define LONGEST 2048u

static unsigned allowed;

static void flood_watched(struct attack *a)
{
    unsigned count = param_number("writes", 300);
    uint64_t start = now();

    (void)a;
    for (unsigned i = 0; i < count; i++) {
        attack_write("request-multicast-control", i % 2 ? "1" : "0");
        attack_say_state(4);
    }
    printk("writes=%u\nwrites_ms=%lu\n", 2 * count, (now() - start) / NS_PER_MS);
}

/* Until xenstored has had enough of it, or so many. */
static void flood_new_keys(struct attack *a)
{
    unsigned count = param_number("writes", 300);
    char path[64];

    (void)a;
    for (unsigned i = 0; i < count; i++) {
        snprintf(path, sizeof path, STATE_DIR "x%u", i);
        if (store_write(0, path, "x", 1) < 0)
            break;
    }
    for (unsigned i = 0; i < count; i++) {
        snprintf(path, sizeof path, STATE_DIR "x%u", i);
        if (i % 64 == 0 && store_read(0, path, path, sizeof path) < 0)
            break;
        store_remove(0, path);
    }
}

static void must_fail(const char *path, const char *value)
{
    if (store_write(0, path, value, strlen(value)) >= 0) {
        allowed++;
        xtf_failure("%s could be written\n", path);
    }
}

static void others_paths(struct attack *a)
{
    unsigned victim = param_number("victim", 1);
    char path[192];

    snprintf(path, sizeof path, "%s/state", a->backend_path);
    must_fail(path, "6");
    snprintf(path, sizeof path, "%s/netvf/vf", a->backend_path);
    must_fail(path, "0000:00:00.0");
    snprintf(path, sizeof path, "%s/mac", a->backend_path);
    must_fail(path, "00:00:00:00:00:00");
    snprintf(path, sizeof path, "/local/domain/%u/device/vif/0/state", victim);
    must_fail(path, "6");
    snprintf(path, sizeof path, "/local/domain/0/backend/vif/%u/0/state", victim);
    must_fail(path, "6");
    /* Ours to write, and no business of the daemon's. */
    snprintf(path, sizeof path, "/local/domain/0/backend/vif/%u/0", victim);
    attack_write("backend", path);
    attack_write("backend-id", "1");
    attack_write("mac", "00:16:3e:00:00:02");
    attack_write("handle", "99");
    sleep_ms(200);
    attack_write("backend", a->backend_path);
    attack_write("backend-id", "0");
}

/* Every pair of states, faster than anybody can follow. */
static void states(struct attack *a)
{
    static const char *const all[] = {"1", "2", "4", "5", "6", "7", "9", "", "x"};

    (void)a;
    for (unsigned i = 0; i < ARRAY_SIZE(all); i++)
        for (unsigned j = 0; j < ARRAY_SIZE(all); j++) {
            attack_write("state", all[i]);
            attack_write("state", all[j]);
        }
    store_remove(0, STATE_DIR "state");
    sleep_ms(50);
    attack_write("state", "4");
}

/* -- before there is a connection ---------------------------------------------------------------------------------------- */

static char long_value[LONGEST + 1];

static const char *const keys[] = {
    "tx-ring-ref",         "rx-ring-ref",
    "event-channel",       "request-rx-copy",
    "feature-rx-notify",   "feature-sg",
    "feature-gso-tcpv4",   "multi-queue-num-queues",
    "ctrl-ring-ref",       "xdp-headroom",
    "event-channel-tx",    "event-channel-rx",
    "queue-0/tx-ring-ref", "queue-1/event-channel",
};

static const char *const values[] = {
    "banana", "-1",       "4294967296", "99999999999999999999", "0x10", " 5", "5 ", "",
    "1e3",    "\xff\xfe", long_value,
};

/* One key after the other with one value after the other, the rest as it should be. The backend may serve it (a feature that it
 * does not understand is none) or refuse it: it must come back from either. */
static unsigned bad_values(struct attack *a)
{
    char path[96];
    unsigned tried = 0;

    for (unsigned k = 0; k < ARRAY_SIZE(keys); k++) {
        if (!attack_begin(a)) {
            xtf_failure("before a bad %s the backend is not ready\n", keys[k]);
            return tried;
        }
        attack_offer(a, false);
        for (unsigned v = 0; v < ARRAY_SIZE(values); v++, tried++) {
            attack_write(keys[k], values[v]);
            attack_say_state(4);
        }
        sleep_ms(30);
        if (!attack_end(a)) {
            xtf_failure("after a bad %s the backend does not close\n", keys[k]);
            return tried;
        }
        snprintf(path, sizeof path, STATE_DIR "%s", keys[k]);
        store_remove(0, path);
    }
    return tried;
}

void test_main(void)
{
    static const struct attack_kind kinds[] = {
        {"a flood of watched keys", flood_watched, ANYTHING},
        {"a flood of new keys", flood_new_keys, ANYTHING},
        {"others' paths", others_paths, ANYTHING},
        {"states in every order", states, ANYTHING},
    };
    static struct attack attack;

    guest_init();
    memset(long_value, '7', LONGEST);
    attack_init(&attack);
    printk("bad_values=%u\n", bad_values(&attack));
    attack_all(kinds, ARRAY_SIZE(kinds), false);
    printk("allowed=%u\n", allowed);
}
