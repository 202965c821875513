"""With the PF down a vif is refused in a sentence that says how to bring it up, and works once it is up."""
from labkit import ours


def run(lab):
    guest = ours.plain_guest(lab)
    lab.dom0("ip link set eth0 down")
    try:
        refusal = ours.expect_refusal(lab, guest, ours.vif(1), ["eth0", "down", "ip link set eth0 up"])
    finally:
        lab.dom0("ip link set eth0 up; for i in $(seq 50); do [ $(cat /sys/class/net/eth0/carrier) = 1 ] && break; sleep 0.1; done")
    ours.attach(lab, guest, ours.vif(1))
    guest.configure("eth0", f"{ours.address(1)}/24")
    ping = lab.ping(guest, lab.OUR_OUTSIDE, 10)
    lab.check(ping["received"] > 0, "the vif is deaf after the PF has come up")
    return {"refusal_seconds": refusal["seconds"]}
