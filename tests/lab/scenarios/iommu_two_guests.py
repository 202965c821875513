"""Two guests with a VF in the IOMMU context of each reach each other and the outside."""
from labkit import ours, pairs

LONG = True


def run(lab):
    return pairs.two_guests(lab, extra=ours.PASSTHROUGH)
