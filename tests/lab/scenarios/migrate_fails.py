"""Migrations that fail under TCP, the line cut on the way, or no idle VF at the end of it: the guest goes on where it was, on the same VF."""
import time

from labkit import device, migrating, moving, ours

XEN = "shadow"
CUT_AFTER = 60_000_000


def fails(lab, guest, receive, words):
    rc, out, err = lab.dom0(migrating.command(guest, receive), timeout=moving.MOVE_DEADLINE, check=False)
    lab.check(rc != 0, f"xl migrate to '{receive}' went through")
    ours.expect_sentence(lab, err + out, words, "xl migrate")
    lab.check(guest.current_domid() == guest.domid, "the guest is in another domain after a migration that failed")


def run(lab):
    guest = ours.guest_on_vf(lab, 1)
    # All other VFs in one go, which is quicker than one after the other.
    idle = ours.idle_functions(lab)
    other = lab.guest("full", [ours.vif(0x20 + number) for number in range(idle)])
    vf = ours.serving_vf(lab, guest)
    path = lab.backend_path(guest)
    stream = moving.Stream(lab, guest, 20, ours.address(1), migrating.STREAM)
    with device.Unnoticed(lab, guest):
        time.sleep(2)
        # Before the guest is suspended, and after: with the last of its memory sent the receiver asks for its vif.
        fails(lab, guest, f"head -c {CUT_AFTER} | {migrating.RECEIVE}", ["Migration failed"])
        lab.check(lab.xs_read(f"{path}/netvf/state") == "connected", "the vif is not connected after the line was cut")
        fails(lab, guest, migrating.RECEIVE, ["Migration failed", "no idle VF"])
        lab.check(lab.xs_read(f"{path}/netvf/state") == "connected", "the vif is not connected after its guest was not taken")
        figures = stream.finish()
    other.destroy()
    lab.check(migrating.works_on_a_vf(lab, guest, idle) == vf, "the vif has another VF than before")
    seconds = migrating.migrate(lab, guest)
    migrating.works_on_a_vf(lab, guest, idle)
    return {"migration_s": seconds, "outage_ms": round(1000 * figures["outage_s"])}
