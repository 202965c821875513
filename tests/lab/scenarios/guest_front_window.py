"""The same bare-metal guests with all their pages in a DMA window: not one grant operation for what they send and receive."""
from labkit import baremetal


def run(lab):
    lab.need_netvfd()
    return baremetal.front_tests(lab, lambda: baremetal.ByVf(lab, window=baremetal.WINDOW))
