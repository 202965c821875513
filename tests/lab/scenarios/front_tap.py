"""netvf-front instead of the guest's netfront: real traffic by its TAP interface through a VF, closed, killed and started again."""
from labkit import ours, tapfront
from labkit.base import wait_for

# Its short form is front_tap_window, whose netvf-front has a window besides.
LONG = True
PINGS = 30


def live_pins(lab):
    return lab.netvf("list")["leaks"]["live"]


def run(lab):
    lab.need_netvfd()
    guest = lab.guest("tap", [ours.vif(1)])
    tapfront.unload_netfront(lab, guest)
    tapfront.start(lab, guest, ours.address(1))
    tapfront.check_frontend(lab, guest)
    vf = ours.serving_vf(lab, guest)
    with ours.ThroughVf(lab, guest, sent=PINGS, received=PINGS):
        average = tapfront.pings(lab, guest, lab.OUR_OUTSIDE, PINGS, "at first")
    before = lab.show(guest)["counters"]
    with ours.ThroughVf(lab, guest, sent=500, received=500):
        out = lab.tcp_from_guest(guest, lab.OUR_OUTSIDE)
        back = lab.tcp_to_guest(guest, lab.OUR_OUTSIDE)
    after = lab.show(guest)["counters"]
    for key in ("tx_dropped", "tx_spoofed"):
        lab.check(after[key] == before[key], f"{after[key] - before[key]} of the guest's frames count as {key}")

    tapfront.stop(lab, guest)
    wait_for("all pages to be released after the close", lambda: live_pins(lab) == 0, 10, 0.3)
    tapfront.start(lab, guest, ours.address(1))
    with ours.ThroughVf(lab, guest, sent=PINGS, received=PINGS) as through:
        tapfront.pings(lab, guest, lab.OUR_OUTSIDE, PINGS, "after a close")
    lab.check(through.vf == vf, f"the vif had VF {vf} and has {through.vf} after a close")

    # The next one finds state 4 and pages of its predecessor that the VF may still write.
    tapfront.kill(guest)
    tapfront.start(lab, guest, ours.address(1))
    with ours.ThroughVf(lab, guest, sent=PINGS, received=PINGS):
        tapfront.pings(lab, guest, lab.OUR_OUTSIDE, PINGS, "after a kill")
    tapfront.stop(lab, guest)

    # And the stock driver finds a vif that it can use.
    guest.exec("insmod /modules/xen-netfront.ko", timeout=40)
    guest.configure("eth0", f"{ours.address(1)}/24")
    with ours.ThroughVf(lab, guest, sent=PINGS, received=PINGS):
        tapfront.pings(lab, guest, lab.OUR_OUTSIDE, PINGS, "by the stock driver afterwards")
    return {"ping_avg_us": average, "tcp_tx_mbps": out, "tcp_rx_mbps": back}
