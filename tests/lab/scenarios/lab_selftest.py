"""The lab is what it claims (Xen, VT-d strict, 7 idle VFs), and the teardown check really fails when something is left."""
from labkit import teardown

FAULT = "(XEN) [VT-D]DMAR:[DMA Write] Request device [0000:01:10.0] fault addr 7e713000\n"
# Holds a grant of a guest mapped: what a daemon that died without cleaning up would leave.
HOLDER = """
import ctypes, sys, time
lib = ctypes.CDLL("libxengnttab.so.1")
lib.xengnttab_open.restype = lib.xengnttab_map_grant_ref.restype = ctypes.c_void_p
handle = lib.xengnttab_open(None, 0)
page = lib.xengnttab_map_grant_ref(ctypes.c_void_p(handle), int(sys.argv[1]), int(sys.argv[2]), 1)
print("mapped" if page else "failed", flush=True)
time.sleep(600)
"""


def expect_complaint(lab, *words):
    """The common check must see what has been left on purpose."""
    found = "; ".join(teardown.complaints_of(lab, patience=1))
    for word in words:
        lab.check(word in found, f"the teardown check did not see it ({word}): {found or 'no complaint'}")


def check_host(lab):
    info = lab.dom0("xl info").out
    lab.check("pv_directio" in info, "Xen has no directed I/O: VT-d is off")
    boot = lab.machine.read_log("console.log")
    for sign in ("dom0-iommu=strict", "I/O virtualisation enabled", "Dom0 mode: Strict"):
        lab.check(sign in boot, f"Xen's boot log has no '{sign}'")
    functions = teardown.virtual_functions(lab)
    lab.check(len(functions) == 7, f"{len(functions)} VFs instead of 7")
    drivers = lab.dom0("ls -d /sys/bus/pci/devices/0000:01:1?.?/driver", check=False).out.split()
    lab.check(not drivers, f"a kernel driver holds {drivers}")
    return functions


def check_vector_registers(lab):
    """Under QEMU before -xsave, Xen's lazy switching gave a process the vector registers of another."""
    program = "import time\nend = time.time() + 3\nwhile time.time() < end:\n    assert sum(i * 0.5 for i in range(2000)) == 999500.0"
    lab.agent.push(program, "/root/float.py")
    rc, _, err = lab.dom0("for i in 1 2 3; do python3 /root/float.py & jobs=\"$jobs $!\"; done; for j in $jobs; do wait $j || exit 1; done",
                          check=False)
    lab.check(rc == 0, f"processes in dom0 disturb each other's registers: {err[-200:]}")


def run(lab):
    functions = check_host(lab)
    check_vector_registers(lab)
    lab.expect_leak_free()

    lab.dom0(f"setpci -s {functions[3]} COMMAND=0004:0004")
    expect_complaint(lab, "bus mastering")
    lab.dom0(f"setpci -s {functions[3]} COMMAND=0000:0004")

    lab.check(teardown.dmar_faults(FAULT), "a DMAR fault in Xen's log is overlooked")

    guest = lab.guest("left", ["mac=00:16:3e:00:01:01,bridge=xenbr0"])
    expect_complaint(lab, "still there")
    ref = next(r for r, mapper in teardown.active_grants(teardown.grant_usage(lab), guest.domid) if mapper == 0)
    lab.agent.push(HOLDER, "/root/holder.py")
    holder = lab.agent.spawn(f"python3 /root/holder.py {guest.domid} {ref}", "/var/log/holder.log")
    lab.dom0("for i in $(seq 50); do grep -q mapped /var/log/holder.log && exit 0; sleep 0.1; done; exit 1")
    guest.destroy()
    expect_complaint(lab, "zombie", "still mapped")
    lab.dom0(f"kill {holder}")
    lab.expect_leak_free()
    return {"vfs": len(functions)}
