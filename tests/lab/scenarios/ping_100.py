"""100 pings to the outside through a VF, none lost, each of them counted by the VF itself."""
from labkit import ours


def run(lab):
    guest = ours.guest_on_vf(lab)
    with ours.ThroughVf(lab, guest, sent=100, received=100) as through:
        ping = lab.ping(guest, lab.OUR_OUTSIDE, 100)
    lab.check(ping["received"] == 100, f"{100 - ping['received']} of 100 pings were lost")
    # Of every size around what is copied, padded and split into pages.
    for size in (0, 1, 18, 56, 100, 120, 1000, 1472, 4000):
        one = lab.ping(guest, lab.OUR_OUTSIDE, 3, 0.1, size)
        lab.check(one["received"] == 3, f"{3 - one['received']} of 3 pings with {size} bytes were lost")
    return {"ping_avg_us": ping["avg_us"], "ping_max_us": ping["max_us"], "vf": through.vf}
