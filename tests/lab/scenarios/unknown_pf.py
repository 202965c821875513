"""bridge= names no interface of dom0: xl create and xl network-attach say so in a sentence and nothing is left."""
import time

from labkit import ours


def run(lab):
    lab.need_netvfd()
    guest = lab.guest("lost", [ours.vif(1, "nic9")], create=False)
    started = time.monotonic()
    rc, out, err = guest.try_create()
    created = time.monotonic() - started
    lab.check(rc != 0, "xl create with bridge=nic9 went through")
    ours.expect_sentence(lab, err + out, ["nic9", "bridge="], "bridge=nic9")
    lab.check(not guest.exists(), "xl create failed and left the guest")
    refusal = ours.expect_refusal(lab, ours.plain_guest(lab), ours.vif(2, "nic9"), ["nic9", "bridge="])
    return {"create_seconds": round(created, 1), "refusal_seconds": refusal["seconds"]}
