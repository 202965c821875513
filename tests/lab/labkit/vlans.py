"""VLAN interfaces without the 8021q module, as a process of its own: python3 vlans.py INTERFACE VID=ADDRESS/BITS...

For each VID a TAP device vlanVID with that address: what the kernel sends there leaves by INTERFACE with the tag, and what arrives
there with the tag, and only that, comes out of the device. The machine that runs the lab need not know of VLANs.
"""
import fcntl
import os
import selectors
import socket
import struct
import subprocess
import sys

if __package__:
    from .tagged import ETH_P_ALL, ETH_VLAN, PACKET_AUXDATA, SOL_PACKET, vlan_of
else:
    from tagged import ETH_P_ALL, ETH_VLAN, PACKET_AUXDATA, SOL_PACKET, vlan_of

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
SO_RCVBUFFORCE = 33
BATCH = 64
BUFFER = 4 << 20


def device(vid):
    return f"vlan{vid}"


def open_tap(vid, address):
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH", device(vid).encode(), IFF_TAP | IFF_NO_PI))
    for command in (f"ip addr add {address} dev {device(vid)}", f"ip link set {device(vid)} up"):
        subprocess.run(command.split(), check=True)
    return tap


def open_wire(interface):
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    wire.bind((interface, 0))
    wire.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    wire.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
    wire.setblocking(False)
    return wire


def send(what, frame):
    """A frame that does not fit anywhere is lost, as on any wire."""
    try:
        what(frame)
    except OSError:
        pass


def from_wire(wire, taps):
    for _ in range(BATCH):
        try:
            frame, ancillary, _, sender = wire.recvmsg(65536, 256)
        except BlockingIOError:
            return
        tap = None if sender[2] == socket.PACKET_OUTGOING else taps.get(vlan_of(ancillary))
        if tap is not None:
            send(lambda frame, tap=tap: os.write(tap, frame), frame)


def from_tap(tap, vid, wire):
    for _ in range(BATCH):
        try:
            frame = os.read(tap, 65536)
        except BlockingIOError:
            return
        send(wire.send, frame[:12] + struct.pack("!HH", ETH_VLAN, vid) + frame[12:])


def serve(interface, addresses):
    taps = {vid: open_tap(vid, address) for vid, address in addresses.items()}
    wire = open_wire(interface)
    ready = selectors.DefaultSelector()
    ready.register(wire, selectors.EVENT_READ, lambda: from_wire(wire, taps))
    for vid, tap in taps.items():
        ready.register(tap, selectors.EVENT_READ, lambda tap=tap, vid=vid: from_tap(tap, vid, wire))
    print("ready", flush=True)
    while True:
        for key, _ in ready.select():
            key.data()


if __name__ == "__main__":
    serve(sys.argv[1], {int(vid): address for vid, address in (word.split("=") for word in sys.argv[2:])})
