/* SPDX-License-Identifier: MIT */
/* The one readable sentence that goes outside when something went wrong.
 *
 * Inside, functions return -1 with errno. Where a person will see the outcome (xl's log, xenstore, the daemon's
 * log) the function also takes a `struct why *` and says what is wrong and what to do, in one sentence without a
 * trailing newline. */
#ifndef NETVF_COMMON_WHY_H
#define NETVF_COMMON_WHY_H

struct why {
    char text[240];
};

/* Formats the sentence, keeps errno, and returns -1 so that callers can `return why_fail(...)`. A NULL `why` is
 * allowed: then only the return value remains. */
int why_fail(struct why *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
