"""bridge=PF:10:20 is a trunk: a stock guest's own tags of VLANs 10 and 20 pass both ways, beside untagged frames, and no others."""
from labkit import trunk


def run(lab):
    guest, = trunk.start_guests(lab, ("host",))
    shown = lab.dom0(f"netvf show {guest.domid}/0").out
    lab.check("10, 20, by its guest's own tags" in shown, f"netvf show says nothing of the VLANs: {shown[:300]}")
    figures = trunk.carries(lab, guest, 1)
    trunk.refusals(lab, guest)
    return figures
