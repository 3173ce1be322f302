"""A power cut at any moment: a workload's writes and syncs are recorded (record.c), the files are made as they may be found after each
prefix of them, and the real binary is started on them. PREFIXES=all: each prefix, not a sample (`make prefixes-e2e`)."""
import os
import random
import shutil
import sqlite3
import tempfile
import threading
import time
import unittest

from disk import Disk, Record
from flows import text_of
from harness import Daemon, Receiver, answer

ALL = os.environ.get("PREFIXES") == "all"
WRAPPED = bool(os.environ.get("WRAPPED"))
SEED = int(os.environ.get("SEED") or random.randrange(1 << 30))
SAMPLE = 27 if not WRAPPED else 6
LIBRARY = os.path.join(os.environ.get("BUILD", os.path.join(os.getcwd(), "build")), "record.so")
FINAL = (3, 4, 5)

SCRIPT = """
integration "shop" { url = "%s", headers = { ["Content-Type"] = "application/json" }, retry = { delays = { "50ms", "1h" }, within = "2h" } }
webhook "keyed"   { integration = "shop", on = "order", url = "keyed?t=${WebhookRequest.TransactionalId}", body = { n = "${N}", pad = "${Pad}" } }
webhook "keyless" { integration = "shop", on = "order", url = "keyless", body = { n = "${N}" } }
webhook "step"    { integration = "shop", url = "step?t=${WebhookRequest.TransactionalId}", body = { n = "${N}" } }
flow "trip" { on = "trip", run = function(event)
  call("step", { N = event.data.N })
  sleep(0.05)
  call("step", { N = -event.data.N })
  return event.data.N
end }
"""


class Workload:
    """Recorded: `record`, and what was promised when it had which length."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "record")
        self.state = os.path.realpath(os.path.join(folder, "state"))
        self.events = []     # (length of the record, event id)
        self.keyless = {}    # n: length of the record when the request came
        self.tokens = []     # (length, token)
        self.r = None
        with Receiver(self.plan) as self.r:
            self.go()
        self.record = Record(self.path)

    def plan(self, request, number):
        if request.path == "/keyless":
            self.keyless[request.json()["n"]] = self.length()
        return answer(503) if number % 7 == 0 and self.r.keys[request.key] == 1 else answer(200)

    def length(self):
        return os.stat(self.path).st_size

    def go(self):
        with Daemon(SCRIPT % self.r.url, state=self.state, env={"LD_PRELOAD": LIBRARY, "RECORD": self.path, "RECORD_DIR": self.state}) as d:
            self.tokens.append((self.length(), d.token))
            self.singles(d, 0, 12)
            for i in range(3):
                id = f"trip-{i}"
                d.emit("trip", {"N": 1000 + i}, id)
                self.events.append((self.length(), id))
            self.batch(d, 100, 20)
            self.singles(d, 200, 4, pad=700_000)  # the log of the database is moved into its file
            self.singles(d, 220, 6)
            d.idle()  # a kill between an operation and its entry, or in the middle of that, leaves a record of other files
            d.kill()  # and goes on with the log as it is
            d.start()
            self.singles(d, 300, 6)
            d.idle()
            d.stop()
            d.start()
            self.singles(d, 400, 5)
            d.idle()
            d.kill()
        shutil.rmtree(self.state)

    def singles(self, d, first, count, pad=0):
        def emit(numbers):
            c = d.connect()
            for n in numbers:
                d.emit("order", {"N": n, "Pad": "x" * pad}, f"order-{n}", connection=c)
                self.events.append((self.length(), f"order-{n}"))
        threads = [threading.Thread(target=emit, args=(range(first + i, first + count, 2),)) for i in range(2)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()

    def batch(self, d, first, count):
        numbers = range(first, first + count)
        status, body = d.batch({"name": "order", "id": f"order-{n}", "data": {"N": n, "Pad": ""}} for n in numbers)
        assert status == 202 and body["accepted"] == count, body
        self.events += [(self.length(), f"order-{n}") for n in numbers]


class Cut:
    """The daemon, started on what a power cut after the first `count` operations may leave."""

    def __init__(self, work, disk, count, how, script):
        self.work, self.length = work, work.record.ops[count - 1].end if count else 0
        self.folder = tempfile.mkdtemp(prefix="anzol-cut-")
        try:
            disk.write(self.folder, how)
            # Nobody listens where its requests go: what is sent is refused, and stays to be seen.
            with Daemon(script, state=self.folder) as self.d:
                self.check()
                self.d.kill()
            self.check_files()
        except BaseException as e:
            kept = self.folder + "-before"
            os.mkdir(kept)
            disk.write(kept, how)
            raise AssertionError(f"after {count} of {len(work.record.ops)} operations ({how}), the last of them {work.record.ops[count - 1:count]}: {e}\n"
                                 f"the files are in {kept}") from e
        finally:
            shutil.rmtree(self.folder)

    def promised(self, what):
        return [value for length, value in what if length <= self.length]

    def check(self):
        errors = [line for line in self.d.log() if line["level"] == "error"]
        assert not errors, errors
        for token in self.promised(self.work.tokens):
            assert self.d.token == token, "the token is another"
        c = self.d.database()
        try:
            self.check_events(c)
            self.check_keyless(c)
        finally:
            c.close()

    def check_events(self, c):
        there = {key: (deliveries, runs) for key, deliveries, runs in c.execute("SELECT key, deliveries, runs FROM events")}
        lost = [key for key in self.promised(self.work.events) if key not in there]
        assert not lost, f"acknowledged, and lost: {lost}"
        ids = {id for (id,) in c.execute("SELECT id FROM deliveries")} | {id for (id,) in c.execute("SELECT id FROM runs")}
        for key, (deliveries, runs) in there.items():
            made = [part[i:i + 16] for part in (deliveries, runs) for i in range(0, len(part), 16)]
            assert len(made) == (1 if key.startswith("trip") else 2), (key, made)
            assert set(made) <= ids, f"{key} without {[text_of(id) for id in set(made) - ids]}"

    def check_keyless(self, c):
        """What was sent before the cut without the key must not be sent again."""
        sent = {f"order-{n}" for n, length in self.work.keyless.items() if length <= self.length}
        for key, state in c.execute("SELECT e.key, d.state FROM deliveries d JOIN events e ON e.seq = d.event WHERE d.webhook = 'keyless'"):
            assert key not in sent or state in FINAL, f"the delivery without the key of {key} was sent, and is in state {state}"

    def check_files(self):
        c = sqlite3.connect(os.path.join(self.folder, "anzol.db"))
        try:
            assert c.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        finally:
            c.close()


class Prefixes(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="anzol-prefixes-")

    def tearDown(self):
        shutil.rmtree(self.folder)

    def chosen(self, ops):
        """The prefixes to try, each with one way or all ways of what the disk may have of it."""
        rng = random.Random(SEED)
        hows = ["all", "synced", "some"]
        if ALL:
            return {n: hows for n in range(len(ops) + 1)}
        edges = [n + d for n, op in enumerate(ops) if op.what in "SDURC" for d in (0, 1, 2) if n + d <= len(ops)]
        picked = rng.sample(edges, SAMPLE * 2 // 3) + [rng.randint(0, len(ops)) for _ in range(SAMPLE // 3)]
        token = next(n for n, op in enumerate(ops) if op.what == "R") + 1  # it has just got its name
        return {**{n: [rng.choice(hows)] for n in picked}, token: hows, len(ops): hows}

    def test_what_is_promised_is_kept(self):
        work = Workload(self.folder)
        ops, disk, tried, began = work.record.ops, Disk(), 0, time.monotonic()
        chosen = self.chosen(ops)
        print(f"# seed {SEED}: {len(ops)} operations, of these {sum(op.what == 'S' for op in ops)} syncs; {len(work.events)} events", flush=True)
        with Receiver() as nobody:
            url = nobody.url
        for n in range(len(ops) + 1):
            for how in chosen.get(n, []):
                Cut(work, disk, n, random.Random(SEED + n) if how == "some" else how, SCRIPT % url)
                tried += 1
                if tried % 500 == 0:
                    print(f"# {n} of {len(ops)} prefixes, {tried} starts", flush=True)
            if n < len(ops):
                disk.apply(ops[n])
        print(f"# PREFIXES operations {len(ops)}, prefixes {len(chosen)}, starts {tried}, seconds {time.monotonic() - began:.0f}", flush=True)


if __name__ == "__main__":
    unittest.main()
