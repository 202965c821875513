"""Guests: an xl configuration, its life, and commands inside it through its console (see guest/init)."""

from .base import Fail, wait_for

GUEST_DIR = "/usr/lib/netvf-lab/guest"
CONSOLE_LOGS = "/var/log/xen/console"
CREATE_DEADLINE = 60
READY_DEADLINE = 90


class Guest:
    def __init__(self, lab, name, vifs=(), kernel=None, memory=160, vcpus=1, kind=None, extra=""):
        self.lab = lab
        self.name = name
        self.vifs = list(vifs)
        self.kernel = kernel or lab.guest_kernel
        self.memory = memory
        self.vcpus = vcpus
        self.kind = kind or lab.guest_type
        self.extra = extra
        self.domid = None
        self.pty = (None, None)     # of which domain id, and where
        self.log = f"{CONSOLE_LOGS}/guest-{name}.log"

    def config(self):
        vifs = ", ".join(f"'{line}'" for line in self.vifs)
        return (f"name = '{self.name}'\n"
                f"type = '{self.kind}'\n"
                f"kernel = '{GUEST_DIR}/vmlinux-{self.kernel}'\n"
                f"ramdisk = '{GUEST_DIR}/initrd-{self.kernel}.img'\n"
                "cmdline = 'console=hvc0 loglevel=4 net.ifnames=0'\n"
                f"memory = {self.memory}\n"
                f"vcpus = {self.vcpus}\n"
                "on_crash = 'preserve'\n"
                f"vif = [ {vifs} ]\n"
                f"{self.extra}\n")

    # -- life -----------------------------------------------------------------------------------------------------

    def try_create(self, timeout=CREATE_DEADLINE):
        """xl create without a judgement of how it ended."""
        path = f"/root/{self.name}.cfg"
        self.lab.agent.push(self.config(), path)
        return self.lab.dom0(f"rm -f {self.log}; touch {self.log}; xl create {path}", timeout=timeout, check=False)

    def create(self, wait=True):
        rc, out, err = self.try_create()
        if rc != 0:
            raise Fail(f"xl create of guest {self.name} failed: {last_line(err or out)}")
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, boots=1):
        """Until the guest's init has taken over its console, for the boots-th time."""
        if not self.lab.agent.wait_for_lines(self.log, "^@@ready", boots, READY_DEADLINE):
            raise Fail(f"guest {self.name} did not boot within {READY_DEADLINE} s" if self.exists() else f"guest {self.name} ended while it was booting")
        self.domid = self.current_domid()

    def current_domid(self):
        rc, out, _ = self.lab.dom0(f"xl domid {self.name}", check=False)
        return int(out) if rc == 0 else None

    def exists(self):
        return self.current_domid() is not None

    def destroy(self):
        self.lab.dom0(f"xl destroy {self.name}", timeout=60)

    def shutdown(self, timeout=60):
        self.lab.dom0(f"xl shutdown {self.name}", timeout=timeout)
        wait_for(f"guest {self.name} to be gone", lambda: not self.exists(), timeout, 0.5)

    # -- inside -----------------------------------------------------------------------------------------------------

    def exec(self, command, timeout=30, check=True):
        if self.pty[0] != self.domid:
            self.pty = (self.domid, self.lab.dom0(f"xenstore-read /local/domain/{self.domid}/console/tty").out.strip())
        result = self.lab.agent.guest(self.pty[1], self.log, command, timeout)
        if check and result.rc != 0:
            raise Fail(f"in guest {self.name}, '{command}' failed ({result.rc}): {last_line(result.err or result.out)}")
        return result

    def more_drivers(self):
        """VLANs, the packet generator, TAP interfaces and what programs need of Xen: see guest/init."""
        self.exec("more-drivers", timeout=40)

    def configure(self, interface, address, mtu=1500):
        """Bring an interface up with an address, once its netfront has connected. Linux' netfront takes no notice of the vif's MTU."""
        net = f"/sys/class/net/{interface}"
        # A guest with a vif of ours and one of the kernel's on the same wire must answer ARP for each address by the interface
        # that has it: Linux would answer by both, and traffic of the one could come in by the other.
        done = self.exec(f"until_is() {{ i=0; until [ \"$(cat {net}/$1 2>&1)\" $2 ]; do i=$((i + 1)); [ $i -lt 100 ] || exit $3; sleep 0.2; done; }}; "
                         "until_is ifindex '-gt 0' 3; cd /proc/sys/net/ipv4/conf/all && echo 1 > arp_ignore && echo 2 > arp_announce; "
                         f"ip addr add {address} dev {interface}; ip link set {interface} mtu {mtu} up; until_is carrier '= 1' 4", timeout=60, check=False)
        if done.rc:
            missing = {3: f"never got its {interface}", 4: f"has no carrier on {interface} after 20 s"}
            raise Fail(f"guest {self.name} {missing.get(done.rc, f'could not configure {interface}: {last_line(done.err)}')}")

    def console(self, lines=40):
        return self.lab.dom0(f"grep -v '^@@' {self.log} | tail -n {lines}", check=False).out


def last_line(text):
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1] if lines else "(it said nothing)"
