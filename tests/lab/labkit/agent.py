"""The host's end of the agent in dom0 (dom0/agent): commands and files, every call with a deadline."""
import base64
import json
import os
import queue
import socket
import threading
import time
import uuid
from dataclasses import dataclass

from .base import Fail, Stalled


@dataclass
class Result:
    """What a command in dom0 or in a guest came to; unpacks as (rc, out, err)."""
    rc: int
    out: str
    err: str

    def __iter__(self):
        return iter((self.rc, self.out, self.err))


class Agent:
    # On top of a command's own deadline: the answer has to travel through an emulated machine.
    GRACE = 15

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(str(path))
        # Answers to an earlier client of the same lab carry another session's name and are ignored.
        self.session = uuid.uuid4().hex[:8]
        self.count = 0
        self.waiting = {}
        self.lock = threading.Lock()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        rest = b""
        while True:
            try:
                got = self.socket.recv(1 << 20)
            except OSError:
                got = b""
            if not got:
                with self.lock:
                    for box in self.waiting.values():
                        box.put({"error": "the machine has ended"})
                return
            *lines, rest = (rest + got).split(b"\n")
            for line in lines:
                try:
                    reply = json.loads(line)
                except ValueError:
                    continue  # the tail of an answer to a client that left
                with self.lock:
                    box = self.waiting.pop(reply.get("id"), None)
                if box:
                    box.put(reply)

    def call(self, op, timeout, **fields):
        box = queue.Queue()
        with self.lock:
            self.count += 1
            name = f"{self.session}.{self.count}"
            self.waiting[name] = box
            line = json.dumps({"id": name, "op": op, "timeout": timeout, **fields}).encode() + b"\n"
            try:
                self.socket.sendall(line)
            except OSError as gone:
                raise Fail("the machine has ended") from gone
        started = time.monotonic()
        try:
            reply = box.get(timeout=timeout + self.GRACE)
        except queue.Empty:
            with self.lock:
                self.waiting.pop(name, None)
            raise Fail(f"dom0 did not answer within {timeout + self.GRACE:g} s: {fields.get('cmd') or fields.get('command') or op}") from None
        self.trace(started, op, fields)
        if "error" in reply:
            raise Fail(f"dom0, {fields.get('cmd') or fields.get('command') or fields.get('path') or op}: {reply['error']}")
        return reply

    @staticmethod
    def trace(started, op, fields):
        """For whoever wonders where a scenario's time goes: NETVF_LAB_TRACE names a file that gets a line for each call."""
        path = os.environ.get("NETVF_LAB_TRACE")
        if path:
            what = fields.get("cmd") or fields.get("command") or fields.get("path") or ""
            with open(path, "a", encoding="utf-8") as out:
                out.write(f"{started:.2f} {time.monotonic() - started:.2f} {op} {' '.join(what.split())[:160]}\n")

    def wait_up(self, timeout, check):
        """Wait until dom0 answers; check() raises when there is no point in waiting on."""
        deadline = time.monotonic() + timeout
        box = queue.Queue()
        with self.lock:
            self.waiting["up"] = box
        self.socket.sendall(b'{"id": "up", "op": "ping", "timeout": 1}\n')
        while time.monotonic() < deadline:
            try:
                box.get(timeout=0.5)
                return
            except queue.Empty:
                check()
        raise Stalled(f"dom0 did not come up within {timeout} s")

    @staticmethod
    def result(reply, what, timeout):
        if reply["late"]:
            raise Fail(f"'{what}' did not end within {timeout:g} s; so far: {(reply['out'] + reply['err']).strip()[-300:]}")
        return Result(reply["rc"], reply["out"], reply["err"])

    def exec(self, cmd, timeout=30, stdin=""):
        return self.result(self.call("exec", timeout, cmd=cmd, stdin=stdin), cmd, timeout)

    def guest(self, pty, log, command, timeout):
        request = uuid.uuid4().hex[:12]
        return self.result(self.call("guest", timeout, pty=pty, log=log, request=request, command=command), command, timeout)

    def spawn(self, cmd, log):
        return self.call("spawn", 10, cmd=cmd, log=log)["pid"]

    def status(self, pid):
        return self.call("status", 10, pid=pid)

    def push(self, data, path, mode=0o644):
        if isinstance(data, str):
            data = data.encode()
        # One chunk per request keeps the emulated serial port responsive for other requests.
        chunk = 256 * 1024
        for start in range(0, max(len(data), 1), chunk):
            piece = base64.b64encode(data[start:start + chunk]).decode()
            self.call("push", 60, path=path, data=piece, mode=mode, append=start > 0)

    def pull(self, path):
        return base64.b64decode(self.call("pull", 60, path=path)["data"])

    def words(self, path, size, *offsets):
        """32-bit words of a file in dom0 that is mapped, as the registers of a device are."""
        return self.call("words", 10, path=path, size=size, offsets=offsets)["words"]

    def wait_for_lines(self, path, pattern, count, timeout):
        """Until so many lines of a file in dom0 match; False when the deadline has passed."""
        return self.call("await", timeout, path=path, pattern=pattern, count=count)["found"]

    def close(self):
        self.socket.close()
