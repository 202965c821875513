"""vifs made by hand in xenstore, past xl and past the guest: what a broken toolstack or a hostile guest could write."""
import shlex

from .base import wait_for

DEADLINE = 8
# States of netvf/state in which a vif is out of service with a reason given.
DOWN = ("refused", "fault")


def paths(lab, guest, devid):
    return lab.backend_path(guest, devid), f"/local/domain/{guest.domid}/device/vif/{devid}"


def write(lab, base, keys):
    """All keys in one transaction, as xl does it."""
    pairs = " ".join(f"{shlex.quote(f'{base}/{key}')} {shlex.quote(str(value))}" for key, value in keys.items())
    lab.dom0(f"xenstore-write -- {pairs}")  # --: a value may begin with a dash


def vif(lab, guest, devid, **changed):
    """Both ends as libxl writes them, with some of the backend's keys changed."""
    back, front = paths(lab, guest, devid)
    # The frontend's end is the guest's and must be there first: the backend's state starts everything.
    lab.dom0(f"xenstore-write {front}/backend {back} {front}/backend-id 0 {front}/handle {devid} {front}/state 1; "
             f"xenstore-chmod {front} n{guest.domid} r0")
    keys = {"frontend": front, "frontend-id": guest.domid, "online": 1, "script": "/etc/xen/scripts/vif-netvf", "handle": devid,
            "mac": f"00:16:3e:00:02:{devid:02x}", "bridge": "eth0", "type": "vif", "hotplug-status": "", "state": 1}
    write(lab, back, keys | {key.replace("_", "-"): value for key, value in changed.items()})


def frontend(lab, guest, devid, keys):
    """What the guest writes before it declares itself connected."""
    _, front = paths(lab, guest, devid)
    write(lab, front, keys | {"state": 4})


def expect_refused(lab, guest, devid, words):
    back, _ = paths(lab, guest, devid)
    wait_for(f"vif {guest.domid}/{devid} to be refused", lambda: lab.xs_read(f"{back}/netvf/state") in DOWN, DEADLINE, 0.3)
    sentence = lab.xs_read(f"{back}/netvf/error") or ""
    missing = [word for word in words if word.lower() not in sentence.lower()]
    lab.check(sentence and not missing, f"vif {guest.domid}/{devid} is refused with '{sentence}', without a word of {missing}")
    lab.need_netvfd()


def expect_never_connected(lab, guest, devid):
    """Refused or not taken up at all: both are right for a directory that makes no sense."""
    back, _ = paths(lab, guest, devid)
    lab.dom0("sleep 1")
    lab.check(lab.xs_read(f"{back}/netvf/state") in (None, *DOWN), f"vif {guest.domid}/{devid} is {lab.xs_read(f'{back}/netvf/state')}")
    lab.need_netvfd()


def remove(lab, guest, devid):
    back, front = paths(lab, guest, devid)
    lab.dom0(f"xenstore-rm {back} {front}")
