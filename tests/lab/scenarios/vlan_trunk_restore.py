"""A guest on a trunk is saved and restored: its VLANs are its again on whichever VF it gets, and nobody's meanwhile."""
from labkit import moving, ours, trunk

LONG = True


def run(lab):
    guest, = trunk.start_guests(lab, ("host",))
    idle = ours.idle_functions(lab)
    trunk.pings(lab, guest, 5)
    moving.save(lab, guest)
    lab.check(ours.idle_functions(lab) == idle + 1, "a VF is not idle although its guest has been saved")
    lab.check("vlan" not in lab.dom0("ip link show eth0").out.lower(), "a VF still has a VLAN although its guest has been saved")
    moving.restore(lab, guest)
    lab.check(lab.show(guest)["trunk"] == list(trunk.VLANS), f"netvf show lists {lab.show(guest)['trunk']} after the restore")
    trunk.again(lab, [guest], "the restore")
    return {"spoofed": trunk.foreign(lab, guest, 1)}
