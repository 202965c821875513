"""A guest that sends from another station's address: the cable sees none of it, netvfd counts it, and its own traffic goes on."""
from labkit import ours


FOREIGN = "02:00:00:99:99:99"
COUNT = 200


def send_foreign(lab, guest):
    """By the kernel's packet generator, which fills in any source it is told to."""
    target = lab.outside.run(["cat", "/sys/class/net/tap0/address"]).stdout.strip()
    settings = [f"count {COUNT}", "pkt_size 60", "delay 0", f"src_mac {FOREIGN}", f"dst {lab.OUR_OUTSIDE}", f"dst_mac {target}"]
    commands = ["echo rem_device_all > /proc/net/pktgen/kpktgend_0", "echo add_device eth0 > /proc/net/pktgen/kpktgend_0"]
    commands += [f"echo '{line}' > /proc/net/pktgen/eth0" for line in settings]
    guest.more_drivers()
    guest.exec("; ".join(commands))
    guest.exec("echo start > /proc/net/pktgen/pgctrl", timeout=60)


def run(lab):
    guest = ours.guest_on_vf(lab)
    before = lab.show(guest)["counters"]["tx_spoofed"]
    lab.check(lab.ping(guest, lab.OUR_OUTSIDE, 10)["received"] >= 9, "pings are lost before anything was spoofed")
    foreign = lab.outside.capture("spoof-foreign", f"ether src {FOREIGN}")
    own = lab.outside.capture("spoof-own", "ether src 00:16:3e:00:00:01 and icmp")
    send_foreign(lab, guest)
    with ours.ThroughVf(lab, guest, sent=20, received=20):
        ping = lab.ping(guest, lab.OUR_OUTSIDE, 20)
    lab.outside.stop(foreign)
    lab.outside.stop(own)
    seen = lab.outside.packets("spoof-foreign")
    lab.check(not seen, f"{len(seen)} frames from {FOREIGN} were seen outside")
    # The capture sees what there is: else the check above would say nothing.
    lab.check(len(lab.outside.packets("spoof-own")) >= 19, "the capture outside has not seen the guest's own frames either")
    spoofed = lab.show(guest)["counters"]["tx_spoofed"] - before
    lab.check(spoofed >= COUNT, f"{spoofed} frames were counted as spoofed, {COUNT} were sent")
    lab.check(ping["received"] >= 19, f"{20 - ping['received']} of 20 pings were lost after the guest had spoofed")
    return {"spoofed": spoofed}
