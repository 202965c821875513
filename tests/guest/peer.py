"""peer.py INTERFACE: the outside host's side of the bare-metal guests. Echoes their frames and datagrams, looks at their TCP.

Frames are those of tests/guest/lib/peer.h. UDP port 7 is served by the host's own stack.
"""
import selectors
import socket
import struct
import sys

TYPE_PEER = 0x88B5
PORT = 4242
HEAD = 22
ECHO, STREAM, QUERY = b"ESQ"
MINIMUM = 60
PACKET_AUXDATA, SOL_PACKET = 8, 263
CSUM_NOT_READY = 8      # the card's (here: the emulator's) checksum offload has not come to it yet
PERIOD = bytes(i % 251 for i in range(251))


def pattern(sequence, count):
    start = sequence % 251
    return (PERIOD[start:] + PERIOD * (count // 251 + 1))[:count]


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total >> 16) + (total & 0xFFFF)
    return total


class Peer:
    def __init__(self, interface):
        self.raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.raw.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.raw.bind((interface, 0))
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("", 7))
        self.forget()

    def forget(self):
        self.frames = self.bytes = self.wrong = self.bad_checksums = 0

    def work(self):
        choice = selectors.DefaultSelector()
        choice.register(self.raw, selectors.EVENT_READ, self.take_frame)
        choice.register(self.udp, selectors.EVENT_READ, self.take_datagram)
        print("ready", flush=True)
        while True:
            for key, _ in choice.select():
                key.data()

    def take_datagram(self):
        data, sender = self.udp.recvfrom(65536)
        self.udp.sendto(data, sender)

    def take_frame(self):
        frame, auxiliary, _, address = self.raw.recvmsg(1 << 17, 256)
        if address[2] == socket.PACKET_OUTGOING or len(frame) < 14:
            return
        kind = struct.unpack_from("!H", frame, 12)[0]
        if kind == TYPE_PEER:
            self.answer(frame)
        elif kind == 0x0800 and frame[23] == 6:
            status = next((struct.unpack_from("I", data)[0] for level, type_, data in auxiliary
                           if (level, type_) == (SOL_PACKET, PACKET_AUXDATA)), 0)
            self.look_at_tcp(frame, status & CSUM_NOT_READY)

    def answer(self, frame):
        turned = frame[6:12] + frame[:6] + frame[12:14]
        what = frame[14] if len(frame) > 14 else ECHO
        if what == QUERY:
            counts = struct.pack("!4I", self.frames, self.bytes, self.wrong, self.bad_checksums)
            self.forget()
            self.send(turned + (frame[14:HEAD] + counts).ljust(MINIMUM - 14, b"\0"))
        elif what == STREAM:
            self.stream(turned[:12], *struct.unpack_from("!IH4s4s", frame, HEAD))
        else:
            self.send(turned + frame[14:])

    def send(self, frame):
        try:
            self.raw.send(frame)
        except OSError as fault:
            print(f"{len(frame)} bytes: {fault}", flush=True)

    def look_at_tcp(self, frame, begun_only):
        length, = struct.unpack_from("!H", frame, 16)
        segment = frame[34:14 + length]
        port, sequence = struct.unpack_from("!HI", segment, 2)
        if port != PORT:
            return
        payload = segment[20:]
        self.frames += 1
        self.bytes += len(payload)
        self.wrong += payload != pattern(sequence, len(payload))
        pseudo = frame[26:34] + struct.pack("!HH", 6, len(segment))
        if not begun_only and checksum(pseudo + segment) != 0xFFFF:
            self.bad_checksums += 1

    def stream(self, addresses, count, size, own, guest):
        for sequence in range(0, count, size):
            payload = pattern(sequence, min(size, count - sequence))
            tcp = struct.pack("!HHIIBBHHH", PORT, PORT, sequence, 1, 0x50, 0x10, 65535, 0, 0) + payload
            check = ~checksum(own + guest + struct.pack("!HH", 6, len(tcp)) + tcp) & 0xFFFF
            tcp = tcp[:16] + struct.pack("!H", check) + tcp[18:]
            ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0x4000, 64, 6, 0, own, guest)
            ip = ip[:10] + struct.pack("!H", ~checksum(ip) & 0xFFFF) + ip[12:]
            self.send(addresses + struct.pack("!H", 0x0800) + ip + tcp)


try:
    Peer(sys.argv[1]).work()
except KeyboardInterrupt:
    pass
