"""What scenarios of offloads have in common: IPv6 addresses, counters of wrong checksums, and a look at what came out of the guest.

The emulated card may hand a blank checksum on to the outside host's kernel, by the tap's virtio header, with nothing but the
pseudo-header's sum in it. That kernel then takes it for right. So captures are looked at too: each checksum has to be right, or be
exactly that sum, which is what a card would have needed to make it right.
"""
import struct

from .base import Fail, wait_for

OUTSIDE6 = "fd77::1"
OUTSIDE_INTERFACE = "tap0"
TCP, UDP = 6, 17
CHECKSUM_AT = {TCP: 16, UDP: 6}
# The wrong ones as the kernel counts them: /proc/net/snmp for IPv4 and all of TCP, snmp6 for UDP over IPv6.
COUNTED = ("Tcp.InCsumErrors", "Udp.InCsumErrors", "Udp6InCsumErrors")


def address6(number):
    return f"fd77::{number + 1:x}"


def configure_ipv6(lab, guest, number=1, interface="eth0"):
    """An address at each end, and each end's Ethernet address told to the other: whether multicast gets through is another matter."""
    outside_mac = lab.outside.run(["cat", f"/sys/class/net/{OUTSIDE_INTERFACE}/address"]).stdout.strip()
    guest_mac = guest.exec(f"cat /sys/class/net/{interface}/address").out.strip()
    lab.outside.run(["ip", "-6", "addr", "replace", f"{OUTSIDE6}/64", "dev", OUTSIDE_INTERFACE, "nodad"])
    lab.outside.run(["ip", "-6", "neigh", "replace", address6(number), "lladdr", guest_mac, "dev", OUTSIDE_INTERFACE, "nud", "permanent"])
    # No duplicate address detection: it needs multicast, and a card that gives a guest its own back would end it badly.
    guest.exec(f"cd /proc/sys/net/ipv6/conf/{interface} && echo 0 > accept_dad && echo 0 > dad_transmits")
    guest.exec(f"ip -6 addr add {address6(number)}/64 dev {interface}")
    wait_for(f"{address6(number)} of guest {guest.name} to be usable",
             lambda: "tentative" not in guest.exec(f"ip -6 addr show dev {interface}").out, 10, 0.3)
    guest.exec(f"ip -6 neigh add {OUTSIDE6} lladdr {outside_mac} dev {interface} nud permanent", check=False)


def parse_errors(snmp, snmp6):
    """{name: count} of COUNTED out of the two files of /proc/net."""
    rows, found = {}, {}
    for line in snmp.splitlines():
        protocol, _, fields = line.partition(": ")
        if protocol in rows:
            found |= {f"{protocol}.{name}": int(value) for name, value in zip(rows[protocol], fields.split())}
        rows[protocol] = fields.split()
    found |= {name: int(value) for name, value in (line.split() for line in snmp6.splitlines() if line.strip())}
    missing = [name for name in COUNTED if name not in found]
    if missing:
        raise Fail(f"the kernel does not count {missing[0]}")
    return {name: found[name] for name in COUNTED}


class NoErrors:
    """with NoErrors(lab, guest): neither the guest nor the outside host may see a wrong checksum meanwhile."""

    def __init__(self, lab, guest):
        self.lab, self.guest = lab, guest

    def look(self):
        files = "/proc/net/snmp", "/proc/net/snmp6"
        return {"the outside host": parse_errors(*(self.lab.outside.run(["cat", name]).stdout for name in files)),
                "the guest": parse_errors(*(self.guest.exec(f"cat {name}").out for name in files))}

    def __enter__(self):
        self.before = self.look()
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            return
        for end, counts in self.look().items():
            for name, count in counts.items():
                grown = count - self.before[end][name]
                self.lab.check(grown == 0, f"{end} has received {grown} packets with a wrong checksum ({name})")


# -- captures --------------------------------------------------------------------------------------------------------------


def frames(path):
    """The Ethernet frames in a pcap file of tcpdump's."""
    with open(path, "rb") as source:
        data = source.read()
    if len(data) < 24 or struct.unpack_from("<I", data)[0] not in (0xA1B2C3D4, 0xA1B23C4D):
        raise Fail(f"{path} is no capture")
    at = 24
    while at + 16 <= len(data):
        captured, length = struct.unpack_from("<II", data, at + 8)
        if captured == length and at + 16 + length <= len(data):
            yield data[at + 16:at + 16 + length]
        at += 16 + captured


def ones_sum(data):
    """The 16-bit one's complement sum (RFC 1071)."""
    words = struct.unpack(f">{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2))
    total = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def l4(frame):
    """(protocol, addresses, the L4 packet) of a frame, None if it is not whole TCP or UDP over plain IP."""
    kind, ip = frame[12:14], frame[14:]
    if kind == b"\x08\x00" and ip[0] >> 4 == 4 and not int.from_bytes(ip[6:8], "big") & 0x3FFF:
        protocol, addresses, start, end = ip[9], ip[12:20], (ip[0] & 15) * 4, int.from_bytes(ip[2:4], "big")
    elif kind == b"\x86\xdd" and ip[0] >> 4 == 6:
        protocol, addresses, start, end = ip[6], ip[8:40], 40, 40 + int.from_bytes(ip[4:6], "big")
    else:
        return None
    return (protocol, addresses, ip[start:end]) if protocol in CHECKSUM_AT and end <= len(ip) else None


def judge(frame):
    """"right", "blank" (the pseudo-header's sum) or "wrong"; None where there is nothing to judge."""
    found = l4(frame)
    if not found:
        return None
    protocol, addresses, packet = found
    at = CHECKSUM_AT[protocol]
    pseudo = ones_sum(addresses + struct.pack(">II", len(packet), protocol))
    field = int.from_bytes(packet[at:at + 2], "big")
    if protocol == UDP and not field:
        return "right" if len(addresses) == 8 else "wrong"    # there is none, which only IPv4 allows
    if ones_sum(struct.pack(">H", pseudo) + packet) == 0xFFFF:
        return "right"
    # 0 and 0xffff are the same number here.
    return "blank" if field % 0xFFFF == pseudo % 0xFFFF else "wrong"


def check_capture(lab, name, least):
    """Each TCP and UDP checksum in OUT/name.pcap; how many there were of each kind."""
    counts = {"right": 0, "blank": 0, "wrong": 0}
    example = None
    for frame in frames(f"{lab.machine.out}/{name}.pcap"):
        verdict = judge(frame)
        if verdict:
            counts[verdict] += 1
        if verdict == "wrong" and example is None:
            example = frame[:80].hex()
    lab.check(not counts["wrong"], f"{counts['wrong']} frames came out of the guest with a wrong checksum, the first begins {example}")
    seen = counts["right"] + counts["blank"]
    lab.check(seen >= least, f"the capture {name} has only {seen} packets, at least {least} were sent")
    return counts
