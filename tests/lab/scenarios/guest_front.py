"""Bare-metal guests on the frontend core, through a VF: ARP, UDP echo, frames of 18 slots, every size, GSO."""
from labkit import baremetal


def run(lab):
    lab.need_netvfd()
    baremetal.need_tests(lab)
    baremetal.start_peer(lab)
    figures = {"echoed": baremetal.run_on_vf(lab, "front_echo", sent=200, received=200)["echoed"]}
    figures["slot_frames"] = baremetal.run_on_vf(lab, "front_slots", sent=40, received=40)["frames"]
    figures["sizes"] = baremetal.run_on_vf(lab, "front_sizes", sent=1500, received=1500)["sizes"]
    gso = baremetal.run_on_vf(lab, "front_gso", sent=12, received=40)
    return figures | {"gso_bytes": gso["gso_bytes_outside"], "gso_segments": gso["gso_segments_outside"], "stream_frames": gso["stream_frames"]}
