/* SPDX-License-Identifier: MIT */
/* Where Xen's domain builder learns what this program is, and where it begins (xen/elfnote.h; xen/xen.h, "Start of day
 * structure"). All memory is mapped from virtual address 0 on, so that pseudo-physical and virtual addresses are one. */
#include <xen/elfnote.h>

.macro note type, value:vararg
    .pushsection .note.Xen, "a", @note
    .balign 4
    .long 4, 2f - 1f, \type
    .asciz "Xen"
1:  \value
2:  .balign 4
    .popsection
.endm

    note XEN_ELFNOTE_GUEST_OS,       .asciz "netvf test"
    note XEN_ELFNOTE_GUEST_VERSION,  .asciz "0"
    note XEN_ELFNOTE_XEN_VERSION,    .asciz "xen-3.0"
    note XEN_ELFNOTE_LOADER,         .asciz "generic"
    note XEN_ELFNOTE_PAE_MODE,       .asciz "yes"
    note XEN_ELFNOTE_VIRT_BASE,      .quad 0
    note XEN_ELFNOTE_PADDR_OFFSET,   .quad 0
    note XEN_ELFNOTE_ENTRY,          .quad _start
    note XEN_ELFNOTE_HYPERCALL_PAGE, .quad hypercall_page

    .text
    .globl _start
_start:
    mov     %rsi, pv_start_info
    mov     $stack_top, %rsp
    xor     %ebp, %ebp
    cld
    call    xtf_main
    ud2

/* Xen fills it. */
    .section .text.hypercall, "ax"
    .balign 4096
    .globl hypercall_page
hypercall_page:
    .skip   4096, 0xc3

/* Faults: Xen has put rcx, r11, an error code for some, and the frame onto the stack. Nobody returns from there. */
    .text
    .altmacro
.macro entry n
trap_\n:
    push    $\n
    jmp     any_trap
    .pushsection .rodata
    .quad   trap_\n
    .popsection
.endm

    .pushsection .rodata
    .balign 8
    .globl trap_entries
trap_entries:
    .popsection

    .set    number, 0
    .rept   20
    entry   %number
    .set    number, number + 1
    .endr

any_trap:
    mov     %rsp, %rdi
    and     $-16, %rsp
    call    trap_main
    ud2

    .bss
    .balign 4096
    .skip   16 * 4096
stack_top:

    .section .note.GNU-stack, "", @progbits
