"""The tables, in Markdown: verdicts, then ratios, then absolute numbers."""

from bench import CONTROL
from summary import cpu_per_record, number, ratio
from targets import verdicts

QUESTIONS = {"select": "one predicate, few matches", "json": "full dump",
             "count": "count by process name", "second": "a range of 1 s"}


def table(head, rows):
    def line(cells):
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    return [line(head), "|" + "---|" * len(head), *map(line, rows), ""]


def about(machine):
    tools = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return [f"{machine['date']}; {machine['cpu']}, {machine['cpus']} CPUs, "
            f"{machine['memory_gib']:.0f} GiB; {machine['system']}, kernel {machine['kernel']}; "
            f"load when it began {machine['load']}. Measured: {machine['measured']}.", "",
            f"{tools}.", ""]


def failures(results):
    rows = results.of("failure")
    if not rows:
        return []
    return ["## Failed", ""] + [f"- {row['of']}: {row['message']}" for row in rows] + [""]


def storm_tables(results):
    lines = []
    for storm in results.names("storms", "storm"):
        names = results.names("storms", storm=storm)
        rows_of = lambda tool, storm=storm: results.of("storms", storm=storm, tool=tool)
        median = lambda value, tool, storm=storm: results.median("storms", value, storm=storm,
                                                                 tool=tool)
        events = rows_of(names[0])[0]["events"]
        lines += [f"### {storm} storm, {events:,} events", ""]
        ratios, absolute = [], []
        for tool in names:
            cpu, size = results.cpu_per_event(storm, tool), results.bytes_per_event(storm, tool)
            per_record = median(cpu_per_record, tool)
            slowdown = median(lambda row: row["wall_s"] / row["control_wall_s"], tool)
            ratios.append([tool, number(ratio(cpu, results.cpu_per_event(storm, "floor zstd1"))),
                           number(ratio(cpu, results.cpu_per_event(storm, "perf -z"))),
                           number(ratio(per_record, median(cpu_per_record, "perf -z"))),
                           number(ratio(size, results.bytes_per_event(storm, "floor zstd1"))),
                           number(ratio(size, results.bytes_per_event(storm, "perf -z"))),
                           f"{slowdown:.2f}"])
            absolute.append([
                tool, number(median(lambda row: row["cpu_start_ns"] / 1e6, tool)),
                number(median(lambda row: row["cpu_running_ns"] / row["events"], tool)),
                number(median(lambda row: row["cpu_stop_ns"] / row["events"], tool)),
                number(cpu), number(per_record), number(size),
                number(median(lambda row: ratio(row["bytes"], row["records"]), tool)),
                number(median(lambda row: row["records"] / row["events"], tool)),
                number(sum(row["lost"] for row in rows_of(tool))),
                number(sum(max(0, row["events"] - row["seen"] - row["lost"])
                           for row in rows_of(tool))),
                number(median(lambda row: row["peak_kib"] / 1024, tool)),
                str(len(rows_of(tool)))])
        lines += table(["tool", "CPU / floor zstd1", "CPU / perf -z", "CPU per record / perf -z",
                        "bytes / floor zstd1", "bytes / perf -z", "time / no recorder"], ratios)
        lines += table(["tool", "start, ms CPU", "running, ns/event", "stop, ns/event",
                        "running + stop, ns/event", "the same, ns/record", "bytes/event",
                        "bytes/record", "records/event", "lost, all rounds", "missing untold",
                        "peak, MiB", "rounds"], absolute)
    return lines


def rate_table(results):
    if not results.of("rates"):
        return []
    counts = results.names("rates", "storms")
    rows = []
    for tool in results.names("rates"):
        rate = lambda n, name=tool: results.median("rates", "signals_per_s", storms=n, tool=name)
        rows.append([tool] + [number(ratio(rate(n), rate(n, CONTROL))) for n in counts] +
                    [number(rate(n)) for n in counts] +
                    [number(sum(row["lost"] for row in results.of("rates", tool=tool)))])
    head = [f"{n} storms / no recorder" for n in counts] + [f"{n} storms, signals/s" for n in counts]
    return ["### Rates that signal storms at the same time reach", ""] + table(
        ["tool", *head, "lost, all rounds"], rows)


def timing_tables(results):
    lines = []
    median = results.median
    if results.of("start"):
        rows = [[tool, number(ratio(median("start", "first_event_ms", tool=tool),
                                    median("start", "first_event_ms", tool="floor zstd1"))),
                 number(median("start", "first_event_ms", tool=tool))]
                for tool in results.names("start")]
        lines += ["### Start to first event", ""] + table(["tool", "/ floor zstd1", "ms"], rows)
    if results.of("latency"):
        rows = [[tool] + [number(median("latency", key, tool=tool))
                          for key in ("p50_ms", "p99_ms", "max_ms")]
                for tool in results.names("latency")]
        lines += ["### Event to line of output, 1,000 events/s", ""] + table(
            ["tool", "p50, ms", "p99, ms", "longest, ms"], rows)
    if results.of("idle"):
        rows = [[row["tool"], number(100 * row["core_share"]), number(row["wakeups_per_s"]),
                 number(row["seconds"])] for row in results.of("idle")]
        lines += ["### Idle", ""] + table(["tool", "% of a core", "wake-ups/s", "for, s"], rows)
    return lines


def offline_tables(results):
    lines = []
    for question, title in QUESTIONS.items():
        rows = []
        peer, best = results.best_peer(question)
        for size in ("same", "large"):
            for tool in results.names("offline", question=question, size=size):
                rate = results.events_per_s(question, tool, size)
                where = dict(question=question, tool=tool, size=size)
                rows.append([tool, size, number(ratio(rate, best)), number(rate),
                             number(results.median("offline", "cpu_s", **where)),
                             number(results.median("offline", "wall_s", **where)),
                             number(results.median("offline", "events", **where))])
        if rows:
            lines += [f"### Question: {title}", ""] + table(
                ["tool", "capture", f"rate / best peer ({peer})", "events per second of CPU", "CPU, s",
                 "wall, s", "events"], rows)
    return lines


def scale_table(results):
    rows, seconds = [], {}
    for question in results.names("scale", "question"):
        row = [question]
        for size in ("small", "large"):
            of = dict(question=question, size=size)
            seconds[size] = results.median("scale", "wall_s", **of)
            cpu = results.median("scale", lambda row: row["events"] / row["cpu_s"], **of)
            row += [number(seconds[size] and 1000 * seconds[size]), number(cpu)]
        rows.append(row[:1] + [number(ratio(seconds["large"], seconds["small"]))] + row[1:])
    if not rows:
        return []
    sizes = [next((row for row in results.of("scale", size=size)), None) for size in ("small", "large")]
    names = [f"{size['events']:,} events, {size['bytes'] / 2**20:,.0f} MiB" if size else "–"
             for size in sizes]
    return ["## Scale", "", SCALE_NOTE, ""] + table(
        ["question", "time, large / small",
         f"{names[0]}: ms", "events per second of CPU", f"{names[1]}: ms", "events per second of CPU"],
        rows)


def render(machines, results):
    lines = ["# dse beside other recorders", "",
             "Made by `tests/bench/peers.sh --write`. All of a measured table ran in turn, in one run, on one "
             "machine; numbers are medians. Compare ratios, not numbers of different machines.", ""]
    for machine in machines:
        lines += about(machine)
    lines += ["## Targets", ""] + table(["target", "bound", "found", "verdict"],
                                        [list(line) for line in verdicts(results)])
    if results.of("storms"):
        lines += ["![CPU and bytes per event of each recorder](peers.svg)", ""]
    lines += failures(results)
    measured = storm_tables(results) + rate_table(results) + timing_tables(results)
    lines += (["## Recording", "", RECORDING_NOTE, ""] + measured) if measured else []
    asked = offline_tables(results)
    lines += (["## Asking", "", ASKING_NOTE, ""] + asked) if asked else []
    lines += scale_table(results)
    lines += ["## Where the time of what is missed goes", "", MISSED_NOTE]
    return "\n".join(lines).rstrip() + "\n"


RECORDING_NOTE = """\
*Events* are what the storm did: execs, TCP state changes, handled signals. *Records* are what the tool
wrote: dse also records who sent each signal, forks and exits, so a signal is two records of its. A row
`dse POINT` records only what that observation point needs. `perf -z, kinds of dse` has the tracepoints
that dse has, `perf -z` and the others the three that the events come from, with 16 MiB buffers. CPU is
user and system time of the recorder with all its children, from its cgroup; what recording costs in
the storm itself is in *time / no recorder*. The floor is the least that recording the three can cost
(tests/bench/floor). *Lost* is as the tool itself says it, *missing untold* what is then still not there.
*Peak* is resident memory, rings included where the tool maps them."""

ASKING_NOTE = """\
Captures called *same* are of the same mixed storm, by each tool; *large* is one of dse, where starting a
process counts for little. *Events* are those that the question ranges over, fewer than the records
read; rates are of them for a second of CPU, that of all processes of the pipeline."""

SCALE_NOTE = """\
The same questions to synthetic captures of a mixed storm on 128 CPUs, of `dse_scale` (tests/bench/scale.cc).
*second* counts by process name in one second of the middle, *of one point* by number in the signals alone,
which takes no state; *select* looks for a signal that never came, shown with all fields or with two."""

# By hand: what profiles and instruction counts say. To be gone through whenever results are written.
MISSED_NOTE = """\
- *Recorder CPU.* A signal is two records of dse's, sent and taken, where perf and the floor have one; a record
  takes less than one of `perf -z`. Sampled in a storm of signals, two fifths of the recorder's time takes records
  out of the rings and into columns, a fifth each is compression and the kernel's wake-ups and writes, an eighth
  packs the columns. Of a signal's record (instructions, tests/bench/instructions): 134 from a ring into columns,
  250 where each is of another task, 170 to pack these, 370 to compress them. `perf -z` copies pages without
  looking into them. To come down to one record of perf's, dse would have to leave out who sent the signal.
- *Time of the storm.* Of a signal two programs run and not one. Of what such a program takes (bpf_stats, less what
  an empty one takes there), two thirds are room in the ring, the clock, and writing the record; a fifth is to
  read who runs, 96 bytes from a dozen places, to know whether it is still the same. The floor's program takes
  longer than either of dse's. With all its records dse slows the storms less than perf with three.
- *Rate beside trace-cmd.* It moves pages of raw events from the kernel to a file and does the rest when it
  stops, which takes it three times the CPU that dse takes in all. Storms that keep every CPU busy leave a recorder
  only what it takes from them.
- *Selective query.* Columns of a signal that a block does not have are not unpacked. Most of what is left is the
  state of processes and cgroups, kept up in case an event passes that shows it, and the order of the records
  that this takes. *select, few fields* (Scale) is the same question where nothing must be remembered. To have
  both, state would have to be found again from what has been read already.
- *A second* of many points begins at the start of the capture, as what an event tells may come from there: only
  state is read of what is before. With `--near` it begins with its segment (Scale)."""
