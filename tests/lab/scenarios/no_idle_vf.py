"""With all VFs bound, one more vif is refused in a sentence, and works once another has gone."""
from labkit import ours


def run(lab):
    guest = ours.plain_guest(lab, "greedy")
    devids = ours.fill_functions(lab, guest)
    refusal = ours.expect_refusal(lab, guest, ours.vif(0x40), ["idle", "eth0"], devid=len(devids))
    ours.detach(lab, guest, devids[0])
    ours.attach(lab, guest, ours.vif(0x41))
    # libxl gives a vif the number after the highest one that there is.
    ours.serving_vf(lab, guest, len(devids))
    return {"vifs": len(devids), "refusal_seconds": refusal["seconds"]}
