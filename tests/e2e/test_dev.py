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


class Dev(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.receiver = f"127.0.0.1:{free_port()}"
        self.output = os.path.join(self.folder, "output")
        self.process = None

    def start(self, *arguments, **env):
        with open(self.output, "wb") as out:
            self.process = subprocess.Popen(
                [ANZOL, "dev", *arguments, "--state", os.path.join(self.folder, "state"), "--listen", "127.0.0.1:0", "--receiver", self.receiver],
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env=dict(os.environ, SHOP_URL=f"http://{self.receiver}/", ANZOL_LOG="text", **env))

    def tearDown(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder)

    def said(self):
        with open(self.output, errors="replace") as f:
            return f.read()

    def test_shows_a_retry_under_one_id_and_a_curl_line_that_works(self):
        self.start("scripts/quickstart.lua", "--status", "503,200", "--emit", "order.paid", "--data", "scripts/quickstart.json")
        wait_until(lambda: "state=succeeded" in self.said(), "the event is delivered")
        ids = re.findall(r"POST /orders\?transactionId=([0-9a-f-]{36})", self.said())
        self.assertEqual((len(ids), len(set(ids))), (2, 1))
        self.assertIn("status=503", self.said())
        wait_until(lambda: "curl" in self.said(), "the invitation is printed")
        self.assertGreater(self.said().index("curl"), self.said().index("status=503"))
        curl = re.search(r"^  (curl .*\\\n.*)$", self.said(), re.M).group(1)
        done = subprocess.run(["sh", "-c", curl], cwd=ROOT, capture_output=True, text=True)
        self.assertIn('"deliveries":["', done.stdout, done.stderr)
        wait_until(lambda: self.said().count("state=succeeded") == 2, "the event sent by hand is delivered")
        self.assertEqual(self.said().count("curl"), 1)
        self.process.send_signal(signal.SIGINT)
        self.assertEqual(self.process.wait(timeout=60), 0)

    def test_ends_with_its_terminal(self):
        self.start("scripts/quickstart.lua")
        wait_until(lambda: "curl" in self.said(), "it runs")
        self.process.send_signal(signal.SIGHUP)
        self.assertEqual(self.process.wait(timeout=60), 0)

    def test_shows_no_private_value(self):
        script = os.path.join(self.folder, "s.lua")
        with open(script, "w") as f:
            f.write("""integration "i" { url = env "SHOP_URL", headers = { Authorization = "Bearer " .. secret "TOKEN" } }
                       webhook "w" { integration = "i", on = "e", url = "x?t=" .. secret "TOKEN", body = { token = secret "TOKEN" } }""")
        self.start(script, "--emit", "e", TOKEN="mark3r+value")
        wait_until(lambda: "state=succeeded" in self.said(), "the event is delivered")
        said = self.said()
        self.assertIn("Authorization: Bearer ************", said)
        self.assertIn("POST /x?t=**************", said)
        self.assertNotIn("mark3r", said)


if __name__ == "__main__":
    unittest.main()
