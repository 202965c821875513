/* SPDX-License-Identifier: MIT */
/* netvf show: vifs in full, with their counters. */
#include <string.h>

#include "dom0-tools/netvf/client.h"
#include "dom0-tools/netvf/domain.h"
#include "dom0-tools/netvf/netvf.h"
#include "dom0-tools/netvf/table.h"

/* The counters of struct session_counters in the order shown. A counter that is not here is shown
 * under its own name: a newer daemon may count more. */
static const struct {
    const char *key, *label, *unit;
} counters[] = {
    {"tx_packets", "sent by the guest", "packets"},
    {"tx_bytes", "", "bytes"},
    {"tx_segments", "  on the wire", "packets"},
    {"rx_packets", "received by the guest", "packets"},
    {"rx_bytes", "", "bytes"},
    {"tx_dropped", "send refused, malformed", "packets"},
    {"tx_spoofed", "send refused, spoofed", "packets"},
    {"rx_dropped", "receive dropped", "packets"},
    {"rx_echoes", "  its own, looped back", "packets"},
    {"tx_wire_packets", "VF out", "packets"},
    {"tx_wire_bytes", "", "bytes"},
    {"rx_wire_packets", "VF in", "packets"},
    {"rx_wire_bytes", "", "bytes"},
    {"payload_copies", "payload copied", "packets"},
    {"header_copies", "headers copied", "packets"},
    {"hypercalls", "hypercalls", "calls"},
    {"hypercalls_tx", "  for sending", "calls"},
    {"hypercalls_rx", "  for receiving", "calls"},
    {"map_ops", "grants mapped", "pages"},
    {"unmap_ops", "grants unmapped", "pages"},
    {"copy_ops", "grant copies", "operations"},
    {"window_slots", "by the window", "slots"},
    {"window_reads", "  headers read there", "reads"},
    {"events_sent", "events to the guest", "events"},
    {"events_received", "events from the guest", "events"},
    {"interrupts", "VF interrupts", "interrupts"},
    {"doorbells", "VF doorbells", "writes"},
    {"polls", "polls", "rounds"},
    {"missed_wakeups", "missed wake-ups", "times"},
    {"iommu_faults", "IOMMU faults", "accesses"},
};
#define COUNTER_COUNT (sizeof counters / sizeof counters[0])

static bool is_labelled(const char *key)
{
    for (size_t i = 0; i < COUNTER_COUNT; i++) {
        if (strcmp(counters[i].key, key) == 0)
            return true;
    }
    return false;
}

/* As many queues as fit into a table; the sum stands there in any case. */
#define QUEUES_SHOWN 8u

/* What one row shows: the whole vif's value and, if it has several queues, each one's; a queue need not have all
 * counters. */
static void print_counter(struct table *table, json_t *vif, const char *key, const char *label,
                          const char *unit, size_t queues)
{
    table_cell(table, label);
    table_printf(table, "%lld", client_number(json_object_get(vif, "counters"), key));
    for (size_t i = 0; i < queues; i++) {
        json_t *queue = json_array_get(json_object_get(vif, "queues"), i);

        if (json_object_get(queue, key))
            table_printf(table, "%lld", client_number(queue, key));
        else
            table_cell(table, "");
    }
    table_cell(table, unit);
}

static void print_counters(json_t *vif)
{
    size_t queues = json_array_size(json_object_get(vif, "queues"));
    json_t *values = json_object_get(vif, "counters"), *value;
    char align[3 + QUEUES_SHOWN + 1] = "lr";
    struct table *table;
    const char *key;

    /* The only queue's counters are the vif's. */
    queues = queues < 2 ? 0 : queues > QUEUES_SHOWN ? QUEUES_SHOWN : queues;
    memset(align + 2, 'r', queues);
    align[2 + queues] = 'l';
    table = table_new(align);
    if (queues) {
        table_cell(table, "");
        table_cell(table, "all");
        for (size_t i = 0; i < queues; i++)
            table_printf(table, "queue %zu", i);
        table_cell(table, "");
    }
    for (size_t i = 0; i < COUNTER_COUNT; i++)
        if (json_object_get(values, counters[i].key))
            print_counter(table, vif, counters[i].key, counters[i].label, counters[i].unit, queues);
    json_object_foreach (values, key, value)
        if (!is_labelled(key))
            print_counter(table, vif, key, key, "", queues);
    table_print(table, stdout, 2);
    table_free(table);
}

static void vlan_rows(struct table *table, json_t *vif)
{
    json_t *trunk = json_object_get(vif, "trunk"), *vlan;
    char list[80] = "";
    size_t i;

    if (json_is_integer(json_object_get(vif, "vlan"))) {
        table_cell(table, "port VLAN");
        table_printf(table, "%lld", client_number(vif, "vlan"));
    }
    if (!json_array_size(trunk))
        return;
    json_array_foreach (trunk, i, vlan) {
        size_t used = strlen(list);

        snprintf(list + used, sizeof list - used, "%s%lld", used ? ", " : "",
                 (long long)json_integer_value(vlan));
    }
    table_cell(table, "VLANs");
    table_printf(table, "%s, by its guest's own tags", list);
}

static void window_row(struct table *table, const json_t *window)
{
    table_cell(table, "window");
    table_printf(table, "%lld pages%s", client_number(window, "pages"),
                 json_is_true(json_object_get(window, "off")) ? ", switched off" : "");
}

static void print_vif(json_t *vif)
{
    /* `news`: its absence is none; every other gap is worth a dash. */
    static const struct {
        const char *key, *label;
        bool news;
    } fields[] = {
        {"state", "state", false},
        {"error", "error", true},
        {"mac", "mac", false},
        {"pf", "pf", false},
        {"vf", "vf", false},
        {"translation", "translation", false},
        {"translation_reason", "because", true},
        {"translation_asked", "asked for", true},
        {"interrupts", "interrupts", false},
    };
    const char *name = client_text(vif, "name");
    struct table *table = table_new("ll");

    printf("vif %lld/%lld%s%s\n", client_number(vif, "dom"), client_number(vif, "devid"),
           name ? "  " : "", name ? name : "");
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (fields[i].news && !client_text(vif, fields[i].key))
            continue;
        table_cell(table, fields[i].label);
        table_cell(table, client_text(vif, fields[i].key));
    }
    vlan_rows(table, vif);
    table_cell(table, "link");
    table_cell(table, client_link(vif));
    if (json_object_get(vif, "window"))
        window_row(table, json_object_get(vif, "window"));
    table_cell(table, "queues");
    table_printf(table, "%zu", json_array_size(json_object_get(vif, "queues")));
    table_print(table, stdout, 2);
    table_free(table);
    putchar('\n');
    print_counters(vif);
}

static void add_names(json_t *vifs)
{
    struct store *store = store_open(NULL);
    json_t *vif;
    size_t i;

    json_array_foreach (vifs, i, vif)
        domain_add_name(store, vif, (uint32_t)client_number(vif, "dom"));
    if (store)
        store_close(store);
}

/* {"call":"show"} with as much of dom and devid as the operand says. */
static json_t *make_request(const char *operand, struct why *why)
{
    json_t *request = json_pack("{s:s}", "call", "show");
    struct target target;

    if (!operand)
        return request;
    if (target_parse(operand, &target, why) < 0) {
        json_decref(request);
        return NULL;
    }
    json_object_set_new(request, "dom", json_integer(target.dom));
    if (target.one)
        json_object_set_new(request, "devid", json_integer(target.devid));
    return request;
}

static enum outcome print_answer(json_t *answer, const struct options *options, struct why *why)
{
    json_t *vifs = json_object_get(answer, "vifs"), *vif;
    size_t i;

    if (options->operand && json_array_size(vifs) == 0) {
        why_fail(why, "netvfd drives no vif %s: 'netvf list' shows those it does",
                 options->operand);
        return OUTCOME_FAILED;
    }
    add_names(vifs);
    if (options->json) {
        client_print(answer);
        return OUTCOME_DONE;
    }
    json_array_foreach (vifs, i, vif) {
        if (i > 0)
            putchar('\n');
        print_vif(vif);
    }
    return OUTCOME_DONE;
}

enum outcome command_show(const struct options *options, struct why *why)
{
    json_t *request = make_request(options->operand, why);
    json_t *answer;
    enum outcome outcome;

    if (!request)
        return OUTCOME_FAILED;
    answer = client_call(options->socket, request, CLIENT_PATIENCE_MS, why);
    json_decref(request);
    if (!answer)
        return OUTCOME_FAILED;
    outcome = print_answer(answer, options, why);
    json_decref(answer);
    return outcome;
}
