"""The connection itself: what is on it, byte by byte, and what its ends may do."""
import os
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

from harness import CLOSE, HANG, OK, Daemon, Receiver, answer, script

KEYED = 'retry = { delays = {"100ms"} }'


class Bytes(unittest.TestCase):
    def sent(self, more, event=None):
        text = 'integration "shop" { url = "%s" }\nwebhook "w" { integration = "shop", on = "e", ' + more + " }"
        with Receiver() as r, Daemon(text % r.url) as d:
            d.emit("e", event or {})
            return r.wait(1)[0]

    def test_a_plain_post(self):
        raw = self.sent('body = "hello"').raw.decode()
        head, body = raw.split("\r\n\r\n")
        self.assertEqual(body, "hello")
        lines = head.split("\r\n")
        self.assertEqual(lines[0], "POST / HTTP/1.1")
        names = sorted(x.split(":")[0] for x in lines[1:])
        self.assertEqual(names, ["Accept", "Content-Length", "Content-Type", "Host", "User-Agent"])
        self.assertIn("Content-Type: text/plain; charset=utf-8", lines)

    def test_without_a_body(self):
        for method, length in (("POST", "0"), ("PUT", "0"), ("PATCH", "0"), ("GET", None), ("DELETE", None)):
            with self.subTest(method=method):
                request = self.sent(f'method = "{method}"')
                self.assertEqual((request.method, request.header("Content-Length"), request.body), (method, length, b""))
                self.assertIsNone(request.header("Content-Type"))

    def test_with_a_body_whatever_the_method(self):
        for method in ("GET", "DELETE"):
            request = self.sent(f'method = "{method}", body = {{ a = 1 }}')
            self.assertEqual((request.method, request.json(), request.header("Content-Type")), (method, {"a": 1}, "application/json"))

    def test_large_body_is_not_announced_first(self):
        request = self.sent('body = { big = "${big}" }', {"big": "x" * 1_000_000})
        self.assertIsNone(request.header("Expect"))
        self.assertEqual(len(request.json()["big"]), 1_000_000)

    def test_headers_of_the_users_own(self):
        request = self.sent('headers = { ["User-Agent"] = "mine", Accept = "text/x", ["X-Empty"] = "" }, body = "b"')
        self.assertEqual((request.header("User-Agent"), request.header("Accept"), request.header("X-Empty")), ("mine", "text/x", ""))


class Redirects(unittest.TestCase):
    def follow(self, plan, state):
        with Receiver(plan) as r, Daemon(script(r.url, more="redirects = true, retry = false")) as d:
            delivery = d.wait_state(d.emit("order.paid", {"Order": {"Id": 1}})["deliveries"][0], state)
            return delivery, r.requests

    def test_within_the_origin_keep_method_and_body(self):
        delivery, requests = self.follow([answer(302, headers=[("Location", "/there")]), OK], "succeeded")
        self.assertEqual([(x.method, x.path.split("?")[0]) for x in requests], [("POST", "/orders"), ("POST", "/there")])
        self.assertEqual(requests[0].body, requests[1].body)
        self.assertEqual(len(delivery["attempts"]), 1)

    def test_to_another_origin_are_refused(self):
        with Receiver() as other:
            delivery, requests = self.follow([answer(302, headers=[("Location", other.url)])], "failed")
            self.assertEqual((other.count, delivery["error"]["kind"]), (0, "redirect"))

    def test_without_end_are_refused(self):
        delivery, requests = self.follow([answer(302, headers=[("Location", "/again")])], "failed")
        self.assertEqual((len(requests), delivery["error"]["kind"]), (6, "redirect"))


class Answers(unittest.TestCase):
    def end(self, plan, more="retry = false"):
        with Receiver(plan) as r, Daemon(script(r.url, more=more)) as d:
            status, _, body = d.call("POST", "/v1/webhooks/order_paid?wait=20s", {"Order": {"Id": 1}})
            self.assertEqual(status, 200)
            return body, r

    def test_chunked(self):
        body, _ = self.end([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"])
        self.assertEqual(body["attempts"][0]["response"]["body"], "abcde")

    def test_interim_answers_are_forgotten(self):
        body, _ = self.end([b"HTTP/1.1 103 Early\r\nX-Early: 1\r\n\r\n" + OK])
        names = [h["name"] for h in body["attempts"][0]["response"]["headers"]]
        self.assertEqual((body["status"], "X-Early" in names), (200, False))

    def test_repeated_headers_are_kept(self):
        body, _ = self.end([answer(headers=[("X-A", "1"), ("X-A", "2")])])
        self.assertEqual([h["value"] for h in body["attempts"][0]["response"]["headers"] if h["name"] == "X-A"], ["1", "2"])

    def test_cut_short(self):
        plan = [[b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart", 0.1, CLOSE], OK]
        body, r = self.end(plan, KEYED)
        self.assertEqual((body["state"], r.count), ("succeeded", 2))
        self.assertEqual(body["attempts"][0]["error"]["kind"], "reset")

    def test_slow_body_beyond_the_timeout(self):
        slow = [part for _ in range(20) for part in (b"x", 0.1)]
        body, _ = self.end([[b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n", *slow]], 'timeout = "500ms", retry = { delays = {} }')
        self.assertEqual((body["state"], body["error"]["kind"]), ("failed", "timeout"))

    def test_endless_headers_are_bounded(self):
        many = b"".join(b"X-%d: %s\r\n" % (i, b"y" * 1000) for i in range(200))
        body, _ = self.end([b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + many + b"\r\n"])
        self.assertEqual(body["state"], "succeeded")
        self.assertLess(sum(len(h["name"]) + len(h["value"]) for h in body["attempts"][0]["response"]["headers"]), 70_000)

    def test_connection_idle_and_closed_by_the_receiver_is_not_used(self):
        with Receiver([[OK, 0.1, CLOSE]]) as r, Daemon(script(r.url, key=False)) as d:
            for i in range(3):
                d.wait_state(d.emit("order.paid", {"Order": {"Id": i}})["deliveries"][0], "succeeded")
                time.sleep(0.3)
            self.assertEqual((r.count, r.connections), (3, 3))


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.cert, cls.key = os.path.join(cls.folder, "cert.pem"), os.path.join(cls.folder, "key.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                        "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", cls.key, "-out", cls.cert],
                       check=True, capture_output=True)

    def serve(self, answers=1):
        """A TLS receiver; its port and the requests it decrypted."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(20)
        got = []

        def run():
            for _ in range(answers):
                try:
                    raw, _ = listener.accept()
                    with context.wrap_socket(raw, server_side=True) as s:
                        got.append(s.recv(65536))
                        s.sendall(OK)
                except (OSError, ssl.SSLError):
                    pass
            listener.close()
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return listener.getsockname()[1], got

    def test_trusted_certificate(self):
        port, got = self.serve()
        with Daemon(script(f"https://localhost:{port}/"), options=["--ca-file", self.cert]) as d:
            d.wait_state(d.emit("order.paid")["deliveries"][0], "succeeded")
            self.assertTrue(got[0].startswith(b"POST /orders?"))

    def test_certificate_nobody_vouches_for(self):
        port, got = self.serve()
        with Daemon(script(f"https://localhost:{port}/", key=False, more="retry = false")) as d:
            delivery = d.wait_state(d.emit("order.paid")["deliveries"][0], "failed")
            self.assertEqual((delivery["error"]["kind"], any(got)), ("tls", False))

    def test_certificate_for_another_name(self):
        port, got = self.serve()
        with Daemon(script(f"https://127.0.0.1:{port}/", more="retry = false"), options=["--ca-file", self.cert]) as d:
            delivery = d.wait_state(d.emit("order.paid")["deliveries"][0], "failed")
            self.assertEqual((delivery["error"]["kind"], any(got)), ("tls", False))

    def test_handshake_that_never_ends_never_left(self):
        with Receiver() as r, Daemon(script(r.url.replace("http:", "https:"), key=False, more='retry = false, connect_timeout = "300ms"')) as d:
            delivery = d.wait_state(d.emit("order.paid")["deliveries"][0], "failed")
            self.assertEqual((delivery["error"]["kind"], r.count), ("connect", 0))


if __name__ == "__main__":
    unittest.main()
