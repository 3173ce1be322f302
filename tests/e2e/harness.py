"""The real binary and receivers that misbehave: what every end-to-end test stands on.

    with Receiver() as r, Daemon(script(r.url)) as d:
        d.emit("order.paid", {"Order": {"Id": 1}})
        r.wait(1)
"""
import asyncio
import http.client
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time

ANZOL = os.environ.get("ANZOL", os.path.join(os.getcwd(), "build", "anzol"))
PATIENCE = float(os.environ.get("PATIENCE", "30"))  # seconds until a wait counts as failed; larger under valgrind
KEY = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def wait_until(condition, what, patience=None):
    """Polls until `condition()` is true; what it returned. `what` may be asked when it did not happen."""
    deadline = time.monotonic() + (patience or PATIENCE)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"did not happen in time: {what() if callable(what) else what}")
        time.sleep(0.01)


class Request:
    """One request as it came: `raw` is every byte of it."""

    def __init__(self, at, raw, head, body, connection):
        lines = head.decode("latin-1").split("\r\n")
        self.at, self.raw, self.body, self.connection = at, raw, body, connection
        self.method, self.path, _ = lines[0].split(" ", 2)
        self.headers = [tuple(line.split(": ", 1)) if ": " in line else (line.rstrip(":"), "") for line in lines[1:]]

    def header(self, name):
        return next((v for n, v in self.headers if n.lower() == name.lower()), None)

    def json(self):
        return json.loads(self.body)

    @property
    def key(self):
        found = KEY.search(self.raw)
        return found and found.group().decode()


def answer(status=200, body=b'{"ok":true}', headers=()):
    """An HTTP response's bytes."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Content-Type: application/json"]
    lines += [f"{n}: {v}" for n, v in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


OK = answer()
HANG, CLOSE, RESET = object(), object(), object()


class Receiver:
    """Records requests and does with each what `plan(request, number)` says: bytes to write (a list of them: with pauses of seconds
    in between), HANG, CLOSE, RESET. `plan` may be a list: in turn, the last from then on. It listens on a port of loopback, or on `sock`."""

    def __init__(self, plan=None, keep=True, port=0, sock=None):
        self.requests, self.count, self.connections = [], 0, 0
        self.plan = plan if callable(plan) else self.in_turn(plan or [OK])
        self.keep = keep
        self.lock = threading.Condition()
        self.keys, self.times = {}, []
        self.sock, self.open = sock, set()
        self.loop = asyncio.new_event_loop()
        started = threading.Event()
        self.thread = threading.Thread(target=self.run, args=(started, port), daemon=True)
        self.thread.start()
        started.wait()
        self.url = f"http://{self.host}:{self.port}/"

    @staticmethod
    def in_turn(plan):
        return lambda request, number: plan[min(number, len(plan)) - 1]

    def run(self, started, port):
        asyncio.set_event_loop(self.loop)
        receiver = self

        class Connection(asyncio.Protocol):
            def connection_made(self, transport):
                self.transport, self.buffer = transport, b""
                receiver.connections += 1
                self.number = receiver.connections
                receiver.open.add(transport)

            def connection_lost(self, _):
                receiver.open.discard(self.transport)

            def data_received(self, data):
                self.buffer += data
                while self.take_one():
                    pass

            def take_one(self):
                end = self.buffer.find(b"\r\n\r\n")
                if end < 0:
                    return False
                head = self.buffer[:end]
                found = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
                total = end + 4 + (int(found.group(1)) if found else 0)
                if len(self.buffer) < total:
                    return False
                raw, self.buffer = self.buffer[:total], self.buffer[total:]
                receiver.take(Request(time.monotonic(), raw, head, raw[end + 4:], self.number), self.transport)
                return True

        async def serve():
            where = {"sock": self.sock} if self.sock else {"host": "127.0.0.1", "port": port}
            self.server = await self.loop.create_server(Connection, backlog=4096, **where)
            self.host, self.port = self.server.sockets[0].getsockname()

        self.loop.run_until_complete(serve())
        self.loop.call_soon(started.set)  # a stop() that came before it runs would be forgotten
        self.loop.run_forever()

    def take(self, request, transport):
        with self.lock:
            self.count += 1
            number = self.count
            if self.keep:
                self.requests.append(request)
            else:
                self.times.append(request.at)
            key = request.key
            self.keys[key] = self.keys.get(key, 0) + 1
            self.lock.notify_all()
        self.do(self.plan(request, number), transport)

    def do(self, what, transport):
        if what is CLOSE:
            transport.close()
        elif what is RESET:
            sock = transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            transport.abort()
        elif isinstance(what, list):
            at = 0
            for part in what:
                if isinstance(part, (int, float)):
                    at += part
                elif part is CLOSE:
                    self.loop.call_later(at, transport.close)
                else:
                    self.loop.call_later(at, transport.write, part)
        elif what is not HANG:
            transport.write(what)

    def forget(self):
        """All its connections end at once, as in a crash of the machine."""
        self.loop.call_soon_threadsafe(lambda: [self.do(RESET, transport) for transport in list(self.open)])
        wait_until(lambda: not self.open, "the receiver has no connections")

    def wait(self, count, patience=None):
        """Until `count` requests have come; they all."""
        wait_until(lambda: self.count >= count, f"{count} requests at the receiver (it has {self.count})", patience)
        return self.requests

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.server.close()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()


def script(url, key=True, rate=None, name="shop", webhook="order_paid", event="order.paid", more="", more_integration=""):
    """An integration with one webhook, as Lua."""
    suffix = "?transactionId=${WebhookRequest.TransactionalId}" if key else ""
    return f"""
integration "{name}" {{ url = "{url}", {f'rate = {rate},' if rate else ''} {more_integration}
  headers = {{ ["Content-Type"] = "application/json" }} }}
webhook "{webhook}" {{ integration = "{name}", on = "{event}", url = "orders{suffix}",
  body = {{ id = "${{Order.Id}}" }}, {more} }}
"""


def most_in_a_second(times, second=1.0):
    """Of the windows of one second that begin with one of `times`; these in seconds, or in what `second` is given in."""
    end, most = 0, 0
    for i, first in enumerate(times):
        while end < len(times) and times[end] < first + second:
            end += 1
        most = max(most, end - i)
    return most


def once(pairs):
    """An object of JSON whose names are there once each: readers differ in which of two they take."""
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise ValueError(f"a name twice among {names}")
    return dict(pairs)


class Daemon:
    """`anzol run` on the text of a script, in a state folder of its own."""

    def __init__(self, text, options=(), env=None, state=None, start=True, wrap=(), paths=None):
        self.wrap = list(wrap)  # a command in front of the daemon's
        self.folder = tempfile.mkdtemp(prefix="anzol-test-")
        self.state = state or os.path.join(self.folder, "state")
        self.script = os.path.join(self.folder, "script.lua")
        self.log_path = os.path.join(self.folder, "log")
        self.options, self.env = list(options), dict(os.environ, ANZOL_LOG="json", **(env or {}))
        self.process = None
        self.write(text)
        self.paths = paths or [self.script]
        if start:
            self.start_or_leave_nothing()

    def start_or_leave_nothing(self):
        """Nobody has it yet who could end it."""
        try:
            self.start()
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def write(self, text):
        with open(self.script, "w") as f:
            f.write(text)

    def start(self, ready=True):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*self.wrap, ANZOL, "run", *self.paths, "--state", self.state, "--listen", "127.0.0.1:0", *self.options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env)
        if ready:
            self.wait_ready()
        return self

    def wait_ready(self):
        try:
            wait_until(self.is_ready, lambda: f"the daemon starts; its log:\n{self.log_text()}")
        except BaseException:
            self.kill()
            raise

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the daemon ended with {self.process.returncode}:\n{self.log_text()}")
        try:
            with open(os.path.join(self.state, "address")) as f:
                self.address = f.read().strip()
            with open(os.path.join(self.state, "token")) as f:
                self.token = f.read().strip()
            return self.call("GET", "/livez", token=False)[0] == 200
        except OSError:
            return False

    def log_text(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def pass_turn(self):
        """What the loop had to log when it last answered it has written once it answers again."""
        try:
            self.call("GET", "/livez", token=False)
        except (OSError, http.client.HTTPException):
            pass  # it has ended, or does not listen yet

    def log(self, event=None):
        """The log's lines as dictionaries; those of what was answered before are among them."""
        self.pass_turn()
        lines = [json.loads(line, object_pairs_hook=once) for line in self.log_text().splitlines() if line.startswith("{")]
        return [line for line in lines if event is None or line["event"] == event]

    def connect(self):
        host, port = self.address.rsplit(":", 1)
        return http.client.HTTPConnection(host, int(port), timeout=PATIENCE)

    def call(self, method, path, body=None, headers=None, token=True, connection=None):
        """(status, headers, body as JSON where it is, else bytes)."""
        c = connection or self.connect()
        headers = dict(headers or {})
        if token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        c.request(method, path, body, headers)
        response = c.getresponse()
        text = response.read()
        if connection is None:
            c.close()
        kind = response.getheader("Content-Type") or ""
        return response.status, response, json.loads(text) if "json" in kind and text else text

    def emit(self, name, data=None, id=None, connection=None):
        event = {"name": name, "data": data if data is not None else {}}
        if id is not None:
            event["id"] = id
        status, _, body = self.call("POST", "/v1/events", event, connection=connection)
        assert status == 202, (status, body)
        return body

    def batch(self, lines):
        """Many events at once: an iterable of dictionaries."""
        body = "".join(json.dumps(line) + "\n" for line in lines)
        status, _, answered = self.call("POST", "/v1/events", body.encode(), {"Content-Type": "application/x-ndjson"})
        return status, answered

    def delivery(self, id):
        status, _, body = self.call("GET", f"/v1/deliveries/{id}")
        assert status == 200, (status, body)
        return body

    def wait_state(self, id, *states, patience=None):
        def reached():
            d = self.delivery(id)
            return d if d["state"] in states else None
        return wait_until(reached, f"delivery {id} becomes {' or '.join(states)}", patience)

    def deliveries(self, **filters):
        """All pages of the log."""
        found, cursor = [], None
        while True:
            query = "&".join(f"{k}={v}" for k, v in dict(filters, limit=1000, **({"cursor": cursor} if cursor else {})).items())
            status, _, page = self.call("GET", f"/v1/deliveries?{query}")
            assert status == 200, (status, page)
            found += page["deliveries"]
            cursor = page["next"]
            if cursor is None:
                return found

    def status(self):
        return self.call("GET", "/v1/status")[2]

    def idle(self, patience=None):
        """Until nothing is pending, and every outcome is committed."""
        def done():
            status = self.status()
            lanes = status["integrations"]
            return status["store"]["pending_writes"] == 0 and all(x["queued"] == x["waiting"] == x["in_flight"] == 0 for x in lanes)
        wait_until(done, "nothing is pending", patience)

    def metric(self, name):
        text = self.call("GET", "/metrics", token=False)[2].decode()
        return float(re.search(rf"^anzol_{name} (\S+)$", text, re.M).group(1))

    def rss_mb(self, what="VmRSS"):
        with open(f"/proc/{self.process.pid}/status") as f:
            return int(re.search(rf"{what}:\s+(\d+)", f.read()).group(1)) / 1024

    def database(self):
        return sqlite3.connect(f"file:{self.state}/anzol.db?mode=ro", uri=True)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self, code=0):
        """SIGTERM, as an orderly end."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        ended = self.process.wait(timeout=PATIENCE + 30)
        assert ended == code, f"ended with {ended}:\n{self.log_text()[-4000:]}"

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if self.process is not None and self.process.poll() is None:
                if kind is None:
                    self.stop()
                else:
                    self.kill()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


def anzol(*arguments, input=None, env=None, cwd=None, timeout=None):
    """One command: (exit code, stdout, stderr)."""
    done = subprocess.run([ANZOL, *arguments], input=input, capture_output=True, text=True, cwd=cwd, env=dict(os.environ, **(env or {})),
                          timeout=timeout or PATIENCE)
    return done.returncode, done.stdout, done.stderr
