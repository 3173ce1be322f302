"""The database refuses: a clear word, no lost acknowledgement, and recovery."""
import os
import shutil
import subprocess
import tempfile
import time
import unittest

from harness import PATIENCE, Daemon, Receiver, script, wait_until


class Refusals(unittest.TestCase):
    def fails(self, state, *words, code=1):
        d = Daemon(script("http://127.0.0.1:1/"), state=state, start=False)
        d.start(ready=False)
        self.assertEqual(d.process.wait(timeout=PATIENCE), code, d.log_text())
        for word in words:
            self.assertIn(word, d.log_text())

    def test_damaged_database(self):
        state = tempfile.mkdtemp()
        with open(os.path.join(state, "anzol.db"), "wb") as f:
            f.write(os.urandom(8192))
        self.fails(state, "anzol.db", "not a database")
        shutil.rmtree(state)

    def test_two_daemons(self):
        with Daemon(script("http://127.0.0.1:1/")) as d:
            self.fails(d.state, "another anzol")

    def test_state_folder_that_cannot_be(self):
        self.fails("/proc/nothing", "/proc/nothing")

    def test_port_in_use(self):
        with Daemon(script("http://127.0.0.1:1/")) as d:
            other = Daemon(script("http://127.0.0.1:1/"), options=["--listen", d.address], start=False)
            other.options = ["--listen", d.address]
            other.start(ready=False)
            self.assertEqual(other.process.wait(timeout=PATIENCE), 1)
            self.assertIn(d.address, other.log_text())


def may_mount():
    folder = tempfile.mkdtemp()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", folder], capture_output=True)
    if done.returncode == 0:
        subprocess.run(["umount", folder], check=True)
    os.rmdir(folder)
    return done.returncode == 0


class DiskFull(unittest.TestCase):
    def setUp(self):
        if not may_mount():
            self.skipTest("this machine lets nobody mount a small disk")
        self.disk = tempfile.mkdtemp()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", self.disk], check=True)

    def tearDown(self):
        if hasattr(self, "disk"):
            subprocess.run(["umount", "-l", self.disk], check=True)
            os.rmdir(self.disk)

    def test_acknowledges_nothing_it_cannot_keep_and_recovers(self):
        ballast = os.path.join(self.disk, "ballast")
        with open(ballast, "wb") as f:
            f.write(b"x" * 900_000)
        with Receiver(keep=False) as r, Daemon(script(r.url), state=os.path.join(self.disk, "state")) as d:
            acknowledged, refused = set(), None
            for i in range(2000):
                status, response, body = d.call("POST", "/v1/events", {"name": "order.paid", "data": {"Order": {"Id": i}, "pad": "p" * 2000}})
                if status != 202:
                    refused = status, response.getheader("Retry-After"), body["detail"]
                    break
                acknowledged.update(body["deliveries"])
            self.assertIsNotNone(refused, "the disk never filled up")
            self.assertEqual(refused[0], 503)
            self.assertIsNotNone(refused[1])
            self.assertIn("full", refused[2])
            self.assertEqual(d.call("GET", "/readyz", token=False)[0], 503)
            self.assertEqual(d.call("GET", "/livez", token=False)[0], 200)
            os.remove(ballast)

            def accepts():
                status, _, body = d.call("POST", "/v1/events", {"name": "order.paid", "data": {"Order": {"Id": 1}}})
                return status == 202 and body["deliveries"]
            acknowledged.update(wait_until(accepts, "events are accepted again"))
            d.idle()
            self.assertEqual(acknowledged - set(r.keys), set())
            self.assertEqual(d.call("GET", "/readyz", token=False)[0], 200)


class Retention(unittest.TestCase):
    def test_old_deliveries_go(self):
        with Receiver() as r, Daemon(script(r.url), options=["--keep", "1s"]) as d:
            for i in range(50):
                d.emit("order.paid", {"Order": {"Id": i}})
            r.wait(50)
            d.idle()
            wait_until(lambda: d.deliveries() == [], "finished deliveries are removed")


if __name__ == "__main__":
    unittest.main()
