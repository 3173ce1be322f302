"""The console of a running daemon: what there is to do, and that nothing done there hurts."""
import json
import os
import socket
import stat
import time
import unittest

from console import Console
from harness import Daemon, Receiver, answer, wait_until

SCRIPTS = """
integration "shop" { url = "%s", rate = 1000, headers = { ["Content-Type"] = "application/json", Authorization = secret "TOKEN" } }
webhook "order_paid" { integration = "shop", on = "order.paid", url = "orders?t=${WebhookRequest.TransactionalId}",
  body = { id = "${Order.Id}" }, response = { crm = "id" } }
webhook "plain" { integration = "shop", method = "POST", headers = { ["Content-Type"] = "text/plain" }, body = "hello ${Name}" }
webhook "strict" { integration = "shop", body = each("x in Items", "${x}") }
flow "checkout" { on = "checkout", run = function(event) local r = call("order_paid", event.data) return r.vars.crm end }
function double(x) return x * 2 end
"""
PRIVATE = "swordfish-7-trombone"
ENV = {"TOKEN": PRIVATE}


class Attached(unittest.TestCase):
    plan = None

    def setUp(self):
        self.r = Receiver(self.plan or [answer(body=b'{"id":"crm-1"}')])
        self.addCleanup(self.r.__exit__)
        self.d = Daemon(SCRIPTS % self.r.url, env=ENV)
        self.addCleanup(self.d.__exit__, None)
        self.c = Console(self.d)
        self.addCleanup(self.c.close)

    def ok(self, code):
        end, text = self.c.eval(code)
        self.assertEqual(end, "ok", text)
        return text

    def error(self, code):
        end, text = self.c.eval(code)
        self.assertEqual(end, "error", text)
        return text


class Words(Attached):
    def test_hello_and_the_socket(self):
        self.assertEqual(self.c.hello["hello"], "anzol")
        self.assertEqual((self.c.hello["generation"], self.c.hello["webhooks"], self.c.hello["flows"]), (1, 3, 1))
        mode = os.stat(self.d.state + "/control").st_mode
        self.assertTrue(stat.S_ISSOCK(mode))
        self.assertEqual(stat.S_IMODE(mode), 0o600)

    def test_values_and_variables(self):
        self.assertEqual(self.ok("1 + 1"), "2")
        self.assertEqual(self.ok("x = { b = 2, a = { 1, 'two' } }"), "")
        self.assertEqual(self.ok("x"), '{a = {1, "two"}, b = 2}')
        self.assertEqual(self.ok("double(21)"), "42")
        self.assertEqual(self.c.eval("for i = 1, 2 do"), ("more", ""))
        self.ok("for i = 1, 2 do\nprint(i)\nend")
        self.assertEqual(self.c.printed[self.c.id], "1\n2\n")
        self.assertEqual(self.error("webhoks()"), "undefined variable 'webhoks'; did you mean 'webhooks'?")
        self.assertRegex(self.error("error { code = 7 }"), "code = 7")

    def test_deliveries(self):
        sent = self.ok('call("order_paid", { Order = { Id = 7 } })')
        self.assertIn("status = 200", sent)
        self.assertIn('crm = "crm-1"', sent)
        request = self.r.wait(1)[0]
        self.assertEqual(request.json(), {"id": 7})
        self.assertEqual(request.header("Authorization"), PRIVATE)
        id = self.c.value("_.delivery_id")
        self.assertIn(id, self.ok("deliveries()"))
        self.assertEqual(self.c.value('deliveries "order_paid"')[0]["state"], "succeeded")
        self.assertEqual(self.c.value("deliveries { state = 'failed' }"), [])
        one = self.ok(f'delivery "{id[:13]}"')
        self.assertIn("order_paid", one)
        self.assertNotIn(PRIVATE, one)
        self.assertIn("***", one)
        self.ok(f'resend "{id}"')
        self.r.wait(2)
        self.assertEqual(self.r.requests[1].key, id)
        sent = self.c.value('send("plain", { Name = "you" })')
        self.d.wait_state(sent, "succeeded")
        self.assertEqual(self.r.wait(3)[2].body, b"hello you")
        made = self.c.value('emit("order.paid", { Order = { Id = 8 } })')
        self.assertEqual(len(made["deliveries"]), 1)
        self.assertRegex(self.error('call("order_pad")'), "no webhook 'order_pad'; did you mean 'order_paid'")
        self.assertRegex(self.error('call("strict", {})'), r"script\.lua:\d+:\d+: .*Items")

    def test_preview(self):
        text = self.ok('preview("order_paid", { Order = { Id = 7 } })')
        self.assertRegex(text, r"^POST http://127\.0\.0\.1:\d+/orders\?t=")
        self.assertIn("***", text)
        self.assertEqual(self.r.count, 0)

    def test_an_integration_that_was_removed(self):
        self.ok('pause "shop"')
        self.ok('send("plain", { Name = "you" })')
        self.d.write('integration "other" { url = "http://127.0.0.1:9/" }')
        self.ok("reload()")
        row = next(x for x in self.c.value("integrations()") if x["name"] == "shop")
        self.assertEqual((row["queued"], row["removed"]), (1, True))
        self.assertEqual([x["name"] for x in self.d.status()["integrations"] if x["removed"]], ["shop"])
        self.ok('resume "shop"')
        wait_until(lambda: [x["name"] for x in self.c.value("integrations()")] == ["other"], "it has gone out")
        self.assertEqual([x["name"] for x in self.d.status()["integrations"]], ["other"])

    def test_what_is_not_there(self):
        self.assertRegex(self.error('trace "order_pad"'), "no webhook 'order_pad'; did you mean 'order_paid'")
        self.assertRegex(self.error("runs.id()"), "not at the console")
        self.assertRegex(self.error('pause("shop", "90d")'), "at most 30d")
        self.assertRegex(self.ok('emit "nothing.is.on.it"'), "nothing comes of it")

    def test_the_last_word_about_a_pause_counts(self):
        self.assertEqual(self.c.value('pause("shop")')["paused"], True)
        row = self.c.value('pause("shop", "10m")')
        self.assertEqual((row["paused"], row["paused_until"] is not None), (True, True))
        row = self.c.value('pause("shop")')
        self.assertEqual((row["paused"], row.get("paused_until")), (True, None))
        self.assertEqual(self.c.value('resume "shop"')["paused"], False)

    def test_pause_resume_drain(self):
        self.ok('pause "shop"')
        id = self.c.value('send("order_paid", { Order = { Id = 1 } })')
        row = wait_until(lambda: (lambda x: x if x["queued"] == 1 else None)(self.c.value("integrations()")[0]), "it is queued")
        self.assertEqual((row["in_flight"], row["paused"], row["name"]), (0, True, "shop"))
        time.sleep(0.2)
        self.assertEqual(self.r.count, 0)
        self.assertTrue(self.d.status()["integrations"][0]["paused"])
        self.ok('resume "shop"')
        self.d.wait_state(id, "succeeded")
        self.assertEqual(self.c.value("integrations()")[0]["used"], 1)
        self.ok('pause("shop", "1s")')
        self.assertIsNotNone(self.c.value("integrations()")[0]["paused_until"])
        start = time.monotonic()
        self.ok('call("order_paid", { Order = { Id = 2 } })')
        self.assertGreater(time.monotonic() - start, 0.5)
        self.assertRegex(self.error('pause "shp"'), "no integration 'shp'; did you mean 'shop'")
        self.assertEqual(self.c.value('drain "shop"')["in_flight"], 0)
        did = [(x["what"], x.get("about"), x.get("for")) for x in self.d.log("console.did")]
        self.assertEqual(did[0], ("pause", "shop", None))
        self.assertIn(("pause", "shop", "1s"), did)
        self.assertEqual(did[-1], ("drain", "shop", None))
        self.assertTrue(all(x["by"] and x["pid"] == os.getpid() for x in self.d.log("console.did")))

    def test_runs(self):
        self.ok('emit("checkout", { Order = { Id = 5 } })')
        run = wait_until(lambda: (lambda l: l[0] if l and l[0]["state"] == "succeeded" else None)(self.c.value("runs()")), "the run")
        self.assertEqual(self.c.value(f'runs.get "{run["id"]}"')["result"], "crm-1")
        again = self.c.value(f'runs.restart "{run["id"]}"')
        self.assertNotEqual(again["id"], run["id"])
        self.assertRegex(self.error(f'runs.cancel "{run["id"]}"'), "succeeded")

    def test_help_and_completion(self):
        self.ok("help()")
        self.assertIn("pause(integration", self.c.printed[self.c.id])
        self.ok('help "call"')
        self.assertIn("webhook", self.c.printed[self.c.id])
        self.assertEqual(self.c.complete('call("order_p'), ['order_paid"'])
        self.assertEqual(self.c.complete('pause "s'), ['shop"'])
        self.assertEqual(self.c.complete("webhooks"), ["webhooks()"])
        self.assertEqual(self.c.complete("doub"), ["double("])
        self.ok("order = { Id = 1, Items = {} }")
        self.assertEqual(self.c.complete("order.I"), ["Id", "Items"])
        line = self.c.begin('sleep "1h"')  # while one waits
        self.assertEqual(self.c.complete("order.It"), ["Items"])
        self.c.cancel(line)
        self.assertEqual(self.c.answer(line)["end"], "canceled")

    def test_reload_and_what_is_carried_over(self):
        self.ok("x = { n = 1, list = { 'a', 9007199254740993 } }")
        self.ok("function f() end")
        text = (SCRIPTS % self.r.url).replace("x * 2", "x * 3").replace("hello", "good day")
        self.d.write(text)
        self.assertRegex(self.ok("reload()"), r"generation 2.*~1")
        self.assertEqual(self.ok("double(21)"), "63")
        self.assertEqual(self.ok("x"), '{list = {"a", 9007199254740993}, n = 1}')
        self.assertRegex(self.error("f()"), "undefined variable 'f'")
        self.assertFalse(any("generation 2" in n for n in self.c.notes), self.c.notes)  # it was its own
        self.assertTrue(any(": f" in n for n in self.c.notes), self.c.notes)
        self.d.write(text + "\nwebhook 'x' { integration = 'nobody' }\nwebhook 'y' { integrations = 'shop' }")
        message = self.error("reload()")
        self.assertIn("unknown integration 'nobody'", message)
        self.assertIn("did you mean 'integration'?", message)
        self.assertEqual(self.d.log("console.did")[-1]["what"], "reload")
        self.assertEqual(self.d.log("reload.failed")[-1]["by"], "console")
        self.d.call("POST", "/v1/reload")
        self.ok("1")
        self.assertRegex(self.c.notes[-1], r"^scripts not reloaded: .*unknown integration 'nobody'.*, and more \(generation 2 stays in force\)$")
        self.d.write(text)
        self.d.call("POST", "/v1/reload")
        self.ok("1")
        self.assertIn("scripts reloaded: generation 3 (no definition changed)", self.c.notes)

    def test_secrets(self):
        for code in ('env "TOKEN"', 'secret "TOKEN"', "webhooks()", "integrations()", "status()", 'preview("plain", {})'):
            end, text = self.c.eval(code)
            self.assertNotIn(PRIVATE, text)
        self.assertRegex(self.error('env "TOKEN"'), "secret")


class Waiting(Attached):
    plan = staticmethod(lambda request, number: [0.4, answer(body=b'{"id":"late"}')])

    def test_a_line_waits_and_the_daemon_goes_on(self):
        with Console(self.d) as other:
            line = self.c.begin('call("order_paid", { Order = { Id = 1 } })')
            self.assertEqual(other.eval("1 + 1"), ("ok", "2"))
            self.assertEqual(self.d.call("GET", "/livez", token=False)[0], 200)
            self.assertEqual(self.c.answer(line)["end"], "ok")
            self.assertEqual(other.eval("x = 5; return x"), ("ok", "5"))
            self.assertRegex(self.error("x"), "undefined variable 'x'")

    def test_cancel(self):
        line = self.c.begin('sleep "1h"')
        behind = self.c.begin("'never'")
        after = self.c.begin("'after'")
        self.c.cancel(behind)
        self.c.cancel(line)
        got = [self.c.read() for _ in range(3)]
        self.assertEqual({x["id"]: x["end"] for x in got}, {line: "canceled", behind: "canceled", after: "ok"})
        line = self.c.begin('call("order_paid", { Order = { Id = 1 } })')
        self.r.wait(1)
        self.c.cancel(line)
        self.assertEqual(self.c.answer(line)["end"], "canceled")
        self.d.idle()
        self.assertEqual(self.d.deliveries()[0]["state"], "succeeded")

    def test_what_is_typed_behind_a_completion_while_the_clone_is_made(self):
        with Console(self.d) as c:
            for _ in range(2):
                asked = [c.send("complete", code="webh", cursor=4), c.begin("1 + 1"), c.send("complete", code="webh", cursor=4), c.begin("2 + 2")]
                got = {}
                while len(got) < 4:
                    line = c.read()
                    if "id" in line:
                        got[line["id"]] = line
                self.assertEqual([got[asked[1]]["text"], got[asked[3]]["text"]], ["2", "4"])
                self.assertEqual(self.d.call("POST", "/v1/reload")[0], 200)

    def test_many_lines_at_once_hold_up_nobody(self):
        ids = [self.c.begin("local x = 0 for i = 1, 50000 do x = x + i end") for _ in range(500)]
        for id in ids:
            self.assertEqual(self.c.answer(id)["end"], "ok")
        self.assertEqual(self.c.eval("1"), ("ok", "1"))

    def test_those_who_only_knock(self):
        """What is made for those who have left already holds up nobody."""
        for _ in range(300):
            Console(self.d).close()
        start = time.monotonic()
        self.assertEqual(self.d.call("POST", "/v1/reload")[0], 200)
        self.assertLess(time.monotonic() - start, 20)

    def test_too_much_to_carry_over(self):
        self.ok("t = {} for i = 1, 500000 do t[i] = i end")
        self.d.call("POST", "/v1/reload")
        self.assertEqual(self.c.eval("1"), ("ok", "1"))
        self.assertTrue(any("too much" in n for n in self.c.notes), self.c.notes)

    def test_trace(self):
        with Console(self.d) as other:
            line = self.c.begin('trace "order_paid"')
            time.sleep(0.2)
            other.eval('send("plain", { Name = "no" })')
            other.eval('send("order_paid", { Order = { Id = 41 } })')
            while "41" not in self.c.printed.get(line, ""):
                got = self.c.read()
                self.assertNotIn("end", got)
                self.c.printed[line] = self.c.printed.get(line, "") + got.get("text", "")
            self.c.cancel(line)
            self.assertEqual(self.c.answer(line)["end"], "canceled")
            self.assertNotIn("plain", self.c.printed[line])
            self.assertNotIn(PRIVATE, self.c.printed[line])
            self.assertIn("200", self.c.printed[line])

    def test_one_that_goes_in_the_middle(self):
        for code in ('call("order_paid", { Order = { Id = 1 } })', 'sleep "1h"', "trace()", "while true do end", "1"):
            c = Console(self.d)
            c.begin(code)
            time.sleep(0.05)
            c.close()
        wait_until(lambda: len(self.d.log("console.left")) == 5, "they have gone")
        self.assertEqual(self.ok("'still here'"), '"still here"')

    def test_the_end_of_the_daemon(self):
        line = self.c.begin('sleep "1h"')
        time.sleep(0.1)
        self.d.stop()
        self.assertEqual(self.c.answer(line)["end"], "canceled")
        while (last := self.c.read()) is not None:
            self.c.notes.append(last.get("note"))
        self.assertIn("the daemon is stopping", self.c.notes)
        self.assertFalse(os.path.exists(self.d.state + "/control"))


HOSTILE = {
    "endless": "while true do end",
    "endless, caught": "while true do pcall(function() while true do end end) end",
    "endless in a sort": "table.sort({3, 2, 1}, function() while true do end end)",
    "endless in a metamethod": "return setmetatable({}, { __index = function() while true do end end }).x",
    "endless in gsub": "('x'):gsub('x', function() while true do end end)",
    "endless coroutine": "coroutine.wrap(function() while true do end end)()",
    "memory": "local t = {} while true do t[#t + 1] = ('x'):rep(1e6) .. #t end",
    "one long text": "('x'):rep(1e10)",
    "no text, often": "(''):rep(1e18)",
    "a pattern": "('a'):rep(40):find(('a?'):rep(40) .. ('a'):rep(40))",
    "another pattern": "('x'):rep(1e5):match('(.-)(.-)(.-)(.-)y')",
    "a move": "table.move({}, 1, 1e15, 2)",
    "deep": "local function f() return f() + 1 end f()",
    "much printed at once": "print(('x'):rep(1e7)) return 1",
    "much printed": "while true do print(('x'):rep(1000)) end",
    "a large value": "local t = {} for i = 1, 1e6 do t[i] = i end return t",
    "a deep value": "local t = {} for i = 1, 1e6 do t = { t } end return t",
    "many asked": "while true do webhooks() end",
    "an error without end": "error(setmetatable({}, { __tostring = function() while true do end end }))",
}


class Hostile(Attached):
    def test_none_takes_the_daemon_down(self):
        """While each runs, events are delivered and others are served; afterwards too."""
        with Console(self.d) as other:
            other.eval("1")
            for name, code in HOSTILE.items():
                with self.subTest(name):
                    line = self.c.begin(code)
                    slowest, until = 0, time.monotonic() + 0.4
                    while time.monotonic() < until:
                        start = time.monotonic()
                        count = self.r.count
                        self.d.emit("order.paid", {"Order": {"Id": 1}})
                        self.assertEqual(other.eval("2 + 2"), ("ok", "4"))
                        self.r.wait(count + 1)
                        self.c.gather(0.001)
                        slowest = max(slowest, time.monotonic() - start)
                    self.c.cancel(line)
                    ended = self.c.answer(line)
                    self.assertIn(ended["end"], ("canceled", "error", "ok"))
                    self.assertEqual(self.c.eval("3"), ("ok", "3"))
                    print(f"# {name}: {ended['end']} {ended.get('text', '')[:60]!r}; the slowest answer took {slowest * 1000:.0f} ms", flush=True)
        self.assertLess(self.d.rss_mb(), 600)

    def test_a_clone_of_its_own(self):
        """Nothing done in a session reaches a delivery."""
        self.ok("string.upper, string.format, table.concat, json.encode, double = nil, nil, nil, nil, nil")
        self.ok("for k in pairs(string) do string[k] = nil end")
        self.d.emit("order.paid", {"Order": {"Id": 3}})
        self.assertEqual(self.r.wait(1)[0].json(), {"id": 3})
        with Console(self.d) as other:
            self.assertEqual(other.eval("('x'):upper()"), ("ok", '"X"'))

    def test_others_may_not_attach(self):
        if os.getuid() != 0:
            self.skipTest("only root can try as somebody else")
        os.chmod(self.d.folder, 0o755)
        os.chmod(self.d.state, 0o755)
        os.chmod(self.d.state + "/control", 0o666)
        pid = os.fork()
        if pid == 0:
            try:
                os.setuid(65534)
                s = socket.socket(socket.AF_UNIX)
                s.connect(self.d.state + "/control")
                line = json.loads(s.makefile().readline())
                os._exit(0 if "problem" in line and "hello" not in line else 1)
            except BaseException:
                os._exit(2)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)


if __name__ == "__main__":
    unittest.main()
