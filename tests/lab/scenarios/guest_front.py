"""Bare-metal guests on the frontend core, through a VF: ARP, UDP echo, frames of 18 slots, every size, GSO."""
from labkit import baremetal


def run(lab):
    lab.need_netvfd()
    return baremetal.front_tests(lab, lambda: baremetal.ByVf(lab))
