"""kill -9 under load, again and again: nothing acknowledged is lost, nothing is sent twice without the key, the log agrees with what the
receivers saw. KILLS=n rounds (`make crash`), SEED=n: the choices."""
import asyncio
import os
import random
import shutil
import statistics
import tempfile
import unittest

from storm import Storm

WRAPPED = bool(os.environ.get("WRAPPED"))
KILLS = int(os.environ.get("KILLS") or (50 if not WRAPPED else 12))
SEED = int(os.environ.get("SEED") or random.randrange(1 << 30))
EPOCH = 250  # kills until all is drained and looked at, and a new folder taken


class Crash(unittest.TestCase):
    def test_nothing_is_lost_and_nothing_sent_twice_without_the_key(self):
        left, epoch, sums = KILLS, 0, {}
        while left > 0:
            storm = self.epoch(SEED + epoch, min(left, EPOCH))
            self.add(sums, storm)
            left, epoch = left - storm.kills, epoch + 1
        print("# CRASH " + ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in sums.items()), flush=True)

    def epoch(self, seed, kills):
        print(f"# seed {seed}, {kills} kills", flush=True)
        folder = tempfile.mkdtemp(prefix="anzol-crash-")
        storm = Storm(folder, seed, kills, log=lambda text: print(text, flush=True))
        try:
            asyncio.run(storm.run(lambda s: s.ledger.check(s)))
            self.assertEqual(storm.log_text(), "")
        except BaseException:
            print(f"# seed {seed} failed; what it left is in {folder}", flush=True)
            raise
        shutil.rmtree(folder)
        return storm

    def add(self, sums, storm):
        l, f = storm.ledger, storm.ledger.figures
        for name, value in {"kills": storm.deaths, "starts": storm.lives, "acknowledged": len(l.acked), "lost": l.lost,
                            "deliveries": len(l.deliveries), "succeeded": f["succeeded"], "failed": f["failed"], "unknown": f["unknown"],
                            "runs": f["runs"], "received": l.received, "in_flight_at_a_kill": f["in_flight"],
                            "of_these_answered": f["answered_in_flight"], "sent_again": f["again"], "seconds": storm.took}.items():
            sums[name] = round(sums.get(name, 0) + value, 1)
        sums["most_in_flight"] = max(sums.get("most_in_flight", 0), f["most_in_flight"])
        sums["most_in_a_second"] = max(sums.get("most_in_a_second", 0), f["most_in_a_second"])
        sums["kills_a_second"] = round(sums["kills"] / sums["seconds"], 1)
        sums["median_start_ms"] = round(statistics.median(storm.starts) * 1000)
        for how, n in sorted(l.how.items()):
            sums["at_" + how] = sums.get("at_" + how, 0) + n


if __name__ == "__main__":
    unittest.main()
