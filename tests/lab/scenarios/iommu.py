"""The main job with the VF in the guest's own IOMMU context: no hypercall for a packet that arrives, and everything comes back."""
from labkit import mainjob, ours
from labkit.base import Fail


def run(lab):
    guest = mainjob.start_guest(lab, "context", extra=ours.PASSTHROUGH)
    shown = lab.show(guest)
    lab.check(shown["translation"] == "iommu", f"translation is {shown['translation']}: {shown.get('translation_reason')}")
    before = shown["counters"]
    figures = mainjob.measure(lab, guest, mainjob.BESIDE_KERNEL, rounds=1)
    after = lab.show(guest)["counters"]
    for count in ("map_ops", "unmap_ops"):
        if after[count] != before[count]:
            raise Fail(f"{after[count] - before[count]} {count} in a guest whose own addresses the VF can use")
    guest.destroy()
    figures |= mainjob.leftovers(lab)
    missed = mainjob.shortcomings(figures)
    lab.check(not missed, "; ".join(missed))
    return figures
