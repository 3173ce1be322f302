"""What record.c wrote down, and the files as a power cut would leave them at any point of it.

    record = Record(path)
    disk = Disk()
    for op in record.ops[:n]: disk.apply(op)
    disk.write(folder, "synced")     # or "all", or a random choice: random.Random(1)
"""
import os
import struct

ENTRY = struct.Struct("<cQQI")
SECTOR = 512


class Op:
    def __init__(self, what, inode, at, data, end):
        self.what, self.inode, self.at, self.data = what, inode, at, data
        self.end = end  # the record's length with it

    def __repr__(self):
        return f"{self.what} {self.inode} at {self.at}, {len(self.data)} bytes"


class Record:
    def __init__(self, path):
        with open(path, "rb") as f:
            raw = f.read()
        self.ops, at = [], 0
        while at < len(raw):
            what, inode, offset, size = ENTRY.unpack_from(raw, at)
            at += ENTRY.size
            self.ops.append(Op(what.decode(), inode, offset, raw[at:at + size], at + size))
            at += size

    def needed(self, length):
        """How many operations the first `length` bytes are."""
        low, high = 0, len(self.ops)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self.ops[middle].end <= length else (low, middle)
        return low


def change(content, op):
    if op.what == "T":
        del content[op.at:]
        content.extend(bytes(op.at - len(content)))
        return
    end = op.at + len(op.data)
    content.extend(bytes(max(0, op.at - len(content))))
    content[op.at:end] = op.data


class File:
    def __init__(self):
        self.now, self.synced, self.since = bytearray(), bytearray(), []


class Disk:
    """The folder's names lead to files, and what was done to either since its last sync may or may not have reached the disk: changes of
    a file in any choice of them, a write in part, by sectors; changes of names up to any of them, in their order (as file systems with
    a journal do)."""

    def __init__(self):
        self.files = {}  # of now, by inode: File
        self.names, self.synced_names, self.since = {}, {}, []

    def apply(self, op):
        if op.what == "C":
            self.files[op.inode] = File()
            self.rename(lambda names, name=op.data.decode(), f=self.files[op.inode]: names.update({name: f}))
        elif op.what == "U":
            self.rename(lambda names, name=op.data.decode(): names.pop(name, None))
        elif op.what == "R":
            old, new = op.data.decode().split("\0")
            self.rename(lambda names: names.update({new: names.pop(old)}))
        elif op.what == "D":
            self.synced_names, self.since = dict(self.names), []
        elif op.what == "S":
            f = self.files[op.inode]
            for done in f.since:
                change(f.synced, done)
            f.since = []
        else:
            f = self.files[op.inode]
            change(f.now, op)
            f.since.append(op)

    def rename(self, what):
        what(self.names)
        self.since.append(what)

    def write(self, folder, how):
        names = dict(self.names if how == "all" else self.synced_names)
        if how not in ("all", "synced"):
            for what in self.since[:how.randint(0, len(self.since))]:
                what(names)
        for name, f in names.items():
            with open(os.path.join(folder, name), "wb") as out:
                out.write(f.now if how == "all" else f.synced if how == "synced" else some_of(f, how))
            os.chmod(os.path.join(folder, name), 0o600)


def some_of(f, rng):
    """What was synced, and a choice of what was done since."""
    content = bytearray(f.synced)
    for op in f.since:
        x = rng.random()
        if x < 0.5 or (x < 0.75 and op.what == "T"):
            change(content, op)
        elif x < 0.75:
            size = rng.randint(0, -(-len(op.data) // SECTOR)) * SECTOR
            change(content, Op("W", op.inode, op.at, op.data[:size], 0))
    return content
