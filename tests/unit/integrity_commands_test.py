#!/usr/bin/env python3
"""verify, recover and compact on the command line: what they say, where, and with which exit code.

  integrity_commands_test.py DSE GOLDEN_CAPTURES WRITE_SAMPLE_CAPTURE
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

DSE, CAPTURES, SAMPLE = sys.argv[1:4]
NAMES = ["small-v1.dse", "two-segments-v1", "synthetic-v1.dse", "synthetic-v2.dse",
         "synthetic-v2-format2.dse"]
ALL = ("ProcessExecuted,ProcessExited,ContainerEvent,SocketStateChange,SignalGenerated,"
       "SignalDelivered")


def golden(name):
    return os.path.join(CAPTURES, name)


def read(path):
    with open(path, "rb") as file:
        return file.read()


class Case(unittest.TestCase):
    maxDiff = 3000

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="dse-integrity-")
        self.addCleanup(shutil.rmtree, self.dir)

    def place(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, data):
        with open(self.place(name), "wb") as file:
            file.write(data)
        return self.place(name)

    def run_dse(self, *arguments, code=0, stdin=b""):
        done = subprocess.run([DSE, *arguments], input=stdin, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False, timeout=120)
        self.assertEqual(done.returncode, code, (arguments, done.stdout[-2000:], done.stderr))
        for line in done.stderr.decode().splitlines():
            self.assertTrue(line.startswith("dse: "), line)
        return done

    def dse(self, *arguments, code=0, stdin=b""):
        return self.run_dse(*arguments, code=code, stdin=stdin).stdout

    def events(self, *arguments, code=0, stdin=b""):
        return self.dse("replay", "-q", "--self", "--point", ALL, *arguments, code=code, stdin=stdin)

    def flipped(self, name, offset):
        data = bytearray(read(golden("synthetic-v2.dse")))
        data[offset] ^= 0x40
        return self.write(name, bytes(data))

    def block_in_the_middle(self, name="synthetic-v2.dse"):
        """Where a block begins and ends."""
        data = read(golden(name))
        marker = b"\x89DSE\r\n\x1a\xf1"
        at, entries = -1, []
        while (at := data.find(marker, at + 1)) != -1:
            entries.append((at - 8, data[at + 10]))
        blocks = [i for i, (_, kind) in enumerate(entries) if kind == 3]
        chosen = blocks[len(blocks) // 2]
        return entries[chosen][0], entries[chosen + 1][0]


class Verify(Case):
    def test_all_that_is_whole_is_good(self):
        filtered = self.place("filtered.dse")
        self.dse("filter", golden("synthetic-v2.dse"), "-q", "-s", "proc.pid > 1", "-w", filtered)
        sample = self.place("sample.dse")
        subprocess.run([SAMPLE, "--filtered", sample], check=True, timeout=60)
        for path in [*map(golden, NAMES), filtered, sample]:
            with self.subTest(path=path):
                done = self.run_dse("verify", path)
                self.assertEqual(done.stdout, b"")
                self.assertIn(b"dse: good: every byte of ", done.stderr)
                answer = json.loads(self.dse("verify", path, "-o", "json"))
                self.assertEqual(answer["findings"], [])
                self.assertTrue(answer["good"])
                info = json.loads(self.dse("info", path, "-o", "json"))
                for key in ("records", "blocks"):
                    self.assertEqual(answer[key], info[key])
                self.assertEqual(answer["segments"], len(info["segments"]))
                if os.path.isfile(path):
                    self.assertEqual(answer["bytes"], os.path.getsize(path))
                    self.run_dse("verify", "-", stdin=read(path))

    def test_a_fault_is_named(self):
        begin, end = self.block_in_the_middle()
        path = self.flipped("bad.dse", end - 10)
        done = self.run_dse("verify", path, code=4)
        line = done.stdout.decode().splitlines()[0]
        self.assertRegex(line, rf"^{path}: at byte {begin}: block of records \d+ to \d+: "
                               r"the checksum of frame \d+ does not match$")
        self.assertIn(b"dse recover", done.stderr)
        answer = json.loads(self.dse("verify", path, "-o", "json", code=4))
        self.assertFalse(answer["good"])
        self.assertEqual(answer["findings"][0]["offset"], begin)
        self.assertEqual(answer["findings"][0]["segment"], path)
        self.assertIn("block of records", answer["findings"][0]["entry"])

    def test_what_is_cut_is_not_sealed(self):
        data = read(golden("small-v1.dse"))
        for size in (0, 5, 100, len(data) // 2, len(data) - 1):
            path = self.write("cut.dse", data[:size])
            self.assertNotEqual(self.dse("verify", path, code=4), b"")
            self.assertNotEqual(self.dse("verify", "-", code=4, stdin=data[:size]), b"")

    def test_missing_segments(self):
        names = sorted(os.listdir(golden("two-segments-v1")))
        self.assertEqual(len(names), 3)
        for gone, code in ((0, 0), (1, 4), (2, 0)):  # the oldest may go, and none tells of the last
            place = self.place(f"without-{gone}")
            shutil.copytree(golden("two-segments-v1"), place)
            os.remove(os.path.join(place, names[gone]))
            out = self.dse("verify", place, code=code).decode()
            self.assertEqual("missing" in out, code == 4, out)
        place = self.place("renamed")
        shutil.copytree(golden("two-segments-v1"), place)
        os.rename(os.path.join(place, names[1]), os.path.join(place, f"{200:020}.dse"))
        self.assertIn(b"the file is named by record 200", self.dse("verify", place, code=4))

    def test_a_recorder_that_died_and_one_that_works(self):
        data = read(golden("small-v1.dse"))
        path = self.write("c.dse.open", data[:-700])
        self.assertIn(b"recorder died", self.dse("verify", self.place("c.dse"), code=4))
        with open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            done = self.run_dse("verify", self.place("c.dse"))
            self.assertEqual(done.stdout, b"")
            self.assertIn(b"still being recorded", done.stderr)
            self.assertIn(b"still being recorded",
                          self.run_dse("compact", path, "-w", self.place("x"), code=2).stderr)
            self.assertFalse(os.path.exists(self.place("x")))
            done = self.run_dse("recover", path, "-w", self.place("now.dse"))
            self.assertIn(b"still being recorded", done.stderr)
            self.run_dse("verify", self.place("now.dse"))
            # Damage before the end is a finding all the same.
            begin, _ = self.block_in_the_middle("small-v1.dse")
            bad = bytearray(data[:-700])
            bad[begin + 30] ^= 1
            self.write("c.dse.open", bytes(bad))
            self.run_dse("verify", path, code=4)
        self.assertIn(b"had its name",
                      self.dse("verify", self.write("d.dse.open", data), code=4))

    def test_errors(self):
        self.assertIn(b"no such file", self.run_dse("verify", self.place("none"), code=6).stderr)
        self.run_dse("verify", code=2)
        self.run_dse("verify", golden(NAMES[0]), "-o", "xml", code=2)
        self.assertIn(b"not a dse capture",
                      self.dse("verify", self.write("text", b"hello, world\n" * 9), code=4))


class Recover(Case):
    def test_what_is_whole_loses_nothing(self):
        for name in NAMES:
            out = self.place("r-" + name.removesuffix(".dse") + ".dse")
            answer = json.loads(self.dse("recover", golden(name), "-w", out, "-o", "json"))
            self.assertEqual((answer["complete"], answer["damage"], answer["lost_records"]),
                             (True, [], 0))
            self.run_dse("verify", out)
            self.assertEqual(self.events(out), self.events(golden(name)))

    def test_a_block(self):
        begin, end = self.block_in_the_middle()
        bad, out = self.flipped("bad.dse", end - 10), self.place("out")
        before = read(bad)
        done = self.run_dse("recover", bad, "-w", out, "-o", "json", code=4)
        answer = json.loads(done.stdout)
        self.assertEqual([part["offset"] for part in answer["damage"]], [begin])
        part = answer["damage"][0]
        self.assertEqual(part["records"], answer["lost_records"])
        self.assertLess(part["since"], part["until"])
        self.assertIn(f"lost {part['records']} records, {part['first']} to ".encode(), done.stderr)
        self.run_dse("verify", out)
        self.assertEqual(read(bad), before)
        # All other events are there, with their numbers.
        fields = ["-q", "--point", "SocketStateChange,SignalDelivered", "--fields", "evt.num"]
        gone = range(part["first"], part["first"] + part["records"])
        numbers = [json.loads(line)["evt"]["num"] for line in
                   self.dse("replay", golden("synthetic-v2.dse"), *fields).splitlines()]
        kept = [json.loads(line)["evt"]["num"] for line in
                self.dse("replay", out, *fields).splitlines()]
        self.assertEqual(kept, [number for number in numbers if number not in gone])
        self.assertLess(len(kept), len(numbers))
        said = self.run_dse("replay", out, "--summary").stderr
        self.assertIn(f"{part['records']} records: damaged".encode(), said)
        self.assertIn(b" on CPU ", said)  # and where

    def test_streams(self):
        data = read(golden("small-v1.dse"))[:-300]
        done = self.run_dse("recover", "-", "-w", "-", "-o", "json", code=4, stdin=data)
        self.run_dse("verify", "-", stdin=done.stdout)
        self.assertIn(b"standard input", done.stderr)
        self.assertIn(b"wrote ", done.stderr)

    def test_a_segment_that_is_gone(self):
        place, out = self.place("in"), self.place("out")
        shutil.copytree(golden("two-segments-v1"), place)
        names = sorted(os.listdir(place))
        os.remove(os.path.join(place, names[1]))
        answer = json.loads(self.dse("recover", place, "-w", out, "-o", "json", code=4))
        self.assertEqual(answer["lost_records"], int(names[2][:20]) - int(names[1][:20]))
        self.run_dse("verify", out)
        replayed = self.events(out)
        self.assertEqual(replayed, self.events(place, code=4))

    def test_places(self):
        bad = self.write("bad.dse", read(golden("small-v1.dse"))[:-10])
        for command in ("recover", "compact"):
            for out in (bad, self.dir, self.place("other.dse")):
                done = self.run_dse(command, bad, self.dir, "-w", out, code=2)
                self.assertIn(b"write to another place", done.stderr)
            self.run_dse(command, self.place("none"), "-w", self.place("new/x.dse"), code=6)
            self.run_dse(command, bad, code=2)
        self.assertEqual(os.listdir(self.dir), ["bad.dse"])
        done = self.run_dse("recover", self.write("text", b"hello" * 99), "-w", self.place("x/y.dse"),
                            code=4)
        self.assertIn(b"nothing in it can be recovered", done.stderr)


class Compact(Case):
    def test_replays_the_same(self):
        sample = self.place("sample.dse")
        subprocess.run([SAMPLE, "--filtered", sample], check=True, timeout=60)
        filtered = self.place("filtered.dse")
        self.dse("filter", golden("synthetic-v2.dse"), "-q", "-d", "proc.pid < 50", "-w", filtered)
        for path in [*map(golden, NAMES), sample, filtered]:
            for out in (self.place("c"), self.place("c.dse")):
                with self.subTest(path=path, out=out):
                    if path == sample and out.endswith("c"):
                        continue  # two captures with the same numbers, below
                    done = self.run_dse("compact", path, "-w", out)
                    self.assertRegex(done.stderr.decode(), r"wrote [\d,]+ records? into .* \(x\d+\.\d\d\), "
                                                           r"\d+ blocks? instead of \d+")
                    self.run_dse("verify", out)
                    self.assertEqual(self.events(out), self.events(path))
                    facts = [json.loads(self.dse("info", where, "-o", "json"))
                             for where in (path, out)]
                    # What was written by an older recorder is packed as this one does.
                    self.assertIn(facts[0]["recorder"].pop("format"), (1, 2))
                    self.assertEqual(facts[1]["recorder"].pop("format"), 2)
                    for key in ("host", "recorder", "records", "kinds", "losses", "gaps", "first",
                                "last", "observer"):
                        self.assertEqual(facts[1].get(key), facts[0].get(key), key)
                    self.assertLessEqual(facts[1]["blocks"], facts[0]["blocks"])
                    shutil.rmtree(out) if os.path.isdir(out) else os.remove(out)
        self.assertIn(b"write a file NAME.dse",
                      self.run_dse("compact", sample, "-w", self.place("c"), code=2).stderr)
        self.assertFalse(any(name.endswith(".open") for name in os.listdir(self.place("c"))))

    def test_refuses_damage(self):
        _, end = self.block_in_the_middle()
        bad = self.flipped("bad.dse", end - 10)
        done = self.run_dse("compact", bad, "-w", self.place("out.dse"), code=4)
        self.assertIn(b"dse recover", done.stderr)
        self.assertEqual(os.listdir(self.dir), ["bad.dse"])
        self.run_dse("compact", "-", "-w", "-", stdin=read(golden("small-v1.dse")))
        self.run_dse("compact", bad, "-w", self.place("o.dse"), "--level", "23", code=2)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[4:])
