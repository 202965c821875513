"""rate= holds what the guest sends, follows the key while it is connected, and leaves what the guest receives alone."""
from labkit import ours


# Mbit/s; well below what the emulated host can do.
LIMIT, LOWER = 6, 2
SECONDS = 6
# A burst of 128 KiB is sent at once, headers count in the limit but not in iperf's figure, and a test of a few seconds ends late.
LEAST, MOST = 0.5, 1.5


def key(mbit):
    """As libxl writes it: bytes in each interval of 50 ms."""
    return f"{mbit * 1000000 // 8 // 20},50000"


def expect(lab, guest, limit):
    found = lab.tcp_from_guest(guest, lab.OUR_OUTSIDE, SECONDS)
    lab.check(LEAST * limit <= found <= MOST * limit, f"with a limit of {limit} Mbit/s the guest sends {found}")
    return found


def run(lab):
    lab.need_netvfd()
    guest = lab.guest("rate", [f"{ours.vif(1)},rate={LIMIT}Mb/s"])
    guest.configure("eth0", f"{ours.address(1)}/24")
    path = f"{lab.backend_path(guest)}/rate"
    lab.check(lab.xs_read(path) == key(LIMIT), f"libxl has written {lab.xs_read(path)} as the rate")
    # Frames that the VF segments count once in QEMU.
    with ours.ThroughVf(lab, guest, sent=50, received=50):
        figures = {"limited_mbps": expect(lab, guest, LIMIT)}
    received = lab.tcp_to_guest(guest, lab.OUR_OUTSIDE, SECONDS)
    lab.check(received > MOST * LIMIT, f"the guest receives {received} Mbit/s: the limit is for what it sends")
    lab.xs_write(path, key(LOWER))
    figures["lowered_mbps"] = expect(lab, guest, LOWER)
    lab.xs_write(path, "rather slow")
    figures["kept_mbps"] = expect(lab, guest, LOWER)
    lab.dom0(f"xenstore-rm {path}")
    free = lab.tcp_from_guest(guest, lab.OUR_OUTSIDE, SECONDS)
    lab.check(free > MOST * LIMIT, f"without a limit the guest sends {free} Mbit/s")
    lab.check(lab.show(guest)["counters"]["tx_dropped"] == 0, "frames beyond the limit were dropped, not held")
    return figures | {"free_mbps": free, "received_mbps": received}
