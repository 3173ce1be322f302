"""The console on a terminal: `anzol repl` with a daemon of its own, `anzol attach` and `anzol eval` with one that runs."""
import json
import os
import re
import shutil
import subprocess
import signal
import tempfile
import time
import unittest

from harness import ANZOL, PATIENCE, Daemon, Receiver, answer, anzol, wait_until
from terminal import Terminal

SCRIPT = """
integration "shop" { url = "%s", headers = { ["Content-Type"] = "application/json", Authorization = secret "TOKEN" } }
webhook "order_paid" { integration = "shop", on = "order.paid", url = "orders?t=${WebhookRequest.TransactionalId}", body = { id = "${Order.Id}" } }
"""
PRIVATE = "swordfish-7-trombone"


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="anzol-repl-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.tmp = os.path.join(self.folder, "tmp")
        os.mkdir(self.tmp)
        self.script = os.path.join(self.folder, "shop.lua")
        self.history = os.path.join(self.folder, "anzol", "history")

    def env(self):
        return dict(os.environ, HOME=self.folder, XDG_STATE_HOME=self.folder, TERM="xterm", LC_ALL="C.UTF-8", TOKEN=PRIVATE, TMPDIR=self.tmp)

    def write(self, text):
        with open(self.script, "w") as f:
            f.write(text)

    def terminal(self, *arguments, columns=120):
        t = Terminal(*arguments, env=self.env(), columns=columns)
        self.addCleanup(t.close)
        return t

    def enter(self, t, line, expected):
        t.expect("> ")
        t.type(line + "\r")
        return t.expect(expected)


class Repl(Case):
    def start(self, *options):
        self.write(SCRIPT % "https://shop.example.test:8443/v3/")
        return self.terminal("repl", self.script, *options)

    def test_requests_go_to_its_receiver(self):
        """Whatever the URL says, TLS or not, and no name is looked up."""
        t = self.start("--status", "503,201")
        t.expect("requests go to a receiver of its own")
        t.expect("1 integration")
        self.enter(t, 'r = call("order_paid", { Order = { Id = 7 } })', "state=waiting")
        t.type("\x03")
        t.expect("canceled")
        self.enter(t, 'preview("order_paid", { Order = { Id = 7 } })', r"POST https://shop\.example\.test:8443/v3/orders\?t=")
        t.expect(r"\*\*\*")
        self.enter(t, 'call("order_paid", { Order = { Id = 8 } }).status', r"\n201\r\n")
        self.assertNotIn(PRIVATE.encode(), t.seen)
        self.assertEqual(t.leave(), 0)
        self.assertEqual(os.listdir(self.tmp), [])

    def test_what_is_saved_is_in_force(self):
        t = self.start()
        self.enter(t, '"first"', r"\n\"first\"\r\n")
        t.expect("> ")
        self.write((SCRIPT % "http://h.test/") + "function twice(x) return 2 * x end\n")
        t.expect(r"scripts reloaded: generation 2 \(\+0 integrations, ~1, -0\)")
        t.type("twi\t")
        t.expect(r"ce\(")
        t.type("21)\r")
        t.expect(r"\n42\r\n")
        t.expect("> ")
        self.write("integration 'shop' {")
        t.expect(r"reload\.failed")
        t.type("twice(4)\r")
        t.expect(r"\n8\r\n")
        self.assertEqual(t.leave(), 0)

    def test_typing(self):
        t = self.start()
        t.expect("> ")
        t.type('call("ord\t')
        t.expect(r'er_paid"')
        t.type(", {\r")
        t.expect(">> ")
        t.type("Order = { Id = 5 } }).ok\r")
        t.expect(r"\ntrue\r\n")
        t.expect("> ")
        t.type(" hidden = 1\r")
        t.expect("> ")
        t.type("while true do end\r")
        time.sleep(0.3)
        t.type("\x03")
        t.expect("canceled")
        self.assertEqual(t.leave(), 0)
        self.assertEqual(os.stat(self.history).st_mode & 0o777, 0o600)
        with open(self.history) as f:
            kept = f.read()
        self.assertIn("order_paid", kept)
        self.assertNotIn("hidden", kept)
        t = self.start()
        t.expect("> ")
        t.type("\x1b[A")
        t.expect("while true do end")

    def test_mistakes_are_said_and_nothing_is_left(self):
        self.write('webhook "x" { integration = "y" }')
        code, out, err = anzol("repl", self.script, env=self.env())
        self.assertEqual((code, out), (78, ""))
        self.assertIn("shop.lua:1: webhook 'x': unknown integration 'y'", err)
        self.assertEqual(os.listdir(self.tmp), [])
        self.assertEqual(anzol("repl", "--live", "--delay", "1s", env=self.env())[0], 2)
        self.assertEqual(anzol("repl", os.path.join(self.folder, "none.lua"), env=self.env())[0], 78)

    def test_piped_and_without_scripts(self):
        code, out, err = anzol("repl", input='template("${X | toUpper}", { X = "a" })\nx = 1\nx + 1\n', env=self.env())
        self.assertEqual((code, out), (0, '"A"\n2\n'), err)
        self.assertEqual(anzol("repl", input="nix()\n", env=self.env())[0], 1)
        self.assertEqual(os.listdir(self.tmp), [])

    def test_a_state_that_is_kept(self):
        state = os.path.join(self.folder, "state")
        self.write(SCRIPT % "http://h.test/")
        for count in (1, 2):
            code, out, err = anzol("repl", self.script, "--state", state, "--log-level", "error",
                                   input='call("order_paid", { Order = { Id = 1 } }).ok\n#deliveries()\n', env=self.env())
            self.assertEqual((code, out), (0, f"true\n{count}\n"), err)

    def test_the_folder_of_a_daemon_is_left_alone(self):
        """What waits there would be delivered to the receiver of the repl."""
        with Receiver([answer(503)]) as r, Daemon(SCRIPT % r.url, env={"TOKEN": PRIVATE}) as d:
            id = d.emit("order.paid", {"Order": {"Id": 1}})["deliveries"][0]
            d.wait_state(id, "waiting")
            d.stop()
            self.write(SCRIPT % r.url)
            code, _, err = anzol("repl", self.script, "--state", d.state, input="1\n", env=self.env())
            self.assertEqual(code, 2)
            self.assertIn("is a daemon's", err)
            d.start()
            self.assertEqual(d.delivery(id)["state"], "waiting")

    def test_secrets_need_not_be_set(self):
        self.write(SCRIPT % "https://shop.example.test/")
        env = self.env()
        del env["TOKEN"]
        done = subprocess.run([ANZOL, "repl", self.script], input='call("order_paid", { Order = { Id = 1 } }).ok\npreview("order_paid", {})\n',
                              capture_output=True, text=True, env=env, timeout=PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("true", done.stdout)
        self.assertIn("Authorization: ***", done.stdout)
        self.assertEqual(subprocess.run([ANZOL, "repl", self.script, "--live"], input="1\n", capture_output=True, text=True, env=env, timeout=PATIENCE).returncode, 78)

    def test_live(self):
        with Receiver() as r:
            self.write(SCRIPT % r.url)
            code, out, err = anzol("repl", self.script, "--live", input='call("order_paid", { Order = { Id = 3 } }).ok\n', env=self.env())
            self.assertEqual((code, out), (0, "true\n"), err)
            self.assertEqual(r.requests[0].json(), {"id": 3})
            self.assertEqual(r.requests[0].header("Authorization"), PRIVATE)

    def test_however_the_terminal_ends(self):
        for how in (signal.SIGHUP, signal.SIGTERM, signal.SIGKILL):
            t = self.start()
            t.expect("> ")
            wait_until(lambda: os.listdir(self.tmp), "its folder is there")
            t.process.send_signal(how)
            t.ended()
            wait_until(lambda: not os.listdir(self.tmp), "its folder has gone")


class Attach(Case):
    def setUp(self):
        super().setUp()
        self.r = Receiver([answer(body=b'{"id":"crm-1"}')])
        self.addCleanup(self.r.__exit__)
        self.d = Daemon(SCRIPT % self.r.url, env={"TOKEN": PRIVATE})
        self.addCleanup(self.d.__exit__, None)

    def attach(self, **options):
        return self.terminal("attach", "--state", self.d.state, **options)

    def eval(self, code, *options, exit=0):
        done, out, err = anzol("eval", code, "--state", self.d.state, *options, env=self.env())
        self.assertEqual(done, exit, out + err)
        return out if exit == 0 else err

    def test_two_terminals(self):
        a, b = self.attach(), self.attach()
        self.enter(a, "x = 1", "> ")
        a.type('trace "order_paid"\r')
        time.sleep(0.3)
        self.enter(b, "x", "undefined variable 'x'")
        self.enter(b, 'call("order_paid", { Order = { Id = 77 } }).json.id', r'\n"crm-1"\r\n')
        a.expect("77")
        a.expect("200")
        self.enter(b, 'pause "shop"', "paused = true")
        self.enter(b, 'resume "shop"', "paused = false")
        a.type("\x03")
        a.expect("canceled")
        self.enter(a, "x", r"\n1\r\n")
        self.assertEqual((a.leave(), b.leave()), (0, 0))
        self.assertNotIn(PRIVATE.encode(), a.seen + b.seen)
        self.assertEqual([x["what"] for x in self.d.log("console.did")], ["call", "pause", "resume"])

    def test_hostile_lines_from_a_terminal(self):
        a = self.attach()
        for line, expected in (("while true do end", None), ('("x"):rep(1e10)', "too large"),
                               ('("a"):rep(40):find(("a?"):rep(40) .. ("a"):rep(40))', "ran longer")):
            a.expect("> ")
            a.type(line + "\r")
            time.sleep(0.3)
            count = self.r.count
            self.d.emit("order.paid", {"Order": {"Id": 1}})
            self.r.wait(count + 1)
            if expected is None:
                a.type("\x03")
            a.expect(expected or "canceled")
        self.enter(a, "6 * 7", r"\n42\r\n")
        self.assertEqual(a.leave(), 0)

    def test_width(self):
        a = self.attach(columns=60)
        self.enter(a, "webhooks()", "\n.*order_paid.*\r\n")
        rows = [re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", line) for line in a.seen.split(b"\r\n")]
        self.assertLessEqual(max(len(row.decode()) for row in rows[4:]), 61)

    def test_eval(self):
        self.assertEqual(self.eval("1 + 1"), "2\n")
        self.assertEqual(self.eval("status().counters.events", "--json"), "0\n")
        self.assertEqual(json.loads(self.eval("webhooks()", "--json"))[0]["name"], "order_paid")
        self.assertEqual(self.eval("print 'hello'"), "hello\n")
        self.assertEqual(self.eval("nix()", exit=1), "undefined variable 'nix'\n")
        self.assertIn("not complete", self.eval("for i = 1, 2 do", exit=1))
        self.assertEqual(self.eval('call("order_paid", { Order = { Id = 4 } }).ok'), "true\n")
        self.d.stop()
        self.assertIn("no daemon runs", self.eval("1", exit=69))

    def test_the_daemon_ends(self):
        a = self.attach()
        a.expect("> ")
        self.d.stop()
        a.expect("the daemon")
        self.assertEqual(a.ended(), 69)

    def test_after_a_kill_the_socket_is_made_anew(self):
        self.d.kill()
        self.assertTrue(os.path.exists(self.d.state + "/control"))
        self.assertIn("no daemon runs", self.eval("1", exit=69))
        self.d.start()
        self.assertEqual(self.eval("'again'"), '"again"\n')


if __name__ == "__main__":
    unittest.main()
