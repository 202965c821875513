"""xl save and xl restore: the VF is idle while the guest is a file, and a VF serves it again afterwards."""
from labkit import moving, ours


def run(lab):
    guest = ours.guest_on_vf(lab, 1)
    idle = ours.idle_functions(lab)
    moving.save(lab, guest)
    lab.check(ours.idle_functions(lab) == idle + 1, "a VF is not idle although its guest has been saved")
    lab.expect_leak_free()
    moving.restore(lab, guest)
    with ours.ThroughVf(lab, guest, sent=20, received=20):
        ping = lab.ping(guest, lab.OUR_OUTSIDE, 20)
    lab.check(ping["loss_percent"] == 0, f"{ping['loss_percent']} % of the pings after the restore were lost")
    return {"ping_avg_us": ping["avg_us"]}
