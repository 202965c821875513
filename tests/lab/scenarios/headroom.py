"""Stock netfront gets its frames 256 bytes into their pages, and goes through Reconfiguring and back without losing one."""
from labkit import ours
from labkit.base import wait_for


def state(lab, guest):
    return lab.xs_read(f"{lab.backend_path(guest)}/state")


def run(lab):
    guest = ours.guest_on_vf(lab, 1)
    frontend = f"/local/domain/{guest.domid}/device/vif/0"
    offered = lab.xs_read(f"{lab.backend_path(guest)}/feature-xdp-headroom")
    lab.check(offered == "1", f"feature-xdp-headroom is {offered}, not 1")
    # Written by netfront when it connects; from then on each of its frames has the headroom, so that any packet proves it.
    asked = lab.xs_read(f"{frontend}/xdp-headroom")
    lab.check(asked == "0", f"netfront (5.9 and later) writes xdp-headroom 0, and the key is {asked}")
    guest.exec(f"(ping -i 0.1 -c 100 {lab.OUR_OUTSIDE} > /tmp/ping; true) &")
    # What netfront writes when an XDP program is set or taken away. There is no BPF loader in the guest: dom0 writes for it.
    for headroom in (256, 0):
        with ours.ThroughVf(lab, guest, sent=10, received=10):
            lab.dom0(f"xenstore-write {frontend}/state 7 {frontend}/xdp-headroom {headroom}")
            wait_for("the backend to be in Reconfigured", lambda: state(lab, guest) == "8", 10, 0.2)
            lab.dom0(f"xenstore-write {frontend}/state 4")
            wait_for("the backend to be in Connected again", lambda: state(lab, guest) == "4", 10, 0.2)
            ping = lab.ping(guest, lab.OUR_OUTSIDE, 10, 0.1)
        lab.check(ping["received"] == 10, f"{10 - ping['received']} of 10 pings were lost with xdp-headroom {headroom}")
    wait_for("the long ping's end", lambda: "received" in guest.exec("cat /tmp/ping").out, 60, 1)
    summary = guest.exec("grep received /tmp/ping").out
    lab.check("100 packets received" in summary, f"pings were lost on the way: {summary.strip()}")
    return {"ping_avg_us": ping["avg_us"]}
