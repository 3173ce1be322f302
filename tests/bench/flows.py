"""`make bench-flows`: what a run of a flow with two calls costs, by thread, beside two deliveries without a flow. One table; the same in
build/bench_flows.json. PROFILE=1: where the loop's CPU goes, by library."""
import json
import os
import shutil
import subprocess
import tempfile
import threading

from measure import BUILD, Receiver, batches, measure, middle
from harness import Daemon

COUNT = int(os.environ.get("RUNS", "24000"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))

INTEGRATION = """
integration "crm" { url = "%s", headers = { ["Content-Type"] = "application/json" } }
local body = { id = "${n}", key = "${WebhookRequest.TransactionalId}" }
"""

PLAIN = INTEGRATION + """
webhook "first" { integration = "crm", url = "first", on = "bench0", body = body }
webhook "second" { integration = "crm", url = "second", on = "bench0", body = body }
"""

FLOW = INTEGRATION + """
webhook "first" { integration = "crm", url = "first", body = body, response = { ok = "ok" } }
webhook "second" { integration = "crm", url = "second", body = body }
flow "checkout" { on = "bench0", run = function(event)
  local first = call("first", event.data)
  if not first.ok then call("second", event.data) end
end }
"""


def profile(pid, work):
    """Does `work`, and prints where the loop's CPU went meanwhile, by library: perf (Debian's linux-perf)."""
    folder = tempfile.mkdtemp(prefix="anzol-bench-")
    perf = subprocess.Popen(["perf", "record", "-F", "999", "-t", str(pid), "-o", f"{folder}/perf.data", "sleep", "3"], stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)
    working = threading.Thread(target=work)
    working.start()
    perf.wait()
    report = subprocess.run(["perf", "report", "-i", f"{folder}/perf.data", "--sort", "dso"], capture_output=True, text=True).stdout
    working.join()
    shutil.rmtree(folder)
    shares = [line.split()[:2] for line in report.splitlines() if line.strip() and not line.startswith("#")]
    print("of the loop's CPU in runs with two calls: " + ", ".join(f"{name} {share}" for share, name in shares[:8]))


def one(text, profiled=False):
    with Receiver() as r, Daemon(text % r.url, env={"ANZOL_DUMPABLE": "1"} if profiled else {}) as d:
        measure(d, lambda: batches(d, 4000))
        if profiled:
            return profile(d.process.pid, lambda: batches(d, COUNT))
        # Each event makes two deliveries.
        return {**measure(d, lambda: batches(d, COUNT)), "rss_mb": d.rss_mb("VmHWM")}


def columns(rounds):
    threads = {name: 2 * middle([r["threads"].get(f"anzol{name}", 0) for r in rounds]) for name in ("", "-writer", "-reader")}
    return {"per_s": round(middle([r["rps"] for r in rounds]) / 2), "loop_us": round(threads[""], 1), "writer_us": round(threads["-writer"], 1),
            "reader_us": round(threads["-reader"], 1), "rss_mb": round(middle([r["rss_mb"] for r in rounds]), 1)}


def main():
    rounds = [(one(PLAIN), one(FLOW)) for _ in range(ROUNDS)]
    figures = {"plain": columns([p for p, _ in rounds]), "flow": columns([f for _, f in rounds])}
    print(f"{'an event with':24} {'events/s':>9} {'loop µs':>9} {'writer µs':>10} {'reader µs':>10} {'peak RSS MB':>12}")
    for name, what in (("plain", "two deliveries"), ("flow", "a run with two calls")):
        print(f"{what:24} " + " ".join(f"{figures[name][key]:>{w}}" for key, w in
                                       (("per_s", 9), ("loop_us", 9), ("writer_us", 10), ("reader_us", 10), ("rss_mb", 12))))
    print(f"the journal (the writer's thread) alone would carry {1e6 / figures['flow']['writer_us']:,.0f} runs a second")
    if os.environ.get("PROFILE"):
        one(FLOW, profiled=True)
    with open(os.path.join(BUILD, "bench_flows.json"), "w") as f:
        json.dump(figures, f, indent=1)


if __name__ == "__main__":
    main()
