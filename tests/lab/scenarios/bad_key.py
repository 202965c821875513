"""Nonsense in the keys of either end, scribbled by hand: that vif stays or goes down with a sentence, and nothing else notices."""
from labkit import ours, scribble

BACKEND = ({"bridge": ""}, {"bridge": "x" * 300}, {"frontend-id": "no"}, {"frontend-id": "70000"}, {"frontend": "nowhere"})
FRONTEND = ({"tx-ring-ref": "banana"}, {"rx-ring-ref": "-1"}, {"event-channel": "99999999999"}, {"tx-ring-ref": "4294967295"},
            {"request-rx-copy": "0"}, {"event-channel": ""}, {"multi-queue-num-queues": "1000"})
CONNECTED = {"tx-ring-ref": "8", "rx-ring-ref": "9", "event-channel": "7", "request-rx-copy": "1", "feature-rx-notify": "1"}


def run(lab):
    bystander = ours.guest_on_vf(lab, 1, "bystander")
    guest = ours.plain_guest(lab)
    # The guest's own driver would answer for these devices; here it is the guest itself that writes nonsense.
    guest.exec("rmmod xen_netfront")
    devid = 0
    for keys in BACKEND:
        scribble.vif(lab, guest, devid, **keys)
        scribble.expect_never_connected(lab, guest, devid)
        scribble.remove(lab, guest, devid)
        devid += 1
    for keys in FRONTEND:
        scribble.vif(lab, guest, devid, hotplug_status="connected")
        scribble.frontend(lab, guest, devid, CONNECTED | keys)
        scribble.expect_refused(lab, guest, devid, [])
        scribble.remove(lab, guest, devid)
        devid += 1
    lab.check(lab.ping(bystander, lab.OUR_OUTSIDE, 20)["loss_percent"] == 0, "the bystander lost pings")
    return {"scribbled": devid}
