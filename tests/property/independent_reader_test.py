#!/usr/bin/env python3
"""Compares, line by line, what two readers that share no code make of the same captures: the one of
dse, by way of dse_dump_records, and independent_reader.py, which follows format/FORMAT.md.

    independent_reader_test.py --dump PROGRAM [--sample PROGRAM] CAPTURE...

`--sample` names dse_write_sample_capture, whose captures are then compared too.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import unittest

import independent_reader

READER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "independent_reader.py")
# Of kinds without strings, by version of the layout.
FIXED_SIZES = {"process_fork": (32, 40), "process_exit": (16, 24), "socket_state": (56, 152),
               "signal_generate": (40, 48), "signal_deliver": (32, 48)}
options = argparse.Namespace()


def lines(*command):
    run = subprocess.run(command, capture_output=True, check=False, text=True)
    if run.returncode != 0:
        raise AssertionError(f"{command[0]}: exit {run.returncode}: {run.stderr}")
    return run.stdout.splitlines()


class IndependentReaderTest(unittest.TestCase):
    def compare(self, path, at_least):
        with self.subTest(capture=path):
            ours = lines(options.dump, path)
            theirs = lines(sys.executable, READER, path)
            for number, (a, b) in enumerate(itertools.zip_longest(ours, theirs), 1):
                self.assertEqual(a, b, f"{path}: line {number}")
            self.assertGreaterEqual(len(ours), at_least)
            return [json.loads(line) for line in ours]

    def test_captures(self):
        self.assertTrue(options.captures)
        for path in options.captures:
            records = self.compare(path, 50)
            numbers = [record["num"] for record in records if record["num"]]
            self.assertEqual(numbers, list(range(1, len(numbers) + 1)))
            self.assertEqual(records[0]["num"], 0)
            # Records without strings tell which layout they have.
            version = 1 if "-v1" in path else 2
            for record in records:
                sizes = FIXED_SIZES.get(record["kind"])
                if sizes:
                    self.assertEqual(len(record["record"]) // 2, 120 + sizes[version - 1], record)
            self.assertTrue({"process_fork", "process_exit"} & {r["kind"] for r in records})

    def test_sample(self):
        if not options.sample:
            self.skipTest("no --sample")
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "sample")
            lines(options.sample, path)
            records = self.compare(path, 37000)
            self.assertEqual({record["kind"] for record in records},
                             {"raw"} | {name for name, _, _ in independent_reader.KINDS.values()})
            # Only behind a hole does the snapshot of a segment count that is not the first.
            snapshots = [i for i, record in enumerate(records) if record["num"] == 0]
            self.assertEqual(snapshots, [i + at for at in (0, 4 + 3 * 6321) for i in range(4)])
            os.remove(os.path.join(path, sorted(os.listdir(path))[1]))
            records = self.compare(path, 30000)
            snapshots = [i for i, record in enumerate(records) if record["num"] == 0]
            self.assertEqual(snapshots,
                             [i + at for at in (0, 6325, 12650) for i in range(4)])

    def test_filtered(self):
        if not options.sample:
            self.skipTest("no --sample")
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "filtered.dse")
            lines(options.sample, "--filtered", path)
            self.assertEqual(os.listdir(directory), ["filtered.dse"])
            # Of each capture the snapshot of its first segment counts, and all blocks.
            records = self.compare(path, 2 * (4 + 2 * 6301))
            self.assertEqual(len(records), 2 * (4 + 2 * 6301))
            first, second = records[:len(records) // 2], records[len(records) // 2:]
            self.assertEqual([record["num"] for record in first[:4]], [0] * 4)
            for numbers in ([r["num"] for r in first[4:]], [r["num"] for r in second]):
                self.assertTrue(independent_reader.rises([0] + numbers))
                self.assertGreater(numbers[-1], 2 * len(numbers))
            events = [event for record in records for event in record["shown"]]
            self.assertEqual({point for point, _ in events},
                             {"SocketStateChange", "ContainerEvent"})
            self.assertEqual({nth for _, nth in events}, {0, 1, 2, (1 << 32) - 1})
            self.assertTrue(any(not record["shown"] for record in records))

    def test_cut(self):
        """A file that ends anywhere gives the complete entries before that."""
        path = next(path for path in options.captures if os.path.isfile(path))
        with open(path, "rb") as file:
            data = file.read()
        whole = lines(options.dump, path)
        with tempfile.TemporaryDirectory() as directory:
            for size in sorted({0, 5, 100, len(data) // 2, len(data) - 96, len(data) - 1}):
                cut = os.path.join(directory, "cut.dse")
                with open(cut, "wb") as file:
                    file.write(data[:size])
                records = self.compare(cut, 0)
                self.assertEqual([json.loads(line) for line in whole[:len(records)]], records)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--dump", required=True)
    parser.add_argument("--sample")
    parser.add_argument("captures", nargs="+")
    parser.parse_args(namespace=options)
    unittest.main(argv=sys.argv[:1])
