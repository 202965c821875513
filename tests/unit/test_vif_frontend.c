/* SPDX-License-Identifier: MIT */
/* What the frontend does to a vif: closing and coming back, by the book and otherwise; faults. */
#include "unit/vif_world.h"

START_TEST(driver_is_reloaded)
{
    connected();
    guest_says("5", "5");
    guest_says("6", "6");
    is(BE "/netvf/state", "closed");
    ck_assert_uint_eq(world.vfs, 1);
    guest_says("1", "2");
    is(BE "/netvf/state", "bound");
    netfront_connects();
    scan();
    is(BE "/state", "4");
    ck_assert_uint_eq(world.taken, 1);
    /* kexec: straight back to Initialising. */
    guest_says("1", "2");
    ck_assert_uint_eq(world.sessions, 0);
}
END_TEST

/* What a connected guest writes, a digit each (0: its directory goes), and what becomes of us, if each is seen by itself.
 * `at_once`: what becomes of us if only the last is seen. */
static const struct {
    const char *what, *guest, *backend;
    char at_once;
} paths[] = {
    {"rmmod and modprobe", "5614", "5624", '4'},
    {"modprobe alone, after a crash", "14", "24", '4'},
    {"closing to initialising", "514", "524", '4'},
    {"closing to connected", "54", "54", '4'},
    {"closed to connected", "64", "64", '4'},
    {"closing, closed, connected", "564", "564", '4'},
    {"its directory goes and comes", "04", "64", '4'},
    {"its directory goes and comes anew", "014", "624", '4'},
    {"reconfiguring", "74", "44", '4'},
    {"reconfigured", "84", "44", '4'},
    {"reconfiguring, then closing", "756", "456", '6'},
    {"unload", "56", "56", '6'},
    {"shutdown without closing", "6", "6", '6'},
    {"closed twice over", "565614", "566624", '4'},
};

static void guest_writes(char state)
{
    char text[2] = {state, '\0'};

    if (state == '0') {
        set(FE, NULL);
    } else if (state == '4') {
        netfront_connects();
    } else {
        set(FE "/state", text);
    }
}

static char backend_is(void)
{
    return fake_store_get(world.store, BE "/state")[0];
}

START_TEST(every_path_of_the_guest)
{
    for (unsigned i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        world_close();
        world_open();
        connected();
        for (unsigned j = 0; paths[i].guest[j]; j++) {
            guest_writes(paths[i].guest[j]);
            scan();
            ck_assert_msg(backend_is() == paths[i].backend[j], "%s: %c after %u steps",
                          paths[i].what, backend_is(), j + 1);
            ck_assert_uint_eq(world.sessions, backend_is() == '4');
        }
    }
}
END_TEST

/* The scan comes when all of it has been written. */
START_TEST(every_path_in_one_glance)
{
    for (unsigned i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        world_close();
        world_open();
        connected();
        for (unsigned j = 0; paths[i].guest[j]; j++)
            guest_writes(paths[i].guest[j]);
        scan();
        ck_assert_msg(backend_is() == paths[i].at_once, "%s: %c", paths[i].what, backend_is());
    }
}
END_TEST

/* After a fault of its own the guest has to close before it is served again, in whatever way it comes back. */
START_TEST(fault_then_a_shortcut)
{
    connected();
    world.state = SESSION_GUEST_FAULT;
    scan();
    is(BE "/state", "5");
    guest_says("6", "6");
    world.state = SESSION_RUNNING;
    netfront_connects();
    scan();
    is(BE "/state", "4");
    is(BE "/netvf/state", "connected");
}
END_TEST

START_TEST(reconnects_are_rationed)
{
    unsigned rounds = 0;

    connected();
    for (unsigned i = 0; i < 20; i++) {
        set(FE "/state", "1");
        ck_assert(!scan() || world.started < 20);
        netfront_connects();
        scan();
        rounds += strcmp(fake_store_get(world.store, BE "/state"), "4") == 0;
        if (strcmp(fake_store_get(world.store, BE "/state"), "4") != 0)
            set(FE "/state", "6");
    }
    ck_assert_uint_ge(rounds, 3);
    ck_assert_uint_le(rounds, 6);
}
END_TEST

START_TEST(nonsense_in_the_guests_state_is_rationed)
{
    connected();
    for (unsigned i = 0; i < 20; i++) {
        set(FE "/state", "nonsense");
        scan();
        nothing_held();
        set(FE "/state", "1");
        scan();
    }
    ck_assert_uint_le(world.taken, 6);
}
END_TEST

START_TEST(malformed_answer)
{
    offered();
    netfront_connects();
    set(FE "/tx-ring-ref", "0x8");
    scan();
    is(BE "/state", "5");
    is(BE "/netvf/state", "fault");
    ck_assert_uint_eq(world.started, 0);
    set(FE "/state", "nonsense");
    scan();
    is(BE "/state", "6");
    nothing_held();
    guest_says("1", "2");
}
END_TEST

/* A vif in state 4 whose frontend knows of headroom. */
static void connected_with_headroom(void)
{
    libxl_creates(1, MAC);
    scan();
    is(BE "/feature-xdp-headroom", "1");
    set(BE "/hotplug-status", "connected");
    set(FE "/xdp-headroom", "0");
    netfront_connects();
    scan();
    is(BE "/state", "4");
    ck_assert(world.plan.headroom);
}

/* As xennet_xdp_set does it: 7, then the key, and the program runs once we are in 8. */
START_TEST(xdp_program)
{
    connected_with_headroom();
    guest_says("7", "8");
    set(FE "/xdp-headroom", "256");
    scan();
    is(BE "/state", "8");
    guest_says("4", "4");
    is(BE "/netvf/state", "connected");
    /* The program goes; its VF does meanwhile. */
    world.failed = true;
    check(false);
    set(FE "/state", "7");
    set(FE "/xdp-headroom", "0");
    scan();
    is(BE "/state", "8");
    guest_says("4", "4");
    ck_assert_uint_eq(world.started, 1);
    ck_assert_uint_eq(world.stopped, 0);
}
END_TEST

START_TEST(xdp_program_wants_too_much)
{
    connected_with_headroom();
    set(FE "/xdp-headroom", "512");
    guest_says("7", "5");
    is(BE "/netvf/state", "fault");
    is(BE "/netvf/error", "the guest's xdp-headroom is no number from 0 to 256");
}
END_TEST

START_TEST(closes_out_of_reconfigured)
{
    connected_with_headroom();
    set(FE "/state", "7");
    scan();
    guest_says("5", "5");
    guest_says("6", "6");
    ck_assert_uint_eq(world.sessions, 0);
}
END_TEST

/* Frames of a jumbo MTU need whole pages. */
START_TEST(no_headroom_for_jumbo_frames)
{
    for (unsigned jumbo = 0; jumbo < 2; jumbo++) {
        world_close();
        world_open();
        fake_sysfs_file("class/net/eth0/mtu", "9000\n");
        libxl_creates(1, MAC);
        set(BE "/mtu", jumbo ? "2027" : "2026"); /* with 22 bytes around it 2 KiB, or more */
        scan();
        is(BE "/state", "2");
        is(BE "/feature-xdp-headroom", jumbo ? "0" : "1");
    }
}
END_TEST

/* Nor where they begin at one place or another, with a tag or without; as after a migration from a host that has
 * offered it, whose key the guest keeps. */
START_TEST(no_headroom_on_a_trunk)
{
    libxl_creates(1, MAC);
    set(BE "/bridge", "eth0:10:20");
    set(FE "/xdp-headroom", "256");
    set(BE "/hotplug-status", "connected");
    scan();
    is(BE "/feature-xdp-headroom", "0");
    ck_assert_uint_eq(world.vlan, 0);
    netfront_connects();
    scan();
    is(BE "/state", "4");
    ck_assert(!world.plan.headroom);
    ck_assert_uint_eq(world.plan.vf->trunk.count, 2);
    ck_assert_uint_eq(world.plan.vf->trunk.vlans[1], 20);
}
END_TEST

/* The guest waits in 7 while the daemon is replaced, which has not answered yet, or has. */
START_TEST(xdp_program_and_a_new_daemon)
{
    connected_with_headroom();
    for (unsigned answered = 0; answered < 2; answered++) {
        set(FE "/state", "7");
        if (answered) {
            scan();
            is(BE "/state", "8");
        }
        manager_free(world.manager);
        start_manager();
        scan();
        is(BE "/state", "8");
        is(BE "/netvf/state", "connected");
        ck_assert(world.plan.headroom);
        set(FE "/state", "4");
        scan();
        is(BE "/state", "4");
    }
}
END_TEST

/* As Windows' frontend has it. Its port is a journal of its own, and goes with the others. */
START_TEST(control_ring)
{
    libxl_creates(1, MAC);
    scan();
    is(BE "/feature-ctrl-ring", "1");
    set(BE "/hotplug-status", "connected");
    set(FE "/ctrl-ring-ref", "20");
    set(FE "/event-channel-ctrl", "21");
    netfront_connects();
    scan();
    is(BE "/state", "4");
    ck_assert(world.plan.ctrl_ring);
    ck_assert_ptr_nonnull(world.plan.ctrl_port);
    ck_assert_ptr_ne(world.plan.ctrl_port, world.plan.ports[0]);
    ck_assert_str_eq(world.port_name, "1-0.ctrl");
    ck_assert_uint_eq(world.ports, 2);
    /* The next driver in that guest does not know of control rings. */
    set(FE "/state", "6");
    scan();
    set(FE "/ctrl-ring-ref", NULL);
    set(FE "/event-channel-ctrl", NULL);
    set(FE "/state", "1");
    scan();
    netfront_connects();
    scan();
    is(BE "/state", "4");
    ck_assert(!world.plan.ctrl_ring);
    ck_assert_uint_eq(world.ports, 2);
    libxl_destroys();
    scan();
    nothing_held();
}
END_TEST

START_TEST(half_a_control_ring)
{
    offered();
    set(FE "/ctrl-ring-ref", "20");
    netfront_connects();
    scan();
    is(BE "/state", "5");
    is(BE "/netvf/error", "the guest is connected without event-channel-ctrl");
    ck_assert_uint_eq(world.started, 0);
}
END_TEST

START_TEST(session_does_not_start)
{
    offered();
    world.refuse_start = true;
    netfront_connects();
    scan();
    is(BE "/state", "5");
    is(BE "/netvf/error", SENTENCE);
}
END_TEST

START_TEST(guest_fault)
{
    connected();
    world.state = SESSION_GUEST_FAULT;
    ck_assert(scan());
    is(BE "/state", "5");
    is(BE "/netvf/state", "fault");
    is(BE "/netvf/error", SENTENCE);
    ck_assert_uint_eq(world.stopped, 1);
    scan();
    ck_assert_uint_eq(world.stopped, 1);
    guest_says("6", "6");
    is(BE "/netvf/state", "fault");
    guest_says("1", "2");
    ck_assert(!fake_store_has(world.store, BE "/netvf/error"));
    netfront_connects();
    scan();
    is(BE "/netvf/state", "connected");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        every_path_of_the_guest,
        every_path_in_one_glance,
        fault_then_a_shortcut,
        driver_is_reloaded,
        reconnects_are_rationed,
        nonsense_in_the_guests_state_is_rationed,
        malformed_answer,
        session_does_not_start,
        guest_fault,
        control_ring,
        half_a_control_ring,
        xdp_program,
        xdp_program_wants_too_much,
        xdp_program_and_a_new_daemon,
        closes_out_of_reconfigured,
        no_headroom_for_jumbo_frames,
        no_headroom_on_a_trunk,
    };

    return world_run("vif_frontend", tests, sizeof tests / sizeof tests[0]);
}
