"""netvfd killed under traffic, and stopped in good order: the next one quiets the VF, gives the dead one's pages back, and the guest goes on."""
from labkit import daemon


def run(lab):
    return daemon.killed_and_stopped(lab)
