"""The main job: a stock guest through an idle VF: no loss, no payload copy, few hypercalls; its speed beside the kernel's netback."""
from labkit import mainjob


def run(lab):
    guest = mainjob.start_guest(lab)
    shown = lab.show(guest)
    lab.check(shown["interrupts"] == "event-channel", f"the VF's interrupts come by {shown['interrupts']} on a kernel that has event channels")
    figures = mainjob.measure(lab, guest, mainjob.BESIDE_KERNEL, rounds=1)
    guest.destroy()
    figures |= mainjob.leftovers(lab)
    missed = mainjob.shortcomings(figures)
    lab.check(not missed, "; ".join(missed))
    return figures
