"""Hostile guests (tests/guest/attack_*) beside a well-behaved one on another VF, and what of netvfd's may grow meanwhile."""
import os
import re
import time
from dataclasses import dataclass

from . import ours
from .base import Fail, wait_for
from .baremetal import BareGuest
from .lab import NETVFD_LOG

TICKS = os.sysconf("SC_CLK_TCK")    # dom0's is the same
PING_INTERVAL = 0.2
# What netvfd may grow by in one class of attacks. The log: a burst for each vif and a few lines a second (control/vif.c).
RSS_KB = 4096
LINES_AT_ONCE, LINES_PER_S = 60, 6
# netvfd has one thread of work for each vif; a guest that keeps it busy may have the better part of one processor.
CPU_SHARE = 1.3


class Victim:
    """A stock guest that pings the outside all the while, and must lose nothing."""

    def __init__(self, lab, number=1, **options):
        self.lab = lab
        self.guest = ours.guest_on_vf(lab, number, "victim", **options)
        self.pings = 0

    def start(self):
        self.guest.exec(f"ping -i {PING_INTERVAL} {self.lab.OUR_OUTSIDE} >/tmp/ping 2>&1 </dev/null & echo $! >/tmp/ping.pid")

    def stop(self, when):
        said = self.guest.exec("kill -INT $(cat /tmp/ping.pid); sleep 0.5; cat /tmp/ping | grep -o 'seq=[0-9]*\\|^[0-9]* packets tr'").out
        answered = {int(number) for number in re.findall(r"seq=(\d+)", said)}
        sent = int(re.search(r"(\d+) packets", said).group(1))
        # The last one may still have been under way.
        lost = set(range(sent - 1)) - answered
        self.lab.check(sent > 1 and not lost, f"the victim lost {len(lost)} of {sent} pings {when}, the first is {min(lost, default=0)}")
        self.pings += sent


@dataclass
class Look:
    at: float
    rss_kb: int
    cpu: float
    lines: int


def look(lab):
    out = lab.dom0(f"cat /proc/{lab.netvfd_pid}/stat; grep VmRSS /proc/{lab.netvfd_pid}/status; wc -l < {NETVFD_LOG}").out.splitlines()
    fields = out[0].rpartition(")")[2].split()
    return Look(time.monotonic(), int(out[1].split()[1]), (int(fields[11]) + int(fields[12])) / TICKS, int(out[2]))


def expect_bounded(lab, what, before):
    """netvfd lives, and has not grown; in words, for the figures."""
    lab.need_netvfd()
    after = look(lab)
    seconds, rss, lines = after.at - before.at, after.rss_kb - before.rss_kb, after.lines - before.lines
    cpu = after.cpu - before.cpu
    lab.check(rss <= RSS_KB, f"netvfd grew by {rss} kB in {what}")
    lab.check(lines <= LINES_AT_ONCE + LINES_PER_S * seconds, f"netvfd logged {lines} lines in {seconds:.0f} s of {what}")
    lab.check(cpu <= CPU_SHARE * seconds, f"netvfd used {cpu:.1f} s of processor time in {seconds:.0f} s of {what}")
    return f"{seconds:.0f} s, netvfd {rss:+} kB, {cpu:.1f} s processor, {lines} lines"


def attack(lab, victim, test, least, deadline=120, extra="", **parameters):
    """One class of attacks, to its end; `least`: how many of them must have been stopped or refused."""
    idle, before = ours.idle_functions(lab), look(lab)
    victim.start()
    guest = BareGuest(lab, test, [ours.vif(2)], extra=extra, victim=victim.guest.domid, **parameters)
    lab.guests.append(guest)
    try:
        guest.create()
        numbers = guest.expect_success(deadline)
    finally:
        victim.stop(f"beside {test}")
    lab.check(numbers["attacks"] > 0, f"{test} attacked nothing")
    ended = numbers["stopped"] + numbers["refused"]
    lab.check(ended >= least, f"of {numbers['attacks']} attacks {ended} were stopped or refused, {least} had to be")
    cost = expect_bounded(lab, test, before)
    guest.destroy()
    lab.guests.remove(guest)
    wait_for(f"the VF of {test} to be idle again", lambda: ours.idle_functions(lab) == idle, 20, 0.5)
    rates = [f"{numbers[key]} {key}" for key in ("pages_found", "kicks", "kicks_per_s", "writes", "requests", "bad_values") if key in numbers]
    return ", ".join([f"{numbers['attacks']} attacks, {numbers['stopped']} stopped, {numbers['refused']} refused", *rates, cost])


def attack_all(lab, victim, classes):
    """{name: arguments of attack()}, one after the other; all are told of that went wrong."""
    figures, faults = {}, []
    for name, (test, arguments) in classes.items():
        try:
            figures[name] = attack(lab, victim, test, **arguments)
        except Fail as fault:
            faults.append(f"{name}: {fault}")
            for guest in [g for g in lab.guests if g is not victim.guest]:
                guest.destroy()
                lab.guests.remove(guest)
    lab.check(not faults, "; ".join(faults))
    return figures


def death(lab, step):
    """The guest is killed when it has gone that far."""
    idle = ours.idle_functions(lab)
    guest = BareGuest(lab, "attack_death", [ours.vif(2)], name=f"death-{step}", step=step)
    lab.guests.append(guest)
    guest.create()
    guest.wait_said(f"step {step}", 30)
    lab.check(f"step {step}" in guest.said(), f"the guest did not come to step {step}: {guest.said()}")
    guest.destroy()
    wait_for(f"the VF of a guest killed at step {step} to be idle again", lambda: ours.idle_functions(lab) == idle, 20, 0.3)


def unhurt(lab, victim):
    """The victim's own traffic, afterwards."""
    with ours.ThroughVf(lab, victim.guest, sent=100, received=50):
        rate = lab.tcp_from_guest(victim.guest, lab.OUR_OUTSIDE, seconds=3)
    ping = lab.ping(victim.guest, lab.OUR_OUTSIDE, 20)
    lab.check(ping["loss_percent"] == 0, "the victim lost pings after all attacks")
    return {"victim_pings": victim.pings, "victim_tcp_mbps_after": rate}
