"""The emulated machine: QEMU with a Xen host inside, in a network namespace that is the outside host.

Every odd flag is there for a reason; see tests/lab/README.md.
"""
import fcntl
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tarfile
import time

from . import hypervisor, image
from .agent import Agent
from .base import BUILD, CACHE, LAB_DIR, RUNTIME, Busy, Fail, Stalled, run, say

# no-qinval: the IOMMU's TLB is flushed through its registers; through its queue each flush is twice as many traps.
XEN_OPTIONS = ("console=com1 com1=115200,8n1 dom0_mem=1024M,max:1024M loglvl=all guest_loglvl=all conring_size=4M "
               "iommu=verbose,no-qinval dom0-iommu=strict")
DOM0_OPTIONS = "root=/dev/vda rw console=hvc0 loglevel=4 net.ifnames=0"
# What software emulation is better off without. xsave: QEMU's XRSTOR ignores CR0.TS, which mixes up vector registers under Xen's
# lazy switching. The others announce fast string instructions, with which kernels then clear and copy pages a byte at a time.
TCG_WITHOUT = "-xsave,-erms,-fsrm,-fzrm,-fsrs,-fsrc"
PF_MACS = ("52:54:00:11:22:33", "52:54:00:11:22:34")
# Ours and the kernel's vifs have subnets of their own, so that a guest with both cannot mix them up.
OUTSIDE_ADDRESSES = ("10.77.0.1/24", "10.78.0.1/24")
# The cable of the second PF, where a scenario asks for one, is another network.
SECOND_ADDRESSES = ("10.76.0.1/24",)
BOOT_DEADLINE = 60
# A machine that uses no processor time for so many seconds while it boots will not go on.
STALL = 8


class Lock:
    """One lab at a time on a machine: two emulated hosts on a few cores would only fail each other's deadlines."""

    def __init__(self):
        CACHE.mkdir(parents=True, exist_ok=True)
        self.file = open(CACHE / "lab.lock", "a+", encoding="utf-8")

    def acquire(self, what, patience=0):
        deadline = time.monotonic() + patience
        told = False
        while True:
            try:
                fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                self.file.seek(0)
                holder = self.file.read().strip()
                if time.monotonic() > deadline:
                    raise Busy(f"another lab is up ({holder}); 'tests/lab/lab clean' ends one left by 'lab boot'") from None
                if not told:
                    say(f"waiting up to {patience} s for another lab to end ({holder})")
                    told = True
                time.sleep(1)
        self.file.seek(0)
        self.file.truncate()
        self.file.write(f"{what}, process {os.getpid()}\n")
        self.file.flush()
        return self


def pack_overlay(target):
    """The second drive: a tar of the lab's dom0 files and of the project as `make install` lays it out, when it is built."""
    stage = f"{target}.stage"
    shutil.rmtree(stage, ignore_errors=True)
    os.makedirs(f"{stage}/usr/lib/netvf-lab")
    if (BUILD / "Makefile").exists():
        run(["make", "-C", BUILD, "install", f"DESTDIR={stage}"], timeout=300)
        pack_bare_guests(f"{stage}/usr/lib/netvf-lab/tests")
    for name in ("init", "agent"):
        shutil.copy(LAB_DIR / "dom0" / name, f"{stage}/usr/lib/netvf-lab/{name}")
    # dom0 appends this to the guests' initramfs: the kernel unpacks archives that follow each other over one another.
    os.makedirs(f"{stage}/guest-init")
    shutil.copy(LAB_DIR / "guest" / "init", f"{stage}/guest-init/init")
    pack_frontend(stage, f"{stage}/guest-init")
    image.pack_cpio(f"{stage}/guest-init", f"{stage}/usr/lib/netvf-lab/guest-init.cpio")
    shutil.rmtree(f"{stage}/guest-init")
    with tarfile.open(target, "w") as tar:
        for top in sorted(os.listdir(stage)):
            tar.add(f"{stage}/{top}", arcname=top, filter=as_root, recursive=True)
    shutil.rmtree(stage)


def pack_frontend(stage, target):
    """netvf-front as installed below `stage`, with all the libraries that it needs: guests have few. Not linked statically, for
    Debian's libxenstore.a cannot watch: it is built without threads, and takes an event that comes before an answer for the answer."""
    program = f"{stage}/usr/sbin/netvf-front"
    if not os.path.exists(program):
        return
    libraries = os.path.dirname(next(pathlib.Path(f"{stage}/usr/lib").rglob("libnetvf-front.so.0")))
    listed = run(["env", f"LD_LIBRARY_PATH={libraries}", "ldd", program]).stdout
    os.makedirs(f"{target}/bin")
    run(["strip", "-o", f"{target}/bin/netvf-front", program])
    # pthread_cancel(), which ends libxenstore's thread, loads libgcc_s by name.
    wanted = [*re.findall(r"(\S+)(?: => (/\S+))? \(0x", listed), ("libgcc_s.so.1", "/lib/x86_64-linux-gnu/libgcc_s.so.1")]
    for name, path in wanted:
        path = path or name
        if path.startswith("/"):
            place = target + (name if name.startswith("/") else f"/lib/x86_64-linux-gnu/{name}")
            os.makedirs(os.path.dirname(place), exist_ok=True)
            shutil.copy(path, place)


def pack_bare_guests(target):
    """The guests of tests/guest, each by its test's name: kernels for xl. They are no part of the installation."""
    run(["make", "-C", BUILD, "guests"], timeout=300)
    os.makedirs(target)
    for program in sorted((BUILD / "tests" / "guest").glob("*/test")):
        run(["strip", "-o", f"{target}/{program.parent.name}", program])


def as_root(entry):
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry


class Machine:
    """A running lab; everything it owns can be named in a small dict, so that another process can take it up."""

    def __init__(self, name, out, kernel, pfs=1, xen=hypervisor.STOCK):
        self.name = name
        self.out = str(out)
        self.kernel = kernel
        self.pfs = pfs
        self.xen = xen
        self.netns = name
        self.runtime = str(RUNTIME / name)
        self.pid = None
        self.process = None
        self.agent = None

    # -- life -----------------------------------------------------------------------------------------------------

    def start(self, root, lock):
        os.makedirs(self.out, exist_ok=True)
        os.makedirs(self.runtime, exist_ok=True)
        pack_overlay(f"{self.runtime}/overlay.tar")
        self._make_outside()
        with open(f"{self.out}/qemu.log", "w", encoding="utf-8") as log:
            # QEMU inherits the lock: it is held for as long as the machine lives, whoever started it.
            self.process = subprocess.Popen(["ip", "netns", "exec", self.netns, *self._command(root)], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, start_new_session=True, pass_fds=[lock.file.fileno()])
        self.pid = self.process.pid
        self.save()

    def wait_up(self):
        deadline = time.monotonic() + 10
        while not os.path.exists(self._socket("agent")):
            if not self.alive() or time.monotonic() > deadline:
                raise Fail(f"QEMU did not start: {self.read_log('qemu.log')[-500:]}")
            time.sleep(0.05)
        self.connect()
        self.agent.wait_up(BOOT_DEADLINE, self._watch_boot())

    def _watch_boot(self):
        """A check that raises once the machine has ended, or has used no processor time for STALL seconds."""
        last = {"used": -1.0, "since": time.monotonic()}

        def check():
            if not self.alive():
                raise Fail(f"the emulated machine ended while it was booting: {self.read_log('qemu.log')[-300:]}")
            used, now = processor_seconds(self.pid), time.monotonic()
            if used > last["used"] + 0.5:
                last.update(used=used, since=now)
            elif now - last["since"] > STALL:
                raise Stalled("the emulated machine does nothing any more in the middle of its boot")
        return check

    def connect(self):
        self.agent = Agent(self._socket("agent"))

    def alive(self):
        if self.process is not None:
            return self.process.poll() is None
        return self.pid is not None and os.path.exists(f"/proc/{self.pid}") and b"qemu" in read_bytes(f"/proc/{self.pid}/cmdline")

    def stop(self):
        """End QEMU by its pid, then what lived beside it. Safe to call twice."""
        if self.agent:
            self.agent.close()
            self.agent = None
        if self.alive():
            os.kill(self.pid, signal.SIGTERM)
            deadline = time.monotonic() + 5
            while self.alive() and time.monotonic() < deadline:
                time.sleep(0.05)
            if self.alive():
                os.kill(self.pid, signal.SIGKILL)
                while self.alive():
                    time.sleep(0.05)
        self._end_outside()
        shutil.rmtree(self.runtime, ignore_errors=True)

    # -- taking up a lab that another process started ---------------------------------------------------------------

    def save(self):
        with open(f"{self.runtime}/machine.json", "w", encoding="utf-8") as out:
            json.dump({"name": self.name, "out": self.out, "kernel": self.kernel, "pfs": self.pfs, "xen": self.xen, "pid": self.pid}, out)

    @classmethod
    def load(cls, path):
        with open(path, encoding="utf-8") as source:
            known = json.load(source)
        machine = cls(known["name"], known["out"], known["kernel"], known["pfs"], known.get("xen", hypervisor.STOCK))
        machine.pid = known["pid"]
        return machine

    @classmethod
    def all(cls):
        return [cls.load(path) for path in sorted(RUNTIME.glob("*/machine.json"))]

    # -- the outside host ---------------------------------------------------------------------------------------------

    def _make_outside(self):
        run(["ip", "netns", "add", self.netns])
        inside = ["ip", "-n", self.netns]
        run([*inside, "link", "set", "lo", "up"])
        for number, addresses in enumerate((OUTSIDE_ADDRESSES, SECOND_ADDRESSES)[:self.pfs]):
            run([*inside, "tuntap", "add", f"tap{number}", "mode", "tap"])
            for address in addresses:
                run([*inside, "addr", "add", address, "dev", f"tap{number}"])
            run([*inside, "link", "set", f"tap{number}", "up"])

    def _end_outside(self):
        if not os.path.exists(f"/run/netns/{self.netns}"):
            return
        # What still runs in the namespace (iperf3 servers, tcpdump) was started by the lab.
        for pid in run(["ip", "netns", "pids", self.netns], check=False).stdout.split():
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass
        run(["ip", "netns", "del", self.netns], check=False)

    # -- details ------------------------------------------------------------------------------------------------------

    def _socket(self, name):
        return f"{self.runtime}/{name}.sock"

    def console_socket(self):
        return self._socket("console")

    def read_log(self, name):
        return read_bytes(f"{self.out}/{name}").decode(errors="replace")

    def _physical_functions(self):
        options = []
        for number in range(self.pfs):
            options += ["-netdev", f"tap,id=n{number},ifname=tap{number},script=no,downscript=no",
                        "-device", f"pcie-root-port,id=rp{number},chassis={number + 1},slot={number + 1}",
                        "-device", f"igb,bus=rp{number},netdev=n{number},mac={PF_MACS[number]}"]
        return options

    def _command(self, root):
        accel = os.environ.get("NETVF_LAB_ACCEL", "tcg,thread=multi")
        cpu = f"max,phys-bits=36,{TCG_WITHOUT}" if accel.startswith("tcg") else "host,phys-bits=36"
        return ["qemu-system-x86_64", "-name", self.name, "-nodefaults", "-no-reboot", "-display", "none",
                "-machine", "q35", "-accel", accel, "-cpu", cpu, "-smp", "2", "-m", "3072",
                "-chardev", f"socket,id=console,path={self._socket('console')},server=on,wait=off,logfile={self.out}/console.log",
                "-serial", "chardev:console",
                "-drive", f"file={root}/disk.img,if=virtio,format=raw,snapshot=on",
                "-drive", f"file={self.runtime}/overlay.tar,if=virtio,format=raw,readonly=on",
                "-device", "intel-iommu,intremap=off,aw-bits=48",
                *self._physical_functions(),
                "-device", "virtio-serial-pci",
                "-chardev", f"socket,id=agent,path={self._socket('agent')},server=on,wait=off",
                "-device", "virtserialport,chardev=agent,name=netvf.agent",
                "-kernel", hypervisor.elf(root, self.xen), "-append", XEN_OPTIONS,
                "-initrd", f"{root}/vmlinux-{self.kernel} {DOM0_OPTIONS},{root}/dom0-{self.kernel}.img"]


def processor_seconds(pid):
    """User and system time of a process with all its threads."""
    fields = read_bytes(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if fields else 0.0


def read_bytes(path):
    try:
        with open(path, "rb") as source:
            return source.read()
    except OSError:
        return b""
