#!/usr/bin/env python3
"""The manual pages say what --help says, and formatters find nothing wrong with them.

  man_test.py DSE
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

DSE = sys.argv[1]


def run(*command, code=0):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, timeout=60,
                          env=dict(os.environ, LC_ALL="C.UTF-8"))
    assert done.returncode == code, (command, done)
    return done.stdout.decode()


def squeezed(text):
    return " ".join(text.split())


def subcommands(help_text):
    _, found, rest = help_text.partition("Subcommands:\n")
    return re.findall(r"^  (\w[\w-]*)", rest.partition("\n\n")[0], re.M) if found else []


class Pages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="dse-man-")
        cls.addClassCleanup(shutil.rmtree, cls.dir)
        run(DSE, "man", "--into", cls.dir, "--date", "2026-01-02")
        cls.commands = subcommands(run(DSE, "--help"))
        # Formatted as on a terminal that is wide, without bold and the like.
        cls.shown = {}
        for page in os.listdir(cls.dir):
            text = run("groff", "-man", "-Tutf8", "-rLL=200n", "-P-cbou", os.path.join(cls.dir, page))
            cls.shown[page.removesuffix(".1")] = text.replace("\u2010", "-")

    def test_one_for_each_command(self):
        self.assertGreater(len(self.commands), 5)
        self.assertEqual(sorted(self.shown), sorted(["dse", *(f"dse-{one}" for one in self.commands)]))

    def test_formatters_find_nothing(self):
        for page in os.listdir(self.dir):
            path = os.path.join(self.dir, page)
            self.assertEqual(run("groff", "-man", "-Tutf8", "-ww", "-z", path), "", page)
            self.assertEqual(run("mandoc", "-T", "lint", "-W", "warning", path), "", page)

    def test_sections(self):
        for name, text in self.shown.items():
            sections = re.findall(r"^([A-Z][A-Z ]+)$", text, re.M)
            for section in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "SEE ALSO"):
                self.assertIn(section, sections, name)
            self.assertEqual("EXAMPLES" in sections, name != "dse", name)
            self.assertIn("2026-01-02", text.splitlines()[-1])
        self.assertIn("dse-record(1)" if "record" in self.commands else "dse-replay(1)",
                      self.shown["dse"])

    def check(self, page, *words):
        """All that the help has is in the page."""
        text = self.shown[page]
        help_text = run(DSE, *words, "--help")
        plain = squeezed(text)
        options = 0
        for line in help_text.splitlines():
            if match := re.match(r"  (-[^\s]+)", line):
                self.assertIn(match[1].replace(",", ", "), plain, (page, line))
                options += 1
        self.assertGreater(options, 0)
        body, _, examples = help_text.partition("\nExamples:\n")
        # Descriptions are columns there: each line of one is in the page as it stands.
        for line in body.splitlines():
            if match := re.match(r" {20,}(\S.*)", line):
                self.assertIn(squeezed(match[1]).lower(), plain.lower(), (page, line))
        for line in examples.splitlines():
            self.assertIn(line.strip(), text, (page, line))
        for below in subcommands(help_text):
            if words:
                self.assertIn(f"dse {' '.join(words)} {below}", plain)
                self.check(page, *words, below)

    def test_all_of_the_help(self):
        self.check("dse")
        for command in self.commands:
            with self.subTest(command=command):
                self.check(f"dse-{command}", command)

    def test_codes_of_exit(self):
        for code in re.findall(r"\b(\d) [a-z]", run(DSE, "--help").partition("Exit codes:")[2]):
            for name, text in self.shown.items():
                self.assertRegex(text.partition("EXIT STATUS")[2], rf"(?m)^ +{code} +\S", name)

    def test_help(self):
        self.assertEqual(run(DSE, "help"), run(DSE, "--help"))
        for words in (["replay"], ["profile"], ["profile", "show"]):
            self.assertEqual(run(DSE, "help", *words), run(DSE, *words, "--help"))
        self.assertIn("there is no command 'repaly'; did you mean replay?",
                      run(DSE, "help", "repaly", code=2))
        for command in ("man", "help"):
            self.assertIn(command, self.commands)
        self.assertIn("Usage: dse diff [OPTIONS] PATH [PATH]\n", run(DSE, "diff", "--help"))

    def test_a_full_disk(self):
        for words in (["--help"], ["--version"], ["replay", "--help"], ["help"], ["help", "replay"],
                      ["fields"], ["completion", "bash"], ["completion", "zsh"],
                      ["completion", "fish"], ["man"], ["man", "replay"], ["profile", "list"],
                      ["profile", "show", "default"], ["profile", "check", "default"]):
            with open("/dev/full", "w", encoding="utf-8") as full:
                done = subprocess.run([DSE, *words], stdin=subprocess.DEVNULL, stdout=full,
                                      stderr=subprocess.PIPE, check=False, timeout=60)
            self.assertEqual((done.returncode, done.stderr),
                             (6, b"dse: cannot write standard output: No space left on device\n"), words)

    def test_one_alone(self):
        with open(os.path.join(self.dir, "dse-replay.1"), encoding="ascii") as file:
            self.assertEqual(run(DSE, "man", "replay", "--date", "2026-01-02"), file.read())
        self.assertIn("no command 'nothing'", run(DSE, "man", "nothing", code=2))
        self.assertIn("/proc/none", run(DSE, "man", "--into", "/proc/none", code=6))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
