"""A private value reaches the receiver and nothing else."""
import base64
import glob
import hmac
import json
import os
import re
import tempfile
import unittest
import urllib.parse

from harness import Daemon, Receiver, answer, anzol, wait_until

VALUE = 'Mark3r/"s3cret"+v?äl=ue???&'


def forms(value):
    raw = value.encode()
    found = {raw, urllib.parse.quote(value, safe="").encode(), urllib.parse.quote_plus(value).encode(), json.dumps(value)[1:-1].encode(),
             json.dumps(value, ensure_ascii=False)[1:-1].encode()}
    for pad in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            # Only the characters that the value alone decides.
            text = encode(b"\0" * pad + raw)
            known = text[(0, 2, 3)[pad]:len(text) // 4 * 4 - 4]
            found |= {known, known.replace(b"/", b"\\/"), urllib.parse.quote_from_bytes(known, safe="").encode()}
    return {f for f in found if len(f) > 6}


SCRIPT = """
integration "shop" { url = "%s", headers = { Authorization = "Bearer " .. secret "SHOP_TOKEN", ["X-Key"] = secret "SHOP_TOKEN" } }
webhook "w" { integration = "shop", on = "e", url = "p?k=${WebhookRequest.TransactionalId}&s=" .. secret "SHOP_TOKEN",
  body = { token = secret "SHOP_TOKEN", inside = "a " .. secret "SHOP_TOKEN" .. " b" },
  headers = { ["Content-Type"] = "application/json" }, retry = { delays = { "100ms" } } }
webhook "gone" { integration = "shop", on = "e", url = "http://127.0.0.1:1/" .. secret "SHOP_TOKEN", retry = false }
"""


def echo(request, number):
    """Shows the receiver's wildest: it gives back what it got, raw and encoded."""
    everything = request.raw.replace(b"\r\n", b" ")
    body = everything + b"\n" + base64.b64encode(everything) + b"\n" + urllib.parse.quote_from_bytes(everything).encode()
    token = VALUE.encode()
    for pad in range(3):
        encoded = base64.b64encode(b"abc"[:pad] + token + b"xyz")
        body += b"\n".join([b"", encoded, encoded.replace(b"/", b"\\/"), urllib.parse.quote_from_bytes(encoded, safe="").encode()])
    return answer(503 if number == 1 else 200, body, [("X-Echo", request.header("X-Key"))])


class Secrets(unittest.TestCase):
    def sources(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        with open(os.path.join(folder, "SHOP_TOKEN"), "w") as f:
            f.write(VALUE + "\n")
        env_file = os.path.join(folder, "env")
        with open(env_file, "w") as f:
            f.write(f"# the token\nexport SHOP_TOKEN='{VALUE}'\n")
        return {"environment": dict(env={"SHOP_TOKEN": VALUE}), "credentials": dict(env={"CREDENTIALS_DIRECTORY": folder}),
                "file": dict(options=["--env-file", env_file])}

    def test_reach_the_receiver_from_each_source(self):
        for name, how in self.sources().items():
            with self.subTest(source=name), Receiver() as r, Daemon(SCRIPT % r.url, **how) as d:
                d.emit("e")
                request = r.wait(1)[0]
                # The wire is bytes; headers are read here as Latin-1.
                self.assertEqual(request.header("Authorization").encode("latin-1").decode(), "Bearer " + VALUE)
                self.assertTrue(request.path.endswith("&s=" + urllib.parse.quote(VALUE, safe="")))
                self.assertEqual(request.json(), {"token": VALUE, "inside": f"a {VALUE} b"})

    def test_sign_what_templates_give(self):
        text = '''
integration "shop" { url = "%s" }
webhook "w" { integration = "shop", on = "e", method = "POST", retry = { delays = { "100ms" } },
  url = "p?id=${WebhookRequest.TransactionalId}&s=${ hmacSha256(Order.Id, secret('SHOP_TOKEN'), 'base64') }",
  headers = { ["X-Signature"] = "sha256=${ hmacSha256(WebhookRequest.TransactionalId & '.' & json(Order), secret('SHOP_TOKEN'), 'hex') }" },
  body = { sign = "${ hmacSha256(Order.Note, secret('SHOP_TOKEN')) }" } }
'''
        order = {"Id": 7, "Note": 'a "b" ñ'}

        def mac(message):
            return hmac.new(VALUE.encode(), message.encode(), "sha256")
        with Receiver(lambda request, number: answer(503 if number == 1 else 200)) as r, \
                Daemon(text % r.url, env={"SHOP_TOKEN": VALUE}) as d:
            id = d.emit("e", {"Order": order})["deliveries"][0]
            first, second = r.wait(2)
            for request in (first, second):
                signed = id + "." + json.dumps(order, ensure_ascii=False, separators=(",", ":"))
                self.assertEqual(request.header("X-Signature"), "sha256=" + mac(signed).hexdigest())
                query = urllib.parse.quote(base64.b64encode(mac("7").digest()), safe="")
                self.assertEqual(request.path, f"/p?id={id}&s={query}")
                self.assertEqual(request.json(), {"sign": mac(order["Note"]).hexdigest().upper()})
            shown = json.dumps(d.wait_state(id, "succeeded")) + json.dumps(d.call("POST", "/v1/webhooks/w/preview", {"Order": order})[2])
            self.assertIn("sha256=***", shown)
            d.stop()
            files = b"".join(open(f, "rb").read() for f in glob.glob(os.path.join(d.state, "**"), recursive=True) if os.path.isfile(f))
            for signature in (mac(signed).hexdigest(), mac(order["Note"]).hexdigest().upper(), query):
                self.assertNotIn(signature, shown)
                self.assertNotIn(signature.encode(), files)
                self.assertNotIn(signature, d.log_text())

    def test_are_nowhere_else(self):
        with Receiver(echo) as r, Daemon(SCRIPT % r.url, env={"SHOP_TOKEN": VALUE}) as d:
            ids = d.emit("e")["deliveries"]
            ended = [d.wait_state(id, "succeeded", "failed") for id in ids]
            self.assertEqual({x["state"] for x in ended}, {"succeeded", "failed"})
            said = [json.dumps(x, ensure_ascii=False) for x in ended]
            said.append(json.dumps(d.call("POST", "/v1/webhooks/w/preview", {})[2], ensure_ascii=False))
            for path in ("/v1/deliveries", "/v1/webhooks", "/v1/integrations", "/v1/status"):
                said.append(json.dumps(d.call("GET", path)[2], ensure_ascii=False))
            said.append(d.call("GET", "/metrics", token=False)[2].decode())
            for command in (("preview", "w", "--data", "-"), ("show", ids[0]), ("show", ids[1])):
                code, out, err = anzol(*command, "--state", d.state, input="{}")
                self.assertEqual((code, err), (0, ""))
                said.append(out)
            said.append(d.log_text())
            self.assertIn("***", said[-2])
            blobs = [s.encode() for s in said] + [s.encode("unicode_escape") for s in said]

            def files():
                for path in glob.glob(d.state + "/**", recursive=True) + glob.glob(d.state + "/.*"):
                    if os.path.isfile(path):
                        with open(path, "rb") as f:
                            yield path, f.read()

            for form in forms(VALUE):
                for blob in blobs:
                    self.assertNotIn(form, blob)
                for path, blob in files():
                    self.assertNotIn(form, blob, path)
            d.stop()
            for form in forms(VALUE):
                for path, blob in files():
                    self.assertNotIn(form, blob, path)
                self.assertNotIn(form, d.log_text().encode())

    def test_missing_is_a_load_error(self):
        with Daemon(SCRIPT % "http://127.0.0.1:1/", start=False) as d:
            d.start(ready=False)
            self.assertEqual(d.process.wait(timeout=30), 78)
            self.assertRegex(d.log_text(), r"script\.lua:2: .*SHOP_TOKEN")

    def test_core_is_not_dumped(self):
        with Receiver() as r, Daemon(SCRIPT % r.url, env={"SHOP_TOKEN": VALUE}) as d:
            # Not dumpable: its /proc entries belong to root alone, and the kernel writes no core file.
            with open(f"/proc/{d.process.pid}/coredump_filter") as f:
                self.assertTrue(f.read())
            owner = os.stat(f"/proc/{d.process.pid}/mem").st_uid
            self.assertEqual(owner, 0)


if __name__ == "__main__":
    unittest.main()
