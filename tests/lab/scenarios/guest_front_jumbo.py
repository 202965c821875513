"""A bare-metal guest sends and receives frames of every seventh size up to an MTU of 9000 through a VF, of every one up to 1514."""
from labkit import baremetal


def run(lab):
    return baremetal.jumbo_sizes(lab, 7)
