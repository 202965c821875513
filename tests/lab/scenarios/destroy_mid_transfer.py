"""xl destroy of a guest in the middle of TCP both ways: no fault, no zombie, and the VF serves the next guest at once."""
import threading
import time

from labkit import ours
from labkit.base import Fail, wait_for
from labkit.teardown import domains

TIMES = 3


def transfer(lab, guest, port, options):
    try:
        lab.tcp_from_guest(guest, lab.OUR_OUTSIDE, 60, port, options)
    except Fail:
        pass  # it is cut off on purpose


def run(lab):
    for port in (5201, 5202):
        lab.outside.iperf_server(port)
    seconds = []
    for number in range(TIMES):
        guest = ours.guest_on_vf(lab, 1, f"victim{number}")
        for port, options in ((5201, ""), (5202, "-R")):
            threading.Thread(target=transfer, args=(lab, guest, port, options), daemon=True).start()
        time.sleep(3)
        with ours.ThroughVf(lab, guest, sent=20, received=20):
            time.sleep(1)
        started = time.monotonic()
        guest.destroy()
        wait_for("the destroyed guest to be gone", lambda: guest.domid not in domains(lab), 10)
        seconds.append(round(time.monotonic() - started, 1))
        lab.expect_leak_free()
        # The servers still wait for the rest of a transfer that will never come.
        lab.outside.stop_all()
        for port in (5201, 5202):
            lab.outside.iperf_server(port)
    return {"destroy_seconds": max(seconds)}
