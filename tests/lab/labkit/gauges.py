"""What `lab bench` measures at one station: an interface that the outside reaches by an address, in a guest or in dom0 itself.

What dom0 spends is Xen's own account of it, which `xl list` has in tenths of a second. xl is a large program for an emulated machine,
so what looking costs is measured, too, and taken off (Baseline).
"""
import json
import math
import re
import time
from dataclasses import dataclass

from .base import TREE, Fail, wait_for
from .outside import mbps

TCP_SECONDS = 6
SEGMENT = 1448              # bytes of payload in a full TCP segment
PPS_SECONDS = 4
BASELINE_SECONDS = 6
# Offered one after the other: the most that arrives is the figure, which a flood would hide.
OFFERED_PPS = (4000, 8000, 16000, 32000, 64000)
OFFER_SECONDS = 2
PINGS, PING_INTERVAL = 300, 0.01
PER_PACKET = {"hypercalls": ("hypercalls",), "events": ("events_sent", "events_received"), "interrupts": ("interrupts",),
              "doorbells": ("doorbells",), "grant_ops": ("map_ops", "unmap_ops", "copy_ops")}

TCP_KEYS = tuple(f"tcp{streams}_{way}_mbps" for streams in ("", "4") for way in ("tx", "rx"))
COST_KEYS = tuple(f"{what}_per_packet_{way}" for what in PER_PACKET for way in ("tx", "rx"))
CPU_KEYS = ("dom0_cpu_s_per_gb_tx", "dom0_cpu_s_per_gb_rx", "guest_cpu_s_per_gb_tx", "guest_cpu_s_per_gb_rx", "dom0_cpu_s_per_mpacket_tx",
            "dom0_cpu_s_per_mpacket_rx")
PPS_KEYS = ("pps64_tx", "pps64_rx")
RR_KEYS = ("rr_p50_us", "rr_p99_us")
KEYS = TCP_KEYS + PPS_KEYS + RR_KEYS + CPU_KEYS + COST_KEYS


@dataclass
class Station:
    lab: object
    interface: str
    address: str
    guest: object = None    # None: dom0
    devid: int = None       # of a vif of ours: netvf show counts for it

    def exec(self, command, timeout=30, check=True):
        if self.guest:
            return self.guest.exec(command, timeout, check)
        return self.lab.dom0(command, timeout, check)

    def received(self):
        return int(self.exec(f"cat /sys/class/net/{self.interface}/statistics/rx_packets").out)

    def serve(self):
        """iperf3's server, afresh: one that a failed run has left busy would refuse all that follow."""
        self.exec("(killall iperf3 || pkill -x iperf3) 2>/dev/null; sleep 0.3; iperf3 -s -D", check=False)

    def wait_reachable(self):
        wait_for(f"{self.address} to answer", lambda: self.lab.outside.run(["ping", "-c", 1, "-W", 1, self.address], check=False).returncode == 0,
                 20, 0.3)


# -- what dom0 and netvfd have spent -------------------------------------------------------------------------------------


@dataclass
class Look:
    at: float
    cpu: float          # seconds of dom0 on any processor
    guest_cpu: float    # the same of the guest, or None
    counters: dict      # netvf show's, or None


def look(station):
    domains = f"0; xl list {station.guest.domid}" if station.guest else "0"
    command = f"(xl list {domains}) | grep -v ^Name"
    if station.devid is not None:
        command += f" && netvf show {station.guest.domid}/{station.devid} --json"
    lines = station.lab.dom0(command, timeout=40).out.splitlines()
    cpu = [float(lines.pop(0).split()[5]) for _ in range(2 if station.guest else 1)]
    counters = json.loads("\n".join(lines))["vifs"][0]["counters"] if station.devid is not None else None
    return Look(time.monotonic(), cpu[0], cpu[1] if station.guest else None, counters)


class Baseline:
    """What dom0 spends without traffic between two looks at a station, as a function of the time between them."""

    def __init__(self, station):
        first, second = look(station), look(station)
        time.sleep(BASELINE_SECONDS)
        third = look(station)
        self.apart, self.looking = second.at - first.at, second.cpu - first.cpu
        self.idle = max(0.0, (third.cpu - second.cpu - self.looking) / (third.at - second.at - self.apart))

    def spent(self, before, after):
        apart = after.at - before.at
        return max(0.0, after.cpu - before.cpu - self.looking - self.idle * (apart - self.apart))


def per_packet(before, after, way):
    """Of a run one way; acknowledgements cost, and do not count as packets. What a VF segments counts as its segments."""
    if before.counters is None:
        return {}
    packets = after.counters["tx_segments" if way == "tx" else "rx_wire_packets"] - \
        before.counters["tx_segments" if way == "tx" else "rx_wire_packets"]
    if packets <= 0:
        raise Fail(f"netvfd counts no packet of a TCP run ({way})")
    return {f"{what}_per_packet_{way}": round(sum(after.counters[key] - before.counters[key] for key in keys) / packets, 4)
            for what, keys in PER_PACKET.items()}


# -- TCP ---------------------------------------------------------------------------------------------------------------------


def tcp(station, way, streams=1):
    """(Mbit/s, bytes): the client is outside, so that nothing in dom0 has to look after a guest's console meanwhile."""
    options = ["-P", streams] + (["-R"] if way == "tx" else [])
    result = station.lab.outside.iperf_client(station.address, TCP_SECONDS, options=options)
    total = result["end"].get("sum_received") or result["end"]["sum"]
    return mbps(result), total["bytes"]


def tcp_one_stream(station, baseline, way):
    before = look(station)
    rate, count = tcp(station, way)
    after = look(station)
    if not count:
        raise Fail(f"TCP ({way}) carried nothing")
    found = {f"tcp_{way}_mbps": rate, f"dom0_cpu_s_per_gb_{way}": round(baseline.spent(before, after) / (count / 1e9), 2)}
    if station.guest:
        found[f"guest_cpu_s_per_gb_{way}"] = round((after.guest_cpu - before.guest_cpu) / (count / 1e9), 2)
    return found | per_packet(before, after, way)


def tcp_four_streams(station, _, way):
    return {f"tcp4_{way}_mbps": tcp(station, way, 4)[0]}


# -- the smallest packets ------------------------------------------------------------------------------------------------------


def pktgen(station, line, to="pgctrl"):
    return f"echo '{line}' > /proc/net/pktgen/{to}"


def pktgen_prepare(station):
    outside = station.lab.outside.run(["cat", "/sys/class/net/tap0/address"]).stdout.strip()
    target = "10.77.0.1" if station.address.startswith("10.77.") else "10.78.0.1"
    lines = [pktgen(station, "rem_device_all", "kpktgend_0"), pktgen(station, f"add_device {station.interface}", "kpktgend_0")]
    lines += [pktgen(station, line, station.interface)
              for line in ("count 0", "pkt_size 60", "delay 0", f"dst {target}", f"dst_mac {outside}")]
    station.exec(("more-drivers; " if station.guest else "modprobe pktgen; ") + " && ".join(lines))


def arrived_outside(lab):
    return int(lab.outside.run(["cat", "/sys/class/net/tap0/statistics/rx_packets"]).stdout)


def pps64_tx(station, baseline):
    """The kernel's packet generator without end, what arrives outside in a few seconds of it."""
    pktgen_prepare(station)
    station.exec(f"({pktgen(station, 'start')}) >/dev/null 2>&1 &")
    try:
        time.sleep(1)
        before, first = look(station), arrived_outside(station.lab)
        started = time.monotonic()
        time.sleep(PPS_SECONDS)
        seconds, last = time.monotonic() - started, arrived_outside(station.lab)
        after = look(station)
        # The looks are further apart than the counts of packets, at the same rate.
        packets = (last - first) * (after.at - before.at) / seconds
    finally:
        station.exec(pktgen(station, "stop"), timeout=40)
        station.exec(pktgen(station, "rem_device_all", "kpktgend_0"), timeout=40, check=False)
    if last - first < 100:
        raise Fail(f"{last - first} packets of pktgen's arrived outside")
    return {"pps64_tx": round((last - first) / seconds),
            "dom0_cpu_s_per_mpacket_tx": round(baseline.spent(before, after) / (packets / 1e6), 1)}


def offer(station, rate, seconds):
    said = station.lab.outside.run(["python3", TREE / "tests/bench/udp_send.py", station.address, rate, seconds], timeout=seconds + 20).stdout
    return float(said.split()[1])


def pps64_rx(station, baseline):
    best, best_rate = 0, OFFERED_PPS[0]
    for rate in OFFERED_PPS:
        first = station.received()
        seconds = offer(station, rate, OFFER_SECONDS)
        time.sleep(0.3)
        arrived = (station.received() - first) / seconds
        if arrived > best:
            best, best_rate = arrived, rate
        elif arrived < best / 2:
            break       # drowned
    first = station.received()
    before = look(station)
    offer(station, best_rate, PPS_SECONDS)
    after = look(station)
    packets = station.received() - first
    if packets < 100:
        raise Fail(f"{packets} packets arrived inside")
    return {"pps64_rx": round(best), "dom0_cpu_s_per_mpacket_rx": round(baseline.spent(before, after) / (packets / 1e6), 1)}


# -- latency -----------------------------------------------------------------------------------------------------------------


def percentile(values, percent):
    """The smallest value that so many percent of all do not exceed."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def round_trip(station, _):
    """Echo requests from outside, answered by the station's kernel: no program of the guest's is in between."""
    said = station.lab.outside.run(["ping", "-n", "-c", PINGS, "-i", PING_INTERVAL, "-w", 30, station.address], timeout=60, check=False).stdout
    times = [float(ms) * 1000 for ms in re.findall(r"time=([\d.]+) ms", said)]
    if len(times) < PINGS * 0.9:
        raise Fail(f"{PINGS - len(times)} of {PINGS} pings were lost")
    return {"rr_p50_us": round(percentile(times, 50)), "rr_p99_us": round(percentile(times, 99))}


def gauges():
    """[(the keys that it fills, function of station and baseline)]"""
    made = []
    for way in ("tx", "rx"):
        costs = tuple(f"{what}_per_packet_{way}" for what in PER_PACKET)
        made.append(((f"tcp_{way}_mbps", f"dom0_cpu_s_per_gb_{way}", f"guest_cpu_s_per_gb_{way}") + costs, lambda s, b, way=way: tcp_one_stream(s, b, way)))
        made.append(((f"tcp4_{way}_mbps",), lambda s, b, way=way: tcp_four_streams(s, b, way)))
    made.append((("pps64_tx", "dom0_cpu_s_per_mpacket_tx"), pps64_tx))
    made.append((("pps64_rx", "dom0_cpu_s_per_mpacket_rx"), pps64_rx))
    made.append((RR_KEYS, round_trip))
    return made
