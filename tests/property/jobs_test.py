#!/usr/bin/env python3
"""With any number of threads replay says the same: every byte, every note, and the exit code.

  jobs_test.py DSE WRITE_RANDOM_CAPTURE GOLDEN_CAPTURES
"""

import os
import random
import subprocess
import sys
import tempfile
import unittest

DSE, WRITE_RANDOM, CAPTURES = sys.argv[1:4]
FILTERS = (
    (), ("-s", "proc.pid > 1"), ("-d", "evt.cpu = 0"), ("-s", "sig.num in (9, 10, 15, 17)"),
    ("-s", "evt.type = SocketStateChange or proc.name exists"), ("-d", "proc.name startswith a"),
    ("-s", "SignalDelivered:sig.sender.pid exists"), ("-s", "proc.pid = 0 and proc.pid = 1"))
OUTPUTS = (
    ("-o", "json"), ("-o", "text"), ("-o", "json", "--mark"), ("-o", "text", "--mark"), ("--summary",),
    ("--fields", "evt.num,proc.name,proc.args[0],proc.aname,evt.time,sig.value,host.name"),
    ("-o", "text", "--fields", "evt.time,proc.cmdline,container.id,proc.env[PATH]"))


def run(*arguments, stdin=None):
    done = subprocess.run([DSE, "replay", *arguments], stdin=stdin or subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300, check=False)
    return done.stdout, done.stderr, done.returncode


class Jobs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory(prefix="dse-jobs-")
        cls.addClassCleanup(directory.cleanup)
        cls.place = lambda _, name: os.path.join(directory.name, name)
        # Several portions in a batch, and several batches in a portion's time.
        cls.large = os.path.join(directory.name, "large.dse")
        cls.small = os.path.join(directory.name, "small.dse")
        subprocess.run([WRITE_RANDOM, cls.large, "1", "40000", "15000"], check=True)
        subprocess.run([WRITE_RANDOM, cls.small, "2", "3000", "100"], check=True)

    def same(self, *arguments):
        one = run(*arguments)
        for jobs in ("2", "4", "0"):
            self.assertEqual(run(*arguments, "--jobs", jobs), one, (arguments, jobs))
        return one

    def test_random_questions(self):
        pick = random.Random(7)
        for _ in range(16):
            window = pick.choice(((), ("-n", str(pick.randrange(1, 20000))), ("-S", "+1ms"),
                                  ("--num", f"{pick.randrange(1, 500)}..{pick.randrange(500, 30000)}")))
            points = pick.choice(((), ("--profile", "all", "--self")))
            self.same(pick.choice((self.large, self.small)), *pick.choice(FILTERS),
                      *pick.choice(OUTPUTS), *window, *points)

    def test_everything(self):
        output, _, code = self.same(self.large, "--profile", "all", "--self")
        self.assertEqual(code, 0)
        self.assertGreater(output.count(b"\n"), 8192)

    def test_several_captures(self):
        names = sorted(os.listdir(CAPTURES))
        paths = [os.path.join(CAPTURES, name) for name in names]
        self.same(self.small, *paths, self.large, *paths)

    def test_merged_and_filtered(self):
        merged, filtered = self.place("merged.dse"), self.place("filtered.dse")
        for command in (["merge", os.path.join(CAPTURES, "small-v1.dse"), self.small, "-w", merged,
                         "--trust-clocks"],
                        ["filter", self.large, "-s", "evt.cpu = 0", "-w", filtered]):
            subprocess.run([DSE, *command], check=True, stderr=subprocess.DEVNULL)
        for path in (merged, filtered):
            for output in OUTPUTS:
                self.same(path, *output, "--profile", "all")

    def test_damaged(self):
        with open(self.small, "rb") as file:
            whole = file.read()
        pick = random.Random(3)
        for case in range(12):
            damaged = bytearray(whole)
            for _ in range(pick.randrange(1, 4)):
                damaged[pick.randrange(1000, len(damaged))] ^= 1 << pick.randrange(8)
            if case % 3 == 0:
                del damaged[pick.randrange(len(damaged) // 2, len(damaged)):]
            path = self.place("damaged.dse")
            with open(path, "wb") as file:
                file.write(damaged)
            self.same(path, "--profile", "all")

    def test_pipe_that_closes(self):
        for jobs in ("1", "2", "4"):
            with subprocess.Popen([DSE, "replay", self.large, "-q", "--jobs", jobs],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
                process.stdout.read(1000)
                process.stdout.close()
                self.assertEqual(process.stderr.read(), b"")
                self.assertEqual(process.wait(60), 0)

    def test_full_disk(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        said = set()
        for jobs in ("1", "2", "4"):
            with open("/dev/full", "wb") as full:
                done = subprocess.run([DSE, "replay", self.large, "--jobs", jobs], stdout=full,
                                      stderr=subprocess.PIPE, timeout=60, check=False)
            said.add((done.returncode, done.stderr))
        self.assertEqual(len(said), 1, said)
        self.assertNotEqual(said.pop()[0], 0)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
