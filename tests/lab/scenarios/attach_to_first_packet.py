"""From `xl network-attach` to the first answered ping: how long a user waits for a vif, median and worst of several."""
import statistics
import threading
import time

from labkit import ours
from labkit.base import Fail

TIMES = 7
# In the guest, started before: its address as soon as there is an interface, then pings until one is answered.
FIRST_PING = """
until ip link set eth0 up 2>/dev/null; do sleep 0.05; done
ip addr add {address}/24 dev eth0
until ping -c 1 -W 1 {target} >/dev/null 2>&1; do :; done
"""


def once(lab, guest):
    box = {}

    def wait_inside():
        try:
            guest.exec(FIRST_PING.format(address=ours.address(1), target=lab.OUR_OUTSIDE), timeout=60)
            box["end"] = time.monotonic()
        except Fail as fault:
            box["fault"] = fault

    waiting = threading.Thread(target=wait_inside)
    waiting.start()
    time.sleep(1)
    started = time.monotonic()
    ours.attach(lab, guest, ours.vif(1))
    waiting.join()
    if "fault" in box:
        raise box["fault"]
    ours.serving_vf(lab, guest)
    ours.detach(lab, guest, 0)
    return box["end"] - started


def run(lab):
    guest = ours.plain_guest(lab)
    seconds = [once(lab, guest) for _ in range(TIMES)]
    return {"times": TIMES, "median_s": round(statistics.median(seconds), 1), "worst_s": round(max(seconds), 1)}
