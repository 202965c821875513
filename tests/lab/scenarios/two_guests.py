"""Two guests on two VFs reach each other and the outside, by TCP and ping, at the same time."""
from labkit import ours


def run(lab):
    first, second = (ours.guest_on_vf(lab, number) for number in (1, 2))
    vfs = {ours.serving_vf(lab, first), ours.serving_vf(lab, second)}
    lab.check(len(vfs) == 2, f"two vifs share VF {vfs}")
    for guest, other in ((first, 2), (second, 1)):
        for target in (lab.OUR_OUTSIDE, ours.address(other)):
            ping = lab.ping(guest, target, 30)
            lab.check(ping["loss_percent"] == 0, f"{ping['loss_percent']} % of {guest.name}'s pings to {target} were lost")
    second.exec("iperf3 -s -D")
    with ours.ThroughVf(lab, first, sent=500, received=200), ours.ThroughVf(lab, second, sent=200, received=500):
        between = lab.tcp_from_guest(first, ours.address(2))
    back = lab.tcp_to_guest(first, ours.address(2))
    return {"guest_to_guest_mbps": between, "guest_from_guest_mbps": back, "outside_mbps": lab.tcp_from_guest(second, lab.OUR_OUTSIDE)}
