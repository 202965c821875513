"""One guest with a vif of ours and one of the kernel's: both carry traffic at once, neither side takes the other's."""
from labkit import mainjob, ours


def run(lab):
    guest = mainjob.start_guest(lab, "both")
    driver = lab.dom0(f"basename $(readlink /sys/bus/xen-backend/devices/vif-{guest.domid}-1/driver)").out.strip()
    lab.check(driver == "vif", f"the kernel's vif is driven by {driver}")
    lab.check(lab.xs_read(f"{lab.backend_path(guest, 1)}/netvf/vf") is None, "netvfd has claimed the kernel's vif")
    with ours.ThroughVf(lab, guest, sent=100, received=100):
        through_vf, beside = lab.tcp_at_once((guest, lab.OUR_OUTSIDE), (guest, lab.KERNEL_OUTSIDE, 4, 5202))
    for target in (lab.OUR_OUTSIDE, lab.KERNEL_OUTSIDE):
        ping = lab.ping(guest, target, 30)
        lab.check(ping["loss_percent"] == 0, f"{ping['loss_percent']} % of the pings to {target} were lost")
    return {"tcp_tx_mbps": through_vf, "kernel_tcp_tx_mbps": beside}
