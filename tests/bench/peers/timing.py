"""When things happen: the first event after the start of a recorder, the time from an event to its
line of output, and what a recorder costs when nothing happens."""

import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time

from bench import in_turn
from recording import PATIENCE, ToolFailed, context_switches
from tools import SIGUSR1, BpftraceToStdout, Dse, DseRun

START_TOOLS = ("dse", "perf -z", "trace-cmd", "bpftrace", "floor zstd1")
IDLE_TOOLS = ("dse", "perf -z", "trace-cmd", "bpftrace", "sigsnoop", "floor zstd1")
RATE = 1000  # signals per second
SETTLE_SECONDS = 1.5  # from a start until all of the tools have long seen the first event
EMITTER = os.path.join(os.path.dirname(__file__), "emitter.py")


class Emitter:
    def __init__(self):
        self._process = subprocess.Popen([sys.executable, EMITTER, str(RATE)], text=True,
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._process.stdout.readline()
        self.pid = self._process.pid

    def begin(self, count=0):
        self._process.stdin.write(f"{count}\n")
        self._process.stdin.flush()

    def times(self):
        """Ends it when it has no count; waits for it otherwise."""
        out, _ = self._process.communicate(timeout=PATIENCE)
        return json.loads(out)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()


# ---- start to first event ----


def start_one(bench, tool):
    """A process signals itself from before the start until before the end, so what was recorded is
    the end of what was sent, and the number says which was the first: no clocks to compare."""
    with Emitter() as emitter:
        emitter.begin()
        time.sleep(0.1)
        with bench.recording(tool) as recording:
            time.sleep(SETTLE_SECONDS)
            times = emitter.times()
            time.sleep(0.1)
            recording.stop()
            seen, lost = tool.signals_of(recording, emitter.pid), tool.counts(recording).lost
            if lost or not 0 < seen <= len(times):
                raise ToolFailed(f"{tool.name}: {seen} of {len(times)} signals seen, {lost} lost, so "
                                 "the first one cannot be told: repeat on a machine with less to do")
            return (times[len(times) - seen] - recording.started_ns) / 1e6


def start(bench):
    names = [name for name in START_TOOLS if name in bench.tools]
    for turn in range(bench.options.rounds):
        bench.say(f"start {turn + 1}/{bench.options.rounds}")
        for name in in_turn(names, turn):
            with bench.guarded("start", name):
                bench.add("start", round=turn, tool=name,
                          first_event_ms=start_one(bench, bench.tools[name]))


# ---- event to line of output ----


class Lines:
    """Reads a pipe on a thread, and knows when each line came."""

    def __init__(self, fd):
        self._fd, self._chunks, self._ending = fd, [], False
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self):
        while not self._ending or select.select([self._fd], [], [], 0)[0]:
            if not select.select([self._fd], [], [], 0.1)[0]:
                continue
            data = os.read(self._fd, 1 << 16)
            if not data:
                return
            self._chunks.append((time.monotonic_ns(), data))

    def end(self):
        """Of all lines so far: when each was complete, and its text."""
        self._ending = True
        self._thread.join()
        lines, rest = [], b""
        for arrived, data in self._chunks:
            *complete, rest = (rest + data).split(b"\n")
            lines += [(arrived, line.decode(errors="replace")) for line in complete]
        return lines


def is_json_signal(line, pid):
    event = json.loads(line)
    return event.get("proc", {}).get("pid") == pid and event.get("sig", {}).get("num") == SIGUSR1


def is_text_signal(line, pid):
    words = line.split()
    return words[:1] == ["signal"] and words[2] == str(pid) and words[4] == str(SIGUSR1)


@contextlib.contextmanager
def printing(bench, tool, write_end):
    """A tool that prints into a pipe."""
    with bench.recording(tool, stdout=write_end) as recording:
        recording.wait_until_ready()
        yield
        recording.stop()


@contextlib.contextmanager
def following(bench, flush, write_end):
    """A tail of a recorder that writes at least as often as said."""
    recorder = Dse("dse record", bench.dse, ["--flush", flush])
    with bench.recording(recorder) as recording:
        recording.wait_until_ready()
        with subprocess.Popen([bench.dse, "tail", recording.out, "-n", "0", "-q", "-o", "json",
                               "--point", "SignalDelivered"], stdin=subprocess.DEVNULL,
                              stdout=write_end, stderr=subprocess.PIPE) as tail:
            time.sleep(SETTLE_SECONDS)
            yield
            recording.stop()
            said = tail.communicate(timeout=PATIENCE)[1].decode(errors="replace").strip()
            if tail.returncode != 0:
                raise ToolFailed(f"dse tail: failed with {tail.returncode}: {said}")


def latency_one(source, is_signal, count, patience):
    """Latencies in ms, sorted; `source` starts what prints into the given end of a pipe."""
    read_end, write_end = os.pipe()
    lines = Lines(read_end)
    try:
        with Emitter() as emitter, source(write_end):
            emitter.begin(count)
            times = emitter.times()
            time.sleep(patience)
    finally:
        printed = lines.end()
        os.close(read_end)
        os.close(write_end)
    arrived = [at for at, line in printed if is_signal(line, emitter.pid)]
    if len(arrived) != len(times):
        raise ToolFailed(f"latency: {len(arrived)} lines for {len(times)} signals, so they cannot be "
                         "paired: repeat on a machine with less to do")
    return sorted((at - sent) / 1e6 for sent, at in zip(times, arrived))


def percentile(ordered, share):
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def latency(bench):
    run = DseRun("dse run", bench.dse, ["--point", "SignalDelivered"])
    sources = {"dse run": (lambda end: printing(bench, run, end), is_json_signal, 0.5, None)}
    for flush, seconds in (("1s", 1.0), ("100ms", 0.1)):
        sources[f"dse tail, flush {flush}"] = (
            lambda end, flush=flush: following(bench, flush, end), is_json_signal,
            seconds + 0.5, 1000 * seconds)
    if "bpftrace" in bench.tools:
        printer = BpftraceToStdout("bpftrace")
        sources["bpftrace"] = (lambda end: printing(bench, printer, end), is_text_signal, 0.5, None)
    count = round(bench.options.latency_seconds * RATE)
    for turn in range(bench.options.rounds):
        bench.say(f"latency {turn + 1}/{bench.options.rounds}")
        for name in in_turn(list(sources), turn):
            source, is_signal, patience, flush_ms = sources[name]
            with bench.guarded("latency", name):
                ordered = latency_one(source, is_signal, count, patience)
                bench.add("latency", round=turn, tool=name, flush_ms=flush_ms, events=count,
                          p50_ms=percentile(ordered, 0.5), p99_ms=percentile(ordered, 0.99),
                          max_ms=ordered[-1])


# ---- idle ----


def idle(bench):
    tools = {name: bench.tools[name] for name in IDLE_TOOLS if name in bench.tools}
    tools["dse run"] = DseRun("dse run", bench.dse)
    for name, tool in tools.items():
        bench.say(f"idle: {name}, {bench.options.idle_seconds:.0f} s")
        with bench.guarded("idle", name), bench.recording(tool) as recording:
            recording.wait_until_ready()
            time.sleep(1)
            pids = recording.cgroup.pids()
            cpu, switches, began = recording.cgroup.cpu_ns(), context_switches(pids), time.monotonic()
            time.sleep(bench.options.idle_seconds)
            seconds = time.monotonic() - began
            cpu = recording.cgroup.cpu_ns() - cpu
            switches = context_switches(pids) - switches
            recording.stop()
            bench.add("idle", tool=name, seconds=seconds, core_share=cpu / 1e9 / seconds,
                      wakeups_per_s=switches / seconds)
