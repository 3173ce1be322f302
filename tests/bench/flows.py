"""`make bench-flows`: what a run of a flow with two calls costs, by thread, beside two deliveries without a flow. One table; the same in
build/bench_flows.json."""
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e"))
from bench import TICK, WARM_UP, Listen  # noqa: E402
from harness import Daemon, wait_until  # noqa: E402

COUNT = int(os.environ.get("RUNS", "24000"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
LINES = 2400

INTEGRATION = """
integration "crm" { url = "%s", headers = { ["Content-Type"] = "application/json" } }
local body = { id = "${Order.Id}", key = "${WebhookRequest.TransactionalId}" }
"""

PLAIN = INTEGRATION + """
webhook "first" { integration = "crm", url = "first", on = "order.paid", body = body }
webhook "second" { integration = "crm", url = "second", on = "order.paid", body = body }
"""

FLOW = INTEGRATION + """
webhook "first" { integration = "crm", url = "first", body = body, response = { ok = "ok" } }
webhook "second" { integration = "crm", url = "second", body = body }
flow "checkout" { on = "order.paid", run = function(event)
  local first = call("first", event.data)
  if first.ok then call("second", event.data) end
end }
"""


def threads(pid):
    """CPU seconds of the loop, the writer and the reader."""
    used = {}
    for tid in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{tid}/stat") as f:
            name, fields = f.read().rsplit(")", 1)
        fields = fields.split()
        used[name.split("(", 1)[1]] = (int(fields[11]) + int(fields[12])) / TICK
    return [used.get(name, 0) for name in ("anzol", "anzol-writer", "anzol-reader")]


def ingest(d, count):
    for start in range(0, count, LINES):
        status, body = d.batch({"name": "order.paid", "data": {"Order": {"Id": i}, "pad": "x" * 100}}
                               for i in range(start, min(start + LINES, count)))
        assert status == 202 and not body["rejected"], body


def profile(pid, seconds):
    """Where the loop's CPU goes, by library: perf (Debian's linux-perf) in the background; call what it returns for the answer."""
    path = os.path.join(tempfile.mkdtemp(prefix="anzol-bench-"), "perf.data")
    perf = subprocess.Popen(["perf", "record", "-F", "999", "-t", str(pid), "-o", path, "sleep", str(seconds)],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def shares():
        perf.wait()
        report = subprocess.run(["perf", "report", "-i", path, "--sort", "dso"], capture_output=True, text=True).stdout
        shutil.rmtree(os.path.dirname(path))
        return [line.split() for line in report.splitlines() if line.strip() and not line.startswith("#")]
    return shares


def measure(text, done, shares=None):
    env = {"ANZOL_DUMPABLE": "1"} if shares is not None else {}
    with Listen() as r, Daemon(text % r.url, env=env) as d:
        ingest(d, WARM_UP)
        wait_until(lambda: done(d.status()) >= WARM_UP, "the warm-up", 120)
        told = profile(d.process.pid, 3) if shares is not None else None
        before, start = threads(d.process.pid), time.monotonic()
        ingest(d, COUNT)
        wait_until(lambda: done(d.status()) >= WARM_UP + COUNT, "all of it", 300)
        took = time.monotonic() - start
        if told:
            shares += told()
        loop, writer, reader = ((b - a) / COUNT * 1e6 for a, b in zip(before, threads(d.process.pid)))
        return {"per_s": COUNT / took, "loop_us": loop, "writer_us": writer, "reader_us": reader, "rss_mb": d.rss_mb("VmHWM")}


def median(rounds):
    return {k: round(statistics.median(r[k] for r in rounds), 1) for k in rounds[0]}


def main():
    plain, flow = [], []
    for _ in range(ROUNDS):
        plain.append(measure(PLAIN, lambda s: s["counters"]["succeeded"] / 2))
        flow.append(measure(FLOW, lambda s: s["runs"]["succeeded"]))
    figures = {"plain": median(plain), "flow": median(flow)}
    print(f"{'an event with':24} {'events/s':>9} {'loop µs':>9} {'writer µs':>10} {'reader µs':>10} {'peak RSS MB':>12}")
    for name, what in (("plain", "two deliveries"), ("flow", "a run with two calls")):
        f = figures[name]
        print(f"{what:24} {f['per_s']:>9} {f['loop_us']:>9} {f['writer_us']:>10} {f['reader_us']:>10} {f['rss_mb']:>12}")
    journal = figures["flow"]["writer_us"]
    print(f"the journal (the writer's thread) alone would carry {1e6 / journal:,.0f} runs a second")
    if os.environ.get("PROFILE"):
        shares = []
        measure(FLOW, lambda s: s["runs"]["succeeded"], shares)
        print("of the loop's CPU in runs with two calls: " + ", ".join(f"{name} {share}" for share, name, *_ in shares[:8]))
    os.makedirs("build", exist_ok=True)
    with open("build/bench_flows.json", "w") as f:
        json.dump(figures, f, indent=1)


if __name__ == "__main__":
    main()
