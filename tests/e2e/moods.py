"""What the receivers of storm.py do with a request: some are well, some refuse, hang, reset, are slow."""
import asyncio
import json
import re
import socket

from harness import KEY, answer

HANG, RESET = "hang", "reset"


def always_refused(webhook, n):
    """Some can never succeed: they fail by rule."""
    return webhook == "moody" and n % 41 == 0


class Mood:
    """What a receiver does with a request: (a status, HANG or RESET; after how many seconds)."""

    def __init__(self, rng):
        self.rng = rng

    def good(self, n):
        return 200, 0

    def moody(self, n):
        if always_refused("moody", n):
            return 500, 0
        x = self.rng.random()
        if x < 0.60:
            return 200, 0
        if x < 0.72:
            return 200, self.rng.uniform(0.001, 0.05)
        return (500, 0) if x < 0.82 else (429, 0) if x < 0.92 else (400, 0) if x < 0.94 else (RESET, 0) if x < 0.99 else (HANG, 0)

    def plain(self, n):
        x = self.rng.random()
        if x < 0.60:
            return 200, 0
        if x < 0.84:
            return 200, self.rng.uniform(0.001, 0.03)
        return (500, 0) if x < 0.92 else (RESET, 0) if x < 0.98 else (429, 0) if x < 0.99 else (HANG, 0)

    def steps(self, n):
        x = self.rng.random()
        return (200, 0) if x < 0.7 else (200, self.rng.uniform(0.001, 0.03)) if x < 0.9 else (503, 0)

    paced = good


class Receiving(asyncio.Protocol):
    """One connection of the daemon to a receiver."""

    def __init__(self, storm, mood):
        self.storm, self.mood, self.buffer = storm, mood, b""

    def connection_made(self, transport):
        self.transport, self.life = transport, self.storm.life
        self.storm.inbound.add(self)

    def connection_lost(self, _):
        self.storm.inbound.discard(self)

    def data_received(self, data):
        self.buffer += data
        while (request := self.take_one()) is not None:
            self.answer(*request)

    def take_one(self):
        """(all of its bytes, its body), when a whole one has come."""
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        found = re.search(rb"(?i)\r\ncontent-length: *(\d+)", self.buffer[:end])
        total = end + 4 + int(found.group(1))
        if len(self.buffer) < total:
            return None
        raw, self.buffer = self.buffer[:total], self.buffer[total:]
        return raw, raw[end + 4:]

    def answer(self, raw, body):
        webhook = re.match(rb"[A-Z]+ /([a-z]+)", raw).group(1).decode()
        n = json.loads(body)["n"]
        what, after = self.mood(n)
        found = KEY.search(raw)
        request = self.storm.ledger.request(webhook, n, found and found.group().decode(), raw, self.life.number, what, body)
        self.storm.on_request(webhook, what)
        if what is RESET:
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self.transport.abort()
            self.storm.ledger.over(request, False)
        elif what is not HANG:
            text = answer(what, json.dumps({"n": n}).encode())
            asyncio.get_running_loop().call_later(after, self.write, request, text) if after else self.write(request, text)

    def write(self, request, text):
        if not self.transport.is_closing():
            self.transport.write(text)
            self.storm.ledger.over(request, True)
