"""Seven guests on seven VFs, all sending and receiving at once; the vif of an eighth is refused with a sentence."""
from labkit import ours

LONG = True
TIMEOUT = 900
GUESTS = 7
MEMORY = 112


def run(lab):
    guests = [ours.guest_on_vf(lab, number, memory=MEMORY) for number in range(1, GUESTS + 1)]
    vfs = {ours.serving_vf(lab, guest) for guest in guests}
    lab.check(len(vfs) == GUESTS, f"{GUESTS} guests share {len(vfs)} VFs")
    # Not ours.guest_on_vf: this guest comes up without its vif.
    refusal = ours.expect_refusal(lab, guests[0], ours.vif(0x40), ["idle", "eth0"], devid=1)
    found = lab.tcp_at_once(*((guest, lab.OUR_OUTSIDE, 10, 5210 + number, "-R" if number % 2 else "") for number, guest in enumerate(guests)))
    for guest in guests:
        counters = lab.show(guest)["counters"]
        lab.check(min(counters["tx_wire_packets"], counters["rx_wire_packets"]) > 100, f"hardly a packet of {guest.name} went through its VF")
    return {"guests": GUESTS, "mbps_together": round(sum(found), 1), "mbps_least": min(found),
            "refusal_seconds": refusal["seconds"]}
