"""bridge= names an interface without VFs (a bridge, lo): refused in a sentence that names the reason."""
from labkit import ours


def run(lab):
    guest = ours.plain_guest(lab)
    seconds = [ours.expect_refusal(lab, guest, ours.vif(number, pf), [pf, "SR-IOV"])["seconds"]
               for number, pf in ((1, "xenbr0"), (2, "lo"))]
    return {"refusal_seconds": max(seconds)}
