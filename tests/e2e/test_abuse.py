"""The API under clients that do not behave: every one is answered or dropped, and the next one is served as if nothing had been."""
import http.client
import json
import random
import socket
import struct
import unittest

from harness import CLOSE, PATIENCE, Daemon, Receiver, answer, script

EVENT = '{"name":"order.paid","data":{"Order":{"Id":1}}}'


class Abuse(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.r = Receiver()
        cls.d = Daemon(script(cls.r.url))
        host, port = cls.d.address.rsplit(":", 1)
        cls.at = (host, int(port))

    @classmethod
    def tearDownClass(cls):
        cls.d.idle()
        cls.d.stop()  # by now valgrind and the sanitizers would have something to say
        cls.d.__exit__(None)
        cls.r.__exit__()

    def request(self, body, path="/v1/events", type="application/json", method="POST", more="", length=None):
        body = body if isinstance(body, bytes) else body.encode()
        length = len(body) if length is None else length
        head = (f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self.d.token}\r\nContent-Type: {type}\r\n"
                f"Content-Length: {length}\r\n{more}\r\n")
        return head.encode() + body

    def open(self):
        return socket.create_connection(self.at, timeout=PATIENCE)

    def answer(self, data):
        """Status and body."""
        with self.open() as s:
            s.sendall(data)
            with http.client.HTTPResponse(s) as response:
                response.begin()
                return response.status, response.read().decode(errors="replace")

    def refused(self, status, words, body, **more):
        got, answer = self.answer(self.request(body, **more))
        self.assertEqual(got, status, answer)
        self.assertIn(words, json.loads(answer)["detail"])

    def serves(self):
        self.assertEqual(self.answer(self.request(EVENT))[0], 202)

    def test_events_that_are_none(self):
        data = '{"name":"order.paid","data":{"a":%s}}'
        self.refused(400, "nested deeper", data % ("[" * 5000 + "]" * 5000))
        self.refused(400, "unable to decode byte 0xff", b'{"name":"order.paid","data":{"a":"\xff"}}')
        self.refused(400, "invalid Unicode", data % '"\\ud800"')
        self.refused(400, "number overflow", data % "1e999")
        self.refused(400, "too big integer", data % "123456789012345678901234567890")
        self.refused(400, "invalid token", data % "NaN")
        self.refused(400, "end of the text", EVENT + "x")
        self.refused(400, "an event is an object", "[]")
        self.refused(400, "'data': expected an object", '{"name":"order.paid","data":[1]}')
        self.refused(400, "'name' is missing", '{"data":{}}')
        self.refused(400, "expected 1 to 255 characters", '{"name":"%s","data":{}}' % ("n" * 5000))
        self.refused(400, "'id': expected a string", '{"name":"order.paid","id":5,"data":{}}')
        self.refused(404, "did you mean /v1/events", EVENT, path="//v1/events")
        self.refused(415, "Content-Type is text/plain", EVENT, type="text/plain")
        self.refused(413, "expected 1048576 at most", "", length=1 << 30)
        self.serves()

    def test_requests_that_are_none(self):
        garbage = self.open()
        garbage.sendall(b"\x00\x01\x02\r\n\r\n\xff")
        self.assertEqual(self.answer(b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n")[0], 414)
        many = "".join(f"X-{i}: y\r\n" for i in range(3000))
        self.assertEqual(self.answer(self.request(EVENT, more=many))[0], 431)
        self.assertEqual(self.answer(self.request("", length=-5))[0], 400)
        chunked = self.request(EVENT).replace(b"Content-Length: %d" % len(EVENT), b"Transfer-Encoding: chunked").partition(b"\r\n\r\n")[0]
        self.assertEqual(self.answer(chunked + b"\r\n\r\nzz\r\nabc")[0], 400)
        self.serves()
        garbage.close()

    def test_requests_whose_end_is_not_clear(self):
        length = f"Content-Length: {len(EVENT)}\r\n"
        for more, words in ((length, "and not both"), ("Content-Length: 5\r\n", "and not both"), ("Transfer-Encoding: chunked\r\n", "and not both"),
                            ("Host: localhost\r\n", "2 Host headers")):
            with self.subTest(more):
                self.refused(400, words, EVENT, more=more)
        gzip = self.request(EVENT).replace(length.encode(), b"Transfer-Encoding: gzip\r\n")
        self.assertEqual(self.answer(gzip)[0], 400)
        for host in (b"[::1", b"[::1]x", b"localhost:8020:1", b"localhost, evil.test", b"evil.test", b"[evil.test]"):
            with self.subTest(host):
                self.assertEqual(self.answer(self.request(EVENT).replace(b"localhost", host, 1))[0], 403)
        for host in (b"[::1]:8020", b"[::1]", b"127.0.0.1:1", b"a.localhost:80", b"LOCALHOST"):
            with self.subTest(host):
                self.assertEqual(self.answer(self.request(EVENT).replace(b"localhost", host, 1))[0], 202)

    def test_pipelined_requests_are_answered_in_order(self):
        with self.open() as s:
            s.sendall(b"".join(self.request(EVENT.replace("1", str(i))) for i in range(20)))
            got = b""
            while got.count(b"HTTP/1.1 ") < 20 or not got.endswith(b"}"):
                got += s.recv(65536)
        self.assertEqual(got.count(b"HTTP/1.1 202 "), 20)

    def test_bytes_one_at_a_time(self):
        with self.open() as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in self.request(EVENT):
                s.sendall(bytes([byte]))
            self.assertIn(b" 202 ", s.recv(65536))

    def test_clients_that_leave_in_the_middle(self):
        rng = random.Random(1)
        batch = self.request("\n".join([EVENT] * 5000), type="application/x-ndjson")
        before = self.d.status()["counters"]["events"]
        for _ in range(30):
            s = self.open()
            s.sendall(batch[:rng.randrange(1, len(batch))])
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, not an end
            s.close()
        for _ in range(30):
            s = self.open()
            s.sendall(self.request('{"Order":{"Id":1}}', path="/v1/webhooks/order_paid?wait=2s"))
            s.close()
        self.serves()
        self.d.idle()
        counters = self.d.status()["counters"]
        self.assertGreater(counters["events"], before)
        self.assertEqual(counters["deliveries"], counters["succeeded"])

    def test_clients_that_leave_while_the_commit_is_awaited(self):
        before = self.d.status()["counters"]["events"]
        for _ in range(10):
            several = [self.open() for _ in range(60)]
            for s in several:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                s.sendall(self.request(EVENT))
            for s in several:
                s.close()
            self.serves()
        self.d.idle()
        counters = self.d.status()["counters"]
        self.assertGreater(counters["events"], before + 10)
        self.assertEqual(counters["deliveries"], counters["succeeded"])

    def test_more_wait_for_a_commit_than_are_held(self):
        several = [self.open() for _ in range(400)]
        for _ in range(3):
            for s in several:
                s.sendall(self.request(EVENT))
            for s in several:
                self.assertIn(b" 202 ", s.recv(65536))
        for s in several:
            s.close()
        self.serves()

    def test_many_that_never_finish(self):
        slow = []
        try:
            for _ in range(500):
                s = self.open()
                s.sendall(b"POST /v1/events HTTP/1.1\r\nHost: local")
                slow.append(s)
            self.serves()
        finally:
            for s in slow:
                s.close()
        self.serves()


class FewDescriptors(unittest.TestCase):
    def test_clients_leave_some_for_the_deliveries(self):
        once = answer(headers=[("Connection", "close")])  # each delivery opens a connection of its own
        with Receiver(lambda *_: [once, CLOSE]) as r, Daemon(script(r.url), wrap=["prlimit", "--nofile=128:128"]) as d:
            mine = d.connect()
            d.emit("order.paid", {"Order": {"Id": 1}}, connection=mine)
            r.wait(1)
            host, port = d.address.rsplit(":", 1)
            idle = [socket.create_connection((host, int(port)), timeout=PATIENCE) for _ in range(300)]
            try:
                for _ in range(20):
                    d.emit("order.paid", {"Order": {"Id": 1}}, connection=mine)
                r.wait(21)
                mine.close()
            finally:
                for s in idle:
                    s.close()
            d.idle()
            self.assertEqual([x["attempt_count"] for x in d.deliveries()], [1] * 21)


if __name__ == "__main__":
    unittest.main()
