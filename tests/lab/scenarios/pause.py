"""xl pause and unpause: the vif keeps its VF, and packets pass again at once."""
import time

from labkit import ours

PAUSE_SECONDS = 3


def run(lab):
    guest = ours.guest_on_vf(lab, 1)
    vf = ours.serving_vf(lab, guest)
    lab.outside.iperf_server()
    guest.exec(f"(iperf3 -c {lab.OUR_OUTSIDE} -t 60 >/dev/null 2>&1; true) &")
    time.sleep(2)
    for _ in range(2):
        lab.dom0(f"xl pause {guest.name}")
        time.sleep(PAUSE_SECONDS)
        lab.dom0(f"xl unpause {guest.name}")
        with ours.ThroughVf(lab, guest, sent=10, received=10):
            time.sleep(2)
    guest.exec("killall iperf3", check=False)
    lab.check(ours.serving_vf(lab, guest) == vf, "the vif has another VF than before it was paused")
    ping = lab.ping(guest, lab.OUR_OUTSIDE, 20)
    lab.check(ping["loss_percent"] == 0, f"{ping['loss_percent']} % of the pings after the pauses were lost")
    return {"pauses": 2, "ping_avg_us": ping["avg_us"]}
