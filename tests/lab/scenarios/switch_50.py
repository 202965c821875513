"""A vif leaves its guest's IOMMU context and goes back 50 times under a TCP stream, which survives."""
from labkit import switching

LONG = True
TIMEOUT = 1500


def run(lab):
    return switching.back_and_forth(lab, 50, pace=4, look_at_each=9)[1]
