"""anzol attach and anzol eval: on a terminal, from a pipe, one shot; against a daemon made of canned answers that speaks the protocol
of STATE/control."""
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import threading
import unittest

from harness import ANZOL, PATIENCE, wait_until
from terminal import Terminal

HELLO = {"hello": "anzol", "version": "9.9.9", "generation": 3, "integrations": 1, "webhooks": 4, "flows": 0}
ITEMS = ["webhooks()", "webhook_of()"]


class Server:
    """Listens on STATE/control and does with each line what `answers` says: a list of messages (without their id), or a function of the
    request and the connection that returns one. Code that is not named is its own value."""

    def __init__(self, state, hello=HELLO):
        self.hello = hello
        self.lock_file = open(os.path.join(state, "lock"), "w")
        fcntl.lockf(self.lock_file, fcntl.LOCK_EX)
        self.socket = socket.socket(socket.AF_UNIX)
        folder = os.open(state, os.O_PATH)
        self.socket.bind(f"/proc/self/fd/{folder}/control")
        os.close(folder)
        self.socket.listen(8)
        self.asked, self.connections, self.answers = [], [], {}
        self.lock = threading.Lock()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection = self.socket.accept()[0]
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def say(self, connection, *messages):
        for message in messages:
            line = message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n"
            with self.lock:
                connection.sendall(line)

    def serve(self, connection):
        try:
            if self.hello:
                self.say(connection, self.hello)
            for line in connection.makefile("rb"):
                request = json.loads(line)
                self.asked.append(request)
                self.answer(connection, request)
        except OSError:
            pass

    def answer(self, connection, request):
        if request["op"] == "cancel":
            return self.say(connection, {"id": request["target"], "end": "canceled"}) if self.answers.get("cancel", True) else None
        if request["op"] == "complete":
            found = re.search(r"\w*$", request["code"].encode()[:request["cursor"]].decode()).group()
            answer = self.answers.get("complete", {"from": request["cursor"] - len(found.encode()),
                                                   "items": [i for i in ITEMS if i.startswith(found)]})
            return self.say(connection, {"id": request["id"], **answer})
        answer = self.answers.get(request["code"])
        if callable(answer):
            answer = answer(request, connection)
        if answer is None:
            answer = [{"end": "ok", "text": f"<{request['code']}>"}]
        for message in answer:
            self.say(connection, message if isinstance(message, bytes) or "note" in message else {"id": request["id"], **message})

    def evals(self):
        return [r["code"] for r in self.asked if r["op"] == "eval"]

    def ops(self):
        return [r["op"] for r in self.asked]

    def end(self):
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            connection.close()
        self.socket.close()
        self.lock_file.close()


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="anzol-attach-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.state = os.path.join(self.folder, "state")
        self.home = os.path.join(self.folder, "home")
        os.mkdir(self.state)
        os.mkdir(self.home)
        self.history = os.path.join(self.home, "state", "anzol", "history")

    def serve(self, **options):
        server = Server(self.state, **options)
        self.addCleanup(server.end)
        return server

    def env(self, **more):
        env = {k: v for k, v in os.environ.items() if k not in ("ANZOL_STATE", "NO_COLOR", "EDITRC", "LC_ALL", "LANG", "LC_CTYPE")}
        return dict(env, **{"HOME": self.home, "XDG_STATE_HOME": os.path.join(self.home, "state"), "TERM": "xterm", **more})

    def attach(self, columns=80, rows=24, **env):
        terminal = Terminal("attach", "--state", self.state, env=self.env(**env), columns=columns, rows=rows)
        self.addCleanup(terminal.close)
        terminal.expect(r"\n> ")
        return terminal

    def run_anzol(self, *arguments, input="", code=0):
        done = subprocess.run([ANZOL, *arguments, "--state", self.state], input=input.encode() if isinstance(input, str) else input,
                              capture_output=True, env=self.env(), timeout=PATIENCE + 30)
        self.assertEqual(done.returncode, code, (arguments, done.stdout, done.stderr))
        return done.stdout.decode(), done.stderr.decode()

    @staticmethod
    def clean(process):
        process.kill()
        process.wait()
        for f in (process.stdin, process.stdout, process.stderr):
            if f:
                f.close()

    def asked(self, server, op, count=1):
        return wait_until(lambda: (found := [r for r in server.asked if r["op"] == op])[count - 1:] and found, f"{count} {op}")

    def history_lines(self):
        with open(self.history) as f:
            return f.read().splitlines()


class Typing(Case):
    def test_a_line_is_sent_and_its_answer_is_shown(self):
        s = self.serve()
        t = self.attach(NO_COLOR="1")
        self.assertIn(b"anzol 9.9.9", t.seen)
        self.assertIn(b"generation 3", t.seen)
        self.assertIn(b"1 integration, 4 webhooks, 0 flows", t.seen)
        t.type("1 + 1\r")
        t.expect(r"\n<1 \+ 1>\r\n> ")
        self.assertEqual(s.asked[0]["op"], "eval")
        self.assertEqual((s.asked[0]["code"], s.asked[0]["width"]), ("1 + 1", 80))
        self.assertFalse(s.asked[0].get("json", False))
        t.type("\x04")
        self.assertEqual(t.ended(), 0)
        self.assertTrue(t.seen.endswith(b"\n"), t.seen[-20:])
        self.assertFalse(t.is_raw())

    def test_an_empty_line_is_not_sent(self):
        s = self.serve()
        t = self.attach()
        t.type("\r  \rx\r")
        t.expect(r"<x>\r\n> ")
        self.assertEqual(s.evals(), ["x"])

    def test_utf8_is_typed_and_edited_in_any_locale(self):
        s = self.serve()
        for locale in ("C.UTF-8", "C", "no_SUCH"):
            with self.subTest(locale):
                t = self.attach(LC_ALL=locale)
                t.type("日本é\x08ü€\r")  # é is rubbed out
                t.expect("<日本ü€>\r\n> ")
                self.assertEqual(s.evals()[-1], "日本ü€")
                t.type("\x04")
                self.assertEqual(t.ended(), 0)

    def test_what_it_prints_appears_as_it_comes(self):
        s = self.serve()
        gate = threading.Event()

        def slow(request, connection):
            s.say(connection, {"id": request["id"], "text": "first\n"}, {"id": request["id"], "text": "no end"})
            gate.wait(PATIENCE)
            return [{"end": "ok", "text": "value"}]

        s.answers["slow"] = slow
        t = self.attach()
        t.type("slow\r")
        t.expect(r"\nfirst\r\nno end")
        self.assertFalse(t.is_raw())  # type-ahead is echoed, Ctrl-C is a signal
        gate.set()
        t.expect(r"\r\nvalue\r\n> ")

    def test_nothing_returned_prints_nothing(self):
        s = self.serve()
        s.answers["x"] = [{"end": "ok", "text": ""}]
        t = self.attach()
        t.type("x\r")
        t.expect(r"^x\r\n> ")

    def test_an_error_is_red_unless_colours_are_not_wanted(self):
        s = self.serve()
        s.answers["bad"] = [{"text": "so far"}, {"end": "error", "text": "input:1: no\n  second line"}]
        t = self.attach()
        t.type("bad\r")
        t.expect(rb"so far\r\n\x1b\[31minput:1: no\r\n  second line\x1b\[0m\r\n")
        t.leave()
        t = self.attach(NO_COLOR="1")
        t.type("bad\r")
        t.expect(rb"so far\r\ninput:1: no\r\n  second line\r\n")

    def test_hostile_bytes_do_not_reach_the_terminal(self):
        s = self.serve()
        evil = "a\x1b]0;x\x07b\x9b31mc\x00d\rz\u202e"
        s.answers["evil"] = [{"text": evil + "\n"}, {"note": "note " + evil}, {"end": "error", "text": "error " + evil}]
        s.answers["value"] = [{"end": "ok", "text": evil}]
        s.answers["complete"] = {"from": 0, "items": ["zz\x1b[2J", "zz\nrm", "zzgood", 7]}
        t = self.attach(NO_COLOR="1")
        t.type("evil\r")
        t.expect(r"error a\\x1b\]0;x\\x07b\\xc2\\x9b31mc\\x00d\\x0dz")
        t.type("value\r")
        t.expect(r"a\\x1b\]0;x\\x07b\\xc2\\x9b31mc\\x00d\\x0dz")
        t.type("z\t\r")
        t.expect("<zzgood>")
        for bad in (b"\x07b", b"\x9b31m", b"\x1b]", b"\x1b[2J", b"\x00"):
            self.assertNotIn(bad, t.seen)

    def test_a_line_longer_than_the_terminal_wraps(self):
        s = self.serve()
        t = self.attach(columns=20)
        t.type("x" * 70 + "\r")
        t.expect("<x+")
        self.assertEqual(s.evals(), ["x" * 70])

    def test_code_over_a_mebibyte_is_refused_here(self):
        s = self.serve()
        out, err = self.run_anzol("attach", input="x" * (1 << 20) + "\ny\n", code=1)
        self.assertEqual(out, "<y>\n")
        self.assertIn("1 MiB", err)
        self.assertEqual(s.evals(), ["y"])

    def test_an_answer_near_the_limit_arrives(self):
        s = self.serve()
        s.answers["big"] = [{"end": "ok", "text": "é" * 170000}]  # six bytes each as they travel
        out, _ = self.run_anzol("eval", "big")
        self.assertEqual(out, "é" * 170000 + "\n")


class Continuation(Case):
    def setUp(self):
        super().setUp()
        self.s = self.serve()
        self.s.answers["for i = 1, 2 do"] = self.s.answers["for i = 1, 2 do\nprint(i)"] = self.s.answers["for i = 1, 2 do\n"] = [
            {"end": "more"}]

    def test_code_goes_on_in_the_next_line(self):
        t = self.attach()
        t.type("for i = 1, 2 do\r")
        t.expect(r"\n>> ")
        t.type("print(i)\r")
        t.expect(r"\n>> ")
        t.type("end\r")
        t.expect(r"\n> ")
        self.assertEqual(self.s.evals()[-1], "for i = 1, 2 do\nprint(i)\nend")
        self.assertEqual(self.history_lines(), ["for i = 1, 2 do\\nprint(i)\\nend"])

    def test_it_comes_back_as_one_entry(self):
        t = self.attach()
        t.type("for i = 1, 2 do\rprint(i)\rend\r")
        t.expect(r"end>\r\n> ")
        t.type("\x1b[A")
        t.expect("end")
        t.type(" -- again\r")
        t.expect("-- again>")
        self.assertEqual(self.s.evals()[-1], "for i = 1, 2 do\nprint(i)\nend -- again")

    def test_an_empty_line_goes_on_and_ctrl_c_leaves(self):
        t = self.attach()
        t.type("for i = 1, 2 do\r")
        t.expect(r"\n>> ")
        t.type("\r")
        t.expect(r"\n>> ")
        t.type("\x03")
        t.expect(r"\^C\r\n> ")
        t.type("x\r")
        t.expect(r"<x>\r\n> ")
        self.assertEqual(self.s.evals(), ["for i = 1, 2 do", "for i = 1, 2 do\n", "x"])
        self.assertEqual(self.history_lines(), ["x"])

    def test_completion_sees_all_lines(self):
        t = self.attach()
        t.type("for i = 1, 2 do\r")
        t.expect(r"\n>> ")
        t.type("é webhooks\t")
        t.expect(r"\(\)")
        found = self.asked(self.s, "complete")[0]
        self.assertEqual(found["code"], "for i = 1, 2 do\né webhooks")
        self.assertEqual(found["cursor"], len("for i = 1, 2 do\né webhooks".encode()))

    def test_what_would_change_an_earlier_line_is_left(self):
        self.s.answers["complete"] = {"from": 2, "items": ["everything"]}
        t = self.attach()
        t.type("for i = 1, 2 do\r")
        t.expect(r"\n>> ")
        t.type("print(i)\t\r")
        t.expect(r"\n>> ")
        self.assertEqual(self.s.evals()[-1], "for i = 1, 2 do\nprint(i)")


class Completion(Case):
    def test_what_is_common_is_typed_then_a_list(self):
        s = self.serve()
        t = self.attach()
        t.type("x = web")
        t.type("\t")
        t.expect("hook")
        self.assertEqual(s.asked[0], {"id": 1, "op": "complete", "code": "x = web", "cursor": 7})
        self.assertNotIn(b"webhooks()", t.seen)
        t.type("\t")
        t.expect(r"webhooks\(\)    webhook_of\(\)\r\n> x = webhook")
        t.type("s\t\r")
        t.expect(r"<x = webhooks\(\)>")

    def test_in_the_middle_of_a_line(self):
        s = self.serve()
        t = self.attach()
        t.type("é = web + 1\x01" + "\x06" * 7 + "\t")
        t.expect("hook")
        found = s.asked[0]
        self.assertEqual((found["code"], found["cursor"]), ("é = web + 1", 8))
        t.type("s\t\r")
        t.expect("<é = webhooks\\(\\) \\+ 1>")

    def test_a_long_list_is_cut(self):
        s = self.serve()
        s.answers["complete"] = {"from": 0, "items": [f"item{i:03}" for i in range(250)]}
        t = self.attach(columns=40)
        t.type("\t\t")
        t.expect(r"item000  item025  item050  item075\r\n")
        t.expect(r"item024  item049  item074  item099\r\nand 150 more\r\n> item")
        self.assertNotIn(b"item100", t.seen)

    def test_wide_characters_are_not_cut(self):
        s = self.serve()
        s.answers["complete"] = {"from": 0, "items": ["aä1", "aö1"]}
        t = self.attach()
        t.type("\t")
        t.expect("> a")
        t.type("x\r")
        t.expect("<ax>")

    def test_nothing_to_say(self):
        s = self.serve()
        t = self.attach()
        t.type("zzz\t\t")
        self.asked(s, "complete", 2)
        t.type("1\r")
        t.expect("<zzz1>")

    def test_a_daemon_that_does_not_answer_does_not_stop_typing(self):
        s = self.serve()
        s.answer = lambda connection, request, own=s.answer: own(connection, request) if request["op"] == "eval" else None
        t = self.attach()
        t.type("web\t1\r")
        t.expect("<web1>")

    def test_a_note_while_it_waits(self):
        s = self.serve()
        s.answer = lambda connection, request, own=s.answer: (s.say(connection, {"note": "just so"}), own(connection, request))
        t = self.attach(NO_COLOR="1")
        t.type("webhooks\t")
        t.expect(r"just so\r\n")
        t.expect(r"> webhooks\(\)")


class History(Case):
    def test_over_two_sessions(self):
        self.serve()
        t = self.attach()
        t.type("one\r")
        t.expect("<one>\r\n> ")
        t.type("two\\n\r")
        t.expect("> ")
        self.assertEqual(stat.S_IMODE(os.stat(self.history).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.dirname(self.history)).st_mode), 0o700)
        t.type("\x04")
        t.ended()
        t = self.attach()
        t.type("\x1b[A\x1b[A\r")
        t.expect("<one>")
        t.type("\x10\x10\r")
        t.expect(r"<two\\n>")

    def test_search(self):
        s = self.serve()
        t = self.attach()
        for line in ("alpha = 1", "beta = 2"):
            t.type(line + "\r")
            t.expect(f"<{line}>\r\n> ")
        t.type("\x12lph")
        t.expect("alpha = 1")
        t.type("\r")
        t.expect("<alpha = 1>")
        self.assertEqual(s.evals()[-1], "alpha = 1")

    def test_what_is_not_kept(self):
        self.serve()
        t = self.attach()
        for line in ("a", "a", " secret", "b", "a"):
            t.type(line + "\r")
            t.expect(f"<{line}>\r\n> ")
        t.type("\x1b[A\x1b[A\r")
        t.expect("<b>")
        t.leave()
        self.assertEqual(self.history_lines(), ["a", "b", "a", "b"])

    def test_two_terminals_keep_each_other_s(self):
        self.serve()
        one, two = self.attach(), self.attach()
        for i in range(5):
            for name, t in (("one", one), ("two", two)):
                t.type(f"{name}{i}\r")
                t.expect(f"<{name}{i}>\r\n> ")
        self.assertEqual(self.history_lines(), [f"{name}{i}" for i in range(5) for name in ("one", "two")])

    def test_the_oldest_go(self):
        os.makedirs(os.path.dirname(self.history))
        with open(self.history, "w") as f:
            f.write("".join(f"old{i}\n" for i in range(1200)))
        self.serve()
        t = self.attach()
        t.type("new\r")
        t.expect("<new>\r\n> ")
        t.type("\x04")
        t.ended()
        self.assertEqual(self.history_lines(), [f"old{i}" for i in range(201, 1200)] + ["new"])
        self.assertEqual(stat.S_IMODE(os.stat(self.history).st_mode), 0o600)
        self.assertEqual(os.listdir(os.path.dirname(self.history)), ["history"])

    def test_a_file_that_holds_anything(self):
        os.makedirs(os.path.dirname(self.history))
        with open(self.history, "wb") as f:
            f.write(b"good\n\xff\xfe\n\0\n\n\x1b[2J\\\nlast")
        self.serve()
        t = self.attach()
        t.type("\x10\x10\x10")
        t.expect("good")
        t.type("\r")
        t.expect("<good>\r\n> ")
        t.type("\x04")
        t.ended()
        self.assertNotIn(b"\x1b[2J", t.seen)
        with open(self.history, "rb") as f:
            self.assertTrue(f.read().endswith(b"\nlast\ngood\n"))

    def test_without_xdg_it_is_in_the_home(self):
        self.serve()
        t = self.attach(XDG_STATE_HOME="")
        t.type("x\r")
        t.expect("<x>\r\n> ")
        self.history = os.path.join(self.home, ".local", "state", "anzol", "history")
        self.assertEqual(self.history_lines(), ["x"])

    def test_a_home_that_cannot_be_written_is_said_once(self):
        self.serve()
        t = self.attach(XDG_STATE_HOME="/dev/null")
        for line in ("x", "y"):
            t.type(line + "\r")
            t.expect(f"<{line}>\r\n> ")
        self.assertEqual(len(re.findall(rb"not kept: .*/dev/null", t.seen)), 1, t.seen)
        t.type("\x1b[A\x1b[A\r")
        t.expect("<x>")
        self.assertEqual(t.leave(), 0)

    def test_a_disk_that_fills_is_said_once(self):
        os.makedirs(os.path.dirname(self.history))
        os.symlink("/dev/full", self.history)
        self.serve()
        t = self.attach()
        for line in ("x", "y"):
            t.type(line + "\r")
            t.expect(f"<{line}>\r\n")
            t.expect("> ")
        self.assertEqual(len(re.findall(rb"not kept any more: .*No space left", t.seen)), 1, t.seen)

    def test_editrc_is_honoured(self):
        with open(os.path.join(self.home, ".editrc"), "w") as f:
            f.write('bind "^T" ed-move-to-beg\nanzol:bind -s "^G" "given"\nother:bind "^A" ed-unassigned\n')
        self.serve()
        t = self.attach()
        t.type("b\x14a\x01\x07\r")
        t.expect("<givenab>")

    def test_vi_completes_too(self):
        with open(os.path.join(self.home, ".editrc"), "w") as f:
            f.write("bind -v\n")
        self.serve()
        t = self.attach()
        t.type("webhooks\t\r")
        t.expect(r"<webhooks\(\)>")


class Interrupts(Case):
    def test_ctrl_c_drops_what_is_typed(self):
        s = self.serve()
        t = self.attach()
        t.type("half a line\x02\x02")
        t.expect("half a line")
        t.type("\x03")
        t.expect(r"\^C\r\n")
        t.type("x\r")
        t.expect("<x>")
        self.assertEqual(s.evals(), ["x"])
        self.assertIsNone(t.process.poll())

    def test_ctrl_c_in_a_search(self):
        self.serve()
        t = self.attach()
        t.type("alpha\r")
        t.expect("<alpha>\r\n> ")
        t.type("\x12lp")
        t.still()
        t.type("\x03")
        t.expect(r"\^C\r\n")
        t.type("x\r")
        t.expect("<x>")

    def test_ctrl_c_cancels_what_runs(self):
        s = self.serve()
        s.answers["forever"] = [{"text": "it runs\n"}]
        t = self.attach()
        t.type("forever\r")
        t.expect("it runs")
        t.type("\x03")
        t.expect("canceled")
        t.expect("> ")
        self.assertEqual(self.asked(s, "cancel")[0]["target"], s.asked[0]["id"])
        t.type("x\r")
        t.expect("<x>")

    def test_ctrl_c_gets_through_a_flood(self):
        s = self.serve()
        stop = threading.Event()

        def flood(request, connection):
            def pour():
                while not stop.is_set():
                    s.say(connection, {"id": request["id"], "text": "y" * 70 + "\n"})
            threading.Thread(target=pour, daemon=True).start()
            return []

        s.answers["flood"] = flood
        s.answer = lambda connection, request, own=s.answer: (request["op"] == "cancel" and stop.set(), own(connection, request))
        t = self.attach()
        t.type("flood\r")
        t.expect("yyy")
        t.type("\x03")
        t.expect("canceled")
        t.expect("> ")

    def test_a_second_ctrl_c_hangs_up(self):
        s = self.serve()
        s.answers["forever"] = [{"text": "it runs\n"}]
        s.answers["cancel"] = False
        t = self.attach()
        t.type("forever\r")
        t.expect("it runs")
        t.type("\x03")
        self.asked(s, "cancel")
        t.type("\x03")
        t.expect("disconnected")
        self.assertEqual(t.ended(), 1)
        self.assertEqual(self.history_lines(), ["forever"])

    def test_ctrl_d_in_a_line_deletes(self):
        self.serve()
        t = self.attach()
        t.type("abc\x01\x04\r")
        t.expect("<bc>")

    def test_ctrl_z_gives_the_terminal_back(self):
        self.serve()
        t = self.attach()
        t.type("typed")
        t.expect("typed")
        # Nobody adopts a session leader that stops, so the signal goes to it as the kernel would send it.
        os.kill(t.process.pid, signal.SIGTSTP)
        wait_until(lambda: open(f"/proc/{t.process.pid}/stat").read().rsplit(")", 1)[1].split()[0] == "T", "it stops")
        self.assertFalse(t.is_raw())
        os.kill(t.process.pid, signal.SIGCONT)
        t.expect("> typed")
        wait_until(t.is_raw, "it takes the terminal")
        t.type("1\r")
        t.expect("<typed1>")

    def test_sigterm_sets_the_terminal_right(self):
        self.serve()
        t = self.attach()
        wait_until(t.is_raw, "it edits")
        t.process.terminate()
        self.assertEqual(t.ended(), 1)
        self.assertFalse(t.is_raw())


class Unasked(Case):
    def test_a_note_appears_above_what_is_typed(self):
        s = self.serve()
        t = self.attach()
        t.type("half a li")
        t.expect("half a li")
        s.say(s.connections[0], {"note": "scripts reloaded: generation 4 (~1 webhook)"})
        t.expect(rb"\r\x1b\[J\x1b\[2mscripts reloaded: generation 4 \(~1 webhook\)\x1b\[0m\r\n\r?> half a li")
        t.type("ne\r")
        t.expect("<half a line>")

    def test_above_a_line_of_several_rows(self):
        s = self.serve()
        t = self.attach(columns=20)
        t.type("x" * 45)
        t.expect("x{7}")
        t.still()
        s.say(s.connections[0], {"note": "note"})
        t.expect(rb"\x1b\[2A\r\x1b\[J\x1b\[2mnote")

    def test_in_a_search_it_goes_on(self):
        s = self.serve()
        t = self.attach()
        t.type("alpha = 1\r")
        t.expect("<alpha = 1>\r\n> ")
        t.type("\x12alp")
        t.still()
        s.say(s.connections[0], {"note": "news"})
        t.expect("news")
        t.expect("bck:alp")
        t.type("ha\r")
        t.expect("<alpha = 1>")

    def test_several_between_the_bytes_of_a_character(self):
        s = self.serve()
        t = self.attach()
        euro = "€".encode()
        t.type(euro[:1])
        s.say(s.connections[0], {"note": "one"}, {"note": "two"})
        t.expect("one")
        t.expect("two")
        t.type(euro[1:] + b"\r")
        t.expect("<€>")

    def test_what_nobody_waits_for_is_not_shown(self):
        s = self.serve()
        t = self.attach()
        t.type("x\r")
        t.expect("<x>\r\n> ")
        s.say(s.connections[0], {"id": 1, "text": "late"}, {"id": 1, "end": "ok", "text": "late"}, {"id": 99, "from": 0, "items": ["late"]},
              {"news of": "a later version"}, {"note": "note"})
        t.expect("note")
        t.type("y\r")
        t.expect("<y>")
        self.assertNotIn(b"late", t.seen)

    def test_the_end_of_the_daemon_is_told_at_once(self):
        s = self.serve()
        t = self.attach()
        t.type("half a li")
        t.expect("half a li")
        s.end()
        t.expect("anzol attach: the daemon has ended\r\n")
        self.assertEqual(t.ended(), 69)
        self.assertFalse(t.is_raw())

    def test_and_while_a_line_runs(self):
        s = self.serve()
        s.answers["forever"] = [{"text": "it runs"}]
        t = self.attach()
        t.type("forever\r")
        t.expect("it runs")
        s.end()
        t.expect("\r\nanzol attach: the daemon has ended\r\n")
        self.assertEqual(t.ended(), 69)

    def test_and_in_a_completion(self):
        s = self.serve()
        s.answer = lambda connection, request: s.end()
        t = self.attach()
        t.type("web\t")
        t.expect("the daemon has ended\r\n")
        self.assertEqual(t.ended(), 69)
        self.assertFalse(t.is_raw())

    def test_a_problem_is_said(self):
        s = self.serve()
        t = self.attach()
        s.say(s.connections[0], {"problem": "line 7 is no JSON"})
        t.expect("line 7 is no JSON")
        s.end()
        self.assertEqual(t.ended(), 1)
        self.assertNotIn(b"has ended", t.seen)

    def test_what_is_not_of_the_protocol_ends_it(self):
        for line in (b"\xff\xfe\n", b"[1]\n", b"x" * (2 << 20)):
            with self.subTest(line[:3]):
                s = self.serve()
                t = self.attach()
                try:
                    s.say(s.connections[-1], line)
                except OSError:
                    pass  # it has hung up in the middle
                t.expect("anzol attach: .*(no JSON|over 1 MiB)")
                self.assertEqual(t.ended(), 1)
                s.end()
                os.unlink(os.path.join(self.state, "control"))


class Width(Case):
    def test_it_is_sent_and_follows_the_terminal(self):
        s = self.serve()
        t = self.attach(columns=100)
        t.type("a\r")
        t.expect("<a>\r\n> ")
        t.resize(60)
        t.type("b\r")
        t.expect("<b>\r\n> ")
        t.resize(10)
        t.type("c\r")
        t.expect("<c>\r\n")
        t.resize(1000)
        t.type("d\r")
        t.expect("<d>\r\n")
        self.assertEqual([r["width"] for r in s.asked], [100, 60, 20, 400])

    def test_what_is_typed_is_drawn_anew(self):
        s = self.serve()
        t = self.attach(columns=40)
        t.type("x" * 30)
        t.expect("x{30}")
        t.still()
        t.resize(20)
        t.expect(r"\x1b\[1A\r\x1b\[J> x{18}")
        t.type("\r")
        t.expect("<x{30}>")
        self.assertEqual(s.asked[0]["width"], 20)


class Several(Case):
    def test_two_at_once(self):
        s = self.serve()
        s.answers["forever"] = [{"text": "it runs\n"}]
        one, two = self.attach(), self.attach()
        one.type("forever\r")
        one.expect("it runs")
        two.type("x\r")
        two.expect("<x>\r\n> ")
        one.type("\x03")
        one.expect("canceled")
        self.assertEqual(one.leave(), 0)
        two.type("\x04")
        self.assertEqual(two.ended(), 0)

    def test_a_state_folder_with_a_long_name(self):
        self.state = os.path.join(self.folder, "a" * 100, "b" * 100, "state")
        os.makedirs(self.state)
        self.serve()
        self.assertEqual(self.run_anzol("eval", "x")[0], "<x>\n")


class Piped(Case):
    def test_each_chunk_in_turn(self):
        s = self.serve()
        s.answers["for x"] = s.answers["for x\n"] = [{"end": "more"}]
        s.answers["p"] = [{"text": "printed\n"}, {"note": "just so"}, {"end": "ok", "text": "1\t2"}]
        out, err = self.run_anzol("attach", input="a\n\nfor x\n\nend\np\nlast")
        self.assertEqual(s.evals(), ["a", "for x", "for x\n", "for x\n\nend", "p", "last"])
        self.assertEqual(out, "<a>\n<for x\n\nend>\nprinted\n1\t2\n<last>\n")
        self.assertEqual(err, "just so\n")
        self.assertFalse(os.path.exists(self.history))

    def test_one_that_fails_is_told_by_the_exit_code(self):
        s = self.serve()
        s.answers["bad"] = [{"end": "error", "text": "input:1: no"}]
        out, err = self.run_anzol("attach", input="bad\ngood\n", code=1)
        self.assertEqual((out, err), ("<good>\n", "input:1: no\n"))

    def test_code_that_is_not_complete(self):
        s = self.serve()
        s.answers["for x"] = [{"end": "more"}]
        out, err = self.run_anzol("attach", input="a\nfor x\n", code=1)
        self.assertEqual((out, err), ("<a>\n", "anzol attach: the code is not complete\n"))

    def test_nothing(self):
        self.serve()
        self.assertEqual(self.run_anzol("attach", input=""), ("", ""))

    def test_no_daemon(self):
        out, err = self.run_anzol("attach", code=69)
        self.assertEqual(err, f"anzol attach: no daemon runs in the state folder {self.state}; start one with: anzol run scripts\n")

    def test_bytes_that_are_no_utf8(self):
        s = self.serve()
        _, err = self.run_anzol("attach", input=b"a\xffb\nc\n", code=1)
        self.assertEqual(err, "byte 2 of the code is not UTF-8 (found \\xff)\n")
        self.assertEqual(s.evals(), ["c"])

    def start(self):
        process = subprocess.Popen([ANZOL, "attach", "--state", self.state], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env=self.env())
        self.addCleanup(self.clean, process)
        return process

    def test_answers_come_before_the_end_of_the_input(self):
        self.serve()
        p = self.start()
        p.stdin.write(b"a\n")
        p.stdin.flush()
        self.assertEqual(p.stdout.readline(), b"<a>\n")
        p.stdin.close()
        self.assertEqual(p.wait(PATIENCE), 0)

    def test_the_end_of_the_daemon(self):
        s = self.serve()
        p = self.start()
        p.stdin.write(b"a\n")
        p.stdin.flush()
        self.assertEqual(p.stdout.readline(), b"<a>\n")
        s.end()
        self.assertEqual(p.wait(PATIENCE), 69)
        self.assertEqual(p.stderr.read(), b"anzol attach: the daemon has ended\n")

    def test_sigint_cancels_and_ends(self):
        s = self.serve()
        s.answers["forever"] = [{"text": "it runs\n"}]
        p = self.start()
        p.stdin.write(b"forever\nnext\n")
        p.stdin.flush()
        self.assertEqual(p.stdout.readline(), b"it runs\n")
        p.send_signal(signal.SIGINT)
        self.assertEqual(p.wait(PATIENCE), 1)
        self.assertEqual(p.stderr.read(), b"canceled\n")
        self.assertEqual(s.evals(), ["forever"])


class Eval(Case):
    def test_text_and_values(self):
        s = self.serve()
        s.answers["p"] = [{"text": "printed\n"}, {"end": "ok", "text": "1\t2\n"}]
        self.assertEqual(self.run_anzol("eval", "p"), ("printed\n1\t2\n", ""))
        self.assertEqual((s.asked[0]["width"], s.asked[0].get("json", False)), (80, False))

    def test_code_from_stdin(self):
        s = self.serve()
        self.run_anzol("eval", "-", input="a\nb\n")
        self.assertEqual(s.evals(), ["a\nb\n"])

    def test_json(self):
        s = self.serve()
        for values, expected in (("[]", ""), ("[1.0]", "1.0\n"), ('[{"b":1,"a":1234567890123456789}]', '{"b":1,"a":1234567890123456789}\n'),
                                 ("[1,[2],null]", "[1,[2],null]\n"), ("[null]", "null\n")):
            s.answers["x"] = lambda request, _: [{"text": "printed"},
                                                 b'{"id":%d,"end":"ok","text":"1","values":%s}\n' % (request["id"], values.encode())]
            with self.subTest(values):
                self.assertEqual(self.run_anzol("eval", "x", "--json"), (expected, "printed\n"))
        self.assertTrue(s.asked[0]["json"])

    def test_it_fails(self):
        s = self.serve()
        s.answers["bad"] = [{"text": "so far"}, {"end": "error", "text": "eval:1: no\nmore"}]
        self.assertEqual(self.run_anzol("eval", "bad", code=1), ("so far\n", "eval:1: no\nmore\n"))

    def test_code_that_is_not_complete(self):
        s = self.serve()
        s.answers["for"] = [{"end": "more"}]
        self.assertEqual(self.run_anzol("eval", "for", code=1), ("", "anzol eval: the code is not complete\n"))

    def test_usage(self):
        self.assertIn("CODE is missing", self.run_anzol("eval", code=2)[1])
        self.assertIn("unexpected argument 'y'", self.run_anzol("eval", "x", "y", code=2)[1])

    def test_no_daemon(self):
        _, err = self.run_anzol("eval", "x", code=69)
        self.assertEqual(err, f"anzol eval: no daemon runs in the state folder {self.state}; start one with: anzol run scripts\n")

    def test_a_daemon_that_does_not_listen(self):
        s = self.serve()
        os.unlink(os.path.join(self.state, "control"))
        self.assertIn("does not listen", self.run_anzol("eval", "x", code=69)[1])
        s.socket.close()

    def test_a_daemon_that_refuses(self):
        self.serve(hello={"problem": "too many are attached"})
        self.assertEqual(self.run_anzol("eval", "x", code=69)[1], "anzol eval: too many are attached\n")

    def test_the_daemon_ends(self):
        s = self.serve()
        s.answers["x"] = lambda *_: s.end() or []
        self.assertEqual(self.run_anzol("eval", "x", code=69), ("", "anzol eval: the daemon has ended\n"))

    def test_ctrl_c_cancels(self):
        s = self.serve()
        s.answers["forever"] = [{"text": "it runs\n"}]
        p = subprocess.Popen([ANZOL, "eval", "forever", "--state", self.state], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.env())
        self.addCleanup(self.clean, p)
        self.assertEqual(p.stdout.readline(), b"it runs\n")
        p.send_signal(signal.SIGINT)
        self.assertEqual(p.wait(PATIENCE), 1)
        self.assertEqual(p.stderr.read(), b"canceled\n")
        self.assertEqual(s.ops(), ["eval", "cancel"])
