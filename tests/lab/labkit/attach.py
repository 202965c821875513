"""Attaching and detaching a vif again and again while another guest's vif carries traffic."""
import threading
import time

from . import ours
from .base import Fail, wait_for


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
                ping = self.lab.ping(self.guest, self.lab.OUR_OUTSIDE, 50, 0.2, 1000)
                self.sent += 50
                self.lost += 50 - ping["received"]
        except Fail as fault:
            self.fault = fault

    def stop(self):
        self.stopped = True
        self.thread.join()
        if self.fault:
            raise self.fault


# Linux' netfront loses the pages of its receive ring each time it is detached, whoever its backend is (docs/compatibility.md).
LOST_MB = 1
GUEST_MB = 160

# In dom0, in one go: each time over the agent and with every check would take minutes.
QUICK = """
for i in $(seq {count}); do
    xl network-attach {name} {line} || exit 1
    until [ "$(xenstore-read {path}/netvf/state 2>/dev/null)" = connected ]; do
        tries=$((tries + 1)); [ $tries -lt 100 ] || {{ echo "attach $i never connected" >&2; exit 1; }}; sleep 0.1
    done
    xl network-detach {name} 0 || exit 1
    while xenstore-exists {path}; do
        tries=$((tries + 1)); [ $tries -lt 100 ] || {{ echo "detach $i left {path}" >&2; exit 1; }}; sleep 0.1
    done
    tries=0
done
"""


def quick(lab, guest, count):
    script = QUICK.format(count=count, name=guest.name, line=ours.vif(2).replace(",", " "), path=lab.backend_path(guest))
    rc, out, err = lab.dom0(script, timeout=count * 15, check=False)
    lab.check(rc == 0, f"attaching and detaching in a row failed: {(err or out).strip()[-200:]}")


def thorough(lab, guest, when):
    """One vif that is also used."""
    ours.attach(lab, guest, ours.vif(2))
    guest.configure("eth0", f"{ours.address(2)}/24")
    with ours.ThroughVf(lab, guest, sent=5, received=5):
        ping = lab.ping(guest, lab.OUR_OUTSIDE, 5, 0.1)
    lab.check(ping["received"] == 5, f"{5 - ping['received']} of 5 pings were lost {when}")
    ours.detach(lab, guest, 0)
    wait_for(f"the guest's eth0 to be gone {when}", lambda: guest.exec("ls /sys/class/net/eth0", check=False).rc != 0, 10)


def repeatedly(lab, times):
    bystander = ours.guest_on_vf(lab, 1, "bystander")
    guest = ours.plain_guest(lab, "changing", memory=GUEST_MB + times * LOST_MB)
    idle = ours.idle_functions(lab)
    background = Background(lab, bystander)
    started = time.monotonic()
    try:
        thorough(lab, guest, "at first")
        quick(lab, guest, times - 2)
        thorough(lab, guest, "after all the others")
    finally:
        background.stop()
    lab.check(background.lost == 0, f"{background.lost} of the bystander's {background.sent} pings were lost")
    lab.check(ours.idle_functions(lab) == idle, f"{idle} VFs were idle before, {ours.idle_functions(lab)} are after")
    return {"times": times, "seconds_each": round((time.monotonic() - started) / times, 1), "bystander_pings": background.sent}
