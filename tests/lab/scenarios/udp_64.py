"""64-byte UDP both ways through a VF: at a modest rate none is lost, and a burst of small packets stops nothing."""
from labkit import ours
from labkit.outside import parse_iperf

RATE = "400K"
# A datagram that came by netfront counts a whole page in its socket's buffer: the default one is full with 43 of them, which
# under emulation is less than a scheduling pause. That is no matter of the vif; nor are a few lost in a larger one.
SOCKET_BUFFER = 8 << 20
MAX_LOSS_PERCENT = 1.0
BURST = 20000


def udp(lab, guest, options=""):
    done = guest.exec(f"iperf3 -J -u -l 64 -b {RATE} -t 5 -c {lab.OUR_OUTSIDE} {options}", timeout=50, check=False)
    total = parse_iperf(done.out, done.err)["end"]["sum"]
    lab.check(total["lost_percent"] <= MAX_LOSS_PERCENT, f"{total['lost_percent']:.1f} % of the datagrams were lost ({options or 'sending'})")
    return round(total["packets"] / total["seconds"])


def burst(lab, guest):
    """As many 60-byte frames as the guest can send, by the kernel's packet generator; packets per second on the wire."""
    target = lab.outside.run(["cat", "/sys/class/net/tap0/address"]).stdout.strip()
    lines = ["rem_device_all", "add_device eth0"], [f"count {BURST}", "pkt_size 60", "delay 0", f"dst {lab.OUR_OUTSIDE}", f"dst_mac {target}"]
    commands = [f"echo {line} > /proc/net/pktgen/kpktgend_0" for line in lines[0]]
    commands += [f"echo '{line}' > /proc/net/pktgen/eth0" for line in lines[1]]
    guest.more_drivers()
    guest.exec("; ".join(commands))
    guest.exec("echo start > /proc/net/pktgen/pgctrl", timeout=90)
    said = guest.exec("cat /proc/net/pktgen/eth0").out
    rates = [int(word.removesuffix("pps")) for word in said.split() if word.endswith("pps")]
    lab.check(rates, f"pktgen sent nothing: {said[-200:]}")
    return rates[0]


def run(lab):
    guest = ours.guest_on_vf(lab)
    lab.outside.iperf_server()
    guest.exec(f"cd /proc/sys/net/core && echo {SOCKET_BUFFER} > rmem_max && echo {SOCKET_BUFFER} > rmem_default")
    with ours.ThroughVf(lab, guest, sent=1500, received=1500):
        figures = {"udp_tx_pps": udp(lab, guest), "udp_rx_pps": udp(lab, guest, "-R")}
    with ours.ThroughVf(lab, guest, sent=BURST // 2, received=0):
        figures["burst_pps"] = burst(lab, guest)
    ping = lab.ping(guest, lab.OUR_OUTSIDE, 20)
    lab.check(ping["loss_percent"] == 0, "the vif is deaf after the burst")
    return figures
