"""Runs of flows as people see them: over HTTP and on the command line."""
import json
import sqlite3
import unittest

from harness import HANG, OK, Daemon, Receiver, answer, anzol, wait_until

NOBODY = "01890000-0000-7000-8000-000000000000"

BASE = """
integration "shop" {{ url = "{url}", headers = {{ ["Content-Type"] = "application/json" }} }}
webhook "pay" {{ integration = "shop", url = "pay?t=${{WebhookRequest.TransactionalId}}", body = {{ id = "${{Order.Id}}" }} }}
webhook "slow" {{ integration = "shop", url = "slow?t=${{WebhookRequest.TransactionalId}}", body = {{ id = "${{Order.Id}}" }} }}
webhook "bad" {{ integration = "shop", url = "bad?t=${{WebhookRequest.TransactionalId}}", retry = {{ delays = {{ "10ms" }} }} }}
"""

FLOWS = """
flow "story" { on = "story", name = "A story", run = function(event)
  local paid = call("pay", event.data)
  send("pay", event.data)
  sleep "5ms"
  local shipped = wait_event("shipped", { match = { ["Order.Id"] = event.data.Order.Id, ["Order.Whole"] = true }, timeout = "2h" })
  parallel(function() call("bad", event.data) end, function() sleep "1h" end)
end }
flow "sleeper" { on = "sleeper", key = "${Order.Id}", run = function() sleep "1h" end }
flow "caller" { on = "caller", run = function(event)
  call("slow", event.data)
  call("pay", event.data)
end }
flow "quick" { on = "quick", run = function(event) return { n = event.data.N, list = event.data.List } end }
flow "hurries" { on = "hurries", run = function() return wait_event("never", { timeout = "5ms" }) == nil end }
"""


def breaking(line):
    """A flow that calls, then does what `line` says."""
    return f"""
flow "breaks" {{ on = "breaks", run = function(event)
  local paid = call("pay", event.data)
  {line}
end }}
"""


class Shop(Receiver):
    """/bad is refused, /slow is answered when released."""

    def __init__(self):
        super().__init__(self.answer_of)
        self.held = []

    @staticmethod
    def answer_of(request, number):
        if request.path.startswith("/bad"):
            return answer(503, b"not now")
        return HANG if request.path.startswith("/slow") else answer(200, b'{"id":12345678901234567,"x":1.50}', [("X-Shop", "1")])

    def take(self, request, transport):
        if request.path.startswith("/slow"):
            self.held.append(transport)
        super().take(request, transport)

    def release(self):
        while self.held:
            self.loop.call_soon_threadsafe(self.held.pop().write, OK)

    def count_of(self, path, order):
        return sum(r.path.startswith(path) and r.json().get("id") == order for r in list(self.requests))


class Case(unittest.TestCase):
    def get(self, path, status=200):
        got, _, body = self.d.call("GET", path)
        self.assertEqual(got, status, body)
        return body

    def post(self, path, status=202):
        got, _, body = self.d.call("POST", path)
        self.assertEqual(got, status, body)
        return body

    def problem(self, status, method, path):
        got, response, body = self.d.call(method, path)
        self.assertEqual((got, response.getheader("Content-Type"), body.get("status")), (status, "application/problem+json", status), body)
        return body["detail"]

    def run_of(self, id):
        return self.get(f"/v1/runs/{id}")

    def start(self, event, data=None, **more):
        return self.d.emit(event, data or {}, **more)["runs"][0]

    def wait_run(self, id, *states, steps=0):
        def reached():
            run = self.run_of(id)
            return run if run["state"] in states and run["step_count"] >= steps else None
        return wait_until(reached, f"run {id} becomes {' or '.join(states)}")


class Runs(Case):
    @classmethod
    def setUpClass(cls):
        cls.r = Shop()
        cls.d = Daemon(BASE.format(url=cls.r.url) + FLOWS)

    @classmethod
    def tearDownClass(cls):
        cls.r.release()
        cls.d.stop()
        cls.d.__exit__(None)
        cls.r.__exit__()

    # --- one run ----------------------------------------------------------------------------------------------

    def test_every_kind_of_step(self):
        event = self.d.emit("story", {"Order": {"Id": 1}}, id="story-1")
        id = event["runs"][0]
        waiting = self.wait_run(id, "waiting", steps=4)
        self.assertEqual((waiting["id"], waiting["flow"], waiting["key"], waiting["error"], waiting["result"], waiting["finished_at"]),
                         (id, "story", None, None, None, None))
        self.assertEqual(waiting["event"], {"id": event["id"], "key": "story-1", "name": "story", "data": {"Order": {"Id": 1}}})
        call, sent, slept, wait = waiting["steps"]
        self.assertEqual([(s["number"], s["path"], s["kind"], s["name"], s["state"]) for s in waiting["steps"]], [
            (1, "1", "call", "pay", "done"), (2, "2", "send", "pay", "done"), (3, "3", "sleep", "5ms", "done"),
            (4, "4", "wait_event", "shipped", "open")])
        self.assertEqual({k: call["result"][k] for k in ("ok", "attempts", "error", "status", "body", "truncated")},
                         {"ok": True, "attempts": 1, "error": None, "status": 200, "body": '{"id":12345678901234567,"x":1.50}', "truncated": False})
        self.assertIn({"name": "X-Shop", "value": "1"}, call["result"]["headers"])
        self.assertGreater(call["result"]["duration_ms"], 0)
        self.assertEqual((self.d.delivery(call["delivery"])["webhook"], self.d.delivery(call["delivery"])["run"]),
                         ("pay", {"id": id, "step": 1}))
        self.assertEqual(sent["result"], sent["delivery"])
        self.assertNotEqual(sent["delivery"], call["delivery"])
        self.assertEqual((slept["result"], slept["delivery"], slept["match"]), (None, None, None))
        self.assertLessEqual(slept["due_at"], slept["ended_at"])
        self.assertEqual((wait["match"], wait["result"], wait["ended_at"]), ({"Order.Id": 1, "Order.Whole": True}, None, None))
        self.assertEqual(wait["due_at"], waiting["due_at"])

        self.assertEqual(self.d.emit("shipped", {"Order": {"Id": 2, "Whole": True}})["woken"], 0)
        shipped = self.d.emit("shipped", {"Order": {"Id": 1, "Whole": True}, "By": "boat"}, id="ship-1")
        self.assertEqual(shipped["woken"], 1)
        asleep = self.wait_run(id, "sleeping", steps=6)
        wait, bad, nap = asleep["steps"][3:]
        self.assertEqual(wait["result"], {"id": shipped["id"], "key": "ship-1", "name": "shipped",
                                          "data": {"Order": {"Id": 1, "Whole": True}, "By": "boat"}})
        self.assertEqual((bad["path"], nap["path"], nap["state"]), ("5.1.1", "5.2.1", "open"))
        self.assertEqual((bad["result"]["ok"], bad["result"]["attempts"], bad["result"]["status"], bad["result"]["body"]),
                         (False, 2, 503, "not now"))
        self.assertEqual(bad["result"]["error"]["kind"], "status")

    def test_what_came_and_what_it_returned_are_shown_as_they_were(self):
        text = '{"name":"quick","data":{"N":9007199254740993, "F":1.50,"List":[] ,"N2":1e2}}'
        status, _, event = self.d.call("POST", "/v1/events", text)
        self.assertEqual(status, 202)
        id = event["runs"][0]
        self.assertEqual(self.wait_run(id, "succeeded")["result"], {"n": 9007199254740993, "list": []})
        c = self.d.connect()
        c.request("GET", f"/v1/runs/{id}", headers={"Authorization": f"Bearer {self.d.token}"})
        raw = c.getresponse().read().decode()
        c.close()
        self.assertIn('"data":{"N":9007199254740993, "F":1.50,"List":[] ,"N2":1e2}', raw)

    def test_time_was_up(self):
        run = self.wait_run(self.start("hurries"), "succeeded")
        self.assertEqual((run["steps"][0]["state"], run["steps"][0]["result"], run["result"]), ("done", None, True))

    # --- the log ----------------------------------------------------------------------------------------------

    def test_the_log_pages_and_filters(self):
        ids = [self.start("quick", {"N": i}) for i in range(15)]
        for id in ids:
            self.wait_run(id, "succeeded")
        seen, cursor = [], ""
        while cursor is not None:
            page = self.get(f"/v1/runs?limit=6&flow=quick{cursor and '&cursor=' + cursor}")
            self.assertLessEqual(len(page["runs"]), 6)
            seen += [x["id"] for x in page["runs"]]
            cursor = page["next"]
        self.assertEqual(len(seen), len(set(seen)))
        self.assertEqual([x for x in reversed(seen) if x in ids], ids)

        row = next(x for x in self.get("/v1/runs?flow=quick&state=succeeded")["runs"] if x["id"] == ids[0])
        one = self.run_of(ids[0])
        self.assertEqual(row["event"], {"id": one["event"]["id"]})
        self.assertEqual({k: v for k, v in row.items() if k != "event"},
                         {k: v for k, v in one.items() if k not in ("event", "result", "steps")})
        sleeping = self.start("sleeper", {"Order": {"Id": "filters"}})
        self.wait_run(sleeping, "sleeping")
        self.assertIn(sleeping, [x["id"] for x in self.get("/v1/runs?state=sleeping&since=-1h")["runs"]])
        self.assertEqual({x["state"] for x in self.get("/v1/runs?state=sleeping")["runs"]}, {"sleeping"})
        self.assertEqual({x["flow"] for x in self.get("/v1/runs?flow=sleeper")["runs"]}, {"sleeper"})
        for none in ("flow=nobody", "until=2020-01-01", "state=parked", "flow=sleeper&state=succeeded"):
            self.assertEqual(self.get(f"/v1/runs?{none}"), {"runs": [], "next": None})

    # --- what is wrong ----------------------------------------------------------------------------------------

    def test_what_is_not_there(self):
        self.assertEqual(self.problem(404, "GET", f"/v1/runs/{NOBODY}"), f"no run {NOBODY}")
        for order in ("cancel", "resume", "restart"):
            self.assertEqual(self.problem(404, "POST", f"/v1/runs/{NOBODY}/{order}"), f"no run {NOBODY}")
        self.assertEqual(self.problem(404, "POST", f"/v1/runs/{NOBODY}/cancle"),
                         f"nothing at /v1/runs/{NOBODY}/cancle; did you mean /v1/runs/{NOBODY}/cancel?")
        self.assertIn("did you mean /v1/runs?", self.problem(404, "GET", "/v1/run"))
        self.assertIn("expected POST", self.problem(405, "GET", f"/v1/runs/{NOBODY}/cancel"))

    def test_what_is_asked_wrongly(self):
        self.assertEqual(self.problem(400, "GET", "/v1/runs/nonsense"), "'nonsense' is no run's id; expected a UUID")
        self.assertEqual(self.problem(400, "POST", "/v1/runs/1/cancel"), "'1' is no run's id; expected a UUID")
        self.assertIn("did you mean 'sleeping'?", self.problem(400, "GET", "/v1/runs?state=sleping"))
        self.assertIn("running, waiting, sleeping, queued, succeeded, failed, parked or canceled",
                      self.problem(400, "GET", "/v1/runs?state=xyzzy"))
        self.assertIn("did you mean 'flow'?", self.problem(400, "GET", "/v1/runs?flw=quick"))
        self.assertIn("unknown parameter 'webhook'", self.problem(400, "GET", "/v1/runs?webhook=pay"))
        self.assertIn("expected current", self.problem(400, "POST", f"/v1/runs/{NOBODY}/resume?scripts=new"))
        self.assertIn("did you mean 'current'?", self.problem(400, "POST", f"/v1/runs/{NOBODY}/resume?scripts=curent"))
        self.assertIn("unknown parameter", self.problem(400, "POST", f"/v1/runs/{NOBODY}/restart?scripts=current"))
        self.assertEqual(self.d.call("GET", "/v1/runs", token=False)[0], 401)
        self.assertEqual(self.d.call("POST", f"/v1/runs/{NOBODY}/cancel", token=False)[0], 401)

    def test_what_its_state_does_not_allow(self):
        done, asleep = self.start("quick"), self.start("sleeper", {"Order": {"Id": "states"}})
        self.wait_run(done, "succeeded")
        self.wait_run(asleep, "sleeping")
        self.assertEqual(self.problem(409, "POST", f"/v1/runs/{done}/resume"),
                         "it is succeeded: only a failed or parked run can be resumed")
        self.assertEqual(self.problem(409, "POST", f"/v1/runs/{done}/cancel"),
                         "it is succeeded: only a run that has not ended can be canceled")
        self.assertEqual(self.problem(409, "POST", f"/v1/runs/{asleep}/resume?scripts=current"),
                         "it is sleeping: only a failed or parked run can be resumed")
        self.assertEqual(self.problem(409, "POST", f"/v1/runs/{asleep}/restart"),
                         "it is sleeping: only a run that has ended can be restarted; cancel it first")
        self.assertEqual((self.run_of(done)["state"], self.run_of(asleep)["state"]), ("succeeded", "sleeping"))

    # --- by hand ----------------------------------------------------------------------------------------------

    def test_cancel_one_that_sleeps(self):
        before = self.d.status()["runs"]["canceled"]
        first, second = (self.start("sleeper", {"Order": {"Id": "cancel"}}) for _ in range(2))
        self.wait_run(first, "sleeping")
        self.assertEqual(self.run_of(second)["state"], "queued")
        self.assertEqual(self.post(f"/v1/runs/{first}/cancel"), {"id": first, "state": "canceled"})
        canceled = self.run_of(first)
        self.assertEqual((canceled["state"], canceled["due_at"], canceled["step_count"]), ("canceled", None, 1))
        self.assertIsNotNone(canceled["finished_at"])
        self.wait_run(second, "sleeping")  # the next of its key
        self.assertEqual(self.d.status()["runs"]["canceled"], before + 1)
        self.assertEqual([x["run"] for x in self.d.log("run.canceled") if x["run"] == first], [first])
        self.assertIn("it is canceled", self.problem(409, "POST", f"/v1/runs/{first}/cancel"))

    def test_cancel_one_that_is_queued(self):
        first, second, third = (self.start("sleeper", {"Order": {"Id": "queued"}}) for _ in range(3))
        self.wait_run(first, "sleeping")
        self.post(f"/v1/runs/{second}/cancel")
        self.post(f"/v1/runs/{first}/cancel")
        self.wait_run(third, "sleeping")
        self.assertEqual(self.run_of(second)["step_count"], 0)

    def test_cancel_one_whose_call_is_pending(self):
        id = self.start("caller", {"Order": {"Id": "pending"}})
        run = self.wait_run(id, "waiting", steps=1)
        self.assertEqual((run["steps"][0]["state"], run["steps"][0]["result"]), ("open", None))
        wait_until(lambda: self.r.count_of("/slow", "pending"), "the call arrives")
        self.post(f"/v1/runs/{id}/cancel")
        self.r.release()
        self.d.wait_state(run["steps"][0]["delivery"], "succeeded")  # it goes its way
        other = self.start("caller", {"Order": {"Id": "other"}})  # … and what comes after it shows that nothing followed
        wait_until(lambda: self.r.count_of("/slow", "other"), "the other's call arrives")
        self.r.release()
        self.wait_run(other, "succeeded")
        self.assertEqual((self.run_of(id)["state"], self.run_of(id)["step_count"]), ("canceled", 1))
        self.assertEqual((self.r.count_of("/pay", "pending"), self.r.count_of("/pay", "other")), (0, 1))

    def test_restart(self):
        event = self.d.emit("quick", {"N": 7}, id="again")
        old = event["runs"][0]
        self.wait_run(old, "succeeded")
        new = self.post(f"/v1/runs/{old}/restart")
        self.assertNotEqual(new["id"], old)
        run = self.wait_run(new["id"], "succeeded")
        self.assertEqual((run["flow"], run["result"], run["event"]), ("quick", {"n": 7}, self.run_of(old)["event"]))
        first = self.start("sleeper", {"Order": {"Id": "restart"}})
        self.wait_run(first, "sleeping")
        self.post(f"/v1/runs/{first}/cancel")
        again = self.post(f"/v1/runs/{first}/restart")
        self.assertEqual(again["state"], "running")
        self.assertEqual(self.wait_run(again["id"], "sleeping")["key"], "restart")
        self.assertEqual(self.post(f"/v1/runs/{first}/restart")["state"], "queued")

    def test_a_run_whose_key_cannot_be_had(self):
        id = self.start("sleeper", {"Order": {}})
        run = self.run_of(id)
        self.assertEqual((run["state"], run["key"], run["step_count"]), ("failed", None, 0))
        self.assertIn("Order.Id", run["error"])
        for query in ("", "?scripts=current"):  # it would go on beside others of its key
            self.assertEqual(self.problem(409, "POST", f"/v1/runs/{id}/resume{query}"),
                             "it never began, because its key could not be had: restart it instead")
        self.assertEqual(self.post(f"/v1/runs/{id}/restart")["state"], "failed")

    def test_flows(self):
        flows = self.get("/v1/flows")["flows"]
        self.assertEqual([x["name"] for x in flows], ["caller", "hurries", "quick", "sleeper", "story"])
        self.assertEqual((flows[3]["on"], flows[3]["key"], flows[4]["display_name"]), ("sleeper", "${Order.Id}", "A story"))
        self.assertRegex(flows[3]["where"], r"script\.lua:\d+$")


class Repair(Case):
    """Scripts that are mended while runs of theirs wait for it."""

    def setUp(self):
        self.r = Shop()
        self.addCleanup(self.r.__exit__)
        self.base = BASE.format(url=self.r.url)
        self.d = Daemon(self.base + breaking('error("broken on purpose")'))
        self.addCleanup(self.d.__exit__, None)

    def reload(self, text):
        self.d.write(self.base + text)
        return self.d.call("POST", "/v1/reload")[2]

    def failed(self, order):
        id = self.start("breaks", {"Order": {"Id": order}})
        run = self.wait_run(id, "failed")
        self.assertIn("broken on purpose", run["error"])
        self.assertRegex(run["error"], r"script\.lua:\d+: ")
        return id

    def test_resume_under_the_scripts_of_now(self):
        id = self.failed("mended")
        self.reload(breaking('return "mended after " .. paid.status'))
        self.assertEqual(self.post(f"/v1/runs/{id}/resume?scripts=current"), {"id": id, "state": "running"})
        run = self.wait_run(id, "succeeded")
        self.assertEqual((run["result"], run["error"], run["step_count"]), ("mended after 200", None, 1))
        self.assertEqual(self.r.count_of("/pay", "mended"), 1)  # the journal has it
        self.assertIn("it is succeeded", self.problem(409, "POST", f"/v1/runs/{id}/resume"))

    def test_resume_under_its_own_scripts_fails_again(self):
        id = self.failed("own")
        before = self.run_of(id)["finished_at"]
        self.reload(breaking('return "mended"'))
        self.post(f"/v1/runs/{id}/resume")
        wait_until(lambda: (run := self.run_of(id))["state"] == "failed" and run["finished_at"] > before, "it fails again")
        self.assertEqual(self.r.count_of("/pay", "own"), 1)
        new = self.post(f"/v1/runs/{id}/restart")["id"]
        self.assertEqual(self.wait_run(new, "succeeded")["result"], "mended")
        self.assertEqual(self.r.count_of("/pay", "own"), 2)

    def test_a_flow_that_asks_for_another_step_is_parked(self):
        id = self.failed("parked")
        self.reload('flow "breaks" { on = "breaks", run = function(event) sleep "1h" end }')
        self.post(f"/v1/runs/{id}/resume?scripts=current")
        run = self.wait_run(id, "parked")
        self.assertIn("the journal has call 'pay', but the flow asked for sleep '1h'", run["error"])
        self.assertEqual(run["step_count"], 1)
        self.assertEqual([x["id"] for x in self.get("/v1/runs?state=parked")["runs"]], [id])
        self.reload(breaking("sleep '1h'"))
        self.post(f"/v1/runs/{id}/resume?scripts=current")
        self.assertEqual([s["kind"] for s in self.wait_run(id, "sleeping")["steps"]], ["call", "sleep"])
        self.assertEqual(self.r.count_of("/pay", "parked"), 1)

    def test_a_parked_run_can_be_canceled(self):
        id = self.failed("given up")
        self.reload('flow "breaks" { on = "breaks", run = function(event) sleep "1h" end }')
        self.post(f"/v1/runs/{id}/resume?scripts=current")
        self.wait_run(id, "parked")
        self.assertEqual(self.post(f"/v1/runs/{id}/cancel")["state"], "canceled")

    def test_a_flow_that_is_gone(self):
        id = self.failed("gone")
        self.reload("")
        for order in ("resume?scripts=current", "restart"):
            self.assertEqual(self.problem(409, "POST", f"/v1/runs/{id}/{order}"), "the scripts of now have no flow 'breaks'")
        self.reload('flow "other" { on = "other", run = function() end }')
        self.assertEqual(self.problem(409, "POST", f"/v1/runs/{id}/restart"), "the scripts of now have no flow 'breaks'")
        self.assertEqual(self.problem(409, "POST", f"/v1/runs/{id}/resume?scripts=current"), "the scripts of now have no flow 'breaks'")
        self.assertEqual(self.run_of(id)["state"], "failed")

    def test_reload(self):
        number = self.d.status()["generation"]["number"]
        loaded = self.reload(breaking("return 1") + 'flow "more" { on = "more", run = function() return 2 end }')
        same = {"added": [], "changed": [], "removed": []}
        self.assertGreater(loaded.pop("took_ms"), 0)
        flows = loaded.pop("changed")
        self.assertEqual(flows.pop("webhooks"), same)
        self.assertEqual(flows.pop("integrations"), same)
        self.assertIn("more", flows["flows"]["added"])
        self.assertRegex(loaded.pop("changes"), r"^\+1 flow, ~1, -\d$")
        self.assertEqual(loaded, {"generation": number + 1, "integrations": 1, "webhooks": 3, "flows": 2, "warnings": []})
        self.assertEqual([x["name"] for x in self.get("/v1/flows")["flows"]], ["breaks", "more"])
        self.assertEqual(self.wait_run(self.start("more"), "succeeded")["result"], 2)

    def test_a_reload_with_mistakes_changes_nothing(self):
        before = self.d.status()["generation"]
        self.d.write(self.base + 'webhook "x" { integration = "nobody" }\nflow "y" { on = "y", runn = function() end }\n')
        status, response, body = self.d.call("POST", "/v1/reload")
        self.assertEqual((status, response.getheader("Content-Type")), (422, "application/problem+json"))
        self.assertGreaterEqual(len(body["errors"]), 2)
        self.assertEqual(body["detail"], f"{len(body['errors'])} mistakes in the scripts")
        for line in body["errors"]:
            self.assertRegex(line, r"script\.lua:\d+: ")
        self.assertTrue(any("did you mean 'run'?" in line for line in body["errors"]), body)
        for line in body["errors"]:  # the log is written a moment after the answer
            wait_until(lambda line=line: line in self.d.log_text(), f"the log says {line}")
        self.assertEqual(self.d.status()["generation"], before)
        self.failed("still there")
        self.d.write("integration")
        body = self.d.call("POST", "/v1/reload")[2]
        self.assertEqual(body["errors"], [body["detail"]])

    def test_runs_under_way_keep_their_scripts(self):
        self.reload('flow "waits" { on = "waits", run = function() wait_event("go"); return "old" end }')
        id = self.start("waits")
        self.wait_run(id, "waiting")
        self.reload('flow "waits" { on = "waits", run = function() return "new" end }')
        self.assertEqual(self.d.emit("go")["woken"], 1)
        self.assertEqual(self.wait_run(id, "succeeded")["result"], "old")
        self.assertEqual(self.wait_run(self.start("waits"), "succeeded")["result"], "new")


class Managing(Case):
    """What a flow asks about runs."""

    SCRIPT = BASE + """
flow "sleeper" {{ on = "sleeper", key = "${{Order.Id}}", run = function() sleep "1h" end }}
flow "janitor" {{ on = "bought", run = function(event)
  local done = {{}}
  for _, r in ipairs(runs.list {{ flow = "sleeper", state = "sleeping" }}) do
    if r.key == event.data.Id then
      done.canceled = runs.cancel(r.id).state
      done.why = select(2, runs.resume(r.id))
      done.seen = runs.get(r.id).flow
      done.new = runs.restart(r.id)
    end
  end
  call("pay", {{ Order = {{ Id = event.data.Id }} }})
  done.self = runs.get(runs.id()).state
  done.nobody = select(2, runs.cancel "%s")
  return done
end }}
flow "lemming" {{ on = "lemming", run = function() runs.cancel(runs.id()) sleep "1h" end }}
""" % NOBODY

    def test_a_flow_looks_after_others(self):
        with Receiver() as r, Daemon(self.SCRIPT.format(url=r.url)) as self.d:
            mine, other = self.start("sleeper", {"Order": {"Id": "a"}}), self.start("sleeper", {"Order": {"Id": "b"}})
            self.wait_run(mine, "sleeping")
            self.wait_run(other, "sleeping")
            janitor = self.wait_run(self.start("bought", {"Id": "a"}), "succeeded")
            done = janitor["result"]
            new = done.pop("new")
            self.assertEqual(done, {"canceled": "canceled", "seen": "sleeper", "self": "running", "nobody": f"no run {NOBODY}",
                                    "why": "it is canceled: only a failed or parked run can be resumed"})
            self.assertEqual(self.run_of(mine)["state"], "canceled")
            self.assertEqual(self.run_of(other)["state"], "sleeping")
            self.assertEqual(self.wait_run(new["id"], "sleeping")["key"], "a")
            self.assertEqual([s["kind"] for s in janitor["steps"]], ["runs"] * 5 + ["call"] + ["runs"] * 2)

    def test_a_flow_that_cancels_itself(self):
        with Receiver() as r, Daemon(self.SCRIPT.format(url=r.url)) as self.d:
            self.assertEqual(self.wait_run(self.start("lemming"), "canceled")["step_count"], 1)

    def test_after_a_crash(self):
        """What was asked and not known to be done is asked again."""
        with Shop() as r, Daemon(self.SCRIPT.format(url=r.url).replace('"pay?', '"slow?')) as self.d:
            mine = self.start("sleeper", {"Order": {"Id": "a"}})
            self.wait_run(mine, "sleeping")
            janitor = self.start("bought", {"Id": "a"})
            r.wait(1)
            self.d.kill()
            with sqlite3.connect(f"{self.d.state}/anzol.db") as db: # as if it had died before the last answer was written
                db.execute("UPDATE steps SET ended_ms = 0, result = '' WHERE name LIKE 'restart %'")
                db.execute("DELETE FROM steps WHERE kind = 1")
                db.execute("UPDATE runs SET state = 0, steps = 5 WHERE flow = 'janitor'")
                db.execute("UPDATE runs SET finished_ms = 1, state = 7 WHERE flow = 'sleeper'")
                db.executescript("DELETE FROM deliveries; DELETE FROM requests; DELETE FROM attempts")
            db.close()
            self.d.start()
            r.wait(2)
            r.release()
            done = self.wait_run(janitor, "succeeded")["result"]
            self.assertEqual((done["canceled"], done["new"]["state"]), ("canceled", "canceled"))
            self.assertEqual(len(self.get("/v1/runs?flow=sleeper")["runs"]), 2)


class CommandLine(Case):
    @classmethod
    def setUpClass(cls):
        cls.r = Shop()
        cls.base = BASE.format(url=cls.r.url)
        cls.d = Daemon(cls.base + FLOWS + breaking('error("broken on purpose")'))

    tearDownClass = Runs.__dict__["tearDownClass"]

    def anzol(self, *args, code=0):
        got, out, err = anzol(*args, "--state", self.d.state) if args[0] not in ("runs",) else anzol(*args, "-s", self.d.state)
        self.assertEqual(got, code, (args, out, err))
        return out, err

    def test_runs(self):
        id = self.start("sleeper", {"Order": {"Id": "cli"}})
        self.wait_run(id, "sleeping")
        broken = self.start("breaks", {"Order": {"Id": 5}})
        self.wait_run(broken, "failed")
        out, err = self.anzol("runs")
        self.assertEqual(out.splitlines()[0].split(), ["ID", "TIME", "FLOW", "KEY", "STATE", "STEPS", "RESULT"])
        self.assertRegex(out, rf"(?m)^{id} +[\d:]+ +sleeper +cli +sleeping +1 +until \S+")
        self.assertRegex(out, rf"(?m)^{broken} +[\d:]+ +breaks +failed +1 +\S*script\.lua:\d+: broken on purpose")
        self.assertNotIn(id, self.anzol("runs", "--state", "failed")[0])
        rows = json.loads(self.anzol("runs", "--flow", "sleeper", "--state", "sleeping", "--since", "1h", "--json")[0])["runs"]
        self.assertIn(id, [x["id"] for x in rows])
        self.assertEqual(self.anzol("runs", "--flow", "sleper"), ("", "anzol runs: none, and there is no flow 'sleper'; did you mean 'sleeper'?\n"))
        self.assertEqual(self.anzol("runs", "--flow", "quick", "--until", "2020-01-01"), ("", "anzol runs: none\n"))
        err = self.anzol("runs", "--limit", "1")[1]
        cursor = err.split("--cursor ")[1].strip()
        self.assertEqual(len(self.anzol("runs", "--limit", "1", "--cursor", cursor)[0].splitlines()), 2)

    def test_show_a_run(self):
        id = self.start("story", {"Order": {"Id": 3}}, id="k3")
        self.wait_run(id, "waiting", steps=4)
        out, _ = self.anzol("show", id.upper())
        lines = out.splitlines()
        self.assertEqual(lines[0], f"{id}  waiting")
        self.assertRegex(out, r"(?m)^flow +story$")
        self.assertRegex(out, r"(?m)^event +story  \S+  \(id k3\)$")
        self.assertRegex(out, r"(?m)^1 +\S+ +call +pay +[0-9a-f-]{36} +200 in \d")
        self.assertRegex(out, r"(?m)^2 +\S+ +send +pay +[0-9a-f-]{36} +given to the queue$")
        self.assertRegex(out, r"(?m)^3 +\S+ +sleep +5ms +done$")
        self.assertRegex(out, r'(?m)^4 +\S+ +wait_event +shipped +waits for it with \{"Order.Id":3,"Order.Whole":true\} until [\w :]+$')
        self.assertNotIn("X-Shop", out)
        self.d.emit("shipped", {"Order": {"Id": 3, "Whole": True}, "By": 9007199254740993}, id="s3")
        self.wait_run(id, "sleeping", steps=6)
        out, _ = self.anzol("show", id, "--full")
        self.assertRegex(out, r"(?m)^4 .* event \S+  \(id s3\)$")
        self.assertRegex(out, r"(?m)^5 \(5\.1\.1\) .* bad .* 503, 2 attempts$")
        self.assertRegex(out, r"(?m)^6 \(5\.2\.1\) .* sleeps until [\w :]+$")
        self.assertIn('\ndata\n{\n  "Order": {\n    "Id": 3\n', out)
        self.assertIn("\nstep 1  call pay\n", out)
        self.assertIn('X-Shop: 1\n\n{\n  "id": 12345678901234567,\n  "x": 1.50\n}\n', out)
        self.assertIn('  "By": 9007199254740993\n', out)
        self.assertEqual(json.loads(self.anzol("show", id, "--json")[0]), self.run_of(id))
        self.anzol("cancel", id)
        self.assertRegex(self.anzol("show", id)[0], r"(?m)^6 .* given up$")

    def test_show_what_it_came_to(self):
        failed, done = self.start("breaks", {"Order": {"Id": 6}}), self.start("quick", {"N": 9007199254740993})
        self.wait_run(failed, "failed")
        self.wait_run(done, "succeeded")
        self.assertRegex(self.anzol("show", failed)[0], r"(?m)^error +\S*script\.lua:\d+: broken on purpose$")
        self.assertIn('\nresult\n{\n  "n": 9007199254740993\n}\n', self.anzol("show", done)[0])

    def test_show_takes_either_id(self):
        id = self.start("breaks", {"Order": {"Id": 7}})
        delivery = self.wait_run(id, "failed")["steps"][0]["delivery"]
        shown = self.anzol("show", delivery)[0]
        self.assertIn("webhook   pay", shown)
        self.assertIn(f"run       {id}  (step 1)", shown)
        self.assertIn("flow      breaks", self.anzol("show", id)[0])
        self.assertEqual(self.anzol("show", NOBODY, code=1), ("", f"anzol show: no delivery or run {NOBODY}\n"))

    def test_orders(self):
        first, second = self.start("sleeper", {"Order": {"Id": "a"}}), self.start("sleeper", {"Order": {"Id": "b"}})
        self.wait_run(first, "sleeping")
        self.wait_run(second, "sleeping")
        self.assertEqual(self.anzol("resume", first, code=1),
                         ("", "anzol resume: it is sleeping: only a failed or parked run can be resumed\n"))
        self.assertEqual(self.anzol("cancel", first, second)[0], f"{first}  canceled\n{second}  canceled\n")
        out, err = self.anzol("cancel", NOBODY, second, code=1)
        self.assertEqual(out, "")
        self.assertEqual(err.splitlines(), [
            f"anzol cancel: {NOBODY}: no run {NOBODY}",
            f"anzol cancel: {second}: it is canceled: only a run that has not ended can be canceled"])
        out, _ = self.anzol("restart", first, second)
        new = [line.split() for line in out.splitlines()]
        self.assertEqual([state for _, state in new], ["running", "running"])
        for id, _ in new:
            self.wait_run(id, "sleeping")
        answers = [json.loads(line) for line in self.anzol("cancel", "--json", new[0][0], new[1][0])[0].splitlines()]
        self.assertEqual(answers, [{"id": id, "state": "canceled"} for id, _ in new])

    def test_reload_and_resume(self):
        id = self.start("breaks", {"Order": {"Id": "cli"}})
        self.wait_run(id, "failed")
        good = self.base + FLOWS + breaking('error("broken on purpose")')
        self.addCleanup(self.anzol, "reload")
        self.addCleanup(self.d.write, good)
        self.d.write(good + 'webhook "x" { integration = "nobody" }\nwebhook "y" { integration = "nobody" }')
        out, err = self.anzol("reload", code=78)
        self.assertEqual(out, "")
        self.assertEqual(len(err.splitlines()), 3, err)
        self.assertRegex(err.splitlines()[0], r"^\S+script\.lua:\d+: .*nobody")
        self.assertEqual(err.splitlines()[2], "anzol reload: 2 mistakes; the daemon goes on with the scripts that it has")
        self.assertEqual(len(json.loads(self.anzol("reload", "--json", code=78)[0])["errors"]), 2)
        self.d.write(self.base + FLOWS + breaking("return 'mended'"))
        self.assertRegex(self.anzol("reload")[0], r"^\+0 flows, ~1, -0\n1 integration, 3 webhooks, 6 flows: generation \d+ after \d+ ms\n$")
        self.assertEqual(self.anzol("resume", id, "--current")[0], f"{id}  running\n")
        self.wait_run(id, "succeeded")
        self.assertEqual(self.r.count_of("/pay", "cli"), 1)

    def test_emit(self):
        out, err = anzol("emit", "quick", "-s", self.d.state)[1:]
        self.assertRegex(out, r"^event     \S{36}\nrun       \S{36}\n$")
        self.assertEqual(err, "")
        err = anzol("emit", "quik", "-s", self.d.state)[2]
        self.assertEqual(err, "anzol emit: no webhook or flow is on 'quik', so nothing is sent; did you mean 'quick'?\n")
        id = self.start("story", {"Order": {"Id": True}})
        self.wait_run(id, "waiting", steps=4)
        code, out, err = anzol("emit", "shipped", "--data", "-", "-s", self.d.state, input='{"Order":{"Id":true,"Whole":true}}')
        self.assertRegex(out, r"^event     \S{36}\nwoken     1 run\n$")
        self.assertEqual((code, err), (0, ""))

    def test_list_check_and_status(self):
        out, _ = self.anzol("list")
        self.assertRegex(out, r"(?m)^flows\n  breaks  on breaks  \S+script\.lua:\d+$")
        self.assertRegex(out, r"(?m)^  sleeper  on sleeper, one at a time of each key \$\{Order\.Id\}  \S+script\.lua:\d+$")
        self.assertIn("    A story\n", out)
        self.assertEqual(len(json.loads(self.anzol("list", "--json")[0])["flows"]), 6)
        self.assertEqual(anzol("check", self.d.script)[1], "1 file, 1 integration, 3 webhooks, 6 flows: good\n")
        self.wait_run(self.start("breaks", {"Order": {"Id": 8}}), "failed")
        out, _ = self.anzol("status")
        self.assertRegex(out, r"(?m)^scripts +1 integration, 3 webhooks, 6 flows, generation \d+ loaded ")
        self.assertRegex(out, r"(?m)^runs +\d+ started, .*\d+ failed")


if __name__ == "__main__":
    unittest.main()
