"""TCP into a guest beside the kernel's netback, with frames of 1500 bytes, a third of a slot, and of 9000, which fill slots."""
from labkit import mainjob, ours
from labkit.base import wait_for

LONG = True
TIMEOUT = 900
MTUS = (1500, 9000)
ROUNDS = 5


def set_mtu(lab, mtu):
    lab.dom0(f"ip link set eth0 mtu {mtu} && ip link set xenbr0 mtu {mtu}")
    lab.outside.run(["ip", "link", "set", "tap0", "mtu", mtu])


def start(lab, mtu):
    lab.need_netvfd()
    guest = lab.guest(f"slots{mtu}", [f"{ours.vif(1)},mtu={mtu}", f"{ours.kernel_vif(1)},mtu={mtu}"], extra=ours.PASSTHROUGH)
    for devid, network in ((0, "10.77"), (1, "10.78")):
        guest.configure(f"eth{devid}", f"{network}.0.2/24")
        guest.exec(f"ip link set eth{devid} mtu {mtu}")
    return guest


def run(lab):
    idle, figures = ours.idle_functions(lab), {}
    try:
        for mtu in MTUS:
            # The PF resets when its MTU changes: no VF of it should be at work then.
            set_mtu(lab, mtu)
            guest = start(lab, mtu)
            found = mainjob.measure(lab, guest, mainjob.BESIDE_KERNEL, ROUNDS)
            for way in ("tx", "rx"):
                ratio = round(found[f"tcp_{way}_mbps"] / found[f"kernel_tcp_{way}_mbps"], 2)
                figures |= {f"{mtu}_{key}_{way}": value for key, value in (("mbps", found[f"tcp_{way}_mbps"]),
                                                                           ("kernel_mbps", found[f"kernel_tcp_{way}_mbps"]), ("ratio", ratio))}
            guest.destroy()
            wait_for("the VF to be idle again", lambda: ours.idle_functions(lab) == idle, 15, 0.5)
    finally:
        set_mtu(lab, 1500)
    return figures
