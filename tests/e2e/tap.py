"""Runs one file of unittest tests and speaks TAP: `python3 tap.py tests/e2e/test_x.py [Class.test]`. SIGTERM ends the test that runs, as a
failure that cleans up after itself; there is no next one."""
import importlib.util
import os
import signal
import sys
import time
import unittest


class Tap(unittest.TestResult):
    def startTest(self, test):
        super().startTest(test)
        self.started = time.monotonic()

    def say(self, word, test, detail=""):
        name = test.id().split(".", 1)[-1]
        print(f"{word} - {name} # {time.monotonic() - self.started:.2f} s", flush=True)
        for line in detail.splitlines():
            print(f"# {line}", flush=True)

    def addSuccess(self, test):
        self.say("ok", test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.say("not ok", test, self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self.started = getattr(self, "started", time.monotonic())
        self.say("not ok", test, self.errors[-1][1])

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.say("not ok", subtest, (self.failures + self.errors)[-1][1])

    def addSkip(self, test, reason):
        # What is skipped is not counted as passed.
        super().addSkip(test, reason)
        print(f"# skipped {test.id()}: {reason}", flush=True)


TERMINATED = 128 + signal.SIGTERM


def main():
    path = os.path.abspath(sys.argv[1])
    sys.path.insert(0, os.path.dirname(path))
    spec = importlib.util.spec_from_file_location(os.path.basename(path)[:-3], path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    loader = unittest.TestLoader()
    names = sys.argv[2:]
    suite = loader.loadTestsFromNames(names, module) if names else loader.loadTestsFromModule(module)
    result = Tap()

    def end(*_):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        result.stop()
        sys.exit(TERMINATED)
    signal.signal(signal.SIGTERM, end)
    suite.run(result)
    sys.exit(TERMINATED if result.shouldStop else 0 if result.wasSuccessful() else 1)


main()
