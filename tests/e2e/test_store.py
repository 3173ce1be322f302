"""The database refuses: a clear word, no lost acknowledgement, and recovery."""
import ctypes
import os
import subprocess
import tempfile
import threading
import unittest

from harness import HANG, OK, PATIENCE, Daemon, Receiver, script, wait_until


class Refusals(unittest.TestCase):
    def fails(self, state, *words, code=1):
        with Daemon(script("http://127.0.0.1:1/"), state=state, start=False) as d:
            d.start(ready=False)
            self.assertEqual(d.process.wait(timeout=PATIENCE), code, d.log_text())
            for word in words:
                self.assertIn(word, d.log_text())

    def test_damaged_database(self):
        with tempfile.TemporaryDirectory() as state:
            with open(os.path.join(state, "anzol.db"), "wb") as f:
                f.write(os.urandom(8192))
            self.fails(state, "anzol.db", "not a database")

    def test_two_daemons(self):
        with Daemon(script("http://127.0.0.1:1/")) as d:
            self.fails(d.state, "another anzol")

    def test_state_folder_that_cannot_be(self):
        self.fails("/proc/nothing", "/proc/nothing")

    def test_port_in_use(self):
        with Daemon(script("http://127.0.0.1:1/")) as d, \
                Daemon(script("http://127.0.0.1:1/"), options=["--listen", d.address], start=False) as other:
            other.start(ready=False)
            self.assertEqual(other.process.wait(timeout=PATIENCE), 1)
            self.assertIn(d.address, other.log_text())


CLONE_NEWNS = 0x20000


def mounts_of_its_own():
    """From here on what this process and its children mount is theirs alone, and gone with them. False: not allowed here."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) != 0:
        return False
    return subprocess.run(["mount", "--make-rprivate", "/"], capture_output=True).returncode == 0


class DiskFull(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not mounts_of_its_own():
            raise unittest.SkipTest("this machine gives nobody mounts of their own, for a small disk")

    def setUp(self):
        self.disk = tempfile.mkdtemp()
        self.ballast = os.path.join(self.disk, "ballast")
        self.addCleanup(os.rmdir, self.disk)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", self.disk], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", self.disk], check=True)
        with open(self.ballast, "wb") as f:
            f.write(b"x" * 900_000)
        self.acknowledged = set()

    def daemon(self, receiver, **more):
        return Daemon(script(receiver.url), state=os.path.join(self.disk, "state"), **more)

    def fill(self, d):
        """Events until one is refused; the answer: status, Retry-After, why."""
        for i in range(2000):
            status, response, body = d.call("POST", "/v1/events", {"name": "order.paid", "data": {"Order": {"Id": i}, "pad": "p" * 2000}})
            if status != 202:
                return status, response.getheader("Retry-After"), body["detail"]
            self.acknowledged.update(body["deliveries"])
        raise AssertionError("the disk never filled up")

    def accept_again(self, d):
        def accepts():
            status, _, body = d.call("POST", "/v1/events", {"name": "order.paid", "data": {"Order": {"Id": 1}}})
            return status == 202 and body["deliveries"]
        self.acknowledged.update(wait_until(accepts, "events are accepted again"))

    def expect_all(self, d, receiver):
        """Each that was acknowledged is in the log, has succeeded, and came under its key."""
        d.idle()
        self.assertEqual(self.acknowledged - set(receiver.keys), set())
        succeeded = {x["id"] for x in d.deliveries(state="succeeded")}
        self.assertEqual(self.acknowledged - succeeded, set())

    def test_acknowledges_nothing_it_cannot_keep_and_recovers(self):
        with Receiver(keep=False) as r, self.daemon(r) as d:
            status, retry_after, why = self.fill(d)
            self.assertEqual(status, 503)
            self.assertIsNotNone(retry_after)
            self.assertIn("full", why)
            self.assertIn(d.state, why)
            self.assertEqual(d.call("GET", "/readyz", token=False)[0], 503)
            self.assertEqual(d.call("GET", "/livez", token=False)[0], 200)
            os.remove(self.ballast)
            self.accept_again(d)
            self.expect_all(d, r)
            self.assertEqual(d.call("GET", "/readyz", token=False)[0], 200)
            d.stop()
            d.start()
            self.expect_all(d, r)

    def starts_or_says_why(self, d):
        """There may be no room to open the database either."""
        d.start(ready=False)
        try:
            wait_until(d.is_ready, "it starts, or ends")
            d.kill()
        except AssertionError:
            self.assertEqual(d.process.poll(), 1)
            self.assertIn(f"free some space under {d.state}", d.log_text())

    def test_killed_while_the_disk_is_full(self):
        well = threading.Event()
        with Receiver(lambda *_: OK if well.is_set() else HANG, keep=False) as r, self.daemon(r) as d:
            self.fill(d)
            d.kill()
            self.starts_or_says_why(d)
            os.remove(self.ballast)
            well.set()
            d.start()
            self.accept_again(d)
            self.expect_all(d, r)


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
