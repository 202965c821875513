"""A vif leaves its guest's IOMMU context and goes back twice under a TCP stream, which survives; what was asked for last outlives netvfd."""
from labkit import switching


def run(lab):
    guest, figures = switching.back_and_forth(lab, 2)
    switching.outlives_the_daemon(lab, guest, "host")
    return figures
