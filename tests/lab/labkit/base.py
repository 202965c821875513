"""What every part of the lab shares: where things lie, how a command is run, how a failure is said."""
import os
import subprocess
import sys
import time
from pathlib import Path

LAB_DIR = Path(__file__).resolve().parent.parent
TREE = LAB_DIR.parent.parent
OUT = LAB_DIR / "out"
CACHE = Path(os.environ.get("NETVF_LAB_CACHE", "/var/cache/netvf-lab"))
# Unix socket paths are limited to 107 bytes, so sockets do not live under OUT.
RUNTIME = Path(os.environ.get("NETVF_LAB_RUNTIME", "/run/netvf-lab"))
BUILD = Path(os.environ.get("NETVF_BUILD", TREE / "build"))


class Fail(Exception):
    """A scenario or the lab itself failed; the message is one sentence for a person."""


class Stalled(Fail):
    """The emulated machine stopped doing anything while it booted."""


class Busy(Fail):
    """Another lab is up on this machine: nothing can be run now, whatever the scenario."""


class Skip(Exception):
    """A scenario cannot be run here, for a reason that is not a fault."""


def say(text):
    print(text, flush=True)


def run(argv, timeout=60, check=True, **kwargs):
    """Run a host command to its end; returns CompletedProcess with text output."""
    kwargs.setdefault("stdin", subprocess.DEVNULL)
    try:
        done = subprocess.run([str(a) for a in argv], timeout=timeout, text=True, errors="replace",
                              capture_output=True, check=False, **kwargs)
    except subprocess.TimeoutExpired as late:
        raise Fail(f"'{' '.join(map(str, argv))}' did not end within {timeout} s") from late
    except FileNotFoundError as gone:
        raise Fail(f"{argv[0]} is not installed: run tests/lab/setup.sh") from gone
    if check and done.returncode != 0:
        raise Fail(f"'{' '.join(map(str, argv))}' failed ({done.returncode}): {(done.stderr or done.stdout).strip()[-500:]}")
    return done


def wait_for(what, predicate, timeout=10, interval=0.1):
    """Poll until predicate() gives something true and return it; Fail when the deadline passes."""
    deadline = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Fail(f"waited {timeout:g} s in vain for {what}")
        time.sleep(interval)


def need_root():
    if os.geteuid() != 0:
        sys.exit("lab: run this as root: it makes network namespaces and starts a virtual machine")
