"""`make bench-rate`: an integration of RATE=1000 requests a second with more to send than that, for SECONDS=60, while a hundred others run at rates of
their own. Figures in build/bench_rate.json."""
import json
import os
import time

from measure import BUILD, Receiver, load
from harness import Daemon

RATE = int(os.environ.get("RATE", "1000"))
SECONDS = int(os.environ.get("SECONDS", "60"))
OTHERS = 100


def text(url, others):
    """bench0 is the one that is measured; the others have from 3 to 102 requests a second."""
    lines = []
    for i in range(OTHERS + 1):
        lines.append(f'integration "to{i}" {{ url = "{others if i else url}", rate = {i + 2 if i else RATE} }}\n'
                     f'webhook "hook{i}" {{ integration = "to{i}", url = "in", on = "bench{i}",\n'
                     '  body = { n = "${n}", sent = "${sent}", key = "${WebhookRequest.TransactionalId}", pad = "${pad}" } }')
    return "\n".join(lines)


def main():
    with Receiver() as r, Receiver() as others, Daemon(text(r.url, others.url)) as d:
        for i in range(1, OTHERS + 1):
            load(d, "batch", count=(i + 2) * (SECONDS + 60), lines=500, connections=1, event=i)
        load(d, "batch", count=RATE * (SECONDS + 10), lines=500, connections=1)
        time.sleep(2)
        for receiver in (r, others):
            receiver.figures()
        time.sleep(SECONDS)
        got, beside = r.figures(), others.figures()
    took = (got["last_ns"] - got["first_ns"]) / 1e9
    rate = (got["count"] - 1) / took
    figures = {"rps": round(rate, 2), "error": round(rate / RATE - 1, 5), "most": got["most"],
               "others_rps": round((beside["count"] - 1) / ((beside["last_ns"] - beside["first_ns"]) / 1e9), 1),
               "others_want": sum(range(3, OTHERS + 3))}
    print(f"{figures['rps']} a second over {took:.1f} s ({figures['error']:+.2%}), at most {figures['most']} in any second; "
          f"the others {figures['others_rps']} of {figures['others_want']}")
    with open(os.path.join(BUILD, "bench_rate.json"), "w") as f:
        json.dump(figures, f, indent=1)


if __name__ == "__main__":
    main()
