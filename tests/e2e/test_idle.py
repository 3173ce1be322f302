"""A daemon that has nothing to do: it sleeps, and is small."""
import os
import time
import unittest

from harness import PATIENCE, Daemon, Receiver, script, wait_until

WRAPPED = bool(os.environ.get("WRAPPED"))
QUICK_START = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../scripts/quickstart.lua")


def wakes(pid):
    """How often its threads have gone to sleep, each."""
    counts = {}
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status") as f:
            lines = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
        counts[lines["Name"]] = int(lines["voluntary_ctxt_switches"])
    return counts


class Idle(unittest.TestCase):
    def sleeps(self, d):
        """For two seconds nothing wakes any of its threads; what it had still to do may take a while."""
        asleep = []

        def unchanged():
            time.sleep(0.5)
            before = wakes(d.process.pid)
            time.sleep(2)
            asleep[:] = [before, wakes(d.process.pid)]
            return before == asleep[1]

        wait_until(unchanged, f"sleep; woken: {asleep}", PATIENCE)

    def test_nothing_wakes_it(self):
        with Receiver() as r, Daemon(script(r.url)) as d:
            self.sleeps(d)
            connection = d.connect()  # kept, as those to the receiver are
            for _ in range(20):
                d.emit("order.paid", {"Order": {"Id": 1}}, connection=connection)
            d.idle()
            self.sleeps(d)
            connection.close()

    @unittest.skipIf(WRAPPED, "valgrind and the sanitizers need memory of their own")
    def test_it_is_small(self):
        with open(QUICK_START) as f, Daemon(f.read()) as d:
            wait_until(lambda: d.rss_mb() < 12, "less than 12 MB in memory", 10)


if __name__ == "__main__":
    unittest.main()
