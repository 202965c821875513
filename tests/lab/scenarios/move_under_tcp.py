"""A guest that is saved and restored under a TCP stream, which survives: what a migration does to its vif, without the live copying.

Save and restore go through every step that a vif sees of it, and work on Debian's Xen, which cannot migrate a PV guest live (see
migrate_localhost).
"""
import time

from labkit import moving, ours


# Its short forms are save_restore, and migrate_localhost, whose stream survives a live migration.
LONG = True


def run(lab):
    guest = ours.guest_on_vf(lab, 1)
    idle = ours.idle_functions(lab)
    stream = moving.Stream(lab, guest, 40, ours.address(1))
    time.sleep(3)
    moving.save(lab, guest)
    moving.restore(lab, guest)
    figures = stream.finish()
    lab.check(ours.idle_functions(lab) == idle, f"{ours.idle_functions(lab)} VFs are idle after the move, {idle} were before")
    with ours.ThroughVf(lab, guest, sent=20, received=20):
        ping = lab.ping(guest, lab.OUR_OUTSIDE, 20)
    lab.check(ping["loss_percent"] == 0, f"{ping['loss_percent']} % of the pings after the move were lost")
    return figures
