"""What tests of commands that look at captures share: which captures, and events as dse replay has them."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest

ALL = ("ProcessExecuted,ProcessExited,ContainerEvent,SocketStateChange,SignalGenerated,"
       "SignalDelivered")
NAMES = ["small-v1.dse", "two-segments-v1", "synthetic-v1.dse", "synthetic-v2.dse",
         "synthetic-v2-format2.dse"]


class Case(unittest.TestCase):
    maxDiff = 3000
    dse_path = captures = None  # set by the test's main

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="dse-analysis-")
        self.addCleanup(shutil.rmtree, self.dir)

    def place(self, name):
        return os.path.join(self.dir, name)

    def capture(self, name):
        return os.path.join(self.captures, name)

    def run_dse(self, *arguments):
        return subprocess.run([self.dse_path, *arguments], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                              timeout=120)

    def dse(self, *arguments, code=0):
        done = self.run_dse(*arguments)
        self.assertEqual(done.returncode, code, (arguments, done.stderr.decode()))
        return done.stdout

    def error(self, *arguments, code=2):
        """What is said of a mistake, on one line."""
        done = self.run_dse(*arguments)
        self.assertEqual(done.returncode, code, (arguments, done))
        self.assertEqual(done.stdout, b"")
        self.assertRegex(done.stderr, rb"\Adse: .+\n\Z")
        return done.stderr.decode()

    def events(self, *arguments):
        return [json.loads(line) for line in self.dse("replay", "-q", *arguments).splitlines()]

    def fields(self, *arguments):
        return {field["name"]: field
                for field in json.loads(self.dse("fields", "-o", "json", *arguments))}


def value_of(event, field):
    """Of an event as JSON: None when it is missing."""
    name, bracket, index = field.partition("[")
    *groups, last = name.split(".")
    for group in groups:
        event = event.get(group)
        if event is None:
            return None
    return event.get(last + bracket + index)
