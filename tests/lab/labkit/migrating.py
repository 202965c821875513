"""Guests that are migrated live, to the one host that there is, on a hypervisor that can log what becomes dirty (XEN = "shadow")."""
import hashlib
import random
import time

from . import moving, ours
from .base import Fail, wait_for
from .guest import CONSOLE_LOGS, last_line

# No ssh: the receiver is a command like any other, and its host is the sender's.
RECEIVE = "xl migrate-receive"
LOG = "/tmp/migrate.log"
SLOW = "/tmp/slow-line.py"
# TCP both ways, of a rate that leaves the emulated processors some time for what is to be shown under it.
STREAM = "--bidir -b 5M"
# A line of so many bytes a second between the two ends. As fast as it goes, the emulated host is done in two seconds.
SLOW_SOURCE = """import os, time
start, passed = time.monotonic(), 0
while True:
    got = os.read(0, 65536)
    if not got:
        break
    passed += len(got)
    ahead = passed / {rate} - (time.monotonic() - start)
    if ahead > 0.05:
        time.sleep(ahead)
    while got:
        got = got[os.write(1, got):]
"""


def command(guest, receive=RECEIVE):
    return f"xl migrate -s '' {guest.name} '{receive}'"


def arrived(lab, guest):
    # The domain is named so while it is received, and xenconsoled names its log when it meets it.
    guest.log = f"{CONSOLE_LOGS}/guest-{guest.name}--incoming.log"
    moving.arrived(lab, guest)


def migrate(lab, guest):
    """Live, to the same host; returns the seconds that xl took."""
    started = time.monotonic()
    rc, out, err = lab.dom0(command(guest), timeout=moving.MOVE_DEADLINE, check=False)
    seconds = time.monotonic() - started
    if rc != 0:
        raise Fail(f"xl migrate of guest {guest.name} failed: {last_line(err or out)}")
    arrived(lab, guest)
    return round(seconds, 1)


class Slowly:
    """A migration over a slow line that goes on beside the scenario, which begins when the memory is on its way."""

    def __init__(self, lab, guest, rate):
        self.lab, self.guest, self.started = lab, guest, time.monotonic()
        lab.agent.push(SLOW_SOURCE.format(rate=rate), SLOW)
        lab.dom0(f"rm -f {LOG}")
        self.id = lab.agent.spawn(command(guest, f"python3 {SLOW} | {RECEIVE}"), LOG)
        # The receiver says this when the first records have come, which the sender sends after it has begun to log.
        wait_for("the memory to be on its way", lambda: self.said("Restoring domain") or self.ended(), 30, 0.1)
        self.under_way()

    def said(self, words):
        return self.lab.dom0(f"grep -q '{words}' {LOG}", check=False).rc == 0

    def ended(self):
        return self.lab.agent.status(self.id)["rc"] is not None

    def under_way(self):
        self.lab.check(not self.ended() and not self.said("Target has acknowledged"), f"the migration is over too soon: {self.log()}")

    def log(self):
        return last_line(self.lab.dom0(f"cat {LOG}", check=False).out)

    def finish(self):
        wait_for("xl migrate to end", self.ended, moving.MOVE_DEADLINE, 0.2)
        seconds = time.monotonic() - self.started
        self.lab.check(self.lab.agent.status(self.id)["rc"] == 0, f"xl migrate of guest {self.guest.name} failed: {self.log()}")
        arrived(self.lab, self.guest)
        return round(seconds, 1)


class Unread:
    """Bytes that arrive in a guest while it is copied, and which it looks at only afterwards: until then they lie in the pages that the
    VF has written, which no processor has touched. A page that was copied before and is not logged would still have its old bytes."""

    PORT, PIECE, EVERY, PIECES = 7000, 16384, 0.1, 30
    SENDER = ("import random, socket, sys, time\n"
              "to = socket.create_connection((sys.argv[1], {port}), 10)\n"
              "source = random.Random({port})\n"
              "for piece in range({pieces}):\n"
              "    to.sendall(source.randbytes({piece}))\n"
              "    time.sleep({every})\n"
              "to.shutdown(socket.SHUT_WR)\n"
              "to.settimeout(120)\n"
              "to.recv(1)\n")

    def __init__(self, lab, guest, address):
        self.lab, self.guest = lab, guest
        # Room in the socket for all of it: the guest's own default is 64 KiB, until a program reads.
        guest.exec("echo '4096 4194304 4194304' > /proc/sys/net/ipv4/tcp_rmem; rm -f /tmp/unread*; "
                   f"(nc -l -p {self.PORT} | (until [ -e /tmp/unread.go ]; do sleep 0.2; done; sha256sum > /tmp/unread.sum)) &")
        wait_for("the guest to listen", lambda: guest.exec(f"netstat -ltn | grep -q :{self.PORT}", check=False).rc == 0, 10, 0.2)
        script = self.SENDER.format(port=self.PORT, pieces=self.PIECES, piece=self.PIECE, every=self.EVERY)
        self.sender = lab.outside.start(["python3", "-c", script, address], "unread.log")

    def check(self):
        """The guest reads: what was sent is what it has."""
        self.guest.exec("touch /tmp/unread.go")
        got = wait_for("the guest to have read it", lambda: self.guest.exec("cat /tmp/unread.sum", check=False).out.split(), 60, 0.5)
        self.lab.outside.stop(self.sender)
        source = random.Random(self.PORT)
        sent = hashlib.sha256(b"".join(source.randbytes(self.PIECE) for _ in range(self.PIECES))).hexdigest()
        self.lab.check(got[0] == sent, "what the guest received while it was copied is not what it has after that")
        return round(self.PIECE * self.PIECES / 1024)


def works_on_a_vf(lab, guest, idle):
    """After a migration, whatever came of it: as many VFs idle as before, and one of the others carries the guest's packets."""
    lab.check(ours.idle_functions(lab) == idle, f"{ours.idle_functions(lab)} VFs are idle after the migration, {idle} were before")
    with ours.ThroughVf(lab, guest, sent=20, received=20) as through:
        ping = lab.ping(guest, lab.OUR_OUTSIDE, 20)
    lab.check(ping["loss_percent"] == 0, f"{ping['loss_percent']} % of the pings after the migration were lost")
    return through.vf
