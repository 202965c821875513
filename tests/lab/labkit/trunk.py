"""Guests on a trunk, and the outside host in their VLANs and in one more."""
import re
import time

from . import ours, vlans
from .base import LAB_DIR, wait_for

VLANS, FOREIGN = (10, 20), 30
MANY = 8
SECONDS = 3


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
    guest = lab.guest(f"trunk{number}", [ours.vif(number, f"eth0:{':'.join(map(str, VLANS))}", mtu)], **options)
    guest.configure("eth0", f"{ours.address(number)}/24", mtu)
    guest.more_drivers()
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


def networks(lab):
    return {"untagged": lab.OUR_OUTSIDE} | {f"vlan {vid}": outside_address(vid) for vid in VLANS}


def pings(lab, guest, count=10):
    """Each network, both ways through the VF."""
    for name, target in networks(lab).items():
        with ours.ThroughVf(lab, guest, sent=count, received=count):
            received = lab.ping(guest, target, count)["received"]
        lab.check(received >= count - 1, f"{count - received} of {count} pings were lost: {name}")


def on_cable(lab, guest, number):
    """What the cable carries of each network is in its VLAN and in no other."""
    mac = f"00:16:3e:00:00:{number:02x}"
    for vid in VLANS:
        cable = lab.outside.capture(f"vlan{vid}", f"ether host {mac}")
        lab.ping(guest, outside_address(vid), 5)
        lab.outside.stop(cable)
        tagged = len(lab.outside.packets(f"vlan{vid}", f"vlan {vid} and icmp"))
        lab.check(tagged >= 10, f"{tagged} tagged frames of 5 pings and their answers in VLAN {vid} were seen on the cable")
        strays = lab.outside.packets(f"vlan{vid}", f"icmp and net 10.90.{vid}.0/24")
        lab.check(not strays, f"frames of VLAN {vid} were on the cable without a tag: {strays[:1]}")


def tcp(lab, guest):
    figures = {}
    for name, target in networks(lab).items():
        with ours.ThroughVf(lab, guest, sent=500, received=500):
            figures[f"{name} tx"] = lab.tcp_from_guest(guest, target, SECONDS)
            before = lab.show(guest)
            figures[f"{name} rx"] = lab.tcp_to_guest(guest, target, SECONDS)
            figures[f"{name} hypercalls rx"] = ours.per_packet(before, lab.show(guest))["hypercalls_per_packet_rx"]
        lab.check(min(figures[f"{name} tx"], figures[f"{name} rx"]) > 1, f"TCP hardly moves: {figures}")
    return figures


def foreign(lab, guest, number):
    """VLAN 30: what the guest tags so does not leave, and what comes so does not arrive; by groups, and by the guest's own address."""
    mac = f"00:16:3e:00:00:{number:02x}"
    before = lab.show(guest)["counters"]["tx_spoofed"]
    cable = lab.outside.capture("foreign", f"ether src {mac}")
    guest.exec(f"ping -c 3 {outside_address(FOREIGN)}", timeout=30, check=False)
    lab.outside.run(["ip", "neigh", "replace", inside_address(number, FOREIGN), "lladdr", mac, "dev", vlans.device(FOREIGN)])
    lab.outside.run(["ping", "-c", "5", "-i", "0.2", "-W", "1", inside_address(number, FOREIGN)], check=False)
    lab.outside.run(["ping", "-b", "-c", "3", "-i", "0.2", "-W", "1", f"10.90.{FOREIGN}.255"], check=False)
    lab.outside.stop(cable)
    seen = lab.outside.packets("foreign", f"vlan {FOREIGN}")
    lab.check(not seen, f"VLAN {FOREIGN} is not the guest's, and it sent there: {seen[:1]}")
    spoofed = lab.show(guest)["counters"]["tx_spoofed"] - before
    lab.check(spoofed >= 3, f"{spoofed} frames for VLAN {FOREIGN} were counted as spoofed")
    received = int(guest.exec(f"cat /sys/class/net/eth0.{FOREIGN}/statistics/rx_packets").out)
    lab.check(received == 0, f"{received} frames of VLAN {FOREIGN} arrived")
    return spoofed


def between(lab, guest, other):
    """Two guests on one card, in a VLAN: by the card's own switch."""
    with ours.ThroughVf(lab, guest, sent=10, received=10):
        received = lab.ping(guest, inside_address(other, VLANS[0]), 10)["received"]
    lab.check(received >= 9, f"{10 - received} of 10 pings between two guests in VLAN {VLANS[0]} were lost")


def again(lab, guests, what):
    for guest in guests:
        lab.first_ping(guest, outside_address(VLANS[0]), 30, f"in VLAN {VLANS[0]} after {what}")
        pings(lab, guest, 5)


def survives(lab, guests):
    lab.dom0("ip link set eth0 down; ip link set eth0 up")
    again(lab, guests, "a reset of the PF")
    for signal in ("KILL", "TERM"):
        lab.stop_netvfd(signal)
        lab.start_netvfd()
        again(lab, guests, f"netvfd was ended by SIG{signal}")
    lab.dom0(f"netvf set {guests[1].domid}/0 translation=host")
    again(lab, guests[1:], "a switch to translation host")


def list_of(first, count=MANY):
    return "eth0:" + ":".join(str(first + i) for i in range(count))


def filters(lab, guest):
    """The PF has 32 filters, one of which is VLAN 0's: what is beyond is refused in a sentence, and one that is given back is free."""
    idle = ours.idle_functions(lab)
    for devid in range(3):
        ours.attach(lab, guest, ours.vif(0x30 + devid, list_of(100 + devid * MANY)))
    refused = ours.expect_refusal(lab, guest, ours.vif(0x33, list_of(200)), ["VLAN", "32 filters"], devid=3)["sentence"]
    ours.detach(lab, guest, 0)
    wait_for("the first vif to be gone", lambda: lab.xs_read(f"{lab.backend_path(guest)}/state") is None, 15, 0.3)
    ours.attach(lab, guest, ours.vif(0x33, list_of(200)))
    lab.check(ours.idle_functions(lab) == idle - 3, "the vif that was refused has no VF, though another has given its VLANs back")
    return refused


def start_guests(lab, translations):
    """One guest for each, numbered from 1 on."""
    lab.need_netvfd()
    outside_vlans(lab)
    lab.outside.iperf_server()
    guests = [trunk_guest(lab, number, extra=ours.PASSTHROUGH if way == "iommu" else "") for number, way in enumerate(translations, 1)]
    found = tuple(lab.show(guest)["translation"] for guest in guests)
    lab.check(found == translations, f"the guests' translations are {found}")
    return guests


def carries(lab, guest, number):
    """All that a trunk lets pass, and nothing that it does not."""
    translation = lab.show(guest)["translation"]
    lab.check(lab.show(guest)["trunk"] == list(VLANS), f"netvf show lists {lab.show(guest)['trunk']}")
    pings(lab, guest)
    on_cable(lab, guest, number)
    broadcasts(lab, guest)
    figures = {f"{translation} {name}": value for name, value in tcp(lab, guest).items()}
    return figures | {f"{translation} spoofed": foreign(lab, guest, number)}


def refusals(lab, guest):
    ours.expect_refusal(lab, guest, ours.vif(0x30, "eth0.7:10"), ["VLAN 7", "only one of the two"], devid=1)
    ours.expect_refusal(lab, guest, ours.vif(0x30, "eth0:10:10"), ["10", "at most 8"], devid=1)


def outlives(lab, guests):
    started = time.monotonic()
    survives(lab, guests)
    return round(time.monotonic() - started)
