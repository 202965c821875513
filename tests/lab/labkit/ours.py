"""What the scenarios of netvf have in common: vif lines, guests on a VF, and proof that a VF carried the packets."""
import re
import time

from .base import Fail, wait_for
from .guest import last_line

SCRIPT = "vif-netvf"
# With it in a guest's configuration, its vifs' VFs move into the guest's own IOMMU context.
PASSTHROUGH = 'passthrough = "enabled"'
# 82576 VF statistics, offsets in BAR0 (free running, 32 bits).
VF_GPRC, VF_GPTC = 0xF10, 0xF14
VF_BAR = 0x4000
# xl itself takes about a second to start under emulation; what is promised are 3 s on top of its device wait.
REFUSAL_LIMIT = 8
ETHERNET_MTU = 1500


def vif(number, bridge="eth0", mtu=ETHERNET_MTU):
    return f"mac=00:16:3e:00:00:{number:02x},script={SCRIPT},bridge={bridge}{of_mtu(mtu)}"


def kernel_vif(number, mtu=ETHERNET_MTU):
    return f"mac=00:16:3e:00:01:{number:02x},bridge=xenbr0{of_mtu(mtu)}"


def of_mtu(mtu):
    return "" if mtu == ETHERNET_MTU else f",mtu={mtu}"


def address(number):
    return f"10.77.0.{number + 1}"


def guest_on_vf(lab, number=1, name=None, **options):
    """A guest whose eth0 a VF serves, with an address on our subnet."""
    lab.need_netvfd()
    guest = lab.guest(name or f"vf{number}", [vif(number)], **options)
    guest.configure("eth0", f"{address(number)}/24")
    return guest


def serving_vf(lab, guest, devid=0):
    """The VF that xenstore says serves this vif, held against netvf's own view."""
    path = lab.backend_path(guest, devid)
    vf = lab.xs_read(f"{path}/netvf/vf")
    lab.check(vf and re.fullmatch(r"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]", vf), f"{path}/netvf/vf names no VF: {vf}")
    shown = lab.show(guest, devid)
    lab.check(shown["vf"] == vf, f"netvf show says the vif is on {shown['vf']}, xenstore says {vf}")
    rc, driver, _ = lab.dom0(f"basename $(readlink /sys/bus/xen-backend/devices/vif-{guest.domid}-{devid}/driver)", check=False)
    lab.check(rc != 0 or not driver.strip(), f"the kernel's {driver.strip()} has vif {guest.domid}/{devid} as well")
    return vf


def vf_packets(lab, vf):
    """(sent, received) by the VF itself: read from its registers, past everything that netvfd says."""
    return tuple(lab.agent.words(f"/sys/bus/pci/devices/{vf}/resource0", VF_BAR, VF_GPTC, VF_GPRC))


class WireMtu:
    """with WireMtu(lab, mtu): PF, dom0's bridge and the outside have that MTU meanwhile. The PF resets when its MTU changes: whoever has a
    VF by then must have given it back at the end, and there must be none before."""

    def __init__(self, lab, mtu, outside=("tap0",)):
        self.lab, self.mtu, self.outside = lab, mtu, outside

    def set(self, mtu, outside):
        self.lab.dom0(f"ip link set eth0 mtu {mtu} && ip link set xenbr0 mtu {mtu}")
        for device in outside:
            self.lab.outside.run(["ip", "link", "set", device, "mtu", mtu])

    def __enter__(self):
        self.idle = idle_functions(self.lab)
        self.set(self.mtu, self.outside)
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                wait_for("all VFs to be idle again", lambda: idle_functions(self.lab) == self.idle, 15, 0.5)
        finally:
            self.set(ETHERNET_MTU, self.outside[:1])


class ThroughVf:
    """with ThroughVf(lab, guest, sent=100, received=100): the VF's own counters must grow by that much meanwhile."""

    def __init__(self, lab, guest, sent, received, devid=0):
        self.lab, self.sent, self.received = lab, sent, received
        self.vf = serving_vf(lab, guest, devid)

    def __enter__(self):
        self.before = vf_packets(self.lab, self.vf)
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            return
        after = vf_packets(self.lab, self.vf)
        self.grown = tuple((a - b) & 0xFFFFFFFF for a, b in zip(after, self.before))
        for grown, wanted, what in zip(self.grown, (self.sent, self.received), ("sent", "received")):
            self.lab.check(grown >= wanted, f"VF {self.vf} {what} {grown} packets, at least {wanted} had to go through it")


def per_packet(before, after):
    """Costs per packet between two looks at netvf show, in a TCP run one way. All hypercalls count, those of the acknowledgements
    and of the event channels too; the packets are those of the run's own direction, as the wire carries them (a frame that
    the VF segments counts as its segments: QEMU's VF counts it once)."""
    def grown(key):
        return after["counters"][key] - before["counters"][key]
    sent, received = grown("tx_segments"), grown("rx_wire_packets")
    def share(count, packets):
        return round(count / packets, 4) if packets else None
    return {"hypercalls_per_packet_tx": share(grown("hypercalls"), sent),
            "hypercalls_per_packet_rx": share(grown("hypercalls"), received),
            "payload_copies_per_packet": share(grown("payload_copies"), sent + received)}


# -- refusals --------------------------------------------------------------------------------------------------------------


def plain_guest(lab, name="plain", **options):
    """A guest without any vif, to attach bad ones to."""
    lab.need_netvfd()
    return lab.guest(name, [], **options)


def attach(lab, guest, line, check=True):
    return lab.dom0(f"xl network-attach {guest.name} {line.replace(',', ' ')}", timeout=60, check=check)


def detach(lab, guest, devid, check=True):
    return lab.dom0(f"xl network-detach {guest.name} {devid}", timeout=60, check=check)


def expect_refusal(lab, guest, line, words, devid=0):
    """Attaching this vif fails soon, with one sentence that has all the words in it, and leaves nothing half-bound."""
    idle = idle_functions(lab)
    started = time.monotonic()
    rc, out, err = attach(lab, guest, line, check=False)
    seconds = time.monotonic() - started
    path = lab.backend_path(guest, devid)
    sentence = lab.xs_read(f"{path}/netvf/error") or lab.xs_read(f"{path}/hotplug-error") or ""
    lab.check(rc != 0, f"xl network-attach of '{line}' went through")
    lab.check(seconds < REFUSAL_LIMIT, f"the refusal of '{line}' took {seconds:.1f} s")
    expect_sentence(lab, f"{sentence} {err} {out}", words, line)
    lab.check(lab.xs_read(f"{path}/netvf/vf") is None, f"the refused vif has a VF: {lab.xs_read(f'{path}/netvf/vf')}")
    lab.check(idle_functions(lab) == idle, f"{idle} VFs were idle before the refusal, {idle_functions(lab)} are now")
    lab.need_netvfd()
    detach(lab, guest, devid, check=False)
    return {"seconds": round(seconds, 1), "sentence": sentence or last_line(err)}


def expect_sentence(lab, said, words, what):
    missing = [word for word in words if word.lower() not in said.lower()]
    lab.check(not missing, f"'{what}' was refused without a word of {missing}: {last_line(said)}")


def idle_functions(lab):
    return sum(1 for pf in lab.netvf("list")["pfs"] for vf in pf["vfs"] if vf["state"] == "idle")


def fill_functions(lab, guest, leave=0):
    """Attach vifs of ours until only `leave` VFs are idle; returns the devids."""
    count = idle_functions(lab) - leave
    for number in range(count):
        attach(lab, guest, vif(0x20 + number))
    for devid in range(count):
        serving_vf(lab, guest, devid)
    if idle_functions(lab) != leave:
        raise Fail(f"{count} vifs are attached, and {idle_functions(lab)} VFs are idle instead of {leave}")
    return list(range(count))
