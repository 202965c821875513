"""The check at the end of every scenario: nothing of it is left, and nothing went wrong out of sight.

Each check returns the sentences it has to complain about; expect_leak_free puts them together. The parsers work on text, so
that lab_selftest can show that each of them can fail.
"""
import re
import time

from .base import Fail

# A fault is reported per request, with the address that the device had no right to.
DMAR_FAULT = re.compile(r"DMAR:\[(?:DMA|INTR)[^\n]*fault[^\n]*|DMAR:\[fault reason[^\n]*", re.IGNORECASE)
GRANTS_OF = re.compile(r"grant-table for remote d(\d+) ")
ACTIVE_GRANT = re.compile(r"\[0x([0-9a-f]+)\]\s+(\d+) 0x[0-9a-f]+ 0x([0-9a-f]+)")
BUS_MASTER = 0x4
SETTLE = 8.0


def dmar_faults(xen_log):
    return [line.strip() for line in DMAR_FAULT.findall(xen_log)]


def active_grants(usage, owner):
    """Of `xl debug-keys g`: [(reference, mapping domain)] of the owner's pages that are mapped just now."""
    found, current = [], None
    for line in usage.splitlines():
        table = GRANTS_OF.search(line)
        if table:
            current = int(table.group(1))
        entry = ACTIVE_GRANT.search(line)
        if entry and current == owner and int(entry.group(3), 16):
            found.append((int(entry.group(1), 16), int(entry.group(2))))
    return found


def owners(usage):
    return {int(domid) for domid in GRANTS_OF.findall(usage)}


def grant_usage(lab):
    """Xen's own account of what is mapped. The key answers into Xen's log."""
    before = len(lab.xen_log())
    lab.dom0("xl debug-keys g")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        said = lab.xen_log()[before:]
        if "gnttab_usage_print_all ] done" in said:
            return said
        time.sleep(0.1)
    raise Fail("Xen did not print its grant tables")


def domains(lab):
    """{domid: (name, state)} of all but dom0; xl lists a zombie as (null)."""
    rows = [line.split() for line in lab.dom0("xl list").out.splitlines()[1:]]
    return {int(row[1]): (row[0], row[4]) for row in rows if len(row) >= 6 and row[1] != "0"}


def leftover_domains(lab):
    return [f"domain {domid} ({name}, state {state}) is still there" + (": a zombie, something of it is still held" if name == "(null)" else "")
            for domid, (name, state) in domains(lab).items()]


def leftover_grants(lab):
    usage = grant_usage(lab)
    complaints = []
    for owner in owners(usage) - {0}:
        grants = active_grants(usage, owner)
        if grants:
            complaints.append(f"{len(grants)} grants of domain {owner} are still mapped, the first is {grants[0][0]:#x} by domain {grants[0][1]}")
    if not lab.netvfd_alive():
        own = active_grants(usage, 0)
        if own:
            complaints.append(f"{len(own)} of dom0's own grants are still mapped although netvfd does not run")
    return complaints


def virtual_functions(lab):
    """PCI addresses of the VFs of all PFs."""
    return [link.rpartition("/")[2] for link in lab.dom0("readlink /sys/bus/pci/devices/*/virtfn*").out.split()]


def bound_backends(lab):
    """{VF: vif} for the vifs that a VF serves now, as xenstore has it."""
    keys = re.findall(r"/backend/vif/(\d+)/(\d+)/netvf/vf = \"([^\"]+)\"", lab.dom0("xenstore-ls -f /local/domain/0/backend/vif", check=False).out)
    return {vf: f"{dom}/{devid}" for dom, devid, vf in keys}


def mastering_functions(lab):
    """VFs that may still do DMA although no vif has them."""
    functions = virtual_functions(lab)
    commands = lab.dom0("setpci" + "".join(f" -s {pci} COMMAND" for pci in functions)).out.split()
    if len(commands) != len(functions):
        return [f"setpci has read {len(commands)} of {len(functions)} VFs' COMMAND registers"]
    bound = bound_backends(lab)
    complaints = [f"VF {pci} has no vif but its bus mastering is on" for pci, command in zip(functions, commands)
                  if pci not in bound and int(command, 16) & BUS_MASTER]
    return complaints + [f"vif {vif} still has VF {pci}" for pci, vif in bound.items()]


def daemon_leaks(lab):
    """netvfd's own account: every VF idle, every leak counter zero."""
    if not lab.has_netvfd():
        return []
    if not lab.netvfd_alive():
        return ["netvfd does not run any more"]
    state = lab.netvf("list")
    complaints = [f"netvf list: VF {vf['pci']} is {vf['state']}" for pf in state["pfs"] for vf in pf["vfs"] if vf["state"] != "idle"]
    return complaints + [f"netvf list: {count} {what} leaked" for what, count in state["leaks"].items() if count]


def kernel_complaints(lab):
    said = lab.dom0("dmesg | grep -E 'BUG:|Oops|WARNING:|Grant still in use' | tail -n 3", check=False).out.strip()
    return [f"dom0's kernel says: {said}"] if said else []


def crashes(lab):
    cores = lab.dom0("ls /var/crash", check=False).out.split()
    return [f"{core} dumped core" for core in cores]


def settle(check, lab, patience=SETTLE):
    """Some ends come a moment after the command that asked for them; what is still wrong after that patience is wrong."""
    deadline = time.monotonic() + patience
    while True:
        complaints = check(lab)
        if not complaints or time.monotonic() > deadline:
            return complaints
        time.sleep(0.5)


def destroy_leftovers(lab):
    for domid, (name, _) in domains(lab).items():
        if name != "(null)":
            lab.dom0(f"xl destroy {domid}", timeout=60, check=False)


def complaints_of(lab, patience=SETTLE):
    found = []
    for check in (leftover_domains, leftover_grants, mastering_functions, daemon_leaks):
        found += settle(check, lab, patience)
    found += kernel_complaints(lab) + crashes(lab)
    faults = dmar_faults(lab.xen_log())
    if faults:
        found.append(f"{len(faults)} DMAR faults, the first: {faults[0]}")
    return found


def expect_leak_free(lab):
    found = complaints_of(lab)
    if found:
        raise Fail("; ".join(found))


def finish(lab):
    """What the runner does after a scenario, whatever came of it: take down what it left up, then judge."""
    lab.outside.stop_all()
    destroy_leftovers(lab)
    expect_leak_free(lab)
