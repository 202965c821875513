"""udp_send.py ADDRESS RATE SECONDS: sends datagrams of 18 bytes (64-byte frames) at up to RATE a second. Prints how many, and in how long."""
import socket
import sys
import time

DISCARD = 9
# So many go out between two looks at the clock.
BATCH_SECONDS = 0.002


def main():
    address, rate, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.connect((address, DISCARD))
    data = bytes(18)
    sent, started = 0, time.monotonic()
    while (now := time.monotonic() - started) < seconds:
        due = min(int(rate * now), sent + max(1, int(rate * 10 * BATCH_SECONDS)))
        while sent < due:
            try:
                sender.send(data)
            except (BlockingIOError, ConnectionRefusedError):
                pass  # nobody listens, and says so now and then
            except OSError as full:
                if full.errno != 105:  # ENOBUFS: the card's queue is full
                    raise
            sent += 1
        time.sleep(BATCH_SECONDS)
    print(sent, round(time.monotonic() - started, 4))


main()
