"""A guest that panics under traffic: its VF is quiet while the dead domain is kept, and idle once it is destroyed."""
import time

from labkit import ours
from labkit.base import wait_for
from labkit.teardown import domains


def run(lab):
    guest = ours.guest_on_vf(lab, 1, "crashing")
    lab.outside.iperf_server()
    guest.exec(f"(iperf3 -c {lab.OUR_OUTSIDE} -t 60 >/dev/null 2>&1; true) &")
    time.sleep(2)
    # It never answers: the guest is dead before it could.
    guest.exec("(sleep 1; echo c > /proc/sysrq-trigger) &")
    wait_for("the guest to have crashed", lambda: "c" in domains(lab)[guest.domid][1], 20)
    lab.need_netvfd()
    started = time.monotonic()
    guest.destroy()
    wait_for("the crashed guest to be gone", lambda: guest.domid not in domains(lab), 10)
    return {"destroy_seconds": round(time.monotonic() - started, 1)}
