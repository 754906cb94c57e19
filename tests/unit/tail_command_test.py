#!/usr/bin/env python3
"""tail of captures that are complete or grow as if recorded, and replay at a pace.

  tail_command_test.py DSE GOLDEN_CAPTURES
"""

import fcntl
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

DSE, CAPTURES = sys.argv[1], pathlib.Path(sys.argv[2])
FILES = ["small-v1.dse", "synthetic-v1.dse", "synthetic-v2.dse", "synthetic-v2-format2.dse"]
SEGMENTS = "two-segments-v1"
OK, USAGE, DAMAGED, IO = 0, 2, 4, 6
PATIENCE = 60


def run(*arguments, **options):
    return subprocess.run([DSE, *map(str, arguments)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                          timeout=120, **options)


def wait_until(condition, what):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError(f"waited {PATIENCE} s for {what}")


class SlowFile:
    """A segment as a recorder writes it, which takes its time."""

    def __init__(self, path):
        self.path = str(path)
        self.fd = os.open(self.path + ".open", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
        fcntl.flock(self.fd, fcntl.LOCK_EX)

    def append(self, content):
        os.write(self.fd, content)

    def seal(self):
        os.rename(self.path + ".open", self.path)
        self.let_go()

    def let_go(self):
        os.close(self.fd)


class Follower:
    def __init__(self, *arguments):
        self.out, self.err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        self.process = subprocess.Popen([DSE, "tail", *map(str, arguments)], stdout=self.out,
                                        stderr=self.err, stdin=subprocess.DEVNULL)

    def shown(self):
        self.out.seek(0)
        return self.out.read()

    def said(self):
        self.err.seek(0)
        return self.err.read().decode()

    def wait_for(self, content):
        def there():
            if self.process.poll() is not None and self.shown() != content:
                raise AssertionError(f"ended with {self.process.returncode}: {self.said()}")
            return self.shown() == content
        wait_until(there, "what was written to be shown")

    def _minds_interrupts(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
        return self.process.poll() is not None or int(caught.split()[1], 16) >> (signal.SIGINT - 1) & 1

    def stop(self):
        # It may show nothing, and have hardly begun.
        wait_until(self._minds_interrupts, "the program to begin")
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE)

    def discard(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.out.close()
        self.err.close()


class Case(unittest.TestCase):
    maxDiff = 2000

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="dse-tail-"))
        self.addCleanup(shutil.rmtree, self.dir)

    def capture(self, name):
        """A copy that is old: nobody writes to it."""
        place = self.dir / name
        if (CAPTURES / name).is_dir():
            shutil.copytree(CAPTURES / name, place)
        else:
            shutil.copy(CAPTURES / name, place)
        for path in [place, *place.glob("*")]:
            os.utime(path, (1, 1))
        return place

    def follower(self, *arguments):
        follower = Follower(*arguments)
        self.addCleanup(follower.discard)
        return follower

    def replayed(self, path, *options):
        done = run("replay", path, "-o", "json", *options)
        self.assertEqual(done.returncode, OK, done.stderr)
        return done.stdout


class Complete(Case):
    def test_as_replay(self):
        for name in [*FILES, SEGMENTS]:
            path = self.capture(name)
            for options in ([], ["-o", "text"], ["--fields", "evt.num,proc.name"], ["--mark"],
                            ["-s", "proc.pid > 100"], ["--summary"], ["--limit", "3"],
                            ["--profile", "signals"]):
                with self.subTest(name=name, options=options):
                    tail = run("tail", path, "--from-start", *options)
                    replay = run("replay", path, *options)
                    self.assertEqual((tail.stdout, tail.stderr, tail.returncode),
                                     (replay.stdout, replay.stderr, replay.returncode))

    def test_last_lines(self):
        for name in [*FILES, SEGMENTS]:
            path = self.capture(name)
            lines = self.replayed(path).splitlines()
            for count in (0, 1, 5, 10, 49, len(lines), len(lines) + 1, 10**9):
                done = run("tail", path, "-n", count, "-o", "json")
                self.assertEqual(done.returncode, OK, done.stderr)
                self.assertEqual(done.stdout.splitlines(), lines[max(0, len(lines) - count):])
            done = run("tail", path)
            self.assertEqual(done.stdout.splitlines(), lines[-10:])
            done = run("tail", path, "-n", 10, "--limit", 3)
            self.assertEqual(done.stdout.splitlines(), lines[-10:-7])
            done = run("tail", path, "-n", 7, "--summary", "-o", "json")
            self.assertEqual(json.loads(done.stdout)["events"], 7)

    def test_damage(self):
        path = self.capture("small-v1.dse")
        content = path.read_bytes()
        for bad in (content[:-100], content[:1000] + b"\0" * 50 + content[1050:], b"", b"no capture"):
            path.write_bytes(bad)
            tail = run("tail", path, "--from-start")
            replay = run("replay", path)
            self.assertEqual(replay.returncode, DAMAGED)
            self.assertEqual((tail.stdout, tail.stderr, tail.returncode),
                             (replay.stdout, replay.stderr, replay.returncode))

    def test_wrong_use(self):
        path = self.capture("small-v1.dse")
        (self.dir / "empty").mkdir()
        for arguments, code, part in [
                ([self.dir / "nowhere"], IO, "no such file or directory; --keep-waiting waits for it"),
                ([self.dir / "empty"], IO, "no capture here"),
                (["-"], USAGE, "replay reads it as it comes"),
                ([path, "-n", "-1"], USAGE, ""), ([path, "-n", "x"], USAGE, ""),
                ([path, "-n", "1", "--from-start"], USAGE, "excludes"),
                ([path, "--fields", "nothing"], USAGE, "unknown field"),
                ([path, "-s", "proc.name ="], USAGE, ""), ([], USAGE, "PATH")]:
            done = run("tail", *arguments)
            self.assertEqual(done.returncode, code, (arguments, done.stderr))
            self.assertEqual(done.stdout, b"")
            self.assertTrue(done.stderr.startswith(b"dse: "))
            self.assertIn(part, done.stderr.decode())


class Growing(Case):
    def pieces(self, content, count):
        """The same bytes in pieces, most of which end in the middle of an entry."""
        chance = random.Random(count)
        cuts = sorted({0, len(content), *(chance.randrange(len(content)) for _ in range(count))})
        return [content[a:b] for a, b in zip(cuts, cuts[1:])]

    def test_a_file_in_pieces(self):
        for name in FILES:
            for poll in ([], ["--poll"]):
                original = CAPTURES / name
                path = self.dir / f"{len(poll)}{name}"
                # Before there is anything, at its start, and by its other name.
                followers = [self.follower(path, "--from-start", "--keep-waiting", *poll)]
                file = SlowFile(path)
                followers.append(self.follower(path, "--from-start", *poll))
                followers.append(self.follower(f"{path}.open", "--from-start", *poll))
                for piece in self.pieces(original.read_bytes(), 30):
                    file.append(piece)
                    time.sleep(0.005)
                for follower in followers:
                    follower.wait_for(self.replayed(original))
                    self.assertIsNone(follower.process.poll())
                file.seal()
                expected = run("replay", original)
                for follower in followers:
                    self.assertEqual(follower.process.wait(PATIENCE), expected.returncode)
                    self.assertEqual(follower.shown(), expected.stdout)
                    self.assertEqual(follower.said(), expected.stderr.decode())

    def test_segment_after_segment(self):
        # The last one of these is the end of its capture, and the first two are not.
        segments = sorted((CAPTURES / SEGMENTS).glob("*.dse"))
        path = self.dir / "c"
        follower = self.follower(path, "--from-start", "--keep-waiting")
        other = None
        path.mkdir()
        for number, segment in enumerate(segments):
            file = SlowFile(path / segment.name)
            for piece in self.pieces(segment.read_bytes(), 10):
                file.append(piece)
                time.sleep(0.005)
            other = other or self.follower(path, "-n", "100000")
            follower.wait_for(self.replayed(path, "-q"))
            file.seal()
        follower.wait_for(self.replayed(CAPTURES / SEGMENTS))
        self.assertEqual(follower.stop(), OK, follower.said())
        self.assertIn("complete as far as it goes", follower.said())
        self.assertEqual(other.process.wait(PATIENCE), OK, other.said())
        self.assertEqual(other.shown(), follower.shown())

    def test_only_what_comes(self):
        content = (CAPTURES / "small-v1.dse").read_bytes()
        path = self.dir / "c.dse"
        file = SlowFile(path)
        file.append(content[:-200])
        lines = self.replayed(f"{path}.open", "-q").splitlines()
        self.assertGreater(len(lines), 20)
        none, five = self.follower(path, "-n", 0), self.follower(path, "-n", 5)
        five.wait_for(b"\n".join(lines[-5:]) + b"\n")
        self.assertEqual(none.shown(), b"")
        self.assertEqual((none.stop(), five.stop()), (OK, OK))

    def test_dead(self):
        content = (CAPTURES / "small-v1.dse").read_bytes()
        path = self.dir / "c.dse"
        file = SlowFile(path)
        file.append(content[:-200])
        followers = [self.follower(path, "--from-start", *more) for more in ([], ["--poll"], ["-q"])]
        for follower in followers:
            follower.wait_for(self.replayed(f"{path}.open", "-q"))
        file.let_go()
        for follower in followers:
            self.assertEqual(follower.process.wait(PATIENCE), DAMAGED)
            self.assertRegex(follower.said(), r"\Adse: [^\n]+not sealed: the recorder died[^\n]+\n\Z")
        dead = run("replay", f"{path}.open")
        self.assertEqual((dead.stdout, dead.returncode), (followers[0].shown(), DAMAGED))

    def test_limit_and_a_reader_that_goes(self):
        path = self.dir / "c.dse"
        file = SlowFile(path)
        file.append((CAPTURES / "small-v1.dse").read_bytes()[:-200])
        done = run("tail", path, "--from-start", "--limit", 3, "-o", "json")
        self.assertEqual(done.returncode, OK, done.stderr)
        self.assertEqual(done.stdout.count(b"\n"), 3)
        # Nothing is written any more that could tell it.
        process = subprocess.Popen([DSE, "tail", path, "-n", "1"], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.kill)
        process.stdout.readline()
        process.stdout.close()
        self.assertEqual(process.wait(PATIENCE), OK)
        self.assertEqual(process.stderr.read(), b"")
        process.stderr.close()
        file.let_go()

    def test_no_rights(self):
        if os.geteuid() != 0:
            self.skipTest("root alone can be someone else")
        os.chmod(self.dir, 0o755)
        shutil.copy(DSE, self.dir / "dse")
        path = self.dir / "c.dse"
        file = SlowFile(path)
        file.append((CAPTURES / "small-v1.dse").read_bytes()[:-200])
        os.chmod(f"{path}.open", 0o600)
        command = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
                   self.dir / "dse", "tail", path, "--from-start"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False, timeout=PATIENCE)
        self.assertEqual(done.returncode, IO)
        self.assertRegex(done.stderr, rb"\Adse: cannot open [^\n]+: Permission denied\n\Z")
        # The right to read is enough, also when it comes a moment late.
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        time.sleep(0.5)
        os.chmod(f"{path}.open", 0o644)
        file.append((CAPTURES / "small-v1.dse").read_bytes()[-200:])
        file.seal()
        out, err = process.communicate(timeout=PATIENCE)
        self.assertEqual((out, process.returncode), (self.replayed(path), OK), err)


class Speed(Case):
    def span(self, lines):
        """Seconds from the first event to the latest."""
        def seconds(line):
            clock = json.loads(line)["evt"]["time"].rstrip("Z").split("T")[1].split(":")
            return 3600 * int(clock[0]) + 60 * int(clock[1]) + float(clock[2])
        return max(map(seconds, lines)) - seconds(lines[0])

    def test_takes_its_time(self):
        path = CAPTURES / SEGMENTS
        expected = self.replayed(path)
        span = self.span(expected.splitlines())
        self.assertGreater(span, 0.4)
        took = {}
        for speed, factor in (("0.1x", 0.1), ("1x", 1), ("1", 1), ("10x", 10)):
            begin = time.monotonic()
            done = run("replay", path, "-o", "json", "--speed", speed)
            took[factor] = time.monotonic() - begin
            self.assertEqual((done.stdout, done.returncode), (expected, OK), done.stderr)
            self.assertGreaterEqual(took[factor], span / factor)
            self.assertLess(took[factor], span / factor + 10)
        # Ten times as fast: about a tenth.
        self.assertLess(took[1], took[0.1] / 2)

    def test_same_bytes(self):
        for name in [*FILES, SEGMENTS]:
            for options in ([], ["-o", "text"], ["--fields", "proc.name"], ["-n", "4"],
                            ["-s", "proc.pid > 100"], ["--mark"]):
                expected = run("replay", CAPTURES / name, *options)
                for speed in ("1000000x", "max"):
                    done = run("replay", CAPTURES / name, *options, "--speed", speed)
                    self.assertEqual((done.stdout, done.stderr, done.returncode),
                                     (expected.stdout, expected.stderr, expected.returncode))

    def test_shows_each_when_it_is_due(self):
        lines = self.replayed(CAPTURES / SEGMENTS).splitlines()
        begin = time.monotonic()
        process = subprocess.Popen([DSE, "replay", CAPTURES / SEGMENTS, "-o", "json", "--speed", "0.1x"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL)
        self.addCleanup(process.kill)
        self.assertEqual(process.stdout.readline().strip(), lines[0])
        first = time.monotonic() - begin
        for line in lines[1:]:
            self.assertEqual(process.stdout.readline().strip(), line)
        last = time.monotonic() - begin
        process.stdout.close()
        self.assertEqual(process.wait(PATIENCE), OK)
        self.assertGreaterEqual(last, self.span(lines) / 0.1)
        self.assertLess(first, last - 2)

    def test_interrupted(self):
        process = subprocess.Popen([DSE, "replay", CAPTURES / SEGMENTS, "-o", "json", "--speed", "0.001x"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        self.addCleanup(process.kill)
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest, err = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, OK, err)
        self.assertTrue(self.replayed(CAPTURES / SEGMENTS).startswith(first + rest))
        self.assertIn(b"complete as far as it goes", err)

    def test_wrong_speeds(self):
        for speed in ("", "x", "0x", "-1x", "0", "1y", "1xx", "nan", "nanx", "infx", "1e3x", "0.0001x",
                      "10000000x", " 1x", "1 x", "maxx", "MAX"):
            done = run("replay", CAPTURES / "small-v1.dse", f"--speed={speed}")
            self.assertEqual((done.returncode, done.stdout), (USAGE, b""), speed)
            self.assertRegex(done.stderr, rb"\Adse: [^\n]+\n\Z")
        done = run("replay", CAPTURES / "small-v1.dse", "--speed", "1x", "--summary")
        self.assertEqual(done.returncode, USAGE)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=2)
