"""netvf-front with a DMA window: no grant operation for a packet either way; switched off and on; refused; made anew after a restart."""
from labkit import ours, tapfront
from labkit.base import wait_for

PINGS = 40
PAGES = 256 + 128  # netvf-front's receive buffers and the pages that it sends from, of one queue
OPTIONS = "--window 512"
SECONDS = 2
GRANT_OPERATIONS = ("map_ops", "unmap_ops", "copy_ops")


def in_window(lab, guest):
    return lab.show(guest)["window"]["pages"]


def operations(lab, guest):
    counters = lab.show(guest)["counters"]
    return sum(counters[key] for key in GRANT_OPERATIONS), counters


def start(lab, guest, pages):
    tapfront.start(lab, guest, ours.address(1), OPTIONS)
    wait_for(f"{pages} pages to be in the window", lambda: in_window(lab, guest) == pages, 10, 0.2)


def settle(lab, guest):
    """Until the buffers that the VF had from before the window have come round."""
    tapfront.pings(lab, guest, lab.OUR_OUTSIDE, 5, "before the count")
    lab.tcp_to_guest(guest, lab.OUR_OUTSIDE, SECONDS)


def run(lab):
    lab.need_netvfd()
    guest = lab.guest("tapw", [ours.vif(1)])
    tapfront.unload_netfront(lab, guest)
    start(lab, guest, PAGES)
    listed = lab.netvf("list")["windows"]
    lab.check(listed["used"] == PAGES, f"{PAGES} pages are in the window, and netvf list says {listed}")
    settle(lab, guest)

    # Steady state: both directions, small frames and large ones.
    before, at_first = operations(lab, guest)
    with ours.ThroughVf(lab, guest, sent=500 + PINGS, received=500 + PINGS):
        average = tapfront.pings(lab, guest, lab.OUR_OUTSIDE, PINGS, "with a window")
        out = lab.tcp_from_guest(guest, lab.OUR_OUTSIDE, SECONDS)
        back = lab.tcp_to_guest(guest, lab.OUR_OUTSIDE, SECONDS)
    after, at_last = operations(lab, guest)
    packets = sum(at_last[key] - at_first[key] for key in ("tx_packets", "rx_packets"))
    slots = at_last["window_slots"] - at_first["window_slots"]
    lab.check(packets > 1000, f"only {packets} packets were counted")
    lab.check(after == before, f"{after - before} grant operations for {packets} packets in a window")
    lab.check(slots > 0, "no slot was served by the window")
    for key in ("tx_dropped", "tx_spoofed"):
        lab.check(at_last[key] == at_first[key], f"{at_last[key] - at_first[key]} of the guest's frames count as {key}")
    figures = {"grant_ops_per_packet": (after - before) / packets, "packets": packets, "ping_avg_us": average,
               "tcp_tx_mbps": out, "tcp_rx_mbps": back}

    # As before a live migration: nothing of the window stays pinned, the guest notices nothing, and it comes back.
    lab.dom0(f"netvf set {guest.domid}/0 windows=off")
    before, _ = operations(lab, guest)
    tapfront.pings(lab, guest, lab.OUR_OUTSIDE, PINGS, "with the window switched off")
    after, _ = operations(lab, guest)
    lab.check(after > before, "packets cost no grant operation although the window is off")
    lab.dom0(f"netvf set {guest.domid}/0 windows=on")
    settle(lab, guest)
    before, _ = operations(lab, guest)
    tapfront.pings(lab, guest, lab.OUR_OUTSIDE, PINGS, "with the window switched on again")
    after, _ = operations(lab, guest)
    lab.check(after == before, f"{after - before} grant operations after the window was switched on again")

    # The VF is reset under it: what is pinned stays, and is used with the VF that it gets.
    lab.dom0("ip link set eth0 down; ip link set eth0 up")
    wait_for("a ping to pass again", lambda: lab.ping(guest, lab.OUR_OUTSIDE, 1, 0.2)["received"] == 1, 20, 0.2)
    lab.check(in_window(lab, guest) == PAGES, f"{in_window(lab, guest)} pages are in the window after the VF was reset")

    # Closed in good order, nothing is left.
    tapfront.stop(lab, guest)
    wait_for("all pages to be released", lambda: lab.netvf("list")["leaks"]["live"] == 0, 10, 0.3)
    lab.check(lab.netvf("list")["windows"]["used"] == 0, "pages count as used in windows after a close")

    # A daemon that dies leaves pins of the window in its journal; the guest goes on without, and has one after it has connected anew.
    start(lab, guest, PAGES)
    lab.stop_netvfd("KILL")
    lab.start_netvfd()
    wait_for("a ping to pass again", lambda: lab.ping(guest, lab.OUR_OUTSIDE, 1, 0.2)["received"] == 1, 20, 0.2)
    lab.check(in_window(lab, guest) == 0, "a new daemon knows of a window")
    tapfront.pings(lab, guest, lab.OUR_OUTSIDE, PINGS, "after netvfd was killed")
    tapfront.stop(lab, guest)

    # A budget that is spent: as much as there is, or nothing, and the vif works all the same.
    for pages in (100, 0):
        lab.stop_netvfd("TERM")
        lab.start_netvfd(f"--window-pages {pages}")
        start(lab, guest, pages)
        tapfront.pings(lab, guest, lab.OUR_OUTSIDE, PINGS, f"with a budget of {pages} pages")
        tapfront.stop(lab, guest)
    lab.stop_netvfd("TERM")
    lab.start_netvfd()
    return figures
