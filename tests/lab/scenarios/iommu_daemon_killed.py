"""netvfd killed while a VF is in a guest's IOMMU context: the next one brings it back to dom0 first, and the guest goes on."""
from labkit import daemon, ours


def run(lab):
    return daemon.killed_and_stopped(lab, extra=ours.PASSTHROUGH)
