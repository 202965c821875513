"""A vif attached and detached 6 times while another guest's vif carries traffic (the short form of attach_detach_20)."""
from labkit import attach


def run(lab):
    return attach.repeatedly(lab, 6)
