"""Hostile guests for longer: 10 million kicks, 40000 watched writes to xenstore, 200000 control requests; another guest loses nothing."""
from labkit import baremetal, hostile

LONG = True
TIMEOUT = 1800

CLASSES = {
    "kicks": ("attack_kicks", {"least": 0, "deadline": 900, "count": 10000000}),
    "xenstore": ("attack_store", {"least": 0, "deadline": 600, "writes": 20000}),
    "control ring": ("attack_ctrl", {"least": 2, "deadline": 600, "requests": 200000}),
}


def run(lab):
    lab.need_netvfd()
    baremetal.need_tests(lab)
    victim = hostile.Victim(lab)
    return hostile.attack_all(lab, victim, CLASSES) | hostile.unhurt(lab, victim)
