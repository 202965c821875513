"""xl save -c, a suspend that the guest comes back from in the same domain: its vif goes on, on the same VF."""
import time

from labkit import moving, ours


def run(lab):
    guest = ours.guest_on_vf(lab, 1)
    vf = ours.serving_vf(lab, guest)
    stream = moving.Stream(lab, guest, 30, ours.address(1))
    time.sleep(3)
    moving.save(lab, guest, "-c")
    lab.dom0(f"rm -f {moving.SAVE_FILE}")
    figures = stream.finish()
    lab.check(ours.serving_vf(lab, guest) == vf, "the vif has another VF than before the checkpoint")
    with ours.ThroughVf(lab, guest, sent=20, received=20):
        ping = lab.ping(guest, lab.OUR_OUTSIDE, 20)
    lab.check(ping["loss_percent"] == 0, f"{ping['loss_percent']} % of the pings after the checkpoint were lost")
    return figures
