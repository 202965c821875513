/* SPDX-License-Identifier: MIT */
/* A guest without an operating system: what a test of tests/guest finds under it.
 *
 * Names and meanings are those of the Xen Test Framework's headers, of which this is the part that our tests use, for
 * PV guests of 64 bits: the same tests build against the framework itself (configure --with-xtf). What is written here
 * is ours; nothing of the framework's code is in it. */
#ifndef NETVF_GUEST_XTF_H
#define NETVF_GUEST_XTF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Without it the headers are those of Xen 3.0.2, with other numbers for some hypercalls. */
#define __XEN_INTERFACE_VERSION__ 0x00040e00

#include <xen/xen.h>

#include <xen/errno.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/sched.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096

#define __noreturn         __attribute__((__noreturn__))
#define __printf(f, v)     __attribute__((__format__(__printf__, f, v)))
#define __page_aligned_bss __attribute__((__section__(".bss.page_aligned"), __aligned__(PAGE_SIZE)))

#define ARRAY_SIZE(a)  (sizeof(a) / sizeof(*(a)))
#define ACCESS_ONCE(x) (*(volatile __typeof__(x) *)&(x))

/* -- a test ------------------------------------------------------------------------------------------------------- */

extern const char test_title[];
void test_main(void);

/* The most severe one that was said counts, and none at all is an error. */
void xtf_success(const char *fmt, ...) __printf(1, 2);
void xtf_warning(const char *fmt, ...) __printf(1, 2);
void xtf_skip(const char *fmt, ...) __printf(1, 2);
void xtf_error(const char *fmt, ...) __printf(1, 2);
void xtf_failure(const char *fmt, ...) __printf(1, 2);
void xtf_report_status(void);
bool xtf_status_reported(void);
void xtf_exit(void) __noreturn;

/* -- text ----------------------------------------------------------------------------------------------------------- */

void printk(const char *fmt, ...) __printf(1, 2);
void panic(const char *fmt, ...) __printf(1, 2) __noreturn;
/* Of the conversions: d i u x c s %, with l or ll, zeroes and a width. */
int vsnprintf(char *buf, size_t size, const char *fmt, va_list args) __printf(3, 0);
int snprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);

void *memcpy(void *restrict to, const void *restrict from, size_t count);
void *memmove(void *to, const void *from, size_t count);
void *memset(void *to, int byte, size_t count);
int memcmp(const void *a, const void *b, size_t count);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t count);

/* -- memory: a virtual address is the page's pseudo-physical number, shifted -------------------------------------------- */

extern start_info_t *pv_start_info;
extern shared_info_t shared_info;

static inline void *pfn_to_virt(unsigned long pfn)
{
    return (void *)(pfn << PAGE_SHIFT);
}

static inline unsigned long virt_to_mfn(const void *va)
{
    const unsigned long *p2m = (const unsigned long *)pv_start_info->mfn_list;

    return p2m[(unsigned long)va >> PAGE_SHIFT];
}

static inline void *mfn_to_virt(unsigned long mfn)
{
    const unsigned long *m2p = (const unsigned long *)MACH2PHYS_VIRT_START;

    return pfn_to_virt(m2p[mfn]);
}

/* -- hypercalls ------------------------------------------------------------------------------------------------------------ */

extern uint8_t hypercall_page[PAGE_SIZE];

/* Xen changes no register but the one of the result, and says so of none of the others. */
static inline long hypercall_4(unsigned number, unsigned long a, unsigned long b, unsigned long c,
                               unsigned long d)
{
    const uint8_t *entry = hypercall_page + number * 32;
    register unsigned long fourth __asm__("r10") = d;
    long result;

    __asm__ volatile("call *%[entry]"
                     : "=a"(result), "+D"(a), "+S"(b), "+d"(c), "+r"(fourth)
                     : [entry] "0"(entry)
                     : "memory", "rcx", "r8", "r9", "r11");
    return result;
}

#define HYPERCALL(name, a, b, c, d)                                                              \
    hypercall_4(__HYPERVISOR_##name, (unsigned long)(a), (unsigned long)(b), (unsigned long)(c), \
                (unsigned long)(d))

static inline long hypercall_set_trap_table(const struct trap_info *table)
{
    return HYPERCALL(set_trap_table, table, 0, 0, 0);
}

static inline long hypercall_mmu_update(const mmu_update_t *reqs, unsigned count, unsigned *done,
                                        unsigned foreigndom)
{
    return HYPERCALL(mmu_update, reqs, count, done, foreigndom);
}

static inline long hypercall_memory_op(unsigned cmd, void *arg)
{
    return HYPERCALL(memory_op, cmd, arg, 0, 0);
}

static inline long hypercall_update_va_mapping(unsigned long linear, uint64_t npte,
                                               unsigned long flags)
{
    return HYPERCALL(update_va_mapping, linear, npte, flags, 0);
}

static inline long hypercall_grant_table_op(unsigned cmd, void *args, unsigned count)
{
    return HYPERCALL(grant_table_op, cmd, args, count, 0);
}

static inline long hypercall_sched_op(unsigned cmd, void *arg)
{
    return HYPERCALL(sched_op, cmd, arg, 0, 0);
}

static inline long hypercall_event_channel_op(unsigned cmd, void *arg)
{
    return HYPERCALL(event_channel_op, cmd, arg, 0, 0);
}

static inline void hypercall_console_write(const char *buf, unsigned long count)
{
    (void)HYPERCALL(console_io, CONSOLEIO_write, count, buf, 0);
}

static inline long hypercall_shutdown(unsigned reason)
{
    return hypercall_sched_op(SCHEDOP_shutdown, &reason);
}

static inline void hypercall_yield(void)
{
    hypercall_sched_op(SCHEDOP_yield, NULL);
}

static inline long hypercall_evtchn_send(evtchn_port_t port)
{
    return hypercall_event_channel_op(EVTCHNOP_send, &port);
}

/* -- grants: one page of them, mapped by xtf_init_grant_table(1) ----------------------------------------------------------- */

extern grant_entry_v1_t gnttab_v1[PAGE_SIZE / sizeof(grant_entry_v1_t)];

int xtf_init_grant_table(unsigned version);

#endif
