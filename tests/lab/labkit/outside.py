"""The outside host: the network namespace at the other end of the PF's cable."""
import json
import os
import signal
import subprocess
import time

from .base import Fail, run, wait_for

# The outside is a stock host, whatever the machine that runs the lab prefers to send TCP by: BBR, for one, loses a tenth of what it
# sends where a ring of 256 buffers is all that there is between it and a guest.
STOCK_TCP = ("-C", "cubic")
# Packets come to tcpdump a block at a time, at the latest after a second; what it has not been given when it is ended is lost.
CAPTURE_DELAY = 1.2


class Outside:
    def __init__(self, machine):
        self.machine = machine
        self.started = []

    def command(self, argv):
        return ["ip", "netns", "exec", self.machine.netns, *map(str, argv)]

    def run(self, argv, timeout=30, check=True):
        return run(self.command(argv), timeout=timeout, check=check)

    def start(self, argv, log):
        """A process that goes on beside the scenario; ended by stop() or with the lab."""
        with open(f"{self.machine.out}/{log}", "a", encoding="utf-8") as out:
            process = subprocess.Popen(self.command(argv), stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
        self.started.append(process)
        return process

    def stop(self, process):
        if process.poll() is None:
            if "tcpdump" in process.args:
                time.sleep(CAPTURE_DELAY)
            process.send_signal(signal.SIGINT)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process in self.started:
            self.started.remove(process)

    def stop_all(self):
        for process in list(self.started):
            self.stop(process)

    # -- iperf3 and captures ------------------------------------------------------------------------------------------

    def iperf_server(self, port=5201):
        """A server for any number of tests one after another; a second call for the same port finds the first one's."""
        if self._listening(port):
            return
        process = self.start(["iperf3", "-s", "-p", port, "--forceflush"], f"iperf3-server-{port}.log")
        wait_for(f"the outside iperf3 server on port {port}", lambda: self._listening(port) or process.poll() is not None, 5, 0.05)
        if process.poll() is not None:
            raise Fail(f"the outside iperf3 server on port {port} did not start")

    def _listening(self, port):
        return bool(self.run(["ss", "-Hltn", f"sport = :{port}"]).stdout.strip())

    def iperf_client(self, target, seconds=5, port=5201, options=()):
        """iperf3 from outside to a guest that serves; the parsed JSON result."""
        stock = () if "-u" in options else STOCK_TCP
        done = self.run(["iperf3", "-J", "-c", target, "-p", port, "-t", seconds, *stock, *options], timeout=seconds + 30, check=False)
        return parse_iperf(done.stdout, done.stderr)

    def capture(self, name, expression=""):
        """tcpdump on the cable into OUT/name.pcap; returns the process, to be ended with stop()."""
        process = self.start(["tcpdump", "-i", "tap0", "-U", "-w", f"{self.machine.out}/{name}.pcap", *expression.split()], f"{name}.tcpdump.log")
        wait_for("tcpdump to begin", lambda: os.path.exists(f"{self.machine.out}/{name}.pcap"), 5, 0.05)
        return process

    def packets(self, name, expression=""):
        """The lines of a finished capture that match."""
        return self.run(["tcpdump", "-nn", "-r", f"{self.machine.out}/{name}.pcap", *expression.split()]).stdout.splitlines()


def parse_iperf(text, error=""):
    try:
        result = json.loads(text)
    except ValueError as bad:
        raise Fail(f"iperf3 gave no result: {(error or text).strip()[-200:]}") from bad
    if "error" in result:
        raise Fail(f"iperf3: {result['error']}")
    return result


def mbps(result):
    """What arrived at the receiver, in Mbit/s."""
    end = result["end"]
    total = end.get("sum_received") or end["sum"]
    return round(total["bits_per_second"] / 1e6, 1)
