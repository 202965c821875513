"""TCP both ways through a VF, one after the other and at once, and every byte arrives as it was sent."""
from labkit import ours

MEGABYTES = 8


def check_content(lab, guest):
    """A file out of the guest and back in: checksums of what the guest and the outside have."""
    lab.outside.run(["rm", "-f", f"{lab.machine.out}/sent"])
    server = lab.outside.start(["socat", "-u", "TCP-LISTEN:7000,reuseaddr", f"OPEN:{lab.machine.out}/sent,creat,trunc"], "socat.log")
    guest.exec(f"dd if=/dev/urandom of=/tmp/data bs=1M count={MEGABYTES} 2>/dev/null")
    guest.exec(f"nc {lab.OUR_OUTSIDE} 7000 < /tmp/data", timeout=60)
    server.wait(10)
    wanted = guest.exec("md5sum < /tmp/data").out.split()[0]
    seen = lab.outside.run(["md5sum", f"{lab.machine.out}/sent"]).stdout.split()[0]
    lab.check(seen == wanted, "what the guest sent did not arrive as it was")
    lab.outside.start(["socat", "-u", f"OPEN:{lab.machine.out}/sent,rdonly", "TCP-LISTEN:7001,reuseaddr"], "socat.log")
    back = guest.exec(f"sleep 0.5; nc {lab.OUR_OUTSIDE} 7001 < /dev/null | md5sum", timeout=60).out.split()[0]
    lab.check(back == wanted, "what was sent to the guest did not arrive as it was")


def run(lab):
    guest = ours.guest_on_vf(lab)
    with ours.ThroughVf(lab, guest, sent=1000, received=1000):
        figures = {"tcp_tx_mbps": lab.tcp_from_guest(guest, lab.OUR_OUTSIDE), "tcp_rx_mbps": lab.tcp_to_guest(guest, lab.OUR_OUTSIDE)}
        check_content(lab, guest)
        out, back = lab.tcp_at_once((guest, lab.OUR_OUTSIDE), (guest, lab.OUR_OUTSIDE, 4, 5202, "-R"))
    return figures | {"both_tx_mbps": out, "both_rx_mbps": back}
