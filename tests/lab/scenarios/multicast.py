"""IPv6 on a stock guest: its own address is no duplicate, neighbours find each other, ff02::1 reaches it; the filter works when asked for."""
import re

from labkit import ours
from labkit.base import wait_for
from labkit.lab import parse_ping


LINK_LOCAL = re.compile(r"inet6 (fe80:[0-9a-f:]+)/64([^\n]*)")


def guest_address(lab, guest):
    """The guest's link-local address, once duplicate address detection has let it through."""
    def settled():
        said = guest.exec("ip -6 addr show dev eth0").out
        lab.check("dadfailed" not in said, "the guest takes itself for a duplicate: its own neighbour solicitation came back to it")
        found = LINK_LOCAL.search(said)
        return found.group(1) if found and "tentative" not in found.group(2) else None
    return wait_for("the guest to have a link-local address that is no longer tentative", settled, 30, 0.5)


def outside_address(lab):
    found = LINK_LOCAL.search(lab.outside.run(["ip", "-6", "addr", "show", "dev", "tap0"]).stdout)
    lab.check(found, "the outside has no IPv6: this scenario needs it on the machine that runs the lab")
    return found.group(1)


def ping_from_outside(lab, target, count=10):
    done = lab.outside.run(["ping", "-6", "-n", "-c", count, "-i", "0.2", "-W", "2", f"{target}%tap0"], timeout=40, check=False)
    return done.stdout


def heard(lab, address, count=10):
    """How many of the outside's pings to all nodes the guest has answered."""
    # %tap0 may follow the address, and others (the bridge in dom0) answer as well.
    return len(re.findall(rf"bytes from {re.escape(address)}[%:]", ping_from_outside(lab, "ff02::1", count)))


def set_filter(lab, guest, value):
    """What a frontend with multicast control would write, any time while it is connected."""
    lab.xs_write(f"/local/domain/{guest.domid}/device/vif/0/request-multicast-control", value)


def run(lab):
    # QEMU gives a VF groups only by the table of hashes, and then, by mistake, all unicast frames that a promiscuous PF is to have:
    # so netvfd uses the table there only while the PF is no bridge's port.
    lab.dom0("ip link set eth0 nomaster")
    try:
        return groups(lab)
    finally:
        lab.dom0("ip link set eth0 master xenbr0; bridge link set dev eth0 learning off")


def groups(lab):
    guest = ours.guest_on_vf(lab)
    path = lab.backend_path(guest)
    for key in ("feature-multicast-control", "feature-dynamic-multicast-control"):
        lab.check(lab.xs_read(f"{path}/{key}") == "1", f"{key} is not offered")
    address, outside = guest_address(lab, guest), outside_address(lab)
    with ours.ThroughVf(lab, guest, sent=20, received=20):
        # Both have to solicit the other by multicast first.
        found = parse_ping(guest.exec(f"ping -6 -c 10 -i 0.2 {outside}%eth0", timeout=40, check=False).out)
        lab.check(found["received"] >= 9, f"{10 - found['received']} of 10 pings to {outside} were lost")
        lab.outside.run(["ip", "-6", "neigh", "flush", "dev", "tap0"])
        came = len(re.findall(r"bytes from", ping_from_outside(lab, address)))
        lab.check(came >= 9, f"the outside heard {came} of 10 answers from {address}")
    all_nodes = heard(lab, address)
    lab.check(all_nodes >= 8, f"the guest answered {all_nodes} of 10 pings to ff02::1")
    # With the filter on and nothing on its list, no group is delivered; unicast is.
    set_filter(lab, guest, 1)
    wait_for("the filter to keep ff02::1 from the guest", lambda: heard(lab, address, 3) == 0, 20, 0.5)
    lab.check(lab.ping(guest, lab.OUR_OUTSIDE, 10)["received"] >= 9, "with the multicast filter on, unicast is lost")
    set_filter(lab, guest, 0)
    wait_for("ff02::1 to reach the guest again", lambda: heard(lab, address, 3) >= 2, 20, 0.5)
    echoes = lab.show(guest)["counters"]["rx_echoes"]
    lab.check(echoes > 0, "the emulated card gives senders their own broadcasts back, and netvfd has seen none")
    return {"all_nodes_answers": all_nodes, "echoes_kept_away": echoes}
