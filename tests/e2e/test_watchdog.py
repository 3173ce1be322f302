"""The watchdog: a loop that stands still is named, in the log and in a metric; nothing else is."""
import collections
import os
import re
import signal
import subprocess
import sys
import threading
import time
import unittest

from harness import PATIENCE, Daemon, wait_until

WRAPPED = bool(os.environ.get("WRAPPED"))
SLOW = "a turn may truly take long, and valgrind has threads wait for each other"
TURN_MS = 40  # of CPU: well below what is a stall
LIBRARY = os.path.join(os.environ.get("BUILD", os.path.join(os.getcwd(), "build")), "slow.so")

SCRIPT = """
integration "shop" { url = "http://127.0.0.1:9/" }
local function work(ms)
  local begun = os.clock()
  while os.clock() - begun < ms / 1000 do end
end
local function body(ms) return function() work(ms) return {} end end
webhook "computes" { integration = "shop", on = "computes", body = function(data)
  local n = 0
  while true do n = n + 1 end
end }
webhook "sorts" { integration = "shop", on = "sorts", body = function(data)
  local t = {}
  for i = 1, 100000 do t[i] = i * 7919 % 1000003 end
  while true do table.sort(t, function(a, b) return (a * 7919) % 100003 < (b * 7919) % 100003 end) end
end }
webhook "matches" { integration = "shop", on = "matches", body = function(data)
  return { at = string.find(string.rep("a", 100000), ".-.-.-b") }
end }
webhook "short" { integration = "shop", on = "short", body = body(TURN_MS) }
for i = 1, 8 do webhook("long" .. i) { integration = "shop", on = "long", body = body(200) } end
flow "thinks" { on = "thinks", run = function() local n = 0 while n < 1e12 do n = n + 1 end end }
""".replace("TURN_MS", str(TURN_MS))


def line_of(text):
    return next(n for n, line in enumerate(SCRIPT.split("\n"), 1) if text in line)


def stalls(daemon):
    """How many, by phase."""
    text = daemon.call("GET", "/metrics", token=False)[2].decode()
    return {phase: int(n) for phase, n in re.findall(r'^anzol_loop_stalls_total\{phase="(\w+)"\} (\d+)$', text, re.M)}


def first_told(daemon, phase):
    """The first line of a stall in that phase; others may come of a busy machine's disk."""
    return wait_until(lambda: [line for line in daemon.log("loop.stalled") if line["phase"] == phase], f"a stall in {phase} is told of")[0]


class Stalls(unittest.TestCase):
    def check_counted(self, daemon):
        """Each line is counted in its phase, with its time, and nothing else is."""
        def looked():  # with no stall between the looks
            before, lines, seconds = stalls(daemon), daemon.log("loop.stalled"), daemon.metric("loop_stalled_seconds_total")
            return (before, lines, seconds) if stalls(daemon) == before else None
        counted, lines, seconds = wait_until(looked, "the loop is well again")
        told = collections.Counter(line["phase"] for line in lines)
        self.assertEqual({phase: n for phase, n in counted.items() if n > 0}, told)
        self.assertAlmostEqual(seconds * 1000, sum(line["duration_ms"] for line in lines), delta=1 + len(lines))

    def stalled(self, event, line, webhook=None):
        with Daemon(SCRIPT) as d:
            self.assertEqual(stalls(d)["script"], 0)
            d.emit(event, {})
            told = first_told(d, "script")
            self.assertEqual(told["place"], f"{d.script}:{line}")
            self.assertEqual(told.get("webhook"), webhook)
            self.assertEqual(told["level"], "warn")
            self.assertGreaterEqual(told["duration_ms"], 100)
            self.check_counted(d)

    def test_a_line_that_computes(self):
        self.stalled("computes", line_of("n = n + 1"), "computes")

    def test_a_sort(self):
        self.stalled("sorts", line_of("table.sort"), "sorts")

    def test_a_pattern(self):
        self.stalled("matches", line_of("string.find"), "matches")

    def test_a_flow(self):
        self.stalled("thinks", line_of("n < 1e12"))

    def test_a_long_one_is_told_of_while_it_lasts(self):
        with Daemon(SCRIPT) as d:
            client = threading.Thread(target=d.emit, args=("long", {}))
            client.start()
            wait_until(lambda: '"loop.stalling"' in d.log_text(), "it is told of")
            client.join()
            first_told(d, "script")
            told = [line for line in d.log() if line["event"].startswith("loop.") and line["phase"] == "script"]
            self.assertEqual([line["event"] for line in told[:2]], ["loop.stalling", "loop.stalled"])
            for line in told[:2]:
                self.assertRegex(line["place"], r"script\.lua:\d+$")
                self.assertRegex(line["webhook"], r"^long\d$")
                self.assertGreaterEqual(line["duration_ms"], 1000)

    def test_a_log_that_hangs(self):
        """Blocked in a system call, as by a disk that does not answer; what the loop itself is at is known then too."""
        with Daemon(SCRIPT, start=False) as d:
            slow = os.path.join(d.folder, "slow")
            d.env.update(LD_PRELOAD=LIBRARY, SLOW=slow, SLOW_MS="300")
            d.start()
            open(slow, "w").close()
            d.emit("short", {})
            told = first_told(d, "log")
            os.remove(slow)
            self.assertNotIn("place", told)
            self.assertGreaterEqual(told["duration_ms"], 100)
            self.check_counted(d)


class Quiet(unittest.TestCase):
    """What is no stall."""

    def none(self, daemon):
        # The log may truly wait for a slow disk.
        told = [line for line in daemon.log("loop.stalled") if line["phase"] != "log"]
        self.assertEqual(told, [])
        self.assertEqual({phase: n for phase, n in stalls(daemon).items() if n > 0 and phase != "log"}, {})

    def keep_busy(self, daemon, until):
        while not until.is_set():
            daemon.emit("short", {})

    @unittest.skipIf(WRAPPED, SLOW)
    def test_turns_that_take_a_while(self):
        with Daemon(SCRIPT) as d:
            for _ in range(20):
                d.emit("short", {})
            self.none(d)

    @unittest.skipIf(WRAPPED, SLOW)
    def test_a_process_that_was_stopped(self):
        with Daemon(SCRIPT) as d:
            done = threading.Event()
            client = threading.Thread(target=self.keep_busy, args=(d, done))
            client.start()
            for _ in range(6):
                time.sleep(.07)
                d.process.send_signal(signal.SIGSTOP)
                time.sleep(.25)
                d.process.send_signal(signal.SIGCONT)
            done.set()
            client.join()
            self.none(d)

    @unittest.skipIf(WRAPPED, SLOW)
    def test_a_machine_with_other_things_to_do(self):
        hog = f"import time\nwhile time.monotonic() < {time.monotonic() + 2 * PATIENCE}: pass"  # it ends, whatever happens to us
        hogs = [subprocess.Popen([sys.executable, "-c", hog]) for _ in range(2 * os.cpu_count())]
        try:
            with Daemon(SCRIPT, wrap=["nice", "-n", "10"]) as d:
                for _ in range(3):
                    d.emit("short", {})
                if d.metric("turn_seconds_max") < .1:
                    self.skipTest("the machine had time for it")
                self.none(d)
        finally:
            for one in hogs:
                one.kill()
                one.wait()

    def test_no_thread_wakes_up_while_nothing_happens(self):
        with Daemon(SCRIPT) as d:
            d.emit("short", {})
            wait_until(lambda: self.sleeps_a_second(d), "nothing wakes up for a second")

    @staticmethod
    def switches(daemon):
        folder, counts = f"/proc/{daemon.process.pid}/task", {}
        for task in os.listdir(folder):
            with open(f"{folder}/{task}/status") as f:
                status = f.read()
            name = re.search(r"^Name:\s+(\S+)", status, re.M).group(1)
            if name == "anzol" and int(task) != daemon.process.pid:
                continue  # a sanitizer's own
            counts[name] = int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status, re.M).group(1))
        return counts

    def sleeps_a_second(self, daemon):
        before = self.switches(daemon)
        self.assertIn("anzol-watchdog", before)
        time.sleep(1)
        return self.switches(daemon) == before
