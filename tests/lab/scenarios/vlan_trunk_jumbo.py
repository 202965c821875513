"""A trunk with an MTU of 9000: frames of that size with a tag, both ways, also those whose tag has to be put back."""
from labkit import ours, vlans
from labkit.trunk import VLANS, broadcasts, outside_address, outside_vlans, trunk_guest


LONG = True
MTU = 9000
# Echo data of a frame of just that size: less the IPv4 and ICMP headers.
PING = MTU - 28


def large_pings(lab, guest, target):
    cable = lab.outside.capture("jumbo", "icmp or vlan")
    with ours.ThroughVf(lab, guest, sent=20, received=20):
        ping = lab.ping(guest, target, 20, size=PING)
    lab.outside.stop(cable)
    lab.check(ping["received"] >= 19, f"{20 - ping['received']} of 20 pings of {PING} bytes to {target} were lost")
    whole = len(lab.outside.packets("jumbo", f"len >= {MTU + 14}"))
    lab.check(whole >= 38, f"only {whole} frames of {MTU + 14} bytes or more were seen on the cable: the pings went in fragments")


def run(lab):
    lab.need_netvfd()
    outside_vlans(lab)
    with ours.WireMtu(lab, MTU, ("tap0", *map(vlans.device, VLANS))):
        guest = trunk_guest(lab, 1, MTU)
        for target in (lab.OUR_OUTSIDE, *map(outside_address, VLANS)):
            large_pings(lab, guest, target)
        # Their tags are taken off: so these are put together from the last buffer's tag and the first buffer's addresses.
        for size in (PING, 3072 - 42, 3073 - 42, 6144 - 42, 1400):
            broadcasts(lab, guest, size)
        lab.outside.iperf_server()
        figures = {"tcp_tx_mbps": lab.tcp_from_guest(guest, outside_address(VLANS[0])), "tcp_rx_mbps": lab.tcp_to_guest(guest, outside_address(VLANS[0]))}
        guest.destroy()
    return figures
