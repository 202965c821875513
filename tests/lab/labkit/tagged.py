"""A host in one VLAN, as a process of its own: python3 tagged.py INTERFACE VID ADDRESS.

It answers ARP and pings for its address, if they are tagged with its VLAN and only then, with tagged frames. By raw frames, for
the machine that runs the lab need not have the 8021q module.
"""
import socket
import struct
import sys

SOL_PACKET, PACKET_AUXDATA, VLAN_VALID = 263, 8, 1 << 4
ETH_P_ALL, ETH_ARP, ETH_IP, ETH_VLAN = 3, 0x0806, 0x0800, 0x8100
AUXDATA = struct.Struct("=IIIHHHH")  # struct tpacket_auxdata
MAC = bytes.fromhex("525400777777")


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data[:len(data) & ~1])) + (data[-1] << 8 if len(data) & 1 else 0)
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def arp_reply(frame, address):
    if frame[20:22] != b"\0\1" or frame[38:42] != address:
        return None
    return frame[:20] + b"\0\2" + MAC + address + frame[22:32]


def echo_reply(frame, address):
    header = (frame[14] & 15) * 4
    length = struct.unpack("!H", frame[16:18])[0]
    icmp = bytearray(frame[14 + header:14 + length])
    if frame[23] != 1 or frame[30:34] != address or not icmp or icmp[0] != 8:
        return None
    icmp[0] = 0
    icmp[2:4] = b"\0\0"
    icmp[2:4] = struct.pack("!H", checksum(bytes(icmp)))
    # Source and destination change places, which leaves the header's checksum as it was.
    return frame[:26] + frame[30:34] + frame[26:30] + frame[34:14 + header] + bytes(icmp)


def vlan_of(ancillary):
    """The tag that the kernel has taken off the frame, or None."""
    for level, kind, data in ancillary:
        if level == SOL_PACKET and kind == PACKET_AUXDATA and len(data) >= AUXDATA.size:
            status, *_, tci, _ = AUXDATA.unpack(data[:AUXDATA.size])
            return tci & 0xfff if status & VLAN_VALID else None
    return None


def serve(interface, vid, address):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as wire:
        wire.bind((interface, 0))
        wire.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        print("ready", flush=True)
        while True:
            frame, ancillary, _, sender = wire.recvmsg(65536, 256)
            if sender[2] == socket.PACKET_OUTGOING or vlan_of(ancillary) != vid or len(frame) < 42:
                continue
            kind = struct.unpack("!H", frame[12:14])[0]
            reply = arp_reply(frame, address) if kind == ETH_ARP else echo_reply(frame, address) if kind == ETH_IP else None
            if reply:
                wire.send(frame[6:12] + MAC + struct.pack("!HH", ETH_VLAN, vid) + reply[12:])


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]), socket.inet_aton(sys.argv[3]))
