"""Questions asked of captures: those of dse and of its peers of the same storm, and a larger one of
dse alone, as on the first the start of a process is most of what its answers cost."""

import contextlib
import datetime
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

from bench import run_storms
from recording import ToolFailed
from storms import STORMS
from tools import output_of

LARGE_OPERATIONS = 200_000  # of mixstorm, at scale 1
NEEDLES = 5
RECORDERS = ("dse", "perf -z", "trace-cmd")
LONGEST_SECONDS = 600
SECOND_BEGINS = 0.5  # after the first event; the range is one second
# What is looked for in a haystack of other events: a signal that the storms do not send.
NEEDLE = "import os, signal; signal.signal(12, lambda *_: 0); os.kill(os.getpid(), 12)"


def record(bench, tool, folder, operations):
    """A capture of a mixed storm between needles; returns its path."""
    with bench.recording(tool) as recording:
        recording.wait_until_ready()
        for _ in range(NEEDLES):
            subprocess.run([sys.executable, "-c", NEEDLE], check=True)
            run_storms(bench.storm_program(STORMS["mixed"][0]), max(1, operations // NEEDLES))
        recording.stop()
        kept = os.path.join(folder, f"{re.sub('[^a-z]+', '-', tool.name)}{operations}.capture")
        if tool.name == "dse":
            kept += ".dse"
        lost = tool.counts(recording).lost
        if lost:
            bench.say(f"  {tool.name}: {lost} lost in the capture for the questions")
        shutil.move(recording.out, kept)
        return kept


def run_pipeline(script):
    """Wall and CPU seconds of all of its processes, and the lines that it wrote."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    with subprocess.Popen(["bash", "-o", "pipefail", "-c", script], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          start_new_session=True) as process:
        try:
            out, err = process.communicate(timeout=LONGEST_SECONDS)
        except subprocess.TimeoutExpired as late:
            os.killpg(process.pid, signal.SIGKILL)
            raise ToolFailed(f"{script}: took longer than {LONGEST_SECONDS} s: "
                             "use a smaller --scale") from late
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode != 0:
        raise ToolFailed(f"{script}: failed with {process.returncode}: "
                         f"{err.decode(errors='replace').strip()[-200:]}")
    cpu = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
    return wall, cpu, out.decode(errors="replace")


def dse_questions(dse, capture, more_jobs):
    """Question → tool → the command; the output of a dump is written to nowhere."""
    first = json.loads(output_of(dse, "replay", "-q", "-o", "json", "-n", "1", "--fields", "evt.time",
                                 capture))["evt"]["time"]
    begin = datetime.datetime.fromisoformat(first[:26] + "+00:00") + datetime.timedelta(
        seconds=SECOND_BEGINS)
    end = begin + datetime.timedelta(seconds=1)
    since, until = (moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ") for moment in (begin, end))
    questions = {
        "select": {"dse": f"{dse} replay -q -o json {capture} -s 'sig.num = 12'"},
        "json": {"dse": f"{dse} replay -q -o json {capture} >/dev/null"},
        "count": {"dse": f"{dse} stats -q -o csv --top 0 --by proc.name {capture}"},
        "second": {"dse": f"{dse} replay -q -o json {capture} -S {since} -U {until} >/dev/null"},
    }
    if more_jobs:
        questions["json"]["dse --jobs 2"] = (
            f"{dse} replay -q -o json --jobs 2 {capture} >/dev/null")
    return questions


def range_begins(captures):
    """When the range of a second begins, by the clock of each tool."""
    times = {}
    if "perf -z" in captures:
        line = run_pipeline(f"perf script -F time -i {captures['perf -z']} 2>/dev/null | sed -n 1p "
                            "|| true")[2]
        times["perf"] = float(line.strip().rstrip(":")) + SECOND_BEGINS
    if "trace-cmd" in captures:
        line = run_pipeline(f"trace-cmd report -i {captures['trace-cmd']} 2>/dev/null | "
                            "sed -n '/\\[0/{p;q}' || true")[2]
        times["trace-cmd"] = float(re.search(r"\] +(\d+\.\d+):", line).group(1)) + SECOND_BEGINS
    return times


def peer_questions(bench, captures, dump):
    """The same questions to the peers, as one would ask them. `dump`: dse's JSON as .zst."""
    questions = {"select": {}, "json": {}, "count": {}, "second": {}}
    times = range_begins(captures)
    if "perf -z" in captures:
        perf, begin = captures["perf -z"], times["perf"]
        questions["select"]["perf script"] = f"perf script -i {perf} | grep 'signal_deliver: sig=12 '"
        questions["json"]["perf script"] = f"perf script -i {perf} >/dev/null"
        questions["count"]["perf report"] = f"perf report --stdio -n --sort comm -i {perf}"
        questions["second"]["perf script"] = (
            f"perf script -i {perf} --time {begin:.6f},{begin + 1:.6f} >/dev/null")
    if "trace-cmd" in captures:
        trace, begin = captures["trace-cmd"], times["trace-cmd"]
        report = f"trace-cmd report -i {trace}"
        questions["select"]["trace-cmd report"] = f"{report} | grep 'signal_deliver: *sig=12 '"
        questions["json"]["trace-cmd report"] = f"{report} >/dev/null"
        questions["count"]["trace-cmd report"] = (
            report + " | sed -E 's/^ *(.*)-[0-9]+ +\\[.*/\\1/' | sort | uniq -c")
        questions["second"]["trace-cmd report"] = (
            report + " | awk '{for (i = 2; i < 5; i++) if ($i ~ /^\\[/) t = $(i + 1) + 0} "
            f"t >= {begin:.6f} && t < {begin + 1:.6f}' >/dev/null")
    cat = f"zstd -dcq {dump}"
    questions["select"]["zstdcat | grep"] = f"{cat} | grep '\"num\":12,\"code\"'"
    if shutil.which("jq"):
        questions["json"]["zstdcat | jq"] = f"{cat} | jq -c . >/dev/null"
        questions["select"]["zstdcat | jq"] = f"{cat} | jq -c 'select(.sig.num == 12)'"
        questions["count"]["zstdcat | jq"] = f"{cat} | jq -r .proc.name | sort | uniq -c"
    if has_duckdb():
        rows = f"read_json('{dump}', columns={{proc: 'STRUCT(name VARCHAR)', sig: 'STRUCT(num INT)'}})"
        ask = lambda sql: f"{sys.executable} -c \"import duckdb; print(duckdb.sql(\\\"{sql}\\\"))\""
        questions["select"]["DuckDB"] = ask(f"SELECT * FROM {rows} WHERE sig.num = 12")
        questions["count"]["DuckDB"] = ask(f"SELECT proc.name, count(*) FROM {rows} GROUP BY 1")
    return questions


def has_duckdb():
    return subprocess.run([sys.executable, "-c", "import duckdb"], stderr=subprocess.DEVNULL,
                          check=False).returncode == 0


def ask_all(bench, size, questions, events, rounds):
    for question, answers in questions.items():
        for tool, script in answers.items():
            bench.say(f"offline: {question}, {size} capture, {tool}")
            for turn in range(rounds):
                with bench.guarded("offline", tool, question=question):
                    wall, cpu, out = run_pipeline(script)
                    lines = out.count("\n")
                    if question == "select" and lines < NEEDLES:
                        raise ToolFailed(f"{tool}: {lines} of {NEEDLES} signals found; were they lost?")
                    bench.add("offline", size=size, question=question, tool=tool, round=turn,
                              events=events[tool.split()[0]], wall_s=wall, cpu_s=cpu,
                              lines=lines)


def shown(dse, capture):
    """Events that a question ranges over: those of the default points, fewer than the records."""
    text = output_of(dse, "replay", "-q", "--summary", "-o", "json", capture)
    return int(re.search(r'"events":(\d+)', text).group(1))


def offline(bench):
    with bench.folder() as folder, contextlib.ExitStack() as guards:
        guards.enter_context(bench.guarded("offline", "dse"))
        captures, events = {}, {}
        for name in RECORDERS:
            if name in bench.tools:
                with bench.guarded("offline", name):
                    captures[name] = record(bench, bench.tools[name], folder,
                                            bench.scaled(STORMS["mixed"][1]))
        if "dse" not in captures:
            return
        events["dse"] = events["zstdcat"] = events["DuckDB"] = shown(bench.dse, captures["dse"])
        # The same storm; what else the host did meanwhile is next to nothing beside it.
        events["perf"] = events["trace-cmd"] = events["dse"]
        dump = os.path.join(folder, "dump.ndjson.zst")
        run_pipeline(f"{bench.dse} replay -q -o json {captures['dse']} | zstd -q -o {dump}")
        more_jobs = "--jobs" in output_of(bench.dse, "replay", "--help")
        rounds = bench.options.rounds
        ask_all(bench, "same", dse_questions(bench.dse, captures["dse"], more_jobs), events, rounds)
        ask_all(bench, "same", peer_questions(bench, captures, dump), events, min(rounds, 3))
        large = record(bench, bench.tools["dse"], folder, bench.scaled(LARGE_OPERATIONS))
        events = {"dse": shown(bench.dse, large)}
        ask_all(bench, "large", dse_questions(bench.dse, large, more_jobs), events, rounds)
