"""netvfd on a machine without Xen: one sentence, soon, and an exit code that says failure."""
import os
import tempfile
import time

from labkit.base import BUILD, Fail, run as run_here


def run(lab):
    with tempfile.TemporaryDirectory() as stage:
        if not (BUILD / "Makefile").exists():
            raise Fail("netvfd is not built")
        run_here(["make", "-C", BUILD, "install", f"DESTDIR={stage}"], timeout=300)
        started = time.monotonic()
        done = run_here([f"{stage}/usr/sbin/netvfd"], timeout=20, check=False)
        seconds = time.monotonic() - started
    lab.check(not os.path.exists("/proc/xen/capabilities"), "this machine runs on Xen itself")
    said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    lab.check(done.returncode > 0, f"netvfd ended with {done.returncode} where there is no Xen")
    lab.check(seconds < 3, f"netvfd took {seconds:.1f} s to notice that there is no Xen")
    lab.check(len(said) == 1 and "Xen" in said[0], f"netvfd said {len(said)} lines without Xen, not one sentence about it: {said[:3]}")
    return {"sentence": said[0]}
