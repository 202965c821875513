"""Two queues on one vif: a guest with two vcpus sets up both, each with its own worker, and sends through both."""
from . import ours

QUEUES = 2
# Each connection keeps to one queue, chosen by a random hash: with four of them one time in eight all choose the same.
ATTEMPTS = 4


def check_setup(lab, guest):
    """Both ends have agreed on two queues, with an event channel for each ring."""
    backend, frontend = lab.backend_path(guest), f"/local/domain/{guest.domid}/device/vif/0"
    lab.check(lab.xs_read(f"{backend}/multi-queue-max-queues") == str(QUEUES), "two queues were not offered")
    lab.check(lab.xs_read(f"{backend}/feature-split-event-channels") == "1", "split event channels were not offered")
    lab.check(lab.xs_read(f"{frontend}/multi-queue-num-queues") == str(QUEUES), "the guest has not set up two queues")
    for queue in range(QUEUES):
        channels = {lab.xs_read(f"{frontend}/queue-{queue}/event-channel-{ring}") for ring in ("tx", "rx")}
        lab.check(None not in channels and len(channels) == 2, f"queue {queue} has no two event channels: {channels}")
    inside = sorted(guest.exec("ls /sys/class/net/eth0/queues").out.split())
    lab.check(inside == ["rx-0", "rx-1", "tx-0", "tx-1"], f"the guest's eth0 has the queues {inside}")
    lab.check(len(lab.show(guest)["queues"]) == QUEUES, "netvf show does not tell of two queues")


def sent_by_queue(lab, guest):
    return [queue["tx_packets"] for queue in lab.show(guest)["queues"]]


def spread(lab, guest):
    """TCP by four connections, out of the guest and into it, until both queues have sent."""
    for attempt in range(1, ATTEMPTS + 1):
        with ours.ThroughVf(lab, guest, sent=500, received=500):
            out = lab.tcp_from_guest(guest, lab.OUR_OUTSIDE, options="-P 4")
            back = lab.tcp_from_guest(guest, lab.OUR_OUTSIDE, options="-P 4 -R")
        sent = sent_by_queue(lab, guest)
        if all(count > 100 for count in sent):
            return {"tcp_tx_mbps": out, "tcp_rx_mbps": back, "sent_by_queue": sent, "attempts": attempt}
    raise lab.Fail(f"after {ATTEMPTS} times four connections the queues have sent {sent} packets")


def guest_with_two(lab, **options):
    guest = ours.guest_on_vf(lab, vcpus=2, memory=192, **options)
    check_setup(lab, guest)
    lab.outside.iperf_server()
    return guest


def check_traffic(lab, guest):
    """Both queues carry something, nothing is lost or refused, and the figures of the queues are those of the vif."""
    figures = spread(lab, guest)
    ping = lab.ping(guest, lab.OUR_OUTSIDE, 30)
    lab.check(ping["loss_percent"] == 0, f"{ping['loss_percent']} % of the pings were lost")
    shown = lab.show(guest)
    for key in ("tx_packets", "rx_packets", "tx_dropped", "missed_wakeups"):
        total = sum(queue[key] for queue in shown["queues"])
        lab.check(total == shown["counters"][key], f"the queues' {key} add up to {total}, the vif's are {shown['counters'][key]}")
    lab.check(shown["counters"]["tx_dropped"] == 0, f"{shown['counters']['tx_dropped']} of the guest's frames were refused")
    return figures | {"received_by_queue": [queue["rx_packets"] for queue in shown["queues"]],
                      "missed_wakeups": shown["counters"]["missed_wakeups"]}
