"""scripts/journey.lua: the example of a flow, with a receiver that stands for the CRM and for the messages."""
import json
import unittest

from harness import Daemon, Receiver, answer, wait_until

with open("scripts/journey.lua") as f:
    JOURNEY = f.read()
with open("scripts/journey.json") as f:
    CUSTOMER = json.load(f)
CREATED = answer(201, b'{"data":{"id":"crm-1"}}')
ORDER = {"Customer": {"Id": 4711}, "Order": {"Id": 17, "Total": 59.9}}


class Journey(unittest.TestCase):
    def world(self, created=CREATED, day=100):
        """A receiver that answers the creation with `created`, and a daemon for which a day has that many seconds."""
        answers = created if isinstance(created, list) else [created]

        def plan(request, number):
            if not request.path.startswith("/crm/customers?"):
                return answer(200)
            return answers.pop(0) if len(answers) > 1 else answers[0]
        r = self.enterContext(Receiver(plan))
        env = {"CRM_URL": r.url + "crm/", "MESSAGES_URL": r.url + "messages/", "JOURNEY_DAY": str(day)}
        return r, self.enterContext(Daemon(JOURNEY, env=env))

    def enterContext(self, cm):  # of unittest from Python 3.11 on
        value = cm.__enter__()
        self.addCleanup(cm.__exit__, None, None, None)
        return value

    def begin(self, d, id=None, customer=4711):
        data = {"Customer": dict(CUSTOMER["Customer"], Id=customer)}
        return d.emit("customer.registered", data, id)["runs"]

    def ended(self, d, id, state="succeeded"):
        def reached():
            run = d.call("GET", f"/v1/runs/{id}")[2]
            return run if run.get("state") == state else None
        return wait_until(reached, f"run {id} is {state}")

    def waiting(self, r, d, id):
        """Until the customer is welcomed, the order waited for, and nothing in flight: that would be sent again after a crash."""
        r.wait(2)
        self.ended(d, id, "waiting")
        wait_until(lambda: not d.call("GET", "/v1/deliveries?state=sending")[2]["deliveries"], "nothing is in flight")

    def shown(self, r):
        """What was received, but for the ids: [(path, template or stage or text)], sorted."""
        seen = []
        for request in r.requests:
            body = request.json()
            seen.append((request.path.split("?")[0], body.get("template") or body.get("stage") or body.get("text") or body["email"]))
        return sorted(seen)

    def test_an_order(self):
        r, d = self.world()
        id, = self.begin(d)
        self.waiting(r, d, id)
        d.emit("order.paid", dict(ORDER, Customer={"Id": 4712}))  # somebody else's
        d.emit("order.paid", ORDER)
        run = self.ended(d, id)
        self.assertEqual(run["result"], {"stage": "bought", "crm": "crm-1"})
        r.wait(4)
        self.assertEqual(self.shown(r), [
            ("/crm/customers", "ana@example.com"), ("/crm/customers/crm-1", "bought"),
            ("/messages/send", "thank-you"), ("/messages/send", "welcome")])
        welcome = next(x.json() for x in r.requests if b"welcome" in x.body)
        self.assertEqual(welcome["customer"], "crm-1")
        self.assertEqual(len({x.key for x in r.requests}), 4)

    def test_no_order(self):
        r, d = self.world(day=0.1)
        id, = self.begin(d)
        self.assertEqual(self.ended(d, id)["result"], {"stage": "reminded", "crm": "crm-1"})
        r.wait(4)
        self.assertEqual([what for _, what in self.shown(r)], ["ana@example.com", "reminded", "reminder", "welcome"])
        self.assertRegex(next(x.json()["voucher"] for x in r.requests if b"voucher" in x.body), r"^HELLO-\d{4}$")

    def test_an_order_that_was_there_before_it_was_waited_for(self):
        r, d = self.world(created=[CREATED, [0.5, CREATED]])
        self.waiting(r, d, self.begin(d, customer=1)[0])  # from here on it is known by what orders are waited for
        id, = self.begin(d)
        r.wait(3)
        d.emit("order.paid", ORDER)
        self.assertEqual(self.ended(d, id)["result"]["stage"], "bought")

    def test_a_crm_that_refuses(self):
        r, d = self.world(created=answer(400))
        id, = self.begin(d)
        self.assertEqual(self.ended(d, id)["result"], {"stage": "unknown to the CRM"})
        r.wait(2)
        self.assertIn(("/messages/team", "Customer 4711: not created in the CRM: the receiver answered 400"), self.shown(r))
        told = next(x for x in d.log() if x.get("run") == id and x["level"] == "warn")
        self.assertEqual((told["flow"], told["customer"]), ("journey", 4711))

    def test_a_crash_and_a_reload_while_it_waits(self):
        r, d = self.world()
        id, = self.begin(d)
        self.waiting(r, d, id)
        d.kill()
        d.write('integration "other" { url = "http://127.0.0.1:1/" }')  # the journey goes on under the text it began under
        d.start()
        d.emit("order.paid", ORDER)
        self.assertEqual(self.ended(d, id)["result"], {"stage": "bought", "crm": "crm-1"})
        r.wait(4)
        self.assertEqual([what for _, what in self.shown(r)], ["ana@example.com", "bought", "thank-you", "welcome"])

    def test_one_journey_at_a_time(self):
        r, d = self.world()
        first, = self.begin(d, id="e-1")
        self.assertEqual(self.begin(d, id="e-1"), [first])  # the same event once more
        second, = self.begin(d, id="e-2")
        self.waiting(r, d, first)
        self.ended(d, second, "queued")
        d.emit("order.paid", ORDER)
        self.ended(d, first)
        self.ended(d, second, "waiting")


if __name__ == "__main__":
    unittest.main()
