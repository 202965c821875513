"""A guest with netvf-front is saved and restored: it finds another backend directory and connects anew, by itself."""
from labkit import moving, ours, tapfront
from labkit.base import wait_for

# The other scenarios of netvf-front are default ones; this one takes half a minute more.
LONG = True

PINGS = 30


def run(lab):
    lab.need_netvfd()
    guest = lab.guest("tapm", [ours.vif(1)])
    tapfront.unload_netfront(lab, guest)
    tapfront.start(lab, guest, ours.address(1))
    with ours.ThroughVf(lab, guest, sent=PINGS, received=PINGS):
        tapfront.pings(lab, guest, lab.OUR_OUTSIDE, PINGS, "before the save")
    before = tapfront.said(guest)
    moving.save(lab, guest)
    moving.restore(lab, guest)
    wait_for("netvf-front to say that it is connected again",
             lambda: len(tapfront.said(guest)) > len(before) and tapfront.said(guest).endswith(": connected"), 20, 0.3)
    tapfront.check_frontend(lab, guest)
    with ours.ThroughVf(lab, guest, sent=PINGS, received=PINGS):
        average = tapfront.pings(lab, guest, lab.OUR_OUTSIDE, PINGS, "after the restore")
    # It is not ended: the guest's kernel would stop at a BUG (netvf-front(8)). The guest is destroyed with it.
    return {"ping_avg_us": average}
