"""The same bare-metal guests on the kernel's netback: the frontend core is no friend of our backend's only."""
from labkit import baremetal


def run(lab):
    figures = baremetal.front_tests(lab, lambda: baremetal.ByNetback(lab), streamed=4)
    # It has no window for them: to have asked costs a while, and changes nothing.
    baremetal.run(lab, baremetal.ByNetback(lab, window=baremetal.WINDOW), "front_echo", sent=20, received=20, count=10)
    return figures
