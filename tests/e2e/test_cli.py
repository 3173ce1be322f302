"""The command line where it needs no daemon: help, mistakes, exit codes, check, template, preview, listen, and the commands against a daemon
made of canned answers."""
import fcntl
import http.client
import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse

ANZOL = os.environ.get("ANZOL", os.path.join(os.getcwd(), "build", "anzol"))
PATIENCE = float(os.environ.get("PATIENCE", "30"))
ID = "0192f0c1-2b3c-7d4e-8f50-61728394a5b6"
COMMANDS = "run dev reload status check list preview template emit send deliveries runs show resend resume restart cancel repl attach eval stubs listen".split()

GOOD = """
integration "shop" { url = "http://127.0.0.1:1/", headers = { Authorization = secret "CLI_TEST_TOKEN", ["X-Env"] = "a" } }
webhook "order_paid" { integration = "shop", on = "order.paid", headers = { ["X-Env"] = "b" },
  url = "orders?t=${WebhookRequest.TransactionalId}", body = { id = "${Order.Id}" } }
webhook "order_sent" { integration = "shop", body = { id = "${Order.Id}" } }
"""
BAD = """integration "shop" { url = "http://127.0.0.1:1/" }
webhook "a" { integration = "shop", metod = "POST" }
webhook "b" { integration = "nobody" }
"""


def environment(**more):
    env = {k: v for k, v in os.environ.items() if k not in ("ANZOL_STATE", "CLI_TEST_TOKEN", "NO_COLOR")}
    env.update(more)
    return env


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="anzol-cli-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def file(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
        return path

    def run_anzol(self, *args, code=0, input="", **env):
        done = subprocess.run([ANZOL, *args], input=input, capture_output=True, text=True, env=environment(**env), cwd=self.folder,
                              timeout=PATIENCE)
        self.assertEqual(done.returncode, code, (args, done.stdout, done.stderr))
        return done.stdout, done.stderr


class Help(Case):
    def test_nothing_to_do_shows_help_and_fails(self):
        out, err = self.run_anzol(code=2)
        self.assertEqual(out, "")
        self.assertTrue(err.startswith("anzol dev scripts"), err)

    def test_help_is_data(self):
        for args in (["--help"], ["-h"], ["help"]):
            out, err = self.run_anzol(*args)
            self.assertTrue(out.startswith("anzol "), out)
            self.assertEqual(err, "")
            for command in COMMANDS:
                self.assertRegex(out, rf"(?m)^  {command} ")

    def test_each_command_has_help_with_examples_first(self):
        for command in COMMANDS:
            with self.subTest(command):
                out, err = self.run_anzol(command, "--help")
                self.assertTrue(out.startswith(f"anzol {command}"), out)
                self.assertIn("--help", out)
                self.assertEqual(err, "")
                self.assertEqual(self.run_anzol("help", command)[0], out)
                self.assertEqual(self.run_anzol(command, "-h")[0], out)

    def test_version(self):
        for args in (["--version"], ["version"]):
            self.assertRegex(self.run_anzol(*args)[0], r"^anzol \d+\.\d+\.\d+\n$")


class Usage(Case):
    def refused(self, *args, has):
        out, err = self.run_anzol(*args, code=2)
        self.assertEqual(out, "")
        self.assertIn(has, err)
        self.assertLessEqual(len(err.splitlines()), 2, err)

    def test_unknown_command(self):
        self.refused("emitt", has="did you mean 'emit'?")
        self.refused("xyzzy", has="unknown command 'xyzzy'")
        self.refused("help", "xyzzy", has="unknown command 'xyzzy'")
        self.refused("--verson", has="unknown option '--verson'")

    def test_unknown_option(self):
        self.refused("emit", "x", "--dta", "f", has="did you mean '--data'?")
        self.refused("deliveries", "--webhok", "f", has="did you mean '--webhook'?")
        self.refused("status", "-x", has="unknown option '-x'")
        self.refused("show", ID, "--json=1", has="--json takes no value")
        self.refused("emit", "x", "--data", has="--data needs a value")
        self.refused("status", "-s", has="--state needs a value")

    def test_operands(self):
        self.refused("show", has="ID is missing")
        self.refused("send", has="WEBHOOK is missing")
        self.refused("emit", has="EVENT is missing")
        self.refused("check", has="PATH is missing")
        self.refused("list", "x", has="unexpected argument 'x'")
        self.refused("show", ID, "more", has="unexpected argument 'more'")
        self.refused("show", "42", has="'42' is not the id of a delivery or a run; they are listed by: anzol deliveries, anzol runs")
        self.refused("resend", "42", has="'42' is not the id of a delivery; they are listed by: anzol deliveries")
        for command in ("cancel", "resume", "restart"):
            self.refused(command, has="ID is missing")
            self.refused(command, ID, "42", has="'42' is not the id of a run; they are listed by: anzol runs")

    def test_values(self):
        self.refused("listen", "--status", "abc", has="--status: found 'abc'")
        self.refused("listen", "--status", "200,", has="--status: found '200,'")
        self.refused("listen", "--status", "99", has="--status: found '99'")
        self.refused("listen", "--delay", "soon", has="--delay: found 'soon'")
        self.refused("listen", "--header", "NoColon", has="--header: found 'NoColon'")
        self.refused("listen", "--count", "0", has="--count: found '0'")
        self.refused("deliveries", "--limit", "-1", has="--limit: found '-1'")
        self.refused("deliveries", "--state", "faild", has="did you mean 'failed'?")
        self.refused("runs", "--state", "sleping", has="did you mean 'sleeping'?")
        self.refused("runs", "--state", "xyzzy", has="'xyzzy' is neither a state of runs nor a folder")
        self.refused("runs", "--webhook", "w", has="unknown option '--webhook'")
        self.refused("send", "w", "--wait", "x", has="--wait: found 'x'")
        self.refused("send", "w", "--wait", "6m", has="--wait: found '6m'; expected a duration of at most 5m")
        self.refused("deliveries", "--limit", "1001", has="--limit: found '1001'; expected a number from 1 to 1000")
        self.refused("deliveries", "--since", "yesterday", has="--since: found 'yesterday'")
        self.refused("template", "x", "--as", "yaml", has="--as: found 'yaml'; expected text, json, form, url, header or xml")
        self.refused("emit", "x", "--data", '{"a":1}', has="--data takes the name of a file")
        self.refused("emit", "x", "--ndjson", "f", has="--ndjson")
        self.refused("preview", "w", "--env-file", "f", has="--env-file goes with scripts")


class Check(Case):
    def test_good(self):
        self.file("s/a.lua", GOOD)
        self.file("s/b.lua", "-- nothing")
        out, err = self.run_anzol("check", "s", CLI_TEST_TOKEN="value-of-the-token")
        self.assertEqual((out, err), ("2 files, 1 integration, 2 webhooks, 0 flows: good\n", ""))

    def test_bad_names_every_mistake(self):
        path = self.file("bad.lua", BAD)
        out, err = self.run_anzol("check", path, code=78)
        self.assertEqual(out, "2 mistakes\n")
        lines = err.splitlines()
        self.assertEqual(len(lines), 2, err)
        self.assertRegex(lines[0], r"bad\.lua:2:.*metod.*method")
        self.assertRegex(lines[1], r"bad\.lua:3:.*nobody")

    def test_names_every_mistake_of_every_template_of_every_file(self):
        self.file("s/a.lua", '''integration "i" { url = "http://127.0.0.1:1/${ x | toUper }" }
webhook "a" { integration = "i", url = "?a=${ b c }&d=${ floor('x') }", body = { n = "${ substring(s, 0) }", m = { "${ ! }" } } }''')
        self.file("s/b.lua", '''webhook "b" { integration = "i", headers = { ["Content-Type"] = "application/json", A = "@{ if a }" },
  body = [[{"a": "${ x }",
    "b" ${ y }}]] }''')
        out, err = self.run_anzol("check", "s", code=78)
        self.assertEqual(out, "7 mistakes\n")
        self.assertEqual(err.splitlines(), [
            "s/a.lua:1:52: unknown function 'toUper'; did you mean 'toUpper'?",
            "s/a.lua:2:49: unexpected 'c'",
            "s/a.lua:2:64: 'x' is a string, not a number",
            "s/a.lua:2:103: the position must be at least 1, found 0",
            "s/a.lua:2:120: unexpected '!'",
            "s/b.lua:1:90: this 'if' has no 'end if'",
            "s/b.lua:3:9: this can never be JSON: expected ':', found a value",
        ])

    def test_json(self):
        out, _ = self.run_anzol("check", self.file("bad.lua", BAD), "--json", code=78)
        result = json.loads(out)
        self.assertIs(result["ok"], False)
        self.assertEqual([e["line"] for e in result["errors"]], [2, 3])
        for e in result["errors"]:
            self.assertTrue(e["file"].endswith("bad.lua"))
            self.assertNotIn("bad.lua", e["message"])
        good = json.loads(self.run_anzol("check", self.file("good.lua", GOOD), "--json", "--no-secrets")[0])
        self.assertEqual((good["ok"], good["errors"], good["files"], good["integrations"], good["webhooks"], good["flows"]),
                         (True, [], 1, 1, 2, 0))

    def test_secrets(self):
        path = self.file("good.lua", GOOD)
        self.assertIn("CLI_TEST_TOKEN", self.run_anzol("check", path, code=78)[1])
        self.assertIn("good", self.run_anzol("check", path, "--no-secrets")[0])
        env = self.file("env", "# a comment\nCLI_TEST_TOKEN='from the file'\n")
        out, err = self.run_anzol("check", path, "--env-file", env)
        self.assertIn("good", out)
        self.assertNotIn("from the file", out + err)
        self.assertIn("nowhere", self.run_anzol("check", path, "--env-file", "nowhere", code=78)[1])

    def test_a_missing_file_is_named(self):
        self.assertIn("nothere.lua", self.run_anzol("check", "nothere.lua", code=78)[1])
        self.assertEqual(self.run_anzol("check", "nothere.lua", "--json", code=78)[1], "")


class Template(Case):
    def test_places(self):
        data = '{"a": {"b": "x & y"}, "n": 7}'
        for place, text, expected in [("text", "<${a.b}>", "<x & y>"), ("json", '{"k":"${a.b}","n":${n}}', '{"k":"x & y","n":7}'),
                                      ("url", "p?q=${a.b}", "p?q=x%20%26%20y"), ("xml", "<t>${a.b}</t>", "<t>x &amp; y</t>")]:
            with self.subTest(place):
                self.assertEqual(self.run_anzol("template", text, "--as", place, "--data", "-", input=data), (expected + "\n", ""))

    def test_template_from_standard_input(self):
        path = self.file("d.json", '{"n": 7}')
        self.assertEqual(self.run_anzol("template", "-", "--data", path, input="n is ${n}")[0], "n is 7\n")
        self.run_anzol("template", "-", "--data", "-", code=2)

    def test_mistakes(self):
        self.assertIn("1:3", self.run_anzol("template", "x ${a", code=1)[1])
        err = self.run_anzol("template", "x", "--data", "-", input='{"a":\n 1,}', code=1)[1]
        self.assertRegex(err, r"standard input: line 2, column \d+")
        self.assertIn("standard input is empty", self.run_anzol("template", "x", "--data", "-", code=1)[1])
        self.assertIn("cannot open nothere.json", self.run_anzol("template", "x", "--data", "nothere.json", code=1)[1])


class Preview(Case):
    def test_without_a_daemon(self):
        path = self.file("good.lua", GOOD)
        args = ["preview", "order_paid", "--data", "-", "--scripts", path]
        out, err = self.run_anzol(*args, input='{"Order": {"Id": 9007199254740993}}', CLI_TEST_TOKEN="value-of-the-token")
        self.assertRegex(out, r"^POST http://127\.0\.0\.1:1/orders\?t=[0-9a-f-]{36}\n")
        self.assertIn("Authorization: ***  (from the integration)\n", out)
        self.assertIn("X-Env: b  (overrides the integration's)\n", out)
        self.assertTrue(out.endswith('\n\n{\n  "id": 9007199254740993\n}\n'), out)
        self.assertNotIn("value-of-the-token", out + err)
        self.assertNotIn("\033", out)
        shown = json.loads(self.run_anzol(*args, "--json", input='{"Order": {"Id": 1}}')[0])
        self.assertEqual((shown["webhook"], shown["idempotent"]), ("order_paid", True))

    def test_scripts_as_operands(self):
        out, err = self.run_anzol("preview", "order_sent", self.file("good.lua", GOOD), "--data", "-", input='{"Order": {"Id": 1}}')
        self.assertTrue(out.startswith("POST http://127.0.0.1:1/\n"), out)
        self.assertIn("TransactionalId", err)

    def test_mistakes(self):
        path = self.file("good.lua", GOOD)
        self.assertIn("did you mean 'order_paid'?", self.run_anzol("preview", "order_pay", "--scripts", path, code=1)[1])
        failing = self.file("failing.lua", GOOD.replace("Order.Id}", "Order.Id | toLower}"))
        err = self.run_anzol("preview", "order_paid", "--scripts", failing, "--data", "-", input='{"Order": {}}', code=1)[1]
        self.assertRegex(err, r"failing\.lua:\d+.*Order")
        hint = "anzol preview: without --data FILE the data is {}"
        self.assertNotIn(hint, err)
        self.assertIn(hint, self.run_anzol("preview", "order_paid", "--scripts", failing, code=1)[1])
        self.assertNotIn(hint, self.run_anzol("preview", "nobody", "--scripts", failing, code=1)[1])
        self.assertIn("bad.lua:2", self.run_anzol("preview", "a", "--scripts", self.file("bad.lua", BAD), code=78)[1])


class Listener:
    """`anzol listen` on a port of its own."""

    def __init__(self, *args, stdout=subprocess.PIPE):
        self.process = subprocess.Popen([ANZOL, "listen", "--listen", "127.0.0.1:0", *args], stdout=stdout, stderr=subprocess.PIPE,
                                        text=True, env=environment())
        line = self.process.stderr.readline()
        self.address = re.search(r"http://(127\.0\.0\.1:\d+)", line).group(1)

    def call(self, method="POST", path="/", body=None, headers=None):
        c = http.client.HTTPConnection(self.address, timeout=PATIENCE)
        try:
            c.request(method, path, body, headers or {})
            response = c.getresponse()
            return response.status, response, response.read()
        finally:
            c.close()

    def end(self, sign=signal.SIGTERM):
        """(exit code, stdout, stderr)."""
        if sign is not None:
            self.process.send_signal(sign)
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out, err

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


class Listen(Case):
    def test_shows_requests_and_ends_with_a_total(self):
        with Listener() as l:
            status, _, body = l.call("POST", "/orders?a=b%20c", b'{"z":1.0,"a":[]}', {"X-Test": "yes", "Content-Type": "application/json"})
            self.assertEqual((status, json.loads(body)), (200, {"ok": True, "number": 1}))
            code, out, _ = l.end(signal.SIGINT)
        self.assertEqual(code, 0)
        self.assertRegex(out, r"^#1  \d\d:\d\d:\d\d  POST /orders\?a=b%20c\n")
        self.assertIn("X-Test: yes\n", out)
        self.assertIn('\n{\n  "z": 1.0,\n  "a": []\n}\n-> 200\n', out)
        self.assertTrue(out.endswith("\n1 request\n"), out)

    def test_statuses_in_turn_with_headers_and_body(self):
        with Listener("--status", "503,429,200", "--header", "Retry-After: 2", "--header", "X-Two: b", "--body", "busy") as l:
            answers = [l.call() for _ in range(4)]
            code, out, _ = l.end()
        self.assertEqual(code, 0)
        self.assertEqual([a[0] for a in answers], [503, 429, 200, 200])
        self.assertEqual({(a[1].getheader("Retry-After"), a[1].getheader("X-Two"), a[2]) for a in answers}, {("2", "b", b"busy")})
        self.assertEqual(re.findall(r"(?m)^-> (\d+)", out), ["503", "429", "200", "200"])

    def test_delay(self):
        with Listener("--delay", "300ms") as l:
            start = time.monotonic()
            self.assertEqual(l.call()[0], 200)
            self.assertGreaterEqual(time.monotonic() - start, 0.29)
            self.assertIn("-> 200 after 300ms", l.end()[1])

    def test_close(self):
        with Listener("--close") as l:
            with self.assertRaises((http.client.RemoteDisconnected, ConnectionResetError)):
                l.call()
            self.assertIn("-> closed without an answer", l.end()[1])

    def test_count_answers_the_last_and_ends(self):
        with Listener("--count", "2", "--delay", "100ms") as l:
            self.assertEqual([l.call()[0], l.call()[0]], [200, 200])
            code, out, _ = l.end(sign=None)
        self.assertEqual((code, out.splitlines()[-1]), (0, "2 requests"))

    def test_json_lines(self):
        with Listener("--json", "--status", "201") as l:
            before = time.time() * 1000
            l.call("PUT", "/x?y", "é\x01".encode() + b"\xff", {"X-A": "1"})
            l.call("GET", "/z")
            code, out, err = l.end()
        self.assertEqual(code, 0)
        self.assertIn("2 requests", err)
        one, two = [json.loads(line) for line in out.splitlines()]
        self.assertEqual((one["number"], one["method"], one["path"], one["status"]), (1, "PUT", "/x?y", 201))
        self.assertEqual(one["body"], "é\x01\ufffd")
        self.assertIn(["X-A", "1"], one["headers"])
        self.assertAlmostEqual(one["time_ms"], before, delta=60000)
        self.assertIsInstance(one["time_ms"], float)
        self.assertEqual((two["number"], two["method"], two["body"]), (2, "GET", ""))

    def test_quiet(self):
        with Listener("--quiet") as l:
            for _ in range(3):
                l.call()
            self.assertEqual(l.end()[:2], (0, "3 requests\n"))

    def test_lines_appear_at_once(self):
        with Listener("--json") as l:
            l.call("POST", "/now")
            self.assertEqual(json.loads(l.process.stdout.readline())["path"], "/now")

    def test_control_characters_do_not_reach_the_terminal(self):
        with Listener() as l:
            l.call("POST", "/", b"a\x1b[31mb\xc2\x9bc\xffd")
            out = l.end()[1]
        self.assertIn(r"a\x1b[31mb\xc2\x9bc\xffd", out)

    def test_port_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as s:
            err = self.run_anzol("listen", "--listen", f"127.0.0.1:{s.getsockname()[1]}", code=1)[1]
        self.assertIn("anzol listen: ", err)

    def test_a_reader_that_goes_ends_it(self):
        read, write = os.pipe()
        with Listener(stdout=write) as l:
            os.close(write)
            os.close(read)
            l.call()
            self.assertEqual(l.end(sign=None)[0], 1)


DELIVERY = {
    "id": ID, "webhook": "order_paid", "integration": "shop", "state": "succeeded", "attempt_count": 2, "created_at": "2026-01-02T10:00:00.000Z",
    "next_attempt_at": None, "finished_at": "2026-01-02T10:00:20.000Z", "status": 200, "error": None,
    "event": {"id": ID.replace("0192", "0191"), "key": "k-1", "name": "order.paid"},
    "request": {"method": "POST", "url": "https://x.test/o", "headers": [{"name": "Authorization", "value": "***"}], "body": '{"b":1.50,"a":2}',
                "idempotent": True},
    "attempts": [
        {"number": 1, "retry": 0, "started_at": "2026-01-02T10:00:00.000Z", "duration_ms": 5.25, "status": None,
         "error": {"kind": "connect", "message": "connection refused"}, "response": None},
        {"number": 2, "retry": 1, "started_at": "2026-01-02T10:00:20.000Z", "duration_ms": 1500.0, "status": 200, "error": None,
         "response": {"headers": [{"name": "X-Answer", "value": "a\x1b[2Jb"}], "body": "plain\x07 words", "truncated": True}}],
    "vars": {"crmId": 12345678901234567, "ratio": 0.1}}
ROW = {k: DELIVERY[k] for k in ("id", "webhook", "integration", "state", "attempt_count", "created_at", "next_attempt_at", "finished_at",
                                "status", "error")}
INTEGRATIONS = {"integrations": [{"name": "shop", "display_name": "Shop CRM", "description": None, "url": "https://x.test/", "rate": 0.5, "per": "1s",
                                  "concurrency": 64, "headers": [{"name": "Authorization", "value": "***"}], "webhooks": 1, "where": "a.lua:1"}]}
WEBHOOKS = {"webhooks": [{"name": "order_paid", "display_name": None, "description": "Tells", "integration": "shop", "method": "POST",
                          "url": "https://x.test/o", "headers": [], "on": "order.paid", "idempotent": True,
                          "retry": {"delays": ["20s", "80s"], "on": ["429"], "within": "6m"}, "where": "a.lua:2"}]}
FLOWS = {"flows": [{"name": "checkout", "display_name": "Check out", "description": None, "on": "order.paid", "key": "${Order.Id}",
                    "where": "a.lua:3"}]}
STATUS = {"version": "9.9.9", "pid": 42, "started_at": "2026-01-02T10:00:00.000Z", "ready": False, "reason": "the disk is full",
          "generation": {"number": 3, "loaded_at": "2026-01-02T10:00:00.000Z", "webhooks": 1, "integrations": 1, "flows": 2},
          "runs": {"started": 9, "succeeded": 3, "failed": 0, "parked": 1, "canceled": 0, "in_memory": 4, "next_due_at": None},
          "counters": {"events": 5, "duplicates": 1, "deliveries": 4, "attempts": 6, "succeeded": 2, "failed": 1, "unknown": 1, "retries": 2},
          "store": {"pending_writes": 7},
          "integrations": [{"name": "shop", "queued": 10, "waiting": 2, "in_flight": 1, "rate": 0.5, "paused_until": None}]}


def held(state):
    """The lock of a running daemon, until it is closed."""
    lock = open(os.path.join(state, "lock"), "w")
    fcntl.lockf(lock, fcntl.LOCK_EX)
    return lock


class FakeDaemon:
    """Answers what `plan[(method, path)]` holds, (status, object) or bytes of a body; keeps what it was asked."""

    def __init__(self, folder, plan):
        self.asked, self.plan = [], plan
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                path, _, query = self.path.partition("?")
                fake.asked.append((self.command, path, urllib.parse.parse_qs(query), self.headers, body))
                status, value = fake.plan.get((self.command, path), (404, {"title": "Not Found", "detail": f"no such path {path}"}))
                if callable(value):
                    value = value(body)
                text = value if isinstance(value, bytes) else json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json" if status < 300 else "application/problem+json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()
        self.state = os.path.join(folder, "state")
        os.makedirs(self.state)
        with open(os.path.join(self.state, "address"), "w") as f:
            f.write("127.0.0.1:%d\n" % self.server.server_address[1])
        with open(os.path.join(self.state, "token"), "w") as f:
            f.write("0123456789abcdef\n")
        self.lock = held(self.state)

    def stop(self):
        self.lock.close()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class FakeCase(Case):
    def daemon(self, plan):
        fake = FakeDaemon(self.folder, plan)
        self.addCleanup(fake.stop)
        return fake


class Commands(FakeCase):
    """Against canned answers."""

    def test_the_token_and_the_state_folder(self):
        fake = self.daemon({("GET", "/v1/status"): (200, STATUS)})
        self.run_anzol("status", "--state", fake.state)
        self.run_anzol("status", "-s", fake.state)
        self.run_anzol("status", ANZOL_STATE=fake.state)
        self.run_anzol("status", ANZOL_STATE=fake.state, http_proxy="http://127.0.0.1:1/")
        self.assertEqual({a[3]["Authorization"] for a in fake.asked}, {"Bearer 0123456789abcdef"})
        self.assertEqual(len(fake.asked), 4)

    def test_no_daemon(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))  # bound, not listening: refused
            address = "127.0.0.1:%d" % s.getsockname()[1]
            self.file("state/address", address)
            self.file("state/token", "t")
            self.addCleanup(held(os.path.join(self.folder, "state")).close)
            for args in (["status"], ["list"], ["emit", "x"], ["deliveries"], ["show", ID], ["resend", ID], ["send", "w"], ["preview", "w"],
                         ["runs"], ["cancel", ID, ID], ["resume", ID], ["restart", ID], ["reload"]):
                with self.subTest(args[0]):
                    out, err = self.run_anzol(*args, code=69, ANZOL_STATE="state")
                    self.assertEqual(out, "")
                    self.assertIn(address, err)
                    self.assertEqual(len(err.splitlines()), 1, err)
        self.file("state/address", "")  # as a power cut may leave it
        self.assertIn("does not listen", self.run_anzol("status", ANZOL_STATE="state", code=69)[1])
        err = self.run_anzol("status", "--state", "nowhere", code=69)[1]
        self.assertIn("nowhere", err)
        self.assertIn("anzol run", err)

    def test_the_token_goes_to_no_program_at_the_address_of_a_daemon_that_was_killed(self):
        fake = self.daemon({("GET", "/v1/status"): (200, STATUS)})
        fake.lock.close()
        err = self.run_anzol("status", "-s", fake.state, code=69)[1]
        self.assertEqual(err, f"anzol status: no daemon runs in the state folder {fake.state}; start one with: anzol run scripts\n")
        self.assertEqual(fake.asked, [])

    def test_a_daemon_that_does_not_listen_yet(self):
        os.makedirs(os.path.join(self.folder, "state"))
        self.addCleanup(held(os.path.join(self.folder, "state")).close)
        self.assertIn("does not listen: it starts, or stops", self.run_anzol("status", "-s", "state", code=69)[1])

    def test_problems(self):
        problem = {"title": "Conflict", "detail": "it is still waiting\x1b[2J"}
        fake = self.daemon({("POST", f"/v1/deliveries/{ID}/resend"): (409, problem), ("GET", "/v1/status"): (401, {}),
                                 ("GET", "/v1/deliveries"): (200, b"not json"), ("GET", "/v1/webhooks"): (500, b"")})
        err = self.run_anzol("resend", ID, "-s", fake.state, code=1)[1]
        self.assertEqual(err, "anzol resend: it is still waiting\\x1b[2J\n")
        self.assertIn("refuses the token", self.run_anzol("status", "-s", fake.state, code=1)[1])
        self.assertIn("not JSON", self.run_anzol("deliveries", "-s", fake.state, code=1)[1])
        self.assertIn("no such path", self.run_anzol("list", "-s", fake.state, code=1)[1])

    def test_status(self):
        fake = self.daemon({("GET", "/v1/status"): (200, STATUS)})
        out, _ = self.run_anzol("status", "-s", fake.state)
        for words in ("anzol 9.9.9, process 42", "not ready: the disk is full", "5 accepted, 1 duplicate", "2 succeeded, 1 failed, 1 unknown",
                      "7 not yet on disk", "1 webhook, 2 flows, generation 3", "9 started, 3 succeeded, 1 parked\n"):
            self.assertIn(words, out)
        self.assertRegex(out, r"(?m)^shop +10 +1 +2 +0\.5/s")
        self.assertEqual(json.loads(self.run_anzol("status", "-s", fake.state, "--json")[0]), STATUS)

    def test_list(self):
        fake = self.daemon({("GET", "/v1/integrations"): (200, INTEGRATIONS), ("GET", "/v1/webhooks"): (200, WEBHOOKS), ("GET", "/v1/flows"): (200, FLOWS)})
        out, _ = self.run_anzol("list", "-s", fake.state)
        for words in ("shop", "Shop CRM", "0.5 per 1s", "order_paid  on order.paid", "POST https://x.test/o", "20s, 80s within 6m",
                      "  checkout  on order.paid, one at a time of each key ${Order.Id}  a.lua:3\n    Check out\n"):
            self.assertIn(words, out)
        self.assertEqual(json.loads(self.run_anzol("list", "-s", fake.state, "--json")[0]), {**INTEGRATIONS, **WEBHOOKS, **FLOWS})

    def test_list_shows_what_differs(self):
        own = dict(WEBHOOKS["webhooks"][0], idempotent=None, deselected=["X-Trace"], headers=[
            {"name": "Authorization", "value": "***", "from": "integration"}, {"name": "X-Own", "value": "1", "from": "webhook"}])
        fake = self.daemon({("GET", "/v1/integrations"): (200, INTEGRATIONS), ("GET", "/v1/webhooks"): (200, {"webhooks": [own]}),
                             ("GET", "/v1/flows"): (200, {"flows": []})})
        out, _ = self.run_anzol("list", "-s", fake.state)
        self.assertEqual(out.count("Authorization"), 1)
        self.assertIn("    X-Own: 1\n    without X-Trace\n    when the body has the transactional id, retried after 20s", out)

    def test_deliveries(self):
        failed = dict(ROW, state="failed", status=None, error={"kind": "timeout", "message": "no answer\nwithin 30s"}, id=ID[:-1] + "7")
        waiting = dict(ROW, state="waiting", status=503, webhook="naïve", next_attempt_at="2026-01-02T10:00:40.000Z")
        fake = self.daemon({("GET", "/v1/deliveries"): (200, {"deliveries": [ROW, failed, waiting], "next": "17"})})
        out, err = self.run_anzol("deliveries", "-s", fake.state)
        lines = out.splitlines()
        self.assertEqual(len(lines), 4)
        self.assertEqual(lines[0].split(), ["ID", "TIME", "WEBHOOK", "STATE", "TRIES", "RESULT"])
        self.assertTrue(lines[1].startswith(ID) and lines[1].endswith("200"), lines[1])
        self.assertIn(r"timeout: no answer\x0awithin 30s", lines[2])
        self.assertRegex(lines[3], "next at .* after 503$")
        self.assertEqual({line.index(state) for line, state in zip(lines, ["STATE", "succeeded", "failed", "waiting"])},
                         {lines[0].index("STATE")})
        self.assertIn("--cursor 17", err)
        self.assertEqual(json.loads(self.run_anzol("deliveries", "-s", fake.state, "--json")[0])["next"], "17")

    def test_deliveries_asks_for_what_was_said(self):
        fake = self.daemon({("GET", "/v1/deliveries"): (200, {"deliveries": [], "next": None})})
        out, err = self.run_anzol("deliveries", "--state", fake.state, "--state", "failed", "--webhook", "a&b", "--since", "1h", "--until",
                                  "2026-11-23T10:00:00+01:00", "--limit", "5", "--cursor", "9")
        self.assertEqual((out, err), ("", "anzol deliveries: none\n"))
        self.assertEqual(fake.asked[0][2], {"state": ["failed"], "webhook": ["a&b"], "since": ["-1h"], "until": ["2026-11-23T10:00:00+01:00"],
                                            "limit": ["5"], "cursor": ["9"]})
        fake.asked.clear()
        self.run_anzol("deliveries", ANZOL_STATE=fake.state)
        self.assertEqual(fake.asked[0][2], {})
        fake.plan[("GET", "/v1/webhooks")] = (200, WEBHOOKS)
        err = self.run_anzol("deliveries", "--webhook", "order_payd", "-s", fake.state)[1]
        self.assertEqual(err, "anzol deliveries: none, and there is no webhook 'order_payd'; did you mean 'order_paid'?\n")
        self.assertEqual(self.run_anzol("deliveries", "--webhook", "order_paid", "-s", fake.state)[1], "anzol deliveries: none\n")

    def test_show(self):
        fake = self.daemon({("GET", f"/v1/deliveries/{ID}"): (200, DELIVERY)})
        out, _ = self.run_anzol("show", ID.upper(), "-s", fake.state)
        for words in (f"{ID}  succeeded", "order_paid  (integration shop)", "order.paid", "(id k-1)", "POST https://x.test/o\nAuthorization: ***\n",
                      '{\n  "b": 1.50,\n  "a": 2\n}\n', "connect: connection refused", "1.50 s  200", r"X-Answer: a\x1b[2Jb", r"plain\x07 words",
                      "was not kept", '"crmId": 12345678901234567', '"ratio": 0.1\n'):
            self.assertIn(words, out)
        self.assertNotIn("\033", out)
        self.assertEqual(json.loads(self.run_anzol("show", ID, "-s", fake.state, "--json")[0]), DELIVERY)

    def test_resend(self):
        fake = self.daemon({("POST", f"/v1/deliveries/{ID}/resend"): (202, {"id": ID, "state": "queued"})})
        self.assertEqual(self.run_anzol("resend", ID, "-s", fake.state)[0], f"{ID}  queued\n")

    def test_send(self):
        path = "/v1/webhooks/order_paid"
        fake = self.daemon({("POST", path): (200, DELIVERY)})
        out, _ = self.run_anzol("send", "order_paid", "--data", "-", "-s", fake.state, "--wait", "5s", input='{"a": 1.50}')
        self.assertIn("POST https://x.test/o", out)
        _, _, query, headers, body = fake.asked[0]
        self.assertEqual((query, headers["Content-Type"], body), ({"wait": ["5000ms"]}, "application/json", b'{"a": 1.50}'))
        fake.plan[("POST", path)] = (200, dict(DELIVERY, state="failed"))
        self.assertEqual(json.loads(self.run_anzol("send", "order_paid", "--json", "-s", fake.state, code=1)[0])["state"], "failed")
        self.assertEqual(fake.asked[1][4], b"{}")

    def test_send_that_outlasts_the_wait(self):
        waiting = dict(DELIVERY, state="waiting", finished_at=None)
        fake = self.daemon({("POST", "/v1/webhooks/a%2Fb"): (202, {"id": ID, "state": "waiting"}),
                                 ("GET", f"/v1/deliveries/{ID}"): (200, waiting)})
        out, err = self.run_anzol("send", "a/b", "--wait", "1s", "-s", fake.state, code=1)
        self.assertIn(f"{ID}  waiting", out)
        self.assertIn(f"waiting after 1s; it goes on: anzol show {ID}", err)

    def test_preview(self):
        preview = {"webhook": "w", "integration": "shop", "method": "GET", "url": "https://x.test/", "deselected": ["X-Trace"],
                   "headers": [{"name": "A", "value": "1", "from": "webhook"}], "body": None, "idempotent": False, "delivery_id": ID}
        fake = self.daemon({("POST", "/v1/webhooks/w/preview"): (200, preview)})
        out, err = self.run_anzol("preview", "w", "-s", fake.state)
        self.assertEqual(out, "GET https://x.test/\nA: 1\n(without the integration's X-Trace)\n")
        self.assertIn("TransactionalId", err)
        self.assertEqual(json.loads(self.run_anzol("preview", "w", "-s", fake.state, "--json")[0]), preview)


class Emit(FakeCase):
    EVENT = {"id": ID, "deliveries": [ID[:-1] + "7"], "runs": [], "duplicate": False}

    def test_emit(self):
        fake = self.daemon({("POST", "/v1/events"): (202, self.EVENT)})
        data = '{"big": 12345678901234567,\n "d": 1.50, "e": "\\u00e9"}'
        out, err = self.run_anzol("emit", 'a"b', "--data", self.file("d.json", data), "--id", "k1", "-s", fake.state)
        self.assertEqual((out, err), (f"event     {ID}\ndelivery  {ID[:-1]}7\n", ""))
        self.assertEqual(fake.asked[0][3]["Content-Type"], "application/json")
        self.assertIn(data.encode(), fake.asked[0][4])  # as it is, byte for byte
        self.assertEqual(json.loads(fake.asked[0][4]), {"name": 'a"b', "id": "k1", "data": json.loads(data)})
        self.assertEqual(json.loads(self.run_anzol("emit", "x", "--json", "-s", fake.state)[0]), self.EVENT)
        self.assertEqual(json.loads(fake.asked[1][4]), {"name": "x", "data": {}})

    def test_what_is_worth_a_word(self):
        fake = self.daemon({("POST", "/v1/events"): (202, dict(self.EVENT, deliveries=[]))})
        say = "anzol emit: no webhook or flow is on '%s', so nothing is sent; %s\n"
        self.assertEqual(self.run_anzol("emit", "x", "-s", fake.state)[1], say % ("x", "see: anzol list"))
        fake.plan[("GET", "/v1/webhooks")] = (200, WEBHOOKS)
        self.assertEqual(self.run_anzol("emit", "order.payed", "-s", fake.state)[1], say % ("order.payed", "did you mean 'order.paid'?"))
        fake.plan[("GET", "/v1/flows")] = (200, {"flows": [dict(FLOWS["flows"][0], on="cart.left")]})
        self.assertEqual(self.run_anzol("emit", "cart.let", "-s", fake.state)[1], say % ("cart.let", "did you mean 'cart.left'?"))
        fake.plan[("POST", "/v1/events")] = (202, dict(self.EVENT, deliveries=[], runs=[ID[:-1] + "8"]))
        self.assertEqual(self.run_anzol("emit", "x", "-s", fake.state), (f"event     {ID}\nrun       {ID[:-1]}8\n", ""))
        fake.plan[("POST", "/v1/events")] = (202, dict(self.EVENT, deliveries=[], woken=2))
        self.assertEqual(self.run_anzol("emit", "x", "-s", fake.state), (f"event     {ID}\nwoken     2 runs\n", ""))
        fake.plan[("POST", "/v1/events")] = (202, dict(self.EVENT, duplicate=True))
        self.assertIn("came before", self.run_anzol("emit", "x", "--id", "k", "-s", fake.state)[1])

    def test_bad_data_is_not_sent(self):
        fake = self.daemon({})
        err = self.run_anzol("emit", "x", "--data", self.file("d.json", '{"a": 1,\n "b": }'), "-s", fake.state, code=1)[1]
        self.assertRegex(err, r"d\.json: line 2, column \d+")
        self.assertEqual(fake.asked, [])

    @staticmethod
    def batch(body):
        lines = body.decode().splitlines()
        bad = [i + 1 for i, line in enumerate(lines) if "bad" in line]
        return {"accepted": len(lines) - len(bad), "duplicates": 0, "rejected": [{"line": i, "error": "no name"} for i in bad]}

    def test_ndjson(self):
        fake = self.daemon({("POST", "/v1/events"): (202, self.batch)})
        path = self.file("e.ndjson", '{"name":"a"}\n{"bad":1}\n{"name":"b"}')
        out, err = self.run_anzol("emit", "--ndjson", path, "-s", fake.state, code=1)
        self.assertEqual(out, "2 accepted, 1 rejected\n")
        self.assertEqual(err, f"anzol emit: {path}:2: no name\n")
        self.assertEqual((fake.asked[0][3]["Content-Type"], fake.asked[0][4]),
                         ("application/x-ndjson", b'{"name":"a"}\n{"bad":1}\n{"name":"b"}'))
        self.assertEqual(self.run_anzol("emit", "--ndjson", "-", "-s", fake.state, input='{"name":"a"}\n'), ("1 accepted\n", ""))

    def test_ndjson_in_pieces_of_whole_lines(self):
        fake = self.daemon({("POST", "/v1/events"): (202, self.batch)})
        line = json.dumps({"name": "a", "data": "x" * 1000}) + "\n"
        path = self.file("e.ndjson", line * 9000 + '{"bad":1}\n')
        out, err = self.run_anzol("emit", "--ndjson", path, "--json", "-s", fake.state, code=1)
        self.assertEqual(json.loads(out), {"accepted": 9000, "duplicates": 0, "rejected": [{"line": 9001, "error": "no name"}]})
        self.assertGreater(len(fake.asked), 1)
        self.assertTrue(all(a[4].endswith(b"\n") and len(a[4]) < 8 << 20 for a in fake.asked))
        self.assertEqual(sum(len(a[4]) for a in fake.asked), os.path.getsize(path))

    def test_ndjson_from_a_pipe_that_stays_open(self):
        fake = self.daemon({("POST", "/v1/events"): (202, self.batch)})
        with subprocess.Popen([ANZOL, "emit", "--ndjson", "-", "-s", fake.state], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              env=environment()) as p:
            p.stdin.write(b'{"name":"a"}\n{"name"')
            p.stdin.flush()
            deadline = time.monotonic() + PATIENCE
            while not fake.asked and time.monotonic() < deadline:
                time.sleep(0.01)
            self.assertEqual(fake.asked[0][4], b'{"name":"a"}\n')
            out, _ = p.communicate(b':"b"}\n', timeout=PATIENCE)
        self.assertEqual((p.returncode, out, fake.asked[1][4]), (0, b"2 accepted\n", b'{"name":"b"}\n'))


class Output(FakeCase):
    def test_a_full_disk_is_a_failure(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([ANZOL, "--help"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot write", done.stderr)

    def test_a_reader_that_went_is_a_quiet_failure(self):
        fake = self.daemon({("GET", "/v1/deliveries"): (200, {"deliveries": [ROW] * 2000, "next": None})})
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run([ANZOL, "deliveries", "-s", fake.state], stdout=write, stderr=subprocess.PIPE, text=True, timeout=PATIENCE)
        os.close(write)
        self.assertEqual((done.returncode, done.stderr), (1, ""))

    def test_colours_are_for_terminals(self):
        fake = self.daemon({("GET", f"/v1/deliveries/{ID}"): (200, DELIVERY)})
        for env, coloured in (({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
            master, slave = os.openpty()
            done = subprocess.run([ANZOL, "show", ID, "-s", fake.state], stdout=slave, stderr=subprocess.PIPE, env=environment(**env),
                                  timeout=PATIENCE)
            os.close(slave)
            text = b""
            try:
                while chunk := os.read(master, 65536):
                    text += chunk
            except OSError:
                pass  # how a terminal whose other side is closed ends
            os.close(master)
            self.assertEqual((done.returncode, b"\x1b[" in text), (0, coloured), env)


if __name__ == "__main__":
    unittest.main()
