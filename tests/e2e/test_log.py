"""A log that nobody reads holds up nothing: not deliveries, not the end. What was kept is there once somebody reads."""
import fcntl
import json
import os
import pty
import re
import select
import subprocess
import termios
import time
import unittest

from harness import ANZOL, PATIENCE, Daemon, Receiver, script, wait_until
from test_dev import free_port

F_SETPIPE_SZ = 1031
SMALL, USUAL = 4096, 65536
EVENTS = 200
WRAPPED = bool(os.environ.get("WRAPPED"))


def talkative(url):
    return f"""
integration "shop" {{ url = "{url}" }}
webhook "order_paid" {{ integration = "shop", on = "order.paid", url = "orders?t=${{WebhookRequest.TransactionalId}}",
  body = function() print(string.rep("x", 10000)) return {{}} end }}
"""


def stalls(daemon):
    text = daemon.call("GET", "/metrics", token=False)[2].decode()
    return sum(int(n) for n in re.findall(r"^anzol_loop_stalls_total{.*} (\d+)$", text, re.M))


class Reader:
    """Of the daemon's log, when it is asked to."""

    def __init__(self, fd):
        self.fd, self.text, self.open = fd, b"", True

    def read(self):
        """What there is for now. False at the end."""
        try:
            while self.open and select.select([self.fd], [], [], 0)[0]:
                some = os.read(self.fd, 65536)
                self.text += some
                self.open = some != b""
        except OSError:  # so a terminal ends
            self.open = False
        return self.open

    def read_to_the_end(self):
        while self.read():
            time.sleep(.01)

    def lines(self):
        """Whole ones; what is behind the last is still to come."""
        return [json.loads(line) for line in self.text.split(b"\n")[:-1]]

    def count(self, event):
        return sum(line["event"] == event for line in self.lines())

    def read_until(self, event, count):
        def there():
            self.read()
            return self.count(event) >= count
        wait_until(there, f"{count} lines of {event}")


class NobodyReads(unittest.TestCase):
    def start(self, daemon, writer, *command):
        daemon.process = subprocess.Popen(
            [ANZOL, *(command or ["run"]), daemon.script, "--state", daemon.state, "--listen", "127.0.0.1:0"],
            stdin=subprocess.DEVNULL, stdout=writer, stderr=writer, env=daemon.env)
        wait_until(daemon.is_ready, "the daemon starts")

    def on_pipe(self, daemon, *command, size=SMALL):
        ours, theirs = os.pipe()
        self.addCleanup(os.close, ours)
        fcntl.fcntl(theirs, F_SETPIPE_SZ, size)
        self.start(daemon, theirs, *command)
        os.close(theirs)
        return Reader(ours)

    def on_terminal(self, daemon):
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        self.addCleanup(os.close, theirs)
        self.start(daemon, theirs)
        return Reader(ours), theirs

    def deliver(self, daemon, receiver):
        before = receiver.count
        daemon.batch({"name": "order.paid", "data": {"Order": {"Id": n}}} for n in range(EVENTS))
        receiver.wait(before + EVENTS)
        daemon.idle()
        if not WRAPPED:
            self.assertEqual(stalls(daemon), 0)

    def end(self, daemon):
        daemon.process.terminate()
        self.assertEqual(daemon.process.wait(timeout=PATIENCE), 0)

    def test_all_goes_on_and_nothing_is_lost(self):
        with Receiver() as r, Daemon(script(r.url), start=False) as d:
            reader = self.on_pipe(d)
            self.deliver(d, r)
            reader.read_until("delivery.attempt", EVENTS)  # though nothing happens any more
            self.assertEqual(d.metric("log_dropped_total"), 0)
            self.assertEqual(reader.count("log.dropped"), 0)
            self.end(d)
            reader.read_to_the_end()
            self.assertEqual(reader.lines()[-1]["event"], "stopping")

    def test_it_ends(self):
        with Receiver() as r, Daemon(script(r.url), start=False) as d:
            reader = self.on_pipe(d)
            self.deliver(d, r)
            self.end(d)
            reader.read_to_the_end()
            self.assertEqual(reader.lines()[0]["event"], "ready")  # what the pipe took is whole

    def test_what_is_too_much_is_counted(self):
        with Receiver() as r, Daemon(talkative(r.url), start=False) as d:
            reader = self.on_pipe(d, size=USUAL)
            self.deliver(d, r)
            dropped = d.metric("log_dropped_total")
            self.assertGreater(dropped, EVENTS / 4)
            reader.read_until("log.dropped", 1)
            told = [line for line in reader.lines() if line["event"] == "log.dropped"]
            self.assertEqual([line["count"] for line in told], [dropped])
            # Of each event: that it came, what the script says, the attempt; and the lines "ready" and "log.dropped".
            self.assertEqual(len(reader.lines()) + dropped, 3 * EVENTS + 2)
            self.deliver(d, r)
            reader.read_until("log.dropped", 2)
            self.end(d)

    def test_what_dev_shows(self):
        port = free_port()
        with Daemon(script(f"http://127.0.0.1:{port}/"), start=False) as d:
            reader = self.on_pipe(d, "dev", "--receiver", f"127.0.0.1:{port}")
            d.batch({"name": "order.paid", "data": {"Order": {"Id": n}}} for n in range(EVENTS))
            wait_until(lambda: d.metric("deliveries_succeeded_total") == EVENTS, "all are delivered")

            def there():
                reader.read()
                return all(reader.text.count(part) >= EVENTS for part in (b"delivery.attempt", b"-> 200\n"))
            wait_until(there, "both are read")
            self.assertEqual(len(re.findall(rb"^received #\d+ .* POST /orders\?", reader.text, re.M)), EVENTS)
            d.batch({"name": "order.paid", "data": {"Order": {"Id": n}}} for n in range(EVENTS))
            wait_until(lambda: d.metric("deliveries_succeeded_total") == 2 * EVENTS, "all are delivered")
            self.end(d)

    def test_a_terminal_that_is_stopped(self):
        with Receiver() as r, Daemon(script(r.url), start=False) as d:
            reader, terminal = self.on_terminal(d)
            termios.tcflow(terminal, termios.TCOOFF)  # Ctrl-S
            self.deliver(d, r)
            reader.read()
            self.assertEqual(reader.count("delivery.attempt"), 0)
            termios.tcflow(terminal, termios.TCOON)
            reader.read_until("delivery.attempt", EVENTS)
            termios.tcflow(terminal, termios.TCOOFF)
            self.end(d)

    def test_a_terminal_that_is_full(self):
        with Receiver() as r, Daemon(script(r.url), start=False) as d:
            reader, _ = self.on_terminal(d)
            self.deliver(d, r)
            reader.read_until("delivery.attempt", EVENTS)
            self.assertEqual(d.metric("log_dropped_total"), 0)
            self.deliver(d, r)
            self.end(d)
