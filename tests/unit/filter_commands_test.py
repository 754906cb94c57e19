#!/usr/bin/env python3
"""Filters on the command line: replay, explain, filter and profile agree with one another.

  filter_commands_test.py DSE GOLDEN_CAPTURES
"""

import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

DSE, CAPTURES = sys.argv[1:3]
ALL = ("ProcessExecuted,ProcessExited,ContainerEvent,SocketStateChange,SignalGenerated,"
       "SignalDelivered")
# Neighbours differ: the two synthetic ones are the same recording in two layouts.
NAMES = ["small-v1.dse", "synthetic-v1.dse", "two-segments-v1", "synthetic-v2.dse"]
# Filters of every kind; each list is one command line.
FILTERS = [
    [],
    ["-s", "sig.name = KILL"],
    ["-s", "evt.type = ContainerEvent"],
    ["-d", "proc.name = bash", "-d", "proc.pid < 100"],
    ["-s", "proc.aname = bash", "-s", "sock.rport exists", "-d", "evt.type = SocketStateChange"],
    ["-s", "SignalDelivered:sig.sender.name exists", "-d", "ProcessExecuted:proc.args[0] = -c"],
    ["-s", "container.id exists", "-d", "not proc.pname exists"],
    ["-s", "evt.num in (1..40, 60, 100..1000)"],
    ["-s", "sock.rip in (10.0.0.0/8, 127.0.0.0/8) or proc.cmdline icontains S"],
    ["--profile", "default"],
    ["--profile", "security", "-d", "user.uid != 0"],
]


def run(*arguments, stdin=None):
    return subprocess.run([DSE, *arguments], input=stdin if stdin is not None else b"",
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=120)


@functools.lru_cache(maxsize=None)
def known(*arguments):
    """The same for what reads golden captures only, and so always gives the same: a process costs more than
    what it reads, under the sanitizers very much so."""
    return run(*arguments)


class Case(unittest.TestCase):
    maxDiff = 3000

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="dse-filter-")
        self.addCleanup(shutil.rmtree, self.dir)

    def place(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text):
        with open(self.place(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.place(name)

    def dse(self, *arguments, code=0, stdin=None):
        done = run(*arguments, stdin=stdin)
        self.assertEqual(done.returncode, code, (arguments, done.stderr.decode()))
        return done.stdout

    def known(self, *arguments):
        done = known(*arguments)
        self.assertEqual(done.returncode, 0, (arguments, done.stderr.decode()))
        return done.stdout

    def error(self, *arguments, code=2):
        done = run(*arguments)
        self.assertEqual(done.returncode, code, (arguments, done))
        self.assertTrue(done.stderr.startswith(b"dse: "), done.stderr)
        return done.stderr.decode()

    def events(self, *arguments):
        return [json.loads(line) for line in self.known("replay", "-q", *arguments).splitlines()]


def on_all(test):
    """Runs a test with every list of filters on all captures, one after the other, and with one of them on
    each capture alone."""
    def every(self):
        paths = [os.path.join(CAPTURES, name) for name in NAMES]
        for filters in FILTERS:
            points = [] if "--profile" in filters else ["--point", ALL]
            alone = filters == FILTERS[5]
            for captures in [paths, *([path] for path in paths if alone)]:
                with self.subTest(captures=captures, filters=filters):
                    test(self, captures, [*points, *filters])
    return every


def points_of(filters):
    if "--point" in filters:
        return filters[:2]
    return ["--point", "ProcessExecuted,ProcessExited,ContainerEvent,SocketStateChange,"
                       "SignalDelivered"] if "security" in filters else []


class Explain(Case):
    @on_all
    def test_counts_add_up(self, captures, filters):
        answer = json.loads(self.known("explain", *captures, "-q", "-o", "json", *filters))
        events = sum(point["events"] for point in answer["points"])
        kept = sum(point["kept"] for point in answer["points"])
        self.assertEqual(events, len(self.events(*captures, *points_of(filters))))
        self.assertEqual(kept, len(self.events(*captures, *filters)))
        decided = sum(one["decided"] for one in answer["filters"])
        without = sum(point["kept_without_select"] + point["no_select_matched"]
                      for point in answer["points"])
        self.assertEqual(decided + without, events)
        for one in answer["filters"]:
            self.assertLessEqual(one["decided"], one["matched"])
            self.assertLessEqual(one["matched"], min(one["seen"], one["alone"]))
            if one["action"] == "drop":
                self.assertEqual(one["decided"], one["matched"])
            if one["clauses"]:
                whole = one["clauses"][0]
                self.assertEqual(whole["true"], one["matched"])
                for clause in one["clauses"]:
                    self.assertEqual(clause["true"] + clause["false"], one["seen"])

    @on_all
    def test_marks_are_the_verdicts(self, captures, filters):
        marked = self.events(*captures, "--mark", *filters)
        kept = []
        by = {}
        for event in marked:
            verdict = event.pop("verdict")
            self.assertIn(verdict, ("keep", "drop"))
            reason = event.pop("by")
            by[reason] = by.get(reason, 0) + 1
            if verdict == "keep":
                kept.append(event)
        self.assertEqual(kept, self.events(*captures, *filters))
        answer = json.loads(self.known("explain", *captures, "-q", "-o", "json", *filters))
        for one in answer["filters"]:
            self.assertEqual(by.pop(one["filter"], 0), one["decided"])
        self.assertEqual(by.pop("no select", 0),
                         sum(point["kept_without_select"] for point in answer["points"]))
        self.assertEqual(by.pop("no select matched", 0),
                         sum(point["no_select_matched"] for point in answer["points"]))
        self.assertEqual(by, {})

    def test_one_event(self):
        capture = os.path.join(CAPTURES, "synthetic-v2.dse")
        filters = ["-s", "sig.name exists and proc.pid > 0", "-d", "sig.name = KILL or proc.env exists"]
        # Two of each kind, point, verdict and reason.
        asked = {}
        for event in self.events(capture, "--mark", *filters):
            kind = tuple(map(str, (event["evt"]["type"], event["verdict"], event["by"],
                                   event.get("sig", {}).get("name"))))
            asked.setdefault(kind, []).append(event)
        self.assertGreater(len({kind[2] for kind in asked}), 2)
        for event in (event for events in asked.values() for event in events[:2]):
            number = event["evt"]["num"]
            answer = json.loads(self.dse("explain", capture, "-q", "-o", "json", "--event",
                                         str(number), *filters))
            mine = [one for one in answer if one["point"] == event["evt"]["type"]]
            self.assertIn(event["verdict"], [one["verdict"] for one in mine])
            for one in mine:
                select, drop = one["filters"]
                if one["verdict"] == "keep":
                    self.assertTrue(select["matches"] and not drop["matches"])
                elif one["by"] == "drop 1":
                    self.assertTrue(select["matches"] and drop["matches"] and drop["asked"])
                else:
                    self.assertFalse(select["matches"] or drop["asked"])
                clauses = {clause["clause"]: clause for clause in select["clauses"]}
                self.assertEqual(clauses["sig.name exists"]["missing"],
                                 not clauses["sig.name exists"]["value"])
        self.assertEqual(run("explain", capture, "--event", "999999999").returncode, 1)

    def test_clauses_that_do_nothing(self):
        capture = os.path.join(CAPTURES, "small-v1.dse")
        text = self.dse("explain", capture, "-q", "-s",
                        "proc.pid > 0 and (sig.name = SIGKILL or sig.name = SIGXFSZ)", "-d",
                        "sig.name = SIGKILL", "-d", "sig.num = 9").decode()
        self.assertRegex(text, r"sig\.name = SIGXFSZ   <- never true")
        self.assertRegex(text, r"proc\.pid > 0   <- never false")
        self.assertRegex(text, r"sig\.num = 9   <- never asked")


class Filter(Case):
    def same(self, captures, filters, *options):
        out = self.place("out.dse")
        if os.path.exists(out):
            os.remove(out)
        self.dse("filter", *captures, "-q", *filters, *options, "-w", out)
        wanted = self.known("replay", *captures, "-q", *filters)
        self.assertEqual(self.dse("replay", out, "-q", *points_of(filters)), wanted)
        return out, wanted

    @on_all
    def test_replays_to_the_same(self, captures, filters):
        out, wanted = self.same(captures, filters)
        # All fields, also those that are shown on request, and filtering it again changes nothing.
        shown = points_of(filters) or ["--point", "ProcessExecuted,ContainerEvent,"
                                       "SocketStateChange,SignalDelivered"]
        fields = ",".join(field["name"] for field in
                          json.loads(self.known("fields", "-o", "json", *shown)))
        self.assertEqual(
            self.dse("replay", out, "-q", *points_of(filters), "--fields", fields),
            self.known("replay", *captures, "-q", *filters, "--fields", fields))
        again = self.place("again")
        self.dse("filter", out, "-q", *filters, "-w", again)
        self.assertEqual(self.dse("replay", again, "-q", *points_of(filters)), wanted)
        shutil.rmtree(again)

    @on_all
    def test_closed_replays_to_the_same(self, captures, filters):
        self.same(captures, filters, "--close")

    def test_each_alone_and_all_together(self):
        for names in (NAMES[:2], NAMES[2:]):
            captures = [os.path.join(CAPTURES, name) for name in names]
            selects = ["sig.name exists", "proc.name = bash", "sock.rport > 0"]
            drops = ["sig.name = SIGCHLD", "proc.pid < 50"]
            def lines(*filters):
                return self.known("replay", *captures, "-q", "--point", ALL, *filters).splitlines()
            everything = lines()
            any_select = set().union(*(lines("-s", one) for one in selects))
            no_drop = set(everything).intersection(*(lines("-d", one) for one in drops))
            together = lines(*(word for one in selects for word in ("-s", one)),
                             *(word for one in drops for word in ("-d", one)))
            self.assertEqual(together,
                             [line for line in everything if line in any_select and line in no_drop])

    def test_losses_stay_and_no_others_come(self):
        capture = os.path.join(CAPTURES, "synthetic-v2.dse")
        def incomplete(*arguments):
            lines = run("replay", "-q", *arguments).stderr.decode().splitlines()
            return [line for line in lines if "unknown" not in line and "left out" not in line]
        before = incomplete(capture)
        self.assertRegex("\n".join(before), "the recorder lost")
        for filters in (["-d", "evt.type = SocketStateChange"], ["-s", "proc.name = nobody"], []):
            out = self.place("out.dse")
            self.dse("filter", capture, "-q", *filters, "-w", out)
            self.assertEqual(incomplete(out), before)
            os.remove(out)

    def test_pipes_files_and_directories(self):
        capture = os.path.join(CAPTURES, "two-segments-v1")
        one = os.path.join(CAPTURES, "small-v1.dse")
        filters = ["-s", "sig.name exists"]
        wanted = self.dse("replay", capture, one, "-q", *filters)
        self.dse("filter", capture, one, *filters, "-w", self.place("both"))
        self.assertEqual(len(os.listdir(self.place("both"))), 2)
        self.dse("filter", capture, one, *filters, "-w", self.place("both.dse"))
        stream = self.dse("filter", capture, one, *filters, "-w", "-")
        self.assertEqual(self.dse("replay", self.place("both"), "-q"), wanted)
        self.assertEqual(self.dse("replay", self.place("both.dse"), "-q"), wanted)
        self.assertEqual(self.dse("replay", "-", "-q", stdin=stream), wanted)
        with open(one, "rb") as file:
            piped = self.dse("filter", "-", *filters, "-w", "-", stdin=file.read())
        self.assertEqual(self.dse("replay", "-", "-q", stdin=piped),
                         self.dse("replay", one, "-q", *filters))

    def test_losses_of_several_captures(self):
        def said(*arguments):
            return [line for line in run("replay", "-q", *arguments).stderr.decode().splitlines()
                    if "unknown" not in line and "left out" not in line]
        captures = [os.path.join(CAPTURES, name) for name in ("synthetic-v2.dse", "small-v1.dse")]
        for order in (captures, captures[::-1]):
            before = said(*order)
            self.assertRegex("\n".join(before), "the recorder lost 15")
            for out in ("both", "both.dse"):
                self.dse("filter", *order, "-w", self.place(out))
                self.assertEqual(said(self.place(out)), before)
            shutil.rmtree(self.place("both"))
            os.remove(self.place("both.dse"))

    def test_a_cut_original_is_no_whole_result(self):
        capture = os.path.join(CAPTURES, "small-v1.dse")
        with open(capture, "rb") as file:
            whole = file.read()
        with open(self.place("cut.dse"), "wb") as file:
            file.write(whole[:-300])
        self.dse("filter", self.place("cut.dse"), "-w", self.place("out.dse"), code=4)
        done = run("replay", self.place("out.dse"), "--summary")
        self.assertEqual(done.returncode, 0)
        self.assertIn(b"nobody can tell how many", done.stderr)

    def test_other_points_are_not_in_it(self):
        out = self.place("out.dse")
        self.dse("filter", os.path.join(CAPTURES, "small-v1.dse"), "--point", "SignalDelivered",
                 "-w", out)
        done = run("replay", out, "--point", "ProcessExecuted,SignalDelivered")
        self.assertIn(b"recorded without ProcessExecuted", done.stderr)
        self.assertNotIn(b'"ProcessExecuted"', done.stdout)

    def test_canaries(self):
        """What a closed and redacted capture must not hold is nowhere in it."""
        capture = os.path.join(CAPTURES, "synthetic-v2.dse")
        plain = subprocess.run(["zstd", "-dcq", capture], stdout=subprocess.PIPE, check=True).stdout
        words = sorted(set(re.findall(rb"[A-Za-z]*[a-z][a-z][A-Za-z0-9_.-]{4,}", plain)))
        filters = ["-s", "sig.name exists"]
        out = self.place("out.dse")
        self.dse("filter", capture, *filters, "--close", "-w", out)
        shown = self.dse("replay", out, "-q")
        header = self.dse("info", out, "-o", "json")
        closed = subprocess.run(["zstd", "-dcq", out], stdout=subprocess.PIPE, check=True).stdout
        # Of all words that were in the strings, only those are left that an event shows, or the header.
        left = [word for word in words if word in closed and word not in shown and word not in header]
        self.assertEqual(left, [])
        self.assertGreater(len([word for word in words if word not in closed]), 20)
        for word in (b"nginx", b"docker"):
            self.assertIn(word, plain)
            os.remove(out)
            self.dse("filter", capture, "--redact", word.decode(), "-w", out)
            redacted = subprocess.run(["zstd", "-dcq", out], stdout=subprocess.PIPE, check=True).stdout
            self.assertNotIn(word, redacted)

    def test_errors(self):
        capture = os.path.join(CAPTURES, "small-v1.dse")
        out = self.place("out.dse")
        self.dse("filter", capture, "-w", out)
        self.assertIn("exists", self.error("filter", capture, "-w", out))
        self.assertIn("what is read", self.error("filter", out, "-w", out))
        self.assertIn("twice", self.error("filter", "-", "--close", "-w", self.place("x.dse")))
        self.assertIn("--redact", self.error("filter", capture, "--redact", "((", "-w",
                                             self.place("x.dse")))
        self.assertFalse(os.path.exists(self.place("x.dse")))
        self.error("filter", capture, "-w", "/nowhere/at/all.dse", code=6)


def numbers_of(lines):
    return [json.loads(line)["evt"]["num"] for line in lines]


class Cuts(Case):
    """Ranges of numbers and of time, and what filter writes of them."""

    # The two synthetic captures have one id, and are not read together.
    EVERYTHING = ["-q", "--self", "--point", ALL]

    def fields(self):
        return ",".join(field["name"] for field in
                        json.loads(self.dse("fields", "-o", "json", "--point", ALL)))

    def test_ranges_of_numbers(self):
        for name in NAMES:
            capture = os.path.join(CAPTURES, name)
            lines = self.dse("replay", capture, *self.EVERYTHING).splitlines()
            for text, first, last in (("5..9", 5, 9), ("30..", 30, 10**9), ("..12", 0, 12),
                                      ("7", 7, 7), ("1..1", 1, 1), ("900000..900001", 900000, 900001)):
                wanted = [line for line in lines if first <= numbers_of([line])[0] <= last]
                with self.subTest(capture=name, range=text):
                    self.assertEqual(
                        self.dse("replay", capture, *self.EVERYTHING, "--num", text).splitlines(),
                        wanted)
                    answer = json.loads(self.dse("explain", capture, *self.EVERYTHING, "-o", "json",
                                                 "--num", text))
                    self.assertEqual(sum(point["events"] for point in answer["points"]), len(wanted))

    def test_cuts_show_the_range_in_all_fields(self):
        fields = self.fields()
        for name in NAMES:
            capture = os.path.join(CAPTURES, name)
            start = self.dse("replay", capture, *self.EVERYTHING).splitlines()
            times = sorted(json.loads(line)["evt"]["time"] for line in start)
            early, late = times[len(times) // 3], times[2 * len(times) // 3]
            for window in (["--num", "20..60"], ["--num", "40.."], ["--num", "..30"],
                           ["-S", early, "-U", late], ["-S", late], ["-U", early],
                           ["-S", early, "--num", "..50"]):
                for filters in ([], ["-s", "sig.name exists"], ["-d", "proc.name = bash"]):
                    with self.subTest(capture=name, window=window, filters=filters):
                        out = self.place("out.dse")
                        self.dse("filter", capture, *self.EVERYTHING, *window, *filters, "-w", out)
                        wanted = self.dse("replay", capture, *self.EVERYTHING, *window, *filters,
                                          "--fields", fields)
                        self.assertEqual(self.dse("replay", out, *self.EVERYTHING, "--fields", fields),
                                         wanted)
                        os.remove(out)

    def test_cuts_can_be_closed_and_redacted(self):
        for name in NAMES:
            capture = os.path.join(CAPTURES, name)
            window = ["--num", "30..80"]
            wanted = self.dse("replay", capture, *self.EVERYTHING, *window)
            self.dse("filter", capture, *self.EVERYTHING, *window, "--close", "-w",
                     self.place("closed.dse"))
            self.assertEqual(self.dse("replay", self.place("closed.dse"), *self.EVERYTHING), wanted)
            self.dse("filter", capture, *self.EVERYTHING, *window, "--redact", "ba(s)h", "-w",
                     self.place("redacted.dse"))
            redacted = self.dse("replay", self.place("redacted.dse"), *self.EVERYTHING)
            self.assertEqual(numbers_of(redacted.splitlines()), numbers_of(wanted.splitlines()))
            self.assertNotIn(b'"bash"', redacted)
            os.remove(self.place("closed.dse"))
            os.remove(self.place("redacted.dse"))

    def test_from_a_pipe_and_into_one(self):
        capture = os.path.join(CAPTURES, "small-v1.dse")
        with open(capture, "rb") as file:
            whole = file.read()
        for window in (["--num", "20..60"], ["-S", "+1ms", "-U", "+1h"]):
            cut = self.dse("filter", "-", *self.EVERYTHING, *window, "-w", "-", stdin=whole)
            self.assertEqual(self.dse("replay", "-", *self.EVERYTHING, stdin=cut),
                             self.dse("replay", capture, *self.EVERYTHING, *window))

    def test_a_cut_is_smaller_than_what_it_is_of(self):
        capture = os.path.join(CAPTURES, "synthetic-v2.dse")
        last = max(numbers_of(self.dse("replay", capture, *self.EVERYTHING).splitlines()))
        def records(*window):
            out = self.place("out.dse")
            done = run("filter", capture, *self.EVERYTHING, *window, "-w", out)
            os.remove(out)
            return int(re.search(rb"wrote ([\d,]+) of", done.stderr)[1].replace(b",", b""))
        self.assertLess(records("--num", f"{last // 2}..{last // 2 + 9}"), 20)
        self.assertGreater(records("-d", "proc.pid exists"), 30)

    def test_nothing_in_the_range_is_a_capture_of_nothing(self):
        captures = [os.path.join(CAPTURES, name) for name in NAMES if name != "synthetic-v1.dse"]
        for window in (["--num", "900000.."], ["-U", "1971-01-01T00:00:00Z"]):
            self.dse("filter", *captures, *self.EVERYTHING, *window, "-w", self.place("none.dse"))
            self.assertEqual(self.dse("replay", self.place("none.dse"), *self.EVERYTHING), b"")
            os.remove(self.place("none.dse"))

    def test_of_several_captures(self):
        captures = [os.path.join(CAPTURES, name) for name in NAMES if name != "synthetic-v1.dse"]
        for out in ("cuts", "cuts.dse"):
            self.dse("filter", *captures, *self.EVERYTHING, "--num", "10..70", "-w", self.place(out))
            self.assertEqual(self.dse("replay", self.place(out), *self.EVERYTHING),
                             self.dse("replay", *captures, *self.EVERYTHING, "--num", "10..70"))

    def test_bad_ranges(self):
        capture = os.path.join(CAPTURES, "small-v1.dse")
        out = self.place("x.dse")
        for text, what in (("5..3", "5 is behind 3"), ("0..", "begin with 1"), ("..0", "begin with 1"),
                           ("..", "no bound"), ("a..b", "no range"), ("5...9", "no range"),
                           ("-5", "no range"), ("5-9", "no range"), ("1..2..3", "no range"),
                           ("99999999999999999999", "that high")):
            for command in (["replay", capture], ["explain", capture], ["filter", capture, "-w", out]):
                with self.subTest(range=text, command=command):
                    self.assertIn(what, self.error(*command, f"--num={text}"))
        self.assertFalse(os.path.exists(out))


class Split(Case):
    EVERYTHING = ["-q", "--self", "--point", ALL]

    def test_parts_are_the_whole(self):
        for name in NAMES:
            capture = os.path.join(CAPTURES, name)
            whole = self.dse("replay", capture, *self.EVERYTHING)
            for limit in (["--events", "17"], ["--time", "3ms"], ["--size", "2KiB"],
                          ["--events", "1000000"]):
                with self.subTest(capture=name, limit=limit):
                    out = self.place("parts")
                    done = run("split", capture, "-w", out, *limit)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    parts = sorted(os.listdir(out))
                    self.assertEqual(parts, [f"part-{i:06}.dse" for i in range(1, len(parts) + 1)])
                    lines = done.stderr.decode().splitlines()
                    self.assertEqual([line.split()[0] for line in lines[:len(parts)]], parts)
                    self.assertIn(f"{len(parts)} part", lines[len(parts)])
                    pieces = [self.dse("replay", os.path.join(out, part), *self.EVERYTHING)
                              for part in parts]
                    self.assertEqual(b"".join(pieces), whole)
                    self.assertEqual(self.dse("replay", out, *self.EVERYTHING), whole)
                    if limit == ["--events", "17"]:
                        self.assertGreater(len(parts), 1)
                        for piece in pieces:
                            numbers = numbers_of(piece.splitlines())
                            if len(set(numbers)) > 1 and 0 not in numbers:
                                self.assertLessEqual(len(numbers), 17)
                    shutil.rmtree(out)

    def test_losses_stay(self):
        capture = os.path.join(CAPTURES, "synthetic-v2.dse")
        def lost(path):
            answer = json.loads(self.dse("replay", path, "-q", "--summary"))
            return answer["lost"]
        self.dse("split", capture, "-w", self.place("parts"), "--events", "40")
        self.assertGreater(lost(capture), 0)
        self.assertEqual(lost(self.place("parts")), lost(capture))

    def test_from_a_pipe(self):
        capture = os.path.join(CAPTURES, "small-v1.dse")
        with open(capture, "rb") as file:
            self.dse("split", "-", "-w", self.place("parts"), "--events", "30", stdin=file.read())
        self.assertEqual(self.dse("replay", self.place("parts"), *self.EVERYTHING),
                         self.dse("replay", capture, *self.EVERYTHING))

    def test_a_filtered_capture(self):
        capture = os.path.join(CAPTURES, "synthetic-v2.dse")
        filters = ["-s", "sig.name exists", "-s", "evt.type = ContainerEvent"]
        self.dse("filter", capture, *self.EVERYTHING, *filters, "-w", self.place("some.dse"))
        self.dse("split", self.place("some.dse"), "-w", self.place("parts"), "--events", "10")
        self.assertGreater(len(os.listdir(self.place("parts"))), 2)
        self.assertEqual(self.dse("replay", self.place("parts"), *self.EVERYTHING),
                         self.dse("replay", capture, *self.EVERYTHING, *filters))

    def test_a_cut_original(self):
        with open(os.path.join(CAPTURES, "small-v1.dse"), "rb") as file:
            whole = file.read()
        with open(self.place("cut.dse"), "wb") as file:
            file.write(whole[:-300])
        self.dse("split", self.place("cut.dse"), "-w", self.place("parts"), "--events", "30", code=4)
        self.assertEqual(run("replay", self.place("parts"), *self.EVERYTHING).stdout,
                         run("replay", self.place("cut.dse"), *self.EVERYTHING).stdout)

    def test_errors(self):
        capture = os.path.join(CAPTURES, "small-v1.dse")
        out = self.place("parts")
        self.assertIn("one of", self.error("split", capture, "-w", out))
        self.assertIn("one of", self.error("split", capture, "-w", out, "--size", "1MiB", "--events",
                                           "5"))
        self.assertIn("not a time", self.error("split", capture, "-w", out, "--time", "soon"))
        self.assertIn("not a time", self.error("split", capture, "-w", out, "--time", "0s"))
        self.assertIn("of nothing", self.error("split", capture, "-w", out, "--events", "0"))
        self.error("split", self.place("nowhere"), "-w", out, "--events", "5", code=6)
        self.assertFalse(os.path.exists(out))
        os.mkdir(out)
        self.dse("split", capture, "-w", out, "--events", "50")
        self.assertIn("not empty", self.error("split", capture, "-w", out, "--events", "50"))
        self.assertIn("is no directory", self.error("split", capture, "-w",
                                                    self.write("file", "x"), "--events", "50"))
        empty = self.write("empty.dse", "")
        self.dse("split", empty, "-w", self.place("none"), "--events", "5", code=4)
        merged = self.place("merged.dse")
        self.dse("merge", capture, os.path.join(CAPTURES, "two-segments-v1"), "--trust-clocks", "-w", merged)
        self.assertIn("merged", self.error("split", merged, "-w", self.place("none"), "--events", "5"))
        self.assertFalse(os.path.exists(self.place("none")))
        # One that was there stays.
        os.mkdir(self.place("mine"))
        self.error("split", merged, "-w", self.place("mine"), "--events", "5")
        self.assertEqual(os.listdir(self.place("mine")), [])

    def test_what_is_no_directory(self):
        capture = os.path.join(CAPTURES, "small-v1.dse")
        for out in ("-", "x.dse"):
            done = subprocess.run([DSE, "split", capture, "-w", out, "--events", "50"], cwd=self.dir,
                                  capture_output=True, check=False, timeout=60)
            self.assertEqual((done.returncode, done.stdout), (2, b""))
            self.assertIn(b"split writes a directory", done.stderr)
            self.assertEqual(os.listdir(self.dir), [])


class Profiles(Case):
    def test_those_that_come_with_it(self):
        listed = [line.split()[0] for line in self.dse("profile", "list").decode().splitlines()]
        self.assertEqual(listed, ["all", "containers", "default", "network", "security", "signals"])
        copies = [self.write(f"{name}.toml", self.dse("profile", "show", name).decode())
                  for name in listed]
        self.dse("profile", "check", "--strict", *listed, *copies)
        for name, copy in zip(listed, copies):
            paths = [os.path.join(CAPTURES, capture) for capture in NAMES]
            self.assertEqual(self.known("replay", *paths, "-q", "--profile", name),
                             self.dse("replay", *paths, "-q", "--profile", copy))
        self.assertIn("did you mean default", self.error("profile", "show", "defualt"))

    def test_all_of_its_parts(self):
        profile = self.write("p.toml", '''
description = "a try"
[points]
ProcessExited = true
SignalDelivered = false
[macros]
shell = "proc.name in (sh, bash)"
deep = "@shell and proc.pid > 1"
[[filter]]
name = "shells"
select = "@deep"
[[filter]]
point = "ProcessExited"
drop = """
  proc.exit_code = 0   # went well
  and proc.pid > 0
"""
[record]
buffer = "1MiB"
max-args = 4096
env = ["PATH"]
failed-execs = true
container-metadata = false
level = 3
segment-time = "1h"
''')
        self.dse("profile", "check", "--strict", profile)
        paths = [os.path.join(CAPTURES, capture) for capture in NAMES]
        self.assertEqual(
            self.dse("replay", *paths, "-q", "--profile", profile),
            self.dse("replay", *paths, "-q", "--point",
                     "ProcessExecuted,ProcessExited,ContainerEvent,SocketStateChange",
                     "-s", "proc.name in (sh, bash) and proc.pid > 1",
                     "-d", "ProcessExited:proc.exit_code = 0 and proc.pid > 0"))
        # What the command line says of points goes before, and its filters come after.
        capture = os.path.join(CAPTURES, "small-v1.dse")
        self.assertEqual(
            self.dse("replay", capture, "-q", "--profile", profile, "--point", "SignalDelivered",
                     "-d", "sig.name = SIGCHLD"),
            self.dse("replay", capture, "-q", "--point", "SignalDelivered", "-s",
                     "proc.name in (sh, bash) and proc.pid > 1", "-d", "sig.name = SIGCHLD"))

    def test_mistakes_have_their_line(self):
        mistakes = [
                ("\npionts = 1", 2, "did you mean points"),
                ("[points]\nSignalDelivred = true", 2, "did you mean SignalDelivered"),
                ("[points]\nSignalDelivered = 1", 2, "true or false"),
                ("[[filter]]\n\nselect = 'proc.nmae = x'", 3, "did you mean proc.name"),
                ("[[filter]]\nselect = 'proc.pid = 1'\ndrop = 'proc.pid = 2'", 2, "not both"),
                ("[[filter]]\nname = 'x'", 1, "needs select"),
                ("[filter]\nselect = 'proc.pid = 1'", 1, "[[filter]]"),
                ("[[filter]]\nselect = 1", 2, "text in quotes"),
                ("[[filter]]\nselect = 'a.b = 1'\ncolour = 'red'", 3, "unknown key 'colour'"),
                ("[macros]\n'a b' = 'proc.pid = 1'", 2, "no name for a macro"),
                ("[record]\nbufer = 1", 2, "did you mean buffer"),
                ("[record]\nflush = 'soon'", 2, "duration"),
                ("[record]\nkeep = 'all'", 2, "takes a number"),
                ("[record]\nredact = ['((']", 2, "--redact"),
                ("[points\n", 1, "not TOML"),
                ("[points]\n" + "\n".join(f"{point} = false" for point in ALL.split(",")), 1,
                 "no observation point is on")]
        said = self.error("profile", "check", *(self.write(f"bad{i}.toml", mistake[0])
                                                for i, mistake in enumerate(mistakes)))
        said = said.split("dse: ")[1:]
        self.assertEqual(len(said), len(mistakes))
        for i, (text, line, what) in enumerate(mistakes):
            with self.subTest(text=text):
                self.assertIn(f"bad{i}.toml:{line}", said[i])
                self.assertIn(what, said[i])
        self.assertIn("macro @a", self.error("profile", "check", self.write(
            "bad.toml", "[macros]\na = 'proc.nmae = 1'")))
        self.error("profile", "check", self.place("none.toml"), code=6)

    def test_notes(self):
        capture = os.path.join(CAPTURES, "small-v1.dse")
        odd = ["-s", "proc.pid > 10 and proc.pid < 5"]
        done = run("replay", capture, *odd)
        self.assertIn(b"note: --select: can never be true", done.stderr)
        self.assertNotIn(b"note", run("replay", capture, "-q", *odd).stderr)
        profile = self.write("odd.toml", "[[filter]]\ndrop = 'proc.pid in (1, 2)'\n"
                                         "[[filter]]\ndrop = 'proc.pid = 1'")
        self.dse("profile", "check", profile)
        self.assertIn("decides nothing", self.error("profile", "check", "--strict", profile, code=1))

    def test_filters_from_files(self):
        capture = os.path.join(CAPTURES, "small-v1.dse")
        long = self.write("long.filter", "# the dead\nsig.name = SIGKILL\n  or sig.name = SIGTERM\n")
        wanted = self.dse("replay", capture, "-q", "-s", "sig.name in (SIGKILL, SIGTERM)")
        self.assertEqual(self.dse("replay", capture, "-q", "-s", "@" + long), wanted)
        self.assertEqual(self.dse("replay", capture, "-q", "--point", "SignalDelivered", "-s",
                                  "SignalDelivered:@" + long), wanted)
        self.assertIn("cannot read", self.error("replay", capture, "-s", "@" + self.place("no"),
                                                code=6))
        wrong = self.write("wrong.filter", "proc.pid = 1\nand proc.nmae = x\n")
        self.assertRegex(self.error("replay", capture, "-s", "@" + wrong),
                         r"wrong\.filter, line 2: unknown field 'proc\.nmae'.*\n  and proc\.nmae = x\n"
                         r"      \^~~~~~~~~\n")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
