"""The main job with dom0 on Linux 6.1, which cannot bind VF interrupts: netvfd polls, and everything still works."""
from labkit import mainjob

KERNEL = "6.1"


def run(lab):
    guest = mainjob.start_guest(lab)
    shown = lab.show(guest)
    lab.check(shown["interrupts"] == "polling", f"interrupts come by {shown['interrupts']} on a kernel without event channels for them")
    figures = mainjob.measure(lab, guest, {"": mainjob.AS_IT_IS}, rounds=1)
    guest.destroy()
    figures |= mainjob.leftovers(lab)
    missed = mainjob.shortcomings(figures)
    lab.check(not missed, "; ".join(missed))
    return figures
