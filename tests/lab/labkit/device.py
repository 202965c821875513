"""A vif whose VF fails or goes while its guest is connected: the guest must notice lost packets and nothing else."""

from . import ours
from .base import wait_for
from .teardown import dmar_faults

PF = "eth0"
NUMVFS = "/sys/class/net/eth0/device/sriov_numvfs"


def vif_state(lab, guest):
    """(xenbus state of the backend, of the frontend, netvf/state, carrier)."""
    path = lab.backend_path(guest)
    keys = f"{path}/state /local/domain/{guest.domid}/device/vif/0/state {path}/netvf/state {path}/carrier"
    return tuple(lab.dom0(f"for k in {keys}; do xenstore-read $k 2>/dev/null || echo none; done").out.split())


def wait_vif(lab, guest, state, carrier, patience):
    """Until the vif is in that netvf/state; both ends must stay connected all the while."""
    def there():
        backend, frontend, ours_, link = vif_state(lab, guest)
        lab.check((backend, frontend) == ("4", "4"), f"the ends of the vif are in {backend} and {frontend} while its VF fails, not in 4")
        return (ours_, link) == (state, carrier)
    wait_for(f"the vif to be {state} with carrier {carrier}", there, patience, 0.2)


class Unnoticed:
    """with Unnoticed(lab, guest): what the guest knows of its interface must not change meanwhile."""

    def __init__(self, lab, guest):
        self.lab, self.guest = lab, guest

    def look(self):
        return self.guest.exec("cat /sys/class/net/eth0/carrier /sys/class/net/eth0/carrier_changes /sys/class/net/eth0/ifindex").out.split()

    def __enter__(self):
        self.before = self.look()
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            after = self.look()
            self.lab.check(after == self.before, f"carrier, its changes and the index of the guest's eth0 were {self.before}, are {after}")


def answers_again(lab, guest, patience):
    """Seconds until a ping passes."""
    return lab.first_ping(guest, lab.OUR_OUTSIDE, patience)


def sends_into_nothing(lab, guest):
    """Without a VF frames are dropped and counted, and the guest's ring does not fill: more of them than it has slots."""
    before = lab.show(guest)["counters"]["tx_dropped"]
    guest.exec(f"ping -c 300 -i 0.01 -w 20 {lab.OUR_OUTSIDE}", timeout=60, check=False)
    dropped = lab.show(guest)["counters"]["tx_dropped"] - before
    lab.check(dropped > 0, "the guest sends while its vif has no VF, and no frame is counted as dropped")
    return dropped


def works_through_vf(lab, guest):
    with ours.ThroughVf(lab, guest, sent=20, received=20) as through:
        ping = lab.ping(guest, lab.OUR_OUTSIDE, 20)
    lab.check(ping["received"] == 20, f"{20 - ping['received']} of 20 pings were lost afterwards")
    return through.vf


def excuse_faults_of(lab, functions):
    """When the kernel removes a function, Xen takes it out of the IOMMU's tables while it still receives: what it then writes is
    stopped, and logged. Only that is excused."""
    names = [pci.removeprefix("0000:") for pci in functions]
    foreign = [fault for fault in dmar_faults(lab.xen_log()) if not any(name in fault for name in names)]
    lab.check(not foreign, f"a DMAR fault that no removed VF has made: {foreign[:1]}")
    excused = len(dmar_faults(lab.xen_said))
    lab.xen_said = ""
    return excused
