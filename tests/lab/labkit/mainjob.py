"""The main job and its figures: one stock guest with two vifs, ours and the kernel's, measured side by side in one boot."""
import threading
import time

from . import ours, teardown
from .base import Fail
from .outside import STOCK_TCP, mbps, parse_iperf

PINGS = 100
TCP_SECONDS = 8
# netvf show is taken in the middle of the TCP run, clear of its start and its end.
WINDOW = (2, 7)
MAX_HYPERCALLS_PER_PACKET = 0.25
# iperf3 has a control connection beside the measured one, whose messages may be short enough to go out as copies.
MAX_PAYLOAD_COPIES = 0.001


def start_guest(lab, name="main", **options):
    lab.need_netvfd()
    guest = lab.guest(name, [ours.vif(1), ours.kernel_vif(1)], **options)
    guest.configure("eth0", "10.77.0.2/24")
    guest.configure("eth1", "10.78.0.2/24")
    return guest


def tcp_with_costs(lab, guest, options=""):
    """One TCP run through our vif: (Mbit/s, costs per packet in the middle of it)."""
    lab.outside.iperf_server()
    box = {}

    def transfer():
        try:
            done = guest.exec(f"iperf3 -J -c {lab.OUR_OUTSIDE} -t {TCP_SECONDS} {' '.join(STOCK_TCP)} {options}", timeout=TCP_SECONDS + 40, check=False)
            box["mbps"] = mbps(parse_iperf(done.out, done.err))
        except Fail as fault:
            box["fault"] = fault

    runner = threading.Thread(target=transfer)
    runner.start()
    started = time.monotonic()
    looks = []
    for second in WINDOW:
        time.sleep(max(0, started + second - time.monotonic()))
        looks.append(lab.show(guest))
    runner.join()
    if "fault" in box:
        raise box["fault"]
    return box["mbps"], ours.per_packet(*looks)


def measure_ours(lab, guest):
    with ours.ThroughVf(lab, guest, sent=PINGS, received=PINGS) as through:
        ping = lab.ping(guest, lab.OUR_OUTSIDE, PINGS)
    with ours.ThroughVf(lab, guest, sent=100, received=100):
        tx_mbps, tx_cost = tcp_with_costs(lab, guest)
        rx_mbps, rx_cost = tcp_with_costs(lab, guest, "-R")
    return {"ping_loss_percent": ping["loss_percent"], "ping_avg_us": ping["avg_us"], "tcp_tx_mbps": tx_mbps, "tcp_rx_mbps": rx_mbps,
            "hypercalls_per_packet_tx": tx_cost["hypercalls_per_packet_tx"],
            "hypercalls_per_packet_rx": rx_cost["hypercalls_per_packet_rx"],
            "payload_copies_per_packet": max(tx_cost["payload_copies_per_packet"], rx_cost["payload_copies_per_packet"]),
            "vf": through.vf, "translation": lab.xs_read(f"{lab.backend_path(guest)}/netvf/translation")}


def measure_kernel(lab, guest):
    ping = lab.ping(guest, lab.KERNEL_OUTSIDE, PINGS)
    return {"kernel_ping_avg_us": ping["avg_us"],
            "kernel_tcp_tx_mbps": lab.tcp_from_guest(guest, lab.KERNEL_OUTSIDE, TCP_SECONDS),
            "kernel_tcp_rx_mbps": lab.tcp_to_guest(guest, lab.KERNEL_OUTSIDE, TCP_SECONDS)}


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
