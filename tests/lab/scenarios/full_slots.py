"""TCP beside the kernel's netback: frames of 1500 bytes, alone in their slots and packed by netback, and of 9000, which fill slots; the guest's time for each."""
import statistics

from labkit import mainjob, ours
from labkit.gauges import TCP_SECONDS, Station, look, tcp

LONG = True
TIMEOUT = 900
MTUS = (1500, 9000)
ROUNDS = 3
# netback with GRO off in front of it: it gets frame by frame, and gives the guest each in a slot of its own, as a VF that does
# not merge has to. What it copies is then the only difference between the two.
UNMERGED = "unmerged"


def start(lab, mtu):
    """A guest with both, and the two of them as stations."""
    guest = mainjob.start_guest(lab, f"slots{mtu}", mtu, extra=ours.PASSTHROUGH)
    kernel = Station(lab, "eth1", "10.78.0.2", guest)
    return guest, {"ours": Station(lab, "eth0", "10.77.0.2", guest, devid=0), "kernel": kernel, UNMERGED: kernel}


def one_run(station, way):
    frames, before = station.received(), look(station)
    rate, count = tcp(station, way)
    used = look(station).guest_cpu - before.guest_cpu
    return {"mbps": rate, "guest_s_per_gb": used / (count / 1e9), "guest_busy": used / TCP_SECONDS,
            "received_bytes_a_frame": count / (station.received() - frames)}


def one_unmerged(lab, station, way):
    lab.dom0("ethtool -K eth0 gro off")
    try:
        return one_run(station, way)
    finally:
        lab.dom0("ethtool -K eth0 gro on")


def measure(lab, guest, stations, mtu):
    """{(whose, way): medians}, in turn."""
    runs = {(whose, way): [] for whose in stations for way in ("tx", "rx") if whose != UNMERGED or way == "rx"}
    stations["ours"].serve()
    for station in stations.values():
        station.wait_reachable()
    with ours.ThroughVf(lab, guest, sent=1000, received=1000):
        for _ in range(ROUNDS):
            for (whose, way), found in runs.items():
                found.append(one_unmerged(lab, stations[whose], way) if whose == UNMERGED else one_run(stations[whose], way))
    medians = {key: {name: round(statistics.median(run[name] for run in found), 2) for name in found[0]} for key, found in runs.items()}
    for (whose, way), found in medians.items():
        size = found.pop("received_bytes_a_frame")
        lab.check(way == "tx" or (size > mtu) == (whose == "kernel"), f"{whose}: {size} bytes to a received frame, at an MTU of {mtu}")
    return medians


def at_mtu(lab, mtu):
    guest, stations = start(lab, mtu)
    found, figures = measure(lab, guest, stations, mtu), {}
    for (whose, way), values in found.items():
        figures |= {f"{mtu}_{way}_{whose}_{name}": value for name, value in values.items()}
        if whose != "ours":
            figures[f"{mtu}_{way}_ratio_to_{whose}"] = round(found["ours", way]["mbps"] / values["mbps"], 2)
    guest.destroy()
    return figures


def run(lab):
    lab.need_netvfd()
    figures = {}
    for mtu in MTUS:
        with ours.WireMtu(lab, mtu):
            figures |= at_mtu(lab, mtu)
    return figures
