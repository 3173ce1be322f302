"""A flow with everything in it, killed at each sync of its journal: what it has done stays done, once, and it goes on from there.
SWEEP=all does every sync and pairs of them, and KILLS=n kills at random n times (`make crash-flows`)."""
import json
import os
import random
import threading
import time
import unittest

from flows import CALL, SEND, SUCCEEDED, WAIT, Mortal, check_receiver, count, one, result, rows
from harness import Receiver, answer

ALL = os.environ.get("SWEEP") == "all"
HOW = ["before", "after"]
KILLS = int(os.environ.get("KILLS") or 8)
WRAPPED = bool(os.environ.get("WRAPPED"))
LIBRARY = os.path.join(os.environ.get("BUILD", os.path.join(os.getcwd(), "build")), "crash.so")

# Each request says what the flow has come to know so far; the trace holds all that a replay must not change.
JOURNEY = """
integration "shop" { url = "%s", headers = { ["Content-Type"] = "application/json" } }
webhook "step" { integration = "shop", url = "step?t=${WebhookRequest.TransactionalId}",
  body = { name = "${Name}", trace = "${Trace}" } }

local function note(trace, word, value)
  trace[#trace + 1] = { word, value, uuid(), math.random(1 << 40), math.random(), now() }
end

local function ask(trace, name)
  local res = call("step", { Name = name, Trace = trace })
  note(trace, name, { res.ok, res.status, res.json and res.json.n or "none", res.delivery_id, res.attempts })
end

local function branch(trace, name, pause)
  return function()
    local mine = table.move(trace, 1, #trace, 1, {})
    if pause then sleep(pause) note(mine, "paused", pause) end
    ask(mine, name)
    return table.move(mine, #trace + 1, #mine, 1, {})
  end
end

flow "journey" { on = "go", run = function(event)
  local trace = {}
  note(trace, "begun", event.id)
  ask(trace, "first")
  sleep(0.03)
  note(trace, "slept", true)
  note(trace, "told", send("step", { Name = "told", Trace = trace }))
  local got = parallel { a = branch(trace, "a"), b = branch(trace, "b", 0.03), c = branch(trace, "c") }
  for name, more in pairs(got) do note(trace, name, more) end
  local approval = wait_event("approved", { match = { ["Order.Id"] = event.data.Order.Id }, timeout = "10m" })
  note(trace, "approved", approval and { approval.id, approval.data })
  ask(trace, "last")
  return trace
end }
"""
NAMES = ["first", "told", "a", "b", "c", "last"]


def numbered(request, number):
    return answer(200, json.dumps({"n": number}).encode())


class Trip:
    """One run of the journey, with crashes."""

    def __init__(self, crashes):
        self.crashes = crashes
        with Receiver(numbered) as self.r, Mortal(JOURNEY % self.r.url, crashes, LIBRARY) as self.d:
            try:
                self.go()
                self.check()
            except AssertionError as e:
                raise AssertionError(f"with {crashes}: {e}\n{self.d.log_text()[-6000:]}") from e
            self.deaths = self.d.deaths
            self.d.kill()

    def go(self):
        d = self.d
        d.insist("go", {"Order": {"Id": 17}}, "go-1")
        d.until(lambda: one(d, "SELECT 1 FROM steps WHERE kind = 4"), "it waits for the event")
        d.insist("approved", {"Order": {"Id": 17}, "by": "Ines"}, "approved-1")
        d.until(lambda: count(d, "finished_ms > 0"), "it ends")
        d.until(lambda: not one(d, "SELECT 1 FROM deliveries WHERE finished_ms = 0"), "all is sent")

    def check(self):
        d, r = self.d, self.r
        assert rows(d, "SELECT state, message FROM runs") == [(SUCCEEDED, "")], rows(d, "SELECT state, message FROM runs")
        assert one(d, "SELECT count(*) FROM events") == 2
        check_receiver(d, r, d.deaths)
        ids = {}
        for request in r.requests:
            ids.setdefault(request.json()["name"], set()).add(request.key)
        assert sorted(ids) == sorted(NAMES) and all(len(x) == 1 for x in ids.values()), ids
        kinds = [k for (k,) in rows(d, "SELECT kind FROM steps")]
        assert (kinds.count(CALL), kinds.count(SEND), kinds.count(WAIT), len(kinds)) == (5, 1, 1, 9), kinds
        self.check_trace({name: next(iter(x)) for name, x in ids.items()})

    def check_trace(self, ids):
        """What was told at each step is the beginning of what the flow knew in the end."""
        trace = result(self.d, one(self.d, "SELECT seq FROM runs"))
        words = [entry[0] for entry in trace]
        assert words == ["begun", "first", "slept", "told", "a", "b", "c", "approved", "last"], words
        told = {request.json()["name"]: request.json()["trace"] for request in self.r.requests}
        branches = {name: entry[1] for name, entry in zip(words, trace) if name in ("a", "b", "c")}
        assert told["first"] == trace[:1]
        assert told["told"] == trace[:3]
        assert told["a"] == told["c"] == trace[:4]
        assert told["b"] == trace[:4] + branches["b"][:1] and branches["b"][0][0] == "paused"
        assert told["last"] == trace[:8]
        assert trace[3][1] == ids["told"] and trace[7][1][1] == {"Order": {"Id": 17}, "by": "Ines"}
        answers = {"first": trace[1], "last": trace[8], **{name: entries[-1] for name, entries in branches.items()}}
        for name, (_, (ok, status, number, id, _), *_) in answers.items():
            assert (ok, status, id) == (True, 200, ids[name]), (name, ok, status, id, ids)
            assert self.r.requests[number - 1].key == id, f"{name}: the answer is that to another request"
        values = [entry[2] for entry in trace] + [entry[2] for entries in branches.values() for entry in entries]
        assert len(set(values)) == len(values), "an uuid came twice"
        times = [entry[5] for entry in trace]
        assert times == sorted(times), times


def sweep(cases, workers=4):
    """Runs Trip(case) of an iterable that may be told to end: next(cases) gives crashes. Errors are raised when all have ended."""
    lock, errors = threading.Lock(), []

    def work():
        while True:
            with lock:
                case = None if errors else next(cases, None)
            if case is None:
                return
            try:
                cases.done(case, Trip(case))
            except BaseException as e:  # noqa: whatever it was, it is shown
                with lock:
                    errors.append(e)

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if errors:
        raise errors[0]


class UntilNoneDies:
    """Crashes at the syncs 1, 2, … in steps, each followed by `then`, until a trip ends before its crash."""

    def __init__(self, how, step=1, first=1, then=()):
        self.how, self.step, self.n, self.then = how, step, first, list(then)
        self.end, self.killed = None, 0

    def __next__(self):
        if self.end is not None or self.n > 200:
            raise StopIteration
        self.n += self.step
        return [at(self.n - self.step, self.how), *self.then]

    def done(self, case, trip):
        if trip.deaths == 0:
            self.end = int(case[0]["CRASH_AT"])
        self.killed += trip.deaths > 0


def at(n, how):
    return {"CRASH_AT": str(n), "CRASH_HOW": how}


class Listed:
    def __init__(self, cases):
        self.cases, self.deaths, self.twice = iter(cases), 0, 0

    def __next__(self):
        return next(self.cases)

    def done(self, case, trip):
        self.deaths += trip.deaths
        self.twice += trip.deaths > 1


class Sweep(unittest.TestCase):
    def test_without_a_crash(self):
        self.assertEqual(Trip([]).deaths, 0)

    def sweep(self, how):
        step = 1 if not WRAPPED else 5
        cases = UntilNoneDies(how, step, 1 if how == "after" else step)
        sweep(cases)
        print(f"# killed {how} each of {cases.end} syncs: {cases.killed} trips", flush=True)
        self.assertIsNotNone(cases.end, "no trip went through")
        self.assertGreater(cases.killed, 12 // step)

    def test_killed_after_each_sync(self):
        self.sweep("after")

    def test_killed_before_each_sync_as_in_a_power_cut(self):
        self.sweep("before")

    def test_killed_twice(self):
        rng = random.Random(11)
        pairs = [[at(n, x), at(m, y)] for n in range(2, 19) for m in range(1, 9) for x in HOW for y in HOW]
        if not ALL:
            pairs = rng.sample(pairs, 24 if not WRAPPED else 3)
        cases = Listed(pairs)
        sweep(cases)
        print(f"# {len(pairs)} pairs of crashes, {cases.deaths} deaths", flush=True)
        self.assertGreaterEqual(cases.deaths, len(pairs))
        if not WRAPPED:
            self.assertGreater(cases.twice, len(pairs) // 10)


WANDER = """
integration "shop" { url = "%s", concurrency = 64, headers = { ["Content-Type"] = "application/json" },
  retry = { delays = { "50ms", "100ms", "200ms", "400ms" }, within = "1m" } }
webhook "step" { integration = "shop", url = "step?t=${WebhookRequest.TransactionalId}",
  body = { run = "${Run}", place = "${Place}", trace = "${Trace}" } }

flow "wander" { on = "go", run = function(event)
  local trace, n = {}, event.data.N
  local function ask(place)
    local res = call("step", { Run = n, Place = place, Trace = trace })
    return { place, res.ok, res.delivery_id, res.json and res.json.n or "none", uuid(), math.random() }
  end
  for i = 1, math.random(2, 5) do
    if math.random() < 0.6 then sleep(math.random() * 0.4) end
    if math.random() < 0.3 then
      local got = parallel {
        left = function() return ask(i .. ".left") end,
        right = function() sleep(math.random() * 0.2) return ask(i .. ".right") end,
      }
      for side, entry in pairs(got) do trace[#trace + 1] = entry end
    elseif math.random() < 0.3 then
      trace[#trace + 1] = { i .. "", true, send("step", { Run = n, Place = i .. "", Trace = trace }), "sent", uuid(), now() }
    else
      trace[#trace + 1] = ask(i .. "")
    end
  end
  return trace
end }
"""


class Killer(threading.Thread):
    """Kills the daemon some times, each a random moment after it was ready."""

    def __init__(self, d, kills):
        super().__init__(daemon=True)
        self.d, self.left, self.rng = d, kills, random.Random(5)

    def run(self):
        while self.left > 0:
            time.sleep(self.rng.uniform(0.02, 0.5))
            process = self.d.process
            if process.poll() is None and os.path.exists(os.path.join(self.d.state, "address")):
                process.kill()
                process.wait()
                self.left -= 1


class Stress(unittest.TestCase):
    def test_killed_at_random(self):
        kills = KILLS if not WRAPPED else 3
        rng, emitted, most = random.Random(3), 0, 200

        def moody(request, number):
            first = r.keys[request.key] == 1
            return answer(503) if first and rng.random() < 0.05 else numbered(request, number)

        with Receiver(moody) as r, Mortal(WANDER % r.url, options=["--log-level", "warn"]) as d:
            d.until(lambda: True, "it starts")
            killer = Killer(d, kills)
            killer.start()
            deadline = time.monotonic() + 5 * kills + 30
            while killer.left > 0 or emitted < most:
                self.assertLess(time.monotonic(), deadline)
                if not d.until(lambda: emitted - count(d, "finished_ms > 0") < most, "runs end"):
                    continue
                lines = [{"name": "go", "id": f"go-{n}", "data": {"N": n}} for n in range(emitted, emitted + 20)]
                d.until(lambda: d.batch(lines)[0] == 202, "a batch is accepted")
                emitted += 20
            killer.join()
            d.until(lambda: count(d, "finished_ms > 0") == emitted, "all runs end", 60)
            d.until(lambda: not one(d, "SELECT 1 FROM deliveries WHERE finished_ms = 0"), "all is sent", 60)
            print(f"# {emitted} runs, {r.count} requests, {d.deaths} deaths", flush=True)
            self.assertEqual(d.deaths, kills)
            self.check(d, r, emitted)
            d.stop()

    def check(self, d, r, emitted):
        self.assertEqual(count(d), emitted)
        self.assertEqual(rows(d, "SELECT state, message FROM runs WHERE state != 4 LIMIT 3"), [])
        check_receiver(d, r, d.deaths + 1)  # once more by rule
        final = {}
        for seq, event, value in rows(d, "SELECT r.seq, e.key, r.result FROM runs r JOIN events e ON e.seq = r.event"):
            final[int(event[3:])] = json.loads(value)
        self.assertEqual(len(final), emitted)
        ids = {}
        for request in r.requests:
            body = request.json()
            trace, told = final[body["run"]], body["trace"] or []  # an empty table is {}
            self.assertEqual(told, trace[:len(told)], "what was told is not how it went on")
            self.assertEqual(ids.setdefault((body["run"], body["place"]), request.key), request.key, "a step was done under two ids")
        for n, trace in final.items():
            for place, ok, id, number, *_ in trace:
                self.assertTrue(ok)
                self.assertEqual(ids[n, place], id)
                if number != "sent":
                    self.assertEqual(r.requests[number - 1].key, id)
        self.assertEqual(len(ids), sum(len(trace) for trace in final.values()))


if __name__ == "__main__":
    unittest.main()
