"""VFs that the kernel's igbvf holds are never used: others serve, and with all of them taken the refusal says who has them."""
from labkit import igbvf, ours
from labkit.teardown import virtual_functions


def run(lab):
    guest = ours.plain_guest(lab)
    functions = virtual_functions(lab)
    igbvf.load(lab, functions)
    try:
        igbvf.take(lab, functions[:1])
        listed = {vf["pci"]: vf["state"] for pf in lab.netvf("list")["pfs"] for vf in pf["vfs"]}
        lab.check(listed[functions[0]] == "foreign", f"netvf list calls the taken VF {listed[functions[0]]}")
        ours.attach(lab, guest, ours.vif(1))
        vf = ours.serving_vf(lab, guest)
        lab.check(vf != functions[0], "the VF that igbvf holds was given to a vif")
        ours.detach(lab, guest, 0)
        igbvf.take(lab, functions[1:])
        refusal = ours.expect_refusal(lab, guest, ours.vif(2), ["idle", "igbvf"])
    finally:
        igbvf.give_back(lab, functions)
    ours.attach(lab, guest, ours.vif(3))
    ours.serving_vf(lab, guest)
    return {"refusal_seconds": refusal["seconds"]}
