"""The first five minutes: `anzol dev` on the quick start, as `make run` starts it."""
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

from harness import ANZOL, wait_until

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class QuickStart(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        receiver = f"127.0.0.1:{free_port()}"
        self.output = os.path.join(self.folder, "output")
        with open(self.output, "wb") as out:
            self.process = subprocess.Popen(
                [ANZOL, "dev", "scripts/quickstart.lua", "--state", os.path.join(self.folder, "state"), "--listen", "127.0.0.1:0",
                 "--receiver", receiver, "--status", "503,200", "--emit", "order.paid", "--data", "scripts/quickstart.json"],
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=dict(os.environ, SHOP_URL=f"http://{receiver}/", ANZOL_LOG="text"))

    def tearDown(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder)

    def said(self):
        with open(self.output, errors="replace") as f:
            return f.read()

    def test_shows_a_retry_under_one_id_and_a_curl_line_that_works(self):
        wait_until(lambda: "state=succeeded" in self.said(), "the event is delivered")
        ids = re.findall(r"POST /orders\?transactionId=([0-9a-f-]{36})", self.said())
        self.assertEqual((len(ids), len(set(ids))), (2, 1))
        self.assertIn("status=503", self.said())
        curl = re.search(r"^  (curl .*\\\n.*)$", self.said(), re.M).group(1)
        done = subprocess.run(["sh", "-c", curl], cwd=ROOT, capture_output=True, text=True)
        self.assertIn('"deliveries":["', done.stdout, done.stderr)
        wait_until(lambda: self.said().count("state=succeeded") == 2, "the event sent by hand is delivered")
        self.process.send_signal(signal.SIGINT)
        self.assertEqual(self.process.wait(timeout=60), 0)


if __name__ == "__main__":
    unittest.main()
