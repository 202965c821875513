"""lab bench: the ways from a guest to the wire, side by side.

The kernel's netback and ours in each translation are measured in one guest, which has a vif of either, round after round in turn, so
that what disturbs the emulated host disturbs all of them. Then dom0 itself, on a VF and on the PF. What fails costs its own figures,
and the reason stands in their place; a host that does not answer any more is replaced before the next stage.
"""
import contextlib
import time

from . import benchreport, igbvf, mainjob, ours, switching, tapfront, teardown
from .base import Fail, say, wait_for
from .gauges import COST_KEYS, KEYS, Baseline, Station, gauges
from .lab import Lab
from .runner import PATIENCE, Deadline, reason_of

CONTENDERS = ("kernel", "host", "iommu", "front", "window", "bare_vf", "bare_pf")
# Why a contender that has been measured has none of netvfd's counts.
NOT_COUNTED = {"kernel": "xen-netback does not count it", "bare_vf": "there is no backend", "bare_pf": "there is no backend"}
IN_GUEST = ("kernel", "host", "iommu")
# netvf-front instead of the kernel's netfront, without a window and with one: a vif of its own, in a guest of its own.
BY_FRONT = {"front": "", "window": "--window 384"}
GAUGE_DEADLINE = 150
# A guest's boot and everything in front of the first figure.
SET_UP_DEADLINE = 240
SCALING_GUESTS = 7
SCALING_MEMORY = 112
SCALING_SECONDS = 6
SCALING_PORT = 5210
BARE_ADDRESS = {"bare_vf": "10.77.0.50", "bare_pf": "10.77.0.51"}
BARE_MAC = "00:16:3e:00:02:01"
NO_MAC = "00:00:00:00:00:00"


class Bench:
    """What has been measured so far."""

    def __init__(self, rounds):
        self.rounds = rounds
        self.values = {name: {key: [] for key in KEYS} for name in CONTENDERS}
        self.reasons = {name: {} for name in CONTENDERS}
        self.notes = []
        self.scaling = None

    def refuse(self, name, reason, keys=KEYS):
        for key in keys:
            self.reasons[name][key] = reason

    def fail(self, name, fault, lab):
        """A contender's round has ended; so has the stage, if dom0 has ended with it."""
        self.refuse(name, str(fault))
        say(f"FAIL {name:8} {fault}")
        if not answers(lab):
            raise fault

    def note(self, text):
        self.notes.append(text)
        say(f"     ({text})")

    def measure(self, name, station):
        """One round of one contender."""
        with Deadline(SET_UP_DEADLINE, f"preparing {name}"):
            station.serve()
            station.wait_reachable()
            baseline = Baseline(station)
        for keys, gauge in gauges():
            started = time.monotonic()
            try:
                with Deadline(GAUGE_DEADLINE, f"measuring {keys[0]}"):
                    found = gauge(station, baseline)
            except Exception as fault:
                self.refuse(name, reason_of(fault), keys)
                say(f"FAIL {name:8} {keys[0]}: {reason_of(fault)}")
                if not answers(station.lab):
                    raise Fail(f"dom0 does not answer any more, since {name}'s {keys[0]}") from fault
                station.serve()
                continue
            for key, value in found.items():
                self.values[name][key].append(value)
            shown = "  ".join(f"{key} {value}" for key, value in list(found.items())[:2])
            say(f"ok   {name:8} {time.monotonic() - started:5.1f} s  {shown}")

    def results(self):
        return {name: {"figures": {key: benchreport.spread(self.values[name][key]) for key in KEYS},
                       "reasons": {key: self.reason(name, key) for key in KEYS if not self.values[name][key]}}
                for name in CONTENDERS}

    def reason(self, name, key):
        if name in BARE_ADDRESS and key.startswith("guest_"):
            return "there is no guest"
        if name in NOT_COUNTED and key in COST_KEYS and any(self.values[name].values()):
            return NOT_COUNTED[name]
        return self.reasons[name].get(key, "it was not measured")


def answers(lab):
    try:
        return lab.machine.alive() and lab.dom0("true", timeout=20, check=False).rc == 0
    except Fail:
        return False


# -- the guest's stage ---------------------------------------------------------------------------------------------------


def guest_station(lab, guest, name):
    if name == "kernel":
        return Station(lab, "eth1", "10.78.0.2", guest)
    switching.switch(lab, guest, name)
    return Station(lab, "eth0", "10.77.0.2", guest, devid=0)


def start_guest(bench, lab, names):
    """With a table in the IOMMU if it can be had: then all translations are measured in the same guest."""
    if "iommu" not in names:
        return mainjob.start_guest(lab, "bench")
    try:
        return mainjob.start_guest(lab, "bench", extra=ours.PASSTHROUGH)
    except Fail as fault:
        bench.refuse("iommu", f"no guest with passthrough: {fault}")
        teardown.destroy_leftovers(lab)
        names.remove("iommu")
        return mainjob.start_guest(lab, "bench")


def guest_stage(bench, lab, names):
    with Deadline(2 * SET_UP_DEADLINE, "starting the guest"):
        guest = start_guest(bench, lab, names)
    for number in range(1, bench.rounds + 1):
        say(f"round {number} of {bench.rounds}, guest")
        for name in names:
            try:
                with Deadline(SET_UP_DEADLINE, f"turning to {name}"):
                    station = guest_station(lab, guest, name)
                bench.measure(name, station)
            except Fail as fault:
                bench.fail(name, fault, lab)


def front_stage(bench, lab, names):
    """The same program with and without a window, so that the difference is the window's."""
    with Deadline(2 * SET_UP_DEADLINE, "starting the guest"):
        guest = ours.guest_on_vf(lab, 1, "benchfront")
        tapfront.unload_netfront(lab, guest)
    for number in range(1, bench.rounds + 1):
        say(f"round {number} of {bench.rounds}, netvf-front")
        for name in names:
            try:
                with Deadline(SET_UP_DEADLINE, f"starting netvf-front for {name}"):
                    tapfront.start(lab, guest, ours.address(1), BY_FRONT[name])
                bench.measure(name, Station(lab, tapfront.TAP, ours.address(1), guest, devid=0))
                with Deadline(SET_UP_DEADLINE, f"ending netvf-front of {name}"):
                    guest.exec("killall iperf3", check=False)
                    tapfront.stop(lab, guest)
            except Fail as fault:
                bench.fail(name, fault, lab)


# -- dom0 itself -----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def one_answer(lab):
    """An address is answered for by the interface that has it: Linux would answer by the bridge as well."""
    place = "/proc/sys/net/ipv4/conf/all"
    lab.dom0(f"cd {place} && echo 1 > arp_ignore && echo 2 > arp_announce")
    try:
        yield
    finally:
        lab.dom0(f"cd {place} && echo 0 > arp_ignore && echo 0 > arp_announce", check=False)


def bring_up(lab, interface, address):
    lab.dom0(f"ip addr add {address}/24 dev {interface} && ip link set {interface} up")
    wait_for(f"{interface} to have a carrier", lambda: lab.dom0(f"cat /sys/class/net/{interface}/carrier", check=False).out.strip() == "1", 20, 0.3)
    return Station(lab, interface, address)


@contextlib.contextmanager
def bare_vf(lab):
    """The last VF, which no vif has had, on dom0's igbvf."""
    functions = teardown.virtual_functions(lab)
    pci, number = functions[-1], len(functions) - 1
    igbvf.load(lab, functions)
    try:
        lab.dom0(f"ip link set eth0 vf {number} mac {BARE_MAC}")
        igbvf.take(lab, [pci])
        yield bring_up(lab, lab.dom0(f"ls /sys/bus/pci/devices/{pci}/net").out.strip(), BARE_ADDRESS["bare_vf"])
    finally:
        igbvf.give_back(lab, [pci])
        lab.dom0(f"ip link set eth0 vf {number} mac {NO_MAC}", check=False)


@contextlib.contextmanager
def bare_pf(lab):
    """The PF, taken out of the bridge."""
    lab.dom0("ip link set eth0 nomaster")
    try:
        yield bring_up(lab, "eth0", BARE_ADDRESS["bare_pf"])
    finally:
        # As dom0/init has it.
        lab.dom0(f"ip addr del {BARE_ADDRESS['bare_pf']}/24 dev eth0; ip link set eth0 master xenbr0; bridge link set dev eth0 learning off",
                 check=False)


def bare_stage(bench, lab, names):
    for name, prepare in (("bare_vf", bare_vf), ("bare_pf", bare_pf)):
        if name not in names:
            continue
        try:
            with one_answer(lab), prepare(lab) as station:
                for number in range(1, bench.rounds + 1):
                    say(f"round {number} of {bench.rounds}, {name}")
                    bench.measure(name, station)
        except Fail as fault:
            bench.fail(name, fault, lab)


# -- several guests -----------------------------------------------------------------------------------------------------------


def together(lab, guests, target, options):
    """Mbit/s of one stream of each guest, all at once, added up."""
    return round(sum(lab.tcp_at_once(*((guest, target, SCALING_SECONDS, SCALING_PORT + number, options)
                                       for number, guest in enumerate(guests)))), 1)


def add_guest(lab, number):
    guest = lab.guest(f"scale{number}", [ours.vif(number), ours.kernel_vif(number)], memory=SCALING_MEMORY)
    guest.configure("eth0", f"{ours.address(number)}/24")
    guest.configure("eth1", f"10.78.0.{number + 1}/24")
    Station(lab, "eth0", ours.address(number), guest).wait_reachable()
    return guest


def scaling_stage(bench, lab, _):
    """1 to 7 guests, each with a vif of either kind; ours in the translation that such guests get."""
    bench.scaling = {name: {"tx": {}, "rx": {}} for name in ("kernel", "host")}
    guests = []
    for count in range(1, SCALING_GUESTS + 1):
        with Deadline(SET_UP_DEADLINE, f"guest {count}"):
            guests.append(add_guest(lab, count))
        for name, target in (("kernel", lab.KERNEL_OUTSIDE), ("host", lab.OUR_OUTSIDE)):
            for way, options in (("tx", ""), ("rx", "-R")):
                try:
                    with Deadline(GAUGE_DEADLINE, f"{count} guests at once"):
                        bench.scaling[name][way][str(count)] = together(lab, guests, target, options)
                except Fail as fault:
                    bench.scaling[name][way][str(count)] = None
                    bench.note(f"{count} guests, {name}, {way}: {fault}")
        say(f"ok   {count} guests  " + "  ".join(f"{name} {way} {bench.scaling[name][way][str(count)]} Mbit/s"
                                                for name in bench.scaling for way in ("tx", "rx")))


# -- all of it -----------------------------------------------------------------------------------------------------------------


class Hosts:
    """The booted host, replaced when it does not answer any more."""

    def __init__(self):
        self.lab = None
        self.boots = 0

    def get(self):
        if self.lab and not answers(self.lab):
            self.close()
        if not self.lab:
            self.boots += 1
            self.lab = Lab.boot("6.12", f"bench/boot-{self.boots}", "lab bench", PATIENCE)
            self.lab.need_netvfd()
            self.lab.begin()
        return self.lab

    def close(self):
        if self.lab:
            self.lab.close()
            self.lab = None


def run_stage(bench, hosts, stage, names):
    """A stage, then the check that each scenario ends with; neither ends the bench."""
    try:
        lab = hosts.get()
        lab.begin()
        stage(bench, lab, names)
    except Exception as fault:
        bench.note(f"{stage.__name__.replace('_', ' ')} ended early: {reason_of(fault)}")
        for name in names:
            for key in KEYS:
                bench.reasons[name].setdefault(key, reason_of(fault))
    if not hosts.lab:
        return
    try:
        with Deadline(SET_UP_DEADLINE, "the check afterwards"):
            teardown.finish(hosts.lab)
    except Exception as left:
        bench.note(f"after {stage.__name__.replace('_', ' ')}: {reason_of(left)}")
        hosts.close()


def about(lab):
    lines = [line.partition(":") for line in lab.dom0("xl info", check=False).out.splitlines()]
    info = {key.strip(): value.strip() for key, _, value in lines}
    return {"xen": info.get("xen_version", "?"), "dom0": info.get("release", "?"), "guest": lab.guest_kernel}


def bench(rounds, wanted, scaling, json_file, plot_directory):
    if rounds < 1:
        raise Fail("at least one round is needed")
    unknown = set(wanted) - set(CONTENDERS)
    if unknown:
        raise Fail(f"there is no contender {', '.join(sorted(unknown))}; there are {', '.join(CONTENDERS)}")
    made, hosts, started = Bench(rounds), Hosts(), time.monotonic()
    for name in set(CONTENDERS) - set(wanted):
        made.refuse(name, "it was not asked for")
    host = {}

    def result():
        return {"date": time.strftime("%Y-%m-%d"), "host": host | {"boots": hosts.boots}, "rounds": rounds,
                "seconds": round(time.monotonic() - started), "contenders": made.results(), "scaling": made.scaling, "notes": made.notes}

    try:
        host |= about(hosts.get())
        stages = [(guest_stage, [name for name in IN_GUEST if name in wanted]),
                  (front_stage, [name for name in BY_FRONT if name in wanted]), (bare_stage, [name for name in BARE_ADDRESS if name in wanted])]
        for stage, names in stages + [(scaling_stage, [])] * scaling:
            if names or stage is scaling_stage:
                run_stage(made, hosts, stage, names)
            # What is there is kept, should the next stage never end.
            if json_file:
                benchreport.write(result(), json_file)
    finally:
        hosts.close()
    say("\n" + benchreport.table(result()))
    if plot_directory:
        benchreport.plot(result(), plot_directory)
    # A contender that gave nothing at all is a fault; one that was not asked for is none.
    silent = [name for name in wanted if not any(made.values[name].values())]
    if silent:
        say(f"nothing was measured of {', '.join(silent)}")
    return 1 if silent else 0
