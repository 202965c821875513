/* SPDX-License-Identifier: MIT */
/* Pages, grants (version 1: xen/grant_table.h) and event channels. All memory is static: a test that runs out of it asks
 * for too much. */
#include "tests/guest/lib/guest.h"

#define PAGES 640u
/* The first ones belong to the toolstack (GNTTAB_NR_RESERVED_ENTRIES). */
#define GRANT_FIRST GNTTAB_NR_RESERVED_ENTRIES
#define GRANTS      ((unsigned)ARRAY_SIZE(gnttab_v1))

static uint8_t pool[PAGES][PAGE_SIZE] __page_aligned_bss;
static void *free_page[PAGES];
static unsigned free_pages;
static uint32_t free_grant[PAGE_SIZE / sizeof(grant_entry_v1_t)];
static unsigned free_grants, kept;

void pages_init(void)
{
    for (unsigned i = PAGES; i--;)
        free_page[free_pages++] = pool[i];
    for (uint32_t i = GRANTS; i-- > GRANT_FIRST;)
        free_grant[free_grants++] = i;
    if (xtf_init_grant_table(1) < 0)
        panic("there is no grant table\n");
}

void *page_take(void)
{
    void *page;

    if (!free_pages)
        panic("no page is left\n");
    page = free_page[--free_pages];
    memset(page, 0, PAGE_SIZE);
    return page;
}

void page_give(void *page)
{
    free_page[free_pages++] = page;
}

uint32_t grant_take(void)
{
    if (!free_grants)
        panic("no grant is left\n");
    return free_grant[--free_grants];
}

void grant_set(uint32_t gref, uint16_t domid, unsigned long mfn, bool readonly)
{
    uint16_t flags = (uint16_t)(GTF_permit_access | (readonly ? GTF_readonly : 0));

    gnttab_v1[gref].domid = domid;
    gnttab_v1[gref].frame = (uint32_t)mfn;
    /* Whom and what before whether. */
    __atomic_store_n(&gnttab_v1[gref].flags, flags, __ATOMIC_RELEASE);
}

/* Test and end in one step (XSA-396). */
bool grant_end(uint32_t gref)
{
    uint16_t flags = __atomic_load_n(&gnttab_v1[gref].flags, __ATOMIC_RELAXED);

    while (!(flags & (GTF_reading | GTF_writing)))
        if (__atomic_compare_exchange_n(&gnttab_v1[gref].flags, &flags, 0, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED))
            return true;
    return false;
}

/* One that is still mapped is left alone for ever. */
void grant_give(uint32_t gref)
{
    if (grant_end(gref))
        free_grant[free_grants++] = gref;
    else
        kept++;
}

unsigned pages_kept(void)
{
    return kept;
}

evtchn_port_t channel_open(uint16_t domid)
{
    struct evtchn_alloc_unbound alloc = {.dom = DOMID_SELF, .remote_dom = domid};

    if (hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &alloc) < 0)
        return 0;
    event_take(alloc.port);
    return alloc.port;
}

void channel_close(evtchn_port_t channel)
{
    struct evtchn_close close = {.port = channel};

    hypercall_event_channel_op(EVTCHNOP_close, &close);
}
