"""Very many runs that sleep: what they cost, and that they wake in time. FULL=1 runs the sizes the README's figures stand for
(`make figures`)."""
import json
import os
import random
import statistics
import threading
import time
import unittest

from flows import check_receiver, count, cpu_seconds, rows
from harness import OK, Daemon, Receiver, wait_until
from test_load import FULL, figure

WRAPPED = bool(os.environ.get("WRAPPED"))

SLEEPER = """
integration "shop" { url = "%s", headers = { ["Content-Type"] = "application/json" } }
webhook "step" { integration = "shop", url = "step?t=${WebhookRequest.TransactionalId}", body = { n = "${N}" } }
flow "sleeper" { on = "go", run = function(event)
  sleep(math.max(0, event.data.Until - now()))
  call("step", { N = event.data.N })
end }
"""


class Memory(threading.Thread):
    """The most that the daemon had resident, looked at now and then."""

    def __init__(self, d):
        super().__init__(daemon=True)
        self.d, self.most, self.stop = d, 0, threading.Event()

    def run(self):
        while not self.stop.wait(0.05):
            self.most = max(self.most, self.d.rss_mb())

    def end(self):
        self.stop.set()
        self.join()
        return self.most


def inversions(values):
    """Neighbours in the wrong order, and the most that one came before another that should have been earlier."""
    wrong, most, highest = 0, 0, values[0]
    for a, b in zip(values, values[1:]):
        wrong += a > b
        highest = max(highest, a)
        most = max(most, highest - b)
    return wrong, most


class Sleeping(unittest.TestCase):
    # runs, seconds until the first wakes, seconds from the first to the last
    SIZE = (100_000, 45, 120) if FULL else (2_000, 4, 3)

    def emit(self, d, numbers, until):
        for first in range(0, len(numbers), 5000):
            lines = [{"name": "go", "data": {"N": n, "Until": until[n]}} for n in numbers[first:first + 5000]]
            status, body = d.batch(lines)
            self.assertEqual((status, body["rejected"]), (202, []))

    def test_wake_in_time_and_cost_no_memory(self):
        runs, lead, window = self.SIZE
        woken = []

        def plan(request, number):
            woken.append((time.time() + request.at - time.monotonic(), request.json()["n"]))
            return OK

        with Receiver(plan, keep=False) as r, Daemon(SLEEPER % r.url, options=["--log-level", "warn"]) as d:
            warm = min(runs, 2000)
            self.emit(d, range(warm), [time.time() + 0.5] * warm)  # what is allocated once
            wait_until(lambda: count(d, "state = 4") == warm, "the first runs end", 60)
            d.idle()
            woken.clear()
            before = d.rss_mb()
            numbers = list(range(runs))
            random.Random(1).shuffle(numbers)
            start = time.time()
            begin = start + lead * (5 if WRAPPED else 1)
            until = [begin + window * n / runs for n in range(runs)]
            self.emit(d, numbers, until)
            wait_until(lambda: count(d, "state = 2") == runs, "all sleep", 120)
            took = time.time() - start
            self.assertLess(time.time(), begin, "it took so long that some woke already")
            d.idle()
            asleep = d.rss_mb()

            d.kill()
            start = time.monotonic()
            d.start()
            ready = time.monotonic() - start
            restarted = d.rss_mb()
            memory = Memory(d)
            memory.start()
            wait_until(lambda: r.count >= runs + warm, f"all wake (now {r.count - warm})", begin + window + 120 - time.time())
            wait_until(lambda: count(d, "state = 4") == runs + warm, "all end", 60)
            most, cpu = memory.end(), cpu_seconds(d)

            self.check(d, r, woken, runs)
            due = self.due(d)
            late = sorted(at - due[n] for at, n in woken)
            noticed = sorted(ms for (ms,) in rows(d, "SELECT ended_ms - due_ms FROM steps WHERE kind = 3 ORDER BY key")[-runs:])
            wrong, out_of_order = inversions([due[n] for _, n in woken])
            figure("sleeping runs", runs=runs, seconds_to_start=round(took, 1), rss_mb_before=round(before, 1),
                   rss_mb_asleep=round(asleep, 1), ready_after_kill_s=round(ready, 2), rss_mb_restarted=round(restarted, 1),
                   rss_mb_most_while_waking=round(most, 1))
            figure("waking", a_second=round(runs / window), late_ms_median=round(statistics.median(late) * 1000),
                   late_ms_99=round(late[runs * 99 // 100] * 1000), late_ms_most=round(late[-1] * 1000),
                   noticed_late_ms_median=noticed[runs // 2], noticed_late_ms_most=noticed[-1], neighbours_in_wrong_order=wrong,
                   out_of_order_ms_most=round(out_of_order * 1000), cpu_us_a_run=round(cpu / runs * 1e6))
            self.assertGreater(late[0], -0.02, "one woke too early")
            if not FULL and not WRAPPED:  # what else the machine does shows in figures
                self.assertLess(statistics.median(late), 5)
            self.assertLess(out_of_order, 1 if FULL else 5 if not WRAPPED else 30)
            if not WRAPPED:
                self.assertLess(asleep - before, 50)
                self.assertLess(most - restarted, 50)
                self.assertLess(ready, 1 if FULL else 10)

    def check(self, d, r, woken, runs):
        self.assertEqual(len(woken), runs)
        self.assertEqual({n for _, n in woken}, set(range(runs)))
        check_receiver(d, r, 0)

    def due(self, d):
        """When each run was to wake, by its number."""
        found = rows(d, "SELECT e.body, s.due_ms FROM steps s JOIN runs r ON r.seq = s.key / 65536 JOIN events e ON e.seq = r.event "
                        "WHERE s.kind = 3 ORDER BY r.seq")  # those that warmed up come first, and are overwritten
        return {json.loads(body)["data"]["N"]: ms / 1000 for body, ms in found}


if __name__ == "__main__":
    unittest.main()
