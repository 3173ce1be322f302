"""What a webhook makes of an answer: success, on_response, the variables that are read from it."""
import json
import unittest

from harness import OK, RESET, Daemon, Receiver, answer, anzol, script

RETRY = 'retry = { delays = {"200ms"}, within = "10s" }, '


def hook(url, more, **options):
    return script(url, more=more, **options)


class Judged(unittest.TestCase):
    def outcome(self, plan, more, state, key=True, **options):
        """One delivery of a webhook with these fields: its end, the receiver's count, the daemon's log."""
        with Receiver(plan) as r, Daemon(hook(r.url, more, key=key, **options)) as d:
            id = d.emit("order.paid", {"Order": {"Id": 1}})["deliveries"][0]
            delivery = d.wait_state(id, state)
            return delivery, r, d.log()

    def refused(self, delivery, message):
        self.assertEqual(delivery["error"], {"kind": "rule", "message": message})
        self.assertEqual(delivery["attempts"][-1]["error"], delivery["error"])


class Success(Judged):
    def test_a_404_that_is_listed(self):
        delivery, r, log = self.outcome([answer(404, b'{"gone":true}')], 'success = {"2xx", 404}', "succeeded")
        self.assertEqual((r.count, delivery["status"], delivery["error"]), (1, 404, None))
        self.assertIsNone(delivery["attempts"][0]["error"])
        line = next(x for x in log if x["event"] == "delivery.attempt")
        self.assertEqual((line["level"], line["state"], line["status"]), ("info", "succeeded", 404))

    def test_a_200_that_is_not_listed(self):
        delivery, r, _ = self.outcome([OK], RETRY + "success = {201, 202}", "failed")
        self.assertEqual((r.count, delivery["status"]), (1, 200))
        self.refused(delivery, "status 200 is not among the webhook's success: 201, 202")

    def test_other_statuses_as_the_retry_rule_says(self):
        delivery, r, _ = self.outcome([answer(503), answer(201)], RETRY + "success = {201}", "succeeded")
        self.assertEqual([a["status"] for a in delivery["attempts"]], [503, 201])
        self.assertIsNone(delivery["attempts"][0]["error"])

    def test_a_function(self):
        more = "success = function(res) return res.json.accepted end"
        delivery, r, _ = self.outcome([answer(body=b'{"accepted":false}')], more, "failed")
        self.refused(delivery, "the success function said no")
        self.outcome([answer(409, b'{"accepted":true}')], more, "succeeded")

    def test_a_function_that_fails_is_contained(self):
        delivery, _, log = self.outcome([answer(200, b"<html>")], "success = function(res) return res.json.x end", "succeeded")
        told = [x for x in log if x["event"] == "script.error"]
        self.assertEqual(len(told), 1)
        self.assertEqual((told[0]["level"], told[0]["delivery"], told[0]["webhook"]), ("warn", delivery["id"], "order_paid"))
        self.assertRegex(told[0]["message"], r"script\.lua:5: the response is not JSON")

    def test_of_the_integration(self):
        delivery, _, _ = self.outcome([answer(404)], "", "succeeded", more_integration="success = {404},")
        self.assertEqual(delivery["status"], 404)
        delivery, _, _ = self.outcome([answer(404)], "success = false", "failed", more_integration="success = {404},")
        self.assertIsNone(delivery["error"])


class OnResponse(Judged):
    def test_asks_for_another_attempt(self):
        more = ('retry = { delays = {}, within = "10s" }, on_response = function(res)\n'
                'if res.status == 202 then return { retry = "300ms", error = "not ready" } end end')
        delivery, r, _ = self.outcome([answer(202), answer(202), answer(202), OK], more, "succeeded")
        self.assertEqual(r.count, 4)
        self.assertEqual([a["status"] for a in delivery["attempts"]], [202, 202, 202, 200])
        self.assertEqual(delivery["attempts"][0]["error"], {"kind": "rule", "message": "not ready"})
        for before, after in zip(r.requests, r.requests[1:]):
            self.assertGreaterEqual(after.at - before.at, 0.3)
        self.assertEqual({x.raw for x in r.requests}, {r.requests[0].raw})

    def test_needs_the_id_for_another_attempt(self):
        more = 'on_response = function() return { retry = "100ms", error = "not ready" } end'
        delivery, r, _ = self.outcome([OK], more, "failed", key=False)
        self.assertEqual(r.count, 1)
        self.refused(delivery, "not sent again, as the request has no transactional id: not ready")

    def test_asks_beyond_the_window(self):
        more = RETRY + 'on_response = function() return { retry = "11s" } end'
        delivery, r, _ = self.outcome([OK], more, "failed")
        self.assertEqual(r.count, 1)
        self.refused(delivery, "not sent again after 11s, as the retry window of 10s ends before: "
                               "the on_response function asked for another attempt")

    def test_asks_until_the_window_ends(self):
        more = 'retry = { delays = {}, within = "1s" }, on_response = function() return { retry = "300ms" } end'
        delivery, r, _ = self.outcome([OK], more, "failed")
        self.assertIn(r.count, (3, 4))
        self.assertLess(r.requests[-1].at - r.requests[0].at, 1.3)

    def test_pauses_the_integration(self):
        more = 'on_response = function(res) if res.headers["X-Quota-Left"] == "0" then return { pause = "1s" } end end'
        with Receiver([answer(headers=[("x-quota-left", "0")]), OK]) as r, Daemon(hook(r.url, more)) as d:
            first = d.emit("order.paid", {"Order": {"Id": 1}})["deliveries"][0]
            d.wait_state(first, "succeeded")
            d.emit("order.paid", {"Order": {"Id": 2}})
            r.wait(2)
            self.assertGreaterEqual(r.requests[1].at - r.requests[0].at, 1.0)
            line = d.log("integration.paused")[0]
            self.assertEqual((line["for"], line["reason"]), ("1s", "on_response asked for it"))

    def test_fails_with_its_words(self):
        more = RETRY + 'on_response = function(res) return { ok = false, error = res.json.error } end'
        delivery, r, _ = self.outcome([answer(body='{"error":"Konto gesperrt: ä"}'.encode())], more, "failed")
        self.assertEqual(r.count, 1)
        self.refused(delivery, "Konto gesperrt: ä")

    def test_fails_for_good(self):
        more = RETRY + 'on_response = function(res) return { retry = false, error = "closed" } end'
        delivery, r, _ = self.outcome([answer(503), OK], more, "failed")
        self.assertEqual((r.count, delivery["status"]), (1, 503))
        self.refused(delivery, "closed")

    def test_calls_a_500_a_success(self):
        delivery, r, _ = self.outcome([answer(500)], RETRY + "on_response = function() return { ok = true } end", "succeeded")
        self.assertEqual((r.count, delivery["error"]), (1, None))

    def test_errors_are_contained(self):
        with Receiver([answer(503), OK]) as r, Daemon(hook(r.url, RETRY + "on_response = function(res)\n  error('oh ' .. res.status)\nend")) as d:
            id = d.emit("order.paid", {"Order": {"Id": 1}})["deliveries"][0]
            delivery = d.wait_state(id, "succeeded")
            self.assertEqual([a["status"] for a in delivery["attempts"]], [503, 200])
            told = d.log("script.error")
            self.assertEqual([(x["delivery"], x["attempt"]) for x in told], [(id, 1), (id, 2)])
            self.assertRegex(told[0]["message"], r"script\.lua:6: oh 503$")

    def test_a_wrong_answer_of_the_function_is_contained(self):
        delivery, _, log = self.outcome([OK], 'on_response = function() return { rety = "1s" } end', "succeeded")
        self.assertRegex(next(x["message"] for x in log if x["event"] == "script.error"),
                         r"script\.lua:4: webhook 'order_paid': .* unknown field 'rety'; did you mean 'retry'\?")

    def test_a_runaway_is_stopped(self):
        delivery, _, log = self.outcome([OK], "on_response = function() while true do end end", "succeeded")
        self.assertRegex(next(x["message"] for x in log if x["event"] == "script.error"), "ran longer than 250 ms of CPU")

    def test_is_not_asked_without_an_answer(self):
        delivery, r, log = self.outcome([RESET, OK], RETRY + "on_response = function(res) log('asked', {status = res.status}) end", "succeeded")
        self.assertEqual(r.count, 2)
        self.assertEqual([x["status"] for x in log if x["event"] == "script.log"], [200])

    def test_counts_attempts_and_outlives_a_restart(self):
        more = ('retry = { delays = {}, within = "60s" }, on_response = function(res)\n'
                'if res.attempts < 3 then return { retry = "1s" } end return { ok = false, error = "after " .. res.attempts } end')
        with Receiver([OK]) as r, Daemon(hook(r.url, more)) as d:
            id = d.emit("order.paid", {"Order": {"Id": 1}})["deliveries"][0]
            d.wait_state(id, "waiting")
            d.kill()
            d.start()
            delivery = d.wait_state(id, "failed")
            self.assertEqual((r.count, delivery["error"]["message"]), (3, "after 3"))

    def test_a_secret_in_its_words_is_masked(self):
        more = "on_response = function(res) return { ok = false, error = 'key ' .. (res.body:gsub('-', '')) } end"
        with Receiver([answer(body=b"h-u-n-t-e-r-2-2")]) as r, \
                Daemon(hook(r.url, more, more_integration="") + "local _ = secret 'KEY'", env={"KEY": "hunter22"}) as d:
            id = d.emit("order.paid", {"Order": {"Id": 1}})["deliveries"][0]
            delivery = d.wait_state(id, "failed")
            self.assertEqual(delivery["error"]["message"], "key ********")
            self.assertNotIn("hunter22", d.log_text())


class Variables(unittest.TestCase):
    def vars(self, bytes_of_answer, mapping):
        """What is read from one answer: (vars, vars_error)."""
        with Receiver([bytes_of_answer]) as r, Daemon(hook(r.url, f"response = {mapping}")) as d:
            id = d.emit("order.paid", {"Order": {"Id": 1}})["deliveries"][0]
            delivery = d.wait_state(id, "succeeded")
            return delivery.get("vars"), delivery.get("vars_error")

    def test_strict_path(self):
        self.assertEqual(self.vars(answer(body=b'{"data":[{"id":7}]}'), '{ id = "data[0].id!" }'), ({"id": 7}, None))
        self.assertEqual(self.vars(answer(body=b'{"data":[]}'), '{ a = "data[0].id", id = "data[0].id!" }'),
                         (None, "webhook 'order_paid': response.id: the answer has nothing at 'data[0].id'"))
        self.assertEqual(self.vars(answer(body=b'{"data":[]}'), '{ id = "data[0].id" }'), ({"id": None}, None))

    def answered(self, body, lines):
        head = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *lines]
        return ("\r\n".join(head) + "\r\n\r\n").encode() + body

    def test_json_in_windows_1251(self):
        body = '{"name":"Привет"}'.encode("windows-1251")
        got = self.answered(body, ["Content-Type: application/json; charset=Windows-1251"])
        self.assertEqual(self.vars(got, '{ name = "name" }'), ({"name": "Привет"}, None))
        found, _ = self.vars(got, "function(res) return { c = res.charset, t = res.text, n = #res.body, name = res.json.name } end")
        self.assertEqual(found, {"c": "windows-1251", "t": '{"name":"Привет"}', "n": len(body), "name": "Привет"})

    def test_repeated_headers(self):
        got = self.answered(b"", ["Set-Cookie: a=1, x", "set-cookie: b=2", "X-One: y"])
        found, _ = self.vars(got, 'function(res) return { all = res:all "SET-COOKIE", one = res.headers["set-cookie"],'
                                  ' none = json.array(res:all "x-none") } end')
        self.assertEqual(found, {"all": ["a=1, x", "b=2"], "one": "a=1, x, b=2", "none": []})

    def test_body_that_was_cut(self):
        big = b'{"x":"' + b"y" * (300 << 10) + b'"}'
        found, why = self.vars(answer(body=big), '{ x = "x" }')
        self.assertEqual((found, why), (None, "the response was cut at 256 KiB, so its JSON is not whole"))
        found, _ = self.vars(answer(body=big), "function(res) return { cut = res.truncated, n = #res.body } end")
        self.assertEqual(found, {"cut": True, "n": 256 << 10})

    def test_ok_is_what_success_says(self):
        with Receiver([answer(404)]) as r, Daemon(hook(r.url, "success = {404}, response = function(res) return { ok = res.ok } end")) as d:
            id = d.emit("order.paid", {"Order": {"Id": 1}})["deliveries"][0]
            self.assertEqual(d.wait_state(id, "succeeded")["vars"], {"ok": True})


class Shown(unittest.TestCase):
    def test_to_people(self):
        hooks = """
integration "shop" { url = "%s", headers = { ["Content-Type"] = "application/json" } }
webhook "lenient" { integration = "shop", success = { 200, 404 }, body = {} }
webhook "strict" { integration = "shop", success = { 201 }, on_response = function() end, body = {} }
"""
        with Receiver([answer(404), OK]) as r, Daemon(hooks % r.url) as d:
            code, out, err = anzol("send", "lenient", "--state", d.state)
            self.assertEqual((code, err), (0, ""))
            self.assertIn("404  a success by the webhook's rule\n", out)
            code, out, _ = anzol("send", "strict", "--state", d.state)
            self.assertEqual(code, 1)
            self.assertIn("200  rule: status 200 is not among the webhook's success: 201\n", out)
            code, out, _ = anzol("deliveries", "--state", d.state)
            self.assertRegex(out, r"lenient +succeeded +1 +404\n")
            self.assertRegex(out, r"strict +failed +1 +200 rule: status 200 is not")
            code, out, _ = anzol("list", "--state", d.state)
            self.assertIn("    a success is 200, 404\n", out)
            self.assertIn("    a success is 201; on_response may decide\n", out)
            code, out, _ = anzol("list", "--json", "--state", d.state)
            found = {w["name"]: (w["success"], w["on_response"]) for w in json.loads(out)["webhooks"]}
            self.assertEqual(found, {"lenient": ([200, 404], False), "strict": ([201], True)})


if __name__ == "__main__":
    unittest.main()
