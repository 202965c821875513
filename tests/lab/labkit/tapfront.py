"""Guests in which netvf-front has the vif, and not the kernel's netfront: a TAP interface of theirs is on it."""
from . import frontend
from .base import wait_for

TAP = "nv0"
PROGRAM = "/bin/netvf-front"
LOG = "/tmp/netvf-front.log"


def state(lab, guest):
    return lab.xs_read(f"{lab.backend_path(guest)}/state")


def unload_netfront(lab, guest):
    """The stock driver gives the vif back in good order, and cannot come back: it is not in the kernel any more."""
    lab.check(guest.exec(f"test -x {PROGRAM}", check=False).rc == 0,
              f"the guest has no {PROGRAM}: it is not built")
    guest.more_drivers()
    guest.exec(frontend.UNLOAD, timeout=40)
    wait_for("the backend to be closed by the stock driver", lambda: state(lab, guest) == "6", 15, 0.2)
    lab.check(guest.exec("ls /sys/class/net/eth0", check=False).rc != 0, "the guest still has an eth0 of netfront's")


def said(guest):
    return guest.exec(f"cat {LOG}", check=False).out.strip().replace("\n", " | ")


def running(guest):
    return guest.exec("pidof netvf-front", check=False).out.split()


def start(lab, guest, address, options=""):
    """Until both ends say Connected and the interface has an address."""
    guest.exec(f"{PROGRAM} --tap {TAP} {options} </dev/null >{LOG} 2>&1 &")

    def connected():
        lab.check(running(guest), f"netvf-front has ended: {said(guest)}")
        return state(lab, guest) == "4" and said(guest).endswith(": connected")
    wait_for("netvf-front to connect", connected, 20, 0.3)
    guest.configure(TAP, f"{address}/24")


def check_frontend(lab, guest, queues=1):
    """What stands in xenstore is netvf-front's: the stock driver writes no feature-no-csum-offload."""
    frontend = f"/local/domain/{guest.domid}/device/vif/0"
    lab.check(lab.xs_read(f"{frontend}/state") == "4", f"the frontend's state is {lab.xs_read(f'{frontend}/state')}")
    lab.check(lab.xs_read(f"{frontend}/feature-no-csum-offload") == "0", "the keys are not netvf-front's")
    told = lab.xs_read(f"{frontend}/multi-queue-num-queues")
    lab.check(told == str(queues), f"{queues} queues were wanted, {told} are set up")
    mac = guest.exec(f"cat /sys/class/net/{TAP}/address").out.strip()
    wanted = lab.xs_read(f"{frontend}/mac")
    lab.check(mac == wanted, f"{TAP} has the address {mac}, the vif {wanted}")


def stop(lab, guest):
    """In good order: the backend is closed, and the program says so by its exit."""
    guest.exec("kill -TERM $(pidof netvf-front)")
    wait_for("netvf-front to end", lambda: not running(guest), 15, 0.2)
    lab.check(said(guest).endswith(": closed"), f"netvf-front did not close in good order: {said(guest)}")
    wait_for("the backend to be closed", lambda: state(lab, guest) == "6", 15, 0.2)


def kill(guest):
    """Without a word to the backend."""
    guest.exec("kill -KILL $(pidof netvf-front)")
    wait_for("netvf-front to be gone", lambda: not running(guest), 10, 0.2)


def pings(lab, guest, target, count, when):
    ping = lab.ping(guest, target, count)
    lab.check(ping["loss_percent"] == 0, f"{ping['loss_percent']} % of the pings were lost {when}; netvf-front says: {said(guest)}")
    return ping["avg_us"]
