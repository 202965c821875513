/* SPDX-License-Identifier: MIT */
/* From the entry to the test and its end. */
#include <xtf.h>

#include "tests/guest/runtime/runtime.h"

/* Present, writable, accessed, dirty: Xen adds what it needs for itself. */
#define PTE_FLAGS 0x63u

start_info_t *pv_start_info; /* head.S */
shared_info_t shared_info __page_aligned_bss;
grant_entry_v1_t gnttab_v1[PAGE_SIZE / sizeof(grant_entry_v1_t)] __page_aligned_bss;

int map_mfn(void *address, unsigned long mfn)
{
    return (int)hypercall_update_va_mapping((unsigned long)address,
                                            (uint64_t)mfn << PAGE_SHIFT | PTE_FLAGS, UVMF_INVLPG);
}

/* A domain that has used version 2 stays there until it is told otherwise; ours has just begun. */
int xtf_init_grant_table(unsigned version)
{
    unsigned long frame;
    struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = 1};
    long r;

    if (version != 1)
        return -XEN_ENOENT;
    set_xen_guest_handle(setup.frame_list, &frame);
    r = hypercall_grant_table_op(GNTTABOP_setup_table, &setup, 1);
    if (r || setup.status)
        return -XEN_EIO;
    return map_mfn(gnttab_v1, frame);
}

void xtf_main(void)
{
    console_init();
    traps_init();
    if (map_mfn(&shared_info, pv_start_info->shared_info >> PAGE_SHIFT) < 0)
        panic("the shared page cannot be mapped\n");
    printk("--- %s ---\n", test_title);
    test_main();
    xtf_exit();
}
