"""The real binary under load, killed and started again at once on the same folder, for as many rounds as asked for. Clients, receivers
and the one who kills live on one event loop: what a receiver was asked, and in which life of the daemon, is known exactly.

    storm = Storm(folder, seed, kills)
    asyncio.run(storm.run(check))         # check(storm) is called when all is drained and the daemon still runs
"""
import asyncio
import os
import random
import shutil
import signal
import socket
import subprocess
import time

from clients import Client
from harness import ANZOL, PATIENCE
from ledger import Ledger
from moods import HANG, Mood, Receiving

LIBRARY = os.path.join(os.environ.get("BUILD", os.path.join(os.getcwd(), "build")), "crash.so")
OWED_MAX = 250   # deliveries that the clients let pend: what is accepted is what can be delivered
PACED = 40       # requests a second of the integration with a rate

SCRIPT = """
local retry = { delays = { "30ms", "60ms", "120ms", "250ms", "500ms" }, within = "5m" }
local function receiver(name, port, more)
  local t = { url = "http://127.0.0.1:" .. port .. "/", headers = { ["Content-Type"] = "application/json" }, retry = retry, timeout = "1s" }
  for k, v in pairs(more or {}) do t[k] = v end
  integration(name)(t)
end
receiver("good", %(good)d, { concurrency = %(good_most)d })
receiver("moody", %(moody)d, { concurrency = %(moody_most)d, timeout = "300ms" })
receiver("plain", %(plain)d, { concurrency = %(plain_most)d, timeout = "300ms" })
receiver("paced", %(paced)d, { concurrency = %(paced_most)d, rate = %(rate)d })
receiver("steps", %(steps)d, { concurrency = %(steps_most)d })

local KEY = "${WebhookRequest.TransactionalId}"
webhook "good"  { integration = "good",  on = "order", url = "good?t=" .. KEY, body = { n = "${N}", text = %(text)d, pad = "${Pad}" } }
webhook "moody" { integration = "moody", on = "order", url = "moody", headers = { ["Idempotency-Key"] = KEY }, body = { n = "${N}", text = %(text)d } }
webhook "plain" { integration = "plain", on = "order", url = "plain", method = "PUT", body = { n = "${N}", text = %(text)d } }
webhook "paced" { integration = "paced", on = "paced", url = "paced", body = { n = "${N}", key = KEY } }
webhook "first" { integration = "steps", url = "first?t=" .. KEY, body = { n = "${N}", value = "${Value}" } }
webhook "last"  { integration = "steps", url = "last?t=" .. KEY, body = { n = "${N}", by = "${By}", value = "${Value}" } }

flow "trip" { on = "trip", run = function(event)
  local n, value = event.data.N, uuid()
  local first = call("first", { N = n, Value = value })
  sleep(0.02)
  local approved = wait_event("approved", { match = { N = n }, timeout = "1h" })
  local last = call("last", { N = n, Value = value, By = approved.data.By })
  return { n = n, value = value, first = first.delivery_id, last = last.delivery_id, ok = first.ok and last.ok,
    by = approved.data.By, answers = { first.json.n, last.json.n } }
end }
"""

# What an event makes; those of `trip` are calls of its flow.
MADE = {"order": ["good", "moody", "plain"], "paced": ["paced"], "trip": ["first", "last"], "approved": []}
CONCURRENCY = {"good": 16, "moody": 16, "plain": 8, "paced": 64, "steps": 16}
RECEIVERS = {"good": ["good"], "moody": ["moody"], "plain": ["plain"], "paced": ["paced"], "steps": ["first", "last"]}


def free_port(rng):
    """Below those that connections get by themselves: nobody takes it while the daemon is down."""
    while True:
        port = rng.randrange(20000, 32000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


class Life:
    """The daemon from one start to its end."""

    def __init__(self, number, how):
        self.number, self.how, self.killed = number, how, False
        self.began, self.ready = time.monotonic(), None
        self.countdown = None  # of what has to happen before it is killed
        self.reached = False


class Storm:
    def __init__(self, folder, seed, kills, log=print):
        self.folder, self.seed, self.kills, self.log = folder, seed, kills, log
        self.rng = random.Random(seed)
        self.mood = Mood(random.Random(seed + 1))
        self.state, self.script = os.path.join(folder, "state"), os.path.join(folder, "script.lua")
        self.log_path = os.path.join(folder, "log")
        self.ledger = Ledger()
        self.inbound = set()
        self.jobs, self.numbers, self.texts = [], 0, 0
        self.life, self.lives, self.deaths, self.ended, self.draining = None, 0, 0, False, False
        self.rate, self.concurrency = PACED, CONCURRENCY
        self.starts = []      # seconds from start to the first answer
        self.looked = 0       # copies of the files looked into after a kill
        self.known_token = None

    # --- the load -------------------------------------------------------------------------------------------------

    def event(self, name, n=None, **more):
        if n is None:
            self.numbers += 1
            n = self.numbers
        e = {"name": name, "id": f"{name}-{n}", "data": {"N": n, **more}}
        self.ledger.event(e, MADE[name])
        return e

    def any_event(self):
        x = self.rng.random()
        if x < 0.12:
            return self.event("trip")
        if x < 0.25 and self.ledger.owed("paced") < PACED:
            return self.event("paced")
        return self.event("order", Pad="x" * self.rng.choice([0, 10, 100, 1000, 8000]))

    def take_job(self):
        """(events, whether they go as a batch), or None: nothing now."""
        if self.jobs:
            return self.jobs.pop(self.rng.randrange(len(self.jobs)))
        if self.draining or self.ledger.owed() > OWED_MAX:
            return None
        x = self.rng.random()
        if x < 0.03 and self.ledger.acked:
            return [self.ledger.any_acknowledged(self.rng)], False  # once more, though it was acknowledged
        if x < 0.10:
            return [self.any_event() for _ in range(self.rng.randint(1, 40))], True
        return [self.any_event()], False

    def on_acknowledged(self, events):
        for e in events:
            if e["name"] == "trip":
                self.jobs.append(([self.event("approved", e["data"]["N"], By=f"by-{self.rng.randrange(1000)}")], False))

    def token(self):
        if self.known_token is None:
            try:
                with open(os.path.join(self.state, "token")) as f:
                    self.known_token = f.read().strip()
            except OSError:
                pass
        return self.known_token

    # --- lives and deaths -----------------------------------------------------------------------------------------

    def write_script(self):
        """Another text each time: what was rendered by an earlier one goes out as it is."""
        self.texts += 1
        with open(self.script + ".new", "w") as f:
            most = {f"{name}_most": n for name, n in self.concurrency.items()}
            f.write(SCRIPT % dict(self.ports, **most, rate=PACED, text=self.texts))
        os.rename(self.script + ".new", self.script)

    MOMENTS = {"start": 18, "load": 26, "ingest": 12, "delivery": 16, "retry": 8, "reload": 8, "drain": 8, "checkpoint": 5, "sync": 8}

    def plan(self):
        """How the next life ends, and what makes it."""
        if self.deaths >= self.kills:
            return "drain", {}
        moments = list(self.MOMENTS)
        how = self.rng.choices(moments, [self.MOMENTS[m] for m in moments])[0]
        env = {}
        if how == "checkpoint":
            env = {"CRASH_AT": str(self.rng.randint(1, 400)), "CRASH_HOW": "checkpoint"}
        elif how == "sync":
            env = {"CRASH_AT": str(int(self.rng.expovariate(1 / 15)) + 1), "CRASH_HOW": self.rng.choice(["before", "after"])}
        return how, dict(env, LD_PRELOAD=LIBRARY) if env else {}

    def begin(self):
        how, env = self.plan()
        self.lives += 1
        self.life = life = Life(self.lives, "last" if self.deaths >= self.kills else how)
        if life.how in ("delivery", "retry", "ingest"):
            life.countdown = int(self.rng.expovariate(1 / {"delivery": 25, "retry": 4, "ingest": 8}[how])) + 1
        with open(self.log_path, "ab") as log:
            life.process = subprocess.Popen(
                [ANZOL, "run", self.script, "--state", self.state, "--listen", f"127.0.0.1:{self.port}", "--log-level", "error"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=dict(os.environ, ANZOL_LOG="json", **env))
        life.pidfd = os.pidfd_open(life.process.pid)
        self.loop.add_reader(life.pidfd, self.on_exit, life)
        if life.how == "start":
            start = self.starts[-1] if self.starts else 0.1
            self.kill_in(self.rng.uniform(0, 1.5 * start))
        elif life.how != "last":
            self.kill_in(PATIENCE)  # at the latest
        if life.how == "last":
            self.draining = True
            self.jobs.append(([self.event("paced") for _ in range(PACED * 3 // 2)], True))  # more than a second of it

        self.listens.clear()
        self.try_port(life)

    def try_port(self, life):
        """Until it listens: one bare socket costs less than all clients that try."""
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", self.port)) == 0:
                self.listens.set()
            elif life is self.life and life.process.returncode is None:
                self.loop.call_later(0.002, self.try_port, life)

    def kill_in(self, seconds):
        self.loop.call_later(seconds, self.kill, self.life)

    def kill(self, life):
        if life is self.life and life.process.returncode is None and not life.killed:
            life.killed = True
            os.kill(life.process.pid, signal.SIGKILL)

    def signal(self, life, number):
        if life is self.life and life.process.poll() is None:
            os.kill(life.process.pid, number)

    def on_answer(self):
        """A client has an answer: the daemon is up."""
        life = self.life
        if life.ready is not None:
            return
        life.ready = time.monotonic()
        self.starts.append(life.ready - life.began)
        if life.how == "load":
            self.kill_in(self.rng.expovariate(1 / 0.06))
        elif life.how in ("reload", "drain"):
            at = self.rng.uniform(0, 0.08)
            if life.how == "reload":
                self.write_script()
            self.loop.call_later(at, self.signal, life, signal.SIGHUP if life.how == "reload" else signal.SIGTERM)
            self.kill_in(at + self.rng.uniform(0, 0.02))
        elif life.how in ("checkpoint", "sync", "delivery", "retry", "ingest"):
            self.kill_in(0.25 + self.rng.random() * 0.1)  # when that does not happen

    def count_down(self, how):
        """True once, when what that life ends with has happened often enough."""
        life = self.life
        if life.how != how or life.reached:
            return False
        life.countdown -= 1
        life.reached = life.countdown <= 0
        return life.reached

    def on_sent(self, events):
        self.ledger.sent_events(events)
        if self.count_down("ingest"):
            self.kill_in(self.rng.uniform(0, 0.004))

    def on_request(self, webhook, what):
        if self.count_down("delivery"):
            self.kill(self.life) if self.rng.random() < 0.5 else self.loop.call_soon(self.kill, self.life)
        elif what not in (200, HANG) and self.count_down("retry"):
            self.kill_in(self.rng.uniform(0, 0.05))

    def on_exit(self, life):
        self.loop.remove_reader(life.pidfd)
        os.close(life.pidfd)
        code = life.process.wait()
        if code == -signal.SIGKILL:
            life.killed = True
            self.deaths += 1
        elif code != 0 or life.how not in ("drain", "last"):
            self.fail(AssertionError(f"the daemon ended with {code} (killed at: {life.how}):\n{self.log_text()[-4000:]}"))
            return
        self.ledger.life_ended(life)
        if life.how != "last" and not self.ended:
            self.task(self.begin_again())

    async def begin_again(self):
        """Once what the last one has sent is read to its end, so that each request counts for the life it was sent in."""
        for _ in range(3):
            await asyncio.sleep(0)
        while self.inbound:
            await asyncio.sleep(0)
        if self.deaths % 20 == 0:
            self.look()
        if self.deaths % 100 == 0 and self.life.killed:
            self.log(f"# {self.deaths} kills, {len(self.ledger.acked)} events acknowledged, {self.ledger.received} requests")
        self.begin()

    def look(self):
        """What the files say that the killed one has left, in a copy of them."""
        copy = os.path.join(self.folder, "copy")
        shutil.rmtree(copy, ignore_errors=True)
        os.mkdir(copy)
        for name in ("anzol.db", "anzol.db-wal"):
            path = os.path.join(self.state, name)
            if os.path.exists(path):
                shutil.copy(path, copy)
        self.ledger.check_files(os.path.join(copy, "anzol.db"))
        self.looked += 1

    def log_text(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    # --- all of it ------------------------------------------------------------------------------------------------

    async def run(self, check):
        self.loop, self.tasks = asyncio.get_running_loop(), []
        self.failure, self.listens = self.loop.create_future(), asyncio.Event()
        self.ports, servers = {}, []
        for name in RECEIVERS:
            mood = getattr(self.mood, name)
            servers.append(await self.loop.create_server(lambda mood=mood: Receiving(self, mood), "127.0.0.1", 0, backlog=1024))
            self.ports[name] = servers[-1].sockets[0].getsockname()[1]
        self.port = free_port(self.rng)
        self.loop.set_exception_handler(self.on_error)
        self.write_script()
        self.began = time.monotonic()
        self.begin()
        clients = [Client(self) for _ in range(4)]
        for client in clients:
            self.task(client.run())
        try:
            await self.until(lambda: self.draining and not self.jobs and self.ledger.all_acknowledged(), "all events are acknowledged")
            self.took = time.monotonic() - self.began
            await self.until(lambda: self.ledger.is_done(self.state), "all is delivered")
            await self.loop.run_in_executor(None, check, self)
            self.ended = True
            self.signal(self.life, signal.SIGTERM)
            await self.until(lambda: self.life.process.returncode is not None, "it ends")
            self.raise_failure()
        finally:
            self.ended = True
            for task in self.tasks:
                task.cancel()
            if self.life.process.poll() is None:
                self.life.process.kill()
                self.life.process.wait()
            for server in servers:
                server.close()

    def task(self, work):
        task = self.loop.create_task(work)
        task.add_done_callback(self.on_task)
        self.tasks.append(task)

    def on_task(self, task):
        if not task.cancelled() and task.exception() is not None:
            self.fail(task.exception())

    def on_error(self, loop, context):
        self.fail(context.get("exception") or AssertionError(context["message"]))

    def fail(self, exception):
        """What goes wrong in a callback or a task ends all; the first is told."""
        if not self.failure.done():
            self.failure.set_exception(exception)

    def raise_failure(self):
        if self.failure.done():
            self.failure.result()

    async def until(self, condition, what):
        """As long as there is progress: kills, acknowledgements, requests."""
        seen, deadline = None, 0
        while not condition():
            self.raise_failure()
            now = (self.deaths, len(self.ledger.acked), self.ledger.received)
            if now != seen:
                seen, deadline = now, time.monotonic() + PATIENCE
            if time.monotonic() > deadline:
                raise AssertionError(f"did not happen in time: {what}; {now}, open: {self.ledger.open_ones()}\n{self.log_text()[-3000:]}")
            await asyncio.sleep(0.02)
