#!/usr/bin/env python3
"""What captures are made into says the same: parts, merged parts, compacted and filtered copies have the
events of the whole, and all of them verify.

  toolkit_laws_test.py DSE GOLDEN_CAPTURES
"""

import os
import subprocess
import sys
import tempfile
import unittest

DSE, CAPTURES = sys.argv[1:3]
ALL = ("--profile", "all", "--self")  # every event that there is


def dse(*arguments):
    done = subprocess.run([DSE, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=300, check=False)
    assert done.returncode == 0, (arguments, done.returncode, done.stderr.decode())
    return done.stdout


class Laws(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="dse-laws-")
        self.addCleanup(directory.cleanup)
        self.place = lambda name: os.path.join(directory.name, name)

    def digest(self, *paths):
        return dse("digest", *ALL, *paths)

    def same_events(self, whole, *paths):
        for path in paths:
            dse("verify", path)
        self.assertEqual(self.digest(*paths), self.digest(whole), paths)

    def for_each_capture(self, law):
        captures = sorted(os.listdir(CAPTURES))
        self.assertGreaterEqual(len(captures), 4)
        for name in captures:
            with self.subTest(capture=name):
                law(os.path.join(CAPTURES, name), name)

    def test_parts_and_merged_parts(self):
        def law(whole, name):
            for events in ("9", "100"):
                parts = self.place(f"{name}-{events}")
                dse("split", whole, "-w", parts, "--events", events)
                paths = sorted(os.path.join(parts, part) for part in os.listdir(parts))
                self.assertGreater(len(paths), 1)
                self.same_events(whole, *paths)
                merged = self.place(f"{name}-{events}.dse")
                # Whichever comes first, what they are merged into is the same events.
                dse("merge", *paths[::-1], "-w", merged)
                self.same_events(whole, merged)
        self.for_each_capture(law)

    def test_compacted(self):
        def law(whole, name):
            for level in ("1", "19"):
                small = self.place(f"{name}-{level}.dse")
                dse("compact", whole, "-w", small, "--level", level)
                self.same_events(whole, small)
                self.assertEqual(dse("digest", "--records", small), dse("digest", "--records", whole))
                self.assertEqual(dse("replay", *ALL, small), dse("replay", *ALL, whole))
        self.for_each_capture(law)

    def test_filtered_by_nothing(self):
        def law(whole, name):
            copy = self.place(f"{name}.dse")
            dse("filter", *ALL, whole, "-w", copy)
            self.same_events(whole, copy)
            self.assertEqual(dse("replay", *ALL, copy), dse("replay", *ALL, whole))
        self.for_each_capture(law)

    def test_of_what_was_made_before(self):
        """One after the other: compacted parts, a compacted filtered copy, a part of a part."""
        def law(whole, name):
            parts, again = self.place(f"{name}-parts"), self.place(f"{name}-again")
            dse("split", whole, "-w", parts, "--events", "60")
            first = os.path.join(parts, sorted(os.listdir(parts))[0])
            small = self.place(f"{name}-small.dse")
            dse("compact", first, "-w", small)
            self.same_events(first, small)
            dse("split", small, "-w", again, "--events", "25")
            self.same_events(first, *sorted(os.path.join(again, part) for part in os.listdir(again)))
        self.for_each_capture(law)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
