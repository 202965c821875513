"""xl shutdown of a guest under traffic: it powers off by itself, and its VF is idle."""
import time

from labkit import ours


def run(lab):
    guest = ours.guest_on_vf(lab, 1)
    idle = ours.idle_functions(lab)
    lab.outside.iperf_server()
    guest.exec(f"(iperf3 -c {lab.OUR_OUTSIDE} -t 60 >/dev/null 2>&1; true) &")
    with ours.ThroughVf(lab, guest, sent=20, received=20):
        time.sleep(2)
    started = time.monotonic()
    guest.shutdown()
    seconds = round(time.monotonic() - started, 1)
    lab.expect_leak_free()
    lab.check(ours.idle_functions(lab) == idle + 1, f"{ours.idle_functions(lab)} VFs are idle after the shutdown, {idle} were before")
    return {"shutdown_seconds": seconds}
