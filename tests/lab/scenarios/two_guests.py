"""Two guests on two VFs reach each other and the outside, by TCP and ping, at the same time."""
from labkit import pairs


def run(lab):
    return pairs.two_guests(lab)
