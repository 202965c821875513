"""xl migrate to the same host under a TCP stream, which survives: a second VF takes over from the first."""
import time

from labkit import moving, ours


def run(lab):
    guest = ours.guest_on_vf(lab, 1)
    idle = ours.idle_functions(lab)
    stream = moving.Stream(lab, guest, 40)
    time.sleep(3)
    moving.migrate_to_itself(lab, guest)
    figures = stream.finish()
    lab.check(ours.idle_functions(lab) == idle, f"{ours.idle_functions(lab)} VFs are idle after the migration, {idle} were before")
    with ours.ThroughVf(lab, guest, sent=20, received=20):
        ping = lab.ping(guest, lab.OUR_OUTSIDE, 20)
    lab.check(ping["loss_percent"] == 0, f"{ping['loss_percent']} % of the pings after the migration were lost")
    return figures
