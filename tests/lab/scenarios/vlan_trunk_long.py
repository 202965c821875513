"""Trunks in both translations, between two guests, after a PF's reset and another netvfd; what the PF has no filter for is refused."""
from labkit import ours, trunk

LONG = True
TIMEOUT = 900


def run(lab):
    guests = trunk.start_guests(lab, ("host", "iommu"))
    figures = {}
    for number, guest in enumerate(guests, 1):
        figures |= trunk.carries(lab, guest, number)
    trunk.between(lab, guests[0], 2)
    figures["survives_s"] = trunk.outlives(lab, guests)
    for guest in guests:
        guest.destroy()
    figures["refused"] = trunk.filters(lab, ours.plain_guest(lab))
    return figures
