"""What a scenario holds in its hand: one booted Xen host, its guests, the outside, and the words to judge by."""
import json
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor

from .base import BUILD, OUT, Fail, Stalled, say, wait_for
from .guest import Guest, last_line
from .machine import Lock, Machine, pack_overlay
from .outside import STOCK_TCP, Outside, mbps, parse_iperf
from . import hypervisor, image, teardown

OUR_OUTSIDE = "10.77.0.1"
KERNEL_OUTSIDE = "10.78.0.1"
BOOT_ATTEMPTS = 6
NETVFD = "/usr/sbin/netvfd"
NETVFD_LOG = "/var/log/netvfd.log"


class Lab:
    Fail = Fail
    OUR_OUTSIDE = OUR_OUTSIDE
    KERNEL_OUTSIDE = KERNEL_OUTSIDE

    def __init__(self, machine, guest_type="pv"):
        self.machine = machine
        self.agent = machine.agent
        self.outside = Outside(machine)
        self.guest_type = guest_type
        self.guest_kernel = image.KERNELS[0]
        self.guests = []
        self.netvfd_pid = None
        self.installed = None   # whether there is a netvfd at all, once that is known
        self.xen_said = ""      # everything Xen logged since the scenario began
        self.xen_boot_log = ""

    # -- the host -----------------------------------------------------------------------------------------------------

    @classmethod
    def boot(cls, kernel, name, what, patience=0, detach=False, pfs=1, xen=hypervisor.STOCK):
        """Boot a fresh host; the caller owns it and must call close(), unless it is left up on purpose."""
        root = image.ensure()
        hypervisor.elf(root, xen)       # built before the lock is taken: others need not wait for it
        lock = Lock().acquire(what, patience)
        for attempt in range(BOOT_ATTEMPTS):
            machine = Machine(f"nvl{os.getpid()}{'b' if detach else ''}", OUT / name, kernel, pfs, xen)
            try:
                machine.start(root, lock)
                machine.wait_up()
                lab = cls(machine)
                lab.check_xen()
                lab.start_netvfd()
                return lab
            except Stalled as stall:
                machine.stop()
                if attempt == BOOT_ATTEMPTS - 1:
                    raise
                say(f"     ({stall}; booting again)")
            except BaseException:
                machine.stop()
                raise
        raise AssertionError("not reached")

    def close(self):
        self.outside.stop_all()
        self.machine.stop()

    def check_xen(self):
        """Once per boot: a scenario must never pass on something that is not Xen."""
        rc, out, err = self.dom0("xl info", check=False)
        if rc != 0 or "xen_version" not in out:
            raise Fail(f"there is no Xen underneath: xl info says {last_line(err or out)}")
        self.xen_boot_log = self.dom0("xl dmesg -c", timeout=60).out

    # -- dom0 -----------------------------------------------------------------------------------------------------------

    def dom0(self, command, timeout=30, check=True):
        result = self.agent.exec(command, timeout)
        if check and result.rc != 0:
            raise Fail(f"in dom0, '{command}' failed ({result.rc}): {last_line(result.err or result.out)}")
        return result

    def xs_read(self, path):
        """A xenstore key's value, None when there is none."""
        rc, out, _ = self.dom0(f"xenstore-read {path}", check=False)
        return out.rstrip("\n") if rc == 0 else None

    def xs_write(self, path, value):
        self.dom0(f"xenstore-write {path} '{value}'")

    def xs_list(self, path):
        return self.dom0(f"xenstore-list {path}", check=False).out.split()

    def backend_path(self, guest, devid=0):
        return f"/local/domain/0/backend/vif/{guest.domid}/{devid}"

    def begin(self):
        """A scenario starts: what Xen says from here on is its own."""
        self.guests.clear()
        self.dom0("xl dmesg -c", timeout=60)
        self.xen_said = ""

    def xen_log(self):
        """What Xen logged since the scenario began."""
        self.xen_said += self.dom0("xl dmesg -c", timeout=60).out
        return self.xen_said

    # -- netvfd -----------------------------------------------------------------------------------------------------------

    def has_netvfd(self):
        if self.installed is None:
            self.installed = self.dom0(f"test -x {NETVFD}", check=False).rc == 0
        return self.installed

    def need_netvfd(self):
        if not self.has_netvfd():
            raise Fail(f"netvfd is not in the lab: build the tree first (no {NETVFD} from make install in {BUILD.name}/)")
        if not self.netvfd_alive():
            raise Fail(f"netvfd is not running; its last words: {last_line(self.netvfd_log())}")

    def start_netvfd(self, options=""):
        """Start the daemon in the foreground, as a unit would; nothing happens while the tree has no netvfd yet."""
        if not self.has_netvfd():
            return
        self.netvfd_pid = self.agent.spawn(f"{NETVFD} {options}", NETVFD_LOG)
        # Ready means that it has taken the xen-backend bus into its hands (design.md 7), or that it has ended.
        autoprobe = "/sys/bus/xen-backend/drivers_autoprobe"
        wait_for("netvfd to take over the xen-backend bus",
                 lambda: not self.netvfd_alive() or self.dom0(f"cat {autoprobe}").out.strip() == "0", 15, 0.2)

    def netvfd_alive(self):
        if self.netvfd_pid is None:
            pids = self.dom0("pidof netvfd", check=False).out.split()
            self.netvfd_pid = int(pids[0]) if pids else None
        if self.netvfd_pid is None:
            return False
        # The agent's own child it knows of, without a process to ask.
        status = self.agent.status(self.netvfd_pid)
        return status["rc"] is None if status["known"] else self.dom0(f"kill -0 {self.netvfd_pid}", check=False).rc == 0

    def stop_netvfd(self, signal="TERM", timeout=15):
        """End the daemon; returns its exit code (negative: ended by that signal), None when it was not ours to wait for."""
        pid = self.netvfd_pid
        if not self.netvfd_alive():
            raise Fail("netvfd is not running")
        self.dom0(f"kill -{signal} {pid}")
        wait_for("netvfd to end", lambda: not self.netvfd_alive(), timeout, 0.1)
        self.netvfd_pid = None
        return self.agent.status(pid)["rc"]

    def netvfd_log(self, lines=60):
        return self.dom0(f"tail -n {lines} {NETVFD_LOG}", check=False).out

    def netvf(self, arguments):
        """netvf's JSON answer."""
        rc, out, err = self.dom0(f"netvf {arguments} --json", check=False)
        if rc != 0:
            raise Fail(f"netvf {arguments} failed ({rc}): {last_line(err or out)}")
        try:
            return json.loads(out)
        except ValueError as bad:
            raise Fail(f"netvf {arguments} --json is no JSON: {out[:200]}") from bad

    def show(self, guest, devid=0):
        """netvf show of one vif."""
        vifs = self.netvf(f"show {guest.domid}/{devid}")["vifs"]
        if len(vifs) != 1:
            raise Fail(f"netvf show {guest.domid}/{devid} gave {len(vifs)} vifs")
        return vifs[0]

    # -- guests and judgements --------------------------------------------------------------------------------------------

    def guest(self, name, vifs=(), create=True, **options):
        guest = Guest(self, name, vifs, **options)
        self.guests.append(guest)
        return guest.create() if create else guest

    @staticmethod
    def check(condition, sentence):
        if not condition:
            raise Fail(sentence)

    def expect_leak_free(self):
        """The check at every scenario's end; raises Fail with what was left behind. See teardown.py."""
        teardown.expect_leak_free(self)

    # -- measurements -------------------------------------------------------------------------------------------------------

    def ping(self, guest, target, count=100, interval=0.05, size=56):
        """From a guest; {"loss_percent", "avg_us", "max_us", "received"}. busybox ping prints no deviation."""
        out = guest.exec(f"ping -c {count} -i {interval} -s {size} {target}", timeout=count * interval + 30, check=False).out
        return parse_ping(out)

    def first_ping(self, guest, target, patience, when="again"):
        """Seconds until one is answered. One ping alone would wait for ten seconds if it was lost, and tell of an outage of that length."""
        started = time.monotonic()
        answer = guest.exec(f"ping -i 0.1 -w {patience} {target} | grep -m 1 'bytes from'", timeout=patience + 15, check=False).out
        if not answer:
            raise Fail(f"waited {patience} s in vain for a ping to pass {when}")
        return round(time.monotonic() - started, 1)

    def tcp_from_guest(self, guest, target, seconds=3, port=5201, options=""):
        """iperf3 out of the guest, Mbit/s as received outside (or in another guest that serves)."""
        if target in (OUR_OUTSIDE, KERNEL_OUTSIDE):
            self.outside.iperf_server(port)
        done = guest.exec(f"iperf3 -J -c {target} -p {port} -t {seconds} {' '.join(STOCK_TCP)} {options}", timeout=seconds + 40, check=False)
        return mbps(parse_iperf(done.out, done.err))

    def tcp_to_guest(self, guest, target, seconds=3, port=5201):
        """iperf3 into the guest, as the same connection reversed: the guest needs no server of its own."""
        return self.tcp_from_guest(guest, target, seconds, port, "-R")

    def tcp_at_once(self, *transfers):
        """tcp_from_guest() with each of these tuples of arguments, all at the same time; the list of what they have found."""
        with ThreadPoolExecutor(len(transfers)) as pool:
            return list(pool.map(lambda arguments: self.tcp_from_guest(*arguments), transfers))

    # -- installing a newer build into a running lab --------------------------------------------------------------------------

    def reload(self):
        """Put the current build into a running lab and restart netvfd."""
        target = f"{self.machine.runtime}/reload.tar"
        pack_overlay(target)
        with open(target, "rb") as packed:
            self.agent.push(packed.read(), "/tmp/reload.tar")
        os.unlink(target)
        if self.netvfd_alive():
            self.stop_netvfd()
        self.installed = None
        # The agent that does this is itself in the archive: tar unlinks what is there first, which leaves the running one alone.
        self.dom0("tar -xf /tmp/reload.tar -C / && rm /tmp/reload.tar && ldconfig", timeout=60)
        self.start_netvfd()


def parse_ping(out):
    counts = re.search(r"(\d+) packets transmitted, (\d+) packets received", out)
    if not counts:
        raise Fail(f"ping gave no statistics: {out.strip()[-200:]}")
    sent, received = int(counts.group(1)), int(counts.group(2))
    times = re.search(r"= ([\d.]+)/([\d.]+)/([\d.]+)", out)
    return {"loss_percent": round(100 * (sent - received) / sent, 1) if sent else 100.0, "received": received,
            "avg_us": round(float(times.group(2)) * 1000) if times else None,
            "max_us": round(float(times.group(3)) * 1000) if times else None}
