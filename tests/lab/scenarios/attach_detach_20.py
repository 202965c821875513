"""A vif attached and detached 20 times while another guest's vif carries traffic: each works, nothing is left."""
import threading
import time

from labkit import ours
from labkit.base import Fail, wait_for

TIMES = 20
TIMEOUT = 600


class Background:
    """Pings of a bystander all the while; the loss is told at the end."""

    def __init__(self, lab, guest):
        self.lab, self.guest = lab, guest
        self.stopped = False
        self.lost = self.sent = 0
        self.fault = None
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def work(self):
        try:
            while not self.stopped:
                ping = self.lab.ping(self.guest, self.lab.OUR_OUTSIDE, 50, 0.05, 1000)
                self.sent += 50
                self.lost += 50 - ping["received"]
        except Fail as fault:
            self.fault = fault

    def stop(self):
        self.stopped = True
        self.thread.join()
        if self.fault:
            raise self.fault


def once(lab, guest, number):
    ours.attach(lab, guest, ours.vif(2))
    guest.configure("eth0", f"{ours.address(2)}/24")
    vf = ours.serving_vf(lab, guest)
    ping = lab.ping(guest, lab.OUR_OUTSIDE, 3, 0.1)
    lab.check(ping["received"] > 0, f"the vif was deaf after attach number {number}")
    ours.detach(lab, guest, 0)
    wait_for(f"vif to be gone after detach number {number}", lambda: guest.exec("ls /sys/class/net/eth0", check=False).rc != 0, 10)
    wait_for(f"VF {vf} to be idle after detach number {number}", lambda: lab.xs_read(f"{lab.backend_path(guest)}/netvf/vf") is None, 10)


def run(lab):
    bystander = ours.guest_on_vf(lab, 1, "bystander")
    guest = ours.plain_guest(lab, "changing")
    idle = ours.idle_functions(lab)
    background = Background(lab, bystander)
    started = time.monotonic()
    try:
        for number in range(1, TIMES + 1):
            once(lab, guest, number)
    finally:
        background.stop()
    lab.check(background.lost == 0, f"{background.lost} of the bystander's {background.sent} pings were lost")
    lab.check(ours.idle_functions(lab) == idle, f"{idle} VFs were idle before, {ours.idle_functions(lab)} are after")
    return {"times": TIMES, "seconds_each": round((time.monotonic() - started) / TIMES, 1), "bystander_pings": background.sent}
