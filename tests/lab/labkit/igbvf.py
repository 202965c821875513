"""VFs in the hands of dom0's own driver, igbvf, which the lab keeps away from them otherwise."""
DRIVER = "/sys/bus/pci/drivers/igbvf"


def load(lab, functions):
    """The driver, bound to nothing: `functions` are all VFs there are."""
    lab.dom0("for f in " + " ".join(functions) + "; do echo none > /sys/bus/pci/devices/$f/driver_override; done; modprobe igbvf; "
             "for f in " + " ".join(functions) + "; do echo > /sys/bus/pci/devices/$f/driver_override; done")


def take(lab, functions):
    """Bind igbvf to these and no others. QEMU maps a VF's registers only once its own COMMAND has memory on; and with
    sriov_drivers_autoprobe at 0 the kernel binds a VF only to the driver that driver_override names."""
    for pci in functions:
        lab.dom0(f"setpci -s {pci} COMMAND=6; echo igbvf > /sys/bus/pci/devices/{pci}/driver_override; echo {pci} > {DRIVER}/bind", timeout=30)
    held = lab.dom0(f"cd {DRIVER}; ls -d 0000:*").out.split()
    lab.check(set(functions) <= set(held), f"igbvf took {held} instead of {functions}")


def give_back(lab, functions):
    lab.dom0("rmmod igbvf; for f in " + " ".join(functions) + "; do echo > /sys/bus/pci/devices/$f/driver_override; setpci -s $f COMMAND=0; done")
