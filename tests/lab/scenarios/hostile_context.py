"""A guest overwrites netvfd's descriptor rings and headers in its own IOMMU context: the IOMMU stops its VF, another guest loses nothing."""
from labkit import baremetal, hostile, ours, teardown


def run(lab):
    lab.need_netvfd()
    baremetal.need_tests(lab)
    victim = hostile.Victim(lab)
    spared = ours.serving_vf(lab, victim.guest)
    figures = {"context": hostile.attack(lab, victim, "attack_context", least=0, extra=ours.PASSTHROUGH)}
    said = lab.netvfd_log(200)
    lab.check("translation iommu" in said, "the attacker's VF was never in its IOMMU context")
    # Faults are what is hoped for here; but by the attacker's VF alone, and the check at the end is for others.
    faults = teardown.dmar_faults(lab.xen_log())
    foreign = [fault for fault in faults if spared in fault]
    lab.check(not foreign, f"the victim's VF had faults: {foreign[:1]}")
    lab.xen_said = ""
    return figures | {"iommu_faults": len(faults)} | hostile.unhurt(lab, victim)
