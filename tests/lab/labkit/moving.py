"""Guests that are saved and restored: the same guest in another domain."""
import json
import os
import re
import time

from .base import Fail, wait_for

SAVE_FILE = "/root/guest.save"
MOVE_DEADLINE = 120


def save(lab, guest, options=""):
    lab.dom0(f"xl save {options} {guest.name} {SAVE_FILE}", timeout=MOVE_DEADLINE)


def restore(lab, guest):
    """Into a new domain; its console goes on in the same log, for it has the same name from the start."""
    lab.dom0(f"xl restore {SAVE_FILE}; rc=$?; rm -f {SAVE_FILE}; exit $rc", timeout=MOVE_DEADLINE)
    arrived(lab, guest)


def arrived(lab, guest):
    before = guest.domid
    guest.domid = guest.current_domid()
    lab.check(guest.domid is not None and guest.domid != before, f"guest {guest.name} has domain id {guest.domid} after {before}")
    path = lab.backend_path(guest)
    wait_for("the vif to be connected in its new domain", lambda: lab.xs_read(f"{path}/netvf/state") == "connected", 30, 0.2)


class Stream:
    """A TCP connection out of the guest that has to survive what is done to it, and pings from outside whose gaps tell for how long
    the guest was not there: its own clock stands still with it."""

    PING_EVERY = 0.1

    def __init__(self, lab, guest, seconds, address, options=""):
        self.lab, self.guest, self.seconds = lab, guest, seconds
        lab.outside.iperf_server(5203)
        guest.exec(f"rm -f /tmp/stream*; (iperf3 -J -c {lab.OUR_OUTSIDE} -p 5203 -t {seconds} {options} > /tmp/stream 2>/tmp/stream.err; "
                   "echo $? > /tmp/stream.rc) &")
        self.log = f"{lab.machine.out}/stream-ping.log"
        if os.path.exists(self.log):
            os.unlink(self.log)
        self.ping = lab.outside.start(["ping", "-D", "-n", "-i", self.PING_EVERY, address], "stream-ping.log")
        self.started = time.monotonic()

    def finish(self):
        """Waits for its end. {"stream_mbps", "outage_s"}: the longest time without an answer."""
        left = self.seconds - (time.monotonic() - self.started)
        wait_for("the TCP stream to end", lambda: self.guest.exec("cat /tmp/stream.rc", check=False).rc == 0, max(left, 0) + 60, 1)
        self.lab.outside.stop(self.ping)
        result = json.loads(self.guest.exec("cat /tmp/stream").out)
        if "error" in result:
            raise Fail(f"the TCP stream did not survive: {result['error']}")
        with open(self.log, encoding="ascii") as log:
            times = [float(found) for found in re.findall(r"^\[([\d.]+)\] \d+ bytes from", log.read(), re.MULTILINE)]
        if len(times) < 2:
            raise Fail("the outside host had no answers from the guest")
        return {"stream_mbps": round(result["end"]["sum_received"]["bits_per_second"] / 1e6, 1),
                "outage_s": round(max(after - before for before, after in zip(times, times[1:])), 1)}

    def lost(self):
        """After finish: pings that were never answered."""
        with open(self.log, encoding="ascii") as log:
            counts = re.search(r"(\d+) packets transmitted, (\d+) received", log.read())
        if not counts:
            raise Fail("the outside host's ping gave no statistics")
        return int(counts.group(1)) - int(counts.group(2))
