#!/usr/bin/env python3
"""dse stats against counts of what dse replay shows.

  stats_command_test.py DSE GOLDEN_CAPTURES SAMPLE_WRITER
"""

import collections
import csv
import io
import json
import math
import random
import subprocess
import sys
import unittest

from analysis import ALL, NAMES, Case, value_of

DSE, CAPTURES, SAMPLE_WRITER = sys.argv[1:4]
FILTERS = [[], ["-s", "proc.name exists", "-d", "proc.pid < 100"],
           ["-s", "sig.name exists", "-s", "sock.rport > 0"], ["-S", "+1ms"]]


def bucket(value):
    """(from, until) of the power of two that a number is in."""
    if value < 0:
        return (None, 0)
    if value == 0:
        return (0, 1)
    low = 1 << (value.bit_length() - 1)
    return (low, 2 * low if 2 * low < 1 << 63 else None)


def key_text(value):
    return json.dumps(value, sort_keys=True)


def nanoseconds(time):
    """Of RFC 3339 with nine digits, since the beginning of its day; captures are of one day."""
    hours, minutes, seconds = time[11:-1].split(":")
    whole, _, part = seconds.partition(".")
    return ((int(hours) * 60 + int(minutes)) * 60 + int(whole)) * 10**9 + int(part.ljust(9, "0"))


class Stats(Case):
    dse_path, captures = DSE, CAPTURES

    def stats(self, *arguments):
        return json.loads(self.dse("stats", "-q", "-o", "json", *arguments))

    def check(self, capture, by, numbers, filters):
        """Against an independent count of the same events."""
        sums, hists = numbers[:2], numbers[1:]
        events = self.events(capture, "--point", ALL, *filters, "--fields",
                             ",".join(dict.fromkeys([*by, *numbers, "evt.time"])))
        groups = collections.defaultdict(list)
        for event in events:
            groups[key_text([value_of(event, field) for field in by])].append(event)
        arguments = ["--by", ",".join(by), "--top", "0", "--count", "--rate"]
        for field in sums:
            arguments += ["--sum", field]
        for field in hists:
            arguments += ["--hist", field]
        answer = self.stats(capture, "--point", ALL, *filters, *arguments)
        self.assertEqual(answer["by"], by)
        self.assertEqual(answer["events"], len(events))
        self.assertEqual(answer["groups"], len(groups))
        self.assertIsNone(answer["others"])
        times = [nanoseconds(event["evt"]["time"]) for event in events]
        span = (max(times) - min(times)) / 1e9 if times else 0
        self.assertEqual(len(answer["rows"]), len(groups))
        counts = [row["count"] for row in answer["rows"]]
        self.assertEqual(counts, sorted(counts, reverse=True))
        for row in answer["rows"]:
            mine = groups[key_text([row["by"][field] for field in by])]
            self.assertEqual(row["count"], len(mine))
            for field in sums:
                values = [value_of(event, field) for event in mine]
                values = [value for value in values if value is not None]
                self.assertEqual(row["sum"][field], sum(values) if values else None)
            for field in hists:
                buckets = collections.Counter(bucket(value_of(event, field)) for event in mine
                                              if value_of(event, field) is not None)
                self.assertEqual({(one["from"], one["until"]): one["count"]
                                  for one in row["hist"][field]}, dict(buckets))
            if span:
                self.assertTrue(math.isclose(row["rate"], len(mine) / span), (row, span))
            else:
                self.assertIsNone(row["rate"])

    def test_random_choices(self):
        rng = random.Random(20261122)
        fields = self.fields()
        # evt.num has a value for each event and is tried by itself; a list is tried whole and by element.
        keys = [name for name in fields if name != "evt.num"] + [
            "proc.args[0]", "proc.args[1]", "proc.env[PATH]", "proc.apid[1]", "proc.aname[0]"]
        numbers = [name for name, field in fields.items() if field["type"] == "number"]
        for name in NAMES:
            for _ in range(12):
                by = rng.sample(keys, rng.choice([1, 1, 2, 2, 3]))
                chosen = rng.sample(numbers, 3)
                filters = rng.choice(FILTERS)
                with self.subTest(capture=name, by=by, numbers=chosen, filters=filters):
                    self.check(self.capture(name), by, chosen, filters)

    def test_every_field(self):
        capture = self.capture("synthetic-v2.dse")
        for field in self.fields():
            with self.subTest(field=field):
                self.check(capture, [field], ["proc.pid", "evt.num", "sig.value"], [])

    def test_written_capture(self):
        place = self.place("sample")
        subprocess.run([SAMPLE_WRITER, place], check=True)
        for by in (["proc.name"], ["proc.pid", "evt.type"], ["sock.rport", "sock.cookie"],
                   ["sig.num", "proc.tid", "evt.cpu"]):
            events = [json.loads(line) for line in
                      self.run_dse("replay", "-q", place, "--point", ALL, "--fields",
                                   ",".join(by)).stdout.splitlines()]
            self.assertGreater(len(events), 0)
            answer = json.loads(self.run_dse("stats", "-q", place, "--point", ALL, "--by",
                                             ",".join(by), "--top", "0", "-o", "json").stdout)
            self.assertEqual(
                {key_text([row["by"][field] for field in by]): row["count"]
                 for row in answer["rows"]},
                collections.Counter(key_text([value_of(event, field) for field in by])
                                    for event in events))

    def test_without_by_every_point_has_a_row(self):
        capture = self.capture("small-v1.dse")
        answer = self.stats(capture, "--point", ALL)
        summary = json.loads(self.dse("replay", "-q", capture, "--point", ALL, "--summary"))
        self.assertEqual({row["by"]["evt.type"]: row["count"] for row in answer["rows"]},
                         summary["points"])
        self.assertEqual(answer["events"], summary["events"])
        none = self.stats(capture, "--point", ALL, "-s", "proc.name = nothing-like-it")
        self.assertEqual([row["count"] for row in none["rows"]], [0] * 6)
        self.assertEqual(none["events"], 0)

    def test_top_and_others(self):
        capture = self.capture("synthetic-v2.dse")
        every = self.stats(capture, "--by", "proc.pid", "--top", "0", "--sum", "evt.num",
                           "--hist", "evt.num")
        self.assertGreater(len(every["rows"]), 5)
        for top in (1, 3, len(every["rows"]), 1000):
            few = self.stats(capture, "--by", "proc.pid", "--top", str(top), "--sum", "evt.num",
                             "--hist", "evt.num")
            self.assertEqual(few["rows"], every["rows"][:top])
            rest = every["rows"][top:]
            if not rest:
                self.assertIsNone(few["others"])
                continue
            self.assertEqual(few["others"]["groups"], len(rest))
            self.assertEqual(few["others"]["count"], sum(row["count"] for row in rest))
            self.assertEqual(few["others"]["sum"]["evt.num"],
                             sum(row["sum"]["evt.num"] for row in rest))
            self.assertEqual(sum(one["count"] for one in few["others"]["hist"]["evt.num"]),
                             few["others"]["count"])
        sums = [row["sum"]["evt.num"] for row in every["rows"]]
        self.assertEqual(sums, sorted(sums, reverse=True))

    def test_limit_of_groups(self):
        capture = self.capture("synthetic-v2.dse")
        done = self.run_dse("stats", "-q", capture, "--by", "proc.pid", "--max-groups", "3", "--top",
                            "0", "-o", "json", "--hist", "evt.num")
        self.assertEqual(done.returncode, 0)
        answer = json.loads(done.stdout)
        self.assertEqual(answer["groups"], 3)
        self.assertEqual(len(answer["rows"]), 3)
        self.assertNotIn("groups", answer["others"])
        self.assertEqual(sum(row["count"] for row in answer["rows"]) + answer["others"]["count"],
                         answer["events"])
        self.assertIn(b"--max-groups 3", done.stderr)
        for row in answer["rows"]:
            pid = row["by"]["proc.pid"]
            self.assertEqual(row["count"],
                             len(self.events(capture, "-s", f"proc.pid = {pid}")))

    def test_missing_is_not_empty(self):
        capture = self.capture("synthetic-v2.dse")
        arguments = [capture, "--point", "ProcessExecuted", "--by", "proc.args[0],proc.cmdline",
                     "--top", "0"]
        rows = self.stats(*arguments)["rows"]
        values = [value for row in rows for value in row["by"].values()]
        self.assertIn(None, values)
        text = self.dse("stats", "-q", *arguments).decode()
        self.assertIn("(missing)", text)
        self.assertEqual("" in values, "(empty)" in text)
        lines = self.dse("stats", "-q", *arguments, "-o", "csv").decode().split("\r\n")[1:-1]
        for line, row in zip(lines, self.stats(*arguments)["rows"], strict=True):
            first = row["by"]["proc.args[0]"]
            self.assertEqual(line.startswith(","), first is None)
            self.assertEqual(line.startswith('"",'), first == "")

    def test_csv(self):
        capture = self.capture("synthetic-v2.dse")
        arguments = [capture, "--by", "proc.name,sig.num", "--count", "--sum", "evt.num", "--top", "0"]
        rows = self.stats(*arguments)["rows"]
        table = self.dse("stats", "-q", *arguments, "-o", "csv").decode()
        self.assertEqual(table.count("\r\n"), len(rows) + 1)
        read = list(csv.reader(io.StringIO(table, newline="")))
        self.assertEqual(read[0], ["proc.name", "sig.num", "count", "sum(evt.num)"])
        for line, row in zip(read[1:], rows, strict=True):
            number = row["by"]["sig.num"]
            self.assertEqual(line[1:], ["" if number is None else str(number), str(row["count"]),
                                        str(row["sum"]["evt.num"])])
        buckets = self.dse("stats", "-q", capture, "--by", "evt.type", "--hist", "evt.num", "-o",
                           "csv").decode()
        read = list(csv.DictReader(io.StringIO(buckets, newline="")))
        self.assertEqual(sum(int(one["count"]) for one in read), len(self.events(capture)))
        for one in read:
            self.assertEqual(bucket(int(one["from"])), (int(one["from"]), int(one["until"])))

    def test_text_is_plain_in_a_pipe(self):
        capture = self.capture("synthetic-v2.dse")
        text = self.dse("stats", "-q", capture, "--by", "proc.name", "--top", "2").decode()
        self.assertNotIn("\x1b", text)
        self.assertNotIn("█", text)
        lines = text.splitlines()
        self.assertRegex(lines[0], r"^proc\.name +COUNT$")
        self.assertEqual(len({len(line) for line in lines}), 1, text)
        self.assertRegex(lines[-1], r"^others \(\d+ groups\) +[\d,]+$")
        hist = self.dse("stats", "-q", capture, "--hist", "evt.num", "--top", "1").decode()
        self.assertRegex(hist, r"evt\.type = \w+: evt\.num, [\d,]+ values\n")
        self.assertRegex(hist, r"\n\[\d+\w?, \d+\w?\) +[\d,]+ \|@+ *\|\n")

    def test_mistakes(self):
        capture = self.capture("small-v1.dse")
        for arguments, said in [
                (["--by", "proc.nmae"], "did you mean proc.name"),
                (["--by", ""], "--by needs at least one field"),
                (["--by", "proc.name[0]"], "is no list"),
                (["--by", "sock.rport", "--point", "SignalDelivered"], "belongs to SocketStateChange"),
                (["--sum", "proc.maxrss"], "--point ProcessExecuted,ContainerEvent,SocketStateChange,"
                 "SignalDelivered,ProcessExited switches it on"),
                (["--sum", "proc.name"], "--sum proc.name: it takes a number"),
                (["--hist", "sock.cookie"], "is of type id"),
                (["--hist", "evt.num", "--count", "-o", "csv"], "-o csv has room for one --hist"),
                (["--top", "-1"], "--top"), (["--top", "x"], "--top"),
                (["--max-groups", "0"], "not a number of 1 or more"),
                (["-o", "xml"], "--output"), (["-s", "proc.name >"], "--select")]:
            with self.subTest(arguments=arguments):
                done = self.run_dse("stats", capture, *arguments)
                self.assertEqual((done.returncode, done.stdout), (2, b""), done)
                self.assertIn(said, done.stderr.decode())
        self.assertIn("no such file", self.error("stats", self.place("nowhere"), code=6))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
