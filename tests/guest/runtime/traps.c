/* SPDX-License-Identifier: MIT */
/* A fault ends the test, with what there is to say about it. Events are polled for, so there are no interrupts. */
#include <xtf.h>

#include "tests/guest/runtime/runtime.h"

#define TRAPS      20u
#define FLAT_CS    FLAT_KERNEL_CS
#define CODES      0x27d00u /* vectors that come with an error code: 8, 10 to 14, 17 */
#define PAGE_FAULT 14u

extern const unsigned long trap_entries[TRAPS];

void traps_init(void)
{
    static struct trap_info table[TRAPS + 1];

    for (unsigned i = 0; i < TRAPS; i++)
        table[i] =
            (struct trap_info){.vector = (uint8_t)i, .cs = FLAT_CS, .address = trap_entries[i]};
    hypercall_set_trap_table(table);
}

void trap_main(const unsigned long *frame)
{
    unsigned vector = (unsigned)frame[0];
    bool code = CODES >> vector & 1;
    const unsigned long *rest = frame + 3 + code; /* past the vector, rcx, r11 */

    printk("fault %u, code %#lx, at %#lx, stack %#lx, address %#lx\n", vector, code ? frame[3] : 0,
           rest[0], rest[3], vector == PAGE_FAULT ? shared_info.vcpu_info[0].arch.cr2 : 0);
    xtf_error(NULL);
    xtf_exit();
}
