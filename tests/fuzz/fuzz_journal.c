/* SPDX-License-Identifier: MIT */
/* What a daemon that died has left: journals and records of contexts, with whatever a crash or a hand has made of them.
 * The real loader and the real recovery run on a Xen in memory. Nothing is released before the VF is quiet; each live
 * pin is released once, by what its record says; of the mappings that no record tells of, those of wanted pages and no
 * others; a file goes only when nothing of it is left. */
#include "common/log.h"
#include "fuzz/input.h"
#include "xen/context_record.h"
#include "xen/libxen.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME    "1-0"
#define JOURNAL NETVF_RUNDIR "/journal/" NAME
#define CONTEXT NETVF_RUNDIR "/context/" NAME

static struct input in;
static struct journal_file file;
static bool quiet, asked, irq_released;
static unsigned next; /* record whose turn it is */
static unsigned refused;
static uint8_t refuses;

/* ---- A Xen ---- */

/* Mappings for devices that are in no record; and the one that the sweep makes to learn an address. */
#define HIDDEN 4u
#define PROBE  0xfffffffeu

static char handle;
static union {
    struct gnttab_unmap_grant_ref unmap[SWEEP_BATCH];
    struct gnttab_map_grant_ref map;
    union libxen_evtchn evtchn;
} buffers[3];
static bool buffer_taken[3];
static struct mapping {
    uint32_t handle;
    uint64_t dma;
    bool there;
} hidden[HIDDEN], probe;
static bool sweeping;

xencall_handle *xencall_open(xentoollog_logger *logger, unsigned flags)
{
    (void)logger;
    (void)flags;
    return (void *)&handle;
}

int xencall_close(xencall_handle *call)
{
    (void)call;
    return 0;
}

void *xencall_alloc_buffer(xencall_handle *call, size_t size)
{
    unsigned i = 0;

    (void)call;
    while (buffer_taken[i])
        require(++i < 3);
    require(size <= sizeof buffers[i]);
    buffer_taken[i] = true;
    return &buffers[i];
}

void xencall_free_buffer(xencall_handle *call, void *p)
{
    (void)call;
    for (unsigned i = 0; i < 3; i++)
        if (p == &buffers[i])
            buffer_taken[i] = false;
}

xc_interface *xc_interface_open(xentoollog_logger *logger, xentoollog_logger *builder,
                                unsigned flags)
{
    (void)logger;
    (void)builder;
    (void)flags;
    return (void *)&handle;
}

int xc_interface_close(xc_interface *xc)
{
    (void)xc;
    return 0;
}

/* The next live record, in the file's order, and no other. */
static int release_live(struct gnttab_unmap_grant_ref *unmap)
{
    static const int16_t statuses[4] = {0, GNTST_bad_handle, GNTST_bad_dev_addr,
                                        GNTST_general_error};
    uint8_t outcome = refuses ? input_u8(&in) : 0;

    while (next < JOURNAL_CAPACITY && file.records[next].live != JOURNAL_LIVE)
        next++;
    require(next < JOURNAL_CAPACITY);
    require(unmap->handle == file.records[next].handle);
    require(unmap->dev_bus_addr == file.records[next].dma && !unmap->host_addr);
    if (outcome & 4) {
        refused++;
        next++;
        return -1;
    }
    unmap->status = statuses[outcome & 3];
    if (unmap->status == GNTST_general_error)
        refused++;
    else
        file.records[next].live = 0;
    next++;
    return 0;
}

static int16_t unmap_from(struct mapping *mapping, const struct gnttab_unmap_grant_ref *unmap)
{
    if (!mapping->there || unmap->handle != mapping->handle)
        return GNTST_bad_handle;
    if (unmap->dev_bus_addr != mapping->dma)
        return GNTST_bad_dev_addr;
    mapping->there = false;
    return GNTST_okay;
}

static void try_unmap(struct gnttab_unmap_grant_ref *unmap)
{
    require(unmap->dev_bus_addr && !unmap->host_addr);
    unmap->status = unmap_from(&probe, unmap);
    for (unsigned i = 0; i < HIDDEN && unmap->status == GNTST_bad_handle; i++)
        unmap->status = unmap_from(&hidden[i], unmap);
}

static uint64_t page_of(uint32_t gref)
{
    return ((uint64_t)gref + 1) << 12;
}

/* A guest may have taken its grant back. */
static bool granted(uint32_t gref)
{
    return gref % 8;
}

static void map(struct gnttab_map_grant_ref *map)
{
    require(sweeping && !probe.there && map->flags & GNTMAP_device_map &&
            !(map->flags & GNTMAP_host_map));
    map->status = granted(map->ref) ? GNTST_okay : GNTST_bad_gntref;
    if (map->status)
        return;
    probe = (struct mapping){PROBE, page_of(map->ref), true};
    map->handle = probe.handle;
    map->dev_bus_addr = probe.dma;
}

int xencall3(xencall_handle *call, unsigned op, uint64_t command, uint64_t args, uint64_t count)
{
    struct gnttab_unmap_grant_ref *unmap = (void *)(uintptr_t)args;

    (void)call;
    require(op == __HYPERVISOR_grant_table_op && asked && quiet && count && count <= SWEEP_BATCH);
    if (command == GNTTABOP_map_grant_ref) {
        require(count == 1);
        map((void *)(uintptr_t)args);
        return 0;
    }
    require(command == GNTTABOP_unmap_grant_ref);
    sweeping = sweeping || count == SWEEP_BATCH;
    if (!sweeping)
        return release_live(unmap);
    for (uint64_t i = 0; i < count; i++)
        try_unmap(&unmap[i]);
    return 0;
}

void libxen_release_irq(xencall_handle *call, xc_interface *xc, union libxen_evtchn *argument,
                        struct journal_irq *irq)
{
    (void)call;
    (void)xc;
    require(argument && asked && quiet && irq->evtchn);
    irq_released = true;
    irq->evtchn = file.irq.evtchn = 0;
}

static int quiesce(const char *pci)
{
    require(strnlen(pci, sizeof file.pci) < sizeof file.pci);
    require(memcmp(pci, file.pci, strlen(pci)) == 0);
    asked = true;
    return quiet ? 0 : -1;
}

/* ---- Files ---- */

static void write_file(const char *path, const void *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    require(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
    close(fd);
}

static bool there(const char *path)
{
    return access(path, F_OK) == 0;
}

/* A journal with some records, then some of its bytes at random. */
static void make_journal(void)
{
    unsigned records = input_u8(&in) % 16, damages = input_u8(&in) % 8;

    memset(&file, 0, sizeof file);
    memcpy(file.magic, "netvfj1", 8);
    file.capacity = JOURNAL_CAPACITY;
    input_bytes(&in, file.pci, sizeof file.pci);
    file.irq.evtchn = input_u8(&in) & 1;
    while (records--) {
        struct journal_record *record = &file.records[input_u16(&in) % JOURNAL_CAPACITY];

        input_bytes(&in, record, sizeof *record);
    }
    while (damages--)
        ((uint8_t *)&file)[input_u16(&in) % sizeof file] = input_u8(&in);
}

/* Of pages that were wanted, or not. */
static void make_hidden(void)
{
    for (unsigned i = 0; i < HIDDEN; i++) {
        uint8_t how = input_u8(&in);

        hidden[i] = (struct mapping){i * 1000 + how, page_of(input_u32(&in)), how & 1};
        if (how & 2)
            hidden[i].dma = page_of(file.records[input_u16(&in) % JOURNAL_CAPACITY].handle);
    }
    probe.there = sweeping = false;
}

static bool wanted(uint64_t dma)
{
    for (unsigned i = 0; i < JOURNAL_CAPACITY; i++)
        if (journal_wanted(&file.records[i]) && granted(file.records[i].handle) &&
            page_of(file.records[i].handle) == dma)
            return true;
    return false;
}

/* What only was wanted is looked for when all else is released, and only then. */
static void check_sweep(void)
{
    require(!probe.there);
    for (unsigned i = 0; i < HIDDEN; i++)
        require(!hidden[i].there || !wanted(hidden[i].dma));
}

static void try_journal(void)
{
    uint8_t how = input_u8(&in);
    size_t size = sizeof file;
    bool good;
    unsigned stuck;

    quiet = how & 1;
    refuses = how & 2;
    asked = irq_released = false;
    next = refused = 0;
    make_journal();
    make_hidden();
    if (how & 4)
        size = input_u16(&in) % sizeof file;
    write_file(JOURNAL, &file, size);
    good = size == sizeof file && memcmp(file.magic, "netvfj1", 8) == 0 &&
           file.capacity == JOURNAL_CAPACITY;
    stuck = port_recover(quiesce);
    require(asked == good);
    require(stuck == (good && !quiet ? 1 : refused));
    require(there(JOURNAL) == (!good || !quiet || refused));
    require(!sweeping || !refused);
    if (good && quiet && !refused)
        check_sweep();
    if (!good || !refused || !quiet) {
        unlink(JOURNAL);
        return;
    }
    /* The next daemon finds what is left, and no more. */
    refuses = 0;
    next = refused = 0;
    require(port_recover(quiesce) == 0 && !there(JOURNAL));
    for (unsigned i = 0; i < JOURNAL_CAPACITY; i++)
        require(file.records[i].live != JOURNAL_LIVE);
    check_sweep();
}

static void try_context(void)
{
    struct context_record record = {.magic = "netvfc1"}, found;
    struct context_file opened;
    uint8_t how = input_u8(&in);
    size_t size = sizeof record;

    input_bytes(&in, record.pci, sizeof record.pci);
    record.domid = input_u16(&in);
    record.page_count = input_u32(&in) % (how & 1 ? UINT32_MAX : CONTEXT_PAGES_MAX + 2);
    if (how & 2)
        record.magic[input_u8(&in) % sizeof record.magic] = (char)input_u8(&in);
    if (how & 4)
        size = input_u16(&in) % (sizeof record + 1);
    write_file(CONTEXT, &record, size);
    if (context_file_read(NAME, &opened, &found) < 0) {
        require(size != sizeof record || memcmp(record.magic, "netvfc1", 8) != 0 ||
                record.page_count > CONTEXT_PAGES_MAX);
        unlink(CONTEXT);
        return;
    }
    require(size == sizeof record && found.page_count <= CONTEXT_PAGES_MAX);
    require(strnlen(found.pci, sizeof found.pci) < sizeof found.pci);
    context_file_close(&opened, 1);
    require(!there(CONTEXT));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    in = (struct input){data, size};
    log_set_level(0);
    require(mkdir(NETVF_RUNDIR, 0755) == 0 || errno == EEXIST);
    require(mkdir(NETVF_RUNDIR "/journal", 0700) == 0 || errno == EEXIST);
    require(mkdir(NETVF_RUNDIR "/context", 0700) == 0 || errno == EEXIST);
    if (input_u8(&in) & 1)
        try_context();
    else
        try_journal();
    return 0;
}
