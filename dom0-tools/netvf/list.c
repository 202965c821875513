/* SPDX-License-Identifier: MIT */
/* netvf list: what there is to bind, and what is bound to it. */
#include <stdio.h>

#include "dom0-tools/netvf/client.h"
#include "dom0-tools/netvf/domain.h"
#include "dom0-tools/netvf/netvf.h"
#include "dom0-tools/netvf/table.h"

static void add_names(json_t *answer)
{
    /* Names are a courtesy: without xenstore the list is still right. */
    struct store *store = store_open(NULL);
    json_t *pf, *vf;
    size_t i, j;

    json_array_foreach (json_object_get(answer, "pfs"), i, pf) {
        json_array_foreach (json_object_get(pf, "vfs"), j, vf) {
            const char *vif = client_text(vf, "vif");
            unsigned dom;

            if (vif && sscanf(vif, "%u/", &dom) == 1)
                domain_add_name(store, vf, dom);
        }
    }
    if (store)
        store_close(store);
}

/* A VF that a kernel driver holds says which one: that is what to unbind. */
static void state_cell(struct table *table, const json_t *vf)
{
    const char *state = client_text(vf, "state"), *driver = client_text(vf, "driver");

    if (driver)
        table_printf(table, "%s (%s)", state ? state : "?", driver);
    else
        table_cell(table, state);
}

static void print_vfs(const json_t *vfs)
{
    static const char *const heads[] = {"VF",    "PCI", "STATE",       "VIF",
                                        "GUEST", "MAC", "TRANSLATION", "LINK"};
    struct table *table = table_new("rlllllll");
    json_t *vf;
    size_t i;

    for (i = 0; i < sizeof heads / sizeof heads[0]; i++)
        table_cell(table, heads[i]);
    json_array_foreach (vfs, i, vf) {
        table_printf(table, "%lld", client_number(vf, "index"));
        table_cell(table, client_text(vf, "pci"));
        state_cell(table, vf);
        table_cell(table, client_text(vf, "vif"));
        table_cell(table, client_text(vf, "name"));
        table_cell(table, client_text(vf, "mac"));
        table_cell(table, client_text(vf, "translation"));
        table_cell(table, client_link(vf));
    }
    table_print(table, stdout, 2);
    table_free(table);
}

static void print_pf(const json_t *pf)
{
    const json_t *vfs = json_object_get(pf, "vfs");
    const char *name = client_text(pf, "name"), *pci = client_text(pf, "pci"),
               *driver = client_text(pf, "driver");
    const char *link = "down: no VF answers until 'ip link set' has put it up";

    if (json_is_true(json_object_get(pf, "up")))
        link = json_is_true(json_object_get(pf, "carrier")) ? "up" : "up, no carrier";
    printf("%s  %s  %s  %s\n", name ? name : "?", pci ? pci : "?", driver ? driver : "no driver",
           link);
    if (json_array_size(vfs) == 0)
        printf("  no VFs yet: netvfd switches them on for the first vif\n");
    else
        print_vfs(vfs);
    putchar('\n');
}

static void print_windows(const json_t *windows)
{
    if (!windows)
        return;
    if (client_number(windows, "quota") == 0)
        printf("DMA windows of guests: none (--window-quota 0)\n");
    else
        printf("DMA windows of guests: %lld of %lld pages, at most %lld for a guest\n",
               client_number(windows, "used"), client_number(windows, "budget"),
               client_number(windows, "quota"));
}

static void print_list(const json_t *answer)
{
    const json_t *pfs = json_object_get(answer, "pfs"), *leaks = json_object_get(answer, "leaks");
    json_t *pf;
    size_t i;

    if (json_array_size(pfs) == 0)
        printf("This host has no network interface with SR-IOV.\n\n");
    json_array_foreach (pfs, i, pf)
        print_pf(pf);
    printf("Guest pages pinned for DMA: %lld now, %lld that Xen would not release\n",
           client_number(leaks, "live"), client_number(leaks, "grants"));
    print_windows(json_object_get(answer, "windows"));
}

enum outcome command_list(const struct options *options, struct why *why)
{
    json_t *request = json_pack("{s:s}", "call", "list");
    json_t *answer = client_call(options->socket, request, CLIENT_PATIENCE_MS, why);

    json_decref(request);
    if (!answer)
        return OUTCOME_FAILED;
    add_names(answer);
    if (options->json) {
        client_print(answer);
    } else {
        print_list(answer);
    }
    json_decref(answer);
    return OUTCOME_DONE;
}
