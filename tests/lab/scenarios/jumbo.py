"""An MTU of 9000 from the guest to the outside: frames of that size both ways, none larger; refused while the PF has less."""
from labkit import ours


MTU = 9000
# Echo data of a frame of just that size: less the IPv4 and ICMP headers.
PING = MTU - 28


def jumbo_guest(lab):
    guest = lab.guest("jumbo", [ours.vif(1, mtu=MTU)])
    guest.configure("eth0", f"{ours.address(1)}/24", MTU)
    return guest


def large_pings(lab, guest):
    """Frames of the full size, both ways, unfragmented."""
    cable = lab.outside.capture("jumbo", "icmp")
    with ours.ThroughVf(lab, guest, sent=20, received=20):
        ping = lab.ping(guest, lab.OUR_OUTSIDE, 20, size=PING)
    lab.outside.stop(cable)
    lab.check(ping["received"] >= 19, f"{20 - ping['received']} of 20 pings of {PING} bytes were lost")
    whole = len(lab.outside.packets("jumbo", f"icmp and len == {MTU + 14}"))
    lab.check(whole >= 38, f"only {whole} frames of {MTU + 14} bytes were seen on the cable: the pings went in fragments")


def run(lab):
    plain = ours.plain_guest(lab)
    refused = ours.expect_refusal(lab, plain, ours.vif(2, mtu=MTU), ["MTU", "eth0", "1500"])
    with ours.WireMtu(lab, MTU):
        too_large = ours.expect_refusal(lab, plain, ours.vif(2, mtu=MTU + 1), ["9000"])
        guest = jumbo_guest(lab)
        large_pings(lab, guest)
        figures = {"tcp_tx_mbps": lab.tcp_from_guest(guest, lab.OUR_OUTSIDE), "tcp_rx_mbps": lab.tcp_to_guest(guest, lab.OUR_OUTSIDE)}
        # Beyond the MTU of the vif, whatever the guest thinks its own is.
        before = lab.show(guest)["counters"]["tx_dropped"]
        guest.exec(f"ip link set eth0 mtu {MTU + 500}")
        over = lab.ping(guest, lab.OUR_OUTSIDE, 5, size=PING + 400)
        lab.check(over["received"] == 0, "a frame beyond the MTU of the vif went through")
        dropped = lab.show(guest)["counters"]["tx_dropped"] - before
        lab.check(dropped >= 5, f"{dropped} frames beyond the MTU were counted as dropped, 5 were sent")
        guest.destroy()
    return figures | {"refused": [refused["sentence"], too_large["sentence"]]}
