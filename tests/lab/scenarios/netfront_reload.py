"""netfront is unloaded and loaded again in its guest 3 times: each time the vif closes, keeps its VF and works again."""
from labkit import frontend

# Not seen to pass yet: a default one once it has been.
LONG = True


def run(lab):
    return frontend.reload_repeatedly(lab, 3)
