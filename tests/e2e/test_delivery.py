"""What the receiver gets, and when it gets it again."""
import http.client
import socket
import time
import unittest

from harness import CLOSE, HANG, OK, RESET, Daemon, Receiver, answer, script

FAST = 'retry = { delays = {"200ms", "300ms", "400ms"}, within = "20s" }'


class TheRequest(unittest.TestCase):
    def test_is_as_described(self):
        text = """
integration "shop" { url = "%sv3/", headers = { ["Content-Type"] = "application/json", ["X-Static"] = "a", ["X-Gone"] = "b" } }
webhook "paid" { integration = "shop", on = "order.paid", method = "PUT", url = "orders/${Order.Id}?t=${WebhookRequest.TransactionalId}&q=${Q}",
  headers = { ["x-static"] = "c", ["X-Gone"] = false, ["X-Order"] = "no ${Order.Id}" },
  body = { id = "${Order.Id}", text = "Id: ${Order.Id}", quote = "${Quote}", big = "${Big}", list = "${List}", none = "${Nothing}",
           items = each("line in Order.Lines", { sku = "${line.Sku}" }), note = when("Order.Note != null", "${Order.Note}") } }
"""
        data = {"Order": {"Id": 7, "Lines": [{"Sku": "a"}, {"Sku": "b"}]}, "Q": "a b&c", "Quote": 'say "hi"\n', "Big": 9007199254740993,
                "List": [], "Nothing": None}
        with Receiver() as r, Daemon(text % r.url) as d:
            event = d.emit("order.paid", data)
            request = r.wait(1)[0]
            delivery = d.wait_state(event["deliveries"][0], "succeeded")
            self.assertEqual(request.method, "PUT")
            self.assertEqual(request.path, f"/v3/orders/7?t={event['deliveries'][0]}&q=a%20b%26c")
            self.assertEqual([v for n, v in request.headers if n.lower() == "x-static"], ["c"])
            self.assertIsNone(request.header("X-Gone"))
            self.assertEqual(request.header("X-Order"), "no 7")
            self.assertEqual(request.header("Content-Type"), "application/json")
            self.assertEqual(request.json(), {"id": 7, "text": "Id: 7", "quote": 'say "hi"\n', "big": 9007199254740993, "list": [],
                                              "none": None, "items": [{"sku": "a"}, {"sku": "b"}]})
            self.assertEqual(delivery["request"]["body"].encode(), request.body)
            self.assertEqual(delivery["attempts"][0]["status"], 200)
            self.assertEqual(delivery["attempts"][0]["response"]["body"], '{"ok":true}')

    def test_that_cannot_be_rendered_fails_alone(self):
        hooks = """
integration "shop" { url = "%s", headers = { ["Content-Type"] = "application/json" } }
webhook "a" { integration = "shop", on = "e", url = "a", body = { id = "${Id}" } }
webhook "b" { integration = "shop", on = "e", url = "b",
  body = [[{"id": ${Id},
    "note": "for ${ Order.Note }"}]] }
webhook "c" { integration = "shop", on = "e", url = "c", headers = { ["X-Name"] = "${Name}" } }
"""
        with Receiver() as r, Daemon(hooks % r.url) as d:
            event = d.emit("e", {"Id": 1, "Name": "x\r\nX-Evil: 1"})
            self.assertEqual(len(event["deliveries"]), 3)
            self.assertEqual([request.path for request in r.wait(1)], ["/a"])
            found = {x["webhook"]: x for x in (d.wait_state(i, "succeeded", "failed") for i in event["deliveries"])}
            self.assertEqual({name: x["state"] for name, x in found.items()}, {"a": "succeeded", "b": "failed", "c": "failed"})
            note, name = r"script\.lua:6:21: 'Order\.Note' is null", r"script\.lua:7:86: 'Name' holds a line break; a header cannot"
            self.assertRegex(found["b"]["error"]["message"], note)
            self.assertRegex(found["c"]["error"]["message"], name)
            self.assertRegex(d.log_text(), note)
            self.assertRegex(d.log_text(), name)
            self.assertEqual(len(r.requests), 1)

    def test_of_each_method(self):
        hooks = "".join(f'webhook "w_{m}" {{ integration = "shop", on = "e", method = "{m}" }}\n' for m in
                        ("GET", "POST", "PUT", "PATCH", "DELETE"))
        with Receiver() as r, Daemon(f'integration "shop" {{ url = "{r.url}" }}\n{hooks}') as d:
            self.assertEqual(len(d.emit("e")["deliveries"]), 5)
            self.assertEqual(sorted(x.method for x in r.wait(5)), ["DELETE", "GET", "PATCH", "POST", "PUT"])

    def test_reuses_connections(self):
        with Receiver() as r, Daemon(script(r.url)) as d:
            for i in range(20):
                d.emit("order.paid", {"Order": {"Id": i}})
                r.wait(i + 1)
            self.assertEqual(r.connections, 1)

    def test_proxy_of_the_environment_is_not_used(self):
        with Receiver() as r, Daemon(script(r.url), env={"http_proxy": "http://127.0.0.1:9", "ALL_PROXY": "http://127.0.0.1:9"}) as d:
            d.wait_state(d.emit("order.paid")["deliveries"][0], "succeeded")

    def test_redirects_are_not_followed(self):
        with Receiver([answer(302, headers=[("Location", "/elsewhere")])]) as r, Daemon(script(r.url)) as d:
            delivery = d.wait_state(d.emit("order.paid")["deliveries"][0], "failed")
            self.assertEqual((r.count, delivery["status"]), (1, 302))


class Retries(unittest.TestCase):
    def outcome(self, plan, state, key=True, more=FAST, **more_script):
        """One event; the delivery's end, and the receiver."""
        with Receiver(plan) as r, Daemon(script(r.url, key=key, more=more, **more_script)) as d:
            id = d.emit("order.paid", {"Order": {"Id": 1}})["deliveries"][0]
            delivery = d.wait_state(id, state)
            return delivery, r

    def test_503_429_200_under_one_id_with_identical_bytes(self):
        plan = [answer(503), answer(429, headers=[("Retry-After", "1")]), OK]
        delivery, r = self.outcome(plan, "succeeded")
        self.assertEqual(r.count, 3)
        self.assertEqual(len({x.raw for x in r.requests}), 1)
        self.assertEqual({x.key for x in r.requests}, {delivery["id"]})
        self.assertGreaterEqual(r.requests[2].at - r.requests[1].at, 1.0)
        self.assertEqual([a["status"] for a in delivery["attempts"]], [503, 429, 200])
        self.assertEqual([a["number"] for a in delivery["attempts"]], [1, 2, 3])

    def test_retry_after_holds_the_integration(self):
        with Receiver([answer(429, headers=[("Retry-After", "1")]), OK]) as r, Daemon(script(r.url, more=FAST)) as d:
            d.emit("order.paid", {"Order": {"Id": 1}})
            r.wait(1)
            time.sleep(0.2)
            d.emit("order.paid", {"Order": {"Id": 2}})
            r.wait(3)
            self.assertGreaterEqual(r.requests[1].at - r.requests[0].at, 1.0)

    def test_without_the_id_one_attempt(self):
        delivery, r = self.outcome([answer(503), OK], "failed", key=False)
        self.assertEqual((r.count, len(delivery["attempts"])), (1, 1))

    def test_404_is_final(self):
        delivery, r = self.outcome([answer(404), OK], "failed")
        self.assertEqual(r.count, 1)

    def test_end_when_the_delays_are_used_up(self):
        delivery, r = self.outcome([answer(500)], "failed")
        self.assertEqual((r.count, delivery["attempt_count"]), (4, 4))

    def test_timeout_after_sending_with_the_key(self):
        delivery, r = self.outcome([HANG, OK], "succeeded", more='timeout = "300ms", ' + FAST)
        self.assertEqual(r.count, 2)
        self.assertEqual(delivery["attempts"][0]["error"]["kind"], "timeout")

    def test_timeout_after_sending_without_the_key_is_unknown(self):
        delivery, r = self.outcome([HANG, OK], "unknown", key=False, more='timeout = "300ms", ' + FAST)
        self.assertEqual(r.count, 1)

    def test_reset_after_sending(self):
        self.assertEqual(self.outcome([RESET, OK], "succeeded")[1].count, 2)
        self.assertEqual(self.outcome([RESET, OK], "unknown", key=False)[1].count, 1)

    def test_refused_is_retried_in_either_case(self):
        for key in (True, False):
            with self.subTest(key=key):
                with socket.socket() as s:
                    s.bind(("127.0.0.1", 0))
                    port = s.getsockname()[1]
                with Daemon(script(f"http://127.0.0.1:{port}/", key=key, more=FAST)) as d:
                    id = d.emit("order.paid")["deliveries"][0]
                    d.wait_state(id, "waiting")
                    with Receiver(port=port) as r:
                        delivery = d.wait_state(id, "succeeded")
                        self.assertEqual(r.count, 1)
                        self.assertEqual(delivery["attempts"][0]["error"]["kind"], "connect")

    def test_a_dying_reused_connection_makes_no_hidden_copy(self):
        # The receiver answers the first request of a connection, reads the second whole and closes without a word.
        seen = {}

        def plan(request, number):
            seen[request.connection] = seen.get(request.connection, 0) + 1
            return OK if seen[request.connection] == 1 else CLOSE

        with Receiver(plan) as r, Daemon(script(r.url, key=False)) as d:
            d.wait_state(d.emit("order.paid", {"Order": {"Id": 1}})["deliveries"][0], "succeeded")
            second = d.wait_state(d.emit("order.paid", {"Order": {"Id": 2}})["deliveries"][0], "unknown")
            time.sleep(0.3)
            self.assertEqual(r.count, 2)
            self.assertEqual(second["attempt_count"], 1)

    def test_survives_a_restart_while_waiting(self):
        with Receiver([answer(503), OK]) as r:
            d = Daemon(script(r.url, more='retry = { delays = {"2s"}, within = "60s" }'))
            with d:
                id = d.emit("order.paid")["deliveries"][0]
                d.wait_state(id, "waiting")
                d.kill()
                d.start()
                d.wait_state(id, "succeeded")
                self.assertEqual(len({x.raw for x in r.requests}), 1)

    def test_window_that_passed_while_down_is_said(self):
        with Receiver([answer(503), OK]) as r:
            with Daemon(script(r.url, more='retry = { delays = {"500ms"}, within = "1s" }')) as d:
                id = d.emit("order.paid")["deliveries"][0]
                d.wait_state(id, "waiting")
                d.kill()
                time.sleep(1.2)
                d.start()
                delivery = d.wait_state(id, "failed")
                self.assertIn("window", delivery["error"]["message"])
                self.assertEqual(r.count, 1)


class Responses(unittest.TestCase):
    def end(self, plan, more=""):
        with Receiver(plan) as r, Daemon(script(r.url, more=more)) as d:
            status, _, body = d.call("POST", "/v1/webhooks/order_paid?wait=20s", {"Order": {"Id": 1}})
            self.assertEqual(status, 200)
            return body

    def test_large_body_is_cut(self):
        d = self.end([answer(body=b"x" * 2_000_000)])
        self.assertEqual(d["state"], "succeeded")
        self.assertTrue(d["attempts"][0]["response"]["truncated"])
        self.assertEqual(len(d["attempts"][0]["response"]["body"]), 256 * 1024)

    def test_garbage(self):
        d = self.end([b"this is not HTTP\r\n\r\n"], more="retry = false")
        self.assertIn(d["state"], ("failed", "unknown"))

    def test_variables(self):
        d = self.end([answer(body=b'{"data":[{"id":9007199254740993}],"name":"n"}')], more='response = { crmId = "data[0].id", no = "x.y" }')
        self.assertEqual(d["vars"], {"crmId": 9007199254740993, "no": None})


if __name__ == "__main__":
    unittest.main()
