"""xl destroy under traffic of a guest in whose IOMMU context the VF is: the VF is stopped first and is dom0's again at once."""
from labkit import endings, ours


def run(lab):
    return {"destroy_seconds": max(endings.destroy_while_sending(lab, 2, extra=ours.PASSTHROUGH))}
