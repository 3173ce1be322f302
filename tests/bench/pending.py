"""`make bench-pending`: COUNT=1000000 deliveries pending because their receiver takes requests and never answers. What they cost in memory, what another integration feels of them,
how soon a daemon is ready that finds them, and how they are drained. Figures in build/bench_pending.json."""
import json
import os
import socket
import time

from measure import BUILD, Receiver, cpu_us, free_port, load, middle, now_ns, succeeded
from harness import Daemon

COUNT = int(os.environ.get("COUNT", "1000000"))
PROBE = 40_000
STARTS = 5
FIGURES = {}


def tell(name, value, what):
    FIGURES[name] = value
    print(f"{what:<68}{value:>14,}", flush=True)


def text(dead, alive):
    """bench0 goes to the receiver that is dead, bench1 to the one that lives; a hundred webhooks in all."""
    both = [f'integration "dead" {{ url = "http://127.0.0.1:{dead}/", concurrency = 64, headers = {{ ["Content-Type"] = "application/json" }} }}',
            f'integration "alive" {{ url = "{alive}", headers = {{ ["Content-Type"] = "application/json" }} }}']
    both += [f'webhook "hook{i}" {{ integration = "{("dead", "alive")[i % 2]}", url = "in", on = "bench{i}",\n'
             '  body = { n = "${n}", sent = "${sent}", key = "${WebhookRequest.TransactionalId}", pad = "${pad}" } }' for i in range(100)]
    return "\n".join(both)


class Dead:
    """Takes connections and what comes on them, and says nothing, until it is gone."""

    def __init__(self, port):
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind(("127.0.0.1", port))
        self.sock.listen(4096)

    def close(self):
        self.sock.close()


def until_quiet(d, count, patience=600):
    deadline = time.monotonic() + patience
    while succeeded(d) < count:
        assert time.monotonic() < deadline, d.status()
        time.sleep(0.1)


def probe(d):
    """Deliveries a second of the integration that lives: the middle of five."""
    return round(middle([probe_once(d) for _ in range(5)]))


def probe_once(d):
    want, began = succeeded(d) + PROBE, now_ns()
    load(d, "batch", count=PROBE, lines=500, connections=2, names=1, first=0, event=1)
    until_quiet(d, want)
    return PROBE / ((now_ns() - began) / 1e9)


def ready_ms(d):
    """From exec to the first 200 of /readyz."""
    address = os.path.join(d.state, "address")
    if os.path.exists(address):
        os.unlink(address)  # of the one that was killed
    began = now_ns()
    d.start(ready=False)
    while True:
        try:
            with open(address) as f:
                d.address = f.read().strip()
            if d.call("GET", "/readyz", token=False)[0] == 200:
                return round((now_ns() - began) / 1e6, 1)
        except OSError:
            pass
        time.sleep(0.001)


def starts_ms(d, end):
    """`end` ends it, each time: the middle of STARTS starts."""
    taken = []
    for _ in range(STARTS):
        end()
        taken.append(ready_ms(d))
    return middle(taken)


def main():
    port = free_port()
    with Receiver() as alive, Daemon(text(port, alive.url)) as d:
        tell("alive_before_rps", probe(d), "deliveries a second of an integration, before")
        gone = Dead(port)
        began = now_ns()
        for first in range(0, COUNT, 100_000):
            load(d, "batch", count=min(100_000, COUNT - first), lines=500, connections=2, first=first)
        tell("accepted_rps", round(COUNT / ((now_ns() - began) / 1e9)), "accepted a second while the backlog grows")
        tell("alive_during_rps", probe(d), f"deliveries a second of the other integration, beside {COUNT:,} pending")
        tell("rss_mb", round(d.rss_mb("VmRSS"), 1), "RSS in MB")
        tell("ready_after_kill_ms", starts_ms(d, d.kill), f"ms until ready, after kill -9, the middle of {STARTS}")
        tell("ready_ms", starts_ms(d, d.stop), f"ms until ready, the middle of {STARTS}")
        gone.close()
        with Receiver(port) as back:
            used = sum(cpu_us(d.process.pid).values())
            until_quiet(d, COUNT)
            got = back.figures()
            tell("drained_rps", round(COUNT / ((got["last_ns"] - got["first_ns"]) / 1e9)), "drained a second, from the first request to the last")
            tell("drained_cpu_us", round((sum(cpu_us(d.process.pid).values()) - used) / COUNT, 1), "CPU µs each")
            tell("late", got["late"], "more than 1,000 behind a later one (those whose first attempt had no answer)")
        tell("rss_peak_mb", round(d.rss_mb("VmHWM"), 1), "peak RSS in MB since it was ready")
    with open(os.path.join(BUILD, "bench_pending.json"), "w") as f:
        json.dump(FIGURES, f, indent=1)


if __name__ == "__main__":
    main()
