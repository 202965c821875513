"""The PF goes down and comes up under a guest that pings: its vif waits, goes on by itself, and the guest has only lost packets."""
from labkit import device, ours


TIMES = 1


def bounce(lab, guest):
    with device.Unnoticed(lab, guest):
        lab.dom0("ip link set eth0 down")
        try:
            device.wait_vif(lab, guest, "waiting", "0", 10)
            error = lab.xs_read(f"{lab.backend_path(guest)}/netvf/error") or ""
            lab.check("ip link set eth0 up" in error, f"the vif does not say what it waits for: '{error}'")
            dropped = device.sends_into_nothing(lab, guest)
        finally:
            lab.dom0("ip link set eth0 up")
        outage = device.answers_again(lab, guest, 30)
        device.wait_vif(lab, guest, "connected", "1", 10)
    device.works_through_vf(lab, guest)
    return outage, dropped


def run(lab):
    guest = ours.guest_on_vf(lab, 1)
    device.works_through_vf(lab, guest)
    figures = [bounce(lab, guest) for _ in range(TIMES)]
    # A reset that nobody announces by the interface's flags: the mailbox alone tells.
    with device.Unnoticed(lab, guest):
        lab.dom0("ip link set eth0 down; ip link set eth0 up")
        at_once = device.answers_again(lab, guest, 30)
    device.works_through_vf(lab, guest)
    return {"outage_after_up_s": max(outage for outage, _ in figures), "outage_of_bounce_s": at_once, "dropped": figures[0][1]}
