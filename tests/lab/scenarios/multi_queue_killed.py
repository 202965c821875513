"""netvfd killed while a guest sends through two queues: both queues' pages are given back, and the guest goes on with both."""
from labkit import daemon, ours, queues
from labkit.base import wait_for


TRANSFER_SECONDS = 60


def run(lab):
    guest = queues.guest_with_two(lab)
    guest.exec(f"(iperf3 -c {lab.OUR_OUTSIDE} -P 4 -t {TRANSFER_SECONDS} >/dev/null 2>&1; true) &")
    # Each queue's receive buffers, at most 256, are pinned all the time: more than that are two queues'.
    wait_for("the pages of both queues to be pinned", lambda: lab.netvf("list")["leaks"]["live"] > 256, 20, 0.5)
    lab.stop_netvfd("KILL")
    journals = sorted(lab.dom0("ls /run/netvf/journal").out.split())
    name = f"{guest.domid}-0"
    lab.check(journals == [name, f"{name}.q1"], f"after the kill the journals are {journals}")
    lab.start_netvfd()
    wait_for("the vif to be connected again", lambda: daemon.connected(lab, guest), 20, 0.2)
    wait_for("a ping to pass again", lambda: lab.ping(guest, lab.OUR_OUTSIDE, 1, 0.2)["received"] == 1, 40, 0.1)
    log = lab.netvfd_log()
    for journal in journals:
        lab.check(f"vif {journal}: released" in log, f"the new netvfd does not say that it released the pages of {journal}")
    lab.check(lab.netvf("list")["leaks"]["grants"] == 0, "Xen refused to release some page")
    guest.exec("killall iperf3", check=False)
    lab.outside.stop_all()
    lab.outside.iperf_server()
    queues.check_setup(lab, guest)
    with ours.ThroughVf(lab, guest, sent=500, received=100):
        rate = lab.tcp_from_guest(guest, lab.OUR_OUTSIDE, options="-P 4")
    return {"tcp_tx_mbps_after": rate, "missed_wakeups": lab.show(guest)["counters"]["missed_wakeups"]}
