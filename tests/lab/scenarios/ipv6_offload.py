"""TCP and UDP over IPv6 both ways through a VF, which finishes the guest's checksums and segments its TCP; nobody sees a wrong checksum."""
from labkit import checksums, ours
from labkit.outside import parse_iperf


OFFERED = ("feature-gso-tcpv4", "feature-gso-tcpv6", "feature-ipv6-csum-offload")
USED = ("tx-checksum-ipv4", "tx-checksum-ipv6", "tx-tcp-segmentation", "tx-tcp6-segmentation")
DATAGRAM = 1201     # odd, and within one frame
RATE = "2M"
# As in udp_64: an emulated guest's pauses cost datagrams, wrong checksums would cost all of them.
MAX_LOSS_PERCENT = 2.0
SOCKET_BUFFER = 8 << 20


def check_features(lab, guest):
    path = lab.backend_path(guest)
    for key in OFFERED:
        lab.check(lab.xs_read(f"{path}/{key}") == "1", f"{key} is not offered")
    shown = guest.exec("ethtool -k eth0").out
    state = dict(line.strip().split(": ", 1) for line in shown.splitlines() if ": " in line)
    for name in USED:
        lab.check(state.get(name, "").startswith("on"), f"the guest has {name} {state.get(name)}")


def tcp_out(lab, guest):
    """Mbit/s, and how many frames the VF made of each of the guest's."""
    before = lab.show(guest)["counters"]
    rate = lab.tcp_from_guest(guest, checksums.OUTSIDE6)
    after = lab.show(guest)["counters"]
    packets, segments = (after[key] - before[key] for key in ("tx_packets", "tx_segments"))
    lab.check(packets > 0 and segments > packets, f"the VF segmented nothing: {packets} packets left as {segments}")
    lab.check(after["tx_dropped"] == before["tx_dropped"], f"{after['tx_dropped'] - before['tx_dropped']} of the guest's frames were dropped")
    return rate, round(segments / packets, 1)


def udp(lab, guest, options=""):
    done = guest.exec(f"iperf3 -J -u -l {DATAGRAM} -b {RATE} -t 4 -c {checksums.OUTSIDE6} {options}", timeout=50, check=False)
    total = parse_iperf(done.out, done.err)["end"]["sum"]
    lab.check(total["packets"] >= 400, f"only {total['packets']} datagrams were sent ({options or 'sending'})")
    lab.check(total["lost_percent"] <= MAX_LOSS_PERCENT, f"{total['lost_percent']:.1f} % of the datagrams were lost ({options or 'sending'})")


def captured(lab, guest):
    """A second of TCP and of UDP, each checksum looked at."""
    mac = guest.exec("cat /sys/class/net/eth0/address").out.strip()
    capture = lab.outside.capture("ipv6_offload", f"ether src {mac} and ip6 and (tcp or udp)")
    lab.tcp_from_guest(guest, checksums.OUTSIDE6, seconds=1)
    udp(lab, guest)
    lab.outside.stop(capture)
    return checksums.check_capture(lab, "ipv6_offload", 400)


def run(lab):
    guest = ours.guest_on_vf(lab)
    checksums.configure_ipv6(lab, guest)
    check_features(lab, guest)
    lab.outside.iperf_server()
    guest.exec(f"cd /proc/sys/net/core && echo {SOCKET_BUFFER} > rmem_max && echo {SOCKET_BUFFER} > rmem_default")
    with checksums.NoErrors(lab, guest), ours.ThroughVf(lab, guest, sent=1000, received=1000):
        ping = lab.ping(guest, checksums.OUTSIDE6, 20)
        lab.check(ping["loss_percent"] == 0, f"{ping['loss_percent']} % of the pings were lost")
        sent_mbps, per_packet = tcp_out(lab, guest)
        received_mbps = lab.tcp_to_guest(guest, checksums.OUTSIDE6)
        udp(lab, guest)
        udp(lab, guest, "-R")
        counts = captured(lab, guest)
    return {"tcp6_tx_mbps": sent_mbps, "tcp6_rx_mbps": received_mbps, "segments_per_packet": per_packet,
            "checksums_right": counts["right"], "checksums_left_to_the_outside": counts["blank"]}
