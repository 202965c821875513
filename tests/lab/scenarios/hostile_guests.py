"""Hostile guests, each class of ring, slot, grant, event, xenstore and control ring attacks: another guest on another VF loses nothing."""
from labkit import baremetal, hostile

TIMEOUT = 900

# `least`: so many of the attacks must have been stopped or refused.
CLASSES = {
    "rings": ("attack_rings", {"least": 6}),
    "slots": ("attack_slots", {"least": 15}),
    "grants": ("attack_grants", {"least": 8}),
    "kicks": ("attack_kicks", {"least": 0, "count": 200000}),
    "xenstore": ("attack_store", {"least": 0, "writes": 200}),
    "control ring": ("attack_ctrl", {"least": 2}),
}


def run(lab):
    lab.need_netvfd()
    baremetal.need_tests(lab)
    victim = hostile.Victim(lab)
    return hostile.attack_all(lab, victim, CLASSES) | hostile.unhurt(lab, victim)
