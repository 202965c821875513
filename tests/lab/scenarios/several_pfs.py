"""Two PFs in one host: each vif is served by a VF of the PF that its line names, and a full PF does not borrow from the other."""
from labkit import ours

PFS = 2
SECOND_OUTSIDE = "10.76.0.1"


def vfs_of(lab, pf):
    return {vf["pci"] for found in lab.netvf("list")["pfs"] if found["name"] == pf for vf in found["vfs"]}


def run(lab):
    lab.need_netvfd()
    lab.check(len(vfs_of(lab, "eth0")) == len(vfs_of(lab, "eth1")) == 7, f"netvf list shows {lab.netvf('list')['pfs']}")
    guest = lab.guest("both", [ours.vif(1, "eth0"), ours.vif(2, "eth1")])
    guest.configure("eth0", f"{ours.address(1)}/24")
    guest.configure("eth1", "10.76.0.2/24")
    for devid, pf, target in ((0, "eth0", lab.OUR_OUTSIDE), (1, "eth1", SECOND_OUTSIDE)):
        vf = ours.serving_vf(lab, guest, devid)
        lab.check(vf in vfs_of(lab, pf), f"the vif on {pf} is served by {vf}, which is not its")
        with ours.ThroughVf(lab, guest, sent=20, received=20, devid=devid):
            ping = lab.ping(guest, target, 20)
        lab.check(ping["loss_percent"] == 0, f"{ping['loss_percent']} % of the pings by {pf} were lost")
    for number in range(6):
        ours.attach(lab, guest, ours.vif(0x20 + number, "eth1"))
    refusal = ours.expect_refusal(lab, guest, ours.vif(0x40, "eth1"), ["no idle VF", "eth1"], devid=8)
    ours.attach(lab, guest, ours.vif(0x41, "eth0"))
    lab.check(ours.serving_vf(lab, guest, 8) in vfs_of(lab, "eth0"), "the last vif is not on the PF that it names")
    return {"refusal_seconds": refusal["seconds"]}
