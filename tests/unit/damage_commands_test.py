#!/usr/bin/env python3
"""What the commands that read and write captures make of damaged ones: what they write is whole and tells
what it lacks, and all of them count the same records as lost.

  damage_commands_test.py DSE GOLDEN_CAPTURES
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

DSE, CAPTURES = sys.argv[1:3]
ALL = ("ProcessExecuted,ProcessExited,ContainerEvent,SocketStateChange,SignalGenerated,"
       "SignalDelivered")
MARKER = b"\x89DSE\r\n\x1a\xf1"
BLOCK = 3


def read(path):
    with open(path, "rb") as file:
        return file.read()


def entries(data):
    """Of each entry: where it begins and ends, its type, number of its first record, and count."""
    found, at = [], -1
    while (at := data.find(MARKER, at + 1)) != -1:
        found.append((at - 8, data[at + 10], int.from_bytes(data[at + 32:at + 40], "little"),
                      int.from_bytes(data[at + 40:at + 48], "little")))
    ends = [entry[0] for entry in found[1:]] + [len(data)]
    return [(begin, end, kind, first, count)
            for (begin, kind, first, count), end in zip(found, ends)]


class Case(unittest.TestCase):
    maxDiff = 3000

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="dse-damage-")
        self.addCleanup(shutil.rmtree, self.dir)
        self.places = 0

    def place(self, suffix=""):
        self.places += 1
        return os.path.join(self.dir, f"{self.places}{suffix}")

    def run_dse(self, *arguments, code=0):
        done = subprocess.run([DSE, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              check=False, timeout=120)
        if code is not None:
            self.assertEqual(done.returncode, code, (arguments, done.stdout[-2000:],
                                                    done.stderr))
        return done

    def events(self, *arguments, code=0):
        return self.run_dse("replay", "-q", "--self", "--point", ALL, *arguments, code=code).stdout

    def summary(self, *arguments, code=0):
        answer = json.loads(self.run_dse("replay", "-q", "--self", "--point", ALL, "--summary", "-o",
                                         "json", *arguments, code=code).stdout)
        return {key: answer.get(key, 0) for key in ("events", "lost", "damaged")}

    def recovered(self, path):
        return json.loads(self.run_dse("recover", path, "-w", self.place(".dse"), "-o", "json",
                                       code=4).stdout)


class Damage(Case):
    def damaged_blocks(self):
        """Captures with one damaged block each, and how many records that has."""
        data = read(os.path.join(CAPTURES, "synthetic-v2.dse"))
        for begin, _, kind, _, count in entries(data):
            if kind != BLOCK:
                continue
            # The first frame, which whoever reads the block reads.
            at = begin + 8 + int.from_bytes(data[begin + 4:begin + 8], "little") + 20
            yield self.flipped(data, at), count

    def flipped(self, data, at):
        bad, path = bytearray(data), self.place(".dse")
        bad[at] ^= 0x40
        with open(path, "wb") as file:
            file.write(bad)
        return path

    def without_a_segment(self):
        place = self.place()
        shutil.copytree(os.path.join(CAPTURES, "two-segments-v1"), place)
        os.remove(os.path.join(place, sorted(os.listdir(place))[1]))
        return place

    def damaged(self):
        return [path for path, _ in self.damaged_blocks()] + [self.without_a_segment()]

    def check_written(self, path, out, *filters):
        """Whole, with the same events, and with the same losses."""
        self.run_dse("verify", out)
        self.assertEqual(self.events(out), self.events(path, *filters, code=4))
        before, after = self.summary(path, *filters, code=4), self.summary(out, *filters)
        self.assertEqual(after, before)
        self.assertGreater(after["damaged"], 0)
        # And once more: what is told is not lost on the way.
        again = self.place(".dse")
        self.run_dse("filter", "-q", "--self", "--point", ALL, out, "-w", again)
        self.assertEqual(self.summary(again, *filters), after)

    def test_filter(self):
        for path in self.damaged():
            for filters in ([], ["-s", "proc.pid > 40"], ["-s", "sig.name exists"]):
                for suffix in (".dse", ""):
                    with self.subTest(path=path, filters=filters, suffix=suffix):
                        out = self.place(suffix)
                        self.run_dse("filter", path, "-q", "--self", "--point", ALL, *filters, "-w",
                                     out, code=4)
                        self.check_written(path, out, *filters)

    def test_closed(self):
        for path in self.damaged():
            with self.subTest(path=path):
                out = self.place(".dse")
                self.run_dse("filter", path, "-q", "--close", "-w", out, code=4)
                self.run_dse("verify", out)

    def test_cuts(self):
        for path in self.damaged():
            for window in (["--num", "20..400"], ["--num", "90.."], ["-S", "+0s"]):
                with self.subTest(path=path, window=window):
                    out = self.place(".dse")
                    self.run_dse("filter", path, "-q", "--self", "--point", ALL, *window, "-w", out,
                                 code=4)
                    self.run_dse("verify", out)
                    self.assertEqual(self.events(out), self.events(path, *window, code=4))
                    self.assertEqual(self.summary(out)["damaged"],
                                     self.summary(path, *window, code=4)["damaged"])

    def test_split(self):
        for path in self.damaged():
            for limit in (["--events", "100000"], ["--events", "7"], ["--size", "1"]):
                with self.subTest(path=path, limit=limit):
                    out = self.place()
                    self.run_dse("split", path, "-q", *limit, "-w", out, code=4)
                    for part in os.listdir(out):
                        self.run_dse("verify", os.path.join(out, part))
                    self.check_written(path, out)

    def test_merge(self):
        for path in self.damaged():
            with self.subTest(path=path):
                out = self.place(".dse")
                self.run_dse("merge", "--trust-clocks", path, "-w", out, code=4)
                self.run_dse("verify", out)
                self.assertEqual(self.summary(out), self.summary(path, code=4))

    def test_compact_refuses(self):
        for path, _ in self.damaged_blocks():
            done = self.run_dse("compact", path, "-w", self.place(".dse"), code=4)
            self.assertIn(b"dse recover", done.stderr)

    def test_a_gap_tells_of_which_stream(self):
        path = next(path for path, count in self.damaged_blocks() if count == 35)
        out = self.place(".dse")
        self.run_dse("filter", path, "-q", "--self", "--point", ALL, "-w", out, code=4)
        gaps = json.loads(self.run_dse("info", out, "-o", "json").stdout)["gaps"]
        before = json.loads(self.run_dse("info", path, "-o", "json", code=4).stdout)["gaps"]
        new = [gap for gap in gaps if gap not in before]
        self.assertTrue(new)
        self.assertLessEqual({"kind", "cpu", "lost", "until"}, new[0].keys())

    def test_everyone_counts_the_same(self):
        for path in self.damaged():
            with self.subTest(path=path):
                lost = self.summary(path, code=4)["damaged"]
                stats = json.loads(self.run_dse("stats", path, "--point", ALL, "-o", "json",
                                                code=4).stdout)
                self.assertEqual(stats["damaged"], lost)
                # All kinds of records count here, and not only those that the events are made of.
                all_lost = self.recovered(path)["lost_records"]
                self.assertLessEqual(lost, all_lost)
                self.assertGreater(lost, all_lost // 2)
                info = self.run_dse("info", path, "-o", "json", code=None)
                if info.returncode == 4:  # it reads few blocks
                    self.assertEqual(json.loads(info.stdout)["damaged"], all_lost)
                else:
                    self.assertEqual(info.stderr, b"")
                said = self.run_dse("replay", path, "--point", ALL, "--summary", code=4).stderr
                self.assertIn(f"damage took {lost}".encode(), said)

    def test_the_rest_of_a_file(self):
        data = bytearray(read(os.path.join(CAPTURES, "synthetic-v2.dse")))
        blocks = [entry for entry in entries(data) if entry[2] == BLOCK]
        path = self.flipped(data, blocks[1][0] + 40)
        # Behind a damaged header only recover looks, so nobody else can count.
        self.assertEqual(self.summary(path, code=4)["damaged"], 1)
        said = self.run_dse("replay", path, "--summary", code=4).stderr
        self.assertIn(b"nobody can tell how many", said)
        for command in (["filter", "-q", "--self", "--point", ALL], ["merge", "--trust-clocks"]):
            out = self.place(".dse")
            self.run_dse(*command, path, "-w", out, code=4)
            self.run_dse("verify", out)
            self.assertEqual(self.summary(out), self.summary(path, code=4))

    def test_a_column_that_not_all_read(self):
        data = read(os.path.join(CAPTURES, "synthetic-v2.dse"))
        end = [entry for entry in entries(data) if entry[2] == BLOCK][2][1]
        path = self.flipped(data, end - 1500)
        for command in (["filter", "-q"], ["filter", "-q", "--num", "20..400"],
                        ["filter", "-q", "--close"], ["merge", "--trust-clocks"]):
            with self.subTest(command=command):
                out = self.place(".dse")
                self.run_dse(*command, path, "-w", out, code=4)
                self.run_dse("verify", out)
                self.assertGreater(self.summary(out)["damaged"], 0)
        out = self.place()
        self.run_dse("split", path, "-q", "--events", "100", "-w", out, code=4)
        self.run_dse("verify", out)
        self.assertGreater(self.summary(out)["damaged"], 0)


class Ranges(Case):
    def test_a_range_that_is_elsewhere(self):
        path = os.path.join(CAPTURES, "small-v1.dse")
        for window in (["--num", "100000.."], ["-S", "2036-01-01T00:00:00Z"],
                       ["-U", "2006-01-01T00:00:00Z"]):
            for command in (["replay"], ["stats"], ["explain"], ["digest"], ["filter", "-w", self.place(".dse")],
                            ["export", "--to", "csv", "-w", "-"]):
                with self.subTest(window=window, command=command):
                    said = self.run_dse(command[0], path, *command[1:], *window).stderr.decode()
                    lines = [line for line in said.splitlines() if "range" in line]
                    self.assertEqual(len(lines), 1, said)
                    self.assertRegex(lines[0], r"records from 2026-\S+Z to 2026-\S+Z, numbers 1 to ")
                    if command[0] == "filter":
                        shutil.rmtree(command[2], ignore_errors=True)
                        if os.path.exists(command[2]):
                            os.remove(command[2])
        for window in (["--num", "1.."], ["-S", "+0s"], ["-U", "-0s"]):
            self.assertNotIn(b"range", self.run_dse("replay", path, *window).stderr)

    def test_filter_tells_of_its_state(self):
        path = os.path.join(CAPTURES, "small-v1.dse")
        out = self.place(".dse")
        said = self.run_dse("filter", path, "--num", "100..", "-w", out).stderr.decode()
        self.assertRegex(said, r"events pass; wrote [\d,]+ of [\d,]+ records, and [\d,]+ of state in "
                               r"front of them, ")
        kept, state = (int(said.split(word)[1].split()[0].replace(",", ""))
                       for word in ("wrote ", ", and "))
        written = sum(count for _, _, kind, _, count in entries(read(out)) if kind in (2, BLOCK))
        self.assertEqual(kept + state, written)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
