"""The guest's own interface goes down and up under traffic from outside: no state changes, and it works each time."""
from labkit import device, ours


TIMES = 3


def run(lab):
    guest = ours.guest_on_vf(lab, 1)
    vf = ours.serving_vf(lab, guest)
    # Frames keep coming while nobody takes them: more than the guest has buffers.
    flood = lab.outside.start(["ping", "-i", "0.01", "-s", "1000", ours.address(1)], "link_down_up.log")
    try:
        for number in range(TIMES):
            guest.exec("ip link set eth0 down; sleep 1; ip link set eth0 up")
            outage = device.answers_again(lab, guest, 20)
            lab.check(device.vif_state(lab, guest) == ("4", "4", "connected", "1"),
                      f"the vif is in {device.vif_state(lab, guest)} after its guest's link went down and up {number + 1} times")
    finally:
        lab.outside.stop(flood)
    lab.check(device.works_through_vf(lab, guest) == vf, "the vif has changed its VF though only the guest's link was down")
    return {"times": TIMES, "outage_s": outage}
