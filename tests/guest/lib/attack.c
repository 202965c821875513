/* SPDX-License-Identifier: MIT */
#include "tests/guest/lib/attack.h"

#include "tests/guest/lib/frames.h"

#define STATE_PATIENCE (15 * NS_PER_S)
#define LOOK_FOR       (2 * NS_PER_S)
/* For what has to come of it; under emulation a backend may be late. */
#define WAIT_FOR (15 * NS_PER_S)
/* A ring on which nothing happens for so long is not being answered. */
#define QUIET_FOR (300 * NS_PER_MS)

enum { INITIALISING = 1, INIT_WAIT, INITIALISED, CONNECTED, CLOSING, CLOSED };

uint32_t attack_random(void)
{
    static uint32_t state = 2463534242u;

    state ^= state << 13;
    state ^= state >> 17;
    return state ^= state << 5;
}

/* -- xenstore ------------------------------------------------------------------------------------------------------- */

void attack_write(const char *key, const char *value)
{
    char path[96];

    snprintf(path, sizeof path, STATE_DIR "%s", key);
    store_write(0, path, value, strlen(value));
}

void attack_write_number(const char *key, unsigned value)
{
    char text[16];

    snprintf(text, sizeof text, "%u", value);
    attack_write(key, text);
}

void attack_say_state(unsigned state)
{
    attack_write_number("state", state);
}

unsigned attack_backend_state(const struct attack *attack)
{
    char path[160];

    snprintf(path, sizeof path, "%s/state", attack->backend_path);
    return store_number(path, 0);
}

/* In one of the states that are bits of `states`. */
static bool wait_state(const struct attack *attack, unsigned states)
{
    uint64_t since = now();

    while (!(states >> attack_backend_state(attack) & 1)) {
        if (now() - since > STATE_PATIENCE)
            return false;
        sleep_ms(5);
    }
    return true;
}

/* -- a connection ----------------------------------------------------------------------------------------------------- */

static unsigned hex(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a' + 10);
}

void attack_init(struct attack *attack)
{
    char mac[18];

    *attack = (struct attack){0};
    if (store_read(0, STATE_DIR "backend", attack->backend_path, sizeof attack->backend_path) <=
            0 ||
        store_read(0, STATE_DIR "mac", mac, sizeof mac) != 17)
        panic("there is no vif\n");
    attack->backend = (uint16_t)store_number(STATE_DIR "backend-id", 0);
    for (unsigned i = 0; i < 6; i++)
        attack->mac[i] = (uint8_t)(hex(mac[3 * i]) << 4 | hex(mac[3 * i + 1]));
}

bool attack_begin(struct attack *attack)
{
    attack_say_state(INITIALISING);
    return wait_state(attack, 1u << INIT_WAIT);
}

static volatile uint32_t *share_ring(const struct attack *attack, uint32_t *gref)
{
    volatile uint32_t *ring = page_take();

    ring[REQ_EVENT] = ring[RSP_EVENT] = 1;
    *gref = grant_take();
    grant_set(*gref, attack->backend, virt_to_mfn((void *)ring), false);
    return ring;
}

static void share_pages(struct attack *attack)
{
    static const uint8_t nobody[6] = {2, 0, 0, 0, 0, 1};

    for (unsigned i = 0; i < DATA_PAGES; i++) {
        attack->page[i] = page_take();
        attack->gref[i] = grant_take();
        eth_header(attack->page[i], nobody, attack->mac, TYPE_PEER);
        grant_set(attack->gref[i], attack->backend, virt_to_mfn(attack->page[i]), false);
    }
}

void attack_offer(struct attack *attack, bool ctrl)
{
    attack->tx = share_ring(attack, &attack->tx_gref);
    attack->rx = share_ring(attack, &attack->rx_gref);
    attack->channel = channel_open(attack->backend);
    attack->tx_prod = attack->rx_prod = attack->ctrl_prod = 0;
    share_pages(attack);
    attack_write_number("tx-ring-ref", attack->tx_gref);
    attack_write_number("rx-ring-ref", attack->rx_gref);
    attack_write_number("event-channel", attack->channel);
    if (ctrl) {
        attack->ctrl = share_ring(attack, &attack->ctrl_gref);
        attack->ctrl_channel = channel_open(attack->backend);
        attack_write_number("ctrl-ring-ref", attack->ctrl_gref);
        attack_write_number("event-channel-ctrl", attack->ctrl_channel);
    }
    attack_write("request-rx-copy", "1");
    attack_write("feature-rx-notify", "1");
    attack_write("feature-sg", "1");
    attack_say_state(CONNECTED);
}

bool attack_connected(struct attack *attack)
{
    return wait_state(attack, 1u << CONNECTED | 1u << CLOSING | 1u << CLOSED) &&
           attack_backend_state(attack) == CONNECTED;
}

/* A ring's page may still be mapped by a backend that did not let go: then it is lost, and counted. */
static void unshare(volatile void *page, uint32_t gref)
{
    unsigned before = pages_kept();

    if (!page)
        return;
    grant_give(gref);
    if (pages_kept() == before)
        page_give((void *)page);
}

static void give_back(struct attack *attack)
{
    unshare(attack->tx, attack->tx_gref);
    unshare(attack->rx, attack->rx_gref);
    unshare(attack->ctrl, attack->ctrl_gref);
    for (unsigned i = 0; i < DATA_PAGES; i++)
        unshare(attack->page[i], attack->gref[i]);
    if (attack->channel)
        channel_close(attack->channel);
    if (attack->ctrl_channel)
        channel_close(attack->ctrl_channel);
    attack->tx = attack->rx = attack->ctrl = NULL;
    attack->channel = attack->ctrl_channel = 0;
    memset(attack->page, 0, sizeof attack->page);
}

bool attack_end(struct attack *attack)
{
    static const char *const keys[] = {"tx-ring-ref", "rx-ring-ref", "event-channel",
                                       "ctrl-ring-ref", "event-channel-ctrl"};
    char path[96];
    bool followed;

    attack_say_state(CLOSING);
    followed = wait_state(attack, 1u << CLOSING | 1u << CLOSED);
    attack_say_state(CLOSED);
    followed = followed && wait_state(attack, 1u << CLOSED);
    for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
        snprintf(path, sizeof path, STATE_DIR "%s", keys[i]);
        store_remove(0, path);
    }
    give_back(attack);
    return followed;
}

/* -- rings --------------------------------------------------------------------------------------------------------------- */

void attack_tx_words(struct attack *attack, uint32_t a, uint32_t b, uint32_t c)
{
    volatile uint32_t *slot = attack->tx + RING_HEAD + attack->tx_prod++ % RING_SLOTS * TX_WORDS;

    slot[0] = a;
    slot[1] = b;
    slot[2] = c;
}

void attack_tx(struct attack *attack, uint32_t gref, unsigned offset, unsigned flags, unsigned size)
{
    attack_tx_words(attack, gref, offset | flags << 16,
                    attack->tx_prod % RING_SLOTS | (uint32_t)size << 16);
}

void attack_rx(struct attack *attack, uint32_t gref)
{
    volatile uint32_t *slot = attack->rx + RING_HEAD + attack->rx_prod % RING_SLOTS * RX_WORDS;

    slot[0] = attack->rx_prod++ % RING_SLOTS;
    slot[1] = gref;
}

void attack_kick(const struct attack *attack)
{
    hypercall_evtchn_send(attack->channel);
}

void attack_push(struct attack *attack)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    attack->tx[REQ_PROD] = attack->tx_prod;
    attack->rx[REQ_PROD] = attack->rx_prod;
    attack_kick(attack);
}

/* -- what comes of it --------------------------------------------------------------------------------------------------- */

struct outcome {
    bool stopped;
    unsigned ok, errors, none; /* answers */
};

static void look_at(volatile uint32_t *ring, unsigned words, unsigned status_word, uint32_t *seen,
                    struct outcome *outcome)
{
    uint32_t end = ring[RSP_PROD];

    /* It may be one of ours: the attacks write there. */
    for (; *seen != end && end - *seen <= RING_SLOTS; ++*seen) {
        int status = (int16_t)(ring[RING_HEAD + *seen % RING_SLOTS * words + status_word] >> 16);

        if (status < 0)
            outcome->errors++;
        else if (status == 1 && words == TX_WORDS)
            outcome->none++;
        else
            outcome->ok++;
    }
}

static bool as_expected(enum expectation expected, const struct outcome *outcome)
{
    switch (expected) {
    case STOPPED:
        return outcome->stopped;
    case REFUSED:
        return outcome->stopped || outcome->errors;
    case ANYTHING:
        break;
    }
    return true;
}

static struct outcome watch_outcome(struct attack *attack, enum expectation expected)
{
    struct outcome outcome = {0};
    uint32_t tx_seen = 0, rx_seen = 0;
    uint64_t since = now(), moved = since;

    while (now() - since < (expected == ANYTHING ? LOOK_FOR : WAIT_FOR)) {
        uint32_t before = tx_seen + rx_seen;

        outcome.stopped = attack_backend_state(attack) != CONNECTED;
        look_at(attack->tx, TX_WORDS, 0, &tx_seen, &outcome);
        look_at(attack->rx, RX_WORDS, 1, &rx_seen, &outcome);
        if (tx_seen + rx_seen != before)
            moved = now();
        if (outcome.stopped ||
            (as_expected(expected, &outcome) && tx_seen + rx_seen && now() - moved > QUIET_FOR))
            break;
        sleep_ms(20);
    }
    return outcome;
}

static bool attack_once(struct attack *attack, const struct attack_kind *kind, bool ctrl,
                        struct outcome *outcome)
{
    if (!attack_begin(attack)) {
        xtf_failure("before '%s' the backend is not ready again\n", kind->name);
        return false;
    }
    attack_offer(attack, ctrl);
    if (!attack_connected(attack)) {
        xtf_failure("before '%s' the backend does not connect\n", kind->name);
        return false;
    }
    kind->act(attack);
    *outcome = watch_outcome(attack, kind->expected);
    printk("%s: %s, %u answers, %u errors\n", kind->name, outcome->stopped ? "stopped" : "goes on",
           outcome->ok + outcome->none, outcome->errors);
    if (!as_expected(kind->expected, outcome))
        xtf_failure("'%s' was neither stopped nor refused\n", kind->name);
    if (attack_end(attack))
        return true;
    xtf_failure("after '%s' the backend does not close\n", kind->name);
    return false;
}

void attack_all(const struct attack_kind *kinds, unsigned count, bool ctrl)
{
    static struct attack attack;
    unsigned done = 0, stopped = 0, refused = 0;

    attack_init(&attack);
    for (; done < count; done++) {
        struct outcome outcome;

        if (!attack_once(&attack, &kinds[done], ctrl, &outcome))
            break;
        stopped += outcome.stopped;
        refused += !outcome.stopped && outcome.errors;
    }
    printk("attacks=%u\nstopped=%u\nrefused=%u\npages_kept=%u\n", done, stopped, refused,
           pages_kept());
    if (pages_kept())
        xtf_failure("%u pages are still mapped by the backend\n", pages_kept());
    if (done == count && !xtf_status_reported())
        xtf_success("all attacks ended as they should\n");
}
