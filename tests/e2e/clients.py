"""Who sends events to the daemon of storm.py: each until it is acknowledged."""
import asyncio
import json
import re


class Client(asyncio.Protocol):
    """Emits one job after another, each again until it is acknowledged, as a client does that must not lose one."""

    def __init__(self, storm):
        self.storm, self.job, self.transport, self.buffer = storm, None, None, b""

    async def run(self):
        loop = asyncio.get_running_loop()
        while not self.storm.ended:
            await self.storm.listens.wait()
            self.closed = loop.create_future()
            try:
                await loop.create_connection(lambda: self, "127.0.0.1", self.storm.port)
                await self.closed
            except OSError:
                await asyncio.sleep(0.002)

    def connection_made(self, transport):
        self.transport, self.buffer = transport, b""
        self.life, self.sent = self.storm.life.number, []
        self.next()

    def connection_lost(self, _):
        self.transport = None
        if not self.closed.done():
            self.closed.set_result(None)

    def next(self):
        if self.transport is None or self.transport.is_closing():
            return
        self.job = self.job or self.storm.take_job()
        token = self.storm.token()
        if self.job is None or token is None:
            asyncio.get_running_loop().call_later(0.003, self.next)
            return
        events, batch = self.job
        body = "\n".join(json.dumps(e) for e in events).encode()
        kind = "application/x-ndjson" if batch else "application/json"
        head = f"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1:{self.storm.port}\r\nAuthorization: Bearer {token}\r\n" \
               f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        self.transport.write(head.encode() + body)
        self.sent = [*self.sent[-2:], self.storm.ledger.tick()]
        self.storm.on_sent(events)

    def data_received(self, data):
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        total = end + 4 + int(re.search(rb"(?i)\r\ncontent-length: *(\d+)", self.buffer[:end]).group(1))
        if len(self.buffer) < total:
            return
        self.storm.on_answer()
        status, body = int(self.buffer[9:12]), json.loads(self.buffer[end + 4:total])
        self.buffer = self.buffer[total:]
        (events, batch), again = self.job, status == 503
        if not again:
            assert status == 202, (status, body, events[:2])
            fresh = self.storm.ledger.acknowledged(events, batch, body)
            if fresh and len(self.sent) == 3:  # the last but two was answered: the loop has seen what came before it, then the last came
                self.storm.ledger.committed(self.life, self.sent[0])
            self.storm.on_acknowledged(fresh)
            self.job = None
        asyncio.get_running_loop().call_later(0.02 if again else 0, self.next)
