"""netvfd killed 12 times under load, so that some of the kills fall into a batch of pins: none of them stays pinned, ever."""
import re

from labkit import daemon, ours
from labkit.base import wait_for

LONG = True
TIMEOUT = 600
KILLS = 12
STREAM_SECONDS = 60


def run(lab):
    """TCP both ways keeps both rings' pages coming and going. The teardown looks for what Xen has left mapped."""
    guest = ours.guest_on_vf(lab, 1)
    before = lab.netvfd_log(lines=5000)
    for _ in range(KILLS):
        lab.first_ping(guest, lab.OUR_OUTSIDE, 40)
        lab.outside.iperf_server()
        guest.exec(f"(iperf3 -c {lab.OUR_OUTSIDE} --bidir -t {STREAM_SECONDS} >/dev/null 2>&1; true) &")
        wait_for("a stream to run", lambda: lab.show(guest)["counters"]["map_ops"] > 3000, 60, 0.2)
        lab.stop_netvfd("KILL")
        lab.start_netvfd()
        wait_for("the vif to be connected again", lambda: daemon.connected(lab, guest), 30, 0.2)
        guest.exec("killall iperf3", check=False)
        lab.outside.stop_all()
    log = lab.netvfd_log(lines=5000)[len(before):]
    batches = [(int(wanted), int(made)) for wanted, made in re.findall(r"(\d+) pins were under way when netvfd died; (\d+) had been made", log)]
    gone = sum(int(count) for count in re.findall(r"; (\d+) were released already", log))
    refused = sum(int(count) for count in re.findall(r"already, (\d+) refused", log))
    lab.check(refused == 0, f"Xen refused to release {refused} pages")
    lab.check(lab.netvf("list")["leaks"]["grants"] == 0, "Xen refused to release some page")
    return {"kills": KILLS, "kills_in_a_batch": len(batches), "pins_found": sum(made for _, made in batches), "gone_already": gone}
