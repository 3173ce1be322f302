"""Flows and what comes across them: reloads, restarts, duplicates, keys, events too early, too late and too many."""
import json
import os
import signal
import threading
import time
import unittest

from flows import FAILED, PARKED, SUCCEEDED, Mortal, check_receiver, count, cpu_seconds, one, result, rows, text_of
from harness import HANG, OK, Daemon, Receiver, answer, wait_until

WRAPPED = bool(os.environ.get("WRAPPED"))


def script(url, *flows, key=True, more=""):
    """An integration with the webhook `step` (body.v is what data.V says), and flows: ("name", "event", "body of run(event)") each."""
    suffix = "?t=${WebhookRequest.TransactionalId}" if key else ""
    text = f"""
integration "shop" {{ url = "{url}", concurrency = 256, headers = {{ ["Content-Type"] = "application/json" }},
  retry = {{ delays = {{ "50ms", "50ms", "50ms" }}, within = "1m" }} }}
webhook "step" {{ integration = "shop", url = "step{suffix}", body = {{ v = "${{V}}", run = "${{Run}}" }} }}
{more}
"""
    return text + "".join(f'flow "{f[0]}" {{ on = "{f[1]}", {f[3] if len(f) > 3 else ""} run = function(event) {f[2]} end }}\n' for f in flows)


def ended(d, n=1, where="1", patience=None):
    wait_until(lambda: count(d, f"finished_ms > 0 AND {where}") >= n, f"{n} runs end", patience)


def outcomes(d):
    """{state: runs}, {result: runs}"""
    return (dict(rows(d, "SELECT state, count(*) FROM runs GROUP BY 1")),
            dict(rows(d, "SELECT result, count(*) FROM runs GROUP BY 1")))


OLD = """
  local kind = event.data.Kind
  call("step", { V = "old first", Run = event.data.N })
  if kind == "sleep" then sleep(event.data.Pause) elseif kind == "wait" then wait_event("open") end
  if event.data.N >= 0 then call("step", { V = "old second", Run = event.data.N }) end
  return "old"
"""
NEW = """
  call("step", { V = "new first", Run = event.data.N })
  sleep(0.01)
  if event.data.N < 0 then call("step", { V = "never", Run = event.data.N }) end
  call("step", { V = "new second", Run = event.data.N })
  return "new"
"""
KINDS = ["sleep", "wait", "call", "sleep", "wait"]


class Reload(unittest.TestCase):
    RUNS = 1000 if not WRAPPED else 100

    def fly(self, change, restarts=False):
        """Runs in flight while `change(daemon, new text, opened)` happens; after opened.set() the receiver keeps no answer."""
        held = set(range(2, self.RUNS, 5))  # those of kind "call": their first call is not answered until the change is done
        opened = threading.Event()

        def plan(request, number):
            body = request.json()
            return HANG if body["v"] == "old first" and body["run"] in held and not opened.is_set() else OK

        with Receiver(plan) as r, Daemon(script(r.url, ("f", "go", OLD))) as d:
            events = [{"name": "go", "data": {"N": n, "Kind": KINDS[n % 5], "Pause": 2}} for n in range(self.RUNS)]
            self.assertEqual(d.batch(events)[0], 202)
            r.wait(self.RUNS)
            wait_until(lambda: one(d, "SELECT count(*) FROM steps WHERE kind IN (3, 4)") == self.RUNS - len(held), "they wait")
            change(d, script(r.url, ("f", "go", NEW)).replace('v = "${V}"', 'v = "${V}", version = 2'), opened)
            opened.set()
            self.assertEqual(d.batch([{"name": "go", "data": {"N": self.RUNS + n, "Kind": "none"}} for n in range(50)])[0], 202)
            d.emit("open")
            if not restarts:  # what hangs at the receiver is answered late
                d.kill()
                d.start()
            ended(d, self.RUNS + 50, patience=60)
            d.idle()
            self.assertEqual(outcomes(d), ({SUCCEEDED: self.RUNS + 50}, {b'"old"': self.RUNS, b'"new"': 50}))
            seen = {}
            for request in r.requests:
                body = request.json()
                seen.setdefault(body["run"], {})[request.key] = (body["v"], body.get("version"))
            for n in range(self.RUNS + 50):
                want = [("old first", None), ("old second", None)] if n < self.RUNS else [("new first", 2), ("new second", 2)]
                self.assertEqual(sorted(seen[n].values()), want)
            check_receiver(d, r, deaths=1)
            self.assertEqual(one(d, "SELECT count(*) FROM scripts"), 2)

    def test_by_http(self):
        def change(d, text, opened):
            d.write(text)
            self.assertEqual(d.call("POST", "/v1/reload")[0], 200)
        self.fly(change)

    def test_by_signal(self):
        def change(d, text, opened):
            d.write(text)
            d.process.send_signal(signal.SIGHUP)
            wait_until(lambda: d.log("reloaded"), "it is reloaded")
        self.fly(change)

    def test_across_a_crash(self):
        def change(d, text, opened):
            d.kill()
            opened.set()
            d.write(text)
            d.start()
        self.fly(change, restarts=True)

    def test_a_reload_that_fails_changes_nothing(self):
        flow = ("f", "go", 'wait_event("open") call("step", { V = 1 }) return "old"')
        with Receiver() as r, Daemon(script(r.url, flow)) as d:
            d.emit("go")
            wait_until(lambda: count(d, "state = 1"), "it waits")
            d.write('flow "f" { on = "go", run = function(event) return "new" end, colour = "red" }')
            status, _, body = d.call("POST", "/v1/reload")
            self.assertEqual(status, 422, body)
            d.emit("go")
            wait_until(lambda: count(d, "state = 1") == 2, "the second waits")
            d.emit("open")
            ended(d, 2)
            self.assertEqual(outcomes(d), ({SUCCEEDED: 2}, {b'"old"': 2}))
            self.assertEqual(one(d, "SELECT count(*) FROM scripts"), 1)

    def test_a_text_that_loads_no_more_parks_its_runs(self):
        old = script("http://127.0.0.1:1/", ("f", "go", 'wait_event("open") return "old"'),
                     more='webhook "private" { integration = "shop", headers = { Authorization = secret "PROOF_TOKEN" } }')
        with Daemon(old, env={"PROOF_TOKEN": "a-private-value"}) as d:
            d.emit("go")
            wait_until(lambda: count(d, "state = 1"), "it waits")
            d.kill()
            del d.env["PROOF_TOKEN"]
            d.write(script("http://127.0.0.1:1/", ("f", "go", 'return "new"')))
            d.start()
            d.emit("open")
            ended(d)
            [(state, message)] = rows(d, "SELECT state, message FROM runs")
            self.assertEqual(state, PARKED)
            self.assertIn("do not load any more", message)
            self.assertIn("PROOF_TOKEN", message)
            d.emit("go")
            ended(d, 2)
            self.assertEqual(one(d, "SELECT result FROM runs WHERE state = 4"), b'"new"')

            d.kill()
            d.env["PROOF_TOKEN"] = "a-private-value"
            d.start()
            parked = text_of(one(d, "SELECT id FROM runs WHERE state = 6"))
            status, _, body = d.call("POST", f"/v1/runs/{parked}/resume")
            self.assertLess(status, 300, body)
            wait_until(lambda: count(d, "state = 4") == 2, "it goes on")
            self.assertEqual(outcomes(d)[1], {b'"new"': 1, b'"old"': 1})

    def test_an_old_text_goes_with_its_runs(self):
        old = ("f", "go", 'wait_event("open") return "the text of old"')
        with Daemon(script("http://127.0.0.1:1/", old), options=["--keep", "1s"]) as d:
            d.emit("go")
            wait_until(lambda: count(d, "state = 1"), "it waits")
            d.write(script("http://127.0.0.1:1/", ("f", "go", 'return "new"')))
            self.assertEqual(d.call("POST", "/v1/reload")[0], 200)
            d.emit("go")
            wait_until(lambda: count(d) == 1, "the new one has ended and is removed")
            self.assertEqual(one(d, "SELECT count(*) FROM scripts"), 2)
            d.emit("open")
            wait_until(lambda: count(d) == 0 and one(d, "SELECT count(*) FROM scripts") == 1, "the run and its text are removed")
            self.assertFalse(any(b"the text of old" in text for (text,) in rows(d, "SELECT archive FROM scripts")))


class Duplicates(unittest.TestCase):
    def test_one_run_for_an_event_id(self):
        with Receiver() as r, Daemon(script(r.url, ("f", "go", 'call("step", { V = event.key }) return event.id'))) as d:
            answers = []

            def emit():
                c = d.connect()
                for n in range(20):
                    answers.append((n, d.emit("go", {}, id=f"same-{n}", connection=c)))
                c.close()

            threads = [threading.Thread(target=emit) for _ in range(8)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            ended(d, 20)
            d.idle()
            self.assertEqual((count(d), r.count), (20, 20))
            for n in range(20):
                of = [a for m, a in answers if m == n]
                self.assertEqual(len({(a["id"], tuple(a["runs"])) for a in of}), 1)
                self.assertEqual([a["duplicate"] for a in of].count(False), 1)
            d.kill()
            d.start()
            self.assertTrue(d.emit("go", {}, id="same-3")["duplicate"])
            self.assertEqual(count(d), 20)


class Keys(unittest.TestCase):
    FLOW = ("f", "go", 'call("step", { V = "begin", Run = event.data.N }) sleep(0.05) call("step", { V = "end", Run = event.data.N })',
            'key = "${Order.Id}",')

    def check(self, r, of):
        """Runs of one key do not overlap, and come in the order of their events."""
        told = [(request.json()["run"], request.json()["v"]) for request in r.requests]
        once = list(dict.fromkeys(told))
        for key, runs in of.items():
            mine = [x for x in once if x[0] in runs]
            self.assertEqual(mine, [(n, v) for n in runs for v in ("begin", "end")], key)

    def emit(self, d, keys, each):
        of = {}
        lines = []
        for n in range(keys * each):
            of.setdefault(n % keys, []).append(n)
            lines.append({"name": "go", "data": {"N": n, "Order": {"Id": n % keys}}})
        self.assertEqual(d.batch(lines)[0], 202)
        return of

    def test_one_after_the_other(self):
        with Receiver() as r, Daemon(script(r.url, self.FLOW)) as d:
            of = self.emit(d, 20, 5)
            ended(d, 100)
            self.check(r, of)
            self.assertEqual(outcomes(d)[0], {SUCCEEDED: 100})

    def test_across_crashes(self):
        with Receiver() as r, Mortal(script(r.url, self.FLOW)) as d:
            d.until(lambda: True, "it starts")
            of = self.emit(d, 10, 4)
            for n in (5, 30, 60):
                d.until(lambda: r.count >= n, "requests")
                d.kill()
            d.until(lambda: count(d, "finished_ms > 0") == 40, "all end")
            self.check(r, of)
            check_receiver(d, r, d.deaths)
            self.assertGreaterEqual(d.deaths, 3)
            d.stop()


class Mistakes(unittest.TestCase):
    def test_a_runaway_loop_fails_alone(self):
        loops = {
            "plain": "while true do end",
            "caught": "while true do pcall(function() while true do end end) end",
            "handler": "xpcall(function() while true do end end, function() while true do end end) while true do end",
            "side_by_side": "parallel(function() while true do end end, function() call('step', { V = 1 }) end)",
        }
        flows = [(name, "bad", body) for name, body in loops.items()] + [("good", "good", 'call("step", { V = 2 }) return 1')]
        with Receiver() as r, Daemon(script(r.url, *flows)) as d:
            d.emit("bad")
            start = time.monotonic()
            d.batch([{"name": "good"}] * 100)
            ended(d, 100, "flow = 'good'")
            took = time.monotonic() - start
            ended(d, len(loops), "flow != 'good'")
            for name, state, message in rows(d, "SELECT flow, state, message FROM runs WHERE flow != 'good'"):
                self.assertEqual(state, FAILED)
                self.assertRegex(message, r"script\.lua:\d+: ran longer than 250 ms of CPU")
            self.assertEqual(count(d, "flow = 'good' AND state = 4"), 100)
            print(f"# a hundred others took {took:.2f} s beside {len(loops)} that ran away", flush=True)

    def test_a_replay_has_the_budget_of_each_stretch(self):
        # More CPU in all than one stretch may have; each stretch alone is far from it.
        body = """
          local x, clock = 0, 0
          for i = 1, 8 do
            for k = 1, event.data.Work do x = (x * 31 + k) % 1000003 end
            call("step", { V = x })
          end
          wait_event("open")
          return x"""
        with Receiver() as r, Daemon(script(r.url, ("f", "go", body), ("probe", "probe", """
              for k = 1, event.data.Work do local x = (k * 31) % 1000003 end return 1"""))) as d:
            work = 10_000  # grown until a stretch takes a third of the budget
            while True:
                before = cpu_seconds(d)
                d.emit("probe", {"Work": work})
                ended(d, 1, f"flow = 'probe' AND finished_ms > 0")
                ended(d, count(d))
                if cpu_seconds(d) - before > 0.08 or count(d, "state = 5"):
                    break
                work *= 2
            d.emit("go", {"Work": work // 2 if count(d, "state = 5") else work})
            wait_until(lambda: count(d, "flow = 'f' AND state = 1 AND steps = 9"), "it waits for the event")
            d.kill()
            d.start()
            d.emit("open")
            ended(d, 1, "flow = 'f'")
            self.assertEqual(rows(d, "SELECT state, message FROM runs WHERE flow = 'f'"), [(SUCCEEDED, "")])


class Calls(unittest.TestCase):
    def test_what_is_retried_gives_its_final_outcome(self):
        body = 'local res = call("step", { V = 1 }) return { res.ok, res.status, res.attempts, res.error and res.error.kind or "" }'
        for plan, want in ([[answer(503), answer(500), OK], [True, 200, 3, ""]], [[answer(503)], [False, 503, 4, "status"]],
                           [[answer(404)], [False, 404, 1, "status"]]):
            with self.subTest(want=want), Receiver(plan) as r, Daemon(script(r.url, ("f", "go", body))) as d:
                d.emit("go")
                ended(d)
                self.assertEqual(result(d, one(d, "SELECT seq FROM runs")), want)
                self.assertEqual(len(r.keys), 1)

    def test_without_the_key_a_crash_is_told_and_nothing_sent_again(self):
        body = """local res = call("step", { V = event.data.N })
          return { res.ok, res.error and res.error.kind or "", res.attempts }"""
        with Receiver([HANG, HANG, HANG, OK]) as r, Daemon(script(r.url, ("f", "go", body), key=False)) as d:
            for n in range(3):
                d.emit("go", {"N": n})
            r.wait(3)
            d.kill()
            d.start()
            ended(d, 3)
            self.assertEqual(outcomes(d)[1], {b'[false,"crash",1]': 3})
            d.emit("go", {"N": 3})
            ended(d, 4)
            self.assertEqual(sorted(request.json()["v"] for request in r.requests), [0, 1, 2, 3])


    def test_judged_by_the_scripts_that_the_run_began_under(self):
        """Also when neither the run nor they are in memory."""
        body = 'local res = call("step", { V = 1 }) return { res.ok, res.status }'
        with Receiver([HANG, answer(404)]) as r, Daemon(script(r.url, ("f", "go", body)).replace(
                'webhook "step" {', 'webhook "step" { success = { 404 },')) as d:
            d.emit("go")
            r.wait(1)
            d.kill()
            d.write(script(r.url, ("f", "go", body)).replace('webhook "step" {', 'webhook "step" { success = { 200 },'))
            d.start()
            d.emit("go")
            ended(d, 2)
            self.assertEqual(rows(d, "SELECT result FROM runs ORDER BY seq"), [(b"[true,404]",), (b"[false,404]",)])

    def test_the_last_answer_when_the_window_has_passed(self):
        """The same at once and in a replay: else the run would go another way."""
        flow = """local res = call("step", { V = 1 })
          local seen = { res.status, res.body, res.error.kind, res.attempts }
          wait_event("on")
          return { seen, { res.status, res.body, res.error.kind, res.attempts } }"""
        text = script("URL", ("f", "go", flow)).replace(
            'retry = { delays = { "50ms", "50ms", "50ms" }, within = "1m" }',
            'rate = { 1, per = "2s" }, retry = { delays = { "500ms" }, within = "700ms" }')
        with Receiver([answer(503, b"busy")]) as r, Daemon(text.replace("URL", r.url)) as d:
            d.emit("go")
            wait_until(lambda: count(d, "state = 1 AND steps = 2"), "it waits for the event")
            d.kill()
            d.start()
            d.emit("on")
            ended(d)
            seen = [503, "busy", "window", 1]
            self.assertEqual(rows(d, "SELECT state, message FROM runs"), [(SUCCEEDED, "")])
            self.assertEqual(result(d, one(d, "SELECT seq FROM runs")), [seen, seen])

    def test_more_answers_than_could_be_replayed(self):
        flows = [("f", "go", 'for i = 1, 300 do call("step", { V = i }) end'), ("other", "go", 'call("step", { V = 0 }) return 1')]
        with Receiver([answer(200, b"x" * 262144)], keep=False) as r, Daemon(script(r.url, *flows)) as d:
            d.emit("go")
            ended(d, 2)
            self.assertEqual(rows(d, "SELECT flow, state, message FROM runs ORDER BY flow"), [
                ("f", FAILED, "it was given more than 64 MiB of answers and events: it could not be replayed"), ("other", SUCCEEDED, "")])
            self.assertLess(d.rss_mb("VmHWM"), 100 if not WRAPPED else 1000)

    def test_runs_that_hold_large_answers_wait_in_the_store(self):
        flow = 'local res = call("step", { V = event.data.N }) wait_event("on") return #res.body'
        with Receiver([answer(200, b"x" * 262144)], keep=False) as r, Daemon(script(r.url, ("f", "go", flow))) as d:
            d.batch({"name": "go", "data": {"N": n}} for n in range(100))
            wait_until(lambda: count(d, "state = 1 AND steps = 2") == 100, "they wait")
            self.assertLessEqual(d.status()["runs"]["in_memory"], 64)
            d.emit("on")
            ended(d, 100)
            self.assertEqual(outcomes(d), ({SUCCEEDED: 100}, {b"262144": 100}))

    def test_very_many_at_once(self):
        """A loop of sends is written down in parts, between which others go on."""
        flows = [("many", "many", 'for i = 1, 5000 do send("step", { V = i, Run = "many" }) end'),
                 ("one", "one", 'call("step", { V = 0, Run = "one" })')]
        with Receiver() as r, Daemon(script(r.url, *flows)) as d:
            d.emit("many")
            d.emit("one")
            ended(d, 2)
            r.wait(5001)
            where = [i for i, request in enumerate(r.requests) if request.json()["run"] == "one"]
            self.assertLess(where[0], 4000)
            self.assertEqual(sorted(request.json()["v"] for request in r.requests), list(range(5001)))


BOTH = b'["event","event"]'


class Waiting(unittest.TestCase):
    def test_time_out_and_event_at_once(self):
        body = """local got = wait_event("open", { match = { N = event.data.N }, timeout = 0.3 })
          local late = wait_event("open", { match = { N = event.data.N }, timeout = "20s" })
          return { got and "event" or "timeout", late and "event" or "timeout" }"""
        runs = 300
        with Receiver() as r, Daemon(script(r.url, ("f", "go", body)), options=["--log-level", "warn"]) as d:
            d.batch([{"name": "go", "data": {"N": n}} for n in range(runs)])
            wait_until(lambda: (one(d, "SELECT count(*) FROM steps") or 0) >= runs, "they wait")
            due = one(d, "SELECT min(due_ms) FROM steps WHERE due_ms > 0") / 1000
            for part in range(6):  # the first come in time, the last too late
                time.sleep(max(0, due - 0.06 + part * 0.02 - time.time()))
                d.batch([{"name": "open", "data": {"N": n}} for n in range(part, runs, 6)])
            # One event each: it was taken by the first wait or, too late for that, by the second.
            ended_by = one(d, "SELECT count(*) FROM events WHERE name = 'open'")
            self.assertEqual(ended_by, runs)
            wait_until(lambda: one(d, "SELECT count(*) FROM steps WHERE ref > 0") == runs, "each event ends one wait")
            d.batch([{"name": "open", "data": {"N": n}} for n in range(runs)])
            ended(d, runs)
            states, results = outcomes(d)
            self.assertEqual(states, {SUCCEEDED: runs})
            self.assertLessEqual(set(results), {BOTH, b'["timeout","event"]'})
            print(f"# in time: {results.get(BOTH, 0)} of {runs}", flush=True)

    def test_an_event_during_the_call_before(self):
        body = """call("step", { V = event.data.N })
          local got = wait_event("open", { match = { ["Order.Id"] = event.data.N }, timeout = "20s" })
          return got and got.data.Order.Id or "timeout" """
        with Receiver(lambda request, number: [0.3, OK]) as r, Daemon(script(r.url, ("f", "go", body))) as d:
            d.emit("go", {"N": 1})
            wait_until(lambda: count(d, "steps = 2"), "this form of event is waited for")
            d.emit("open", {"Order": {"Id": 1}})
            ended(d)
            d.emit("go", {"N": 2})
            r.wait(2)
            d.emit("open", {"Order": {"Id": 2}})
            self.assertEqual(count(d, "state = 4"), 1)
            ended(d, 2)
            self.assertEqual(outcomes(d)[1], {b"1": 1, b"2": 1})

    def test_an_event_before_anyone_knew_that_it_would_be_waited_for(self):
        # Each name is waited for once: when its event comes nobody has waited for it in this form.
        cases = [
            (None, {"Id": 1}, True),
            ({"Id": 1}, {"Id": 1}, True),
            ({"Id": 1}, {"Id": 1.0}, True),
            ({"Id": 1}, {"Id": 2}, False),
            ({"Id": 1}, {"Id": "1"}, False),
            ({"Id": 1}, {"Id": True}, False),
            ({"Id": True}, {"Id": True}, True),
            ({"Id": True}, {"Id": 1}, False),
            ({"Id": 9007199254740993}, {"Id": 9007199254740992}, False),
            ({"Id": 9007199254740993}, {"Id": 9007199254740993}, True),
            ({"Id": 0.1}, {"Id": 0.1}, True),
            ({"Name": 'a"b\\\u00e9'}, {"Name": 'a"b\\\u00e9'}, True),
            ({"Order.Items[1].Sku": "x", "Order.Id": 7}, {"Order": {"Id": 7, "Items": [{"Sku": "y"}, {"Sku": "x"}]}}, True),
            ({"Order.Items[0].Sku": "x", "Order.Id": 7}, {"Order": {"Id": 7, "Items": [{"Sku": "y"}, {"Sku": "x"}]}}, False),
            ({"Deep[0][1]": "x"}, {"Deep": [["y", "x"]]}, True),
            ({"Order.Id": 7}, {"Order": None}, False),
            ({"Order.Id": 7}, {}, False),
            ({'a"b': 7}, {"a": 7}, False),
        ]
        body = """call("step", { V = event.data.N })
          local got = wait_event("open." .. event.data.N, { match = event.data.Match, timeout = "2s" })
          return { event.data.N, got and got.data or false }"""
        with Receiver(lambda request, number: [1.0, OK]) as r, Daemon(script(r.url, ("f", "go", body))) as d:
            go = [{"name": "go", "data": {"N": n, **({"Match": c[0]} if c[0] else {})}} for n, c in enumerate(cases)]
            self.assertEqual(d.batch(go)[0], 202)
            r.wait(len(cases))
            # The second of each is for nobody: the first that fits is taken.
            opens = [{"name": f"open.{n}", "data": dict(c[1], Try=t)} for t in (1, 2) for n, c in enumerate(cases)]
            self.assertEqual(d.batch(opens)[0], 202)
            self.assertFalse(one(d, "SELECT count(*) FROM steps WHERE kind = 4"))
            ended(d, len(cases))
            self.assertEqual(outcomes(d)[0], {SUCCEEDED: len(cases)})
            got = dict(json.loads(value) for (value,) in rows(d, "SELECT result FROM runs"))
            for n, (match, data, meets) in enumerate(cases):
                with self.subTest(match=match, data=data):
                    self.assertEqual(got[n], dict(data, Try=1) if meets else False)

    def test_an_event_ends_one_wait_of_a_run_after_the_other(self):
        body = """local seen = {}
          for i = 1, 3 do local got = wait_event("tick", { timeout = "20s" }) seen[i] = got and got.data.N or "timeout" end
          return seen"""
        with Receiver() as r, Daemon(script(r.url, ("f", "go", body))) as d:
            d.emit("go")
            wait_until(lambda: count(d, "steps = 1 AND state = 1"), "it waits")
            for n in (1, 2, 3):
                d.emit("tick", {"N": n})
            ended(d)
            self.assertEqual(result(d, one(d, "SELECT seq FROM runs")), [1, 2, 3])

    def test_one_event_for_many_with_large_journals(self):
        big = answer(200, json.dumps({"pad": "x" * 200_000}).encode())
        with Receiver([big]) as r, Daemon(script(r.url, ("f", "go", 'call("step", { V = 1 }) wait_event("open") return 1'))) as d:
            d.batch([{"name": "go"}] * 60)
            wait_until(lambda: count(d, "state = 1 AND steps = 2") == 60, "they wait")
            d.kill()
            d.start()
            d.emit("open")
            ended(d, 60)
            self.assertEqual(outcomes(d)[0], {SUCCEEDED: 60})


class Crowd(unittest.TestCase):
    def test_many_streams_of_events_make_each_step_once(self):
        # Runs that begin at once beside others that are read from the store.
        flows = [("f", "go", 'send("step", { V = 1 })'), ("g", "go", 'call("step", { V = 2 })')]
        with Receiver(keep=False) as r, Daemon(script(r.url, *flows), options=["--log-level", "warn"]) as d:
            size = 400 if not WRAPPED else 40

            def work():
                for _ in range(3):
                    status, body = d.batch([{"name": "go"}] * size)
                    assert status == 202 and not body["rejected"], body

            threads = [threading.Thread(target=work) for _ in range(4)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            ended(d, 24 * size, patience=120)
            d.idle(60)
            check_receiver(d, r)
            self.assertEqual((r.count, outcomes(d)[0]), (24 * size, {SUCCEEDED: 24 * size}))


if __name__ == "__main__":
    unittest.main()
