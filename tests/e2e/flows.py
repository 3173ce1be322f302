"""What the tests of flows stand on: the journal as the database has it, a daemon that may die at any time, a client that repeats
itself, and what must hold whatever happened."""
import http.client
import json
import os
import sqlite3
import time

from harness import PATIENCE, Daemon

READY, WAITING, SLEEPING, QUEUED, SUCCEEDED, FAILED, PARKED, CANCELED = range(8)
CALL, SEND, SLEEP, WAIT = range(1, 5)

LOST = (OSError, ValueError, EOFError, http.client.HTTPException)  # what a client sees of a daemon that dies


def text_of(id):
    h = id.hex()
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


def rows(d, sql, *values):
    """What the database says now; nothing as long as there is none."""
    try:
        c = d.database()
    except sqlite3.OperationalError:
        return []
    try:
        return c.execute(sql, values).fetchall()
    except sqlite3.OperationalError as e:
        if "no such table" in str(e) or "locked" in str(e) or "unable to open" in str(e):
            return []
        raise
    finally:
        c.close()


def one(d, sql, *values):
    found = rows(d, sql, *values)
    return found[0][0] if found else None


def count(d, where="1"):
    """Of runs."""
    return one(d, f"SELECT count(*) FROM runs WHERE {where}") or 0


class Mortal(Daemon):
    """A daemon that is started again when it dies: by kill(), or by crashes = [{"CRASH_AT": "3", "CRASH_HOW": "before"}, …], one
    for each start until they are used up (see crash.c)."""

    def __init__(self, text, crashes=(), library=None, **more):
        super().__init__(text, start=False, **more)
        self.plain, self.left, self.library = dict(self.env), list(crashes), library
        self.deaths = 0
        self.begin()

    def begin(self):
        self.env = dict(self.plain)
        if self.left:
            self.env.update(self.left.pop(0), LD_PRELOAD=self.library)
        self.start(ready=False)

    def alive(self):
        """Starts it again if it has died; True when it answers."""
        if self.process.poll() is not None:
            assert self.process.returncode == -9, f"it ended with {self.process.returncode}:\n{self.log_text()[-4000:]}"
            self.deaths += 1
            self.begin()
            return False
        try:
            return self.is_ready()
        except LOST:
            return False
        except AssertionError:
            if self.process.poll() != -9:
                raise
            return False

    def until(self, condition, what, patience=None):
        """wait_until() that starts the daemon again meanwhile."""
        deadline = time.monotonic() + (patience or PATIENCE)
        while True:
            if self.alive():
                try:
                    value = condition()
                except LOST:
                    value = None
                if value:
                    return value
            if time.monotonic() > deadline:
                raise AssertionError(f"did not happen in time: {what}\n{self.log_text()[-3000:]}")
            time.sleep(0.005)

    def insist(self, name, data, id):
        """An event, repeated under its id until it is answered."""
        def emitted():
            status, _, body = self.call("POST", "/v1/events", {"name": name, "data": data, "id": id})
            return body if status == 202 else None
        return self.until(emitted, f"event {id} is accepted")


def check_receiver(d, r, deaths=0, same_bytes=True):
    """What holds of side effects: each step has one delivery, the receiver got what the journal has and nothing else, and what came
    again came under its id with the same bytes, no more often than there were deaths."""
    steps = rows(d, "SELECT s.key / 65536, s.key % 65536, d.id, d.state FROM steps s LEFT JOIN deliveries d ON d.seq = s.ref "
                    "WHERE s.kind IN (1, 2)")
    deliveries = rows(d, "SELECT run, step, id FROM deliveries WHERE run != 0")
    assert len({(run, step) for run, step, _ in deliveries}) == len(deliveries), "a step has two deliveries"
    assert {x[2] for x in steps} == {x[2] for x in deliveries}, "a delivery without its step"
    known = {text_of(x[2]) for x in deliveries}
    assert set(r.keys) <= known, f"sent, but not in the journal: {set(r.keys) - known}"
    for id, times in r.keys.items():
        assert times <= 1 + deaths, f"{id} was sent {times} times with {deaths} deaths"
    if same_bytes and r.keep:
        first = {}
        for request in r.requests:
            assert first.setdefault(request.key, request.raw) == request.raw, f"{request.key} was sent with other bytes"
    return steps


def cpu_seconds(d):
    """Of CPU that the daemon has used since it was started."""
    with open(f"/proc/{d.process.pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def result(d, seq):
    return json.loads(one(d, "SELECT result FROM runs WHERE seq = ?", seq))
