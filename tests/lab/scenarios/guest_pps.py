"""64-byte packets per second out of and into a bare-metal guest, by the kernel's netback and by a VF, in one boot."""
from labkit import baremetal, gauges, ours
from labkit.base import TREE

# It measures, and takes 40 s for it.
LONG = True

SECONDS = 4
OFFERED = (8000, 24000)
OFFER_SECONDS = 2
LEAST = 500


def sent(lab, run):
    before = gauges.arrived_outside(lab)
    numbers = run(lab, "pps_send", sent=LEAST, received=1, seconds=SECONDS)
    arrived = gauges.arrived_outside(lab) - before
    lab.check(arrived >= numbers["packets"] * 0.5, f"the guest says it has sent {numbers['packets']} packets, {arrived} came out")
    return numbers["pps"]


def received(lab, vif, address, peer):
    """The best of several rates that are offered; a guest that is given more than it can take may take less."""
    guest = baremetal.BareGuest(lab, "pps_receive", [vif], ip=address, peer=peer, rounds=len(OFFERED))
    lab.guests.append(guest)
    guest.create()
    for number, rate in enumerate(OFFERED):
        guest.wait_said(f"ready {number}\n")
        lab.outside.run(["python3", TREE / "tests/bench/udp_send.py", address, rate, OFFER_SECONDS], timeout=OFFER_SECONDS + 20)
    numbers = guest.expect_success()
    lab.check(numbers["packets"] >= LEAST, f"{numbers['packets']} packets came in, {sum(OFFERED) * OFFER_SECONDS} were offered")
    return guest, numbers["pps"]


def run(lab):
    lab.need_netvfd()
    baremetal.need_tests(lab)
    figures = {"pps64_tx": sent(lab, baremetal.run_on_vf), "kernel_pps64_tx": sent(lab, baremetal.run_on_netback)}
    before = baremetal.all_vf_packets(lab)
    guest, figures["pps64_rx"] = received(lab, ours.vif(1), ours.address(1), lab.OUR_OUTSIDE)
    vf = ours.serving_vf(lab, guest)
    grown = (ours.vf_packets(lab, vf)[1] - before[vf][1]) & 0xFFFFFFFF
    lab.check(grown >= LEAST, f"VF {vf} received {grown} packets")
    guest.destroy()
    guest, figures["kernel_pps64_rx"] = received(lab, ours.kernel_vif(1), "10.78.0.2", lab.KERNEL_OUTSIDE)
    guest.destroy()
    return figures
