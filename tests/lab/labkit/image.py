"""The lab image: hypervisor, kernels, dom0's root and the initramfs of dom0 and guests.

Kernels and guests' initramfs are kept unpacked: decompressing them is the slowest part of a start under emulation.

Built once from Debian's packages into CACHE/image-HASH, where HASH covers everything that decides the content.
A build happens in a temporary directory that is renamed when complete, so a killed build leaves no half image.
"""
import concurrent.futures
import fcntl
import gzip
import hashlib
import lzma
import os
import re
import shutil
import struct
import subprocess
import tempfile
import time

from .base import CACHE, LAB_DIR, Fail, run, say

KERNELS = ("6.12", "6.1")
XEN_PACKAGE = "xen-hypervisor-4.17-amd64"
DOM0_PACKAGES = ("xen-utils-4.17", "xenstore-utils", "iproute2", "pciutils", "kmod", "ethtool", "iputils-ping", "busybox-static",
                 "iperf3", "tcpdump", "strace", "gdb", "libmnl0", "libjansson4", "libxencall1", "procps", "python3")
# Modules are named, not copied wholesale: two whole module trees would make the image ten times the size.
# virtio_pci and virtio_console are modules in 6.1 and built into 6.12.
DOM0_BOOT_MODULES = ("virtio_pci", "virtio_blk", "virtio_console", "ext4")
DOM0_MODULES = ("xen-evtchn", "xen-gntdev", "xen-gntalloc", "xen-privcmd", "xenfs", "xen-netback", "xen-blkback", "xen-pciback",
                "igb", "igbvf", "bridge", "tun", "veth", "8021q", "pktgen", "dummy", "loop")
GUEST_MODULES = ("xen-netfront", "xen-evtchn", "xen-gntdev", "xen-gntalloc", "xen-privcmd", "xenfs", "pktgen", "8021q", "tun")
GUEST_PROGRAMS = ("/usr/bin/iperf3", "/usr/sbin/ethtool")
RECIPE_FILES = ("labkit/image.py", "dom0/initramfs-init")
GUEST_DIR = "usr/lib/netvf-lab/guest"


def recipe_hash():
    digest = hashlib.sha256()
    for name in RECIPE_FILES:
        digest.update((LAB_DIR / name).read_bytes())
    return digest.hexdigest()[:12]


def ensure():
    """Path of a complete image, built now if there is none yet."""
    CACHE.mkdir(parents=True, exist_ok=True)
    final = CACHE / f"image-{recipe_hash()}"
    if final.is_dir():
        return final
    with open(CACHE / "image.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if final.is_dir():
            return final
        work = tempfile.mkdtemp(prefix="building-", dir=CACHE)
        try:
            started = time.monotonic()
            say(f"image: building {final.name} (cached from then on)")
            Builder(work).build()
            os.rename(os.path.join(work, "image"), final)
            say(f"image: ready after {time.monotonic() - started:.0f} s")
        finally:
            shutil.rmtree(work, ignore_errors=True)
        drop_older(final)
    return final


def drop_older(keep):
    for entry in CACHE.glob("image-*"):
        if entry != keep:
            shutil.rmtree(entry, ignore_errors=True)
    # Left over by builds that were killed; the lock is ours, so nobody is at work in them.
    for entry in CACHE.glob("building-*"):
        shutil.rmtree(entry, ignore_errors=True)


class Builder:
    def __init__(self, work):
        self.work = work
        self.root = f"{work}/root"
        self.image = f"{work}/image"
        self.versions = {}

    def build(self):
        os.mkdir(self.image)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            root = pool.submit(self.make_root)
            boot = pool.submit(self.unpack_boot_packages)
            boot.result()
            root.result()
        say("image: initramfs and modules")
        for kernel in KERNELS:
            self.copy_kernel(kernel)
            self.install_modules(kernel)
            self.make_dom0_initramfs(kernel)
            self.make_guest_initramfs(kernel)
        say("image: disk")
        self.make_disk()

    def make_root(self):
        """dom0's root file system, plain Debian without what a lab never reads."""
        say("image: dom0 root (mmdebstrap, about a minute)")
        excludes = [f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("doc", "man", "locale", "info")]
        sources = run(["apt-get", "indextargets", "--format", "deb $(REPO_URI) $(CODENAME) $(COMPONENT)", "Created-By: Packages"]).stdout
        lines = sorted({line for line in sources.splitlines() if re.search(r" bookworm(-security|-updates)? main$", line)})
        run(["mmdebstrap", "--variant=minbase", "--quiet", f"--include={','.join(DOM0_PACKAGES)}", *excludes, "bookworm", self.root, *lines],
            timeout=900)

    def unpack_boot_packages(self):
        debs = f"{self.work}/debs"
        os.mkdir(debs)
        names = {kernel: newest_kernel_package(kernel) for kernel in KERNELS}
        say(f"image: hypervisor and kernels ({', '.join(names.values())})")
        run(["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", XEN_PACKAGE, *names.values()], timeout=600, cwd=debs)
        for deb in os.listdir(debs):
            target = next((k for k, name in names.items() if deb.startswith(name + "_")), "xen")
            run(["dpkg-deb", "-x", f"{debs}/{deb}", f"{self.work}/{target}"], timeout=300)
        for kernel, name in names.items():
            self.versions[kernel] = name.removeprefix("linux-image-")
            run(["depmod", "-b", f"{self.work}/{kernel}", self.versions[kernel]], timeout=300)
        # QEMU's -kernel takes the multiboot ELF inside the gz.
        with gzip.open(f"{self.work}/xen/boot/xen-4.17-amd64.gz") as packed, open(f"{self.image}/xen.elf", "wb") as plain:
            shutil.copyfileobj(packed, plain)

    def module_files(self, kernel, names):
        """The .ko files behind the module names, dependencies first."""
        files = []
        for name in names:
            shown = run(["modprobe", "-d", f"{self.work}/{kernel}", "-S", self.versions[kernel], "--show-depends", name]).stdout
            files += [line.split()[1] for line in shown.splitlines() if line.startswith("insmod ")]
        return list(dict.fromkeys(files))

    def copy_kernel(self, kernel):
        target = f"{self.image}/vmlinux-{kernel}"
        unpack_kernel(f"{self.work}/{kernel}/boot/vmlinuz-{self.versions[kernel]}", target)
        os.makedirs(f"{self.root}/{GUEST_DIR}", exist_ok=True)
        shutil.copy(target, f"{self.root}/{GUEST_DIR}/vmlinux-{kernel}")

    def install_modules(self, kernel):
        """A trimmed /lib/modules in dom0's root; unpacked, because xz is slow under emulation."""
        base = f"{self.work}/{kernel}"
        for path in self.module_files(kernel, DOM0_BOOT_MODULES + DOM0_MODULES):
            copy_module(path, f"{self.root}/usr/{os.path.dirname(os.path.relpath(path, base))}")
        tree = f"lib/modules/{self.versions[kernel]}"
        for index in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
            shutil.copy(f"{base}/{tree}/{index}", f"{self.root}/usr/{tree}/{index}")
        run(["depmod", "-b", self.root, self.versions[kernel]])

    def initramfs(self, kernel, name, modules, programs=(), init=None):
        """An uncompressed cpio of busybox, modules in loading order, and programs."""
        tree = f"{self.work}/{name}-{kernel}"
        os.makedirs(f"{tree}/bin")
        os.makedirs(f"{tree}/modules")
        shutil.copy(f"{self.root}/usr/bin/busybox", f"{tree}/bin/busybox")
        os.symlink("busybox", f"{tree}/bin/sh")
        if init:
            shutil.copy(LAB_DIR / init, f"{tree}/init")
        order = [copy_module(path, f"{tree}/modules") for path in self.module_files(kernel, modules)]
        with open(f"{tree}/modules/order", "w", encoding="ascii") as out:
            out.writelines(f"{module}\n" for module in order)
        for program in programs:
            self.copy_program(program, tree)
        target = f"{self.image}/{name}-{kernel}.img"
        pack_cpio(tree, target)
        return target

    def copy_program(self, program, tree):
        """A dynamic program of dom0's root with the libraries it needs."""
        listed = run(["chroot", self.root, "ldd", program]).stdout
        for path in [program, *re.findall(r"(/\S+) \(0x", listed)]:
            os.makedirs(os.path.dirname(tree + path), exist_ok=True)
            shutil.copy(self.root + path, tree + path)

    def make_dom0_initramfs(self, kernel):
        self.initramfs(kernel, "dom0", DOM0_BOOT_MODULES, init="dom0/initramfs-init")

    def make_guest_initramfs(self, kernel):
        """Without its init: that comes with every boot (machine.pack_overlay), so that changing it builds no new image."""
        made = self.initramfs(kernel, "guest", GUEST_MODULES, GUEST_PROGRAMS)
        shutil.move(made, f"{self.root}/{GUEST_DIR}/base-{kernel}.cpio")

    def make_disk(self):
        for waste in ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale"):
            shutil.rmtree(f"{self.root}/{waste}", ignore_errors=True)
        # No journal: the disk is thrown away after every boot (snapshot=on).
        run(["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-L", "dom0", "-d", self.root, f"{self.image}/disk.img", "1500M"], timeout=300)


def newest_kernel_package(kernel):
    """linux-image-<full version>-amd64 of a series, as the metapackage of bookworm or its backports names it."""
    shown = run(["apt-cache", "show", "linux-image-amd64"]).stdout
    found = re.search(rf"^Depends: (linux-image-{re.escape(kernel)}\.[^ ,]+)", shown, re.MULTILINE)
    if not found:
        raise Fail(f"apt offers no linux-image-amd64 {kernel}: run tests/lab/setup.sh, which adds bookworm-backports")
    return found.group(1)


def unpack_kernel(bzimage, target):
    """The ELF inside a bzImage (boot protocol 2.08: payload_offset, payload_length)."""
    with open(bzimage, "rb") as source:
        data = source.read()
    start = (data[0x1f1] + 1) * 512
    offset, length = struct.unpack_from("<II", data, 0x248)
    # The last four bytes are the unpacked size.
    payload = data[start + offset:start + offset + length - 4]
    if payload.startswith(b"\xfd7zXZ"):
        plain = lzma.decompress(payload)
    elif payload.startswith(b"\x28\xb5\x2f\xfd"):
        plain = subprocess.run(["zstd", "-dc"], input=payload, check=True, capture_output=True).stdout
    else:
        raise Fail(f"{bzimage} is compressed in a way the lab does not know")
    with open(target, "wb") as out:
        out.write(plain)


def pack_cpio(tree, target):
    names = subprocess.run(["find", ".", "-print0"], cwd=tree, check=True, capture_output=True).stdout
    packed = subprocess.run(["cpio", "--null", "--create", "--format=newc", "--quiet", "--owner=0:0"], cwd=tree, check=True, input=names,
                            capture_output=True).stdout
    with open(target, "wb") as out:
        out.write(packed)


def copy_module(path, directory):
    """Copy a module, decompressed; returns its file name."""
    os.makedirs(directory, exist_ok=True)
    name = os.path.basename(path)
    if name.endswith(".xz"):
        name = name.removesuffix(".xz")
        with open(f"{directory}/{name}", "wb") as out:
            subprocess.run(["xz", "-dc", path], stdout=out, check=True)
    else:
        shutil.copy(path, f"{directory}/{name}")
    return name
