"""The lab's base line: a stock guest reaches the outside through the kernel's xen-netback and the bridge."""
from labkit import ours

# Its short form is side_by_side.
LONG = True


def run(lab):
    guest = lab.guest("kernel", [ours.kernel_vif(1)])
    guest.configure("eth0", "10.78.0.2/24")
    ping = lab.ping(guest, lab.KERNEL_OUTSIDE, 50)
    lab.check(ping["loss_percent"] == 0, f"{ping['loss_percent']} % of the pings were lost")
    return {"kernel_ping_avg_us": ping["avg_us"], "kernel_tcp_tx_mbps": lab.tcp_from_guest(guest, lab.KERNEL_OUTSIDE),
            "kernel_tcp_rx_mbps": lab.tcp_to_guest(guest, lab.KERNEL_OUTSIDE)}
