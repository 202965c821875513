"""A vif attached and detached 100 times while another guest's vif carries traffic: each works, nothing is left."""
from labkit import attach

LONG = True
TIMEOUT = 1500


def run(lab):
    return attach.repeatedly(lab, 100)
