"""Scripts that change while everything runs: what a reload says, what it leaves alone, and each way to break one."""
import json
import os
import shutil
import signal
import threading
import time
import unittest

from harness import Daemon, HANG, OK, PATIENCE, Receiver, answer, anzol, most_in_a_second, wait_until
from test_load import FULL, figure

WEBHOOK = 'webhook "{name}" {{ integration = "shop", on = "{on}", url = "{name}?t=${{WebhookRequest.TransactionalId}}", body = {body} }}\n'


def webhook(name, body='{ v = 1 }', on="order.paid"):
    return WEBHOOK.format(name=name, body=body, on=on)


def integration(url, more=""):
    return f'integration "shop" {{ url = "{url}", headers = {{ ["Content-Type"] = "application/json" }}, {more} }}\n'


class Folder(unittest.TestCase):
    """A daemon on a folder of scripts: shop.lua with the integration, paid.lua with a webhook."""

    options = ()
    more = ""

    def setUp(self):
        self.r = Receiver()
        self.addCleanup(self.r.__exit__)
        self.d = Daemon("", start=False, options=self.options)
        self.addCleanup(self.d.__exit__, None)
        self.scripts = os.path.join(self.d.folder, "scripts")
        os.mkdir(self.scripts)
        self.d.paths = [self.scripts]
        self.write("shop.lua", integration(self.r.url, self.more))
        self.write("paid.lua", webhook("paid"))
        self.d.start()

    def path(self, name):
        return os.path.join(self.scripts, name)

    def write(self, name, text):
        """In place. What is there is written over and not emptied first: a load that falls between the two would be one of an empty file."""
        fd = os.open(self.path(name), os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            data = text.encode()
            self.assertEqual(os.write(fd, data), len(data))
            os.ftruncate(fd, len(data))
        finally:
            os.close(fd)

    def replace(self, name, text):
        """As editors do: written beside, renamed over."""
        self.write(name + ".new", text)
        os.rename(self.path(name + ".new"), self.path(name))

    def reload(self):
        status, _, body = self.d.call("POST", "/v1/reload")
        self.assertEqual(status, 200, body)
        return body

    def number(self):
        return self.d.status()["generation"]["number"]

    def delivered(self, name="paid"):
        """An event, and the body of the delivery of this webhook that it makes; other webhooks may make theirs, earlier or later."""
        count = self.r.count
        answer = self.d.emit("order.paid", {"Order": {"Id": count}})
        paths = tuple(f"/{name}?t={delivery}" for delivery in answer["deliveries"])
        found = lambda: [r for r in self.r.requests[count:] if r.path in paths]
        return wait_until(found, f"a request of {name}")[0].json()


class Report(Folder):
    def test_what_changed(self):
        self.write("more.lua", webhook("added") + webhook("kept", "function(data) return { id = data.Order.Id } end"))
        loaded = self.reload()
        self.assertEqual(loaded["changes"], "+2 webhooks, ~0, -0")
        self.assertEqual(loaded["changed"]["webhooks"], {"added": ["added", "kept"], "changed": [], "removed": []})
        # Moved, spaced and commented otherwise: the same.
        self.write("more.lua", "\n-- a comment\n" + webhook("kept", "function(data) return { id = data.Order.Id } end") + "\n" + webhook("added"))
        self.assertEqual(self.reload()["changes"], "no definition changed")
        # What a function refers to belongs to it.
        self.write("more.lua", "local factor = 1\n" + webhook("kept", "function(data) return { id = data.Order.Id * factor } end"))
        self.assertEqual(self.reload()["changed"]["webhooks"], {"added": [], "changed": ["kept"], "removed": ["added"]})
        self.write("more.lua", "local factor = 2\n" + webhook("kept", "function(data) return { id = data.Order.Id * factor } end"))
        self.assertEqual(self.reload()["changes"], "+0 webhooks, ~1, -0")
        self.write("shop.lua", integration(self.r.url, "rate = 100"))
        self.write("flow.lua", 'flow "f" { on = "x", run = function() end }')
        self.assertEqual(self.reload()["changes"], "+0 integrations, ~1, -0; +1 flow, ~0, -0")
        code, out, err = anzol("reload", "--wait", "--state", self.d.state)
        self.assertEqual((code, err), (0, ""))
        self.assertRegex(out, r"^no definition changed\n1 integration, 2 webhooks, 1 flow: generation 7 after \d+ ms\n$")
        line = self.d.log("reloaded")[-2]
        self.assertEqual((line["changes"], line["by"]), ("+0 integrations, ~1, -0; +1 flow, ~0, -0", "api"))

    def test_a_copy_changes_with_what_it_copies(self):
        self.write("more.lua", webhook("base") + 'webhook "twin" (copy "base" { on = "other" })\n')
        self.reload()
        self.write("more.lua", webhook("base", "{ v = 2 }") + 'webhook "twin" (copy "base" { on = "other" })\n')
        self.assertEqual(self.reload()["changed"]["webhooks"]["changed"], ["base", "twin"])

    def test_many_at_a_time_are_few_builds(self):
        answers, lock = [], threading.Lock()

        def ask():
            body = self.reload()
            with lock:
                answers.append(body["generation"])

        threads = [threading.Thread(target=ask) for _ in range(40)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(len(answers), 40)
        self.assertEqual(max(answers), self.number())
        self.assertLess(self.d.metric("reloads_total"), 40)

    def test_warnings_and_print_of_a_load_are_said(self):
        self.write("more.lua", 'log.warn("while loading", { n = 1 })\n')
        self.reload()
        self.assertEqual(self.d.log("script.log")[-1]["message"], "while loading")


class Breaking(Folder):
    """Each way to break a reload leaves the old scripts serving, with a message that helps."""

    def broken(self, *patterns, code=78):
        number = self.number()
        status, _, body = self.d.call("POST", "/v1/reload")
        self.assertEqual(status, 422, body)
        for pattern in patterns:
            self.assertRegex("\n".join(body["errors"]), pattern)
        self.assertEqual(anzol("reload", "--wait", "--state", self.d.state)[0], code)
        out, err = anzol("status", "--state", self.d.state)[1:]
        self.assertIn("those before are in force still", out)
        for line in body["errors"]:
            self.assertIn(line, out)
            self.assertIn(line, [x["message"] for x in self.d.log("scripts.mistake")])
        self.assertEqual(self.d.metric("reload_failed"), 1)
        self.assertEqual(self.d.status()["reloads"]["mistakes"], body["errors"])
        self.assertEqual(self.number(), number)
        self.assertEqual(self.delivered(), {"v": 1})
        return body["errors"]

    def mended(self):
        self.reload()
        self.assertEqual(self.d.metric("reload_failed"), 0)
        self.assertNotIn("those before", anzol("status", "--state", self.d.state)[1])
        self.assertEqual(self.delivered(), {"v": 1})

    def test_syntax_error(self):
        self.write("more.lua", webhook("more") + 'webhook "x" { integration = "shop" url = "x" }\n')
        self.broken(r"more\.lua:2: '}' expected near 'url'; is a comma missing before it\?")
        os.unlink(self.path("more.lua"))
        self.mended()

    def test_runtime_error(self):
        self.write("more.lua", "local t = nil\nprint(t.x)\n")
        self.broken(r"more\.lua:2: attempt to index a nil value \(local 't'\)")
        self.write("more.lua", 'error("not today")\n')
        self.broken(r"more\.lua:1: not today")
        self.write("more.lua", "")
        self.mended()

    def test_endless_loop(self):
        self.write("more.lua", "while true do end\n")
        start, over, seen = time.monotonic(), threading.Event(), []

        def look():  # it is served meanwhile
            while not over.is_set():
                seen.append(self.d.call("GET", "/livez", token=False)[0])
                time.sleep(0.02)

        looking = threading.Thread(target=look)
        looking.start()
        try:
            self.broken(r"more\.lua:1: ran longer than 5 s of CPU")
        finally:
            over.set()
            looking.join()
        self.assertGreater(time.monotonic() - start, 5)
        self.assertEqual(set(seen), {200})
        self.assertGreater(len(seen), 10)
        self.write("more.lua", "")
        self.mended()

    def test_memory_bomb(self):
        self.write("more.lua", 'local t = {}\nwhile true do t[#t + 1] = ("x"):rep(1000000) .. #t end\n')
        self.broken(r"more\.lua:1: while this file ran, the scripts came to use more than 256 MiB")
        self.write("more.lua", 'local s = ("x"):rep(1e10)')
        self.broken(r"more\.lua:1: .*(more than 256 MiB|too large)")
        self.write("more.lua", "")
        self.mended()

    def test_missing_secret(self):
        env_file = os.path.join(self.d.folder, "env")
        self.write("more.lua", 'webhook "s" { integration = "shop", headers = { A = secret "NOWHERE" } }\n')
        self.broken(r"more\.lua:1: secret 'NOWHERE' is not set, or empty; put NOWHERE=… into the environment")
        self.assertFalse(os.path.exists(env_file))

    def test_deleted_folder(self):
        shutil.move(self.scripts, self.scripts + ".gone")
        self.broken(r"scripts: No such file or directory")
        os.mkdir(self.scripts)
        self.broken(r"scripts: there is no \*\.lua in this folder")
        os.rmdir(self.scripts)
        shutil.move(self.scripts + ".gone", self.scripts)
        self.mended()

    def test_half_written_file(self):
        text = webhook("paid") + webhook("other")
        self.write("paid.lua", text[:-20])
        self.broken(r"paid\.lua:\d+: .*(expected|unfinished)")
        self.write("paid.lua", text)
        self.mended()

    def test_integration_removed_and_still_used(self):
        os.unlink(self.path("shop.lua"))
        self.broken(r"paid\.lua:1: webhook 'paid': unknown integration 'shop'; no integration is defined")
        self.write("shop.lua", integration(self.r.url))
        self.mended()

    def test_a_pipe_among_the_scripts(self):
        os.mkfifo(self.path("more.lua"))
        self.reload()  # nobody writes into it: it is empty
        writer = os.open(self.path("more.lua"), os.O_RDWR)
        self.broken(r"more\.lua: it is no file, and nothing came from it for a second")
        os.close(writer)
        os.unlink(self.path("more.lua"))
        self.mended()

    def test_unreadable_and_binary(self):
        self.write("more.lua", "\x1bLua")
        self.broken(r"more\.lua:1: precompiled Lua is not accepted")
        os.unlink(self.path("more.lua"))
        os.mkdir(self.path("more.lua"))
        self.broken(r"more\.lua: Is a directory")
        os.rmdir(self.path("more.lua"))
        self.mended()


class EnvFile(unittest.TestCase):
    def test_a_secret_that_is_added_to_the_file_is_found(self):
        with Receiver() as r, Daemon(integration(r.url) + webhook("paid"), start=False) as d:
            env_file = os.path.join(d.folder, "env")
            with open(env_file, "w") as f:
                f.write("FIRST=one\n")
            d.options = ["--env-file", env_file]
            d.start()
            d.write(integration(r.url) + webhook("paid").replace("body =", 'headers = { A = secret "LATER" }, body ='))
            self.assertEqual(d.call("POST", "/v1/reload")[0], 422)
            with open(env_file, "a") as f:
                f.write("LATER=swordfish-7\n")
            self.assertEqual(d.call("POST", "/v1/reload")[0], 200)
            d.emit("order.paid")
            self.assertEqual(r.wait(1)[0].header("A"), "swordfish-7")
            self.assertNotIn("swordfish-7", d.log_text())
            os.unlink(env_file)
            status, _, body = d.call("POST", "/v1/reload")
            self.assertEqual(status, 422)
            self.assertRegex(body["detail"], r"cannot open \S+env: No such file")

    def test_a_hangup_while_it_starts_is_obeyed_later(self):
        with Receiver() as r, Daemon(integration(r.url) + webhook("paid"), start=False) as d:
            env_file = os.path.join(d.folder, "env")
            os.mkfifo(env_file)  # it is waited for while the daemon starts; a reload leaves out what is no file
            d.options = ["--env-file", env_file]
            d.start(ready=False)
            with open(env_file, "w"):
                d.process.send_signal(signal.SIGHUP)
            wait_until(lambda: d.process.poll() is not None or "reloaded" in d.log_text(), "it is reloaded")
            self.assertIsNone(d.process.poll(), d.log_text())
            self.assertTrue(d.is_ready())

    def test_an_env_file_that_is_gone_does_not_end_what_watches(self):
        with Receiver() as r, Daemon(integration(r.url) + webhook("paid"), start=False) as d:
            env_file = os.path.join(d.folder, "env")
            with open(env_file, "w") as f:
                f.write("FIRST=one\n")
            d.options = ["--env-file", env_file, "--watch"]
            d.start()
            os.unlink(env_file)
            d.write(integration(r.url) + webhook("paid", "{ v = 2 }"))
            wait_until(lambda: d.log("reload.failed"), "it is said")
            d.process.send_signal(signal.SIGHUP)
            wait_until(lambda: len(d.log("reload.failed")) > 1, "it is said again")
            with open(env_file, "w") as f:
                f.write("FIRST=one\n")
            d.process.send_signal(signal.SIGHUP)
            wait_until(lambda: d.log("reloaded"), "it is in force")
            self.assertLess(len(d.log("reload.failed")), 5)


class InFlight(Folder):
    def test_removed_with_deliveries_pending(self):
        self.r.plan = Receiver.in_turn([answer(503)])
        self.write("paid.lua", webhook("paid") + webhook("slow"))
        self.reload()
        ids = [self.d.emit("order.paid")["deliveries"] for _ in range(3)]
        for id in sum(ids, []):
            self.d.wait_state(id, "waiting")
        self.write("paid.lua", webhook("paid"))
        self.assertEqual(self.reload()["changes"], "+0 webhooks, ~0, -1")
        line = wait_until(lambda: self.d.log("webhook.removed"), "the log says so")[0]
        self.assertEqual((line["webhook"], line["pending"]), ("slow", 3))
        self.assertIn("go out", line["message"])
        slow = next(id for id in ids[0] if self.d.delivery(id)["webhook"] == "slow")
        self.assertEqual(self.d.delivery(slow)["state"], "waiting")
        self.assertIsNotNone(self.d.delivery(slow)["next_attempt_at"])

    def test_connections_and_counters_stay(self):
        self.delivered()
        for n in range(10):
            self.write("paid.lua", webhook("paid", "{ v = %d }" % n))
            self.reload()
            self.assertEqual(self.delivered(), {"v": n})
        self.assertEqual(self.r.connections, 1)

    def test_a_pause_stays(self):
        self.r.plan = Receiver.in_turn([answer(429, headers=[("Retry-After", "30")]), OK])
        self.d.emit("order.paid")
        paused = wait_until(lambda: self.d.status()["integrations"][0]["paused_until"], "the pause")
        self.write("paid.lua", webhook("paid", "{ v = 2 }"))
        self.reload()
        now = self.d.status()["integrations"][0]["paused_until"]
        self.assertEqual(now[:18], paused[:18])
        self.d.emit("order.paid")
        time.sleep(0.3)
        self.assertEqual(self.r.count, 1)


class Earlier(unittest.TestCase):
    def test_runs_of_many_generations_go_on_at_once(self):
        def text(n):
            return integration("http://127.0.0.1:9/") + webhook("paid") + (
                'flow "f" { on = "go", run = function(event) sleep "3s" return %d end }\n' % n)

        with Daemon(text(0)) as d:
            for n in range(1, 15):
                d.emit("go")
                d.write(text(n))
                self.assertEqual(d.call("POST", "/v1/reload")[0], 200)
            d.kill()
            time.sleep(3)
            d.start()

            def results():
                runs = d.call("GET", "/v1/runs")[2]["runs"]
                return all(x["state"] == "succeeded" for x in runs) and len(runs) == 14

            wait_until(results, "each run ends under the text it began with")
            found = sorted(d.call("GET", "/v1/runs/" + x["id"])[2]["result"] for x in d.call("GET", "/v1/runs")[2]["runs"])
            self.assertEqual(found, list(range(14)))

    def test_an_answer_that_takes_long_is_judged_by_the_rule_of_its_run(self):
        def text(n):
            return integration(r.url) + (
                'webhook "ask" { integration = "shop", url = "ask/${n}?t=${WebhookRequest.TransactionalId}", body = {},\n'
                '  on_response = function() return { retry = false, error = "rule %d" } end }\n'
                'flow "f" { on = "go", run = function(event) return call("ask", event.data).error.message end }\n') % n

        class Slow(Receiver):
            def do(self, what, transport):
                if what is HANG:
                    self.held = transport
                super().do(what, transport)

        with Slow(lambda request, number: HANG if "/ask/0?" in request.path else OK) as r, Daemon(text(0)) as d:
            d.emit("go", {"n": 0})
            r.wait(1)
            for n in range(1, 12):  # more than are kept loaded
                d.write(text(n))
                self.assertEqual(d.call("POST", "/v1/reload")[0], 200)
                d.emit("go", {"n": n})
                r.wait(1 + n)
            r.loop.call_soon_threadsafe(r.held.write, OK)
            wait_until(lambda: all(x["state"] == "succeeded" for x in d.call("GET", "/v1/runs")[2]["runs"]), "runs end")
            found = [d.call("GET", "/v1/runs/" + x["id"])[2] for x in d.call("GET", "/v1/runs")[2]["runs"]]
            self.assertEqual(sorted(x["result"] for x in found), sorted("rule %d" % n for n in range(12)))


class TheEnd(Folder):
    def test_in_the_middle_of_a_reload(self):
        for signals in (1, 2):
            self.write("more.lua", "local t = os.clock() while os.clock() - t < 0.7 do end")
            asked = threading.Thread(target=self.ask)
            asked.start()
            time.sleep(0.2)
            for _ in range(signals):
                self.d.process.send_signal(signal.SIGTERM)
                time.sleep(0.05)
            self.d.process.send_signal(signal.SIGHUP)
            self.assertEqual(self.d.process.wait(timeout=PATIENCE), 0)
            asked.join()
            self.d.start()

    def ask(self):
        try:
            self.d.call("POST", "/v1/reload")
        except OSError:
            pass


class Rate(Folder):
    more = "rate = 20"

    def test_reloads_do_not_burst(self):
        for n in range(120):
            self.d.emit("order.paid")
        until, n = time.monotonic() + 4, 0
        while time.monotonic() < until or n < 20:
            n += 1
            self.write("shop.lua", integration(self.r.url, "rate = 20, concurrency = %d" % (n % 9 + 1)))
            self.reload()
        c = self.d.database()
        sent = [ms for (ms,) in c.execute("SELECT started_ms FROM attempts ORDER BY started_ms")]
        c.close()
        self.assertGreater(len(sent), 60)
        self.assertLessEqual(most_in_a_second(sent, 1000), 20 + 1)  # the clock's grain


class Watch(Folder):
    options = ("--watch",)

    def loads(self, what, number=None):
        """Until another generation is in force, and the log says so, which it does a moment later; its line."""
        return wait_until(lambda: [line for line in self.d.log("reloaded") if line["generation"] > number], what)[-1]

    def test_each_way_a_file_changes(self):
        n = self.number()
        self.write("paid.lua", webhook("paid", "{ v = 2 }"))
        line = self.loads("written in place", n)
        self.assertEqual((line["by"], line["changes"]), ("watch", "+0 webhooks, ~1, -0"))
        self.assertEqual(self.delivered(), {"v": 2})
        self.replace("paid.lua", webhook("paid", "{ v = 3 }"))
        self.loads("renamed over", n + 1)
        self.assertEqual(self.delivered(), {"v": 3})
        self.write("new.lua", webhook("new"))
        self.assertEqual(self.loads("a new file", n + 2)["changes"], "+1 webhook, ~0, -0")
        os.unlink(self.path("new.lua"))
        self.assertEqual(self.loads("a file removed", n + 3)["changes"], "+0 webhooks, ~0, -1")
        os.mkdir(self.path("lib"))
        self.write("lib/helper.lua", "return 4")
        self.write("paid.lua", 'local v = require "lib.helper"\n' + webhook("paid", "{ v = v }"))
        self.loads("one that requires a module", n + 4)
        self.assertEqual(self.delivered(), {"v": 4})
        self.replace("lib/helper.lua", "return 5")
        self.loads("the module", n + 5)
        self.assertEqual(self.delivered(), {"v": 5})

    def test_a_symlink_swap(self):
        releases = os.path.join(self.d.folder, "releases")
        for v in (1, 2):
            os.makedirs(f"{releases}/{v}")
            for name, text in (("shop.lua", integration(self.r.url)), ("paid.lua", webhook("paid", "{ v = %d }" % v))):
                with open(f"{releases}/{v}/{name}", "w") as f:
                    f.write(text)
        current = os.path.join(self.d.folder, "current")
        os.symlink("releases/1", current)
        self.d.stop()
        self.d.paths = [current]
        self.d.start()
        n = self.number()
        self.assertEqual(self.delivered(), {"v": 1})
        os.symlink("releases/2", current + ".new")
        os.rename(current + ".new", current)
        self.loads("the link was swapped", n)
        self.assertEqual(self.delivered(), {"v": 2})

    def test_a_mistake_does_not_end_it(self):
        n = self.number()
        for broken in ("while", webhook("paid", "{ v = ") + "x", 'require "nowhere"', "while true do end"):
            failures = len(self.d.log("reload.failed"))
            self.write("paid.lua", broken)
            # The endless one takes 5 s of CPU on a thread that gives way to whatever else the machine does.
            wait_until(lambda: len(self.d.log("reload.failed")) > failures, "it is said", 10 * PATIENCE)
            self.assertEqual(self.delivered(), {"v": 1})
        self.assertEqual(self.number(), n)
        os.rename(self.scripts, self.scripts + ".gone")
        wait_until(lambda: "No such file" in self.d.log("scripts.mistake")[-1]["message"], "the folder has gone")
        os.mkdir(self.scripts)
        self.write("shop.lua", integration(self.r.url))
        self.write("paid.lua", webhook("paid", "{ v = 7 }"))
        self.loads("it is back", n)
        wait_until(lambda: self.delivered() == {"v": 7}, "both files are in force")

    def test_a_module_that_was_missing_appears(self):
        n = self.number()
        self.write("paid.lua", 'local v = require "later.helper"\n' + webhook("paid", "{ v = v }"))
        wait_until(lambda: self.d.log("reload.failed"), "the module is missing")
        os.mkdir(self.path("later"))
        self.write("later/helper.lua", "return 8")
        self.loads("the module is there", n)
        self.assertEqual(self.delivered(), {"v": 8})

    def test_by_content(self):
        n = self.number()
        text = open(self.path("paid.lua")).read()
        for _ in range(5):
            self.replace("paid.lua", text)
            os.utime(self.path("paid.lua"))
            self.write("paid.lua~", "rubbish")
            self.write(".paid.lua.swp", "rubbish")
            time.sleep(0.15)  # each is looked at
        self.write("paid.lua", webhook("paid", "{ v = 9 }"))
        self.loads("one that says something else", n)
        self.assertEqual(self.number(), n + 1)
        self.assertEqual(self.d.log("reload.failed"), [])

    def test_a_file_that_is_being_written_is_not_loaded(self):
        n, slow = self.number(), 0
        for i in range(1, 31):
            start = time.monotonic()
            with open(self.path("paid.lua"), "w") as f:  # it is empty now, which is valid, and no webhook
                time.sleep(0.02)
                f.write(webhook("paid", "{ v = %d }" % -i))
            slow += time.monotonic() - start > 0.045  # after 50 ms it is as it is
            self.loads("what was written", n)
            n = self.number()
        empty = [line for line in self.d.log("reloaded") if line["changes"] == "+0 webhooks, ~0, -1"]
        self.assertLessEqual(len(empty), slow)

    def test_a_file_that_changes_while_a_load_goes_on_is_not_loaded_half(self):
        n = self.number()
        self.write("slow.lua", "local t = os.clock()\nwhile os.clock() - t < 0.4 do end\n")
        self.loads("a load that takes its time", n)
        time.sleep(1)  # the look after it
        n = self.number()
        with open(self.path("paid.lua"), "w") as f:  # after 50 ms a load begins that finds it empty
            time.sleep(0.2)
            f.write(webhook("paid", "{ v = 2 }"))
        line = self.loads("what was written", n)
        self.assertEqual(line["changes"], "+0 webhooks, ~1, -0")
        self.assertEqual(self.delivered(), {"v": 2})

    def test_many_writes_are_one_load(self):
        n = self.number()
        for i in range(100):
            self.write("paid.lua", webhook("paid", "{ v = %d }" % i))
            time.sleep(0.002)
        wait_until(lambda: self.number() > n and self.delivered() == {"v": 99}, "the last is in force")
        self.assertLess(self.number() - n, 10)


class Load(unittest.TestCase):
    def test_reloads_under_load(self):
        """2,000 events a second, and one reload after the other, each with another body."""
        reloads, seconds = (500, 0) if FULL else (60, 0)
        rate, step = (2000, 0.01) if FULL else (500, 0.02)
        arrived, bodies, lock = {}, [], threading.Lock()

        def take(request, number):
            body = request.json()
            with lock:
                arrived.setdefault(body["id"], []).append(time.monotonic())
                bodies.append((body["a"], body["b"], body["c"]))
            return OK

        def text(n):
            return integration(r.url) + webhook("paid", '{ id = "${Id}", a = %d, b = "%d", c = function_value }' % (n, n)).replace(
                "function_value", f'each("x in Xs", {n})')

        with Receiver(take, keep=False) as r, Daemon("", start=False) as d:
            d.write(text(0))
            d.start()
            ended, sent, late_before = threading.Event(), {}, []

            def send():
                c, i, due = d.connect(), 0, time.monotonic()
                while not ended.is_set():
                    lines = []
                    for _ in range(int(rate * step)):
                        lines.append(json.dumps({"name": "order.paid", "data": {"Id": i, "Xs": [1, 2]}}))
                        i += 1
                    d.call("POST", "/v1/events", "\n".join(lines).encode(), {"Content-Type": "application/x-ndjson"}, connection=c)
                    now = time.monotonic()
                    for k in range(i - len(lines), i):
                        sent[k] = now
                    due += step
                    time.sleep(max(0, due - now))
                c.close()

            sender = threading.Thread(target=send)
            sender.start()
            time.sleep(3 if FULL else 0.5)
            quiet = len(sent)
            rss = []
            for n in range(1, reloads + 1):
                d.write(text(n))
                status, _, body = d.call("POST", "/v1/reload")
                self.assertEqual(status, 200, body)
                self.assertEqual(body["changes"], "+0 webhooks, ~1, -0")
                reached = len(sent)
                wait_until(lambda: len(sent) > reached, "an event between two reloads")
                if n % 10 == 0:
                    rss.append(d.rss_mb())
            during = len(sent)
            ended.set()
            sender.join()
            d.idle()
            self.assertEqual(sorted(arrived), sorted(sent))
            self.assertTrue(all(len(times) == 1 for times in arrived.values()))
            for a, b, c in bodies:
                self.assertEqual((str(a), [a, a]), (b, c))
            self.assertGreater(len({a for a, _, _ in bodies}), reloads / 3)

            def of(late):
                late = sorted(late)
                return "/".join(f"{late[int(len(late) * share)]:.1f}" for share in (0.5, 0.99, 0.999, 0.9999999))

            def seen(keys):
                return of(max(0, arrived[k][0] - sent[k]) * 1000 for k in keys)

            # From the moment the daemon had rendered it until its request began to leave, by the daemon's clock: the commit is in it.
            rows = d.database().execute("SELECT first_ms - created_ms FROM deliveries ORDER BY seq").fetchall()
            figure("reloads under load", reloads=reloads, events=len(sent),
                   ms_in_the_daemon_without=of(x for x, in rows[:quiet]), ms_in_the_daemon_with=of(x for x, in rows[quiet:during]),
                   ms_until_seen_without=seen(range(quiet)), ms_until_seen_with=seen(range(quiet, during)),
                   rss_mb=[f"{x:.1f}" for x in rss[:: max(1, len(rss) // 10)]], longest_turn_ms=f"{d.metric('turn_seconds_max') * 1000:.1f}")

    def test_a_large_one(self):
        """1,000 webhooks in 100 files: how long it takes, and how long the loop is held."""
        files = 100 if FULL else 20
        with Receiver() as r, Daemon("", start=False) as d:
            folder = os.path.join(d.folder, "scripts")
            os.mkdir(folder)

            def write(version):
                for f in range(files):
                    with open(os.path.join(folder, f"f{f:03}.lua"), "w") as o:
                        if f == 0:
                            o.write(integration(r.url))
                        for w in range(10):
                            o.write(webhook(f"w{f:03}_{w}", '{ id = "${Order.Id}", email = "${Customer.Email | toLower}", v = %d, '
                                            'items = each("l in Order.Items", { sku = "${l.Sku}", qty = "${l.Qty}" }) }' % version,
                                            on=f"e.{w}"))

            write(0)
            d.paths = [folder]
            d.start()
            took = []
            for version in range(1, 6 if FULL else 3):
                write(version)
                body = d.call("POST", "/v1/reload")[2]
                self.assertEqual(body["changes"], f"+0 webhooks, ~{files * 10}, -0")
                took.append(body["took_ms"])
            figure("a reload of many webhooks", webhooks=files * 10, files=files, took_ms=[f"{x:.0f}" for x in took],
                   longest_turn_ms=f"{d.metric('turn_seconds_max') * 1000:.1f}", rss_mb=f"{d.rss_mb():.1f}")


if __name__ == "__main__":
    unittest.main()
