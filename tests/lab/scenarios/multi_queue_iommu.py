"""Two queues on one vif with the VF in the guest's own IOMMU context: both have their rings there, and no page is pinned."""
from labkit import ours, queues

LONG = True


def run(lab):
    guest = queues.guest_with_two(lab, extra=ours.PASSTHROUGH)
    shown = lab.show(guest)
    lab.check(shown["translation"] == "iommu", f"translation is {shown['translation']}: {shown.get('translation_reason')}")
    figures = queues.check_traffic(lab, guest)
    pinned = lab.show(guest)["counters"]["map_ops"] - shown["counters"]["map_ops"]
    lab.check(pinned == 0, f"{pinned} pages were pinned in a guest whose own addresses the VF can use")
    return figures
