"""Frontends that come and go by themselves: netfront's module unloaded and loaded again."""
import time

from . import ours
from .base import wait_for

MODULE = "/modules/xen-netfront.ko"
# Linux' xenbus holds the module for as long as it drives a device.
UNLOAD = "cd /sys/bus/xen/drivers/vif && for vif in vif-*; do echo $vif > unbind; done; rmmod xen-netfront"


def state(lab, guest):
    return lab.xs_read(f"{lab.backend_path(guest)}/state")


def unload(lab, guest, round_):
    guest.exec(UNLOAD, timeout=40)
    wait_for(f"the backend to be closed after unload {round_}", lambda: state(lab, guest) == "6", 10, 0.2)
    kept = lab.xs_read(f"{lab.backend_path(guest)}/netvf/state")
    lab.check(kept == "closed", f"after unload {round_} netvf/state is '{kept}', not 'closed'")
    live = lab.netvf("list")["leaks"]["live"]
    lab.check(live == 0, f"{live} pages are pinned although the guest has no driver any more (unload {round_})")


def reload_repeatedly(lab, times):
    guest = ours.guest_on_vf(lab, 1)
    vf, idle = ours.serving_vf(lab, guest), ours.idle_functions(lab)
    lab.check(guest.exec(f"test -f {MODULE}", check=False).rc == 0, f"the guest has no {MODULE} to load")
    started = time.monotonic()
    for round_ in range(1, times + 1):
        unload(lab, guest, round_)
        guest.exec(f"insmod {MODULE}", timeout=40)
        guest.configure("eth0", f"{ours.address(1)}/24")
        with ours.ThroughVf(lab, guest, sent=5, received=5) as through:
            ping = lab.ping(guest, lab.OUR_OUTSIDE, 5, 0.1)
        lab.check(ping["received"] == 5, f"{5 - ping['received']} of 5 pings were lost after load {round_}")
        lab.check(through.vf == vf, f"the vif had VF {vf} and has {through.vf} after load {round_}")
    lab.check(ours.idle_functions(lab) == idle, f"{idle} VFs were idle before, {ours.idle_functions(lab)} are after")
    return {"times": times, "seconds_each": round((time.monotonic() - started) / times, 1)}
