#!/usr/bin/env python3
"""How many instructions each hot path takes per event, held against expected.json.

  check.py PROGRAM                    more than 5 % above the figure of any path: exit code 1
  check.py PROGRAM --only json        the paths whose names begin so
  check.py PROGRAM --update           what is counted becomes the figures (with --only: some of them)
  check.py PROGRAM --keep DIR         leaves what callgrind_annotate reads: DIR/PATH.out

More instructions fail. Fewer are good news, and the figure should follow with --update, in the same
change; until then it is only said, so that a change that helps in passing does not fail.

Figures hold for what they were made with: compiler, flags, machine, libraries, valgrind. With anything
else nothing is compared, and the exit code is 77. Under CI=true it is 1 if only libraries or valgrind are
others: that is the build that the figures are for, and a check that has come to nothing must show.

Of each path, the least of a few runs counts. PROGRAM (dse_instructions) turns counting on just around the work. Instructions are those of a virtual
CPU; what libc chooses by the real one is switched off or fixed.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

EXPECTED = pathlib.Path(__file__).with_name("expected.json")
TOLERANCE = 0.05
RUNS = 4
NOT_COMPARED = 77
# libc takes the routines that every x86-64 has, and no sizes of caches decide how it copies.
TUNABLES = ":".join((
    "glibc.cpu.hwcaps=-AVX2,-AVX512F,-AVX512VL,-AVX_Fast_Unaligned_Load,-ERMS,-SSSE3,-SSE4_1,-SSE4_2,"
    "-BMI2,-MOVBE,-Fast_Unaligned_Copy",
    "glibc.cpu.x86_data_cache_size=0x8000",
    "glibc.cpu.x86_shared_cache_size=0x100000",
    "glibc.cpu.x86_non_temporal_threshold=0xc0000",
    "glibc.malloc.mmap_threshold=0x20000"))
# Also: where the stack begins depends on the environment.
ENVIRONMENT = {"GLIBC_TUNABLES": TUNABLES, "LC_ALL": "C"}


def run(command):
    done = subprocess.run(command, env=ENVIRONMENT, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout


def count(args, path, folder):
    """Instructions per event."""
    out = folder / (path.replace("/", "-") + ".out")
    events = int(run([args.valgrind, "--tool=callgrind", "--instr-atstart=no",
                      f"--callgrind-out-file={out}", args.program, path]))
    total = re.search(r"^totals: (\d+)$", out.read_text(), re.M)
    if not total or int(total.group(1)) == 0 or events == 0:
        sys.exit(f"{path}: nothing was counted")
    return int(total.group(1)) / events


def least(args, path, folder):
    """Of a few runs: hash tables are seeded at random, and now and then more keys collide than usual."""
    return min(count(args, path, folder) for _ in range(RUNS))


def count_all(args, paths):
    with tempfile.TemporaryDirectory(prefix="dse-instructions-") as scratch:
        folder = args.keep or pathlib.Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            return dict(zip(paths, pool.map(lambda path: least(args, path, folder), paths)))


def differences(made_with, here):
    """By name, what is not as it was when the figures were made."""
    return {name: f"{name}: {here.get(name)}, not {made_with.get(name)}"
            for name in sorted(made_with.keys() | here.keys()) if made_with.get(name) != here.get(name)}


def report(counted, figures):
    """Prints the table; the paths that take more, or have no figure."""
    failed = []
    width = max(map(len, counted))
    print(f"{'path':{width}}  {'expected':>10}  {'counted':>10}  ratio   (instructions per event)")
    for path, value in sorted(counted.items()):
        if path not in figures:
            print(f"{path:{width}}  {'':>10}  {value:10.1f}         new")
            failed.append(path)
            continue
        ratio = value / figures[path]
        verdict = ""
        if ratio > 1 + TOLERANCE:
            verdict = "more"
            failed.append(path)
        elif ratio < 1 - TOLERANCE:
            verdict = "better: keep it with --update"
        print(f"{path:{width}}  {figures[path]:10.1f}  {value:10.1f}  {ratio:.3f}  {verdict}".rstrip())
    return failed


def update(counted, here, expected, paths):
    """Figures of paths that are not counted stay, if they were made with the same."""
    figures = expected["instructions_per_event"] if expected.get("made_with") == here else {}
    figures.update({path: round(value, 1) for path, value in counted.items()})
    missing = [path for path in paths if path not in figures]
    if missing:
        sys.exit("made with something else than the other figures: update all, without --only")
    EXPECTED.write_text(json.dumps(
        {"made_with": here, "instructions_per_event": {path: figures[path] for path in paths}},
        indent=2) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("--valgrind", default="valgrind")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--only", action="append", metavar="PREFIX", help="may be repeated")
    parser.add_argument("--keep", type=pathlib.Path, metavar="DIR")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    args = parser.parse_args()
    args.program = args.program.resolve()

    described = json.loads(run([args.program]))
    here, paths = described["made_with"], sorted(described["paths"])
    here["valgrind"] = run([args.valgrind, "--version"]).strip().removeprefix("valgrind-")
    expected = json.loads(EXPECTED.read_text()) if EXPECTED.exists() else {}
    unlike = differences(expected.get("made_with", {}), here)
    if unlike and not args.update:
        print("not compared, as the figures were made with something else:",
              *unlike.values(), sep="\n  ")
        meant = not unlike.keys() & {"compiler", "build", "machine"}
        return 1 if meant and os.environ.get("CI") == "true" else NOT_COMPARED

    chosen = [path for path in paths if not args.only or path.startswith(tuple(args.only))]
    if not chosen:
        sys.exit(f"no such path; there are {', '.join(paths)}")
    counted = count_all(args, chosen)
    figures = expected.get("instructions_per_event", {})
    failed = report(counted, figures)
    if args.update:
        update(counted, here, expected, paths)
        return 0
    failed += sorted(figures.keys() - set(paths))
    if failed:
        print(f"FAILED: more than {TOLERANCE:.0%} above the figure, or path and figure do not match: "
              f"{', '.join(failed)}; --update takes what was counted")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
