"""What the live tests share: recorders, workloads, and the events of a capture."""

import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

DSE = os.environ.get("DSE", "dse")
BIN = os.environ.get("DSE_LIVE_BIN", "")
SCHEMA = os.environ.get("DSE_SCHEMA", "")

PATIENCE = 60  # seconds; what takes longer hangs
OK, NEGATIVE, USAGE, LOSS, DAMAGED, PRIVILEGE, IO = range(7)

# The recorder's own account, on top of what the kernel side saw.
OWN_KINDS = {"clock_sample", "observer_sample", "program_sample", "container_metadata"}

# Room for whatever else the host does while a test demands that nothing is lost.
ROOMY = ["--buffer", "16MiB"]


def binary(name):
    return os.path.join(BIN, name)


def wait_until(condition, what, patience=PATIENCE):
    """Polls until the condition is true, and returns its value."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited {patience} s for {what}")


def settle():
    """Lets what the kernel does behind a workload's back (the last ACK, a cgroup's removal) happen."""
    time.sleep(0.5)


class Result:
    """How a program ended: code, stdout and stderr, both as bytes, and the text of stderr."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err.decode(errors="replace")

    def lines(self):
        return self.out.splitlines()

    def events(self):
        return [json.loads(line) for line in self.out.decode().splitlines()]


def run(*command, stdin=None, **options):
    """Runs a program to its end. `stdin`: bytes."""
    options.setdefault("timeout", 2 * PATIENCE)
    options.setdefault("stdout", subprocess.PIPE)
    if stdin is None:
        options.setdefault("stdin", subprocess.DEVNULL)
    done = subprocess.run(command, input=stdin, stderr=subprocess.PIPE, check=False, **options)
    return Result(done.returncode, done.stdout or b"", done.stderr)


def dse(*arguments, **options):
    return run(DSE, *arguments, **options)


def workload(name, *arguments):
    """Runs a program of ours; returns what it says happened, an object per line."""
    result = run(binary(name), *map(str, arguments))
    if result.code != 0:
        raise AssertionError(f"{name} failed with {result.code}: {result.err}")
    return result.events()


def raw(text):
    """The bytes that a string of the JSON output stands for."""
    return text.encode("utf-8", errors="surrogateescape")


def field(event, name):
    """The value of a field, by its dotted name; None when the event has none."""
    for part in name.split("."):
        event = event.get(part)
        if event is None:
            return None
    return event


def of_type(events, name):
    return [event for event in events if event["evt"]["type"] == name]


def nanoseconds(timestamp):
    """RFC 3339 as dse prints it, to nanoseconds since 1970."""
    seconds, fraction = timestamp.rstrip("Z").split(".")
    return (int(time.mktime(time.strptime(seconds, "%Y-%m-%dT%H:%M:%S")) - time.timezone)
            * 1_000_000_000 + int(fraction.ljust(9, "0")))


def decode_entries(path):
    """The entries of a sealed segment, as the stock tools alone read them."""
    stream = subprocess.run(["zstd", "-dc", path], check=True, stdout=subprocess.PIPE).stdout
    text = subprocess.run(["capnp", "convert", "binary:json", SCHEMA, "Entry"], input=stream,
                          check=True, stdout=subprocess.PIPE).stdout.decode()
    decoder, entries, at = json.JSONDecoder(), [], 0
    while at < len(text):
        entry, at = decoder.raw_decode(text, at)
        entries.append(entry)
        while at < len(text) and text[at].isspace():
            at += 1
    return entries


class Recorder:
    """A dse that records into `path`, ready when it is made: all that happens from now on is seen."""

    def __init__(self, path, *options, command=("record", "-w"), program=None, stdout=None, wait=True):
        self.path = path
        self.err_file = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [program or DSE, *command, path, *options], stdin=subprocess.DEVNULL,
            stdout=stdout or subprocess.DEVNULL, stderr=self.err_file)
        if wait:
            wait_until(self._is_ready, "the recorder to begin")

    @property
    def pid(self):
        return self.process.pid

    def open_files(self):
        return glob.glob(glob.escape(self.path) + "/*.dse.open") + glob.glob(
            glob.escape(self.path) + ".open")

    def _is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the recorder ended with {self.process.returncode}: {self.err()}")
        # The programs are attached before the first segment begins.
        return any(map(os.path.getsize, self.open_files()))

    def err(self):
        self.err_file.seek(0)
        return self.err_file.read().decode(errors="replace")

    def wait(self, patience=2 * PATIENCE):
        return self.process.wait(patience)

    def stop(self, number=signal.SIGINT):
        """Ends it; returns its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait()

    def discard(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.err_file.close()


class Case(unittest.TestCase):
    """A test with a directory of its own, in which nothing and nobody stays behind."""

    maxDiff = 4000

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="dse-live-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def place(self, name):
        return os.path.join(self.dir, name)

    def recorder(self, name, *options, **settings):
        recorder = Recorder(self.place(name), *options, **settings)
        self.addCleanup(recorder.discard)
        return recorder

    def start(self, *command, **options):
        """A program that runs beside the test."""
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.DEVNULL)
        options.setdefault("stderr", subprocess.DEVNULL)
        process = subprocess.Popen(command, **options)

        def end():
            if process.poll() is None:
                process.kill()
            process.wait()
        self.addCleanup(end)
        return process

    def info(self, path, code=OK):
        result = dse("info", path, "-o", "json")
        self.assertEqual(result.code, code, result.err)
        return json.loads(result.out.decode())

    def replay(self, path, *options, code=OK):
        result = dse("replay", path, "-o", "json", *options)
        self.assertEqual(result.code, code, result.err)
        return result.events()

    def stop_whole(self, recorder):
        """Ends a recorder that must have lost nothing; returns all events."""
        settle()
        self.assertEqual(recorder.stop(), OK, recorder.err())
        self.assertEqual(self.info(recorder.path)["lost"], 0, recorder.err())
        return self.replay(recorder.path)

    def assert_one_line(self, text):
        """One clear line of dse on standard error, and nothing else."""
        self.assertRegex(text, r"\Adse: [^\n]+\n\Z")


def main():
    """Runs the tests of the script at hand."""
    if os.geteuid() != 0:
        if os.environ.get("CI") == "true":
            print("failed: recording needs root, and in CI nothing is skipped")
            sys.exit(1)
        print("skipped: recording needs root")
        sys.exit(77)
    unittest.main(module="__main__", verbosity=2)
