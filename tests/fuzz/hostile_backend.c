/* SPDX-License-Identifier: MIT */
#include "fuzz/hostile_backend.h"

#include "xenstore-schema/keys.h"

#define BE_KEYS_EACH 11u /* of the keys below, those that each backend directory has */

struct hostile_backend backend;

/* ---- Keys ---- */

static const char *const be_keys[BE_KEYS_EACH] = {
    KEY_BE_STATE,
    KEY_BE_ONLINE,
    KEY_BE_CARRIER,
    KEY_BE_MULTI_QUEUE_MAX_QUEUES,
    KEY_BE_FEATURE_RX_COPY,
    KEY_BE_FEATURE_SG,
    KEY_BE_FEATURE_GSO_TCPV4,
    KEY_BE_FEATURE_GSO_TCPV6,
    KEY_BE_FEATURE_NO_CSUM_OFFLOAD,
    KEY_BE_FEATURE_IPV6_CSUM_OFFLOAD,
    KEY_BE_FEATURE_SPLIT_EVENT_CHANNELS,
};

static const char *const fe_keys[] = {
    KEY_FE_BACKEND, KEY_FE_BACKEND_ID, KEY_FE_STATE,       KEY_FE_MAC,
    KEY_FE_MTU,     "queue-1",         KEY_FE_TX_RING_REF, KEY_FE_CTRL_RING_REF,
};

#define FE_KEYS_COUNT (unsigned)(sizeof fe_keys / sizeof fe_keys[0])

/* 251 bytes: no key below it is a path any more. */
static char long_path[252];

static const char *const values[] = {"0",          "1",          "2",    "3",
                                     "4",          "5",          "6",    "7",
                                     "8",          "9",          "64",   "65521",
                                     "65522",      "65536",      "-1",   "",
                                     "4294967297", "0000000001", " 1",   "18446744073709551617",
                                     BE_DIR,       BE_DIR2,      FE_DIR, "00:16:3e:01:02:ab",
                                     "1x",         "1500",       "9000", "00:16:3e:01:02:a",
                                     long_path,    NULL /* removed */};

/* `which` and `what` out of all. */
static void set_key(unsigned which, unsigned what)
{
    const char *const dirs[] = {BE_DIR, BE_DIR2, FE_DIR};
    unsigned dir = which % 8 < 5 ? 0 : which % 8 - 5; /* mostly the backend that is ours */
    char path[80];

    which /= 8;
    snprintf(path, sizeof path, "%s/%s", dirs[dir],
             dir < 2 ? be_keys[which % BE_KEYS_EACH] : fe_keys[which % FE_KEYS_COUNT]);
    front_sim_set(&backend.sim, path, values[what % (sizeof values / sizeof values[0])]);
}

/* Any text for any key. */
static void write_noise(void)
{
    unsigned key = input_u8(&backend.in), length = input_u8(&backend.in) % 24;
    char path[80], text[25] = {0};

    input_bytes(&backend.in, text, length);
    if (key < 128)
        snprintf(path, sizeof path, BE_DIR "/%s", be_keys[key % BE_KEYS_EACH]);
    else
        snprintf(path, sizeof path, FE_DIR "/%s", fe_keys[key % FE_KEYS_COUNT]);
    front_sim_set(&backend.sim, path, text);
}

/* ---- Rings ---- */

static uint32_t *ring_of(unsigned choice)
{
    const struct front_queue *queue =
        &backend.front->queue[(choice >> 1) % BACKEND_QUEUES % backend.front->queues];

    return choice & 1 ? queue->rx_page.bytes : queue->tx_page.bytes;
}

/* One of a ring's words that mean something, mostly. */
static void poke_ring(unsigned choice, unsigned word, uint32_t value)
{
    uint32_t *ring = ring_of(choice);

    if (ring)
        ring[word % (FRONT_PAGE / 4)] = value;
}

void backend_answer_tx(unsigned number, unsigned count)
{
    netif_tx_sring_t *ring = backend.front->queue[number].tx_page.bytes;
    bool *extra = &backend.extra[number];

    if (!ring)
        return;
    for (; count && ring->rsp_prod != ring->req_prod; count--) {
        union netif_tx_sring_entry *slot = &ring->ring[ring->rsp_prod++ % RING_SLOTS];
        const netif_tx_request_t request = slot->req;

        slot->rsp.id = request.id;
        slot->rsp.status = *extra ? NETIF_RSP_NULL : NETIF_RSP_OKAY;
        *extra = !*extra && (request.flags & NETTXF_extra_info);
    }
}

void backend_answer_rx(unsigned number, unsigned offset, unsigned flags, int status)
{
    netif_rx_sring_t *ring = backend.front->queue[number].rx_page.bytes;

    if (!ring || ring->rsp_prod == ring->req_prod)
        return;
    ring->ring[ring->rsp_prod++ % RING_SLOTS].rsp = (netif_rx_response_t){
        .offset = (uint16_t)offset, .flags = (uint16_t)flags, .status = (int16_t)status};
}

static void answer_extra(unsigned number)
{
    netif_rx_sring_t *ring = backend.front->queue[number].rx_page.bytes;
    netif_extra_info_t extra;

    input_bytes(&backend.in, &extra, sizeof extra);
    extra.type %= XEN_NETIF_EXTRA_TYPE_MAX + 1;
    if (ring && ring->rsp_prod != ring->req_prod)
        memcpy(&ring->ring[ring->rsp_prod++ % RING_SLOTS], &extra, sizeof extra);
}

static unsigned any_queue(void)
{
    return input_u8(&backend.in) % BACKEND_QUEUES % backend.front->queues;
}

/* Several buffers, of a frame or not. */
static void receive(void)
{
    unsigned queue = any_queue(), parts = 1 + input_u8(&backend.in) % 22;
    unsigned flags = input_u8(&backend.in), offset = input_u16(&backend.in);
    int status = (int16_t)input_u16(&backend.in);

    if (flags & 32)
        offset %= FRONT_PAGE, status = (int)(1 + (unsigned)status % (FRONT_PAGE - offset));
    for (unsigned i = 0; i < parts; i++) {
        backend_answer_rx(queue, offset,
                          (i ? 0
                             : flags & (NETRXF_csum_blank | NETRXF_data_validated |
                                        NETRXF_extra_info | NETRXF_gso_prefix)) |
                              (i + 1 < parts ? NETRXF_more_data : 0),
                          status);
        if (!i && (flags & NETRXF_extra_info))
            answer_extra(queue);
    }
}

/* ---- While the frontend works ---- */

static void strike(const struct backend_ambush *ambush, volatile uint32_t *word)
{
    switch (ambush->kind) {
    case AMBUSH_SET:
        *word = ambush->value;
        break;
    case AMBUSH_ADD:
        *word += ambush->value;
        break;
    case AMBUSH_POKE:
        poke_ring(ambush->where, ambush->where >> 2, ambush->value);
        break;
    default:
        set_key(ambush->where, ambush->value);
    }
}

/* `word`: the one that is about to be read, NULL in a call. */
static void come_out(volatile uint32_t *word)
{
    for (unsigned i = 0; i < backend.ambush_count;) {
        struct backend_ambush *ambush = &backend.ambushes[i];

        if ((ambush->kind != AMBUSH_KEY) != (word != NULL) || ambush->in--) {
            i++;
            continue;
        }
        strike(ambush, word);
        *ambush = backend.ambushes[--backend.ambush_count];
    }
}

static void in_call(struct front_sim *sim)
{
    (void)sim;
    come_out(NULL);
}

static void lay_ambush(void)
{
    struct backend_ambush ambush = {
        .kind = input_u8(&backend.in) % AMBUSH_KINDS,
        .in = input_u8(&backend.in),
        .value = input_u32(&backend.in),
        .where = input_u16(&backend.in),
    };

    if (backend.ambush_count < BACKEND_AMBUSHES)
        backend.ambushes[backend.ambush_count++] = ambush;
}

/* The word of which ring of ours it is; a page that is not shared is none. */
static size_t find_word(const volatile uint32_t *word, unsigned *queue, unsigned *which)
{
    for (*queue = 0; *queue < backend.front->queues; ++*queue)
        for (*which = 0; *which < 2; ++*which) {
            const uint32_t *ring = ring_of(*queue << 1 | *which);

            if (ring && word >= ring && word < ring + FRONT_PAGE / 4)
                return (size_t)(word - ring);
        }
    fprintf(stderr, "%p is no word of a ring that is shared\n", (const void *)(uintptr_t)word);
    abort();
}

uint32_t shm_read32(const volatile uint32_t *word)
{
    unsigned queue, which;
    size_t index = find_word(word, &queue, &which);
    unsigned *last = &backend.read_in[queue][which][index];

    require(!backend.once || *last != backend.call);
    *last = backend.call;
    come_out((volatile uint32_t *)word);
    return *word;
}

/* The frontend writes requests, one word of the header, and what it wants to be woken for; and both of those when the
 * ring is made. Its slots lie within what it has room for. */
void shm_write32(volatile uint32_t *word, uint32_t value)
{
    unsigned queue, which;
    size_t index = find_word(word, &queue, &which);
    const struct ring *ring =
        which ? &backend.front->queue[queue].rx : &backend.front->queue[queue].tx;

    if (index >= RING_HEADER_WORDS) {
        require((index - RING_HEADER_WORDS) / ring->slot_words ==
                (ring->req_prod - 1) % RING_SLOTS);
        require(ring->req_prod - ring->rsp_cons <= RING_SLOTS);
        require(ring->req_prod != ring->req_pushed);
    } else if (index == RING_REQ_PROD) {
        require(value - ring->rsp_cons <= RING_SLOTS);
    } else {
        require(index == RING_RSP_EVENT || (index == RING_REQ_EVENT && value == 1));
    }
    *word = value;
}

/* ---- Set-up ---- */

void backend_open(const uint8_t *data, size_t size)
{
    memset(&backend, 0, sizeof backend);
    memset(long_path, 'd', sizeof long_path - 1);
    backend.in = (struct input){data, size};
    front_sim_open(&backend.sim);
    backend.sim.point = in_call;
}

void backend_close(void)
{
    front_sim_close(&backend.sim);
}

void backend_make_vif(void)
{
    front_sim_set(&backend.sim, FE_DIR, NULL);
    front_sim_set(&backend.sim, BE_DIR, NULL);
    front_sim_make_vif(&backend.sim, BE_DIR, "0");
}

void backend_calm(void)
{
    backend.ambush_count = 0;
    backend.sim.fail_call = 0;
    backend.sim.interfere = 0;
}

void backend_follow(void)
{
    const char *be = "1";

    switch (front_sim_number(&backend.sim, KEY_FE_STATE)) {
    case XenbusStateConnected:
        be = "4";
        break;
    case XenbusStateClosing:
        be = "5";
        break;
    case XenbusStateClosed:
        be = "6";
        break;
    default:
        front_sim_offer(&backend.sim, BE_DIR, "2");
        be = "2";
        memset(backend.extra, 0, sizeof backend.extra);
        break;
    }
    front_sim_set(&backend.sim, BE_DIR "/" KEY_BE_STATE, be);
}

/* ---- Acts ---- */

void backend_act(unsigned act)
{
    uint32_t *ring;
    unsigned key, queue;

    switch (act) {
    case 0:
        lay_ambush();
        break;
    case 1:
        backend_follow();
        break;
    case 2:
        key = input_u16(&backend.in);
        set_key(key, input_u8(&backend.in));
        break;
    case 3:
        write_noise();
        break;
    case 4: /* as after a migration */
        backend_make_vif();
        break;
    case 5: /* an index moves; by little, mostly */
        ring = ring_of(input_u8(&backend.in));
        key = input_u8(&backend.in);
        if (ring)
            ring[RING_RSP_PROD] += (uint32_t)(int8_t)key;
        break;
    case 6: /* any word */
        key = input_u16(&backend.in);
        poke_ring(input_u8(&backend.in), key, input_u32(&backend.in));
        break;
    case 7:
        receive();
        break;
    case 8:
        queue = any_queue();
        backend_answer_tx(queue, 1 + input_u8(&backend.in));
        break;
    case 9:
        answer_extra(any_queue());
        break;
    case 10:
        backend.sim.interfere = input_u8(&backend.in) % 10;
        break;
    default: /* a call of the port's fails, soon */
        backend.sim.fail_call = backend.sim.calls + 1 + input_u8(&backend.in);
        break;
    }
}
