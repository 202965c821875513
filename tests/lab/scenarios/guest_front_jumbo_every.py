"""A bare-metal guest sends and receives frames of every size from 14 bytes to an MTU of 9000 through a VF, without a window and with one."""
from labkit import baremetal

LONG = True
TIMEOUT = 900


def run(lab):
    figures = baremetal.jumbo_sizes(lab, 1)
    lab.outside.stop_all()
    return figures | {f"window_{key}": value for key, value in baremetal.jumbo_sizes(lab, 1, baremetal.WINDOW).items()}
