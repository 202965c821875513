"""`netvf set` refuses what a guest cannot have, in a sentence that says what it takes; its vif goes on as before."""
from labkit import device, ours

TIMES = 3


def set_(lab, vif, way):
    return lab.dom0(f"netvf set {vif} translation={way}", check=False)


def refuses(lab, guest):
    path = lab.backend_path(guest)
    rc, out, err = set_(lab, f"{guest.domid}/0", "iommu")
    lab.check(rc == 1 and not out, f"a guest without an IOMMU context was given one: {rc} {out}")
    ours.expect_sentence(lab, err, ["IOMMU context", 'passthrough="enabled"'], "translation=iommu")
    keys = {key: lab.xs_read(f"{path}/netvf/{key}") for key in ("state", "translation", "request-translation", "error")}
    wanted = {"state": "connected", "translation": "host", "request-translation": None, "error": None}
    lab.check(keys == wanted, f"after the refusal xenstore says {keys}")


def run(lab):
    guest = ours.guest_on_vf(lab, 1)
    vf = device.works_through_vf(lab, guest)
    with device.Unnoticed(lab, guest):
        for _ in range(TIMES):
            refuses(lab, guest)
            lab.check(device.works_through_vf(lab, guest) == vf, "the vif has changed its VF over a refusal")
    rc, _, err = set_(lab, f"{guest.domid}/7", "host")
    lab.check(rc == 1 and "no such vif" in err, f"netvf set of a vif that is not there: {rc} {err}")
    rc, _, err = set_(lab, f"{guest.domid}/0", "faster")
    lab.check(rc == 1 and "auto, host or iommu" in err, f"netvf set of nonsense: {rc} {err}")
    # The daemon's socket, and the vif, have taken no harm.
    rc, out, err = set_(lab, f"{guest.domid}/0", "host")
    lab.check(rc == 0, f"netvf set of what the vif has already failed: {err or out}")
    lab.check(device.works_through_vf(lab, guest) == vf, "the vif has changed its VF")
    return {"refusals": TIMES}
