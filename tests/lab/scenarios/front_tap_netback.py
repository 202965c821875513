"""netvf-front against the kernel's own netback: the frontend is no friend of our backend's only."""
from labkit import ours, tapfront

# guest_front_netback, a default one, shows the same of the library.
LONG = True

PINGS = 30
ADDRESS = "10.78.0.2"
# Frames by the vif's interface in dom0, which an iperf3 run must leave there.
LEAST = 500


def by_interface(lab, guest, which):
    return int(lab.dom0(f"cat /sys/class/net/vif{guest.domid}.0/statistics/{which}_packets").out)


def run(lab):
    guest = lab.guest("tapk", [ours.kernel_vif(1)])
    tapfront.unload_netfront(lab, guest)
    tapfront.start(lab, guest, ADDRESS)
    tapfront.check_frontend(lab, guest)
    lab.check(lab.xs_read(f"{lab.backend_path(guest)}/netvf/state") is None, "netvfd has the vif")
    average = tapfront.pings(lab, guest, lab.KERNEL_OUTSIDE, PINGS, "at first")
    before = {which: by_interface(lab, guest, which) for which in ("rx", "tx")}
    out = lab.tcp_from_guest(guest, lab.KERNEL_OUTSIDE)
    back = lab.tcp_to_guest(guest, lab.KERNEL_OUTSIDE)
    for which, count in before.items():
        grown = by_interface(lab, guest, which) - count
        lab.check(grown >= LEAST, f"only {grown} packets went by netback's interface ({which})")
    tapfront.stop(lab, guest)
    tapfront.start(lab, guest, ADDRESS)
    tapfront.pings(lab, guest, lab.KERNEL_OUTSIDE, PINGS, "after a close")
    return {"kernel_ping_avg_us": average, "kernel_tcp_tx_mbps": out, "kernel_tcp_rx_mbps": back}
