"""A bare-metal guest sends and receives frames of every size from 14 bytes to an MTU of 9000 through a VF."""
from labkit import baremetal

LONG = True
TIMEOUT = 600


def run(lab):
    return baremetal.jumbo_sizes(lab, 1)
