"""How answers scale: the same questions to a synthetic capture and to one of a hundred times as many events,
of a host of many CPUs (dse_scale). Nobody has the peers' captures of that size."""

import json
import os

from offline import run_pipeline
from recording import ToolFailed

CPUS = 128
SMALL, LARGE = 2_000_000, 200_000_000
MOST_ROUNDS = 3


def write_capture(bench, folder, events):
    """Returns its path, and what dse_scale says of it."""
    path = os.path.join(folder, f"scale{events}")
    writer = os.path.join(bench.options.bin, "dse_scale")
    out = run_pipeline(f"{writer} {path} --events {events} --cpus {CPUS}")[2]
    return path, json.loads(out)


def questions(dse, capture, seconds):
    """Question → the command. The second is in the middle, or all that there is."""
    begin = max(0.0, seconds / 2 - 0.5)
    window = f"-S +{begin * 1000:.0f}ms -U +{begin * 1000 + 1000:.0f}ms"
    count = f"{dse} stats -q -o csv --top 0"
    return {
        "second": f"{count} --by proc.name {window} {capture}",
        "second --near": f"{count} --by proc.name {window} --near {capture}",
        "second of one point": f"{count} --point SignalDelivered --by sig.num {window} {capture}",
        "select": f"{dse} replay -q -o json {capture} -s 'sig.num = 64'",
        "select, few fields": (f"{dse} replay -q -o json --point SignalDelivered "
                               f"--fields evt.num,sig.num {capture} -s 'sig.num = 64'"),
        "count": f"{count} --by proc.name {capture}",
        "info": f"{dse} info -o json {capture}",
    }


def scale(bench):
    for size, events in (("small", SMALL), ("large", LARGE)):
        with bench.folder() as folder, bench.guarded("scale", "dse"):
            if not os.access(os.path.join(bench.options.bin, "dse_scale"), os.X_OK):
                raise ToolFailed("dse_scale: not there: build it with -DDSE_BENCH=ON")
            bench.say(f"scale: a capture of {bench.scaled(events):,} events")
            capture, told = write_capture(bench, folder, bench.scaled(events))
            for question, script in questions(bench.dse, capture, told["seconds"]).items():
                bench.say(f"scale: {question}, {size}")
                for turn in range(min(bench.options.rounds, MOST_ROUNDS)):
                    wall, cpu, _ = run_pipeline(script)
                    bench.add("scale", size=size, question=question, tool="dse", round=turn,
                              events=told["events"], bytes=told["bytes"], wall_s=wall, cpu_s=cpu)
