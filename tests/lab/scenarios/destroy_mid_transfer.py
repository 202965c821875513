"""xl destroy of a guest in the middle of TCP both ways: no fault, no zombie, and the VF serves the next guest at once."""
from labkit import endings


def run(lab):
    return {"destroy_seconds": max(endings.destroy_while_sending(lab, 2))}
