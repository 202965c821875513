"""64-byte packets per second out of and into a bare-metal guest, by the kernel's netback and by a VF in each of its ways, in one boot."""
from labkit import baremetal, gauges, ours
from labkit.base import TREE

# It measures, and takes some minutes for it.
LONG = True
TIMEOUT = 900

SECONDS = 4
OFFERED = (16000, 32000, 48000, 64000)
OFFER_SECONDS = 2
LEAST = 500
ROUNDS = 2


def ways(lab):
    return {"kernel": baremetal.ByNetback(lab),
            "host": baremetal.ByVf(lab),
            "window": baremetal.ByVf(lab, window=baremetal.WINDOW),
            "iommu": baremetal.ByVf(lab, extra=ours.PASSTHROUGH, translation="iommu")}


def sent(lab, way):
    before = gauges.arrived_outside(lab)
    numbers = baremetal.run(lab, way, "pps_send", sent=LEAST, received=1, seconds=SECONDS)
    arrived = gauges.arrived_outside(lab) - before
    lab.check(arrived >= numbers["packets"] * 0.5, f"the guest says it has sent {numbers['packets']} packets, {arrived} came out")
    return numbers


def received(lab, way):
    """The best of several rates that are offered; a guest that is given more than it can take may take less."""
    def offer(guest):
        for number, rate in enumerate(OFFERED):
            guest.wait_said(f"ready {number}\n")
            lab.outside.run(["python3", TREE / "tests/bench/udp_send.py", way.address, rate, OFFER_SECONDS], timeout=OFFER_SECONDS + 20)
    return baremetal.run(lab, way, "pps_receive", sent=0, received=LEAST, during=offer, rounds=len(OFFERED))


def run(lab):
    lab.need_netvfd()
    baremetal.need_tests(lab)
    runs = {}
    # They take turns: what else the machine does then is nobody's advantage.
    for _ in range(ROUNDS):
        for name in ways(lab):
            runs.setdefault(f"{name}_pps64_tx", []).append(sent(lab, ways(lab)[name]))
            runs.setdefault(f"{name}_pps64_rx", []).append(received(lab, ways(lab)[name]))
    figures = {key: max(numbers["pps"] for numbers in found) for key, found in runs.items()}
    for name in ways(lab):
        for way in ("tx", "rx"):
            operations = baremetal.grant_operations(runs[f"{name}_pps64_{way}"])
            figures |= {f"{name}_{key}_{way}": value for key, value in operations.items()}
    return figures
