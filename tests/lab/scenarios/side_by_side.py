"""One guest with a vif of ours and one of the kernel's: both carry traffic at once, neither side takes the other's."""
import threading

from labkit import mainjob, ours
from labkit.base import Fail


def run(lab):
    guest = mainjob.start_guest(lab, "both")
    driver = lab.dom0(f"basename $(readlink /sys/bus/xen-backend/devices/vif-{guest.domid}-1/driver)").out.strip()
    lab.check(driver == "vif", f"the kernel's vif is driven by {driver}")
    lab.check(lab.xs_read(f"{lab.backend_path(guest, 1)}/netvf/vf") is None, "netvfd has claimed the kernel's vif")
    lab.outside.iperf_server(5202)
    results = {}

    def kernel_side():
        try:
            results["kernel"] = lab.tcp_from_guest(guest, lab.KERNEL_OUTSIDE, port=5202)
        except Fail as fault:
            results["kernel"] = fault

    with ours.ThroughVf(lab, guest, sent=100, received=100):
        beside = threading.Thread(target=kernel_side)
        beside.start()
        through_vf = lab.tcp_from_guest(guest, lab.OUR_OUTSIDE)
        beside.join()
    if isinstance(results["kernel"], Fail):
        raise results["kernel"]
    for target in (lab.OUR_OUTSIDE, lab.KERNEL_OUTSIDE):
        ping = lab.ping(guest, target, 30)
        lab.check(ping["loss_percent"] == 0, f"{ping['loss_percent']} % of the pings to {target} were lost")
    return {"tcp_tx_mbps": through_vf, "kernel_tcp_tx_mbps": results["kernel"]}
