"""xl migrate of a guest under TCP both ways, which survives: its vif is on a VF again, and what it received while it was copied is whole."""
import time

from labkit import migrating, moving, ours

XEN = "shadow"


def run(lab):
    guest = ours.guest_on_vf(lab, 1)
    idle = ours.idle_functions(lab)
    stream = moving.Stream(lab, guest, 15, ours.address(1), migrating.STREAM)
    time.sleep(2)
    unread = migrating.Unread(lab, guest, ours.address(1))
    seconds = migrating.migrate(lab, guest)
    figures = stream.finish()
    kib = unread.check()
    migrating.works_on_a_vf(lab, guest, idle)
    return {"migration_s": seconds, "outage_ms": round(1000 * figures["outage_s"]), "unread_kib": kib}
