/* SPDX-License-Identifier: MIT */
/* Goes as far as parameter step into a connection or out of one, says so, and waits for its death. */
#include "tests/guest/lib/attack.h"

const char test_title[] = "attack: death at a step";

static struct attack attack;

static void initialising(void)
{
    attack_say_state(1);
}

static void ready(void)
{
    attack_begin(&attack);
}

static void offered(void)
{
    attack_offer(&attack, true);
}

static void connected(void)
{
    attack_connected(&attack);
}

/* Pages in the VF's hands both ways. */
static void at_work(void)
{
    for (unsigned i = 0; i < DATA_PAGES; i++) {
        attack_rx(&attack, attack.gref[i]);
        attack_tx(&attack, attack.gref[i], 0, 0, 1514);
    }
    attack_push(&attack);
}

static void closing(void)
{
    attack_say_state(5);
}

static void closed(void)
{
    attack_say_state(6);
}

static void again(void)
{
    attack_say_state(1);
}

void test_main(void)
{
    static void (*const steps[])(void) = {initialising, ready,   offered, connected,
                                          at_work,      closing, closed,  again};
    unsigned last = param_number("step", ARRAY_SIZE(steps) - 1);

    guest_init();
    attack_init(&attack);
    for (unsigned i = 0; i <= last && i < ARRAY_SIZE(steps); i++)
        steps[i]();
    printk("step %u\n", last);
    sleep_ms(param_number("wait", 60000));
    xtf_error("nobody has killed it\n");
}
