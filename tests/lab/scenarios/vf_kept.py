"""VFs cannot be switched off while one of them serves a vif: the PF's driver refuses, the guest notices nothing; afterwards they can."""
from labkit import device, ours
from labkit.teardown import virtual_functions


def switch_off(lab):
    return lab.dom0(f"echo 0 > {device.NUMVFS}", timeout=30, check=False)


def run(lab):
    functions = virtual_functions(lab)
    guest = ours.guest_on_vf(lab, 1)
    refused = switch_off(lab)
    lab.check(refused.rc != 0 and "not permitted" in refused.err, f"the VFs of eth0 can be switched off under a vif: {refused}")
    lab.check(virtual_functions(lab) == functions, "VFs are missing after an attempt that failed")
    with ours.ThroughVf(lab, guest, sent=20, received=20):
        ping = lab.ping(guest, lab.OUR_OUTSIDE, 20)
    lab.check(ping["loss_percent"] == 0, f"{ping['loss_percent']} % of the pings were lost")
    guest.destroy()
    lab.expect_leak_free()
    lab.check(switch_off(lab).rc == 0, "the VFs of eth0 cannot be switched off although no vif has one")
    # The next vif has them switched on again.
    second = ours.guest_on_vf(lab, 2)
    ping = lab.ping(second, lab.OUR_OUTSIDE, 20)
    lab.check(ping["received"] >= 19, f"{20 - ping['received']} of 20 pings were lost on VFs that netvfd has switched on")
    lab.check(len(virtual_functions(lab)) == len(functions), "netvfd has switched on another number of VFs")
    return {"ping_avg_us": ping["avg_us"]}
