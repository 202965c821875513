"""The main job and its figures: one stock guest with two vifs, ours and the kernel's, measured side by side in one boot."""
import statistics

from . import ours, teardown

PINGS = 100
TCP_SECONDS = 3
ROUNDS = 3
AS_IT_IS, KERNEL = "", "kernel"
BESIDE_KERNEL = {"": AS_IT_IS, "kernel_": KERNEL}
MAX_HYPERCALLS_PER_PACKET = 0.25
# iperf3 has a control connection beside the measured one, whose messages may be short enough to go out as copies.
MAX_PAYLOAD_COPIES = 0.001


def start_guest(lab, name="main", mtu=ours.ETHERNET_MTU, **options):
    lab.need_netvfd()
    guest = lab.guest(name, [ours.vif(1, mtu=mtu), ours.kernel_vif(1, mtu)], **options)
    guest.configure("eth0", "10.77.0.2/24", mtu)
    guest.configure("eth1", "10.78.0.2/24", mtu)
    return guest


def ping(lab, guest, way):
    if way == KERNEL:
        return {"ping_avg_us": lab.ping(guest, lab.KERNEL_OUTSIDE, PINGS)["avg_us"]}
    with ours.ThroughVf(lab, guest, sent=PINGS, received=PINGS) as through:
        found = lab.ping(guest, lab.OUR_OUTSIDE, PINGS)
    return {"ping_loss_percent": found["loss_percent"], "ping_avg_us": found["avg_us"], "vf": through.vf,
            "translation": lab.xs_read(f"{lab.backend_path(guest)}/netvf/translation")}


def tcp_of_ours(lab, guest):
    looks, mbps = [lab.show(guest)], []
    with ours.ThroughVf(lab, guest, sent=100, received=100):
        for options in ("", "-R"):
            mbps.append(lab.tcp_from_guest(guest, lab.OUR_OUTSIDE, TCP_SECONDS, options=options))
            looks.append(lab.show(guest))
    tx_cost, rx_cost = (ours.per_packet(*looks[at:at + 2]) for at in (0, 1))
    return {"tcp_tx_mbps": mbps[0], "tcp_rx_mbps": mbps[1],
            "hypercalls_per_packet_tx": tx_cost["hypercalls_per_packet_tx"],
            "hypercalls_per_packet_rx": rx_cost["hypercalls_per_packet_rx"],
            "payload_copies_per_packet": max(tx_cost["payload_copies_per_packet"], rx_cost["payload_copies_per_packet"])}


def tcp_of_kernel(lab, guest):
    return {"tcp_tx_mbps": lab.tcp_from_guest(guest, lab.KERNEL_OUTSIDE, TCP_SECONDS),
            "tcp_rx_mbps": lab.tcp_to_guest(guest, lab.KERNEL_OUTSIDE, TCP_SECONDS)}


def turn_to(lab, guest, way):
    if way in ("host", "iommu"):
        lab.dom0(f"netvf set {guest.domid}/0 translation={way}")


def measure(lab, guest, ways, rounds=ROUNDS):
    """The guest's vifs side by side. `ways`: the prefix that a way's figures get, and which one it is: a translation of our vif, AS_IT_IS
    or KERNEL. TCP goes by all of them in turn, and a figure is the median of the rounds: the emulator translates code
    as it meets it, so that whoever is measured first is the slowest."""
    figures, runs = {}, {prefix: [] for prefix in ways}
    for prefix, way in ways.items():
        turn_to(lab, guest, way)
        figures |= {prefix + key: value for key, value in ping(lab, guest, way).items()}
    for _ in range(rounds):
        for prefix, way in ways.items():
            turn_to(lab, guest, way)
            runs[prefix].append(tcp_of_kernel(lab, guest) if way == KERNEL else tcp_of_ours(lab, guest))
    for prefix, found in runs.items():
        figures |= {prefix + key: round(statistics.median(run[key] for run in found), 4) for key in found[0]}
    return figures


def leftovers(lab):
    """After the guest has gone: what Xen saw of faults, and what of it is still mapped."""
    usage = teardown.grant_usage(lab)
    mapped = sum(len(teardown.active_grants(usage, owner)) for owner in teardown.owners(usage) - {0})
    return {"dmar_faults": len(teardown.dmar_faults(lab.xen_log())), "leaked_grants": mapped + lab.netvf("list")["leaks"]["grants"]}


def shortcomings(figures):
    """What the figures miss of what was promised, as sentences."""
    missed = []
    if figures["ping_loss_percent"] != 0:
        missed.append(f"{figures['ping_loss_percent']} % of the pings were lost")
    if figures["payload_copies_per_packet"] > MAX_PAYLOAD_COPIES:
        missed.append(f"{figures['payload_copies_per_packet']} payload copies per packet instead of none")
    for direction in ("tx", "rx"):
        cost = figures[f"hypercalls_per_packet_{direction}"]
        if cost is None or cost > MAX_HYPERCALLS_PER_PACKET:
            missed.append(f"{cost} hypercalls per packet ({direction}), at most {MAX_HYPERCALLS_PER_PACKET} are allowed")
    for key in ("dmar_faults", "leaked_grants"):
        if figures.get(key):
            missed.append(f"{figures[key]} {key.replace('_', ' ')}")
    return missed


def speed(figures):
    """TCP against the kernel's netback in the same boot, in words. It judges nothing: emulated time is no hardware time, and
    docs/performance.md says what the emulator makes of either."""
    def ratio(direction):
        return figures[f"tcp_{direction}_mbps"] / figures[f"kernel_tcp_{direction}_mbps"]
    return f"TCP at {ratio('tx'):.2f} times the speed of the kernel's netback out of the guest, {ratio('rx'):.2f} times into it"
