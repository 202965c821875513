/* SPDX-License-Identifier: MIT */
/* A guest whose VF lives in its own IOMMU context overwrites what netvfd has put there: descriptor rings and copies of
 * headers, in pages that were added to the guest. It finds them by the machine-to-phys table and maps them.
 *
 * Addresses of the form 0xfeexxxxx are left out: without interrupt remapping such a write is an interrupt, which
 * docs/architecture.md says netvf cannot stop. */
#include "tests/guest/lib/attack.h"

const char test_title[] = "attack: its own IOMMU context";

#define MAXIMUM_RAM_PAGE 2 /* xen/memory.h, XENMEM_maximum_ram_page */
#define FOUND_MAX        64u
/* One page of the table's mapping: so many entries are there, if one of them is. */
#define TABLE_STEP (1ul << 18)
/* netvfd's pages have numbers behind the guest's own. */
#define NUMBERS 100000ul
#define PTE_RW  0x63u
#define WORDS   (PAGE_SIZE / 4)

static uint32_t window[FOUND_MAX][WORDS] __page_aligned_bss;
static unsigned found, candidates;
static unsigned long round_number;

static bool own(unsigned long mfn, unsigned long pfn)
{
    return pfn < pv_start_info->nr_pages && virt_to_mfn(pfn_to_virt(pfn)) == mfn;
}

static void try_frame(unsigned long mfn)
{
    const unsigned long *table = (const unsigned long *)MACH2PHYS_VIRT_START;
    unsigned long pfn = table[mfn];

    if (pfn < pv_start_info->nr_pages || pfn > pv_start_info->nr_pages + NUMBERS || own(mfn, pfn))
        return;
    candidates++;
    if (found < FOUND_MAX &&
        hypercall_update_va_mapping((unsigned long)window[found],
                                    (uint64_t)mfn << PAGE_SHIFT | PTE_RW, UVMF_INVLPG) == 0)
        found++;
}

static void scan_step(unsigned long step)
{
    static unsigned long seen[8];
    static unsigned steps;
    static unsigned long scanned_for;

    if (scanned_for != round_number) {
        scanned_for = round_number;
        steps = 0;
    }
    for (unsigned i = 0; i < steps; i++)
        if (seen[i] == step)
            return;
    if (steps == ARRAY_SIZE(seen))
        return;
    seen[steps++] = step;
    for (unsigned long mfn = step * TABLE_STEP; mfn < (step + 1) * TABLE_STEP; mfn++)
        try_frame(mfn);
}

/* Where there is memory for certain: at both ends, with the shared page, with the guest's own pages. */
static void find_pages(void)
{
    found = candidates = 0;
    round_number++;
    for (unsigned long pfn = 0; pfn < pv_start_info->nr_pages; pfn++)
        scan_step(virt_to_mfn(pfn_to_virt(pfn)) / TABLE_STEP);
    scan_step((pv_start_info->shared_info >> PAGE_SHIFT) / TABLE_STEP);
    scan_step(0);
    scan_step(((unsigned long)hypercall_memory_op(MAXIMUM_RAM_PAGE, NULL) - 1) / TABLE_STEP);
    printk("pages_found=%u\nframes_tried=%u\n", found, candidates);
    if (!found)
        xtf_error("none of netvfd's pages was found\n");
}

static void let_go(void)
{
    for (unsigned i = 0; i < found; i++)
        hypercall_update_va_mapping((unsigned long)window[i], 0, UVMF_INVLPG);
}

/* Keeps both rings full, so that the VF has descriptors to read. */
static void keep_busy(struct attack *a)
{
    while (a->tx_prod - a->tx[RSP_PROD] < 128)
        attack_tx(a, a->gref[a->tx_prod % DATA_PAGES], 0, 0, 1514);
    while (a->rx_prod - a->rx[RSP_PROD] < 64)
        attack_rx(a, a->gref[a->rx_prod % DATA_PAGES]);
    attack_push(a);
}

static void write_word(uint32_t value)
{
    if (value >> 20 != 0xfee)
        ACCESS_ONCE(window[attack_random() % found][attack_random() % WORDS]) = value;
}

static void scribble(struct attack *a, uint32_t (*value)(const struct attack *a))
{
    uint64_t end = now() + param_number("scribble", 1000) * NS_PER_MS;

    find_pages();
    if (!found)
        return;
    while (now() < end) {
        keep_busy(a);
        for (unsigned i = 0; i < 500; i++)
            write_word(value(a));
    }
    let_go();
}

static uint32_t any(const struct attack *a)
{
    (void)a;
    return attack_random();
}

/* Bits here and there, so that most of a descriptor still makes sense. */
static uint32_t small(const struct attack *a)
{
    (void)a;
    return attack_random() & 0xffff;
}

/* The VF is sent to the guest's own rings. */
static uint32_t own_frames(const struct attack *a)
{
    return (uint32_t)(virt_to_mfn((void *)(attack_random() % 2 ? a->tx : a->rx)) << PAGE_SHIFT);
}

static void scribble_any(struct attack *a)
{
    scribble(a, any);
}

static void scribble_small(struct attack *a)
{
    scribble(a, small);
}

static void scribble_own(struct attack *a)
{
    scribble(a, own_frames);
}

void test_main(void)
{
    static const struct attack_kind kinds[] = {
        {"small numbers over descriptors and headers", scribble_small, ANYTHING},
        {"own frames over descriptors and headers", scribble_own, ANYTHING},
        {"anything over descriptors and headers", scribble_any, ANYTHING},
    };

    guest_init();
    attack_all(kinds, ARRAY_SIZE(kinds), false);
}
