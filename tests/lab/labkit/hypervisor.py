"""Hypervisors that Debian does not ship, for the scenarios that ask for one (XEN = "shadow"): Debian's own source, configured otherwise.

An artifact of its own beside the image: the image needs no compiler, and whoever runs no such scenario does not wait for this.
"""
import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

from .base import CACHE, Fail, run, say
from .guest import last_line
from .image import XEN_PACKAGE

STOCK = "stock"
# Without shadow paging Xen cannot log which pages of a PV guest become dirty. It is off by default since XSA-495 (in 4.17.7).
VARIANTS = {"shadow": ("CONFIG_SHADOW_PAGING=y",)}
RECIPE = pathlib.Path(__file__)
# Nothing of the build may look for the network: what it would fetch are tools that a hypervisor does not need (as debian/rules has it).
MAKE = ["nice", "make", "-C", "xen", f"-j{os.cpu_count() or 1}", "XEN_TARGET_ARCH=x86_64", "WGET=/bin/false", "GIT=/bin/false"]
MAKE_DEADLINE = 1800
TELL_EVERY = 20
# The archive's key, as in setup.sh: the mirror is the machine's own, whichever it is.
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def elf(root, variant):
    """What QEMU boots: the image's own hypervisor, or a variant, built now if there is none yet."""
    return f"{root}/xen.elf" if variant == STOCK else str(ensure(variant))


def ensure(variant):
    digest = hashlib.sha256(RECIPE.read_bytes()).hexdigest()[:12]
    final = CACHE / f"xen-{variant}-{digest}.elf"
    if final.is_file():
        return final
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "hypervisor.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if final.is_file():
            return final
        # Not "building-": those are the image's, which removes what it finds of them.
        for left in CACHE.glob("xen-building-*"):
            shutil.rmtree(left, ignore_errors=True)
        work = tempfile.mkdtemp(prefix="xen-building-", dir=CACHE)
        started = time.monotonic()
        try:
            say(f"hypervisor: building {final.name} (cached from then on)")
            os.rename(build(work, VARIANTS[variant]), final)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        say(f"hypervisor: ready after {time.monotonic() - started:.0f} s")
        for entry in CACHE.glob(f"xen-{variant}-*.elf"):
            if entry != final:
                entry.unlink()
    return final


def build(work, settings):
    tree = fetch_source(work)
    config = tree / "xen/.config"
    # Debian's configuration is what it says in one file, and Xen's defaults for the rest.
    names = [setting.partition("=")[0] for setting in settings]
    kept = [line for line in (tree / "debian/xen-kconfig").read_text(encoding="utf-8").splitlines()
            if not any(re.search(rf"\b{name}\b", line) for name in names)]
    config.write_text("\n".join([*kept, *settings]) + "\n", encoding="utf-8")
    run([*MAKE, "olddefconfig"], timeout=120, cwd=tree)
    configured = config.read_text(encoding="utf-8").splitlines()
    lost = [setting for setting in settings if setting not in configured]
    if lost:
        raise Fail(f"Xen's configuration does not take {' '.join(lost)}")
    make(tree, f"{work}/make.log")
    # The multiboot ELF that is inside the .gz as well.
    return tree / "xen/xen"


def make(tree, log):
    with open(log, "w", encoding="utf-8") as out:
        process = subprocess.Popen(MAKE, cwd=tree, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    started = told = time.monotonic()
    try:
        while process.poll() is None:
            time.sleep(0.2)
            now = time.monotonic()
            if now - started > MAKE_DEADLINE:
                raise Fail(f"Xen was not built within {MAKE_DEADLINE} s")
            if now - told > TELL_EVERY:
                told = now
                say(f"hypervisor: {compiled(log)} files compiled after {now - started:.0f} s (about 400, 90 s on two cores)")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if process.returncode:
        raise Fail(f"Xen could not be built: {pathlib.Path(log).read_text(encoding='utf-8', errors='replace').strip()[-500:]}")


def compiled(log):
    return len(re.findall(r"^ +CC ", pathlib.Path(log).read_text(encoding="utf-8", errors="replace"), re.MULTILINE))


def fetch_source(work):
    """Debian's source package, unpacked and patched: of the version that the image has, or, where the mirror has lost that, of the
    newest that it does have. All of 4.17 speak to the same tools."""
    apt = source_options(work)
    run(["apt-get", "update", "-qq", *apt], timeout=300)
    wanted = run(["apt-cache", "show", "--no-all-versions", XEN_PACKAGE]).stdout
    wanted = re.search(r"^Version: (\S+)", wanted, re.MULTILINE).group(1)
    shown = run(["apt-cache", "showsrc", *apt, "xen"]).stdout
    versions = [wanted, *(v for v in re.findall(r"^Version: (\S+)", shown, re.MULTILINE) if v != wanted and v.startswith("4.17."))]
    for version in versions:
        say(f"hypervisor: source package xen {version}")
        got = run(["apt-get", "source", "-qq", *apt, f"xen={version}"], timeout=300, check=False, cwd=work)
        trees = list(pathlib.Path(work).glob("xen-4.17*/xen"))
        if got.returncode == 0 and trees:
            return trees[0].parent
        say(f"hypervisor: not to be had from the mirror ({last_line(got.stderr or got.stdout)})")
    raise Fail(f"the apt mirror has no source of Xen (tried {', '.join(versions)})")


def source_options(work):
    """Options for apt with which it knows the sources of the machine's own mirror, whether the machine's configuration has them or not,
    and leaves the machine's own lists alone."""
    shown = run(["apt-get", "indextargets", "--format", f"deb-src [signed-by={KEYRING}] $(REPO_URI) $(CODENAME) $(COMPONENT)",
                 "Created-By: Packages"]).stdout
    lines = sorted({line for line in shown.splitlines() if re.search(r" bookworm(-security|-updates)? main$", line)})
    os.makedirs(f"{work}/apt/lists/partial")
    pathlib.Path(f"{work}/apt/sources.list").write_text("\n".join(lines) + "\n", encoding="utf-8")
    options = {"Dir::Etc::sourcelist": f"{work}/apt/sources.list", "Dir::Etc::sourceparts": "/dev/null",
               "Dir::State::lists": f"{work}/apt/lists", "Dir::Cache::pkgcache": "", "Dir::Cache::srcpkgcache": "",
               "APT::Sandbox::User": "root"}
    return [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
