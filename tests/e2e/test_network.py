"""A line that loses, delays, reorders and doubles packets, is cut and heals, and receivers that vanish: nothing is lost, and what may
have arrived is sent again only with the key. SEED=n: the same line again."""
import os
import random
import sqlite3
import unittest

from flows import text_of
from harness import OK, Daemon, Receiver, most_in_a_second, wait_until
from wire import FAR, OTHER, Wire, enter

WHY_NOT = enter() if not os.environ.get("WRAPPED") else "a slow daemon meets other timeouts than those meant here"
SEED = int(os.environ.get("SEED") or random.randrange(1 << 30))
SUCCEEDED, FAILED, UNKNOWN = 3, 4, 5
E_CONNECT, E_TIMEOUT, E_RESET, E_CRASH = 2, 4, 5, 12
PACED = 40

SCRIPT = """
local KEY = "${WebhookRequest.TransactionalId}"
local function receiver(name, url, more)
  local t = { url = url, headers = { ["Content-Type"] = "application/json" } }
  for k, v in pairs(more) do t[k] = v end
  integration(name)(t)
  webhook(name .. "_keyed")   { integration = name, on = name, url = "keyed?t=" .. KEY, body = { n = "${N}" } }
  webhook(name .. "_keyless") { integration = name, on = name, url = "keyless", body = { n = "${N}" } }
end
"""


def receiver(name, r, more):
    return f'receiver("{name}", "{r.url}", {{ {more} }})\n'


RETRY = 'retry = { delays = { "100ms", "200ms", "300ms", "400ms", "500ms", "600ms", "700ms", "800ms", "900ms" }, within = "1m" }'


@unittest.skipIf(WHY_NOT, WHY_NOT)
class Network(unittest.TestCase):
    def setUp(self):
        self.wire = Wire(SEED)
        self.addCleanup(self.wire.__exit__)
        print(f"# seed {SEED}", flush=True)

    def enter(self, cm):
        value = cm.__enter__()
        self.addCleanup(cm.__exit__, None, None, None)
        return value

    def world(self, more, plan=None, paced=None):
        r = self.enter(Receiver(plan, sock=self.wire.listen(FAR)))
        text = SCRIPT + receiver("shop", r, more + ", " + RETRY)
        if paced:
            text += receiver("paced", r, f"rate = {paced}, " + RETRY)
        return r, self.enter(Daemon(text, options=["--log-level", "error"]))

    def emit(self, d, count, name="shop", first=0):
        status, body = d.batch({"name": name, "id": f"{name}-{n}", "data": {"N": n}} for n in range(first, first + count))
        self.assertEqual((status, body["accepted"]), (202, count), body)

    def check(self, d, count, *receivers):
        """What must hold of any line. Each delivery without the key: (state, errors of its attempts)."""
        d.idle(60)
        received = {}  # (webhook, id or n): times
        for r in receivers:
            for request in r.requests:
                keyless = request.path == "/keyless"
                at = (keyless, request.json()["n"] if keyless else request.key)
                received[at] = received.get(at, 0) + 1
        c, plain = d.database(), []
        attempts = {}
        for seq, error in c.execute("SELECT key >> 16, error FROM attempts ORDER BY key"):
            attempts.setdefault(seq, []).append(error)
        rows = c.execute("SELECT d.seq, d.id, d.webhook, d.state, e.key FROM deliveries d JOIN events e ON e.seq = d.event").fetchall()
        c.close()
        self.assertEqual(len(rows), 2 * count)
        for seq, id, webhook, state, key in rows:
            errors, n = attempts[seq], int(key.rsplit("-", 1)[1])
            if webhook.endswith("_keyed"):
                self.assertEqual(state, SUCCEEDED, (key, errors))
                self.assertGreaterEqual(received.get((False, text_of(id)), 0), 1, key)
            else:
                self.check_keyless(key, state, errors, received.get((True, n), 0))
                plain.append((state, errors))
        return plain

    def check_keyless(self, key, state, errors, times):
        where = f"{key}: state {state}, errors {errors}, received {times} times"
        self.assertLessEqual(times, 1, where)
        self.assertEqual([e for e in errors[:-1] if e != E_CONNECT], [], where)  # it goes on only after what never left
        self.assertEqual(state, {0: SUCCEEDED, E_CONNECT: FAILED}.get(errors[-1], UNKNOWN), where)
        if state != UNKNOWN:
            self.assertEqual(times, state == SUCCEEDED, where)

    def test_packets_are_lost_late_twice_and_out_of_order(self):
        r, d = self.world('concurrency = 32, timeout = "4s", connect_timeout = "3s"', paced=PACED)
        self.wire.loss, self.wire.delay, self.wire.jitter, self.wire.twice = 0.06, 0.003, 0.004, 0.02
        self.emit(d, 100)
        self.emit(d, 20, "paced", first=1000)
        plain = self.check(d, 120, r)
        self.assertGreater(self.wire.lost, 20)
        self.check_rate(d)
        print(f"# {self.wire.carried} packets carried, {self.wire.lost} lost; {sum(s == UNKNOWN for s, _ in plain)} unknown", flush=True)

    def check_rate(self, d):
        c = d.database()
        sent = [ms for (ms,) in c.execute(
            "SELECT a.started_ms FROM attempts a JOIN deliveries d ON d.seq = a.key >> 16 WHERE d.integration = 'paced' ORDER BY 1")]
        c.close()
        self.assertGreaterEqual(len(sent), 40)
        self.assertLessEqual(most_in_a_second(sent, 1000), PACED + 1)  # one for the clock's grain

    def errors(self, d):
        try:
            c = d.database()
        except sqlite3.OperationalError:
            return []
        try:
            return [e for (e,) in c.execute("SELECT error FROM attempts")]
        finally:
            c.close()

    def partition(self):
        """Requests are under way, some of them answered slowly, when the line is cut."""
        r, d = self.world('concurrency = 16, timeout = "700ms", connect_timeout = "300ms"', plan=lambda request, n: [0.05 * (n % 4), OK])
        self.emit(d, 60)
        r.wait(24)
        self.wire.cut = True
        return r, d

    def test_a_partition_that_heals(self):
        r, d = self.partition()
        wait_until(lambda: self.errors(d).count(E_TIMEOUT) >= 8 and E_CONNECT in self.errors(d), "the cut is felt")
        self.wire.cut = False
        plain = self.check(d, 60, r)
        self.assertGreater(sum(s == UNKNOWN for s, _ in plain), 0)
        print(f"# {sum(s == UNKNOWN for s, _ in plain)} unknown, {sum(E_CONNECT in e for _, e in plain)} tried again because they never left",
              flush=True)

    def test_killed_during_a_partition(self):
        r, d = self.partition()
        d.kill()
        d.start()
        wait_until(lambda: E_CONNECT in self.errors(d), "it goes on, and the line is cut")
        self.wire.cut = False
        plain = self.check(d, 60, r)
        self.assertGreater(sum(e[-1] == E_CRASH for _, e in plain), 0)
        self.assertGreater(sum(E_CONNECT in e and s == SUCCEEDED for s, e in plain), 0)

    def test_a_receiver_that_was_gone_and_knows_its_connections_no_more(self):
        r, d = self.world('concurrency = 16', plan=[[0.05, OK]])
        self.emit(d, 8)
        d.idle()
        lost = self.wire.lost
        self.wire.cut = True
        r.forget()
        wait_until(lambda: self.wire.lost >= lost + r.connections, "nobody is told of it")
        self.wire.cut = False
        self.emit(d, 8, first=8)
        plain = self.check(d, 16, r)
        self.assertIn(E_RESET, self.errors(d))
        print(f"# {self.errors(d).count(E_RESET)} connections were found dead; {sum(s == UNKNOWN for s, _ in plain)} unknown", flush=True)

    def test_a_receiver_that_goes_silent_for_good(self):
        r = self.enter(Receiver(sock=self.wire.listen(FAR)))
        text = SCRIPT + receiver("shop", r, 'timeout = "300ms", connect_timeout = "150ms", retry = { delays = { "50ms", "50ms" } }')
        d = self.enter(Daemon(text, options=["--log-level", "error"]))
        self.emit(d, 4)
        d.idle()
        self.wire.cut = True
        self.emit(d, 30, first=4)
        d.idle()
        c = d.database()
        ends = c.execute("SELECT webhook, state, error, attempts, count(*) FROM deliveries WHERE state != 3 GROUP BY 1, 2, 3, 4").fetchall()
        c.close()
        self.assertEqual(sum(row[4] for row in ends), 60, ends)
        for webhook, state, error, attempts, _ in ends:
            keyless = webhook == "shop_keyless"
            self.assertEqual(state, UNKNOWN if keyless and error in (E_TIMEOUT, E_RESET) else FAILED, ends)
            self.assertTrue(attempts == 3 or keyless and state == UNKNOWN, ends)
        self.assertEqual(r.count, 8)

    def test_an_address_that_does_not_answer_delays_no_other(self):
        r, void = self.enter(Receiver(sock=self.wire.listen(FAR))), self.enter(Receiver(sock=self.wire.listen(OTHER)))
        self.wire.deaf.add(OTHER)
        text = SCRIPT + receiver("void", void, 'connect_timeout = "20s"') + receiver("shop", r, RETRY)
        d = self.enter(Daemon(text, options=["--log-level", "error"]))
        self.emit(d, 100, "void", first=1000)  # more than it may have in flight
        wait_until(lambda: next(x for x in d.status()["integrations"] if x["name"] == "void")["in_flight"] == 64, "all it may have in flight is")
        self.emit(d, 100)
        r.wait(200)
        self.assertEqual(void.count, 0)
        wait_until(lambda: len(self.errors(d)) >= 200, "the others have ended")
        self.assertEqual(set(self.errors(d)), {0})  # so not one of the 64 has ended: they were waited for by nobody
        self.wire.deaf.clear()
        self.check(d, 200, r, void)


if __name__ == "__main__":
    unittest.main()
