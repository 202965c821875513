"""Benchmark: TCP, ping and 60-byte packet rates, ours and the kernel's netback, three rounds in one boot."""
from labkit import mainjob, ours

GROUP = "bench"
TIMEOUT = 900
ROUNDS = 3


def run(lab):
    guest = mainjob.start_guest(lab, "bench")
    rounds = []
    for _ in range(ROUNDS):
        rounds.append(mainjob.measure_ours(lab, guest) | mainjob.measure_kernel(lab, guest))
    figures = {}
    for key, value in rounds[0].items():
        # The median: one round in the emulator can be disturbed by anything.
        figures[key] = sorted(r[key] for r in rounds)[ROUNDS // 2] if isinstance(value, (int, float)) else value
    figures["vf_packets"] = sum(ours.vf_packets(lab, figures["vf"]))
    return figures
