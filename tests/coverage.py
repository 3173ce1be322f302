"""Which lines of runtime/ the tests have run: `make coverage`.

    coverage.py BUILD [FILE…]      reads what gcov says of BUILD; FILE (core/log.c): its uncovered lines, as text

Prints a table by folder, the files below 90 %, and the lines that were not run, by function. What is not run of core/ and store/ must be
explained in tests/COVERAGE.md, by file and function: ends with 1 when something is not, when that page names a function that does not
exist, or when core/, store/ or script/ have less than 90 % of their lines covered."""
import glob
import json
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WANTED, OF = 90.0, ("core", "store", "script")
EXPLAINED = ("core", "store")
EXPLANATIONS = os.path.join(ROOT, "tests", "COVERAGE.md")


class File:
    def __init__(self):
        self.lines = {}      # number: how often it ran
        self.functions = {}  # name: (first line, last line)

    def add(self, found):
        for line in found["lines"]:
            n = line["line_number"]
            self.lines[n] = self.lines.get(n, 0) + line["count"]
        for f in found["functions"]:
            self.functions[f["name"]] = (f["start_line"], f["end_line"])

    def covered(self):
        return sum(1 for count in self.lines.values() if count > 0)

    def percent(self):
        return 100.0 * self.covered() / len(self.lines) if self.lines else 100.0

    def uncovered(self):
        """{function: its lines that did not run}"""
        out = {}
        for n in sorted(n for n, count in self.lines.items() if count == 0):
            name = next((f for f, (first, last) in self.functions.items() if first <= n <= last), "?")
            out.setdefault(name, []).append(n)
        return out


def read(build):
    """{"core/log.c": File}; the header's inline functions count with those who include it."""
    files = {}
    notes = sorted(glob.glob(os.path.join(build, "*", "*.gcno")) + glob.glob(os.path.join(build, "main.gcno")))
    notes = [n for n in notes if os.path.exists(os.path.join(ROOT, "runtime", os.path.relpath(n, build)[:-5] + ".c"))]
    data = [n[:-5] + ".gcda" if os.path.exists(n[:-5] + ".gcda") else n for n in notes]
    done = subprocess.run(["gcov", "--json-format", "--stdout", *data], capture_output=True, cwd=ROOT)
    if done.returncode != 0:
        sys.exit(f"coverage: gcov cannot read {build}; after a new build the tests must run again: make coverage\n"
                 + done.stderr.decode().splitlines()[-1])
    for line in done.stdout.splitlines():
        for found in json.loads(line)["files"]:
            name = os.path.relpath(os.path.join(ROOT, found["file"]), os.path.join(ROOT, "runtime"))
            if not name.startswith(".."):
                files.setdefault(name, File()).add(found)
    return files


def folder_of(name):
    return name.split("/")[0] if "/" in name else "."


def ranges(numbers):
    """[3, 4, 5, 9] as "3-5 9"."""
    out = []
    for n in numbers:
        if out and out[-1][1] == n - 1:
            out[-1][1] = n
        else:
            out.append([n, n])
    return " ".join(str(a) if a == b else f"{a}-{b}" for a, b in out)


def explanations():
    """{(file, function)} of the page's table lines: | core/log.c | `put_line`, `log_take` | …"""
    out = set()
    with open(EXPLANATIONS) as f:
        for line in f:
            cells = [cell.strip() for cell in line.split("|")]
            if len(cells) > 3 and re.fullmatch(r"\w+/\w+\.[ch]", cells[1]):
                out.update((cells[1], name) for name in re.findall(r"`(\w+)`", cells[2]))
    return out


def print_table(files):
    print(f"{'':8} {'lines':>7} {'covered':>8} {'%':>6}")
    folders = {}
    for name, file in files.items():
        total = folders.setdefault(folder_of(name), [0, 0])
        total[0] += len(file.lines)
        total[1] += file.covered()
    for folder, (lines, covered) in sorted(folders.items()):
        print(f"{folder:8} {lines:7} {covered:8} {100.0 * covered / lines:6.1f}")
    return {folder: 100.0 * covered / lines for folder, (lines, covered) in folders.items()}


def print_files(files):
    for name, file in sorted(files.items(), key=lambda item: item[1].percent()):
        if file.percent() < WANTED:
            print(f"  {name:32} {file.percent():5.1f} %")


def print_uncovered(files, known):
    for name in sorted(files):
        for function, lines in files[name].uncovered().items():
            mark = " (explained)" if (name, function) in known else ""
            print(f"  runtime/{name}: {function}: {ranges(lines)}{mark}")


def judge(files, percents, known):
    """What is wrong, as lines."""
    for folder in OF:
        if percents.get(folder, 0.0) < WANTED:
            yield f"{folder}/ has {percents.get(folder, 0.0):.1f} % of its lines covered; at least {WANTED:.0f} % are wanted"
    for name in sorted(files):
        if folder_of(name) in EXPLAINED:
            for function, lines in files[name].uncovered().items():
                if (name, function) not in known:
                    yield f"runtime/{name}: {function}: {ranges(lines)} did not run, and tests/COVERAGE.md does not say why"
    for name, function in sorted(known):
        if name not in files or function not in files[name].functions:
            yield f"tests/COVERAGE.md names {function} of {name}, which does not exist"


def show(name, file):
    with open(os.path.join(ROOT, "runtime", name)) as f:
        for n, text in enumerate(f, 1):
            if file.lines.get(n) == 0:
                print(f"{name}:{n}: {text.rstrip()}")


def main():
    files = read(os.path.abspath(sys.argv[1]))
    if len(sys.argv) > 2:
        for name in sys.argv[2:]:
            show(name, files[name])
        return 0
    known = explanations()
    percents = print_table(files)
    print(f"\nbelow {WANTED:.0f} %:")
    print_files(files)
    print("\nnot run:")
    print_uncovered(files, known)
    now = {(name, function) for name, file in files.items() for function in file.uncovered()}
    for name, function in sorted(known - now):
        print(f"note: {function} of {name} has run as a whole this time; tests/COVERAGE.md may not need it")
    wrong = list(judge(files, percents, known))
    for line in wrong:
        print(f"coverage: {line}", file=sys.stderr)
    return 1 if wrong else 0


sys.exit(main())
