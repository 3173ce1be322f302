"""A command on a terminal of its own, typed at and read from."""
import errno
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

from harness import ANZOL, PATIENCE, wait_until


class Terminal:
    """A command on a pty. `seen`: everything it has written; expect() looks behind what it found the last time."""

    def __init__(self, *arguments, env=None, columns=80, rows=24):
        self.seen, self.at = b"", 0
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

        def lead():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen([ANZOL, *arguments], stdin=slave, stdout=slave, stderr=slave, env=env, preexec_fn=lead)
        self.fd, self.slave = master, slave

    def read(self, seconds):
        ready = select.select([self.fd], [], [], seconds)[0]
        if not ready:
            return False
        try:
            self.seen += os.read(self.fd, 65536)
        except OSError as e:
            if e.errno != errno.EIO:
                raise
            return False
        return True

    def expect(self, what):
        """Waits until `what`, a regular expression, appears; the match."""
        what = what.encode() if isinstance(what, str) else what
        deadline = time.monotonic() + PATIENCE
        while True:
            found = re.search(what, self.seen[self.at:])
            if found:
                self.at += found.end()
                return found
            if time.monotonic() > deadline:
                raise AssertionError(f"{what} did not appear; what was seen: {self.seen[self.at:]}")
            self.read(0.05)

    def type(self, keys):
        os.write(self.fd, keys.encode() if isinstance(keys, str) else keys)

    def resize(self, columns, rows=24):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def still(self):
        """Waits until it writes nothing more."""
        wait_until(lambda: not self.read(0.1), "nothing more is drawn")
        self.at = len(self.seen)

    def leave(self):
        """Ctrl-D at the next prompt; the exit code."""
        self.expect("> ")
        self.type("\x04")
        return self.ended()

    def is_raw(self):
        return not termios.tcgetattr(self.slave)[3] & termios.ICANON

    def ended(self):
        """Waits for the end; the exit code."""
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            self.read(0.02)
            if time.monotonic() > deadline:
                raise AssertionError(f"does not end; what was seen: {self.seen[self.at:]}")
        while self.read(0.05):
            pass
        return self.process.returncode

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.fd)
        os.close(self.slave)
