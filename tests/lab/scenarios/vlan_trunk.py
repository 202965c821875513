"""bridge=PF:10:20 is a trunk: a stock guest's own tags of VLANs 10 and 20 pass both ways, beside untagged frames, and no others; also after a PF's reset and another netvfd."""
import time

from labkit import ours, vlans
from labkit.base import wait_for
from labkit.trunk import FOREIGN, VLANS, broadcasts, inside_address, outside_address, outside_vlans, trunk_guest


MANY = 8
SECONDS = 3


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
        wait_for(f"a ping in VLAN {VLANS[0]} after {what}", lambda guest=guest: lab.ping(guest, outside_address(VLANS[0]), 1, 0.2)["received"] == 1, 30, 0.2)
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


def run(lab):
    lab.need_netvfd()
    outside_vlans(lab)
    lab.outside.iperf_server()
    guests = [trunk_guest(lab, 1), trunk_guest(lab, 2, extra=ours.PASSTHROUGH)]
    translations = [lab.show(guest)["translation"] for guest in guests]
    lab.check(translations == ["host", "iommu"], f"the guests' translations are {translations}")
    lab.check(lab.show(guests[0])["trunk"] == list(VLANS), f"netvf show lists {lab.show(guests[0])['trunk']}")
    shown = lab.dom0(f"netvf show {guests[0].domid}/0").out
    lab.check("10, 20, by its guest's own tags" in shown, f"netvf show says nothing of the VLANs: {shown[:300]}")
    figures = {}
    for number, guest in enumerate(guests, 1):
        pings(lab, guest)
        on_cable(lab, guest, number)
        broadcasts(lab, guest)
        figures |= {f"{translations[number - 1]} {name}": value for name, value in tcp(lab, guest).items()}
        figures[f"{translations[number - 1]} spoofed"] = foreign(lab, guest, number)
    between(lab, guests[0], 2)
    started = time.monotonic()
    survives(lab, guests)
    figures["survives_s"] = round(time.monotonic() - started)
    for guest in guests:
        guest.destroy()
    plain = ours.plain_guest(lab)
    ours.expect_refusal(lab, plain, ours.vif(0x30, "eth0.7:10"), ["VLAN 7", "only one of the two"])
    ours.expect_refusal(lab, plain, ours.vif(0x30, "eth0:10:10"), ["10", "at most 8"])
    figures["refused"] = filters(lab, plain)
    return figures
