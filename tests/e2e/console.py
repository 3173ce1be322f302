"""The control socket as a client of the tests sees it: one JSON object a line."""
import json
import socket
import time

from harness import PATIENCE


class Console:
    """Attached to a daemon. `eval()` gives (end, text); notes gather in `notes`, printed text in `printed`."""

    def __init__(self, d, width=100):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(d.state + "/control")
        self.pending = b""
        self.id, self.width, self.notes, self.printed = 0, width, [], {}
        self.hello = self.read()

    def read(self):
        """The next line; None at the end."""
        while b"\n" not in self.pending:
            more = self.socket.recv(1 << 20)
            if not more:
                return None
            self.pending += more
        line, self.pending = self.pending.split(b"\n", 1)
        return json.loads(line)

    def send(self, op, **members):
        self.id += 1
        self.socket.sendall((json.dumps(dict(id=self.id, op=op, **members)) + "\n").encode())
        return self.id

    def gather(self, seconds):
        """Takes what comes for that long, to be read later."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.socket.settimeout(max(0.01, until - time.monotonic()))
            try:
                self.pending += self.socket.recv(1 << 20)
            except TimeoutError:
                break
        self.socket.settimeout(PATIENCE)

    def answer(self, id, on_text=None):
        """The last line about a request."""
        while True:
            line = self.read()
            if line is None:
                raise AssertionError("the daemon has closed the connection")
            if "note" in line:
                self.notes.append(line["note"])
            elif line.get("id") == id and "end" not in line and "items" not in line:
                self.printed[id] = self.printed.get(id, "") + line["text"]
                if on_text:
                    on_text(line["text"])
            elif line.get("id") == id:
                return line

    def begin(self, code, **more):
        return self.send("eval", code=code, width=self.width, **more)

    def eval(self, code, **more):
        line = self.answer(self.begin(code, **more))
        return line["end"], line.get("text", "")

    def value(self, code):
        """The one value of an expression."""
        line = self.answer(self.begin(code, json=True))
        if line["end"] != "ok":
            raise AssertionError(f"{code}: {line}")
        return line["values"][0]

    def complete(self, code, cursor=None):
        line = self.answer(self.send("complete", code=code, cursor=len(code.encode()) if cursor is None else cursor))
        return line["items"]

    def cancel(self, target):
        self.send("cancel", target=target)

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
