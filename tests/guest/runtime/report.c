/* SPDX-License-Identifier: MIT */
/* How a test ends: the most severe status that it has reported, in the last line of the console. */
#include <xtf.h>

#include "tests/guest/runtime/runtime.h"

enum status { RUNNING, SUCCESS, SKIP, ERROR, FAILURE };

static const char *const names[] = {"RUNNING", "SUCCESS", "SKIP", "ERROR", "FAILURE"};
static enum status worst;
static bool warned;

static void report(enum status status, const char *fmt, va_list args)
{
    if (status > worst)
        worst = status;
    if (fmt)
        vprintk(fmt, args);
}

#define REPORT(name, status)        \
    void name(const char *fmt, ...) \
    {                               \
        va_list args;               \
                                    \
        va_start(args, fmt);        \
        report(status, fmt, args);  \
        va_end(args);               \
    }

REPORT(xtf_success, SUCCESS)
REPORT(xtf_skip, SKIP)
REPORT(xtf_error, ERROR)
REPORT(xtf_failure, FAILURE)

void xtf_warning(const char *fmt, ...)
{
    va_list args;

    warned = true;
    va_start(args, fmt);
    report(RUNNING, fmt, args);
    va_end(args);
}

bool xtf_status_reported(void)
{
    return worst != RUNNING;
}

void xtf_report_status(void)
{
    if (!xtf_status_reported())
        xtf_error("The test has not reported a status\n");
    printk("Test result: %s%s\n", names[worst], warned && worst == SUCCESS ? " with warnings" : "");
}

void xtf_exit(void)
{
    xtf_report_status();
    hypercall_shutdown(SHUTDOWN_poweroff);
    for (;;)
        hypercall_yield();
}
