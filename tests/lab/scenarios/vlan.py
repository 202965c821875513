"""bridge=PF.VLAN is a port VLAN (as vlan= is, which xl knows from Xen 4.20 on): the guest's frames are tagged on the cable, it hears that VLAN alone, and tags of its own stop in dom0."""
from labkit import ours
from labkit.base import LAB_DIR, wait_for


VLAN, FOREIGN = 7, 9
INSIDE, PEER = "10.79.0.2", "10.79.0.1"


def peer(lab):
    """A host outside that is in the VLAN and in nothing else."""
    log = f"{lab.machine.out}/tagged.log"
    process = lab.outside.start(["python3", LAB_DIR / "labkit" / "tagged.py", "tap0", VLAN, PEER], "tagged.log")
    wait_for("the tagged host to begin", lambda: process.poll() is not None or "ready" in open(log, encoding="utf-8").read(), 10)
    lab.check(process.poll() is None, "the tagged host outside ended at once: see tagged.log")
    return process


def foreign_tags(lab, guest):
    """The guest tags frames itself: none of them leaves, each of them counts."""
    before = lab.show(guest)["counters"]["tx_spoofed"]
    cable = lab.outside.capture("foreign-tags")
    guest.more_drivers()
    guest.exec(f"ip link add link eth0 name eth0.{FOREIGN} type vlan id {FOREIGN} && ip link set eth0.{FOREIGN} up && "
               f"ip addr add 10.80.0.2/24 dev eth0.{FOREIGN}")
    # With no ARP answer to come these are ARP requests, one a second.
    guest.exec("ping -c 4 10.80.0.1", timeout=30, check=False)
    lab.outside.stop(cable)
    seen = lab.outside.packets("foreign-tags", f"vlan {FOREIGN}")
    lab.check(not seen, f"a tag of the guest's own was seen on the cable: {seen[:1]}")
    spoofed = lab.show(guest)["counters"]["tx_spoofed"] - before
    lab.check(spoofed >= 2, f"{spoofed} tagged frames were counted as spoofed")
    return spoofed


def run(lab):
    lab.need_netvfd()
    idle = ours.idle_functions(lab)
    outside = peer(lab)
    guest = lab.guest("vlan", [ours.vif(1, f"eth0.{VLAN}")])
    guest.configure("eth0", f"{INSIDE}/24")
    cable = lab.outside.capture("vlan", "ether src 00:16:3e:00:00:01")
    with ours.ThroughVf(lab, guest, sent=20, received=20):
        ping = lab.ping(guest, PEER, 20)
    lab.outside.stop(cable)
    lab.check(ping["received"] >= 19, f"{20 - ping['received']} of 20 pings within the VLAN were lost")
    frames, tagged = len(lab.outside.packets("vlan")), len(lab.outside.packets("vlan", f"vlan {VLAN}"))
    lab.check(tagged >= 20 and tagged == frames, f"of the guest's {frames} frames on the cable {tagged} were in VLAN {VLAN}")
    # The untagged network is not the guest's.
    guest.exec(f"ip addr add {ours.address(1)}/24 dev eth0")
    lab.check(lab.ping(guest, lab.OUR_OUTSIDE, 3, 1)["received"] == 0, "the guest reaches a host outside its VLAN")
    spoofed = foreign_tags(lab, guest)
    lab.outside.stop(outside)
    # The VF's next user is in no VLAN.
    guest.destroy()
    wait_for("the VF to be idle again", lambda: ours.idle_functions(lab) == idle, 15, 0.5)
    other = ours.guest_on_vf(lab, 2)
    lab.check(lab.ping(other, lab.OUR_OUTSIDE, 10)["received"] >= 9, "the VF's next guest has no network: is the VLAN still set?")
    refused = ours.expect_refusal(lab, other, ours.vif(3, "eth0.0.7"), ["eth0.0"], devid=1)
    return {"spoofed": spoofed, "refused": refused["sentence"]}
