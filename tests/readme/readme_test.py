#!/usr/bin/env python3
"""Runs the commands of README.md: every line after "$ " in its ```console blocks, in order, in one
directory. Each must exit with 0, or with N when it ends in "# exits with N". What ends in
"# not run: reason" is left out. So are run the steps ("- run: ") of the jobs in its ```yaml blocks.

  readme_test.py --dse BUILT_DSE --source SOURCE
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

NOT_RUN = re.compile(r"#.*\bnot run: \S")
EXITS_WITH = re.compile(r"# exits with (\d+)$")


def commands(text):
    """(line number, command) of every prompt."""
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            inside = line == "```console"
        elif inside and line.startswith("$ "):
            yield number, line[2:]


def job_commands(text):
    """(line number, command) of every step of the jobs in ```yaml blocks."""
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            inside = line == "```yaml"
        elif inside and line.strip().startswith("- run: "):
            yield number, line.strip().removeprefix("- run: ")


def execute(command, directory, dse):
    environment = dict(os.environ, PATH=f"{dse.parent}:{os.environ['PATH']}")
    return subprocess.run(["bash", "-c", f"set -o pipefail\n{command}"], cwd=directory,
                          env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=60)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dse", type=pathlib.Path, required=True)
    parser.add_argument("--source", type=pathlib.Path, required=True)
    args = parser.parse_args()
    if os.geteuid() != 0:
        print("recording needs root")
        return 1 if os.environ.get("CI") == "true" else 77

    failed, run, left_out = 0, 0, []
    with tempfile.TemporaryDirectory(prefix="dse-readme-") as directory:
        # The page speaks from the top of the source.
        for name in ("format", "tests"):
            pathlib.Path(directory, name).symlink_to(args.source / name)
        text = (args.source / "README.md").read_text(encoding="utf-8")
        jobs = [(number, f"CI=true; export CI; {command}") for number, command in job_commands(text)]
        if not jobs:
            print("no job: is the page written as this test expects?")
            failed += 1
        for number, command in sorted([*commands(text), *jobs]):
            if NOT_RUN.search(command):
                left_out.append(command)
                continue
            expected = EXITS_WITH.search(command)
            expected = int(expected.group(1)) if expected else 0
            done = execute(command, directory, args.dse.resolve())
            run += 1
            print(f"{'ok' if done.returncode == expected else 'FAILED'} {number}: {command}")
            if done.returncode != expected:
                failed += 1
                print(f"  exit code {done.returncode}, not {expected}:\n"
                      f"{done.stdout.decode(errors='replace')[-2000:]}")
    print(f"{run} commands run, {failed} failed, {len(left_out)} left out:")
    print("\n".join(f"  {command}" for command in left_out))
    if run < 20:
        print("too few commands: is the page written as this test expects?")
        failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
