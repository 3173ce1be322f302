"""Numbers: many events, the rate, isolation, crashes. FULL=1 runs the sizes the README's figures stand for (`make figures`)."""
import json
import os
import random
import statistics
import threading
import time
import unittest

from harness import Daemon, HANG, OK, Receiver, most_in_a_second, script, wait_until

FULL = bool(os.environ.get("FULL"))


def figure(name, **values):
    """A line for `make figures`."""
    print(f"# FIGURE {name}: " + ", ".join(f"{k} {v}" for k, v in values.items()), flush=True)


def emit_all(d, events, connections=8):
    """POSTs each of `events` on a few kept-alive connections; the deliveries' ids as acknowledged."""
    got, lock, left = [], threading.Lock(), iter(events)

    def work():
        c = d.connect()
        while True:
            with lock:
                event = next(left, None)
            if event is None:
                break
            answered = d.emit("order.paid", event, connection=c)
            got.extend(answered["deliveries"])
        c.close()

    threads = [threading.Thread(target=work) for _ in range(connections)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return got


def batches(d, count, size=5000, name="order.paid", first=0):
    for start in range(first, first + count, size):
        lines = ({"name": name, "data": {"Order": {"Id": i}}} for i in range(start, min(start + size, first + count)))
        status, body = d.batch(lines)
        assert status == 202 and not body["rejected"], body


class Everything(unittest.TestCase):
    def test_each_event_arrives_once_and_the_log_agrees(self):
        count = 100_000 if FULL else 5_000
        singles = count // 10
        with Receiver(keep=False) as r, Daemon(script(r.url), options=["--log-level", "warn"]) as d:
            start = time.monotonic()
            ids = emit_all(d, ({"Order": {"Id": i}} for i in range(singles)))
            batches(d, count - singles)
            wait_until(lambda: r.count >= count, "all requests", 300)
            took = time.monotonic() - start
            d.idle()
            self.assertEqual(r.count, count)
            self.assertEqual(len(r.keys), count)
            self.assertEqual(set(r.keys.values()), {1})
            self.assertLessEqual(set(ids), set(r.keys))
            succeeded = d.database().execute("SELECT count(*) FROM deliveries WHERE state = 3 AND attempts = 1").fetchone()[0]
            self.assertEqual(succeeded, count)
            self.assertEqual(d.status()["counters"]["succeeded"], count)
            figure("every event once", events=count, seconds=round(took, 1), peak_rss_mb=round(d.rss_mb("VmHWM"), 1))
            self.assertLess(d.rss_mb("VmHWM"), 64 if not os.environ.get("WRAPPED") else 4096)


class Rate(unittest.TestCase):
    def test_is_never_exceeded_and_used(self):
        rate, count = (50, 2000) if FULL else (200, 800)
        with Receiver(keep=False) as r:
            text = script(r.url, rate=rate) + """
webhook "second" { integration = "shop", on = "order.paid", url = "second?t=${WebhookRequest.TransactionalId}" }"""
            with Daemon(text) as d:
                start = time.monotonic()
                batches(d, count // 2)
                wait_until(lambda: r.count >= count, "all requests", 120)
                took = r.times[-1] - start
                d.idle()
                sent = [ms / 1000 for (ms,) in d.database().execute("SELECT started_ms FROM attempts ORDER BY started_ms")]
                figure("rate", rate=rate, requests=count, most_in_a_second=most_in_a_second(r.times), seconds=round(took, 2),
                       ideal=count / rate)
                self.assertEqual(len(sent), count)
                self.assertLessEqual(most_in_a_second(sent), rate + 1)  # the clock's grain
                self.assertLessEqual(took, count / rate * (1.02 if FULL else 1.5))
                if FULL:  # what a busy machine reads late it reads too close together
                    self.assertLessEqual(most_in_a_second(r.times), rate + 1)

    def test_restart_does_not_burst(self):
        with Receiver(keep=False) as r, Daemon(script(r.url, rate=5)) as d:
            batches(d, 50)
            for _ in range(4):
                before = r.count
                wait_until(lambda: r.count > before, "a request")
                d.kill()
                d.start()
            wait_until(lambda: r.count > 12, "requests after the restarts")
            self.assertLessEqual(most_in_a_second(r.times), 6)


class Crash(unittest.TestCase):
    def crash(self, key, kills, count):
        """Events are POSTed while the daemon is killed and started again; what was acknowledged, and the receiver."""
        rng = random.Random(7)
        acknowledged, stop = set(), threading.Event()
        with Receiver(keep=False) as r:
            with Daemon(script(r.url, key=key), options=["--log-level", "warn"]) as d:
                def client(n):
                    for i in range(count):
                        if stop.is_set():
                            return
                        while not stop.is_set():
                            try:
                                answered = d.emit("order.paid", {"Order": {"Id": i}}, id=f"{n}-{i}")
                                acknowledged.update(answered["deliveries"])
                                break
                            except (OSError, AssertionError, ValueError, EOFError, __import__("http.client").client.HTTPException):
                                time.sleep(0.01)

                clients = [threading.Thread(target=client, args=(n,)) for n in range(8)]
                for t in clients:
                    t.start()
                for _ in range(kills):
                    time.sleep(rng.uniform(0.05, 0.5))
                    d.kill()
                    d.start()
                stop.set() if FULL else None
                for t in clients:
                    t.join()
                d.idle(60)
                rows = d.database().execute("SELECT lower(hex(id)), state FROM deliveries").fetchall()
                states = {f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}": s for h, s in rows}
                return acknowledged, states, r

    def test_what_is_acknowledged_is_delivered(self):
        kills = 200 if FULL else 6
        acknowledged, states, r = self.crash(True, kills, 10_000 if FULL else 400)
        missing = acknowledged - set(r.keys)
        twice = sum(n - 1 for n in r.keys.values() if n > 1)
        figure("kill -9", kills=kills, acknowledged=len(acknowledged), lost=len(missing), sent_again=twice)
        self.assertEqual(missing, set())
        self.assertEqual(set(states.values()), {3})
        self.assertLessEqual(twice, kills * 64 * 2)  # at most those in flight, and those whose outcome was being written

    def test_without_the_key_none_is_sent_twice(self):
        acknowledged, states, r = self.crash(False, 6, 200)
        sent = r.count
        self.assertLessEqual(acknowledged, set(states))
        done = [s for s in states.values()]
        self.assertEqual(set(done) - {3, 5}, set())
        # Each request belongs to one delivery: those that succeeded, and at most all that are unknown.
        self.assertLessEqual(done.count(3), sent)
        self.assertLessEqual(sent, len(done))


class Isolation(unittest.TestCase):
    def measure(self, d, r, seconds):
        """Requests a second with 4 closed-loop clients, and the median latency from POST to the outcome."""
        took, end = [], time.monotonic() + seconds

        def client():
            c = d.connect()
            while time.monotonic() < end:
                start = time.monotonic()
                status, _, _ = d.call("POST", "/v1/webhooks/order_paid?wait=10s", {"Order": {"Id": 1}}, connection=c)
                assert status == 200
                took.append(time.monotonic() - start)

        threads = [threading.Thread(target=client) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        return len(took) / seconds, statistics.median(took) * 1000

    def test_a_hanging_receiver_delays_no_other(self):
        # Two daemons, one with a dead receiver's backlog, measured in turns: what else the machine does hits both alike.
        pending, rounds, seconds = (50_000, 7, 2) if FULL else (3_000, 2, 0.5)
        with Receiver(keep=False) as healthy, Receiver([HANG], keep=False) as dead:
            text = script(healthy.url) + script(dead.url, name="dead", webhook="dead", event="dead")
            with Daemon(text, options=["--log-level", "error"]) as alone, Daemon(text, options=["--log-level", "error"]) as beside:
                batches(beside, pending, name="dead")
                wait_until(lambda: dead.count >= 64, "the dead receiver holds what it gets")
                self.measure(alone, healthy, seconds), self.measure(beside, healthy, seconds)
                pairs = [(self.measure(alone, healthy, seconds), self.measure(beside, healthy, seconds)) for _ in range(rounds)]
                rate = statistics.median(b[0] / a[0] for a, b in pairs)
                latency = statistics.median(b[1] / a[1] for a, b in pairs)
                lane = next(x for x in beside.status()["integrations"] if x["name"] == "dead")
                self.assertEqual(lane["in_flight"], 64)
                self.assertEqual(lane["queued"] + lane["waiting"] + lane["in_flight"], pending)
                figure("isolation", pending=pending, throughput_beside_to_alone=round(rate, 2), latency_beside_to_alone=round(latency, 2),
                       rss_mb=round(beside.rss_mb(), 1))
                if FULL:
                    self.assertGreater(rate, 0.9)
                    self.assertLess(latency, 1.1)
                beside.kill()


if __name__ == "__main__":
    unittest.main()
