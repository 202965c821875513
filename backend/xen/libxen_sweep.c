/* SPDX-License-Identifier: MIT */
/* Xen keeps no list of the mappings of a domain that one could ask it for; it has handles, small numbers, and says of an
 * unmap what it found (xen/common/grant_table.c, unmap_common): GNTST_bad_handle of a handle that is none, and
 * GNTST_bad_dev_addr, without doing anything, of one whose mapping for devices is of another page than the caller says.
 * So first every handle is tried with an address that no page has: what remains are mappings for devices. In dom0 hardly
 * anybody but netvfd has any. Then each page that was wanted is mapped once more, which tells its address, and with that
 * the remaining handles are tried again. */
#include "xen/libxen_sweep.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Xen's default of gnttab_max_maptrack_frames, 1024 pages of 256 handles. */
#define HANDLES (1024u * 256u)
/* More mappings for devices than all vifs of a host together have. */
#define FOUND_MAX 65536u
/* In the middle of a word: no page. */
#define NO_PAGE 1u

int libxen_sweep_open(struct libxen_sweep *sweep)
{
    sweep->call = xencall_open(NULL, 0);
    if (!sweep->call)
        return -1;
    sweep->unmap = xencall_alloc_buffer(sweep->call, SWEEP_BATCH * sizeof *sweep->unmap);
    sweep->map = xencall_alloc_buffer(sweep->call, sizeof *sweep->map);
    if (sweep->unmap && sweep->map)
        return 0;
    libxen_sweep_close(sweep);
    sweep->call = NULL;
    errno = ENOMEM;
    return -1;
}

void libxen_sweep_close(struct libxen_sweep *sweep)
{
    xencall_free_buffer(sweep->call, sweep->map);
    xencall_free_buffer(sweep->call, sweep->unmap);
    xencall_close(sweep->call);
}

/* The first `count` entries of sweep->unmap. Whatever the call itself comes to, each has a status. */
static void unmap(struct libxen_sweep *sweep, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        sweep->unmap[i].status = GNTST_general_error;
    if (xencall3(sweep->call, __HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref,
                 (uintptr_t)sweep->unmap, count))
        return; /* the statuses say it */
}

int16_t libxen_sweep_unmap(struct libxen_sweep *sweep, uint64_t dma, uint32_t handle)
{
    sweep->unmap[0] = (struct gnttab_unmap_grant_ref){.dev_bus_addr = dma, .handle = handle};
    unmap(sweep, 1);
    return sweep->unmap[0].status;
}

/* The handles of mappings for devices, at most FOUND_MAX of them. */
static unsigned find_mappings(struct libxen_sweep *sweep, uint32_t *found)
{
    unsigned count = 0;

    for (uint32_t first = 0; first < HANDLES; first += SWEEP_BATCH) {
        for (uint32_t i = 0; i < SWEEP_BATCH; i++)
            sweep->unmap[i] =
                (struct gnttab_unmap_grant_ref){.dev_bus_addr = NO_PAGE, .handle = first + i};
        unmap(sweep, SWEEP_BATCH);
        for (uint32_t i = 0; i < SWEEP_BATCH && count < FOUND_MAX; i++)
            if (sweep->unmap[i].status == GNTST_bad_dev_addr)
                found[count++] = first + i;
    }
    return count;
}

/* Releases those of the handles that are of the page at `dma`, and takes them out of the list. Returns how many. */
static unsigned release_page(struct libxen_sweep *sweep, uint64_t dma, uint32_t *handles,
                             unsigned *count)
{
    unsigned kept = 0, released;

    for (unsigned first = 0; first < *count; first += SWEEP_BATCH) {
        unsigned batch = *count - first < SWEEP_BATCH ? *count - first : SWEEP_BATCH;

        for (unsigned i = 0; i < batch; i++)
            sweep->unmap[i] =
                (struct gnttab_unmap_grant_ref){.dev_bus_addr = dma, .handle = handles[first + i]};
        unmap(sweep, batch);
        for (unsigned i = 0; i < batch; i++)
            if (sweep->unmap[i].status)
                handles[kept++] = handles[first + i];
    }
    released = *count - kept;
    *count = kept;
    return released;
}

/* A page that cannot be mapped any more has a guest that has taken its grant back, which it cannot while a mapping of it
 * is there: so there is none. */
static unsigned look_for(struct libxen_sweep *sweep, const struct journal_record *wanted,
                         uint32_t *handles, unsigned *count)
{
    unsigned released;

    *sweep->map = (struct gnttab_map_grant_ref){
        .flags =
            GNTMAP_device_map | (wanted->live == JOURNAL_WANTED_READONLY ? GNTMAP_readonly : 0),
        .ref = wanted->handle,
        .dom = wanted->peer,
        .status = GNTST_general_error,
    };
    if (xencall3(sweep->call, __HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref,
                 (uintptr_t)sweep->map, 1) ||
        sweep->map->status)
        return 0;
    released = release_page(sweep, sweep->map->dev_bus_addr, handles, count);
    libxen_sweep_unmap(sweep, sweep->map->dev_bus_addr, sweep->map->handle);
    return released;
}

unsigned libxen_sweep(struct libxen_sweep *sweep, const struct journal_file *file)
{
    uint32_t *handles = calloc(FOUND_MAX, sizeof *handles);
    unsigned count, released = 0;

    if (!handles)
        return 0;
    count = find_mappings(sweep, handles);
    for (unsigned i = 0; i < JOURNAL_CAPACITY && count; i++)
        if (journal_wanted(&file->records[i]))
            released += look_for(sweep, &file->records[i], handles, &count);
    free(handles);
    return released;
}
