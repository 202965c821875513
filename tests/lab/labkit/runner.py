"""Runs scenarios: one file each under scenarios/, as many as possible in one boot, each ended by the same check."""
import importlib.util
import inspect
import shutil
import signal
import time
import traceback
from dataclasses import dataclass

from . import hypervisor, image, report, teardown
from .base import LAB_DIR, OUT, Busy, Fail, Skip, say
from .lab import Lab

SCENARIOS = LAB_DIR / "scenarios"
KEEP_RUNS = 5
# A lab that somebody else has up is waited for; two at a time would only fail each other's deadlines.
PATIENCE = 600


@dataclass
class Scenario:
    name: str
    purpose: str
    run: object
    kernel: str
    long: bool
    group: str
    timeout: int
    pfs: int
    xen: str

    @property
    def host(self):
        """What it needs of a host; those that need the same share one."""
        return self.kernel, self.pfs, self.xen


def load(path):
    spec = importlib.util.spec_from_file_location(f"scenario_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return Scenario(path.stem, (inspect.getdoc(module) or "").splitlines()[0], module.run, getattr(module, "KERNEL", "6.12"),
                    getattr(module, "LONG", False), getattr(module, "GROUP", ""), getattr(module, "TIMEOUT", 420),
                    getattr(module, "PFS", 1), getattr(module, "XEN", hypervisor.STOCK))


def load_all():
    return [load(path) for path in sorted(SCENARIOS.glob("*.py"))]


def select(names, with_long):
    known = {scenario.name: scenario for scenario in load_all()}
    chosen = {}
    for name in names:
        if name == "all":
            chosen |= {s.name: s for s in known.values() if with_long or not s.long}
        elif name in known:
            chosen[name] = known[name]
        elif any(s.group == name for s in known.values()):
            chosen |= {s.name: s for s in known.values() if s.group == name}
        else:
            raise Fail(f"there is no scenario {name}; 'tests/lab/lab list' names them")
    # Those with the same needs come together, so that they share a boot; the self-test of a kernel's lab comes first.
    return sorted(chosen.values(), key=lambda s: (s.kernel != "6.12", s.pfs, s.xen != hypervisor.STOCK, s.name != "lab_selftest", s.name))


class Deadline:
    """A scenario's own deadline, over all those of its steps."""

    def __init__(self, seconds, what="the scenario"):
        self.seconds = seconds
        self.what = what

    def __enter__(self):
        signal.signal(signal.SIGALRM, self.expire)
        signal.alarm(self.seconds)

    def __exit__(self, *_):
        signal.alarm(0)

    def expire(self, *_):
        raise Fail(f"{self.what} did not end within {self.seconds} s")


class Runner:
    def __init__(self, host=None, guest_kernel=image.KERNELS[0]):
        self.guest_kernel = guest_kernel
        self.host = host            # a lab of somebody else's, never ended here
        self.lab = host
        self.kind = (host.machine.kernel, host.machine.pfs, host.machine.xen) if host else None
        self.boots = 0
        self.busy = None           # why no host can be had at all, once that is known
        self.name = time.strftime("run-%Y%m%d-%H%M%S")

    def lab_for(self, scenario):
        if self.host:
            if self.kind != scenario.host:
                raise Skip("the booted host has dom0 kernel {}, {} PF and the {} Xen; this wants {}, {} and {}".format(*self.kind, *scenario.host))
            return self.host
        if self.lab and self.kind == scenario.host:
            return self.lab
        self.end_lab()
        if self.busy:
            raise self.busy
        self.boots += 1
        started = time.monotonic()
        self.lab = Lab.boot(scenario.kernel, f"{self.name}/boot-{self.boots}-{scenario.kernel}", f"lab run {scenario.name}", PATIENCE,
                            pfs=scenario.pfs, xen=scenario.xen)
        self.kind = scenario.host
        say(f"     (host booted, dom0 {scenario.kernel}, {time.monotonic() - started:.0f} s)")
        return self.lab

    def end_lab(self):
        if self.lab and not self.host:
            self.lab.close()
            self.lab = None

    def run_one(self, scenario):
        started = time.monotonic()
        result = {"scenario": scenario.name, "purpose": scenario.purpose, "guest_kernel": self.guest_kernel, "result": "pass", "reason": "",
                  "seconds": 0, "figures": {}}
        try:
            lab = self.lab_for(scenario)
            started = time.monotonic()
            lab.guest_kernel = self.guest_kernel
            lab.begin()
            result["figures"] = self.judge(scenario, lab) or {}
        except Skip as skip:
            result |= {"result": "skip", "reason": str(skip)}
        except Exception as fault:
            if isinstance(fault, Busy):
                self.busy = fault
            result |= {"result": "fail", "reason": reason_of(fault)}
        result["seconds"] = round(time.monotonic() - started, 1)
        report.show(result)
        if result["result"] == "fail":
            self.save_evidence(scenario)
            self.end_lab()
        return result

    def judge(self, scenario, lab):
        """The scenario, then the common check; what the scenario itself found wrong is told first."""
        try:
            with Deadline(scenario.timeout):
                figures = scenario.run(lab)
        except (Exception, KeyboardInterrupt) as fault:
            if isinstance(fault, Exception):
                self.show_tails(lab)
                try:
                    teardown.finish(lab)
                except Fail as after:
                    if not isinstance(fault, Skip):
                        raise Fail(f"{reason_of(fault)} (and afterwards: {after})") from fault
            raise
        try:
            teardown.finish(lab)
        except Fail as after:
            self.show_tails(lab)
            raise Fail(f"teardown: {after}") from after
        return figures

    def show_tails(self, lab):
        """The ends of what was logged, for the person who looks at the terminal; the whole logs are saved as well."""
        tails = [("serial console", "\n".join(lab.machine.read_log("console.log").splitlines()[-12:]))]
        try:
            tails.append(("netvfd.log", lab.netvfd_log(15)))
            tails += [(f"console of guest {guest.name}", guest.console(12)) for guest in lab.guests]
        except Fail as silent:
            tails.append(("dom0", str(silent)))
        for title, text in tails:
            if text.strip():
                say("     | " + f"--- {title}\n{text.rstrip()}".replace("\n", "\n     | "))

    def save_evidence(self, scenario):
        """Everything dom0 has, beside the serial console that is there already."""
        if not self.lab:
            return
        target = OUT / self.name / scenario.name if not self.host else OUT / "booted" / scenario.name
        target.mkdir(parents=True, exist_ok=True)
        try:
            (target / "xen.log").write_text(self.lab.xen_boot_log + self.lab.xen_log(), encoding="utf-8")
            self.lab.dom0("dmesg > /var/log/dmesg.txt; xenstore-ls -fp > /var/log/xenstore.txt; "
                          "for core in /var/crash/*; do [ -e $core ] && gdb -batch -ex 'thread apply all bt' /usr/sbin/netvfd $core; done "
                          "> /var/log/backtraces.txt 2>&1; tar -C /var/log -czf /tmp/evidence.tgz .", timeout=60)
            (target / "dom0-logs.tgz").write_bytes(self.lab.agent.pull("/tmp/evidence.tgz"))
            say(f"     logs: {target.relative_to(LAB_DIR.parent.parent)}/")
        except Fail as silent:
            say(f"     dom0's logs could not be had: {silent}")


def reason_of(fault):
    if isinstance(fault, Fail):
        return str(fault)
    where = traceback.extract_tb(fault.__traceback__)[-1]
    return f"{type(fault).__name__}: {fault} ({where.filename.rsplit('/', 1)[-1]}:{where.lineno})"


def prune_runs():
    for old in sorted(OUT.glob("run-*"))[:-KEEP_RUNS]:
        shutil.rmtree(old, ignore_errors=True)


def run_with_second_try(runner, scenario):
    """The emulated host now and then loses a timer interrupt and stands still for seconds, past any deadline; so a scenario that
    failed gets a second host. It is told that it needed one: a scenario that often does is a fault of ours."""
    first = runner.run_one(scenario)
    if first["result"] != "fail" or runner.busy or runner.host:
        return first
    say(f"     {scenario.name} once more, on a fresh host")
    second = runner.run_one(scenario)
    if second["result"] == "pass":
        second["reason"] = f"at the second try; the first failed: {first['reason']}"
        say(f"     ({scenario.name} passed {second['reason']})")
    return second


def run_scenarios(scenarios, host=None, guest_kernel=image.KERNELS[0]):
    prune_runs()
    runner = Runner(host, guest_kernel)
    try:
        return [run_with_second_try(runner, scenario) for scenario in scenarios]
    finally:
        runner.end_lab()


def run_command(names, with_long, json_file, host, guest_kernel=image.KERNELS[0]):
    results = run_scenarios(select(names, with_long), host, guest_kernel)
    if json_file:
        report.write_json(results, json_file)
    say(report.summary(results))
    # Nothing run at all proves nothing, and a lab that was skipped is a lab that could not run.
    return 0 if results and all(r["result"] == "pass" for r in results) else 1
