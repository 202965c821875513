"""Two guests that talk to each other and to the outside."""
from . import ours

PINGS = 30


def two_guests(lab, **options):
    """By ping and TCP, at the same time; `options` are the guests'. Returns the figures."""
    first, second = (ours.guest_on_vf(lab, number, **options) for number in (1, 2))
    vfs = {ours.serving_vf(lab, first), ours.serving_vf(lab, second)}
    lab.check(len(vfs) == 2, f"two vifs share VF {vfs}")
    for guest, other in ((first, 2), (second, 1)):
        for target in (lab.OUR_OUTSIDE, ours.address(other)):
            ping = lab.ping(guest, target, PINGS)
            lab.check(ping["loss_percent"] == 0, f"{ping['loss_percent']} % of {guest.name}'s pings to {target} were lost")
    second.exec("iperf3 -s -D")
    with ours.ThroughVf(lab, first, sent=500, received=200), ours.ThroughVf(lab, second, sent=200, received=500):
        between = lab.tcp_from_guest(first, ours.address(2))
    back = lab.tcp_to_guest(first, ours.address(2))
    return {"guest_to_guest_mbps": between, "guest_from_guest_mbps": back, "outside_mbps": lab.tcp_from_guest(second, lab.OUR_OUTSIDE)}
