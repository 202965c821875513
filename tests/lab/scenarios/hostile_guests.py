"""Hostile guests, each class of ring, slot, grant, event, xenstore and control ring attacks: another guest on another VF loses nothing."""
from labkit import baremetal, hostile


def run(lab):
    lab.need_netvfd()
    baremetal.need_tests(lab)
    victim = hostile.Victim(lab)
    figures = {
        "rings": hostile.attack(lab, victim, "attack_rings", least=6),
        "slots": hostile.attack(lab, victim, "attack_slots", least=15),
        "grants": hostile.attack(lab, victim, "attack_grants", least=8),
        "kicks": hostile.attack(lab, victim, "attack_kicks", least=0, count=300000),
        "xenstore": hostile.attack(lab, victim, "attack_store", least=0, writes=1000),
        "control ring": hostile.attack(lab, victim, "attack_ctrl", least=2),
    }
    return figures | hostile.unhurt(lab, victim)
