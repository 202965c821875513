/* SPDX-License-Identifier: MIT */
/* What the runtime's files know of each other. */
#ifndef NETVF_GUEST_RUNTIME_H
#define NETVF_GUEST_RUNTIME_H

#include <stdarg.h>

void console_init(void);
void vprintk(const char *fmt, va_list args) __attribute__((__format__(__printf__, 1, 0)));

void traps_init(void);
/* Called by head.S; neither returns. */
void trap_main(const unsigned long *frame) __attribute__((__noreturn__));
void xtf_main(void) __attribute__((__noreturn__));

/* Maps a page of Xen's, or any that the domain owns, at `address`. */
int map_mfn(void *address, unsigned long mfn);

#endif
