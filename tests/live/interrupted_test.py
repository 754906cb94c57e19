#!/usr/bin/env python3
"""However a recorder ends, what it has written can be read, and says what it is."""

import fcntl
import os
import random
import signal
import struct
import subprocess
import termios
import time

import live
from live import DAMAGED, OK

ROUNDS = 10


class Interrupted(live.Case):
    def load(self):
        return self.start(live.binary("mixstorm"), "1000000", "400")

    def check_order(self, events):
        numbers = [event["evt"]["num"] for event in events]
        self.assertEqual(numbers, sorted(numbers))

    def test_killed_at_random_moments(self):
        chance = random.Random(20)
        self.load()
        yielded = 0
        for number in range(ROUNDS):
            recorder = self.recorder(f"c{number}", "--flush", "50ms", "--segment-size", "64KiB",
                                     *live.ROOMY)
            time.sleep(chance.uniform(0, 0.8))
            recorder.process.kill()
            recorder.wait()
            result = live.dse("replay", recorder.path, "-o", "json")
            self.assertEqual(result.code, DAMAGED, result.err)
            events = result.events()
            self.check_order(events)
            yielded += len(events)
            last = os.path.join(recorder.path, max(os.listdir(recorder.path)))
            self.assertTrue(last.endswith(".open"))
            self.assert_one_line(result.err)
            self.assertIn("not sealed", result.err)
            if os.path.getsize(last) == 0:  # killed between two segments
                continue

            # Only the last segment is open; the sealed ones are beyond reproach.
            names = sorted(os.listdir(recorder.path))
            self.assertEqual([n.endswith(".open") for n in names], [False] * (len(names) - 1) + [True])
            info = self.info(recorder.path, code=DAMAGED)
            self.assertEqual([s["sealed"] for s in info["segments"]],
                             [True] * (len(names) - 1) + [False])
            # All records up to the last complete block are there, without a hole.
            at = 1
            for segment in info["segments"]:
                self.assertEqual(segment["first"], at)
                at += segment["records"]

            # An entry torn further up leaves the start as it is.
            os.truncate(last, os.path.getsize(last) - 1)
            torn = live.dse("replay", recorder.path, "-o", "json")
            self.assertEqual(torn.code, DAMAGED, torn.err)
            self.assertTrue(result.out.startswith(torn.out))
        self.assertGreater(yielded, 1000)

    def check_drained(self, number):
        recorder = self.recorder("c", *live.ROOMY)
        # The last of them is in the rings, and not yet in the file, when the signal comes.
        truth = live.workload("exec_workload", 30, live.binary("noop"))
        self.assertEqual(recorder.stop(number), OK)
        for word in ("recorded", "seen", "lost", "size", "own cost"):
            self.assertRegex(recorder.err(), rf"(?m)^{word}\b")
        self.assertEqual([name.endswith(".dse") for name in os.listdir(recorder.path)], [True])
        events = self.replay(recorder.path)
        self.check_order(events)
        pids = [live.field(e, "proc.pid") for e in live.of_type(events, "ProcessExecuted")
                if live.field(e, "proc.ppid") == truth[0]["ppid"]]
        self.assertEqual(pids, [one["pid"] for one in truth])
        [segment] = self.info(recorder.path)["segments"]
        self.assertTrue(segment["sealed"])

    def test_sigint_drains_and_seals(self):
        self.check_drained(signal.SIGINT)

    def test_sigterm_drains_and_seals(self):
        self.check_drained(signal.SIGTERM)

    def test_stopped_while_it_starts(self):
        # Either there is a capture that is whole, or there is none.
        chance = random.Random(21)
        for number in range(8):
            recorder = self.recorder(f"c{number}", wait=False)
            time.sleep(chance.uniform(0, 0.3))
            code = recorder.stop()
            self.assertIn(code, (OK, -signal.SIGINT), recorder.err())
            names = os.listdir(recorder.path) if os.path.exists(recorder.path) else []
            self.assertEqual([name for name in names if not name.endswith(".dse")], [])
            if code == OK:
                self.replay(recorder.path)

    def test_a_second_signal_stops_at_once(self):
        # A pipe that is not read: the recorder cannot finish what the first signal asks for.
        pipe = self.place("pipe")
        os.mkfifo(pipe)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        for first, second, code in ((signal.SIGINT, signal.SIGINT, 130),
                                    (signal.SIGTERM, signal.SIGTERM, 143)):
            storm = self.load()
            recorder = self.recorder("pipe", "--flush", "50ms", *live.ROOMY, wait=False)
            self.wait_until_full(reader)
            recorder.process.send_signal(first)
            with self.assertRaises(subprocess.TimeoutExpired):
                recorder.process.wait(1)
            recorder.process.send_signal(second)
            self.assertEqual(recorder.process.wait(live.PATIENCE), code)
            storm.kill()
            # What got through is readable.
            content = b""
            while chunk := self.drain(reader):
                content += chunk
            result = live.dse("replay", "-", "-o", "json", stdin=content)
            self.assertEqual(result.code, DAMAGED, result.err)
            self.assertIn("not sealed", result.err)

    def wait_until_full(self, reader):
        """Waits until a pipe takes no more, although there is more to write."""
        def held():
            return struct.unpack("i", fcntl.ioctl(reader, termios.FIONREAD, b"\0" * 4))[0]
        before, since = -1, 0.0

        def stuck():
            nonlocal before, since
            now = held()
            if now != before:
                before, since = now, time.monotonic()
            return now > 32768 and time.monotonic() - since > 2
        live.wait_until(stuck, "the pipe to fill")

    def drain(self, reader):
        try:
            return os.read(reader, 1 << 20)
        except BlockingIOError:
            return b""


if __name__ == "__main__":
    live.main()
