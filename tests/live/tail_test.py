#!/usr/bin/env python3
"""dse tail beside a recorder: whoever follows, and whenever, sees what replay shows later."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import live
from live import DAMAGED, IO, OK

ROUNDS = 400  # of the storm, with forty signals each
NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]


class Follower:
    def __init__(self, path, *options, program=(live.DSE,)):
        self.out, self.err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [*program, "tail", path, "-o", "json", *map(str, options)], stdin=subprocess.DEVNULL,
            stdout=self.out, stderr=self.err)

    def shown(self):
        self.out.seek(0)
        return self.out.read()

    def size(self):
        return os.fstat(self.out.fileno()).st_size

    def said(self):
        self.err.seek(0)
        return self.err.read().decode(errors="replace")

    def wait(self):
        return self.process.wait(live.PATIENCE)

    def stop(self, number=signal.SIGINT):
        self.process.send_signal(number)
        return self.wait()

    def discard(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.out.close()
        self.err.close()


class Saved:
    """Links the segments of a capture into another directory, where retention does not reach."""

    def __init__(self, path, to):
        self.path, self.to = pathlib.Path(path), pathlib.Path(to)
        self.to.mkdir()
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def link_all(self):
        for segment in self.path.glob("*.dse*"):
            try:
                os.link(segment, self.to / segment.name.removesuffix(".open"))
            except (FileExistsError, FileNotFoundError):
                pass

    def run(self):
        while not self.done.wait(0.005):
            self.link_all()

    def finish(self):
        self.done.set()
        self.thread.join()
        self.link_all()

    def segments(self):
        return sorted(self.to.glob("*.dse"))


class Tail(live.Case):
    def storm(self, rounds=1_000_000, rate=150):
        return self.start(live.binary("mixstorm"), str(rounds), str(rate))

    def follower(self, path, *options, **settings):
        follower = Follower(path, *options, **settings)
        self.addCleanup(follower.discard)
        return follower

    def rotating(self, *options, name="c"):
        return self.recorder(name, "--segment-time", "400ms", "--flush", "50ms", *options, *live.ROOMY)

    def sealed(self, path):
        return sorted(pathlib.Path(path).glob("*.dse"))

    def wait_for_segments(self, path, count):
        live.wait_until(lambda: len(self.sealed(path)) >= count, f"{count} segments")

    def wait_for_size(self, follower, size):
        def there():
            self.assertIsNone(follower.process.poll(), follower.said())
            return follower.size() >= size
        live.wait_until(there, "a follower to catch up")

    def check_followers(self, count):
        path = self.place("c")
        # What comes before the recorder waits for the next one too; it is stopped in the end.
        before = [self.follower(path, "--from-start", "--keep-waiting") for _ in range(count)]
        recorder = self.rotating()
        storm = self.storm(rounds=ROUNDS)
        during = []
        for number in range(count):
            during.append(self.follower(path, "--from-start", *(["--poll"] if number % 3 == 1 else [])))
            time.sleep(1.5 / count)
        self.wait_for_segments(path, 4)
        self.assertEqual(storm.wait(live.PATIENCE), 0)
        self.assertEqual(recorder.stop(), OK, recorder.err())
        after = [self.follower(path, "--from-start") for _ in range(count)]
        expected = live.dse("replay", path, "-o", "json")
        self.assertEqual(expected.code, OK, expected.err)
        self.assertGreaterEqual(len(expected.lines()), ROUNDS * 40)
        for follower in during + after:
            self.assertEqual(follower.wait(), OK, follower.said())
            self.assertEqual(follower.said(), expected.err)
            self.assertTrue(follower.shown() == expected.out)
        for follower in before:
            self.wait_for_size(follower, len(expected.out))
            self.assertEqual(follower.stop(), OK, follower.said())
            self.assertTrue(follower.shown() == expected.out)
            self.assertIn("as far as it goes", follower.said())

    def test_one_follower(self):
        self.check_followers(1)

    def test_three_followers(self):
        self.check_followers(3)

    def test_ten_followers(self):
        self.check_followers(10)

    def test_a_file(self):
        followers = [self.follower(self.place("c.dse"), "--from-start", "--keep-waiting")]
        recorder = self.recorder("c.dse", "--flush", "50ms", *live.ROOMY)
        followers.append(self.follower(self.place("c.dse"), "--from-start"))
        followers.append(self.follower(self.place("c.dse.open"), "-n", 10**9))
        live.workload("mixstorm", 100, 100)
        self.assertEqual(recorder.stop(), OK, recorder.err())
        expected = live.dse("replay", recorder.path, "-o", "json")
        for follower in followers:
            self.assertEqual(follower.wait(), OK, follower.said())
            self.assertTrue(follower.shown() == expected.out)

    def test_the_next_capture(self):
        follower = self.follower(self.place("c"), "--from-start", "--keep-waiting", "-q")
        for _ in range(3):
            recorder = self.rotating()
            live.workload("mixstorm", 50, 100)
            self.assertEqual(recorder.stop(), OK, recorder.err())
        expected = live.dse("replay", self.place("c"), "-o", "json", "-q")
        self.wait_for_size(follower, len(expected.out))
        self.assertEqual(follower.stop(signal.SIGTERM), OK, follower.said())
        self.assertTrue(follower.shown() == expected.out)
        self.assertEqual(follower.said(), "")

    def test_retention(self):
        path = self.place("c")
        follower = self.follower(path, "--from-start", "--keep-waiting")
        self.storm()
        os.mkdir(path)
        saved = Saved(path, self.place("saved"))
        self.addCleanup(saved.finish)
        recorder = self.rotating("--keep", "4")
        live.wait_until(lambda: len(saved.segments()) >= 9, "segments to go")
        self.assertEqual(recorder.stop(), OK, recorder.err())
        saved.finish()
        self.assertEqual(len(self.sealed(path)), 4)
        expected = live.dse("replay", self.place("saved"), "-o", "json")
        self.assertEqual(expected.code, OK, expected.err)
        self.wait_for_size(follower, len(expected.out))
        self.assertEqual(follower.stop(), OK, follower.said())
        self.assertTrue(follower.shown() == expected.out)

    def test_retention_is_faster(self):
        path = self.place("c")
        self.storm()
        os.mkdir(path)
        saved = Saved(path, self.place("saved"))
        self.addCleanup(saved.finish)
        recorder = self.rotating("--keep", "2")
        follower = self.follower(path, "--from-start")
        live.wait_until(follower.size, "the follower to begin")
        follower.process.send_signal(signal.SIGSTOP)
        live.wait_until(lambda: len(saved.segments()) >= 8, "segments to go")
        self.assertEqual(recorder.stop(), OK, recorder.err())
        saved.finish()
        follower.process.send_signal(signal.SIGCONT)
        self.assertEqual(follower.wait(), DAMAGED, follower.said())
        [(name, missing)] = re.findall(r"/(\d{20})\.dse: ([\d,]+) records before it are missing",
                                       follower.said())
        # What replay makes of the segments without those.
        hole = int(name) - int(missing.replace(",", ""))
        left = [s for s in saved.segments() if not hole <= int(s.stem) < int(name)]
        self.assertLess(len(left), len(saved.segments()))
        expected = live.dse("replay", *map(str, left), "-o", "json")
        self.assertEqual(expected.code, DAMAGED)
        self.assertIn(f"{missing} records before it are missing", expected.err)
        self.assertTrue(follower.shown() == expected.out)

    def test_killed(self):
        self.storm()
        recorder = self.rotating()
        followers = [self.follower(recorder.path, "--from-start", *more)
                     for more in ([], ["--poll"], ["-q"])]
        waiting = self.follower(recorder.path, "--from-start", "--keep-waiting")
        self.wait_for_segments(recorder.path, 2)
        recorder.process.kill()
        recorder.wait()
        expected = live.dse("replay", recorder.path, "-o", "json")
        self.assertEqual(expected.code, DAMAGED)
        for follower in followers:
            self.assertEqual(follower.wait(), DAMAGED, follower.said())
            self.assert_one_line(follower.said())
            self.assertIn("not sealed: the recorder died", follower.said())
            self.assertTrue(follower.shown() == expected.out)
        # One that keeps waiting says so at once, and goes on with what comes.
        live.wait_until(lambda: "the recorder died" in waiting.said(), "the note")
        self.assertIsNone(waiting.process.poll())
        # The file that was left behind makes no recorder ready.
        second = self.recorder("c", *live.ROOMY, wait=False)
        live.wait_until(lambda: len(second.open_files()) == 2 and
                        os.path.getsize(max(second.open_files())), "the second recorder to begin")
        self.assertEqual(second.stop(), OK, second.err())
        expected = live.dse("replay", recorder.path, "-o", "json")
        self.wait_for_size(waiting, len(expected.out))
        self.assertEqual(waiting.stop(), DAMAGED)
        self.assertTrue(waiting.shown() == expected.out)

    def test_another_user_who_may_only_read(self):
        os.chmod(self.dir, 0o755)
        shutil.copy(live.DSE, self.place("dse"))
        os.chmod(self.place("dse"), 0o755)
        nobody = [*NOBODY, self.place("dse")]
        path = self.place("c")
        os.mkdir(path, 0o755)
        os.chmod(path, 0o755)
        done = threading.Event()

        def give_rights():
            while not done.wait(0.01):
                for segment in pathlib.Path(path).glob("*.dse*"):
                    try:
                        os.chmod(segment, 0o644)
                    except FileNotFoundError:
                        pass
        thread = threading.Thread(target=give_rights)
        thread.start()
        self.addCleanup(lambda: (done.set(), thread.join()))
        follower = self.follower(path, "--from-start", "--keep-waiting", program=nobody)
        storm = self.storm()
        recorder = self.rotating()
        during = self.follower(path, "--from-start", program=nobody)
        self.wait_for_segments(path, 4)
        storm.kill()
        self.assertEqual(recorder.stop(), OK, recorder.err())
        self.assertEqual([name.endswith(".dse") for name in os.listdir(path)],
                         [True] * len(self.sealed(path)))
        expected = live.dse("replay", path, "-o", "json")
        self.wait_for_size(follower, len(expected.out))
        self.assertEqual(follower.stop(), OK, follower.said())
        self.assertEqual(during.wait(), OK, during.said())
        self.assertTrue(follower.shown() == during.shown() == expected.out)

    def test_another_user_who_may_not_read(self):
        os.chmod(self.dir, 0o755)
        shutil.copy(live.DSE, self.place("dse"))
        os.chmod(self.place("dse"), 0o755)
        recorder = self.recorder("c.dse")
        follower = self.follower(recorder.path, program=[*NOBODY, self.place("dse")])
        self.assertEqual(follower.wait(), IO)
        self.assert_one_line(follower.said())
        self.assertIn("Permission denied", follower.said())
        self.assertEqual(recorder.stop(), OK, recorder.err())

    def test_last_lines_first(self):
        self.storm()
        recorder = self.rotating()
        self.wait_for_segments(recorder.path, 1)
        five = self.follower(recorder.path, "-n", "5")
        none = self.follower(recorder.path, "-n", "0")
        only = self.follower(recorder.path, "--from-start", "--limit", "100")
        self.wait_for_segments(recorder.path, 3)
        self.assertEqual(only.wait(), OK, only.said())
        self.assertEqual(recorder.stop(), OK, recorder.err())
        self.assertEqual((five.wait(), none.wait()), (OK, OK), five.said())
        lines = live.dse("replay", recorder.path, "-o", "json").lines()
        self.assertEqual(only.shown().splitlines(), lines[:100])
        for follower in (five, none):
            shown = follower.shown().splitlines()
            self.assertTrue(5 <= len(shown) < len(lines))
            self.assertTrue(shown == lines[-len(shown):])

    def test_interrupted(self):
        self.storm()
        recorder = self.rotating()
        for number in (signal.SIGINT, signal.SIGTERM):
            follower = self.follower(recorder.path, "--from-start")
            live.wait_until(follower.size, "something to be shown")
            self.assertEqual(follower.stop(number), OK, follower.said())
            self.assert_one_line(follower.said())
            self.assertIn("complete as far as it goes", follower.said())
            shown = follower.shown()
            self.assertTrue(shown.endswith(b"}\n"))
            self.assertTrue(live.dse("replay", recorder.path, "-q", "-o", "json").out.startswith(shown))
        self.assertEqual(recorder.stop(), OK, recorder.err())


if __name__ == "__main__":
    live.main()
