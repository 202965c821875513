"""The same bare-metal guests on the kernel's netback, which has no window for them: the frontend core is no friend of our backend's only."""
from labkit import baremetal


def run(lab):
    return baremetal.front_tests(lab, lambda: baremetal.ByNetback(lab, window=baremetal.WINDOW), streamed=4)
