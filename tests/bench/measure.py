"""What the benchmarks share: the receiver, loads, the floor, and what a daemon has used. Receiver and load run on the last core; the floor and
the daemon have the others, so that neither waits for the other's work."""
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e"))
from harness import wait_until  # noqa: E402

BUILD = os.environ.get("BUILD", os.path.join(os.getcwd(), "build"))
LAST_CORE = ["taskset", "-c", str(os.cpu_count() - 1)]
PAD = 116  # makes a body of 200 bytes, see script()
BODY = 200


def script(url, webhooks=1, integrations=1, concurrency=64, more="", rate=1_000_000):
    """Webhooks named hook0 …, each on the event bench0 …, spread over integrations with a limiter at work."""
    lines = [f'integration "to{i}" {{ url = "{url}", rate = {rate}, concurrency = {concurrency}, {more}\n'
             '  headers = { ["Content-Type"] = "application/json" } }' for i in range(integrations)]
    lines += [f'webhook "hook{i}" {{ integration = "to{i % integrations}", url = "in", on = "bench{i}",\n'
              '  body = { n = "${n}", sent = "${sent}", key = "${WebhookRequest.TransactionalId}", pad = "${pad}" } }' for i in range(webhooks)]
    return "\n".join(lines)


class Receiver:
    """receiver.c on a port of its own; figures() is what came since the last time."""

    def __init__(self, port=0):
        self.port = port

    def __enter__(self):
        self.process = subprocess.Popen([*LAST_CORE, f"{BUILD}/bench/receiver", str(self.port)], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        self.url = f"http://127.0.0.1:{self.port}/"
        return self

    def figures(self):
        with urllib.request.urlopen(self.url + "figures", timeout=60) as answer:
            return json.load(answer)

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class TlsReceiver:
    """nginx with a certificate of its own (`ca`), which answers at once; it counts nothing."""

    CONF = """daemon off; worker_processes 1; pid {dir}/pid; error_log stderr crit;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 1000000000; client_body_temp_path {dir}; proxy_temp_path {dir}; fastcgi_temp_path {dir};
  uwsgi_temp_path {dir}; scgi_temp_path {dir};
  server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {dir}/cert; ssl_certificate_key {dir}/key;
    location / {{ default_type application/json; return 200 "{{}}"; }} }} }}"""

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="anzol-bench-")
        self.port = free_port()
        self.ca, self.url = f"{self.dir}/cert", f"https://localhost:{self.port}/"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost", "-keyout", f"{self.dir}/key", "-out", self.ca], check=True, capture_output=True)
        with open(f"{self.dir}/conf", "w") as f:
            f.write(self.CONF.format(dir=self.dir, port=self.port))
        self.process = subprocess.Popen([*LAST_CORE, "/usr/sbin/nginx", "-c", f"{self.dir}/conf", "-e", "stderr"])
        wait_until(lambda: listens(self.port), "nginx")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def now_ns():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def cpu_us(pid):
    """What all threads of a process have used so far, by thread."""
    used = {}
    for tid in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{tid}/comm") as name, open(f"/proc/{pid}/task/{tid}/schedstat") as stat:
            name = name.read().strip()
            used[name] = used.get(name, 0) + int(stat.read().split()[0]) / 1000
    return used


def floor(url, count, connections=64, size=BODY, ca=None):
    """Requests a second, and CPU µs a request."""
    words = subprocess.run([f"{BUILD}/bench/floor", url + "in", str(count), str(connections), str(size), *([ca] if ca else [])], check=True,
                           capture_output=True, text=True).stdout.split()
    return {"rps": float(words[0]), "cpu_us": float(words[2])}


def begin_load(d, kind, **options):
    """load.c, while it works; end_load() waits for it."""
    return subprocess.Popen([*LAST_CORE, f"{BUILD}/bench/load", kind, f"http://{d.address}", d.token, *(f"{k}={v}" for k, v in options.items())],
                            stdout=subprocess.PIPE, text=True)


def end_load(process):
    """What it prints."""
    out = process.communicate()[0]
    assert process.returncode == 0, f"load: {process.returncode}"
    return json.loads(out)


def load(d, kind, **options):
    return end_load(begin_load(d, kind, **options))


def batches(d, count, **options):
    load(d, "batch", count=count, **{"lines": 500, "connections": 2, **options})


def wrk(d, seconds, connections=128):
    """Single events from wrk, each the same; on so many connections that the daemon is busy while a part of them waits for the disk."""
    path = os.path.join(d.folder, "post.lua")
    event = json.dumps({"name": "bench0", "data": {"n": 1, "sent": 0, "pad": "x" * PAD}})
    with open(path, "w") as f:
        f.write(f"wrk.method = 'POST'\nwrk.body = [[{event}]]\n"
                f"wrk.headers['Content-Type'] = 'application/json'\nwrk.headers['Authorization'] = 'Bearer {d.token}'\n")
    out = subprocess.run([*LAST_CORE, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", path, f"http://{d.address}/v1/events"], check=True,
                         capture_output=True, text=True).stdout
    assert "Non-2xx" not in out and "Socket errors" not in out, out


def succeeded(d):
    return d.status()["counters"]["succeeded"]


def settled(d):
    """Nothing is on its way any more."""
    counters = d.status()["counters"]
    return counters["deliveries"] == counters["succeeded"]


def until_settled(d, seconds=300):
    """Looks rarely: each look costs the daemon something."""
    deadline = time.monotonic() + seconds
    while not settled(d):
        assert time.monotonic() < deadline, d.status()
        time.sleep(0.02)


def measure(d, work):
    """`work` makes events; deliveries a second from its beginning to the end of the last, and CPU µs each, in all and by thread."""
    count, used, began = succeeded(d), cpu_us(d.process.pid), now_ns()
    work()
    until_settled(d)
    took, after = (now_ns() - began) / 1e9, cpu_us(d.process.pid)
    count = succeeded(d) - count
    threads = {name: round((after[name] - used.get(name, 0)) / count, 2) for name in after}
    return {"count": count, "rps": count / took, "cpu_us": sum(threads.values()), "threads": threads}


def middle(values):
    return statistics.median(values)


def spread(values):
    """Half of what lies between the lowest and the highest, as a part of the middle."""
    return (max(values) - min(values)) / 2 / middle(values) if middle(values) else 0.0
