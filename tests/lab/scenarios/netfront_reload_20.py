"""netfront is unloaded and loaded again in its guest 20 times: nothing is left of any of them."""
from labkit import frontend

LONG = True
TIMEOUT = 600


def run(lab):
    return frontend.reload_repeatedly(lab, 20)
