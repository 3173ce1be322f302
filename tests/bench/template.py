"""`make bench-template`: the cost of templates beside that of one request in libcurl, in one run: machines differ, and change."""
import subprocess
import sys

from measure import Receiver, floor, middle

ROUNDS, REQUESTS = 5, 30000
LIBCURL_US = 17  # of the machine that the targets were set on


def templates():
    out = subprocess.run(["lua5.4", "tests/bench/template.lua"], capture_output=True, text=True, check=True).stdout
    render, size, compiling, load = out.split()
    return float(render), int(size), float(compiling), float(load)


def main():
    floors, renders, compilings, loads = [], [], [], []
    with Receiver() as receiver:
        for _ in range(ROUNDS):
            floors.append(floor(receiver.url, REQUESTS, connections=32, size=1024)["cpu_us"])
            render, size, compiling, load = templates()
            renders.append(render)
            compilings.append(compiling)
            loads.append(load)
    request, render, compiling, load = map(middle, (floors, renders, compilings, loads))
    compiling_there, load_there = (ms / request * LIBCURL_US for ms in (compiling, load))
    print(f"libcurl, one request of 1 KB        {request:6.1f} us of CPU  ({min(floors):.1f} to {max(floors):.1f})")
    print(f"rendering a JSON body of {size} bytes {render:6.2f} us         ({min(renders):.2f} to {max(renders):.2f})")
    print(f"  that is {render / request:.1%} of it")
    print(f"templates of 1,000 webhooks         {compiling:6.0f} ms         ({min(compilings):.0f} to {max(compilings):.0f})")
    print(f"  where libcurl takes {LIBCURL_US} us: {compiling_there:.0f} ms; loading them in all: {load_there:.0f} ms")
    if render / request > 0.10:
        sys.exit("rendering costs more than a tenth of a request")
    if compiling_there > 200:
        sys.exit("compiling 1,000 webhooks costs more than 200 ms")


if __name__ == "__main__":
    main()
