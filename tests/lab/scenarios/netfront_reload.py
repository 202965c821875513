"""netfront is unloaded and loaded again in its guest 3 times: each time the vif closes, keeps its VF and works again."""
from labkit import frontend


def run(lab):
    return frontend.reload_repeatedly(lab, 3)
