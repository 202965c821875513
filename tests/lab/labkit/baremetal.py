"""Guests without an operating system (tests/guest): started like any other, they run one test and say how it ended."""
import re
import time

from . import ours
from .base import BUILD, TREE, Fail, wait_for
from .guest import Guest

DIRECTORY = "/usr/lib/netvf-lab/tests"
RESULT = "Test result: "
DEADLINE = 60


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


# -- proof that packets went where they should -----------------------------------------------------------------------------


def all_vf_packets(lab):
    return {vf["pci"]: ours.vf_packets(lab, vf["pci"]) for pf in lab.netvf("list")["pfs"] for vf in pf["vfs"]}


def run_on_vf(lab, test, sent, received, number=1, line="", deadline=DEADLINE, **parameters):
    """The test on a VF, and its figures; VF and guest must have counted at least so many packets."""
    before = all_vf_packets(lab)
    guest = BareGuest(lab, test, [ours.vif(number) + line], ip=ours.address(number), peer=lab.OUR_OUTSIDE, **parameters)
    lab.guests.append(guest)
    guest.create()
    vf = ours.serving_vf(lab, guest)
    numbers = guest.expect_success(deadline)
    after = ours.vf_packets(lab, vf)
    grown = [(a - b) & 0xFFFFFFFF for a, b in zip(after, before[vf])]
    for what, wanted, counted in (("sent", sent, grown[0]), ("received", received, grown[1])):
        lab.check(counted >= wanted, f"{test}: VF {vf} {what} {counted} packets, at least {wanted} had to go through it")
        told = numbers.get(f"frames_{what}", 0)
        lab.check(told >= wanted, f"{test}: the guest {what} {told} frames, {wanted} were to be")
    guest.destroy()
    return numbers


def pf_packets(lab):
    """(sent, received) by the PF's own rings, that is for the bridge: netback's own counts go with the guest's connection."""
    return [int(lab.dom0(f"cat /sys/class/net/eth0/statistics/{which}_packets").out) for which in ("tx", "rx")]


def run_on_netback(lab, test, sent, received, number=1, deadline=DEADLINE, **parameters):
    """The same on the kernel's netback; the bridge's port to the outside must have counted them."""
    before = pf_packets(lab)
    guest = BareGuest(lab, test, [ours.kernel_vif(number)], ip=f"10.78.0.{number + 1}", peer=lab.KERNEL_OUTSIDE, **parameters)
    lab.guests.append(guest)
    guest.create()
    lab.check(lab.xs_read(f"{lab.backend_path(guest)}/netvf/state") is None, "netvfd has the kernel's vif")
    numbers = guest.expect_success(deadline)
    for what, wanted, was, now in zip(("sent", "received"), (sent, received), before, pf_packets(lab)):
        lab.check(now - was >= wanted, f"{test}: the PF {what} {now - was} packets, at least {wanted} had to go through it")
        told = numbers.get(f"frames_{what}", 0)
        lab.check(told >= wanted, f"{test}: the guest {what} {told} frames, {wanted} were to be")
    guest.destroy()
    return numbers


JUMBO = 9000


def set_mtu(lab, mtu):
    lab.dom0(f"ip link set eth0 mtu {mtu}")
    lab.outside.run(["ip", "link", "set", "tap0", "mtu", mtu])


def jumbo_sizes(lab, step):
    """Every so-manieth size, with a PF and a vif of that MTU."""
    lab.need_netvfd()
    need_tests(lab)
    idle = ours.idle_functions(lab)
    set_mtu(lab, JUMBO)
    try:
        start_peer(lab)
        numbers = run_on_vf(lab, "front_sizes", sent=2000, received=2000, line=f",mtu={JUMBO}", deadline=400, step=step)
        lab.check(numbers["largest"] == JUMBO + 14, f"the largest frame was one of {numbers['largest']} bytes")
        # The PF resets when its MTU changes: no VF of it should be at work then.
        wait_for("the VF to be idle again", lambda: ours.idle_functions(lab) == idle, 15, 0.5)
    finally:
        set_mtu(lab, 1500)
    return {"sizes": numbers["sizes"], "largest": numbers["largest"]}
