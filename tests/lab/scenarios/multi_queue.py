"""Two queues on one vif: a guest with two vcpus sets up both, each with its own worker, and sends through both."""
from labkit import queues


def run(lab):
    return queues.check_traffic(lab, queues.guest_with_two(lab))
