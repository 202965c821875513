/* SPDX-License-Identifier: MIT */
/* A control ring: nonsense, tables that are not there, requests without end. Parameter requests: how many of a flood. */
#include "tests/guest/lib/attack.h"

const char test_title[] = "attack: control ring";

/* xen/io/netif.h, "Control ring"; 8 to 10 ask for windows. */
enum {
    GET_HASH_FLAGS = 1,
    SET_HASH_FLAGS,
    SET_HASH_KEY,
    GET_HASH_MAPPING_SIZE,
    SET_HASH_MAPPING_SIZE,
    SET_HASH_MAPPING,
    SET_HASH_ALGORITHM,
    GET_WINDOW,
    ADD_WINDOW,
    DEL_WINDOW,
    TYPES,
};

static void request(struct attack *a, uint32_t type, uint32_t x, uint32_t y, uint32_t z)
{
    volatile uint32_t *slot = a->ctrl + RING_HEAD + a->ctrl_prod % CTRL_SLOTS * CTRL_WORDS;

    slot[0] = (a->ctrl_prod++ & 0xffff) | type << 16;
    slot[1] = x;
    slot[2] = y;
    slot[3] = z;
}

static void push(struct attack *a)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    a->ctrl[REQ_PROD] = a->ctrl_prod;
    hypercall_evtchn_send(a->ctrl_channel);
}

static unsigned room(const struct attack *a)
{
    return CTRL_SLOTS - (a->ctrl_prod - a->ctrl[RSP_PROD]);
}

/* All that were put are answered, in time: a control ring is served slowly on purpose. */
static void wait_answers(struct attack *a, const char *what)
{
    uint64_t since = now();

    while (a->ctrl[RSP_PROD] != a->ctrl_prod && now() - since < 5 * NS_PER_S)
        sleep_ms(2);
    if (a->ctrl[RSP_PROD] != a->ctrl_prod)
        xtf_failure("%s: %u of %u requests are not answered\n", what,
                    a->ctrl_prod - a->ctrl[RSP_PROD], a->ctrl_prod);
}

/* No attack: what a well-behaved frontend gets that asks for hashing (types 1 to 7, docs/choices.md). It has to be told, in
 * the answer to its own request, that there is none; "no algorithm" it may have. */
static void hashing(struct attack *a)
{
    enum { NONE, TOEPLITZ };
    enum { SUCCESS, NOT_SUPPORTED, INVALID_PARAMETER };
    const struct {
        uint32_t type, value, status;
    } asked[] = {
        {SET_HASH_ALGORITHM, TOEPLITZ, INVALID_PARAMETER},
        {GET_HASH_FLAGS, 0, NOT_SUPPORTED},
        {SET_HASH_FLAGS, 3, NOT_SUPPORTED},
        {SET_HASH_KEY, a->gref[0], NOT_SUPPORTED},
        {GET_HASH_MAPPING_SIZE, 0, NOT_SUPPORTED},
        {SET_HASH_MAPPING_SIZE, 128, NOT_SUPPORTED},
        {SET_HASH_MAPPING, a->gref[0], NOT_SUPPORTED},
        {SET_HASH_ALGORITHM, NONE, SUCCESS},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(asked); i++) {
        const volatile uint32_t *answer;
        uint32_t at = a->ctrl_prod;

        request(a, asked[i].type, asked[i].value, 0, 0);
        push(a);
        wait_answers(a, "hashing");
        answer = a->ctrl + RING_HEAD + at % CTRL_SLOTS * CTRL_WORDS;
        if (answer[0] != ((at & 0xffff) | asked[i].type << 16) || answer[1] != asked[i].status)
            xtf_failure("hashing: request %u of type %u is answered %08x with status %u\n", at,
                        asked[i].type, answer[0], answer[1]);
    }
    printk("hash_requests=%u\n", (unsigned)ARRAY_SIZE(asked));
}

static void types_and_tables(struct attack *a)
{
    static const uint32_t numbers[] = {0, 1, 127, 4096, 0x7fffffff, UINT32_MAX};

    for (uint32_t type = 0; type < TYPES; type++)
        for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++) {
            request(a, type, numbers[i], numbers[(i + 1) % 6], numbers[(i + 2) % 6]);
            if (room(a) < 8) {
                push(a);
                wait_answers(a, "nonsense");
            }
        }
    request(a, SET_HASH_KEY, a->gref[0], 40, 0);
    request(a, SET_HASH_MAPPING, a->gref[0], 1024, UINT32_MAX - 2);
    request(a, 0xffff, 0, 0, 0);
    push(a);
    wait_answers(a, "nonsense");
}

static void flood(struct attack *a)
{
    unsigned count = param_number("requests", 5000);
    uint64_t start = now();

    for (unsigned i = 0; i < count;) {
        for (unsigned n = room(a); n && i < count; n--, i++)
            request(a, GET_WINDOW + i % 3, i % 3, a->gref[i % DATA_PAGES], 512);
        push(a);
        hypercall_yield();
    }
    wait_answers(a, "a flood");
    printk("requests=%u\nrequests_ms=%lu\n", count, (now() - start) / NS_PER_MS);
}

static void noise(struct attack *a)
{
    for (unsigned i = RING_HEAD; i < PAGE_SIZE / 4; i++)
        a->ctrl[i] = attack_random();
    a->ctrl[REQ_PROD] = a->ctrl_prod = CTRL_SLOTS;
    hypercall_evtchn_send(a->ctrl_channel);
    wait_answers(a, "noise");
}

static void index_too_far(struct attack *a)
{
    a->ctrl[REQ_PROD] = CTRL_SLOTS + 1;
    hypercall_evtchn_send(a->ctrl_channel);
}

static void index_backwards(struct attack *a)
{
    a->ctrl[REQ_PROD] = UINT32_MAX;
    hypercall_evtchn_send(a->ctrl_channel);
}

static void rewritten(struct attack *a)
{
    uint64_t end = now() + 200 * NS_PER_MS;

    while (now() < end) {
        for (unsigned n = room(a); n; n--)
            request(a, attack_random() % TYPES, a->gref[0], attack_random(), attack_random());
        push(a);
        for (unsigned i = 0; i < 200; i++)
            a->ctrl[RING_HEAD + attack_random() % (CTRL_SLOTS * CTRL_WORDS)] = attack_random();
        a->ctrl[RSP_EVENT] = attack_random();
    }
}

static void kicks(struct attack *a)
{
    for (unsigned i = 0; i < 100000; i++)
        hypercall_evtchn_send(a->ctrl_channel);
}

void test_main(void)
{
    static const struct attack_kind kinds[] = {
        {"hashing", hashing, ANYTHING},
        {"nonsense of all types", types_and_tables, ANYTHING},
        {"windows without end", flood, ANYTHING},
        {"a ring full of noise", noise, ANYTHING},
        {"an index too far", index_too_far, STOPPED},
        {"an index backwards", index_backwards, STOPPED},
        {"requests rewritten", rewritten, ANYTHING},
        {"kicks", kicks, ANYTHING},
    };

    guest_init();
    attack_all(kinds, ARRAY_SIZE(kinds), true);
}
