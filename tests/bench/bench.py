"""`make bench`: CPU and throughput of durable deliveries, end to end, against our own receiver. One table; the same in build/bench.json."""
import json
import os
import re
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e"))
from harness import ANZOL, Daemon, script, wait_until  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")
WARM_UP = 4800


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


class Listen:
    """`anzol listen`, counting only."""

    def __enter__(self):
        self.process = subprocess.Popen([ANZOL, "listen", "--listen", "127.0.0.1:0", "--quiet"], stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        line = self.process.stdout.readline()
        self.url = re.search(r"http://[0-9.:]+", line).group() + "/"
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.communicate()


def ingest_batch(d, count):
    for start in range(0, count, 4800):
        status, body = d.batch({"name": "order.paid", "data": {"Order": {"Id": i}, "pad": "x" * 100}} for i in range(start, start + 4800))
        assert status == 202 and not body["rejected"], body


def ingest_single(d, count, clients=16):
    def work():
        c = d.connect()
        for i in range(count // clients):
            d.emit("order.paid", {"Order": {"Id": i}, "pad": "x" * 100}, connection=c)
    threads = [threading.Thread(target=work) for _ in range(clients)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


def measure(name, ingest, count):
    with Listen() as r, Daemon(script(r.url), options=["--log-level", "info"]) as d:
        ingest(d, WARM_UP)
        wait_until(lambda: d.status()["counters"]["succeeded"] >= WARM_UP, "the warm-up", 120)
        before, start = cpu_seconds(d.process.pid), time.monotonic()
        ingest(d, count)
        wait_until(lambda: d.status()["counters"]["succeeded"] >= WARM_UP + count, "all deliveries", 300)
        took = time.monotonic() - start
        cpu = cpu_seconds(d.process.pid) - before
        return {f"{name}.rps": round(count / took), f"{name}.cpu_us": round(cpu / count * 1e6, 1), f"{name}.rss_mb": round(d.rss_mb("VmHWM"), 1)}


def main():
    figures = {**measure("batch", ingest_batch, 48_000), **measure("single", ingest_single, 16_000)}
    print(f"{'':8} {'deliveries/s':>14} {'CPU µs each':>12} {'peak RSS MB':>12}")
    for name in ("batch", "single"):
        print(f"{name:8} {figures[name + '.rps']:>14} {figures[name + '.cpu_us']:>12} {figures[name + '.rss_mb']:>12}")
    os.makedirs("build", exist_ok=True)
    with open("build/bench.json", "w") as f:
        json.dump(figures, f, indent=1)


if __name__ == "__main__":
    main()
