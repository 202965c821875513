/* SPDX-License-Identifier: MIT */
/* What a daemon that died has left: journals and records of contexts, with whatever a crash or a hand has made of them.
 * The real loader and the real recovery run on a Xen in memory. Nothing is released before the VF is quiet; each live
 * pin is released once, by what its record says; a file goes only when nothing of it is left. */
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

static char handle;
static struct gnttab_unmap_grant_ref buffer;
static union libxen_evtchn channel;

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
    (void)call;
    require(size == sizeof buffer || size == sizeof channel);
    return size == sizeof buffer ? (void *)&buffer : (void *)&channel;
}

void xencall_free_buffer(xencall_handle *call, void *p)
{
    (void)call;
    require(p == &buffer || p == &channel);
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
int xencall3(xencall_handle *call, unsigned op, uint64_t command, uint64_t args, uint64_t count)
{
    uint8_t outcome = refuses ? input_u8(&in) : 0;

    (void)call;
    require(op == __HYPERVISOR_grant_table_op && command == GNTTABOP_unmap_grant_ref);
    require(args == (uintptr_t)&buffer && count == 1);
    require(asked && quiet);
    while (next < JOURNAL_CAPACITY && !file.records[next].live)
        next++;
    require(next < JOURNAL_CAPACITY);
    require(buffer.handle == file.records[next].handle);
    require(buffer.dev_bus_addr == file.records[next].dma && !buffer.host_addr);
    buffer.status = outcome & 1 ? GNTST_bad_handle : 0;
    refused += (outcome & 3) != 0;
    if (!(outcome & 3))
        file.records[next].live = 0;
    next++;
    return outcome & 2 ? -1 : 0;
}

void libxen_release_irq(xencall_handle *call, xc_interface *xc, union libxen_evtchn *argument,
                        struct journal_irq *irq)
{
    require(argument == &channel);
    (void)call;
    (void)xc;
    require(asked && quiet && irq->evtchn);
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
    file.in_flight = input_u8(&in);
    while (records--) {
        struct journal_record *record = &file.records[input_u16(&in) % JOURNAL_CAPACITY];

        input_bytes(&in, record, sizeof *record);
    }
    while (damages--)
        ((uint8_t *)&file)[input_u16(&in) % sizeof file] = input_u8(&in);
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
    if (how & 4)
        size = input_u16(&in) % sizeof file;
    write_file(JOURNAL, &file, size);
    good = size == sizeof file && memcmp(file.magic, "netvfj1", 8) == 0 &&
           file.capacity == JOURNAL_CAPACITY;
    stuck = port_recover(quiesce);
    require(asked == good);
    require(stuck == (good && !quiet ? 1 : refused));
    require(there(JOURNAL) == (!good || !quiet || refused));
    if (!good || !refused || !quiet) {
        unlink(JOURNAL);
        return;
    }
    /* The next daemon finds what is left, and no more. */
    refuses = 0;
    next = refused = 0;
    require(port_recover(quiesce) == 0 && !there(JOURNAL));
    for (unsigned i = 0; i < JOURNAL_CAPACITY; i++)
        require(!file.records[i].live);
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
