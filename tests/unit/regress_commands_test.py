#!/usr/bin/env python3
"""Digests, differences and checks on the command line.

  regress_commands_test.py DSE SOURCE
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as xml

from analysis import ALL, NAMES

DSE, SOURCE = sys.argv[1:3]
CAPTURES = os.path.join(SOURCE, "tests/golden/captures")
EXAMPLES = os.path.join(SOURCE, "tests/examples/check")
SMALL = os.path.join(CAPTURES, "small-v1.dse")
ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "CI"}


class Case(unittest.TestCase):
    maxDiff = 3000

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="dse-regress-")
        self.addCleanup(shutil.rmtree, self.dir)

    def place(self, *names):
        return os.path.join(self.dir, *names)

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.place(name)), exist_ok=True)
        with open(self.place(name), "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
        return self.place(name)

    def read(self, name):
        with open(self.place(name), encoding="utf-8") as file:
            return file.read()

    def dse(self, *arguments, code=0, environment=None, stdin=b""):
        done = subprocess.run([DSE, *arguments], input=stdin, capture_output=True, check=False,
                              timeout=120, cwd=self.dir, env={**ENVIRONMENT, **(environment or {})})
        self.said = done.stderr.decode()
        self.assertEqual(done.returncode, code, (arguments, self.said, done.stdout[-2000:]))
        return done.stdout

    def error(self, *arguments, code=2, environment=None):
        out = self.dse(*arguments, code=code, environment=environment)
        self.assertEqual(out, b"", arguments)
        self.assertTrue(self.said.startswith("dse: "), self.said)
        return self.said

    def torn(self, name="torn.dse"):
        with open(SMALL, "rb") as file:
            whole = file.read()
        with open(self.place(name), "wb") as file:
            file.write(whole[:-600])
        return self.place(name)


class Digest(Case):
    def digest(self, *arguments, **options):
        answer = json.loads(self.dse("digest", "-o", "json", *arguments, **options))
        self.assertRegex(answer["digest"], r"^[0-9a-f]{32}$")
        return answer["digest"], answer["count"]

    def test_text_and_json_are_the_same(self):
        text = self.dse("digest", SMALL).decode()
        digest, count = self.digest(SMALL)
        self.assertEqual(text, f"{digest}  {count} events\n")
        self.assertEqual(count, len(self.dse("replay", "-q", SMALL).splitlines()))

    def test_filtered_without_a_filter(self):
        for name in NAMES:
            with self.subTest(capture=name):
                capture = os.path.join(CAPTURES, name)
                copy = self.place(name + "-copy.dse")
                self.dse("filter", capture, "--point", ALL, "--self", "-w", copy, "--level", "19")
                expected = self.digest(capture, "--point", ALL, "--self")
                self.assertGreater(expected[1], 0)
                self.assertEqual(self.digest(copy, "--point", ALL, "--self"), expected)
                with open(copy, "rb") as file:
                    self.assertEqual(self.digest("-", "--point", ALL, "--self", stdin=file.read()),
                                     expected)

    def test_filters_and_their_result(self):
        filters = ["-s", "sig.name = SIGKILL", "-d", "proc.pid < 100"]
        for name in NAMES:
            capture = os.path.join(CAPTURES, name)
            copy = self.place(name + "-f.dse")
            self.dse("filter", capture, "-q", *filters, "-w", copy)
            self.assertEqual(self.digest(copy), self.digest(capture, *filters))

    def test_parts_add_up(self):
        whole = self.digest(SMALL)
        parts = [self.digest(SMALL, "-s", "evt.num <= 60"), self.digest(SMALL, "-d", "evt.num <= 60")]
        self.assertEqual(sum(count for _, count in parts), whole[1])
        self.assertEqual(f"{sum(int(digest, 16) for digest, _ in parts) % 2**128:032x}", whole[0])
        other = os.path.join(CAPTURES, "two-segments-v1")
        both = self.digest(SMALL, other)
        self.assertEqual(self.digest(other, SMALL), both)
        self.assertEqual(both[1], whole[1] + self.digest(other)[1])

    def test_digest_of_what_replay_prints(self):
        # Times and filters go as in replay.
        for flags in (["-S", "+10ms"], ["-U", "+12ms", "-s", "proc.name = sh"],
                      ["--profile", "default"]):
            lines = self.dse("replay", "-q", SMALL, *flags).splitlines()
            self.assertEqual(self.digest(SMALL, "-q", *flags)[1], len(lines))

    def test_records(self):
        self.assertEqual(self.digest(SMALL, "--records"), self.digest(SMALL, "--records"))
        self.assertRegex(self.dse("digest", "--records", SMALL).decode(), r"^[0-9a-f]{32}  \d+ records\n$")
        other = os.path.join(CAPTURES, "two-segments-v1")
        self.assertNotEqual(self.digest(SMALL, other, "--records"),
                            self.digest(other, SMALL, "--records"))
        # In segments, one by one or as a directory.
        parts = sorted(os.path.join(other, name) for name in os.listdir(other))
        self.assertEqual(self.digest(*parts, "--records"), self.digest(other, "--records"))
        self.assertEqual(self.digest(*parts), self.digest(other))
        for flags in (["-s", "proc.pid = 1"], ["--selected"], ["-S", "+1s"], ["--self"]):
            self.assertIn("--records is of all", self.error("digest", SMALL, "--records", *flags))

    def test_selected(self):
        self.assertIn("recorded without a profile", self.error("digest", SMALL, "--selected"))
        self.assertIn("--selected reads", self.error("digest", "-", "--selected"))
        self.assertEqual(self.digest(SMALL, "--selected", "--profile", "signals"),
                         self.digest(SMALL, "--profile", "signals"))

    def test_damaged(self):
        out = self.dse("digest", self.torn(), code=4)
        self.assertRegex(out.decode(), r"^[0-9a-f]{32}  \d+ events\n$")
        self.error("digest", self.place("none"), code=6)
        self.error("digest", SMALL, "-s", "proc.nmae = x")

    def test_of_nothing_there_is_none(self):
        self.write("empty.dse", "")
        self.write("foreign.dse", "no capture at all\n" * 9)
        os.mkdir(self.place("folder"))
        for path, code in (("none", 6), ("folder", 6), ("empty.dse", 4), ("foreign.dse", 4), ("-", 4)):
            for flags in ([], ["--records"], ["-o", "json"]):
                self.error("digest", path, *flags, code=code)
        # Of a capture without an event there is one.
        self.assertEqual(self.digest(SMALL, "-s", "proc.pid = 4000000"), ("0" * 32, 0))


class Info(Case):
    def test_what_a_short_recording_cost(self):
        """Of one second it is nearly all the start, so there is no share of a CPU."""
        said = self.dse("info", os.path.join(CAPTURES, "synthetic-v2.dse")).decode()
        self.assertIn("150 ms of CPU for the recorder, 19.0 MiB of memory at most\n", said)
        self.assertIn("120 ms for the programs; rings", said)

    def test_one_of_each_is_singular(self):
        out = self.place("one.dse")
        number = json.loads(self.dse("replay", "-q", SMALL, "-n", "1"))["evt"]["num"]
        self.dse("filter", SMALL, "--num", str(number), "-q", "-w", out)
        self.assertIn("dse: 1 event passes; wrote ", self.said)
        self.assertIn(" with 1 block\n", self.dse("info", out).decode())
        self.assertRegex(self.dse("digest", out).decode(), r"^[0-9a-f]{32}  1 event\n$")
        self.dse("diff", out, out)
        self.assertIn(": 1 event\n", self.said)
        self.dse("verify", out)
        self.assertIn("good: every byte of 1 segment with 1 block and ", self.said)


class Diff(Case):
    def diff(self, *arguments, code=1):
        return json.loads(self.dse("diff", "-o", "json", *arguments, code=code))

    def test_equal(self):
        for name in NAMES:
            capture = os.path.join(CAPTURES, name)
            for flags in ([], ["--exact"], ["--unordered"]):
                self.assertEqual(self.dse("diff", capture, capture, *flags), b"")
                self.assertIn("dse: equal", self.said)
                self.assertTrue(self.diff(capture, capture, *flags, code=0)["equal"])

    def test_what_was_filtered_out_is_removed(self):
        copy = self.place("copy.dse")
        self.dse("filter", SMALL, "-d", "sig.name = SIGUSR1", "-w", copy)
        gone = [json.loads(line) for line in
                self.dse("replay", "-q", SMALL, "-s", "sig.name = SIGUSR1").splitlines()]
        self.assertEqual(len(gone), 2)
        exact = self.diff(SMALL, copy, "--exact")
        self.assertEqual([one["before"] for one in exact["differences"]], gone)
        self.assertEqual({one["kind"] for one in exact["differences"]}, {"removed"})
        back = self.diff(copy, SMALL, "--exact")
        self.assertEqual([one["after"] for one in back["differences"]], gone)
        answer = self.diff(SMALL, copy)
        self.assertEqual([one["point"] for one in answer["differences"]], ["SignalDelivered"] * 2)
        self.assertNotIn("pid", answer["differences"][0]["before"]["proc"])
        text = self.dse("diff", SMALL, copy, code=1).decode()
        self.assertEqual(len(re.findall(r"^- .*SIGUSR1", text, re.M)), 2)
        self.assertNotRegex(text, r"(?m)^\+ ")
        self.assertEqual(len(re.findall(r"^  20", text, re.M)), 4)  # two before, two behind
        self.assertEqual(self.dse("diff", SMALL, copy, "-C", "0", code=1).decode().count("\n"), 5)
        self.assertEqual(self.dse("diff", SMALL, copy, "-d", "sig.name = SIGUSR1"), b"")

    def test_changed_fields(self):
        copy = self.place("copy.dse")
        self.dse("filter", SMALL, "--redact", "(one) two", "-w", copy)
        answer = self.diff(SMALL, copy)
        self.assertEqual([one["kind"] for one in answer["differences"]], ["changed"])
        fields = {one["field"]: (one["before"], one["after"])
                  for one in answer["differences"][0]["fields"]}
        self.assertIn("proc.args", fields)
        self.assertEqual(fields["proc.args"][0][0], "one")
        self.assertEqual(fields["proc.args"][1][0], "***")
        text = self.dse("diff", SMALL, copy, code=1).decode()
        self.assertRegex(text, r'(?m)^\?   proc\.args: \["one",.* -> \["\*\*\*",')
        self.assertEqual(self.dse("diff", SMALL, copy, "--ignore",
                                  "proc.args,proc.cmdline,proc.args_bytes"), b"")
        self.assertEqual(self.dse("diff", SMALL, copy, "--fields", "proc.name,sig.name"), b"")

    def test_limit(self):
        other = os.path.join(CAPTURES, "two-segments-v1")
        answer = self.diff(SMALL, other, "--limit", "5", "--exact")
        shown = sum(1 + (one["kind"] == "changed") for one in answer["differences"])
        self.assertEqual(shown, 5)
        sums = [one["removed"] + one["added"] for one in answer["compared"]]
        self.assertEqual(answer["left_out"], sum(sums) - 5)
        self.dse("diff", SMALL, other, "--limit", "5", code=1)
        self.assertIn("not shown (--limit)", self.said)

    def test_regardless_of_order(self):
        # The events of one part before those of the other, in a case that is read backwards.
        self.assertEqual(self.diff(SMALL, SMALL, "--unordered", code=0)["compared"][0]["equal"], True)
        copy = self.place("copy.dse")
        self.dse("filter", SMALL, "-d", "sig.name = SIGUSR1", "-w", copy)
        answer = self.diff(SMALL, copy, "--unordered")
        self.assertEqual([one["kind"] for one in answer["differences"]], ["removed"] * 2)

    def test_profiles(self):
        profile = self.write("mine.toml", "[points]\nSocketStateChange = false\n[[filter]]\n"
                             "name = 'children'\ndrop = 'sig.name = SIGCHLD'\n")
        answer = self.diff(SMALL, "--profile", "all", "--against", profile)
        events = {key: [json.loads(line) for line in
                        self.dse("replay", "-q", SMALL, "--profile", name).splitlines()]
                  for key, name in (("all", "all"), ("mine", profile))}
        changed = [one["event"] for one in answer["differences"]]
        expected = [one for one in events["all"] if one not in events["mine"]]
        self.assertEqual(changed, expected)
        for one in answer["differences"]:
            self.assertEqual(one["before"]["verdict"], "keep")
            self.assertEqual(one["after"]["verdict"], "drop")
            by = {"SignalDelivered": "drop 1 (children)"}
            kind = one["event"]["evt"]["type"]
            self.assertEqual(one["after"]["by"], by.get(kind, kind + " is off"))
        self.assertEqual(sum(one["events"] for one in answer["by"]), answer["changed"])
        text = self.dse("diff", SMALL, "--profile", "all", "--against", profile, code=1).decode()
        self.assertIn("now dropped: drop 1 (children)", text)
        back = self.dse("diff", SMALL, "--profile", profile, "--against", "all", code=1).decode()
        self.assertEqual(len(re.findall(r"(?m)^\+ ", back)), len(changed))
        self.assertTrue(self.diff(SMALL, "--profile", "default", "--against", "default", code=0)["equal"])
        self.diff(SMALL, "--profile", "all", "--against", profile,
                  "-s", "evt.type = ProcessExecuted", code=0)

    def test_nothing_to_compare(self):
        nothing = ["-s", "proc.pid = 4000000"]
        for arguments in ([SMALL, SMALL, *nothing], [SMALL, SMALL, "--exact", *nothing],
                          [SMALL, "--profile", "all", "--against", "default", "-S", "2001-01-01T00:00:00Z",
                           "-U", "2001-01-02T00:00:00Z"]):
            self.assertEqual(self.dse("diff", *arguments), b"")
            self.assertIn("dse: nothing to compare: ", self.said)
            self.assertNotIn("equal", self.said)

    def test_usage(self):
        for arguments, what in [([SMALL], "two captures"), ([SMALL, "-"], "read twice"),
                                ([SMALL, SMALL, "--against", "all"], "one capture"),
                                ([SMALL, "--against", "all"], "--profile too"),
                                ([SMALL, "--profile", "all", "--against", "al"], "unknown profile"),
                                ([SMALL, SMALL, "--fields", "proc.nmae"], "did you mean proc.name")]:
            self.assertIn(what, self.error("diff", *arguments))
        self.error("diff", SMALL, self.place("none"), code=6)

    def test_damaged(self):
        self.dse("diff", SMALL, self.torn(), code=4)
        self.dse("diff", self.torn(), self.torn(), code=4)


class Check(Case):
    def case(self, name, more="", capture=SMALL):
        return self.write(f"{name}/case.toml", f"capture = '{capture}'\n" + more)

    def check(self, *arguments, code=0, **options):
        return json.loads(self.dse("check", "-o", "json", *arguments, code=code, **options))

    def test_examples(self):
        answer = self.check(EXAMPLES)
        self.assertEqual(answer["passed"], 3)
        for one in answer["cases"]:
            self.assertGreater(one["events"], 0)

    def test_what_is_expected_must_be_there(self):
        self.case("one", "points = 'SignalDelivered'\n")
        said = self.dse("check", "one", code=2).decode()
        self.assertIn("one/expected.jsonl: cannot read expected events", said)
        self.assertIn("--update one", said)
        self.assertIn("updated", self.dse("check", "one", "--update", "one").decode())
        self.assertEqual(self.read("one/expected.jsonl").encode(),
                         self.dse("replay", "-q", SMALL, "--point", "SignalDelivered"))
        self.dse("check", "one")
        self.assertEqual(len(os.listdir(self.place("one"))), 2)  # nothing is left behind

    def test_nothing_expected_is_an_error(self):
        self.case("none", "expected = false\n")
        self.assertIn("nothing is expected", self.dse("check", "none", code=2).decode())
        self.write("empty/readme", "")
        self.assertIn("no case", self.error("check", "empty"))
        self.assertIn("no such directory", self.error("check", "nowhere"))

    def test_not_in_ci(self):
        self.case("one")
        for value in ("true", "1"):
            for flags in (["--update", "one"], ["--update-all"]):
                self.assertIn("not updated in CI",
                              self.error("check", "one", *flags, environment={"CI": value}))
        self.assertFalse(os.path.exists(self.place("one/expected.jsonl")))
        for value in ("", "false"):
            self.dse("check", "one", "--update-all", environment={"CI": value})
        self.dse("check", "one", environment={"CI": "true"})

    def test_what_an_update_leaves(self):
        """Events are written anew, and what else the case expects may fail all the same."""
        self.case("one", "[counts]\nevents = 3\n")
        said = self.dse("check", "one", "--update", "one", code=1).decode()
        self.assertIn("events = 3 expected", said)
        self.assertIn("its expected events were updated all the same", said)
        self.assertTrue(self.check("one", "--update", "one", code=1)["cases"][0]["updated"])
        said = self.dse("check", "one", code=1).decode()
        self.assertIn("events = 3 expected", said)
        self.assertNotIn("updated", said)

    def test_a_range_of_numbers(self):
        self.case("one", "num = '20..40'\n")
        self.dse("check", "one", "--update-all")
        self.assertEqual(self.read("one/expected.jsonl"),
                         self.dse("replay", "-q", SMALL, "--num", "20..40").decode())
        self.case("one", "num = '20..30'\n")
        self.assertGreater(self.check("one", code=1)["cases"][0]["missing"], 0)

    def test_updates_by_name(self):
        self.case("cases/a")
        self.case("cases/b")
        self.dse("check", "cases", "--update-all")
        os.remove(self.place("cases/a/expected.jsonl"))
        os.remove(self.place("cases/b/expected.jsonl"))
        self.assertIn("no such case", self.error("check", "cases", "--update", "c"))
        self.dse("check", "cases", "--update", "b", code=2)
        self.assertEqual(os.listdir(self.place("cases/a")), ["case.toml"])
        self.dse("check", "cases", "--update", "cases/a")

    def test_a_profile_that_changes_is_named(self):
        shutil.copytree(EXAMPLES, self.place("check"))
        for name in ("killed", "programs", "whole"):
            text = self.read(f"check/{name}/case.toml")
            self.write(f"check/{name}/case.toml", text.replace("../../../golden/captures", CAPTURES))
        self.dse("check", "check")
        profile = self.read("check/killed/killed.toml")
        self.write("check/killed/killed.toml",
                   profile + "\n[[filter]]\nname = 'by kill'\ndrop = 'sig.code = SI_USER'\n")
        said = self.dse("check", "check", code=1).decode()
        self.assertRegex(said, r"(?m)^FAILED  check/killed: expected\.jsonl: \d events missing")
        self.assertRegex(said, r"(?m)^  - .*SIGKILL.*<- dropped: drop 2 \(by kill\): sig\.code = SI_USER$")
        self.assertIn("if that is right: dse check check/killed --update check/killed", said)
        self.assertEqual(said.count("ok    "), 2)
        # And one that lets through more.
        self.write("check/killed/killed.toml", profile.replace("SIGKILL, ", "SIGKILL, SIGCHLD, ")
                   .replace("sig.handler = user", "sig.name = SIGUSR1"))
        answer = self.check("check", code=1)["cases"][0]
        self.assertEqual((answer["result"], answer["missing"]), ("fail", 0))
        self.assertGreater(answer["extra"], 5)
        for one in answer["differences"]:
            self.assertEqual((one["kind"], one["point"]), ("added", "SignalDelivered"))
            self.assertEqual(one["note"], "kept by select 1 (deadly)")

    def test_a_point_that_is_off_is_named(self):
        self.case("one")
        self.dse("check", "one", "--update-all")
        self.case("one", "points = ['ProcessExecuted', 'SocketStateChange']\n")
        said = self.dse("check", "one", "--limit", "1000", code=1).decode()
        self.assertIn("<- dropped: SignalDelivered is off", said)
        self.assertNotIn("more events", said)

    def test_limit(self):
        self.case("one")
        self.write("one/expected.jsonl", "")
        said = self.dse("check", "one", code=1).decode()
        self.assertEqual(len(re.findall(r"(?m)^  \+ ", said)), 20)
        more = re.search(r"and (\d+) more events: (dse check one --limit \d+)", said)
        self.assertTrue(more, said)
        said = self.dse(*more.group(2).split()[1:], code=1).decode()
        self.assertEqual(len(re.findall(r"(?m)^  \+ ", said)), 20 + int(more.group(1)))
        self.assertNotIn("more events", said)

    def test_changed_fields(self):
        self.case("one")
        self.dse("check", "one", "--update-all")
        lines = self.read("one/expected.jsonl").splitlines()
        place = next(i for i, line in enumerate(lines) if '"SIGUSR1"' in line)
        lines[place] = lines[place].replace('"SIGUSR1"', '"SIGUSR2"')
        self.write("one/expected.jsonl", "\n".join(lines) + "\n")
        said = self.dse("check", "one", code=1).decode()
        self.assertIn('?   sig.name: "SIGUSR2" -> "SIGUSR1"', said)
        difference, = self.check("one", code=1)["cases"][0]["differences"]
        self.assertEqual(difference["fields"],
                         [{"field": "sig.name", "before": "SIGUSR2", "after": "SIGUSR1"}])

    def test_expected_lines_may_be_anything(self):
        self.case("one", "[counts]\nevents = 3\n")
        self.write("one/expected.jsonl", "no JSON\n\udcff<&]]>\x1b[31m\n")
        said = self.dse("check", "one", code=1)
        self.assertNotIn(b"\x1b", said)
        answer = self.check("one", code=1)["cases"][0]
        self.assertEqual(answer["missing"], 2)
        self.case("two", "normalise = true\n")
        self.write("two/expected.jsonl", "{}\nno JSON\n")
        self.assertIn("two/expected.jsonl:2: not JSON", self.dse("check", "two", code=2).decode())

    def test_normalised(self):
        # What replay prints serves as it is, and other times and pids do not matter.
        self.case("one", "normalise = true\n")
        out = self.dse("replay", "-q", SMALL).decode()
        self.write("one/expected.jsonl", out)
        self.dse("check", "one")
        events = [json.loads(line) for line in out.splitlines()]
        for event in events:
            event["evt"].update(num=7, time="2001-01-01T00:00:00Z")
            event["proc"]["pid"] += 1
        self.write("one/expected.jsonl", "".join(json.dumps(event, separators=(",", ":"), ensure_ascii=True) + "\n"
                                                 for event in events))
        self.dse("check", "one")
        events[3]["proc"]["name"] = "other"
        self.write("one/expected.jsonl", "".join(json.dumps(event) + "\n" for event in events))
        answer = self.check("one", code=1)["cases"][0]
        self.assertIn("proc.name", json.dumps(answer["differences"]))
        self.dse("check", "one", "--update-all")
        self.assertNotIn('"pid"', self.read("one/expected.jsonl"))
        self.dse("check", "one")

    def test_assertions(self):
        digest = json.loads(self.dse("digest", "-o", "json", SMALL, "-s", "sig.name exists"))
        self.case("one", f"""expected = false
select = "sig.name exists"
lossless = true
digest = "{digest['digest']}"
[counts]
events = {digest['count']}
ProcessExecuted = 0
""")
        self.dse("check", "one")
        text = self.read("one/case.toml")
        for before, after, what in [
                (digest["digest"], "0" * 32, f"digest {'0' * 32} expected, got {digest['digest']}"),
                (f"events = {digest['count']}", "events = 1",
                 f"events = 1 expected, got {digest['count']}"),
                ("ProcessExecuted = 0", "ProcessExecuted = 2", "ProcessExecuted = 2 expected, got 0")]:
            self.write("one/case.toml", text.replace(before, after))
            said = self.dse("check", "one", code=1).decode()
            self.assertRegex(said, r"one/case\.toml:\d+: ")
            self.assertIn(what, said)
        # There are no events to write; counts and digests are not ours to change.
        self.assertIn("ProcessExecuted = 2 expected",
                      self.dse("check", "one", "--update-all", code=1).decode())
        self.assertEqual(os.listdir(self.place("one")), ["case.toml"])

    def test_losses(self):
        # The synthetic captures have gaps.
        capture = os.path.join(CAPTURES, "synthetic-v1.dse")
        lost = json.loads(self.dse("info", capture, "-o", "json"))["lost"]
        self.assertGreater(lost, 0)
        self.case("one", "expected = false\nlossless = true\n", capture)
        self.assertIn("lossless expected", self.dse("check", "one", code=1).decode())

    def test_bad_cases(self):
        for text, line, what in [
                ("capture = 'x.dse'\ncolour = 1", 2, "unknown key 'colour'"),
                (f"capture = '{SMALL}'\nselect = ['proc.pid = 1',\n'proc.nmae = 1']", 3,
                 "unknown field 'proc.nmae'"),
                (f"capture = '{SMALL}'\nselect = 'Signal:proc.pid = 1'", 2,
                 "unknown observation point"),
                ("capture = 'x.dse'", "", "there is no capture"),
                (f"capture = '{SMALL}'\nprofile = 'secure'", "", "unknown profile"),
                (f"capture = '{SMALL}'\nsince = 'now'", "", "is not a time"),
                (f"capture = '{SMALL}'\nnum = '5..3'", "", "5 is behind 3"),
                (f"capture = '{SMALL}'\nfields = ['proc.nmae']", "", "did you mean proc.name")]:
            self.write("bad/case.toml", text)
            self.write("bad/expected.jsonl", "")
            said = self.dse("check", "bad", code=2).decode()
            self.assertTrue(said.startswith("ERROR   bad: "), said)
            self.assertIn(f"case.toml:{line}" if line else "bad", said)
            self.assertIn(what, said)

    def test_damaged(self):
        self.torn()
        self.case("one", "", "../torn.dse")
        said = self.dse("check", "one", "--update-all", code=4).decode()
        self.assertIn("torn.dse", said)
        self.assertFalse(os.path.exists(self.place("one/expected.jsonl")))
        self.write("one/expected.jsonl", "")
        self.assertEqual(self.check("one", code=4)["cases"][0]["result"], "error")
        self.case("two", "expected = false\n")  # a bad case is graver
        self.dse("check", "one", "two", code=2)

    def make_many(self):
        for i in range(12):
            name = f"many/{i:02}"
            self.case(name, f"select = 'evt.num in ({i}..100)'\n",
                      os.path.join(CAPTURES, NAMES[i % len(NAMES)]))
        self.dse("check", "many", "--update-all")
        for i in (3, 7):
            lines = self.read(f"many/{i:02}/expected.jsonl").splitlines(True)
            self.write(f"many/{i:02}/expected.jsonl", "".join(lines[1:] + ["more <&> \"'\n"]))
        os.remove(self.place("many/05/expected.jsonl"))
        self.torn("many/torn.dse")
        self.case("many/09", "", "../torn.dse")

    def test_jobs_make_no_difference(self):
        self.make_many()
        for output in ("text", "json"):
            one = self.dse("check", "many", "-o", output, code=2)
            for jobs in ("2", "4", "30"):
                self.assertEqual(self.dse("check", "many", "-o", output, "-j", jobs, code=2), one)
        answer = self.check("many", code=2)
        self.assertEqual((answer["passed"], answer["failed"], answer["errors"]), (8, 2, 2))
        self.assertEqual([one["case"] for one in answer["cases"]],
                         [f"many/{i:02}" for i in range(12)])

    # As the schema that CI services share has it: these elements, with these attributes.
    SCHEMA = {
        "testsuites": ({"testsuite"}, {"name", "tests", "failures", "errors", "time"}, set()),
        "testsuite": ({"testcase"}, {"name", "tests", "failures", "errors", "time", "skipped"}, set()),
        "testcase": ({"failure", "error"}, {"name", "classname", "time"}, set()),
        "failure": (set(), {"message", "type"}, {"text"}),
        "error": (set(), {"message", "type"}, {"text"}),
    }

    def validate(self, element):
        children, attributes, text = self.SCHEMA[element.tag]
        self.assertEqual(set(element.attrib), attributes, element.tag)
        for key in ("tests", "failures", "errors", "skipped"):
            if key in element.attrib:
                self.assertRegex(element.attrib[key], r"^\d+$")
        if "time" in element.attrib:
            self.assertRegex(element.attrib["time"], r"^\d+\.\d{3}$")
        if not text:
            self.assertEqual((element.text or "").strip(), "")
        for child in element:
            self.assertIn(child.tag, children)
            self.assertEqual((child.tail or "").strip(), "")
            self.validate(child)

    def test_junit(self):
        self.make_many()
        odd = "many/<&\"'\udcff\x01\uffff>"
        self.case(odd)
        self.write(odd + "/expected.jsonl", "]]> \x08\udcfe\ufffe\n")
        self.dse("check", "many", "--junit", "dse.xml", "-j", "3", code=2)
        with open(self.place("dse.xml"), "rb") as file:
            text = file.read()
        self.assertTrue(text.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n'))
        root = xml.fromstring(text)
        self.assertEqual(root.tag, "testsuites")
        self.validate(root)
        suite, = root
        for one in (root, suite):
            self.assertEqual((one.get("tests"), one.get("failures"), one.get("errors")),
                             ("13", "3", "2"))
        self.assertEqual(len(suite.findall("testcase")), 13)
        self.assertEqual(len(suite.findall("testcase/failure")), 3)
        failure = suite.find("testcase[@name='many/03']/failure")
        self.assertIn("more <&> \"'", failure.text)
        self.assertIn("missing", failure.get("message"))
        error = suite.find("testcase[@name='many/05']/error")
        self.assertIn("cannot read expected events", error.get("message"))
        self.assertIsNone(suite.find("testcase[@name='many/00']/failure"))
        if shutil.which("xmllint"):
            subprocess.run(["xmllint", "--noout", self.place("dse.xml")], check=True)
        self.dse("check", "many", "--junit", "no/such/dse.xml", code=6)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
