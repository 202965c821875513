/* SPDX-License-Identifier: MIT */
/* The PV console (xen/io/console.h): a ring to xenconsoled. What is said is said when the call returns, so that a guest
 * that dies afterwards has not said less than it meant to. */
#include <xtf.h>

#include <xen/io/console.h>

#include "tests/guest/runtime/runtime.h"

static struct xencons_interface *ring;
static evtchn_port_t channel;

void console_init(void)
{
    ring = mfn_to_virt(pv_start_info->console.domU.mfn);
    channel = pv_start_info->console.domU.evtchn;
}

static size_t write_some(const char *text, size_t length)
{
    XENCONS_RING_IDX taken = __atomic_load_n(&ring->out_cons, __ATOMIC_ACQUIRE);
    XENCONS_RING_IDX put = ring->out_prod;
    size_t written = 0;

    while (written < length && put - taken < sizeof ring->out)
        ring->out[MASK_XENCONS_IDX(put++, ring->out)] = text[written++];
    __atomic_store_n(&ring->out_prod, put, __ATOMIC_RELEASE);
    return written;
}

static void console_write(const char *text, size_t length)
{
    while (length) {
        size_t written = write_some(text, length);

        text += written;
        length -= written;
        hypercall_evtchn_send(channel);
        if (length)
            hypercall_yield();
    }
    while (__atomic_load_n(&ring->out_cons, __ATOMIC_ACQUIRE) != ring->out_prod)
        hypercall_yield();
}

void vprintk(const char *fmt, va_list args)
{
    char text[512];
    int length = vsnprintf(text, sizeof text, fmt, args);

    if (length >= (int)sizeof text)
        length = sizeof text - 1;
    if (ring)
        console_write(text, (size_t)length);
    else /* before there is a console: a debug build of Xen logs it */
        hypercall_console_write(text, (unsigned long)length);
}

void printk(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vprintk(fmt, args);
    va_end(args);
}

void panic(const char *fmt, ...)
{
    va_list args;

    printk("PANIC: ");
    va_start(args, fmt);
    vprintk(fmt, args);
    va_end(args);
    xtf_error(NULL);
    xtf_exit();
}
