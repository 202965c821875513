"""A vif attached and detached 20 times while another guest's vif carries traffic: each works, nothing is left."""
from labkit import attach

LONG = True
TIMEOUT = 600


def run(lab):
    return attach.repeatedly(lab, 20)
