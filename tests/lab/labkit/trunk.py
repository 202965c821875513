"""Guests on a trunk, and the outside host in their VLANs and in one more."""
import re

from . import ours
from .base import LAB_DIR, wait_for

VLANS, FOREIGN = (10, 20), 30


def outside_address(vid):
    return f"10.90.{vid}.1"


def inside_address(number, vid):
    return f"10.90.{vid}.{number + 1}"


def outside_vlans(lab):
    """The outside host is in all of the VLANs, also in the one that the guests are not in."""
    log = f"{lab.machine.out}/vlans.log"
    words = [f"{vid}={outside_address(vid)}/24" for vid in (*VLANS, FOREIGN)]
    process = lab.outside.start(["python3", LAB_DIR / "labkit" / "vlans.py", "tap0", *words], "vlans.log")
    wait_for("the outside's VLANs", lambda: process.poll() is not None or "ready" in open(log, encoding="utf-8").read(), 10)
    lab.check(process.poll() is None, "the outside's VLANs ended at once: see vlans.log")


def add_vlan(guest, number, vid):
    guest.exec(f"ip link add link eth0 name eth0.{vid} type vlan id {vid} && ip addr add {inside_address(number, vid)}/24 dev eth0.{vid} && "
               f"ip link set eth0.{vid} up")


def trunk_guest(lab, number, mtu=1500, **options):
    line = ours.vif(number, f"eth0:{':'.join(map(str, VLANS))}")
    guest = lab.guest(f"trunk{number}", [line if mtu == 1500 else f"{line},mtu={mtu}"], **options)
    guest.configure("eth0", f"{ours.address(number)}/24")
    guest.exec(f"ip link set eth0 mtu {mtu}")
    for vid in (*VLANS, FOREIGN):
        add_vlan(guest, number, vid)
    return guest


def broadcasts(lab, guest, size=1400):
    """A card takes the tags off these whatever is said of the VF's own; the guest answers with what it got."""
    guest.exec("echo 0 > /proc/sys/net/ipv4/icmp_echo_ignore_broadcasts")
    for vid in VLANS:
        before = lab.show(guest)["counters"]["rx_dropped"]
        done = lab.outside.run(["ping", "-b", "-c", "20", "-i", "0.05", "-s", size, "-W", "2", f"10.90.{vid}.255"], check=False)
        received = int(re.search(r"(\d+) received", done.stdout).group(1))
        lab.check(received >= 19, f"{20 - received} of 20 pings to VLAN {vid}'s broadcast address were not answered")
        dropped = lab.show(guest)["counters"]["rx_dropped"] - before
        lab.check(dropped == 0, f"{dropped} frames were dropped on their way in")
    guest.exec("echo 1 > /proc/sys/net/ipv4/icmp_echo_ignore_broadcasts")
