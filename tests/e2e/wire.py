"""A line between two network namespaces of our own, each with a TUN device: what a packet meets on its way is decided here, by a seed,
and needs nothing of the kernel but namespaces and TUN.

    enter()                              # of a module: the process goes on in a namespace of its own, if that is allowed
    with Wire(seed) as wire:
        with Receiver(sock=wire.listen(FAR)) as r, Daemon(script(r.url)) as d:
            wire.loss = 0.1
            wire.cut = True
"""
import ctypes
import fcntl
import heapq
import os
import random
import select
import socket
import struct
import subprocess
import sys
import threading
import time

NEAR, FAR, OTHER = "10.77.0.1", "10.77.0.2", "10.77.0.3"  # the daemon; the receivers
INSIDE = "ANZOL_WIRE"  # set in the environment of the process in its namespace

CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFNETMASK, IFF_UP = 0x8913, 0x8914, 0x8916, 0x891C, 1
TCP, SYN, ACK = 6, 0x02, 0x10


def enter():
    """Starts this program again in a namespace of its own. Why that cannot be, or None."""
    if os.environ.get(INSIDE):
        return None
    for flags in (["-n"], ["-U", "-r", "-n"]):
        try:
            tried = subprocess.run(["unshare", *flags, sys.executable, os.path.abspath(__file__)], capture_output=True,
                                   env=dict(os.environ, **{INSIDE: "1"}))
        except OSError as e:
            return str(e)
        if tried.returncode == 0:
            os.environ[INSIDE] = "1"
            os.execvp("unshare", ["unshare", *flags, sys.executable, *sys.argv])
    return "this machine lets nobody make network namespaces with TUN devices: " + tried.stderr.decode().strip().rpartition("\n")[2]


def request(name, packed):
    return struct.pack("16s", name.encode()) + packed.ljust(24, b"\0")


def set_address(control, device, address):
    for call, text in ((SIOCSIFADDR, address), (SIOCSIFNETMASK, "255.255.255.0")):
        fcntl.ioctl(control, call, request(device, struct.pack("HH4s", socket.AF_INET, 0, socket.inet_aton(text))))


def set_up(control, device):
    flags, = struct.unpack("H", fcntl.ioctl(control, SIOCGIFFLAGS, request(device, b""))[16:18])
    fcntl.ioctl(control, SIOCSIFFLAGS, request(device, struct.pack("H", flags | IFF_UP)))


def make_device(name, addresses):
    """A TUN device in the namespace of the calling thread, with its loopback up."""
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(fd, TUNSETIFF, request(name, struct.pack("H", IFF_TUN | IFF_NO_PI)))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        set_up(control, "lo")
        for i, address in enumerate(addresses):
            set_address(control, f"{name}:{i}" if i else name, address)
        set_up(control, name)
    return fd


class Wire:
    """What it does to packets may be changed at any time:
    loss, twice    parts of 1: lost, carried twice
    delay, jitter  seconds: each packet takes delay, and up to jitter more, so that they overtake one another
    cut            nothing gets through
    deaf           addresses to which no connection can be opened
    """

    def __init__(self, seed):
        self.rng, self.seed = random.Random(seed), seed
        self.loss = self.twice = self.delay = self.jitter = 0.0
        self.cut, self.deaf = False, set()
        self.carried = self.lost = 0
        self.flying, self.number, self.ended = [], 0, False
        self.near = make_device("near", [NEAR])
        self.sockets = {}
        self.far = self.in_far(self.make_far)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    @staticmethod
    def in_far(what):
        """The other namespace lives as long as what was made in it."""
        made = []

        def run():
            try:
                made.append(what())
            except OSError as e:
                made.append(e)
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        if isinstance(made[0], OSError):
            raise made[0]
        return made[0]

    def make_far(self):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        fd = make_device("far", [FAR, OTHER])
        for address in (FAR, OTHER):
            self.sockets[address] = socket.socket()
            self.sockets[address].bind((address, 0))
        return fd

    def listen(self, address):
        """A socket for a Receiver, once."""
        return self.sockets.pop(address)

    def run(self):
        poller = select.poll()
        for fd in (self.near, self.far):
            poller.register(fd, select.POLLIN)
        while not self.ended:
            wait = 50 if not self.flying else max(0, int((self.flying[0][0] - time.monotonic()) * 1000 + 0.999))
            for fd, _ in poller.poll(min(wait, 50)):
                self.read(fd)
            self.land()

    def read(self, fd):
        to = self.far if fd == self.near else self.near
        for _ in range(64):
            try:
                packet = os.read(fd, 65536)
            except BlockingIOError:
                return
            if packet[0] >> 4 == 4:
                self.send(to, packet)

    def send(self, to, packet):
        if self.is_lost(packet):
            self.lost += 1
            return
        for _ in range(2 if self.rng.random() < self.twice else 1):
            self.number += 1
            heapq.heappush(self.flying, (time.monotonic() + self.delay + self.rng.random() * self.jitter, self.number, to, packet))

    def is_lost(self, packet):
        return self.cut or self.rng.random() < self.loss or (self.deaf and self.opens(packet) and socket.inet_ntoa(packet[16:20]) in self.deaf)

    @staticmethod
    def opens(packet):
        header = (packet[0] & 15) * 4
        return packet[9] == TCP and packet[header + 13] & (SYN | ACK) == SYN

    def land(self):
        now = time.monotonic()
        while self.flying and self.flying[0][0] <= now:
            _, _, to, packet = heapq.heappop(self.flying)
            self.carried += 1
            try:
                os.write(to, packet)
            except OSError:
                self.lost += 1  # its queue is full

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ended = True
        self.thread.join()
        for s in self.sockets.values():
            s.close()
        os.close(self.near)
        os.close(self.far)


if __name__ == "__main__":
    with Wire(1) as tried:
        with tried.listen(FAR) as server, socket.socket() as client:
            server.listen()
            client.settimeout(5)
            client.connect(server.getsockname())
