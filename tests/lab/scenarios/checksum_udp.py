"""UDP datagrams of awkward lengths over IPv4 and IPv6, both ways through a VF: all arrive, and no checksum is wrong."""
from labkit import checksums, ours
from labkit.outside import parse_iperf

LONG = True

# netvfd copies this much of each frame: up to there a frame is sent from the copy, beyond it from the guest's page.
HEADER_COPY = 192
HEADERS = {4: 14 + 20 + 8, 6: 14 + 40 + 8}
MTU = 1500
# More than one frame has room for: the guest sends fragments, which have no L4 header that a VF may touch.
FRAGMENTED = 3001
PER_SECOND = 200
# A run in which checksums are wrong loses everything.
MAX_LOSS_PERCENT = 5.0
SOCKET_BUFFER = 8 << 20


def lengths(family):
    """Of the payload: the shortest that iperf3 can do, odd ones, around the end of the header copy, a full frame, fragments."""
    copied, full = HEADER_COPY - HEADERS[family], MTU + 14 - HEADERS[family]
    return 16, 17, copied - 1, copied, copied + 1, 1001, full, FRAGMENTED


def one_run(lab, guest, target, length, options):
    done = guest.exec(f"iperf3 -J -u -l {length} -b {8 * length * PER_SECOND} -t 1 -c {target} {options}", timeout=40, check=False)
    total = parse_iperf(done.out, done.err)["end"]["sum"]
    what = f"of {length} bytes {'from' if options else 'to'} {target}"
    lab.check(total["packets"] >= PER_SECOND // 2, f"only {total['packets']} datagrams {what} were sent")
    lab.check(total["lost_percent"] <= MAX_LOSS_PERCENT, f"{total['lost_percent']:.1f} % of the datagrams {what} were lost")
    return total["packets"]


def run(lab):
    guest = ours.guest_on_vf(lab)
    checksums.configure_ipv6(lab, guest)
    lab.outside.iperf_server()
    guest.exec(f"cd /proc/sys/net/core && echo {SOCKET_BUFFER} > rmem_max && echo {SOCKET_BUFFER} > rmem_default")
    mac = guest.exec("cat /sys/class/net/eth0/address").out.strip()
    targets = {4: lab.OUR_OUTSIDE, 6: checksums.OUTSIDE6}
    capture = lab.outside.capture("checksum_udp", f"ether src {mac} and udp")
    before = lab.show(guest)["counters"]
    sent = 0
    with checksums.NoErrors(lab, guest), ours.ThroughVf(lab, guest, sent=2000, received=2000):
        for family, target in targets.items():
            for length in lengths(family):
                packets = one_run(lab, guest, target, length, "")
                sent += packets if length != FRAGMENTED else 0
                one_run(lab, guest, target, length, "-R")
    after = lab.show(guest)["counters"]
    lab.outside.stop(capture)
    lab.check(after["tx_dropped"] == before["tx_dropped"], f"{after['tx_dropped'] - before['tx_dropped']} of the guest's frames were dropped")
    # tcpdump may miss some of them.
    counts = checksums.check_capture(lab, "checksum_udp", sent * 9 // 10)
    return {"datagrams": sent, "checksums_right": counts["right"], "checksums_left_to_the_outside": counts["blank"]}
