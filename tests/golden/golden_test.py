"""Replays every capture in captures/ and compares with what is checked in in expected/.

    golden_test.py --dse PROGRAM               compare; fails at the first difference of each
    golden_test.py --dse PROGRAM --update      write expected/ anew: look at `git diff` before you
                                               commit, since old captures must replay the same for ever

With names of captures behind, only those.

Replay looks at nothing of the machine that it runs on, so the outputs are the same everywhere: the
environment here is hostile on purpose.
"""
import argparse
import difflib
import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
OUTPUTS = {"json": ["replay", "-o", "json"], "text": ["replay", "-o", "text"]}


def replay(dse, capture, arguments, environment=None, from_pipe=False):
    command = [dse, *arguments, "-" if from_pipe else capture.name]
    stdin = open(capture, "rb") if from_pipe else subprocess.DEVNULL
    # Where captures are, so that no path of this machine can get into the output.
    done = subprocess.run(command, cwd=capture.parent, capture_output=True, timeout=120,
                          stdin=stdin, env={**os.environ, **(environment or {})})
    return done.stdout, done.stderr, done.returncode


def show_difference(expected, got, name):
    lines = difflib.unified_diff(
        expected.decode(errors="backslashreplace").splitlines(),
        got.decode(errors="backslashreplace").splitlines(),
        f"expected/{name}", "this program", lineterm="", n=1)
    for _, line in zip(range(30), lines):
        print("  " + line[:400])


def check_json(output, name):
    """Every line is a JSON object of its own, with the bytes that are not UTF-8 as surrogates."""
    for number, line in enumerate(output.decode("utf-8").splitlines(), 1):
        event = json.loads(line)
        if event["evt"]["type"] is None or not event["evt"]["time"].endswith("Z"):
            sys.exit(f"{name}:{number}: not an event")


def check(dse, capture, update):
    failures = 0
    for kind, arguments in OUTPUTS.items():
        name = f"{capture.name}.{kind}"
        expected_file = HERE / "expected" / name
        output, errors, code = replay(dse, capture, arguments)
        # Captures here are whole; what the recorder lost is in them and said on stderr.
        if code != 0 or b"\x1b" in output:
            print(f"{name}: exit code {code}\n{errors.decode(errors='replace')}")
            failures += 1
            continue
        if not output:
            print(f"{name}: no events at all: this golden says nothing")
            failures += 1
        if kind == "json":
            check_json(output, name)
        if update:
            expected_file.parent.mkdir(exist_ok=True)
            if not expected_file.exists() or expected_file.read_bytes() != output:
                expected_file.write_bytes(output)
                print(f"{name}: updated")
            continue
        if not expected_file.exists():
            print(f"{name}: nothing expected yet; run with --update and look at the result")
            failures += 1
            continue
        expected = expected_file.read_bytes()
        runs = {"": output}
        runs[" in another environment"] = replay(
            dse, capture, arguments, {"TZ": "Asia/Kathmandu", "LC_ALL": "tr_TR.UTF-8",
                                      "COLUMNS": "20", "TERM": "xterm-256color"})[0]
        if capture.is_file():
            runs[" from a pipe"] = replay(dse, capture, arguments, from_pipe=True)[0]
        for how, got in runs.items():
            if got != expected:
                print(f"{name}{how}: differs")
                show_difference(expected, got, name)
                failures += 1
    return failures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dse", required=True)
    parser.add_argument("--update", action="store_true")
    parser.add_argument("only", nargs="*", metavar="CAPTURE")
    options = parser.parse_args()
    captures = sorted((HERE / "captures").iterdir())
    if not captures:
        sys.exit("no captures")
    dse = os.path.abspath(options.dse)
    unknown = set(options.only) - {capture.name for capture in captures}
    if unknown:
        sys.exit(f"no such capture: {', '.join(sorted(unknown))}")
    failures = sum(check(dse, capture, options.update) for capture in captures
                   if not options.only or capture.name in options.only)
    known = {f"{capture.name}.{kind}" for capture in captures for kind in OUTPUTS}
    for stray in sorted(path.name for path in (HERE / "expected").glob("*")):
        if stray not in known:
            print(f"expected/{stray}: of no capture")
            failures += 1
    print(f"{len(captures)} captures, {failures} failures")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
