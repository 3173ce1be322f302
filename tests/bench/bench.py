"""`make bench`: what a durable delivery costs, beside what the same request costs in libcurl alone. `make bench-quick`: the first table only.
The tables on stdout; their figures in build/bench.json."""
import json
import os
import sys
import time

from measure import (BODY, BUILD, PAD, Receiver, TlsReceiver, batches, begin_load, end_load, floor, load, measure, middle, script, spread, until_settled,
                     wrk)
from harness import Daemon

QUICK = "--quick" in sys.argv
ROUNDS = int(os.environ.get("ROUNDS", "6" if QUICK else "12"))  # of the first table
OTHER_ROUNDS = max(ROUNDS // 4, 1)                             # of the others
FIGURES = {}


def put(name, values, digits=1):
    FIGURES[name] = round(middle(values), digits)
    FIGURES[name + ".spread"] = round(spread(values), 3)


WIDTHS = (24, 12, 12, 9, 9, 8)


def line(*cells):
    print("".join(f"{c:>{w}}" if i else f"{c:<{w}}" for i, (c, w) in enumerate(zip(cells, WIDTHS))), flush=True)


def report(name, rounds, floors):
    """One line of a table: middle of the rounds, and beside the floor of the same rounds."""
    rps, cpu = [r["rps"] for r in rounds], [r["cpu_us"] for r in rounds]
    put(name + ".rps", rps, 0)
    put(name + ".cpu_us", cpu)
    if floors is None:
        line(name, f"{middle(rps):,.0f}", f"{middle(cpu):.1f}", "", "", f"±{spread(cpu) * 100:.0f} %")
        return
    put(name + ".cpu_ratio", [r["cpu_us"] / f["cpu_us"] for r, f in zip(rounds, floors)], 2)
    put(name + ".rps_ratio", [r["rps"] / f["rps"] for r, f in zip(rounds, floors)], 2)
    line(name, f"{middle(rps):,.0f}", f"{middle(cpu):.1f}", f"{FIGURES[name + '.cpu_ratio']:.2f}", f"{FIGURES[name + '.rps_ratio']:.2f}",
         f"±{spread(cpu) * 100:.0f} %")


def head(title):
    print(f"\n{title}")
    line("", "a second", "CPU µs each", "x floor", "of its")


def first(count=15_000, seconds=2):
    """The floor, singles, batches, in turn, a few seconds each: what else the machine does weighs on all of them alike."""
    floors, singles, many = [], [], []
    with Receiver() as r, Daemon(script(r.url)) as one, Daemon(script(r.url)) as batch:
        for d in (one, batch):
            measure(d, lambda: batches(d, 4000))
        for _ in range(ROUNDS):
            floors.append(floor(r.url, count))
            singles.append(measure(one, lambda: wrk(one, seconds)))
            many.append(measure(batch, lambda: batches(batch, count)))
        rss = [d.rss_mb("VmHWM") for d in (one, batch)]
    head(f"A request of {BODY} bytes: libcurl alone, and anzol with its store, limiter and log")
    report("floor", floors, None)
    report("single", singles, floors)
    report("batch", many, floors)
    for name, rounds in (("single", singles), ("batch", many)):
        for thread in ("anzol", "anzol-writer"):
            put(f"{name}.{'writer' if 'writer' in thread else 'loop'}_us", [x["threads"][thread] for x in rounds])
    put("rss_mb", rss)
    print(f"\nof anzol's, in the loop and the writer: single {FIGURES['single.loop_us']} and {FIGURES['single.writer_us']}, "
          f"batch {FIGURES['batch.loop_us']} and {FIGURES['batch.writer_us']} µs; peak RSS {FIGURES['rss_mb']} MB")


def latency(parts, seconds, rounds):
    """From the moment at which a POST was due to when the receiver has the request. The first second of each load, in which its connections are
    made, does not count."""
    print(f"\n{'POST to receiver':<22}{'a second':>12}{'p50 ms':>9}{'p99 ms':>9}{'p99.9 ms':>10}")
    with Receiver() as r, Daemon(script(r.url)) as d:
        load(d, "paced", rate=500, seconds=2, pad=PAD)
        for part in parts:
            rate, taken = int(FIGURES["single.rps"] * part), []
            for _ in range(rounds):
                until_settled(d)
                loading = begin_load(d, "paced", rate=rate, seconds=seconds + 1, pad=PAD, connections=256)
                time.sleep(1)
                r.figures()
                end_load(loading)
                until_settled(d)
                taken.append(r.figures())
            name = "latency." if part == 0.5 else f"latency_{part * 100:.0f}."
            for key in ("p50", "p99", "p999"):
                put(f"{name}{key}_ms", [t[key] / 1000 for t in taken], 2)
            print(f"{part * 100:>3.0f} % load{'':<12}{rate:>12,}" + "".join(f"{FIGURES[f'{name}{k}_ms']:>{w}}" for k, w in (("p50", 9), ("p99", 9), ("p999", 10))),
                  flush=True)


def batch_rounds(r, text, options=None, count=40_000, **work):
    rounds = []
    for _ in range(OTHER_ROUNDS):
        with Daemon(text, options=options or []) as d:
            measure(d, lambda: batches(d, 4000, **work))
            rounds.append(measure(d, lambda: batches(d, count, **work)))
    return rounds


def floor_rounds(url, **options):
    return [floor(url, 40_000, **options) for _ in range(OTHER_ROUNDS)]


def shapes():
    """What else there is, in batches."""
    head("Other shapes, in batches, each beside the floor of the same shape")
    with Receiver() as r:
        for size in (1_000, 10_000):
            report(f"body of {size:,} bytes", batch_rounds(r, script(r.url), pad=PAD + size - BODY, lines=50 if size > 5000 else 500),
                   floor_rounds(r.url, size=size))
        for n in (1, 1024):
            report(f"{n:,} connections", batch_rounds(r, script(r.url, concurrency=n), count=40_000 if n > 1 else 20_000), floor_rounds(r.url, connections=n))
        plain = floor_rounds(r.url)
        for n in (100, 1000):
            report(f"{n:,} integrations", batch_rounds(r, script(r.url, webhooks=n, integrations=n), names=n), plain)
        report("a call of a flow of two", batch_rounds(r, FLOW % r.url, count=10_000), plain)
    with TlsReceiver() as r:
        report("TLS", batch_rounds(r, script(r.url), options=["--ca-file", r.ca]), floor_rounds(r.url, ca=r.ca))


FLOW = """
integration "to" { url = "%s", rate = 1000000, headers = { ["Content-Type"] = "application/json" } }
local body = { n = "${n}", sent = "${sent}", key = "${WebhookRequest.TransactionalId}", pad = "${pad}" }
webhook "first" { integration = "to", url = "first", body = body }
webhook "second" { integration = "to", url = "second", body = body }
flow "both" { on = "bench0", run = function(event)
  call("first", event.data)
  call("second", event.data)
end }
"""


def main():
    first()
    latency((0.5,) if QUICK else (0.2, 0.5, 0.8), 3 if QUICK else 10, OTHER_ROUNDS)
    if not QUICK:
        shapes()
    os.makedirs(BUILD, exist_ok=True)
    with open(os.path.join(BUILD, "bench.json"), "w") as f:
        json.dump(FIGURES, f, indent=1)


if __name__ == "__main__":
    main()
