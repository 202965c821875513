"""A running vif that goes from one translation to the other, under a TCP stream of its guest."""
import time

from . import device, moving, ours
from .base import wait_for
from .teardown import dmar_faults

# While the stream runs. More than the pings that go with it (ten a second) are of themselves.
WINDOW, SENT, RECEIVED = 1.5, 50, 30
# The VF's reset and its queues' stop take tens of milliseconds under emulation; netfront's TCP has its first retry after 200.
LONGEST_MS = 1000
# A ping every 100 ms meets an outage now and then, and the emulator is late with one now and then.
LOST_EACH = 2
STATES = "/tmp/netvf-states"


class StateLog:
    """with StateLog(lab, guest) as log: what netvf/state says, looked at as often as dom0 can; log.seen afterwards."""

    def __init__(self, lab, guest):
        self.lab, self.path = lab, f"{lab.backend_path(guest)}/netvf/state"

    def __enter__(self):
        self.lab.dom0(f"rm -f {STATES} {STATES}.stop")
        self.lab.agent.spawn(f"bash -c 'until [ -e {STATES}.stop ]; do xenstore-read {self.path} >> {STATES}; sleep 0.05; done'", f"{STATES}.log")
        return self

    def __exit__(self, *_):
        self.lab.dom0(f"touch {STATES}.stop", check=False)
        self.seen = self.lab.dom0(f"sort -u {STATES}", check=False).out.split()


def switch(lab, guest, way):
    """netvf set; returns its answer, held against xenstore."""
    path = lab.backend_path(guest)
    answer = lab.netvf(f"set {guest.domid}/0 translation={way}")
    found = {key: lab.xs_read(f"{path}/netvf/{key}") for key in ("state", "translation", "request-translation")}
    wanted = {"state": "connected", "translation": way, "request-translation": way}
    lab.check(found == wanted, f"after a switch to {way} xenstore says {found}")
    lab.check(answer["translation"] == way, f"after a switch to {way} netvf says {answer}")
    return answer


def carries(lab, guest, way):
    """The stream goes through the VF, and with grant operations only where it has to."""
    before = lab.show(guest)["counters"]["map_ops"]
    with ours.ThroughVf(lab, guest, sent=SENT, received=RECEIVED):
        time.sleep(WINDOW)
    pinned = lab.show(guest)["counters"]["map_ops"] - before
    lab.check((pinned > 0) == (way == "host"), f"{pinned} pages were pinned while the vif was on {way}")


def back_and_forth(lab, times, pace=8, look_at_each=1):
    """Out of the guest's IOMMU context and into it again, so many times: a switch every `pace` seconds, and a look at what the VF
    carries, which takes as long as two switches under emulation, after each `look_at_each`-th (an odd number: both ways get theirs)."""
    guest = ours.guest_on_vf(lab, 1, "switching", extra=ours.PASSTHROUGH)
    shown = lab.show(guest)
    lab.check(shown["translation"] == "iommu", f"translation is {shown['translation']}: {shown.get('translation_reason')}")
    vf = ours.serving_vf(lab, guest)
    stream = moving.Stream(lab, guest, pace * (2 * times + 2), ours.address(1))
    outages = []
    with device.Unnoticed(lab, guest), StateLog(lab, guest) as states:
        for number in range(2 * times):
            time.sleep(max(0, stream.started + pace * (number + 1) - time.monotonic()))
            way = ("host", "iommu")[number % 2]
            outages.append(switch(lab, guest, way)["outage_ms"])
            if number % look_at_each == 0:
                carries(lab, guest, way)
        figures = stream.finish()
    lab.check(states.seen == ["connected"], f"netvf/state was seen as {states.seen}")
    lab.check(min(outages) > 0, "a switch had no outage at all: was it one?")
    lab.check(max(outages) <= LONGEST_MS, f"an outage of {max(outages)} ms")
    lost = stream.lost()
    lab.check(lost <= LOST_EACH * len(outages), f"{lost} pings were lost in {len(outages)} switches")
    lab.check(device.works_through_vf(lab, guest) == vf, "the vif has changed its VF")
    faults = dmar_faults(lab.xen_log())
    lab.check(not faults, f"{len(faults)} DMAR faults, the first: {faults[:1]}")
    return guest, figures | {"switches": len(outages), "outage_ms": max(outages), "lost": lost}


def outlives_the_daemon(lab, guest, way):
    """What has been asked for last holds with the next netvfd as well."""
    switch(lab, guest, way)
    lab.stop_netvfd()
    lab.start_netvfd()
    path = lab.backend_path(guest)
    wait_for("the vif to be served again", lambda: lab.xs_read(f"{path}/netvf/state") == "connected", 20, 0.2)
    found = lab.xs_read(f"{path}/netvf/translation")
    lab.check(found == way, f"{way} had been asked for, and the next netvfd gives the vif {found}")
    device.works_through_vf(lab, guest)
