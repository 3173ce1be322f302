"""What clients, receivers and the one who kills have seen of a daemon, and whether its log says the same: the oracles of storm.py."""
import http.client
import json
import sqlite3

from flows import text_of
from harness import anzol, most_in_a_second
from moods import HANG, RESET, always_refused

SUCCEEDED, FAILED, UNKNOWN = 3, 4, 5
STATES = ["queued", "sending", "waiting", "succeeded", "failed", "unknown"]
AMBIGUOUS = 2  # a class of attempts
E_OK, E_CONNECT, E_TIMEOUT, E_RESET, E_WINDOW, E_CRASH = 0, 2, 4, 5, 11, 12
RUN_SUCCEEDED = 4
RECORDING_MAX = 256  # attempts of an integration whose outcome is being written, besides those in flight: more are not begun then
RETRIES = 5          # as the script of the storm has it
KEYLESS = {"plain"}
DONE = (200, 400)    # answers after which nothing more is due


class Event:
    def __init__(self, envelope, made):
        self.envelope, self.made = envelope, made
        self.sent, self.acknowledged, self.ids = 0, False, None


class Sent:
    """All requests of one delivery."""

    def __init__(self, id, raw, body):
        self.id, self.raw, self.body, self.requests = id, hash(raw), body, []


class Request:
    def __init__(self, life, what):
        self.life, self.what, self.answered = life, what, False
        self.over = None  # when the receiver had done its part


class Ledger:
    def __init__(self):
        self.events, self.acked, self.unacknowledged = {}, [], 0
        self.sent = {}           # (webhook, n): Sent
        self.killed, self.how = {}, {}
        self.now = 0             # counts what happens, in its order
        self.settled = {}        # life: what was over before that was recorded before the life's end
        self.due = {}            # webhook: deliveries whose end is not seen
        self.done = set()
        self.received = 0
        self.figures, self.lost = {}, None

    # --- what happens ---------------------------------------------------------------------------------------------

    def event(self, envelope, made):
        self.events[envelope["id"]] = Event(envelope, made)
        self.unacknowledged += 1
        for webhook in made:
            if self.counts(webhook, envelope["data"]["N"]):
                self.due[webhook] = self.due.get(webhook, 0) + 1

    @staticmethod
    def counts(webhook, n):
        return webhook not in KEYLESS and not always_refused(webhook, n)

    def owed(self, webhook=None):
        return self.due.get(webhook, 0) if webhook else sum(self.due.values())

    def any_acknowledged(self, rng):
        return self.events[rng.choice(self.acked)].envelope

    def sent_events(self, events):
        for e in events:
            self.events[e["id"]].sent += 1

    def acknowledged(self, events, batch, answer):
        """The 202 to `events`; those of them that were not acknowledged before."""
        known = [self.events[e["id"]] for e in events]
        if batch:
            assert not answer["rejected"] and answer["accepted"] + answer["duplicates"] == len(events), answer
            again = sum(x.sent > 1 for x in known)
            assert answer["duplicates"] <= again, f"{answer}: {again} of them were sent before"
        else:
            self.one_acknowledged(known[0], answer)
        fresh = [x.envelope for x in known if not x.acknowledged]
        for x in known:
            if not x.acknowledged:
                x.acknowledged = True
                self.acked.append(x.envelope["id"])
                self.unacknowledged -= 1
        return fresh

    def one_acknowledged(self, x, answer):
        name = x.envelope["id"]
        assert not (answer["duplicate"] and x.sent < 2), f"{name} is said to be a duplicate, and was sent once"
        assert answer["duplicate"] or not x.acknowledged, f"{name} is processed once more"
        ids = (answer["deliveries"], answer["runs"])
        assert x.ids in (None, ids), f"{name} has made {x.ids}, now {ids}"
        calls = x.envelope["name"] == "trip"
        assert len(ids[0]) == (0 if calls else len(x.made)) and len(ids[1]) == calls, (name, answer)
        x.ids = ids

    def request(self, webhook, n, id, raw, life, what, body):
        known = self.sent.setdefault((webhook, n), Sent(id, raw, body if webhook in ("first", "last") else None))
        assert (id is None) == (webhook in KEYLESS), (webhook, id)
        assert known.id == id, f"{webhook} of {n} came under two ids: {known.id}, {id}"
        assert known.raw == hash(raw), f"{webhook} of {n} came with other bytes: {raw}"
        assert webhook not in KEYLESS or not known.requests, f"{webhook} of {n} came twice, without the key"
        request = Request(life, what)
        known.requests.append(request)
        self.received += 1
        if (what in DONE or len(known.requests) > RETRIES) and self.counts(webhook, n) and (webhook, n) not in self.done:
            self.done.add((webhook, n))
            self.due[webhook] -= 1
        return request

    def tick(self):
        self.now += 1
        return self.now

    def over(self, request, answered):
        request.answered, request.over = answered, self.tick()

    def committed(self, life, sent):
        """An event was acknowledged that was sent when all that was over at `sent` was known to the daemon: writes are committed in the
        order in which they come about. So what a receiver answers fits into a socket at once, and two further exchanges give a
        connection that was aborted the time to end."""
        self.settled[life] = max(self.settled.get(life, 0), sent)

    def life_ended(self, life):
        self.killed[life.number] = life.killed
        if life.killed:
            self.how[life.how] = self.how.get(life.how, 0) + 1

    def all_acknowledged(self):
        return self.unacknowledged == 0

    # --- what the files say ---------------------------------------------------------------------------------------

    def check_files(self, path):
        """After a kill: whole, and with everything that was acknowledged before."""
        c = sqlite3.connect(path)
        try:
            assert c.execute("PRAGMA quick_check").fetchall() == [("ok",)]
            if not c.execute("SELECT 1 FROM sqlite_master WHERE name = 'events'").fetchall():
                assert not self.acked
                return
            there = {key for (key,) in c.execute("SELECT key FROM events")}
            lost = [key for key in self.acked if key not in there]
            assert not lost, f"acknowledged, and lost: {lost[:5]}"
        finally:
            c.close()

    @staticmethod
    def is_done(state):
        c = sqlite3.connect(f"file:{state}/anzol.db?mode=ro", uri=True)
        try:
            return not c.execute("SELECT EXISTS (SELECT 1 FROM deliveries WHERE state < 3) OR "
                                 "EXISTS (SELECT 1 FROM runs WHERE finished_ms = 0)").fetchone()[0]
        finally:
            c.close()

    def open_ones(self):
        return {k: v for k, v in self.due.items() if v}

    def check(self, storm):
        """When all is drained, and the daemon still runs."""
        self.c = sqlite3.connect(f"file:{storm.state}/anzol.db?mode=ro", uri=True)
        try:
            assert self.c.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            self.read()
            self.check_events()
            self.check_deliveries(storm.concurrency)
            self.check_runs()
            self.check_rate("paced", storm.rate)
        finally:
            self.c.close()
        self.check_api(storm)
        self.check_command(storm)

    def read(self):
        """The deliveries by (webhook, n), each with its attempts."""
        attempts = {}
        for seq, *row in self.c.execute("SELECT key >> 16, status, error, class FROM attempts ORDER BY key"):
            attempts.setdefault(seq, []).append(tuple(row))
        self.deliveries = {}
        for seq, id, webhook, integration, state, count, key in self.c.execute(
                "SELECT d.seq, d.id, d.webhook, d.integration, d.state, d.attempts, e.key FROM deliveries d "
                "LEFT JOIN runs r ON r.seq = d.run LEFT JOIN events e ON e.seq = ifnull(r.event, d.event)"):
            assert key in self.events, f"a delivery of {webhook} for no event that was sent: {key}"
            at = (webhook, self.events[key].envelope["data"]["N"])
            assert at not in self.deliveries, f"two deliveries of {webhook} for {key}"
            assert webhook in self.events[key].made, (webhook, key)
            mine = attempts.get(seq, [])
            assert count == len(mine), f"{at} counts {count} attempts and has {mine}"
            self.deliveries[at] = (text_of(id), integration, state, mine)

    def check_events(self):
        there = [key for (key,) in self.c.execute("SELECT key FROM events")]
        self.lost = len(set(self.acked) - set(there))
        assert len(there) == len(set(there)) and set(there) == set(self.events), set(there) ^ set(self.events)
        for x in self.events.values():
            for webhook in x.made:
                assert (webhook, x.envelope["data"]["N"]) in self.deliveries, f"no delivery of {webhook} for {x.envelope['id']}"
        for at in self.sent:
            assert at in self.deliveries, f"{at} was received, and is no delivery"

    def check_deliveries(self, concurrency):
        f = self.figures = {"succeeded": 0, "failed": 0, "unknown": 0, "in_flight": 0, "answered_in_flight": 0, "again": 0}
        per_life = {}
        for at, (id, integration, state, attempts) in self.deliveries.items():
            sent = self.sent.get(at)
            requests = sent.requests if sent else []
            assert sent is None or sent.id in (None, id), f"{at} has the id {id}, and was received as {sent.id}"
            f[STATES[state]] += 1
            recorded = self.match(requests, attempts)
            assert recorded is not None, \
                f"{at}: received {[self.shown(r) for r in requests]}, recorded {attempts}"
            for i, r in enumerate(requests):
                if not recorded[i]:
                    f["in_flight"] += 1
                    f["answered_in_flight"] += r.answered
                    f["again"] += i + 1 < len(requests)
                    per_life[r.life, integration] = per_life.get((r.life, integration), 0) + 1
            self.check_state(at, state, requests, attempts)
        f["most_in_flight"] = max(per_life.values(), default=0)
        for (life, integration), n in per_life.items():
            assert n <= concurrency[integration] + RECORDING_MAX, f"{n} requests of {integration} in flight at the end of life {life}"

    def match(self, requests, attempts):
        """Which of the requests were recorded, when `attempts` can be the record of them: all but those that were the last of their
        delivery in a life that was ended by a kill, and not over well before it. None: they cannot."""
        def may_be_lost(i):
            r = requests[i]
            last_of_life = i + 1 == len(requests) or requests[i + 1].life != r.life
            settled = r.over is not None and r.over <= self.settled.get(r.life, 0)
            return last_of_life and self.killed.get(r.life, False) and not settled

        def go(i, j):
            if i == len(requests) and j == len(attempts):
                return []
            if j < len(attempts) and attempts[j][1] in (E_CONNECT, E_CRASH, E_WINDOW):  # no request belongs to it
                rest = go(i, j + 1)
                if rest is not None:
                    return rest
            if i < len(requests) and j < len(attempts) and fits(requests[i], attempts[j]):
                rest = go(i + 1, j + 1)
                if rest is not None:
                    return [True, *rest]
            if i < len(requests) and may_be_lost(i):
                rest = go(i + 1, j)
                if rest is not None:
                    return [False, *rest]
            return None
        return go(0, 0)

    def shown(self, r):
        return r.life, self.killed.get(r.life), r.what, f"over at {r.over}, settled {self.settled.get(r.life)}"

    def check_state(self, at, state, requests, attempts):
        status, error, kind = attempts[-1]
        where = f"{at} is {STATES[state]} after {attempts}, received {[r.what for r in requests]}"
        if at[0] in KEYLESS:
            assert len([a for a in attempts if a[1] != E_CONNECT]) == 1, where
            expected = UNKNOWN if kind == AMBIGUOUS else SUCCEEDED if status // 100 == 2 else FAILED
            assert state == expected, where
            assert requests or error == E_CRASH, where
            return
        assert requests, where
        assert all(a[1] != E_CRASH for a in attempts), where
        if status // 100 == 2 and error == E_OK:
            assert state == SUCCEEDED, where
            return
        exhausted = len(attempts) == RETRIES + 1
        assert exhausted or (error == E_OK and status == 400), where
        assert state == FAILED, where  # it may be sent again by hand: under the same key

    def check_runs(self):
        runs = {}
        for key, state, message, result in self.c.execute(
                "SELECT e.key, r.state, r.message, r.result FROM runs r JOIN events e ON e.seq = r.event"):
            assert key not in runs, f"two runs for {key}"
            assert state == RUN_SUCCEEDED, (key, state, message)
            runs[key] = json.loads(result)
        trips = {key for key, x in self.events.items() if x.envelope["name"] == "trip"}
        assert set(runs) == trips, set(runs) ^ trips
        for key, result in runs.items():
            n = self.events[key].envelope["data"]["N"]
            first, last = self.deliveries["first", n], self.deliveries["last", n]
            bodies = [json.loads(self.sent[w, n].body) for w in ("first", "last")]
            by = self.events[f"approved-{n}"].envelope["data"]["By"]
            value = bodies[0]["value"]
            expected = {"n": n, "value": value, "first": first[0], "last": last[0], "by": by, "answers": [n, n],
                        "ok": first[2] == last[2] == SUCCEEDED}
            assert result == expected, (result, expected)
            assert bodies[1] == {"n": n, "by": by, "value": value}, bodies
        self.figures["runs"] = len(runs)

    def check_rate(self, integration, rate):
        times = [ms for (ms,) in self.c.execute(
            "SELECT a.started_ms FROM attempts a JOIN deliveries d ON d.seq = a.key >> 16 WHERE d.integration = ? ORDER BY 1", (integration,))]
        most = most_in_a_second(times, 1000)
        assert most <= rate + 1, f"{most} requests in a second, at a rate of {rate}"  # one for the clock's grain
        self.figures["most_in_a_second"] = most

    # --- what people see ------------------------------------------------------------------------------------------

    def check_api(self, storm):
        c = http.client.HTTPConnection("127.0.0.1", storm.port)
        head = {"Authorization": f"Bearer {storm.token()}"}

        def get(path):
            c.request("GET", path, headers=head)
            response = c.getresponse()
            body = json.loads(response.read())
            assert response.status == 200, body
            return body
        seen, cursor = {}, ""
        while cursor is not None:
            page = get("/v1/deliveries?limit=1000" + (f"&cursor={cursor}" if cursor else ""))
            for d in page["deliveries"]:
                assert d["id"] not in seen, f"{d['id']} stands twice in the log"
                seen[d["id"]] = (d["webhook"], d["state"], d["attempt_count"])
            cursor = page["next"]
        expected = {id: (at[0], STATES[state], len(attempts)) for at, (id, _, state, attempts) in self.deliveries.items()}
        assert seen == expected, list(seen.items() ^ expected.items())[:6]
        some = list(self.deliveries.items())
        for at, (id, _, state, attempts) in storm.rng.sample(some, min(40, len(some))):
            shown = get(f"/v1/deliveries/{id}")["attempts"]
            assert [a["status"] or 0 for a in shown] == [a[0] for a in attempts], (at, shown, attempts)
        c.close()

    def check_command(self, storm):
        code, out, err = anzol("deliveries", "--json", "--limit", "1000", "--state-dir", storm.state)
        assert code == 0, err
        newest = json.loads(out)["deliveries"]
        known = {id: STATES[state] for id, _, state, _ in self.deliveries.values()}
        assert len(newest) == min(1000, len(known)) and all(known[d["id"]] == d["state"] for d in newest)


def fits(request, attempt):
    """Whether that can be the record of that request."""
    status, error, _ = attempt
    if error == E_TIMEOUT:
        return request.what is HANG or status == 0  # a busy machine may answer too late
    if error == E_RESET:
        return request.what is RESET
    return error == E_OK and request.answered and status == request.what
