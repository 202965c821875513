"""Guests that end while packets are on their way."""
import threading
import time

from . import ours
from .base import Fail, wait_for
from .teardown import domains

PORTS = ((5201, ""), (5202, "-R"))


def transfer(lab, guest, port, options):
    try:
        lab.tcp_from_guest(guest, lab.OUR_OUTSIDE, 60, port, options)
    except Fail:
        pass  # it is cut off on purpose


def destroy_while_sending(lab, times, **options):
    """xl destroy in the middle of TCP both ways, `times` times; `options` are the guest's. Returns how long each took."""
    seconds = []
    for number in range(times):
        for port, _ in PORTS:
            lab.outside.iperf_server(port)
        guest = ours.guest_on_vf(lab, 1, f"victim{number}", **options)
        for port, direction in PORTS:
            threading.Thread(target=transfer, args=(lab, guest, port, direction), daemon=True).start()
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
    return seconds
