"""Seven guests on seven VFs, all sending and receiving at once; the vif of an eighth is refused with a sentence."""
import threading

from labkit import ours
from labkit.base import Fail

LONG = True
TIMEOUT = 900
GUESTS = 7
MEMORY = 112


def transfer(lab, guest, number, outcome):
    try:
        outcome[number] = lab.tcp_from_guest(guest, lab.OUR_OUTSIDE, 10, 5210 + number, "-R" if number % 2 else "")
    except Fail as fault:
        outcome[number] = fault


def run(lab):
    guests = [ours.guest_on_vf(lab, number, memory=MEMORY) for number in range(1, GUESTS + 1)]
    vfs = {ours.serving_vf(lab, guest) for guest in guests}
    lab.check(len(vfs) == GUESTS, f"{GUESTS} guests share {len(vfs)} VFs")
    # Not ours.guest_on_vf: this guest comes up without its vif.
    refusal = ours.expect_refusal(lab, guests[0], ours.vif(0x40), ["idle", "eth0"], devid=1)
    outcome = {}
    threads = [threading.Thread(target=transfer, args=(lab, guest, number, outcome)) for number, guest in enumerate(guests)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    failed = {guests[number].name: str(fault) for number, fault in outcome.items() if isinstance(fault, Fail)}
    lab.check(not failed, f"transfers failed: {failed}")
    for guest in guests:
        counters = lab.show(guest)["counters"]
        lab.check(min(counters["tx_wire_packets"], counters["rx_wire_packets"]) > 100, f"hardly a packet of {guest.name} went through its VF")
    return {"guests": GUESTS, "mbps_together": round(sum(outcome.values()), 1), "mbps_least": min(outcome.values()),
            "refusal_seconds": refusal["seconds"]}
