"""A malformed MAC in the backend's directory, scribbled by hand past xl: refused in a sentence, the daemon and others go on."""
from labkit import ours, scribble

# More of them in tests/unit/test_negotiate.c.
BAD = ("banana", "01:16:3e:00:00:01", "")


def run(lab):
    bystander = ours.guest_on_vf(lab, 1, "bystander")
    guest = ours.plain_guest(lab)
    for devid, mac in enumerate(BAD):
        scribble.vif(lab, guest, devid, mac=mac)
        scribble.expect_refused(lab, guest, devid, ["mac"])
        scribble.remove(lab, guest, devid)
    lab.check(lab.ping(bystander, lab.OUR_OUTSIDE, 20)["loss_percent"] == 0, "the bystander lost pings")
    return {"refused": len(BAD)}
