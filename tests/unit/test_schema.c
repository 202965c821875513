/* SPDX-License-Identifier: MIT */
/* The schema: its notation, the header made from it, and the checker on good and bad trees. */
#include <check.h>
#include <regex.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/runner.h"
#include "xenstore-schema/check.h"
#include "xenstore-schema/keys.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Xen's notation, written a second time and on its own: the generator must not be its own judge. */
#define PATH_RE "~(/(\\$DOMID|\\$DEVID|queue-\\$INDEX|[a-z][a-z0-9_-]*))+"
#define TYPE_RE                                                                           \
    "PATH|STRING|INTEGER|EVTCHN|GNTREF|MAC_ADDRESS|SENTENCE|FILENAME|DOMID|XENBUS_STATE|" \
    "PCI_ADDRESS|RATE"
#define VALUE_RE "(" TYPE_RE "|\\((\"[a-z0-9_]*\"\\|)+\"[a-z0-9_]*\"\\))"
#define TAG_RE   "(w|TOOLSTACK|SCRIPT|OPTIONAL|READY|CONNECTED|BOUND|RING)"
#define LINE_RE  "^#### " PATH_RE "(/\\*| = " VALUE_RE ") \\[(" TAG_RE "(," TAG_RE ")*)?\\]$"

/* Tests run in the top of the build tree; automake says where the sources are. */
static FILE *open_file(const char *directory, const char *name)
{
    char path[512];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", directory ? directory : ".", name);
    file = fopen(path, "r");
    ck_assert_msg(file != NULL, "cannot open %s", path);
    return file;
}

static FILE *open_source(void)
{
    return open_file(getenv("srcdir"), "xenstore-schema/netvf-paths.pandoc");
}

/* The name of a "#### PATH = ..." line relative to its directory. */
static const char *name_in(char *line, enum schema_side *side)
{
    static const char backend[] = "~/backend/vif/$DOMID/$DEVID/",
                      frontend[] = "~/device/vif/$DEVID/";
    char *path = line + strlen("#### ");

    *strstr(path, " = ") = '\0';
    *side = strncmp(path, backend, strlen(backend)) == 0 ? SCHEMA_BE : SCHEMA_FE;
    return path + strlen(*side == SCHEMA_BE ? backend : frontend);
}

START_TEST(notation_is_kept)
{
    unsigned count, keys = 0, directories = 0;
    const struct schema_key *table = schema_keys(&count);
    FILE *file = open_source();
    enum schema_side side;
    char line[512];
    regex_t form;

    ck_assert_int_eq(regcomp(&form, LINE_RE, REG_EXTENDED | REG_NOSUB), 0);
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "####", 4) != 0)
            continue;
        ck_assert_msg(regexec(&form, line, 0, NULL, 0) == 0, "not in the notation: %s", line);
        if (strstr(line, "/* [")) {
            directories++;
            continue;
        }
        ck_assert_uint_lt(keys, count);
        ck_assert_str_eq(name_in(line, &side), table[keys].name);
        ck_assert_int_eq(side, table[keys].side);
        keys++;
    }
    regfree(&form);
    fclose(file);
    ck_assert_uint_eq(directories, 2);
    ck_assert_uint_eq(keys, count);
    ck_assert_uint_gt(keys, 50);
}
END_TEST

START_TEST(every_macro_is_unique)
{
    static char names[512][80];
    unsigned count = 0, keys = 0, expected;
    FILE *file = open_file(NULL, "xenstore-schema/keys.h");
    char line[1024];

    schema_keys(&expected);
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "#define %79s \"", names[count]) != 1)
            continue;
        for (unsigned i = 0; i < count; i++)
            ck_assert_str_ne(names[i], names[count]);
        keys += strncmp(names[count], "KEY_", 4) == 0;
        ck_assert_uint_lt(++count, COUNT(names));
    }
    fclose(file);
    ck_assert_uint_eq(keys, expected);
}
END_TEST

START_TEST(macros_are_what_others_compile_against)
{
    char path[160];

    ck_assert_str_eq(KEY_BE_FEATURE_SG, "feature-sg");
    ck_assert_str_eq(KEY_BE_NETVF_VF, "netvf/vf");
    ck_assert_str_eq(KEY_FE_TX_RING_REF, "tx-ring-ref");
    ck_assert_str_eq(VALUE_BE_NETVF_STATE_REFUSED, "refused");
    ck_assert_str_eq(VALUE_BE_NETVF_TRANSLATION_HOST, "host");
    snprintf(path, sizeof path, PATH_BE_DIR, 0u, 7u, 1u);
    ck_assert_str_eq(path, "/local/domain/0/backend/vif/7/1");
    snprintf(path, sizeof path, PATH_FE_DIR, 7u, 1u);
    ck_assert_str_eq(path, "/local/domain/7/device/vif/1");
    snprintf(path, sizeof path, KEY_FE_QUEUE_N_RX_RING_REF, 3u);
    ck_assert_str_eq(path, "queue-3/rx-ring-ref");
}
END_TEST

START_TEST(table_is_sound)
{
    const unsigned presence =
        SCHEMA_TAG_OPTIONAL | SCHEMA_TAG_READY | SCHEMA_TAG_CONNECTED | SCHEMA_TAG_RING;
    unsigned count;
    const struct schema_key *table = schema_keys(&count);

    for (unsigned i = 0; i < count; i++) {
        unsigned tags = table[i].tags & presence;

        ck_assert_int_eq(table[i].type == SCHEMA_WORD, table[i].words != NULL);
        ck_assert_msg((tags & (tags - 1)) == 0, "%s: two tags of presence", table[i].name);
    }
}
END_TEST

static const struct {
    enum schema_type type;
    const char *value;
    bool fits;
} forms[] = {
    {SCHEMA_INTEGER, "0", true},
    {SCHEMA_INTEGER, "4294967295", true},
    {SCHEMA_INTEGER, "4294967296", false},
    {SCHEMA_INTEGER, "99999999999999999999999", false},
    {SCHEMA_INTEGER, "", false},
    {SCHEMA_INTEGER, "-1", false},
    {SCHEMA_INTEGER, "+1", false},
    {SCHEMA_INTEGER, " 1", false},
    {SCHEMA_INTEGER, "1 ", false},
    {SCHEMA_INTEGER, "0x10", false},
    {SCHEMA_GNTREF, "768", true},
    {SCHEMA_EVTCHN, "1", true},
    {SCHEMA_EVTCHN, "0", false},
    {SCHEMA_EVTCHN, "131072", false},
    {SCHEMA_DOMID, "32751", true},
    {SCHEMA_DOMID, "32752", false},
    {SCHEMA_XENBUS_STATE, "6", true},
    {SCHEMA_XENBUS_STATE, "0", false},
    {SCHEMA_XENBUS_STATE, "9", false},
    {SCHEMA_MAC_ADDRESS, "00:16:3e:aB:00:01", true},
    {SCHEMA_MAC_ADDRESS, "00:16:3e:ab:00", false},
    {SCHEMA_MAC_ADDRESS, "00:16:3e:ab:00:01:02", false},
    {SCHEMA_MAC_ADDRESS, "00-16-3e-ab-00-01", false},
    {SCHEMA_MAC_ADDRESS, "00:16:3e:ag:00:01", false},
    {SCHEMA_PCI_ADDRESS, "0000:01:10.0", true},
    {SCHEMA_PCI_ADDRESS, "0000:01:1f.7", true},
    {SCHEMA_PCI_ADDRESS, "0000:01:20.0", false},
    {SCHEMA_PCI_ADDRESS, "0000:01:10.8", false},
    {SCHEMA_PCI_ADDRESS, "0000:0A:10.0", false},
    {SCHEMA_PCI_ADDRESS, "01:10.0", false},
    {SCHEMA_PCI_ADDRESS, "0000:01:10.0 ", false},
    {SCHEMA_RATE, "1250000,50000", true},
    {SCHEMA_RATE, "18446744073709551615,0", true},
    {SCHEMA_RATE, "1250000", false},
    {SCHEMA_RATE, "1250000,", false},
    {SCHEMA_RATE, ",50000", false},
    {SCHEMA_PATH, "/local/domain/1/device/vif/0", true},
    {SCHEMA_PATH, "backend/vif", true},
    {SCHEMA_PATH, "", false},
    {SCHEMA_PATH, "/local//domain", false},
    {SCHEMA_PATH, "/local/domain/", false},
    {SCHEMA_PATH, "/local/../domain", false},
    {SCHEMA_FILENAME, "/etc/xen/scripts/vif-netvf", true},
    {SCHEMA_FILENAME, "vif-netvf", false},
    {SCHEMA_STRING, "", true},
    {SCHEMA_STRING, "eth0", true},
    {SCHEMA_STRING, "a\nb", false},
    {SCHEMA_STRING, "\x1b[2J", false},
    {SCHEMA_SENTENCE, "no idle VF on eth0", true},
    {SCHEMA_SENTENCE, "", false},
};

START_TEST(values_have_their_form)
{
    struct schema_key key = {.name = "k", .side = SCHEMA_BE, .type = forms[_i].type};

    ck_assert_msg(schema_value_fits(&key, forms[_i].value) == forms[_i].fits, "type %d: \"%s\"",
                  (int)forms[_i].type, forms[_i].value);
}
END_TEST

START_TEST(value_lengths_are_bounded)
{
    struct schema_key key = {.name = "k", .side = SCHEMA_BE, .type = SCHEMA_STRING};
    char value[257];

    memset(value, 'a', sizeof value);
    value[255] = '\0';
    ck_assert(schema_value_fits(&key, value));
    value[255] = 'a';
    value[256] = '\0';
    ck_assert(!schema_value_fits(&key, value));
}
END_TEST

/* A tree under test: a good one, with changes. */
struct tree {
    struct schema_pair pairs[64];
    unsigned count;
};

static void set(struct tree *tree, const char *key, const char *value)
{
    for (unsigned i = 0; i < tree->count; i++) {
        if (strcmp(tree->pairs[i].key, key) == 0) {
            tree->pairs[i].value = value;
            return;
        }
    }
    ck_assert_uint_lt(tree->count, COUNT(tree->pairs));
    tree->pairs[tree->count++] = (struct schema_pair){key, value};
}

static void drop(struct tree *tree, const char *key)
{
    for (unsigned i = 0; i < tree->count; i++) {
        if (strcmp(tree->pairs[i].key, key) == 0) {
            tree->pairs[i] = tree->pairs[--tree->count];
            return;
        }
    }
    ck_abort_msg("%s is not in the tree", key);
}

/* What libxl of Xen 4.17 and netvfd leave for a vif that runs. */
static struct tree good_backend(void)
{
    return (struct tree){{{"frontend", "/local/domain/1/device/vif/0"},
                          {"frontend-id", "1"},
                          {"online", "1"},
                          {"state", "4"},
                          {"script", "/etc/xen/scripts/vif-netvf"},
                          {"mac", "00:16:3e:00:00:01"},
                          {"bridge", "eth0"},
                          {"handle", "0"},
                          {"type", "vif"},
                          {"hotplug-status", "connected"},
                          {"feature-rx-copy", "1"},
                          {"feature-sg", "1"},
                          {"netvf/state", "connected"},
                          {"netvf/vf", "0000:01:10.0"},
                          {"netvf/translation", "host"}},
                         15};
}

/* What libxl and a stock Linux frontend leave. */
static struct tree good_frontend(void)
{
    return (struct tree){{{"backend", "/local/domain/0/backend/vif/1/0"},
                          {"backend-id", "0"},
                          {"state", "4"},
                          {"handle", "0"},
                          {"mtu", "1500"},
                          {"mac", "00:16:3e:00:00:01"},
                          {"trusted", "1"},
                          {"tx-ring-ref", "768"},
                          {"rx-ring-ref", "769"},
                          {"event-channel", "9"},
                          {"request-rx-copy", "1"},
                          {"feature-rx-notify", "1"},
                          {"feature-sg", "1"},
                          {"feature-gso-tcpv4", "1"},
                          {"feature-gso-tcpv6", "1"},
                          {"feature-ipv6-csum-offload", "1"}},
                         16};
}

struct findings {
    unsigned violations, warnings;
    char last[512];
};

static void note(void *context, enum schema_severity severity, const char *sentence)
{
    struct findings *findings = context;

    if (severity == SCHEMA_VIOLATION)
        findings->violations++;
    else
        findings->warnings++;
    snprintf(findings->last, sizeof findings->last, "%s", sentence);
}

static struct findings look(enum schema_side side, const struct tree *tree)
{
    struct findings findings = {0};
    unsigned returned = schema_check(side, tree->pairs, tree->count, note, &findings);

    ck_assert_uint_eq(returned, findings.violations);
    return findings;
}

/* One violation, and its sentence is this. */
static void expect(enum schema_side side, const struct tree *tree, const char *sentence)
{
    struct findings findings = look(side, tree);

    ck_assert_uint_eq(findings.warnings, 0);
    ck_assert_uint_eq(findings.violations, 1);
    ck_assert_str_eq(findings.last, sentence);
}

static void expect_clean(enum schema_side side, const struct tree *tree)
{
    struct findings findings = look(side, tree);

    ck_assert_msg(findings.violations == 0 && findings.warnings == 0, "%s", findings.last);
}

START_TEST(good_trees_pass)
{
    struct tree backend = good_backend(), frontend = good_frontend();

    expect_clean(SCHEMA_BE, &backend);
    expect_clean(SCHEMA_FE, &frontend);

    /* Split event channels. */
    drop(&frontend, "event-channel");
    set(&frontend, "event-channel-tx", "9");
    set(&frontend, "event-channel-rx", "10");
    expect_clean(SCHEMA_FE, &frontend);

    /* As libxl has created them, before anyone has looked. */
    frontend = (struct tree){{{"backend", "/local/domain/0/backend/vif/1/0"},
                              {"backend-id", "0"},
                              {"state", "1"},
                              {"handle", "0"},
                              {"mac", "00:16:3e:00:00:01"}},
                             5};
    expect_clean(SCHEMA_FE, &frontend);
    set(&backend, "state", "1");
    set(&backend, "hotplug-status", "");
    drop(&backend, "netvf/state");
    drop(&backend, "netvf/vf");
    drop(&backend, "netvf/translation");
    drop(&backend, "feature-rx-copy");
    expect_clean(SCHEMA_BE, &backend);

    /* Refused: state 2 without features, so that the hotplug script says why. */
    set(&backend, "state", "2");
    set(&backend, "netvf/state", "refused");
    set(&backend, "netvf/error", "no idle VF on eth0: detach a vif first");
    expect_clean(SCHEMA_BE, &backend);
}
END_TEST

START_TEST(two_queues_pass)
{
    struct tree frontend = good_frontend();

    set(&frontend, "multi-queue-num-queues", "2");
    drop(&frontend, "tx-ring-ref");
    drop(&frontend, "rx-ring-ref");
    drop(&frontend, "event-channel");
    set(&frontend, "queue-0/tx-ring-ref", "8");
    set(&frontend, "queue-0/rx-ring-ref", "9");
    set(&frontend, "queue-0/event-channel", "10");
    set(&frontend, "queue-1/tx-ring-ref", "11");
    set(&frontend, "queue-1/rx-ring-ref", "12");
    set(&frontend, "queue-1/event-channel-tx", "13");
    set(&frontend, "queue-1/event-channel-rx", "14");
    expect_clean(SCHEMA_FE, &frontend);

    drop(&frontend, "queue-1/event-channel-rx");
    expect(SCHEMA_FE, &frontend,
           "queue-1/event-channel is missing, or event-channel-tx with event-channel-rx");
    set(&frontend, "queue-1/event-channel-rx", "14");
    drop(&frontend, "queue-0/rx-ring-ref");
    expect(SCHEMA_FE, &frontend, "queue-0/rx-ring-ref is missing in state 4");
    set(&frontend, "queue-0/rx-ring-ref", "9");
    set(&frontend, "tx-ring-ref", "1");
    expect(SCHEMA_FE, &frontend, "with 2 queues no ring may lie in the directory itself");
}
END_TEST

START_TEST(bad_backends_are_told)
{
    struct tree tree = good_backend();

    drop(&tree, "frontend-id");
    expect(SCHEMA_BE, &tree, "frontend-id is missing");
    tree = good_backend();
    drop(&tree, "feature-rx-copy");
    expect(SCHEMA_BE, &tree, "feature-rx-copy is missing in state 4");
    tree = good_backend();
    drop(&tree, "netvf/vf");
    expect(SCHEMA_BE, &tree, "netvf/vf is missing");
    /* A daemon that has stopped serves nothing, whatever the xenbus state. */
    set(&tree, "netvf/state", "stopped");
    expect_clean(SCHEMA_BE, &tree);
    tree = good_backend();
    set(&tree, "netvf/translation", "magic");
    expect(SCHEMA_BE, &tree,
           "netvf/translation = \"magic\" should be one of the words host, iommu, bounce");
    tree = good_backend();
    set(&tree, "mac", "00:16:3e");
    expect(SCHEMA_BE, &tree,
           "mac = \"00:16:3e\" should be a MAC address such as 00:16:3e:00:00:01");
    tree = good_backend();
    set(&tree, "bridge", NULL);
    expect(SCHEMA_BE, &tree, "bridge is too long or holds control characters");
    tree = good_backend();
    set(&tree, "netvf/vf", "01:10.0\n");
    expect(SCHEMA_BE, &tree,
           "netvf/vf = \"01:10.0?\" should be a PCI address such as 0000:01:10.0");
}
END_TEST

START_TEST(bad_frontends_are_told)
{
    struct tree tree = good_frontend();

    drop(&tree, "tx-ring-ref");
    expect(SCHEMA_FE, &tree, "tx-ring-ref is missing in state 4");
    tree = good_frontend();
    set(&tree, "event-channel-rx", "3");
    expect(SCHEMA_FE, &tree, "event-channel excludes event-channel-tx and event-channel-rx");
    tree = good_frontend();
    set(&tree, "multi-queue-num-queues", "0");
    expect(SCHEMA_FE, &tree, "multi-queue-num-queues = 0 should be from 1 to 256");
    set(&tree, "multi-queue-num-queues", "4000000000");
    expect(SCHEMA_FE, &tree, "multi-queue-num-queues = 4000000000 should be from 1 to 256");
    tree = good_frontend();
    set(&tree, "ctrl-ring-ref", "20");
    expect(SCHEMA_FE, &tree, "ctrl-ring-ref and event-channel-ctrl must both be there or neither");
    tree = good_frontend();
    set(&tree, "tx-ring-ref", "seven");
    expect(SCHEMA_FE, &tree,
           "tx-ring-ref = \"seven\" should be a grant reference, a decimal number");
}
END_TEST

START_TEST(unknown_keys_are_warned_of)
{
    static const char *const unknown[] = {"feature-teleport",    "queue-/tx-ring-ref",
                                          "queue-x/tx-ring-ref", "queue-1/tx-ring-ref/more",
                                          "Tx-ring-ref",         "netvf/vf"};
    struct tree tree = good_frontend();
    struct findings findings;

    for (unsigned i = 0; i < COUNT(unknown); i++)
        set(&tree, unknown[i], "1");
    findings = look(SCHEMA_FE, &tree);
    ck_assert_uint_eq(findings.violations, 0);
    ck_assert_uint_eq(findings.warnings, COUNT(unknown));
    ck_assert_str_eq(findings.last, "netvf/vf is not in the schema");
}
END_TEST

START_TEST(an_empty_directory_misses_everything)
{
    struct tree empty = {.count = 0};

    ck_assert_uint_ge(look(SCHEMA_BE, &empty).violations, 7);
    ck_assert_uint_ge(look(SCHEMA_FE, &empty).violations, 5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("schema");
    TCase *notation = tcase_create("notation"), *checker = tcase_create("checker");

    tcase_add_test(notation, notation_is_kept);
    tcase_add_test(notation, every_macro_is_unique);
    tcase_add_test(notation, macros_are_what_others_compile_against);
    tcase_add_test(notation, table_is_sound);
    suite_add_tcase(suite, notation);
    tcase_add_loop_test(checker, values_have_their_form, 0, COUNT(forms));
    tcase_add_test(checker, value_lengths_are_bounded);
    tcase_add_test(checker, good_trees_pass);
    tcase_add_test(checker, two_queues_pass);
    tcase_add_test(checker, bad_backends_are_told);
    tcase_add_test(checker, bad_frontends_are_told);
    tcase_add_test(checker, unknown_keys_are_warned_of);
    tcase_add_test(checker, an_empty_directory_misses_everything);
    suite_add_tcase(suite, checker);
    return run_suite(suite);
}
