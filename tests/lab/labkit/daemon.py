"""netvfd ended under traffic, by a signal that it sees and by one that it does not."""
import time

from . import ours
from .base import wait_for

TRANSFER_SECONDS = 60


def connected(lab, guest):
    path = lab.backend_path(guest)
    return lab.netvfd_alive() and lab.xs_read(f"{path}/netvf/state") == "connected"


def once(lab, guest, signal):
    """End the daemon while the guest sends, start the next one; returns the seconds from its start to a ping through."""
    guest.exec(f"(iperf3 -c {lab.OUR_OUTSIDE} -t {TRANSFER_SECONDS} >/dev/null 2>&1; true) &")
    time.sleep(2)
    live = lab.netvf("list")["leaks"]["live"]
    pinning = lab.show(guest)["translation"] == "host"
    lab.check(live > 0 or not pinning, "no page was pinned although the guest was sending")
    lab.stop_netvfd(signal)
    if signal == "KILL":
        left = lab.dom0("ls /run/netvf/journal /run/netvf/context", check=False).out
        lab.check("-" in left, f"netvfd was killed while a VF ran, and has left nothing to tell of it: {left}")
    started = time.monotonic()
    lab.start_netvfd()
    wait_for("the vif to be connected again", lambda: connected(lab, guest), 20, 0.2)
    lab.first_ping(guest, lab.OUR_OUTSIDE, 40)
    outage = round(time.monotonic() - started, 1)
    if signal == "KILL" and pinning:
        lab.check("released" in lab.netvfd_log(), "the new netvfd does not say that it released the dead one's pages")
    lab.check(lab.netvf("list")["leaks"]["grants"] == 0, "Xen refused to release some page")
    guest.exec("killall iperf3", check=False)
    ours.serving_vf(lab, guest)
    return outage


def killed_and_stopped(lab, **options):
    """`options` are the guest's. Returns the outages in seconds."""
    lab.outside.iperf_server()
    guest = ours.guest_on_vf(lab, 1, **options)
    killed = once(lab, guest, "KILL")
    lab.outside.stop_all()
    lab.outside.iperf_server()
    stopped = once(lab, guest, "TERM")
    return {"outage_after_kill_s": killed, "outage_after_stop_s": stopped}
