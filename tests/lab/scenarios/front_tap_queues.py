"""netvf-front with two queues and split event channels: both send, nothing is lost or refused."""
from labkit import ours, queues, tapfront

# The other scenarios of netvf-front are default ones; this one takes half a minute more.
LONG = True


def run(lab):
    lab.need_netvfd()
    guest = lab.guest("tapq", [ours.vif(1)], vcpus=2, memory=192)
    tapfront.unload_netfront(lab, guest)
    tapfront.start(lab, guest, ours.address(1), f"--queues {queues.QUEUES}")
    tapfront.check_frontend(lab, guest, queues.QUEUES)
    frontend = f"/local/domain/{guest.domid}/device/vif/0"
    for queue in range(queues.QUEUES):
        channels = {lab.xs_read(f"{frontend}/queue-{queue}/event-channel-{ring}") for ring in ("tx", "rx")}
        lab.check(None not in channels and len(channels) == 2, f"queue {queue} has no two event channels: {channels}")
    inside = sorted(guest.exec(f"ls /sys/class/net/{tapfront.TAP}/queues").out.split())
    lab.check(inside == ["rx-0", "rx-1", "tx-0", "tx-1"], f"the guest's {tapfront.TAP} has the queues {inside}")
    lab.outside.iperf_server()
    figures = queues.check_traffic(lab, guest)
    tapfront.stop(lab, guest)
    return figures
