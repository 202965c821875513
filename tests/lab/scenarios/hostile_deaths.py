"""A guest is killed at each step of connecting, working and closing: its VF is idle again, and another guest loses nothing."""
from labkit import baremetal, hostile

STEPS = 8


def run(lab):
    lab.need_netvfd()
    baremetal.need_tests(lab)
    victim = hostile.Victim(lab)
    before = hostile.look(lab)
    victim.start()
    for step in range(STEPS):
        hostile.death(lab, step)
    victim.stop("beside guests that were killed")
    return {"deaths": STEPS, "cost": hostile.expect_bounded(lab, "deaths", before)} | hostile.unhurt(lab, victim)
