"""All VFs are switched off under a guest's traffic, and on again: the vif waits without one, and goes on with the first that is there.

With xen-pciback in dom0 this cannot happen (vf_kept); without it netvfd polls its VFs, because Xen would panic over their interrupts.
"""
import time

from labkit import device, ours
from labkit.teardown import virtual_functions


def run(lab):
    lab.stop_netvfd()
    lab.dom0("rmmod xen-pciback")
    lab.start_netvfd()
    try:
        return without_holder(lab)
    finally:
        lab.dom0("modprobe xen-pciback")


def without_holder(lab):
    lab.outside.iperf_server()
    guest = ours.guest_on_vf(lab, 1)
    functions = virtual_functions(lab)
    lab.check(len(functions) == 7, f"the PF has {len(functions)} VFs, not 7")
    lab.check(lab.show(guest)["interrupts"] == "polling", "a VF that can be switched off is not polled: Xen would not survive it")
    with device.Unnoticed(lab, guest):
        guest.exec(f"(iperf3 -c {lab.OUR_OUTSIDE} -t 60 >/dev/null 2>&1; true) &")
        time.sleep(2)
        live = lab.netvf("list")["leaks"]["live"]
        lab.check(live > 0, "no page was pinned although the guest was sending")
        lab.dom0(f"echo 0 > {device.NUMVFS}", timeout=30)
        device.wait_vif(lab, guest, "waiting", "0", 20)
        lab.check(lab.netvfd_alive(), "netvfd did not survive that its VF went")
        lab.check(lab.xs_read(f"{lab.backend_path(guest)}/netvf/vf") is None, "the vif still names a VF that is gone")
        live = lab.netvf("list")["leaks"]["live"]
        lab.check(live == 0, f"{live} pages are still pinned though there is no VF that could reach them")
        dropped = device.sends_into_nothing(lab, guest)
        lab.check(lab.dom0(f"cat {device.NUMVFS}").out.strip() == "0", "netvfd has switched the VFs on again by itself")
        lab.dom0(f"echo {len(functions)} > {device.NUMVFS}", timeout=60)
        outage = device.answers_again(lab, guest, 30)
        device.wait_vif(lab, guest, "connected", "1", 10)
    guest.exec("killall iperf3", check=False)
    device.works_through_vf(lab, guest)
    lab.check(lab.netvf("list")["leaks"]["grants"] == 0, "Xen refused to release some page")
    return {"outage_after_on_s": outage, "dropped": dropped, "faults_of_the_removed": device.excuse_faults_of(lab, functions)}
