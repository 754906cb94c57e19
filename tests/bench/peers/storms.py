"""Storms under each recorder: what recording costs, in CPU time, bytes, memory and slowdown, and what
is lost; and the rates that storms at the same time reach."""

from bench import CONTROL, in_turn, run_storms

# Storm → program, and its operations at scale 1.
STORMS = {"signal": ("sigstorm", 1_000_000), "connection": ("connstorm", 100_000),
          "exec": ("execstorm", 20_000), "mixed": ("mixstorm", 5_000)}
PAIRED_WITH_FLOOR = ("dse", "floor zstd1")
RATE_TOOLS = ("dse", "perf -z", "trace-cmd", "bpftrace", "sigsnoop", "floor zstd1")
RATE_STORMS, MOST_RATE_ROUNDS = (1, 2, 3), 3


def events_of(report):
    """What a storm did, as the facts that every recorder has: execs, state changes, deliveries."""
    return (report["execs"] + report["connection_states"] + report["listener_states"] +
            report["signals"])


def measure(bench, tool, program, operations, at_once=1):
    """One recording of storms that run at the same time."""
    with bench.recording(tool) as recording:
        recording.wait_until_ready()
        ready = recording.cgroup.cpu_ns()
        reports = run_storms(program, operations, at_once)
        ended = recording.cgroup.cpu_ns()
        recording.stop()
        stopped = recording.cgroup.cpu_ns()
        return {"reports": reports, "events": sum(map(events_of, reports)),
                "cpu_start_ns": ready, "cpu_running_ns": ended - ready,
                "cpu_stop_ns": stopped - ended, "peak_kib": recording.peak_kib,
                "bytes": recording.capture_bytes(), **tool.counts(recording)._asdict()}


def alternate(bench, part, storm, rounds, names):
    program, count = STORMS[storm]
    program, operations = bench.storm_program(program), bench.scaled(count)
    for turn in range(rounds):
        control = run_storms(program, operations)[0]
        bench.say(f"{part} {storm} {turn + 1}/{rounds}: {control['wall_s']:.2f} s without a recorder")
        for name in in_turn(names, turn):
            tool = bench.tools[name]
            if not tool.suits(storm):
                continue
            with bench.guarded(part, name, storm=storm):
                measured = measure(bench, tool, program, operations)
                report = measured.pop("reports")[0]
                bench.add(part, storm=storm, round=turn, tool=name, **measured,
                          wall_s=report["wall_s"], control_wall_s=control["wall_s"])


def storms(bench):
    for storm in bench.options.storms:
        alternate(bench, "storms", storm, bench.options.rounds, list(bench.tools))


def pairs(bench):
    """dse and the floor alone, more often: is the workload any slower under dse?"""
    names = [name for name in PAIRED_WITH_FLOOR if name in bench.tools]
    for storm in bench.options.storms:
        alternate(bench, "pairs", storm, bench.options.pairs, names)


def rates(bench):
    program, operations = bench.storm_program("sigstorm"), bench.scaled(STORMS["signal"][1])
    names = [CONTROL] + [name for name in RATE_TOOLS if name in bench.tools]
    # Tools that slow the storms down make rounds long, and rates differ by more than rounds do.
    rounds = min(bench.options.rounds, MOST_RATE_ROUNDS)
    for at_once in RATE_STORMS:
        for turn in range(rounds):
            bench.say(f"rates of {at_once} {turn + 1}/{rounds}")
            for name in in_turn(names, turn):
                with bench.guarded("rates", name, storms=at_once):
                    if name == CONTROL:
                        measured = {"reports": run_storms(program, operations, at_once), "lost": 0}
                    else:
                        measured = measure(bench, bench.tools[name], program, operations, at_once)
                    slowest = max(report["wall_s"] for report in measured["reports"])
                    bench.add("rates", storms=at_once, round=turn, tool=name,
                              signals_per_s=operations * at_once / slowest, lost=measured["lost"])
