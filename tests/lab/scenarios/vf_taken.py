"""VFs that the kernel's igbvf holds are never used: others serve, and with all of them taken the refusal says who has them."""
from labkit import ours
from labkit.teardown import virtual_functions

DRIVER = "/sys/bus/pci/drivers/igbvf"


def take(lab, functions):
    """Bind igbvf to these and no others. QEMU maps a VF's registers only once its own COMMAND has memory on; and with
    sriov_drivers_autoprobe at 0 the kernel binds a VF only to the driver that driver_override names."""
    for pci in functions:
        lab.dom0(f"setpci -s {pci} COMMAND=6; echo igbvf > /sys/bus/pci/devices/{pci}/driver_override; echo {pci} > {DRIVER}/bind", timeout=30)
    held = lab.dom0(f"cd {DRIVER}; ls -d 0000:*").out.split()
    lab.check(set(functions) <= set(held), f"igbvf took {held} instead of {functions}")


def give_back(lab, functions):
    lab.dom0("rmmod igbvf; for f in " + " ".join(functions) + "; do echo > /sys/bus/pci/devices/$f/driver_override; setpci -s $f COMMAND=0; done")


def run(lab):
    guest = ours.plain_guest(lab)
    functions = virtual_functions(lab)
    # Loading the driver must not bind what the scenario has not given to it.
    lab.dom0("for f in " + " ".join(functions) + "; do echo none > /sys/bus/pci/devices/$f/driver_override; done; modprobe igbvf; "
             "for f in " + " ".join(functions) + "; do echo > /sys/bus/pci/devices/$f/driver_override; done")
    try:
        take(lab, functions[:1])
        listed = {vf["pci"]: vf["state"] for pf in lab.netvf("list")["pfs"] for vf in pf["vfs"]}
        lab.check(listed[functions[0]] == "foreign", f"netvf list calls the taken VF {listed[functions[0]]}")
        ours.attach(lab, guest, ours.vif(1))
        vf = ours.serving_vf(lab, guest)
        lab.check(vf != functions[0], "the VF that igbvf holds was given to a vif")
        ours.detach(lab, guest, 0)
        take(lab, functions[1:])
        refusal = ours.expect_refusal(lab, guest, ours.vif(2), ["idle", "igbvf"])
    finally:
        give_back(lab, functions)
    ours.attach(lab, guest, ours.vif(3))
    ours.serving_vf(lab, guest)
    return {"refusal_seconds": refusal["seconds"]}
