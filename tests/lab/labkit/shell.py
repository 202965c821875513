"""lab shell: a person's terminal on dom0's console."""
import os
import select
import socket
import sys
import termios
import tty

from .base import Fail, say

LEAVE = b"\x1d"  # Ctrl-]


def attach(path):
    if not sys.stdin.isatty():
        raise Fail("lab shell wants a terminal; 'lab exec COMMAND' runs one command in dom0")
    console = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    console.connect(path)
    say("dom0's console; Ctrl-] leaves it (the host stays up)\r")
    console.sendall(b"\n")
    before = termios.tcgetattr(0)
    try:
        tty.setraw(0)
        relay(console)
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)
        console.close()
        say("")


def relay(console):
    while True:
        ready, _, _ = select.select([0, console], [], [])
        if 0 in ready:
            typed = os.read(0, 4096)
            if not typed or LEAVE in typed:
                return
            console.sendall(typed)
        if console in ready:
            shown = console.recv(65536)
            if not shown:
                return
            os.write(1, shown)
