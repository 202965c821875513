"""A guest that reboots by itself has its vif back on a VF, and the one before left nothing."""
from labkit import ours


def run(lab):
    guest = ours.guest_on_vf(lab, 1, "rebooting")
    before = guest.domid
    lab.check(lab.ping(guest, lab.OUR_OUTSIDE, 10)["loss_percent"] == 0, "pings were lost before the reboot")
    # It never answers: the guest is gone before it could.
    guest.exec("(sleep 1; reboot -f) &")
    guest.wait_ready(boots=2)
    lab.check(guest.domid != before, "the guest has the domain id of before its reboot")
    guest.configure("eth0", f"{ours.address(1)}/24")
    with ours.ThroughVf(lab, guest, sent=30, received=30):
        ping = lab.ping(guest, lab.OUR_OUTSIDE, 30)
    lab.check(ping["loss_percent"] == 0, f"{ping['loss_percent']} % of the pings after the reboot were lost")
    return {"ping_avg_us": ping["avg_us"]}
