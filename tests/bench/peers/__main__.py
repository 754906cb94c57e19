"""Compares dse with other recorders on this very host; see peers.sh --help."""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile

import chart
import machine
import offline
import report
import scale
import storms
import timing
from bench import Bench
from recording import ToolFailed
from summary import Results
from tools import TRACEFS, recorders

PARTS = {"storms": storms.storms, "pairs": storms.pairs, "rates": storms.rates,
         "start": timing.start, "latency": timing.latency, "idle": timing.idle,
         "offline": offline.offline, "scale": scale.scale}
BENCH_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DEFAULTS = {"rounds": 5, "pairs": 10, "scale": 1.0, "idle_seconds": 20.0, "latency_seconds": 5.0,
            "storms": list(storms.STORMS), "tools": []}
# Whether every part works, in less than two minutes; ratios of so little are of no weight.
SMALL = {"rounds": 1, "pairs": 1, "scale": 0.02, "idle_seconds": 2.0, "latency_seconds": 1.0,
         "storms": ["signal", "mixed"],
         "tools": ["dse", "perf -z", "trace-cmd", "bpftrace", "floor zstd1"]}


def names(allowed):
    def parse(text):
        chosen = text.split(",")
        for name in chosen:
            if name not in allowed:
                raise argparse.ArgumentTypeError(f"{name}: not one of {', '.join(allowed)}")
        return chosen
    return parse


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(
        prog="peers.sh", usage="peers.sh [OPTION…]",
        description="dse beside perf, trace-cmd, bpftrace, libbpf-tools and the floor, in one run on "
        "this host. Prints tables in Markdown. Needs root.")
    add = parser.add_argument
    add("--only", type=names(list(PARTS)), default=list(PARTS), metavar="PART,…",
        help=f"of {', '.join(PARTS)} [all]")
    add("--storms", type=names(list(storms.STORMS)), metavar="STORM,…",
        help=f"of {', '.join(storms.STORMS)} [all]")
    add("--tools", type=lambda text: text.split(","), metavar="TOOL,…",
        help="only these, as the tables name them [all that are installed]")
    add("--rounds", type=int, help="rounds, the order of tools rotated from one to the next [5]")
    add("--pairs", type=int, help="rounds of dse and the floor alone, for the slowdown [10]")
    add("--scale", type=float, help="of all sizes of storms [1]")
    add("--idle-seconds", type=float, help="[20]")
    add("--latency-seconds", type=float, help="[5]")
    add("--small", action="store_true",
        help="a small form of everything: does each part work? Fails when dse does, never on ratios")
    add("--raw", metavar="FILE", help="also write the raw results there, as JSON lines")
    add("--render", metavar="FILE,…", type=lambda text: text.split(","),
        help="measure nothing: make the tables from raw results; each part from the last one that has it")
    add("--write", action="store_true", help="write tests/bench/RESULTS.md and peers.svg")
    add("--work", metavar="DIR", help="where captures are written for a moment [$TMPDIR]")
    add("--no-install", action="store_true", help="install nothing")  # peers.sh takes it for itself
    add("--dse", required=True, metavar="PROGRAM", help="this dse instead of the one that is built")
    add("--bin", required=True, metavar="DIR",
        help="storms and floor from here instead of the ones that are built")
    options = parser.parse_args(arguments)
    for name, value in (SMALL if options.small else DEFAULTS).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    if min(options.rounds, options.pairs) < 1 or options.scale <= 0:
        parser.error("--rounds, --pairs and --scale: must be more than 0")
    return options


def extent(options):
    """How much was measured, to be told with the results."""
    return (f"{', '.join(options.only)}; rounds {options.rounds}, pairs {options.pairs}, "
            f"scale {options.scale:g}")


def measure(options):
    """Rows, the first of which tells the machine; the second value: what failed of dse."""
    if os.geteuid() != 0:
        raise ToolFailed("recording needs root: run it as root or with sudo")
    if not os.path.exists(f"{TRACEFS}/events"):
        raise ToolFailed(f"{TRACEFS}: not mounted, which perf and trace-cmd need: "
                         f"mount -t tracefs tracefs {TRACEFS}")
    # Recorders run in folders of their own.
    options.dse, options.bin = os.path.abspath(options.dse), os.path.abspath(options.bin)
    for needed in (options.dse, os.path.join(options.bin, "floor"), os.path.join(options.bin, "noop")):
        if not os.access(needed, os.X_OK):
            raise ToolFailed(f"{needed}: not there: build it with -DDSE_BENCH=ON, or run peers.sh")
    tools = recorders(options.dse, os.path.join(options.bin, "floor"), options.tools)
    unknown = set(options.tools) - set(tools)
    if unknown:
        print(f"peers: left out, as not installed: {', '.join(sorted(unknown))}", file=sys.stderr)
    options.work = tempfile.mkdtemp(prefix="dse-peers.", dir=options.work)
    os.chmod(options.work, 0o755)
    try:
        with open(options.raw or os.devnull, "w", encoding="utf-8") as sink:
            bench = Bench(options, tools, sink)
            bench.add("machine", **machine.describe(options.dse), measured=extent(options))
            for part in options.only:
                PARTS[part](bench)
            return bench.rows, bench.dse_failures
    finally:
        shutil.rmtree(options.work)


def read_raw(paths):
    """The machine of each run, with the parts that are taken from it, and all rows of these."""
    runs, last = [], {}
    for path in paths:
        with open(path, encoding="utf-8") as file:
            machine_row, *rows = [json.loads(line) for line in file]
        last.update({row["part"]: len(runs) for row in rows if row["part"] in PARTS})
        runs.append((machine_row, rows))
    machines, taken = [], []
    for place, (machine_row, rows) in enumerate(runs):
        parts = [part for part in PARTS if last.get(part) == place]
        if not parts:
            continue
        _, _, sizes = machine_row["measured"].partition("; ")
        machines.append({**machine_row, "measured": f"{', '.join(parts)}; {sizes}"})
        taken += [row for row in rows if row.get("of", row["part"]) in parts]  # failures are `of` a part
    return machines, taken


def main(arguments):
    options = parse_arguments(arguments)
    # So that what was started and mounted is cleaned up then too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    dse_failures = []
    try:
        if options.render:
            machines, rows = read_raw(options.render)
        else:
            (machine_row, *rows), dse_failures = measure(options)
            machines = [machine_row]
    except ToolFailed as failure:
        print(f"peers: {failure}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"peers: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    results = Results(rows)
    text = report.render(machines, results)
    print(text, end="")
    if options.write:
        with open(os.path.join(BENCH_FOLDER, "RESULTS.md"), "w", encoding="utf-8") as file:
            file.write(text)
        drawing = chart.render(results)
        if drawing:
            with open(os.path.join(BENCH_FOLDER, "peers.svg"), "w", encoding="utf-8") as file:
                file.write(drawing)
    for failure in dse_failures:
        print(f"peers: {failure}", file=sys.stderr)
    return 1 if dse_failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
