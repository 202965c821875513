/* SPDX-License-Identifier: MIT */
#include "xenstore-schema/check.h"

#include <ctype.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMA_TABLE
#include "xenstore-schema/keys.h"

#define KEY_COUNT (sizeof schema_table / sizeof schema_table[0])

/* xenbus states that tags speak of */
#define STATE_INIT_WAIT 2
#define STATE_CONNECTED 4

/* The longest value that fits into what the backend reads (STORE_VALUE_MAX). */
#define VALUE_LENGTH_MAX 255
/* Beyond this many queues a frontend's claim is nonsense, whatever the backend offers. */
#define QUEUES_MAX 256

struct check {
    const struct schema_pair *pairs;
    unsigned count;
    schema_report *report;
    void *context;
    unsigned violations;
};

const struct schema_key *schema_keys(unsigned *count)
{
    *count = KEY_COUNT;
    return schema_table;
}

/* A decimal number as the notation has it, no sign, no blanks; `end` is what follows it. */
static bool parse_number(const char *text, uint64_t max, uint64_t *number, const char **end)
{
    uint64_t value = 0;

    if (!isdigit((unsigned char)*text))
        return false;
    for (; isdigit((unsigned char)*text); text++) {
        unsigned digit = (unsigned)(*text - '0');

        if (digit > max || value > (max - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *number = value;
    *end = text;
    return true;
}

static bool is_number(const char *text, uint64_t min, uint64_t max)
{
    uint64_t number;

    return parse_number(text, max, &number, &text) && *text == '\0' && number >= min;
}

static bool is_text(const char *text)
{
    size_t length = strlen(text);

    if (length > VALUE_LENGTH_MAX)
        return false;
    for (; *text; text++) {
        if (iscntrl((unsigned char)*text))
            return false;
    }
    return true;
}

static bool is_path(const char *text)
{
    size_t length = strlen(text);

    if (length == 0 || length > VALUE_LENGTH_MAX || text[length - 1] == '/')
        return false;
    for (; *text; text++) {
        if (!isalnum((unsigned char)*text) && !strchr("-/_@", *text))
            return false;
        if (text[0] == '/' && text[1] == '/')
            return false;
    }
    return true;
}

/* In `form` x is a hexadecimal digit (of lower case, if asked for), everything else is itself. */
static bool has_form(const char *text, const char *form, bool lower)
{
    for (; *form; form++, text++) {
        if (*form != 'x' && *text != *form)
            return false;
        if (*form == 'x' && !isxdigit((unsigned char)*text))
            return false;
        if (lower && isupper((unsigned char)*text))
            return false;
    }
    return *text == '\0';
}

static bool is_pci_address(const char *text)
{
    /* Device numbers have five bits, function numbers three. */
    return has_form(text, "xxxx:xx:xx.x", true) && text[8] <= '1' && text[11] <= '7';
}

static bool is_rate(const char *text)
{
    uint64_t bytes;

    return parse_number(text, UINT64_MAX, &bytes, &text) && *text == ',' &&
           is_number(text + 1, 0, UINT32_MAX);
}

static bool is_word(const char *const *words, const char *text)
{
    for (; *words; words++) {
        if (strcmp(*words, text) == 0)
            return true;
    }
    return false;
}

bool schema_value_fits(const struct schema_key *key, const char *value)
{
    switch (key->type) {
    case SCHEMA_PATH:
        return is_path(value);
    case SCHEMA_STRING:
        return is_text(value);
    case SCHEMA_INTEGER:
    case SCHEMA_GNTREF:
        return is_number(value, 0, UINT32_MAX);
    case SCHEMA_EVTCHN:
        return is_number(value, 1, 131071);
    case SCHEMA_MAC_ADDRESS:
        return has_form(value, "xx:xx:xx:xx:xx:xx", false);
    case SCHEMA_SENTENCE:
        return *value && is_text(value);
    case SCHEMA_FILENAME:
        return *value == '/' && is_text(value);
    case SCHEMA_DOMID:
        return is_number(value, 0, 32751);
    case SCHEMA_XENBUS_STATE:
        return is_number(value, 1, 8);
    case SCHEMA_PCI_ADDRESS:
        return is_pci_address(value);
    case SCHEMA_RATE:
        return is_rate(value);
    case SCHEMA_WORD:
        return is_word(key->words, value);
    }
    return false;
}

/* What a value of the key has to be; `buffer` is for the case that this has to be composed. */
static const char *form_of(const struct schema_key *key, char *buffer, size_t size)
{
    size_t used;

    switch (key->type) {
    case SCHEMA_PATH:
        return "a xenstore path";
    case SCHEMA_STRING:
        return "text of at most 255 bytes without control characters";
    case SCHEMA_INTEGER:
        return "a decimal number";
    case SCHEMA_EVTCHN:
        return "an event channel, a decimal number from 1 to 131071";
    case SCHEMA_GNTREF:
        return "a grant reference, a decimal number";
    case SCHEMA_MAC_ADDRESS:
        return "a MAC address such as 00:16:3e:00:00:01";
    case SCHEMA_SENTENCE:
        return "a sentence of at most 255 bytes without control characters";
    case SCHEMA_FILENAME:
        return "an absolute file name";
    case SCHEMA_DOMID:
        return "a domain, a decimal number from 0 to 32751";
    case SCHEMA_XENBUS_STATE:
        return "a xenbus state, a number from 1 to 8";
    case SCHEMA_PCI_ADDRESS:
        return "a PCI address such as 0000:01:10.0";
    case SCHEMA_RATE:
        return "bytes,microseconds";
    case SCHEMA_WORD:
        used = (size_t)snprintf(buffer, size, "one of the words ");
        for (const char *const *word = key->words; *word && used < size; word++)
            used += (size_t)snprintf(buffer + used, size - used, "%s%s",
                                     word == key->words ? "" : ", ", **word ? *word : "\"\"");
        return buffer;
    }
    return "known";
}

/* Does a key found in the store go by this name of the notation? */
static bool name_matches(const char *name, const char *key)
{
    static const char index[] = "$INDEX";
    const char *variable = strstr(name, index);
    size_t before = variable ? (size_t)(variable - name) : 0;
    uint64_t number;

    if (!variable)
        return strcmp(name, key) == 0;
    if (strncmp(name, key, before) != 0 || !parse_number(key + before, UINT32_MAX, &number, &key))
        return false;
    return strcmp(variable + sizeof index - 1, key) == 0;
}

static const struct schema_key *find_key(enum schema_side side, const char *name)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (schema_table[i].side == side && name_matches(schema_table[i].name, name))
            return &schema_table[i];
    }
    return NULL;
}

static const struct schema_pair *find_pair(const struct check *check, const char *key)
{
    for (unsigned i = 0; i < check->count; i++) {
        if (strcmp(check->pairs[i].key, key) == 0)
            return &check->pairs[i];
    }
    return NULL;
}

/* NULL also if the value could not be read. */
static const char *value_of(const struct check *check, const char *key)
{
    const struct schema_pair *pair = find_pair(check, key);

    return pair ? pair->value : NULL;
}

/* A number that is there and in form, or `otherwise`. */
static uint32_t number_of(const struct check *check, const char *key, uint32_t otherwise)
{
    const char *value = value_of(check, key);

    return value && is_number(value, 0, UINT32_MAX) ? (uint32_t)strtoul(value, NULL, 10)
                                                    : otherwise;
}

static void __attribute__((format(printf, 3, 4)))
say(struct check *check, enum schema_severity severity, const char *format, ...)
{
    char sentence[512];
    va_list args;

    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    /* Keys and values may come from a guest: nothing of theirs may move a cursor. */
    for (char *c = sentence; *c; c++) {
        if (iscntrl((unsigned char)*c))
            *c = '?';
    }
    if (severity == SCHEMA_VIOLATION)
        check->violations++;
    check->report(check->context, severity, sentence);
}

static void check_pair(struct check *check, enum schema_side side, const struct schema_pair *pair)
{
    const struct schema_key *key = find_key(side, pair->key);
    char form[160];

    if (!key) {
        say(check, SCHEMA_WARNING, "%.120s is not in the schema", pair->key);
        return;
    }
    if (!pair->value)
        say(check, SCHEMA_VIOLATION, "%.120s is too long or holds control characters", pair->key);
    else if (!schema_value_fits(key, pair->value))
        say(check, SCHEMA_VIOLATION, "%.120s = \"%.120s\" should be %s", pair->key, pair->value,
            form_of(key, form, sizeof form));
}

/* What the tags of presence speak of. */
struct situation {
    uint32_t state;      /* xenbus state of this end, 0 if it has none */
    bool refused, bound; /* what netvf/state says */
};

static bool must_be_there(const struct schema_key *key, const struct situation *now)
{
    if (key->tags & (SCHEMA_TAG_OPTIONAL | SCHEMA_TAG_RING))
        return false;
    if (key->tags & SCHEMA_TAG_READY)
        return now->state >= STATE_INIT_WAIT && now->state <= STATE_CONNECTED && !now->refused;
    if (key->tags & SCHEMA_TAG_CONNECTED)
        return now->state == STATE_CONNECTED;
    if (key->tags & SCHEMA_TAG_BOUND)
        return now->bound;
    return true;
}

static struct situation look_around(const struct check *check, enum schema_side side)
{
    const char *ours = side == SCHEMA_BE ? value_of(check, KEY_BE_NETVF_STATE) : NULL;
    struct situation now = {
        .state = number_of(check, side == SCHEMA_BE ? KEY_BE_STATE : KEY_FE_STATE, 0),
    };

    if (ours) {
        now.refused = strcmp(ours, VALUE_BE_NETVF_STATE_REFUSED) == 0;
        now.bound = strcmp(ours, VALUE_BE_NETVF_STATE_BOUND) == 0 ||
                    strcmp(ours, VALUE_BE_NETVF_STATE_CONNECTED) == 0;
    }
    return now;
}

static void check_presence(struct check *check, enum schema_side side, const struct situation *now)
{
    const unsigned by_state = SCHEMA_TAG_READY | SCHEMA_TAG_CONNECTED;

    for (size_t i = 0; i < KEY_COUNT; i++) {
        const struct schema_key *key = &schema_table[i];

        if (key->side != side || !must_be_there(key, now) || find_pair(check, key->name))
            continue;
        if (key->tags & by_state)
            say(check, SCHEMA_VIOLATION, "%s is missing in state %u", key->name,
                (unsigned)now->state);
        else
            say(check, SCHEMA_VIOLATION, "%s is missing", key->name);
    }
}

/* `queue` is "" or "queue-N/". */
static bool has(const struct check *check, const char *queue, const char *name)
{
    char key[64];

    snprintf(key, sizeof key, "%s%s", queue, name);
    return find_pair(check, key) != NULL;
}

static void check_queue(struct check *check, const char *queue)
{
    bool shared = has(check, queue, KEY_FE_EVENT_CHANNEL);
    bool tx = has(check, queue, KEY_FE_EVENT_CHANNEL_TX),
         rx = has(check, queue, KEY_FE_EVENT_CHANNEL_RX);

    if (!has(check, queue, KEY_FE_TX_RING_REF))
        say(check, SCHEMA_VIOLATION, "%s%s is missing in state %u", queue, KEY_FE_TX_RING_REF,
            STATE_CONNECTED);
    if (!has(check, queue, KEY_FE_RX_RING_REF))
        say(check, SCHEMA_VIOLATION, "%s%s is missing in state %u", queue, KEY_FE_RX_RING_REF,
            STATE_CONNECTED);
    if (!shared && !(tx && rx))
        say(check, SCHEMA_VIOLATION, "%s%s is missing, or %s with %s", queue, KEY_FE_EVENT_CHANNEL,
            KEY_FE_EVENT_CHANNEL_TX, KEY_FE_EVENT_CHANNEL_RX);
    if (shared && (tx || rx))
        say(check, SCHEMA_VIOLATION, "%s%s excludes %s and %s", queue, KEY_FE_EVENT_CHANNEL,
            KEY_FE_EVENT_CHANNEL_TX, KEY_FE_EVENT_CHANNEL_RX);
}

/* "Queues" in the document. */
static void check_queues(struct check *check)
{
    uint32_t queues = number_of(check, KEY_FE_MULTI_QUEUE_NUM_QUEUES, 1);

    if (queues == 0 || queues > QUEUES_MAX) {
        say(check, SCHEMA_VIOLATION, "%s = %u should be from 1 to %u",
            KEY_FE_MULTI_QUEUE_NUM_QUEUES, (unsigned)queues, QUEUES_MAX);
        return;
    }
    if (queues == 1) {
        check_queue(check, "");
        return;
    }
    if (has(check, "", KEY_FE_TX_RING_REF) || has(check, "", KEY_FE_RX_RING_REF))
        say(check, SCHEMA_VIOLATION, "with %u queues no ring may lie in the directory itself",
            (unsigned)queues);
    for (uint32_t i = 0; i < queues; i++) {
        char queue[32];

        snprintf(queue, sizeof queue, "queue-%u/", (unsigned)i);
        check_queue(check, queue);
    }
}

static void check_control_ring(struct check *check)
{
    if (has(check, "", KEY_FE_CTRL_RING_REF) != has(check, "", KEY_FE_EVENT_CHANNEL_CTRL))
        say(check, SCHEMA_VIOLATION, "%s and %s must both be there or neither",
            KEY_FE_CTRL_RING_REF, KEY_FE_EVENT_CHANNEL_CTRL);
}

unsigned schema_check(enum schema_side side, const struct schema_pair *pairs, unsigned count,
                      schema_report *report, void *context)
{
    struct check check = {pairs, count, report, context, 0};
    struct situation now = look_around(&check, side);

    for (unsigned i = 0; i < count; i++)
        check_pair(&check, side, &pairs[i]);
    check_presence(&check, side, &now);
    if (side == SCHEMA_FE && now.state == STATE_CONNECTED) {
        check_queues(&check);
        check_control_ring(&check);
    }
    return check.violations;
}
