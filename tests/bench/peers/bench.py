"""What the parts share: where things are, how much to do, and where results go."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

from recording import Recording, ToolFailed

CONTROL = "control"


class Bench:
    def __init__(self, options, tools, sink):
        self.options, self.tools, self._sink = options, tools, sink
        self.rows, self.dse_failures = [], []

    @property
    def dse(self):
        return self.options.dse

    def scaled(self, count):
        return max(1, round(count * self.options.scale))

    def storm_program(self, name):
        return os.path.join(self.options.bin, name)

    def add(self, part, **values):
        row = {"part": part, **values}
        self.rows.append(row)
        if self._sink:
            print(json.dumps(row), file=self._sink, flush=True)

    @staticmethod
    def say(text):
        print(text, file=sys.stderr, flush=True)

    @contextlib.contextmanager
    def folder(self):
        path = tempfile.mkdtemp(prefix="run.", dir=self.options.work)
        try:
            yield path
        finally:
            shutil.rmtree(path)

    @contextlib.contextmanager
    def guarded(self, part, tool_name, **where):
        """A tool that fails is told and left out; of dse it is a failure of the whole."""
        try:
            yield
        except ToolFailed as failure:
            self.say(f"  {failure}")
            self.add("failure", of=part, tool=tool_name, message=str(failure), **where)
            if tool_name.startswith("dse"):
                self.dse_failures.append(str(failure))

    @contextlib.contextmanager
    def recording(self, tool, stdout=None):
        with self.folder() as folder, Recording(tool, folder, stdout) as recording:
            yield recording


def in_turn(names, turn):
    """The same names, rotated: what comes first or after whom changes from round to round."""
    shift = turn % len(names) if names else 0
    return names[shift:] + names[:shift]


def run_storms(program, operations, at_once=1):
    """Starts them together; what each says it did."""
    running = [subprocess.Popen([program, str(operations)], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
               for _ in range(at_once)]
    reports = []
    for process in running:
        out, err = process.communicate()
        if process.returncode != 0:
            raise SystemExit(f"peers: {program} failed with {process.returncode}: "
                             f"{err.decode(errors='replace').strip()}")
        reports.append(json.loads(out))
    return reports
