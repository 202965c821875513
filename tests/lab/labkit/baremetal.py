"""Guests without an operating system (tests/guest): started like any other, they run one test and say how it ended. What carries
their packets is a "way", which says what the guest needs for it and proves that the packets went there."""
import re
import time

from . import ours
from .base import BUILD, TREE, Fail, wait_for
from .guest import Guest

DIRECTORY = "/usr/lib/netvf-lab/tests"
RESULT = "Test result: "
DEADLINE = 60
# Pages of a DMA window that guests ask for: 200 to receive into, 56 to send from.
WINDOW = 256
GRANT_OPERATIONS = ("map_ops", "unmap_ops", "copy_ops")


class BareGuest(Guest):
    """One test of tests/guest; `parameters` are its own (see the test's head)."""

    def __init__(self, lab, test, vifs, memory=16, name=None, extra="", **parameters):
        super().__init__(lab, name or test.replace("_", "-"), vifs, memory=memory, extra=extra)
        self.test = test
        self.parameters = parameters

    def config(self):
        vifs = ", ".join(f"'{line}'" for line in self.vifs)
        parameters = " ".join(f"{key}={value}" for key, value in self.parameters.items())
        # It stays when it has ended, with its vif's keys: who looks at it destroys it.
        return (f"name = '{self.name}'\ntype = 'pv'\nkernel = '{DIRECTORY}/{self.test}'\nextra = '{parameters}'\n"
                f"memory = {self.memory}\nvcpus = 1\non_poweroff = 'preserve'\non_crash = 'preserve'\nvif = [ {vifs} ]\n{self.extra}\n")

    def wait_ready(self, boots=1):
        self.domid = self.current_domid()

    def said(self):
        return self.lab.dom0(f"tr -d '\\r' < {self.log}", check=False).out

    def wait_said(self, words, deadline=DEADLINE):
        wait_for(f"{self.name} to say '{words}'", lambda: words in self.said() or RESULT in self.said(), deadline, 0.2)

    def at_gate(self, number, deadline=DEADLINE):
        """Once it waits there; False if it has ended instead (tests/guest/lib/vif_window.c)."""
        self.wait_said(f"gate {number}\n", deadline)
        return f"gate {number}\n" in self.said()

    def open_gate(self, number):
        self.lab.xs_write(f"/local/domain/{self.domid}/data/gate", number)

    def result(self, deadline=DEADLINE):
        """(SUCCESS, FAILURE, ..., what it said); only the last line counts."""
        end = time.monotonic() + deadline
        while True:
            said = self.said()
            lines = said.strip().splitlines()
            if lines and lines[-1].startswith(RESULT):
                return lines[-1].removeprefix(RESULT), said
            if time.monotonic() > end:
                raise Fail(f"the test {self.name} did not end within {deadline} s; it said: {tail(said)}")
            time.sleep(0.5)     # a look costs the emulated host more than it costs us

    def expect_success(self, deadline=DEADLINE):
        """Its figures."""
        result, said = self.result(deadline)
        self.lab.check(result == "SUCCESS", f"the test {self.name} says {result}: {tail(said)}")
        return figures(said)


def tail(said):
    return " | ".join(line for line in said.strip().splitlines() if not re.fullmatch(r"\w+=\d+", line))[-400:]


def figures(said):
    """key=value lines; of one that comes more than once, the sum."""
    found = {}
    for key, value in re.findall(r"^(\w+)=(\d+)$", said, re.MULTILINE):
        found[key] = found.get(key, 0) + int(value)
    return found


def need_tests(lab):
    lab.check(lab.dom0(f"ls {DIRECTORY}", check=False).out.split(), f"there are no bare-metal guests in the lab: is there a build in {BUILD.name}/?")


def start_peer(lab, interface="tap0"):
    """The outside's half of the tests; ends with the scenario."""
    log = f"{lab.machine.out}/peer.log"
    open(log, "w", encoding="utf-8").close()
    process = lab.outside.start(["python3", TREE / "tests/guest/peer.py", interface], "peer.log")

    def ready():
        lab.check(process.poll() is None, f"the outside's peer.py has ended: {lab.machine.read_log('peer.log')[-200:]}")
        return "ready" in lab.machine.read_log("peer.log")
    wait_for("the outside's peer.py", ready, 10, 0.05)


# -- the ways that a guest's packets can go, with proof that they went there --------------------------------------------------


def all_vf_packets(lab):
    return {vf["pci"]: ours.vf_packets(lab, vf["pci"]) for pf in lab.netvf("list")["pfs"] for vf in pf["vfs"]}


class ByVf:
    """A VF has them, by its own counters. What the test itself does is between two gates, where netvfd's counters are looked at;
    with a window, that may cost no grant operation."""

    def __init__(self, lab, line="", extra="", translation="host", window=0):
        self.lab, self.extra, self.translation, self.window = lab, extra, translation, window
        self.vif, self.address, self.peer = ours.vif(1) + line, ours.address(1), lab.OUR_OUTSIDE
        self.parameters = {"gates": 1, "window": window}
        self.packets = self.operations = 0

    def begin(self):
        self.before = all_vf_packets(self.lab)

    def started(self, guest):
        self.vf = ours.serving_vf(self.lab, guest)

    def look(self, guest):
        """(packets, grant operations) by netvfd."""
        shown = self.lab.show(guest)
        self.lab.check(shown["translation"] == self.translation, f"the translation is {shown['translation']} instead of {self.translation}")
        pages = shown["window"]["pages"]
        self.lab.check(pages == self.window, f"{pages} pages are in the window instead of {self.window}; the guest says: {tail(guest.said())}")
        counters = shown["counters"]
        return sum(counters[key] for key in ("tx_packets", "rx_packets")), sum(counters[key] for key in GRANT_OPERATIONS)

    def watch(self, guest, during, deadline):
        """From each odd gate to the next one, for every connection that the test makes."""
        gate = 1
        while guest.at_gate(gate, deadline):
            before = self.look(guest)
            guest.open_gate(gate)
            during(guest)
            if not guest.at_gate(gate + 1, deadline):
                return      # it has failed, and says how
            after = self.look(guest)
            guest.open_gate(gate + 1)
            self.packets += after[0] - before[0]
            self.operations += after[1] - before[1]
            gate += 2

    def counted(self):
        after = ours.vf_packets(self.lab, self.vf)
        return f"VF {self.vf}", [(a - b) & 0xFFFFFFFF for a, b in zip(after, self.before[self.vf])]

    def check(self, test, numbers, wanted):
        self.lab.check(self.packets >= wanted, f"{test}: netvfd counts {self.packets} packets instead of {wanted}")
        if self.window:
            told = numbers.get("frames_by_window", 0)
            self.lab.check(told >= wanted, f"{test}: {told} packets went by the window, {wanted} were to")
            self.lab.check(self.operations == 0, f"{test}: {self.operations} grant operations for {self.packets} packets in a window")
        return {"packets_by_netvfd": self.packets, "grant_ops": self.operations}


class ByNetback:
    """The kernel's netback has them, as the bridge's port to the outside counts: netback's own counts go with the connection."""

    def __init__(self, lab, window=0):
        self.lab, self.extra, self.parameters = lab, "", {"window": window}
        self.vif, self.address, self.peer = ours.kernel_vif(1), "10.78.0.2", lab.KERNEL_OUTSIDE

    def packets(self):
        return [int(self.lab.dom0(f"cat /sys/class/net/eth0/statistics/{which}_packets").out) for which in ("tx", "rx")]

    def begin(self):
        self.before = self.packets()

    def started(self, guest):
        self.lab.check(self.lab.xs_read(f"{self.lab.backend_path(guest)}/netvf/state") is None, "netvfd has the kernel's vif")

    def watch(self, guest, during, _):
        during(guest)

    def counted(self):
        return "the PF", [now - was for now, was in zip(self.packets(), self.before)]

    def check(self, test, numbers, _):
        # It keeps no page mapped for anybody: to have asked costs nothing, and is nothing.
        told = numbers.get("frames_by_window", 0)
        self.lab.check(told == 0, f"{test}: {told} packets went by a window of netback's")
        return {}


def run(lab, way, test, sent, received, during=lambda guest: None, deadline=DEADLINE, **parameters):
    """The test's figures. Who carries the packets and the guest must have counted at least so many. `during` is called when the
    guest is at work, or will be."""
    guest = BareGuest(lab, test, [way.vif], extra=way.extra, ip=way.address, peer=way.peer, **way.parameters, **parameters)
    lab.guests.append(guest)
    way.begin()
    guest.create()
    way.started(guest)
    way.watch(guest, during, deadline)
    numbers = guest.expect_success(deadline)
    who, counted = way.counted()
    for what, wanted, grown in zip(("sent", "received"), (sent, received), counted):
        lab.check(grown >= wanted, f"{test}: {who} {what} {grown} packets, at least {wanted} had to go through it")
        told = numbers.get(f"frames_{what}", 0)
        lab.check(told >= wanted, f"{test}: the guest {what} {told} frames, {wanted} were to be")
    numbers |= way.check(test, numbers, sent + received)
    guest.destroy()
    return numbers


# -- what scenarios have in common ---------------------------------------------------------------------------------------------


def grant_operations(runs):
    """A figure, if netvfd has counted."""
    packets = sum(numbers.get("packets_by_netvfd", 0) for numbers in runs)
    return {"grant_ops_per_packet": round(sum(numbers["grant_ops"] for numbers in runs) / packets, 3)} if packets else {}


def by_window(runs):
    """The same for what the guests say."""
    packets = sum(numbers["frames_by_window"] for numbers in runs)
    return {"packets_by_window": packets} if packets else {}


def front_tests(lab, way, streamed=40):
    """The frontend's tests one after the other, each by a way() of its own; `streamed`: frames of the stream into the guest, fewer
    where they are joined."""
    need_tests(lab)
    start_peer(lab)
    echo = run(lab, way(), "front_echo", sent=200, received=200)
    slots = run(lab, way(), "front_slots", sent=40, received=40)
    sizes = run(lab, way(), "front_sizes", sent=1500, received=1500)
    gso = run(lab, way(), "front_gso", sent=12, received=streamed)
    figures = {"echoed": echo["echoed"], "slot_frames": slots["frames"], "sizes": sizes["sizes"], "gso_bytes": gso["gso_bytes_outside"],
               "gso_segments": gso["gso_segments_outside"], "stream_frames": gso["stream_frames"]}
    runs = [echo, slots, sizes, gso]
    return figures | grant_operations(runs) | by_window(runs)


JUMBO = 9000


def jumbo_sizes(lab, step, window=0):
    """Every so-manieth size, with a PF and a vif of that MTU."""
    lab.need_netvfd()
    need_tests(lab)
    with ours.WireMtu(lab, JUMBO):
        start_peer(lab)
        way = ByVf(lab, line=f",mtu={JUMBO}", window=window)
        numbers = run(lab, way, "front_sizes", sent=2000, received=2000, deadline=400, step=step)
        lab.check(numbers["largest"] == JUMBO + 14, f"the largest frame was one of {numbers['largest']} bytes")
    return {"sizes": numbers["sizes"], "largest": numbers["largest"]} | grant_operations([numbers]) | by_window([numbers])
