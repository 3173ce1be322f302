"""The HTTP API as a client sees it."""
import json
import threading
import time
import unittest

from harness import HANG, OK, Daemon, Receiver, answer, script, wait_until


class Api(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.r = Receiver()
        cls.d = Daemon(script(cls.r.url) + 'webhook "slow" { integration = "shop", url = "slow" }\n'
                       'webhook "breaks" { integration = "shop", on = "order.broken", body = { x = "id ${Order.Missing}" } }\n'
                       'webhook "fine" { integration = "shop", on = "order.broken", url = "fine" }\n')

    @classmethod
    def tearDownClass(cls):
        cls.d.stop()
        cls.d.__exit__(None)
        cls.r.__exit__()

    def problem(self, status, method, path, body=None, headers=None, **more):
        got, response, problem = self.d.call(method, path, body, headers, **more)
        self.assertEqual(got, status, problem)
        self.assertEqual(response.getheader("Content-Type"), "application/problem+json")
        self.assertEqual(problem["status"], status)
        return problem["detail"]

    def test_token(self):
        self.problem(401, "GET", "/v1/deliveries", token=False)
        self.problem(401, "GET", "/v1/deliveries", headers={"Authorization": "Bearer wrong"})
        self.problem(401, "POST", "/v1/events", {"name": "x"}, token=False)
        for path in ("/livez", "/readyz", "/metrics"):
            self.assertEqual(self.d.call("GET", path, token=False)[0], 200)

    def test_host(self):
        for host in ("evil.example", "", "localhost.evil.example"):
            self.problem(403, "GET", "/v1/status", headers={"Host": host})
        self.assertEqual(self.d.call("GET", "/v1/status", headers={"Host": "localhost:8020"})[0], 200)
        c = self.d.connect()
        c.putrequest("GET", "/livez", skip_host=True)
        c.endheaders()
        self.assertEqual(c.getresponse().status, 400)  # RFC 9112 section 3.2
        c.close()

    def test_bad_events(self):
        self.assertIn("line 1", self.problem(400, "POST", "/v1/events", '{"name": '))
        self.assertIn("name", self.problem(400, "POST", "/v1/events", {"data": {}}))
        self.assertIn("name", self.problem(400, "POST", "/v1/events", {"nam": "x", "data": {}}))
        self.problem(400, "POST", "/v1/events", "[]")
        self.problem(415, "POST", "/v1/events", "name=x", {"Content-Type": "application/x-www-form-urlencoded"})
        self.problem(413, "POST", "/v1/events", json.dumps({"name": "x", "data": "y" * (1 << 20)}))

    def test_not_found(self):
        self.assertIn("order_paid", self.problem(404, "POST", "/v1/webhooks/order_payd", {}))
        self.problem(404, "GET", "/v1/deliveries/01890000-0000-7000-8000-000000000000")
        self.problem(400, "GET", "/v1/deliveries/nonsense")
        self.problem(404, "GET", "/v1/nonsense")
        self.problem(405, "DELETE", "/v1/events")
        self.problem(400, "GET", "/v1/deliveries?stat=failed")
        self.problem(400, "GET", "/v1/deliveries?state=nonsense")

    def test_duplicate_event(self):
        before = self.r.count
        first = self.d.emit("order.paid", {"Order": {"Id": 1}}, id="same")
        second = self.d.emit("order.paid", {"Order": {"Id": 1}}, id="same")
        self.assertEqual((first["duplicate"], second["duplicate"]), (False, True))
        self.assertEqual((second["id"], second["deliveries"]), (first["id"], first["deliveries"]))
        self.d.wait_state(first["deliveries"][0], "succeeded")
        self.assertEqual(self.r.count, before + 1)

    def test_event_nobody_listens_to(self):
        self.assertEqual(self.d.emit("nobody")["deliveries"], [])

    def test_one_broken_template_fails_that_delivery_alone(self):
        event = self.d.emit("order.broken", {"Order": {"Id": 1}})
        self.assertEqual(len(event["deliveries"]), 2)
        ended = [self.d.wait_state(id, "succeeded", "failed") for id in event["deliveries"]]
        by_name = {x["webhook"]: x for x in ended}
        self.assertEqual(by_name["fine"]["state"], "succeeded")
        self.assertEqual(by_name["breaks"]["error"]["kind"], "render")
        self.assertIn("script.lua:", by_name["breaks"]["error"]["message"])

    def test_direct_call(self):
        status, _, body = self.d.call("POST", "/v1/webhooks/order_paid", {"Order": {"Id": 5}})
        self.assertEqual(status, 202)
        self.d.wait_state(body["id"], "succeeded")
        status, _, body = self.d.call("POST", "/v1/webhooks/order_paid?wait=10s", {"Order": {"Id": 5}})
        self.assertEqual((status, body["state"]), (200, "succeeded"))
        self.assertIsNone(body["event"])

    def test_preview_sends_nothing(self):
        before = self.r.count
        status, _, body = self.d.call("POST", "/v1/webhooks/order_paid/preview", {"Order": {"Id": 5}})
        self.assertEqual(status, 200)
        self.assertEqual(json.loads(body["body"]), {"id": 5})
        self.assertEqual(self.r.count, before)

    def test_batch(self):
        status, body = self.d.batch([{"name": "order.paid", "id": f"b{i % 3}", "data": {"Order": {"Id": i}}} for i in range(5)])
        self.assertEqual((status, body["accepted"], body["duplicates"], body["rejected"]), (202, 3, 2, []))
        lines = b'{"name":"nobody"}\n\n{"name":\n{"nome":"x"}\r\n{"name":"nobody","data":{}}'
        status, _, body = self.d.call("POST", "/v1/events", lines, {"Content-Type": "application/x-ndjson"})
        self.assertEqual((status, body["accepted"]), (202, 2))
        self.assertEqual([x["line"] for x in body["rejected"]], [3, 4])

    def test_log_pages_and_filters(self):
        ids = [self.d.emit("order.paid", {"Order": {"Id": i}})["deliveries"][0] for i in range(25)]
        for id in ids:
            self.d.wait_state(id, "succeeded")
        seen, cursor = [], ""
        while cursor is not None:
            page = self.d.call("GET", f"/v1/deliveries?limit=10&webhook=order_paid{cursor and '&cursor=' + cursor}")[2]
            self.assertLessEqual(len(page["deliveries"]), 10)
            seen += [x["id"] for x in page["deliveries"]]
            cursor = page["next"]
        self.assertEqual(len(seen), len(set(seen)))
        self.assertEqual([x for x in reversed(seen) if x in ids], ids)
        self.assertEqual(self.d.deliveries(webhook="nothing"), [])
        self.assertEqual({x["state"] for x in self.d.deliveries(state="failed")} - {"failed"}, set())
        self.assertEqual(self.d.deliveries(until="2020-01-01"), [])
        self.assertIn(ids[0], [x["id"] for x in self.d.deliveries(since="-1h")])

    def test_resend(self):
        id = self.d.emit("order.paid", {"Order": {"Id": 1}})["deliveries"][0]
        self.d.wait_state(id, "succeeded")
        before = self.r.count
        status, _, body = self.d.call("POST", f"/v1/deliveries/{id}/resend")
        self.assertEqual((status, body["id"]), (202, id))
        self.r.wait(before + 1)
        delivery = wait_until(lambda: (x := self.d.delivery(id))["attempt_count"] == 2 and x, "a second attempt")
        self.assertEqual([a["number"] for a in delivery["attempts"]], [1, 2])
        self.assertEqual(self.r.requests[-1].key, id)

    def test_listings(self):
        names = [x["name"] for x in self.d.call("GET", "/v1/webhooks")[2]["webhooks"]]
        self.assertEqual(names, sorted(names))
        self.assertIn("order_paid", names)
        self.assertEqual(self.d.call("GET", "/v1/integrations")[2]["integrations"][0]["name"], "shop")

    def test_metrics(self):
        text = self.d.call("GET", "/metrics", token=False)[2].decode()
        self.assertIn("anzol_deliveries_succeeded_total ", text)
        self.assertIn('anzol_queued{integration="shop"} ', text)


class Waiting(unittest.TestCase):
    def test_outcome_that_takes_longer_than_the_wait(self):
        with Receiver([[0.6, OK]]) as r, Daemon(script(r.url)) as d:
            status, _, body = d.call("POST", "/v1/webhooks/order_paid?wait=100ms", {"Order": {"Id": 1}})
            self.assertEqual((status, body["state"]), (202, "sending"))
            d.wait_state(body["id"], "succeeded")

    def test_many_wait_at_once(self):
        with Receiver([[0.2, OK]]) as r, Daemon(script(r.url)) as d:
            got = []
            threads = [threading.Thread(target=lambda: got.append(d.call("POST", "/v1/webhooks/order_paid?wait=20s", {})[0])) for _ in range(50)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            self.assertEqual(got, [200] * 50)


class Stopping(unittest.TestCase):
    def test_drains(self):
        with Receiver([[0.5, OK]]) as r, Daemon(script(r.url)) as d:
            id = d.emit("order.paid", {"Order": {"Id": 1}})["deliveries"][0]
            r.wait(1)
            d.stop()
            d.start()
            self.assertEqual(d.delivery(id)["state"], "succeeded")
            self.assertEqual(r.count, 1)

    def test_second_signal_ends_at_once(self):
        with Receiver([HANG]) as r, Daemon(script(r.url)) as d:
            d.emit("order.paid", {"Order": {"Id": 1}})
            r.wait(1)
            d.process.terminate()
            time.sleep(0.2)
            self.assertIsNone(d.process.poll())
            d.process.terminate()
            d.process.wait(timeout=10)


if __name__ == "__main__":
    unittest.main()
