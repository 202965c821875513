"""A guest in whose IOMMU context its VF is: xl migrate is refused; with `netvf set translation=host` it goes under TCP, not back meanwhile, and arrives on iommu."""
import time

from labkit import migrating, moving, ours, switching

XEN = "shadow"
# Six seconds for the guests' 160 MiB: time to try what must not be done meanwhile.
LINE = 25_000_000


def refused(lab, guest):
    """While the VF is in the guest's context Xen does not log its memory; guest and vif go on."""
    rc, out, err = lab.dom0(migrating.command(guest), timeout=moving.MOVE_DEADLINE, check=False)
    lab.check(rc != 0, "xl migrate went through while the guest had a device")
    ours.expect_sentence(lab, err + out, ["Failed to enable logdirty", "Invalid argument"], "xl migrate")
    lab.check(guest.current_domid() == guest.domid, "the guest is not what it was after a migration that was refused")


def not_back_yet(lab, guest):
    """While its memory is logged the VF must stay out of its context, whoever asks: Xen would take it in."""
    rc, out, err = lab.dom0(f"netvf set {guest.domid}/0 translation=iommu", check=False)
    lab.check(rc != 0, f"the VF went into the context of a guest that is being migrated: {out.strip()}")
    ours.expect_sentence(lab, err, ["migrated"], "netvf set translation=iommu")
    lab.check(lab.show(guest)["translation"] == "host", "the vif is not on host although iommu was refused")


def run(lab):
    guest = ours.guest_on_vf(lab, 1, "moving", extra=ours.PASSTHROUGH)
    lab.check(lab.show(guest)["translation"] == "iommu", "the VF is not in the guest's context")
    refused(lab, guest)
    migrating.works_on_a_vf(lab, guest, ours.idle_functions(lab))
    idle = ours.idle_functions(lab)
    stream = moving.Stream(lab, guest, 30, ours.address(1), migrating.STREAM)
    switching.switch(lab, guest, "host")
    time.sleep(1)
    unread = migrating.Unread(lab, guest, ours.address(1))
    migration = migrating.Slowly(lab, guest, LINE)
    not_back_yet(lab, guest)
    migration.under_way()
    seconds = migration.finish()
    # xl's configuration travels along and with it the context; what netvf was asked for on the old domain does not.
    shown = lab.show(guest)
    lab.check(shown["translation"] == "iommu", f"translation is {shown['translation']} in the new domain: {shown.get('translation_reason')}")
    kib = unread.check()
    switching.switch(lab, guest, "host")
    switching.switch(lab, guest, "iommu")
    figures = stream.finish()
    migrating.works_on_a_vf(lab, guest, idle)
    return {"migration_s": seconds, "outage_ms": round(1000 * figures["outage_s"]), "unread_kib": kib}
