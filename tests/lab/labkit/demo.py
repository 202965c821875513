"""lab demo: the main job in front of a person, and its figures for a program."""
import json
import time

from . import mainjob, ours, teardown
from .base import Fail, say
from .lab import Lab
from .shell import attach

ROWS = (("TCP, guest to outside", "tcp_tx_mbps", "Mbit/s"), ("TCP, outside to guest", "tcp_rx_mbps", "Mbit/s"),
        ("ping, average", "ping_avg_us", "us"))
COLUMNS = (("netvf, iommu", ""), ("netvf, host", "host_"), ("kernel netback", "kernel_"))


def heading(text):
    say(f"\n== {text}")


def show_host(lab):
    heading("The host")
    info = dict(line.split(":", 1) for line in lab.dom0("xl info").out.splitlines() if ":" in line)
    info = {key.strip(): value.strip() for key, value in info.items()}
    say(f"Xen {info['xen_version']}, dom0 Linux {info['release']}, {info['virt_caps']}")
    say(lab.dom0("lspci -s 01:00.0; lspci | grep -c 'Virtual Function'").out.strip() + " VFs")


def show_vif(lab, guest):
    heading("The guest's vif line (the second vif is the kernel's, to compare), and what lets a VF use the guest's own addresses")
    say(f"vif = [ {', '.join(repr(line) for line in guest.vifs)} ]\n{ours.PASSTHROUGH}")
    heading("xenstore: our vif, backend's end")
    say(lab.dom0(f"xenstore-ls {lab.backend_path(guest)}").out.rstrip())
    heading("xenstore: our vif, frontend's end")
    say(lab.dom0(f"xenstore-ls /local/domain/{guest.domid}/device/vif/0").out.rstrip())
    heading("netvf list")
    say(lab.dom0("netvf list").out.rstrip())


def show_table(figures, mtu):
    heading(f"Side by side, same guest, same boot, MTU {mtu}")
    say(f"{'':24}" + "".join(f"{title:>18}" for title, _ in COLUMNS))
    for title, key, unit in ROWS:
        say(f"{title:24}" + "".join(f"{str(figures[prefix + key]) + ' ' + unit:>18}" for _, prefix in COLUMNS))
    say("")
    for title, prefix in COLUMNS[:2]:
        say(f"{title}, per packet under TCP load: {figures[prefix + 'hypercalls_per_packet_tx']} hypercalls sending, "
            f"{figures[prefix + 'hypercalls_per_packet_rx']} receiving, {figures[prefix + 'payload_copies_per_packet']} payload copies")


def do_main_job(lab, mtu):
    guest = mainjob.start_guest(lab, mtu=mtu, extra=ours.PASSTHROUGH)
    show_host(lab)
    show_vif(lab, guest)
    heading("Measuring (ping and iperf3 both ways, each way in turn, three rounds: about a minute and a half)")
    # By machine addresses is what a guest without passthrough has, and one that is to be migrated; the vif goes over while it runs.
    figures = mainjob.measure(lab, guest, {"": "iommu", "host_": "host", "kernel_": mainjob.KERNEL})
    show_table(figures, mtu)
    guest.destroy()
    teardown.settle(teardown.leftover_domains, lab)
    figures |= mainjob.leftovers(lab)
    teardown.finish(lab)
    heading("After the guest has gone")
    say(f"{figures['dmar_faults']} DMAR faults, {figures['leaked_grants']} grants leaked, every VF idle with bus mastering off")
    return figures


def demo(json_file, keep, mtu):
    started = time.monotonic()
    say("booting the Xen host (QEMU, software emulation: half a minute) ...")
    lab = Lab.boot("6.12", "demo", "lab demo", patience=600)
    try:
        with ours.WireMtu(lab, mtu):
            figures = do_main_job(lab, mtu)
        if json_file:
            with open(json_file, "w", encoding="utf-8") as out:
                json.dump(figures, out, indent=1)
                out.write("\n")
        missed = mainjob.shortcomings(figures)
        if keep:
            attach(lab.machine.console_socket())
    except Fail as fault:
        say(f"\nIt did not work: {fault}.")
        say("".join(f"  {line}\n" for line in last_words(lab)))
        if keep:
            attach(lab.machine.console_socket())
        return 1
    finally:
        lab.close()
    seconds = f"({time.monotonic() - started:.0f} s)"
    if missed:
        say(f"\nIt ran, but missed what was promised: {'; '.join(missed)} {seconds}")
        return 1
    say(f"\nIt works: a stock Linux guest reached the outside through VF {figures['vf']}, no ping lost, no payload copied, nothing "
        f"leaked; {mainjob.speed(figures)} {seconds}")
    return 0


def last_words(lab):
    try:
        return lab.netvfd_log(12).splitlines()
    except Fail:
        return lab.machine.read_log("console.log").splitlines()[-12:]
