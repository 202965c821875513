"""A guest overwrites netvfd's rings and headers in its own IOMMU context: its VF's faults are counted and end by a reset; another guest loses nothing."""
import re

from labkit import baremetal, hostile, ours, teardown


# Of each kind of attack. netvfd looks for faults once a second, and acts on them one look later.
SCRIBBLE_MS = 4000


def run(lab):
    lab.need_netvfd()
    baremetal.need_tests(lab)
    victim = hostile.Victim(lab)
    spared = ours.serving_vf(lab, victim.guest)
    figures = {"context": hostile.attack(lab, victim, "attack_context", least=0, extra=ours.PASSTHROUGH, scribble=SCRIBBLE_MS)}
    said = lab.netvfd_log(200)
    lab.check("translation iommu" in said, "the attacker's VF was never in its IOMMU context")
    counted = sum(int(count) for count in re.findall(r"the IOMMU has stopped (\d+) accesses of VF", said))
    lab.check(counted > 0, "netvfd has counted no fault of the attacker's VF")
    lab.check("goes on through VF" in said.split("the IOMMU has stopped", 1)[1], "the VF was not reset after its faults")
    # Faults are what is hoped for here; but by the attacker's VF alone, and the check at the end is for others.
    faults = teardown.dmar_faults(lab.xen_log())
    foreign = [fault for fault in faults if spared in fault]
    lab.check(not foreign, f"the victim's VF had faults: {foreign[:1]}")
    lab.xen_said = ""
    return figures | {"iommu_faults": len(faults), "faults_counted": counted} | hostile.unhurt(lab, victim)
