#!/usr/bin/env python3
"""Installs a build of dse and uses it as a stranger would.

  1. cmake --install into a fresh prefix: everything is there, and no path of the source or build tree;
  2. all installed headers compile with nothing but the prefix;
  3. tests/examples configures and builds with find_package(dse);
  4. the examples say about every golden capture what the installed dse says.
"""

import argparse
import json
import pathlib
import re
import shutil
import subprocess
import sys


def run(*command, cwd=None):
    done = subprocess.run([str(part) for part in command], cwd=cwd, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=280)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit code {done.returncode}\n"
                 f"{done.stdout.decode(errors='replace')}{done.stderr.decode(errors='replace')}")
    return done.stdout


def check(condition, message):
    if not condition:
        sys.exit(message)


def install(args, prefix):
    run(args.cmake, "--install", args.build, "--prefix", prefix)
    for name in ("bin/dse", "include/dse/dse.h", "share/dse/capture.capnp",
                 "share/dse/FORMAT.md", "share/bash-completion/completions/dse",
                 "share/zsh/site-functions/_dse", "share/fish/vendor_completions.d/dse.fish",
                 "share/man/man1/dse.1", "share/man/man1/dse-replay.1"):
        check((prefix / name).is_file(), f"{name} is not installed")
    packages = list(prefix.glob("**/cmake/dse/*.cmake"))
    check(packages, "no CMake package is installed")
    for package in packages:
        text = package.read_text()
        for tree in (args.source, args.build):
            check(f"{tree}/" not in text.replace(str(prefix), ""), f"{package.name} names {tree}")
    check(run(prefix / "bin/dse", "--version").startswith(b"dse "), "dse --version")
    check_what_is_made(prefix)


def check_what_is_made(prefix):
    """What was made at build time is what the installed program says."""
    for shell, name in (("bash", "bash-completion/completions/dse"), ("zsh", "zsh/site-functions/_dse"),
                        ("fish", "fish/vendor_completions.d/dse.fish")):
        check((prefix / "share" / name).read_bytes() == run(prefix / "bin/dse", "completion", shell),
              f"{name} is of another dse")
    listed = run(prefix / "bin/dse", "--help").decode().partition("Subcommands:\n")[2]
    for line in listed.partition("\n\n")[0].splitlines():
        page = prefix / f"share/man/man1/dse-{line.split()[0]}.1"
        check(not re.match(r"  \w", line) or page.is_file(), f"{page} is not installed")


def compile_headers(args, prefix, scratch):
    root = prefix / "include/dse"
    unit = scratch / "headers.cc"
    unit.write_text("".join(f"#include <dse/{header.relative_to(root)}>\n"
                            for header in sorted(root.glob("**/*.h"))))
    run(args.cxx, "-std=c++20", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
        f"-I{prefix}/include", f"-I{root}", unit)


def build_examples(args, prefix, scratch):
    examples = scratch / "examples"
    run(args.cmake, "-S", args.source / "tests/examples", "-B", examples, "-G", "Ninja",
        f"-DCMAKE_PREFIX_PATH={prefix}", f"-DCMAKE_CXX_COMPILER={args.cxx}",
        f"-DCMAKE_CXX_FLAGS={args.cxxflags}", "-DCMAKE_BUILD_TYPE=Debug")
    run(args.cmake, "--build", examples)
    return examples


def lines_of(output):
    # Not splitlines(): JSON strings may hold what Python takes for line ends.
    return output.decode().split("\n")[:-1]


def check_who_was_killed(examples, dse, capture):
    lines = lines_of(run(examples / "who_was_killed", capture))
    expected = []
    for line in lines_of(run(dse, "replay", "-o", "json", "--point", "SignalDelivered", capture)):
        signal = json.loads(line)["sig"]
        if signal["name"] in ("SIGKILL", "SIGTERM") and signal["handler"] != "ignore":
            expected.append(line)
    check(lines == expected, f"who_was_killed {capture}: {lines}\ninstead of {expected}")
    return len(lines)


def check_short_lived(examples, dse, capture):
    lines = lines_of(run(examples / "short_lived", capture))
    executed = {json.loads(line)["proc"]["pid"] for line in
                lines_of(run(dse, "replay", "-o", "json", "--point", "ProcessExecuted", capture))}
    for line in lines:
        event = json.loads(line)
        check(event["evt"]["type"] == "ShortLivedProcess", line)
        check(event["evt"]["time"].endswith("Z") and event["evt"]["num"] > 0, line)
        check(event["proc"]["pid"] in executed and event["user"]["uid"] >= 0, line)
        check(0 < event["life"]["time_ns"] <= 100_000_000, line)
        check(event["life"]["filename"] and event["life"]["status"] >= 0, line)
    text = lines_of(run(examples / "short_lived", "--text", capture))
    check(text[-1].startswith(f"{len(lines)} short lives"), text[-1])
    check(len(text) == len(lines) + 1 and all("  ShortLivedProcess  " in t for t in text[:-1]),
          "\n".join(text))
    return len(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cmake", default="cmake")
    parser.add_argument("--cxx", default="c++")
    parser.add_argument("--cxxflags", default="")
    parser.add_argument("--source", type=pathlib.Path, required=True)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--scratch", type=pathlib.Path, required=True)
    parser.add_argument("--capture", type=pathlib.Path, action="append",
                        help="instead of the golden captures")
    args = parser.parse_args()

    shutil.rmtree(args.scratch, ignore_errors=True)
    args.scratch.mkdir(parents=True)
    prefix = args.scratch / "prefix"
    install(args, prefix)
    compile_headers(args, prefix, args.scratch)
    examples = build_examples(args, prefix, args.scratch)

    captures = args.capture or sorted((args.source / "tests/golden/captures").glob("*v1*"))
    check(captures, "no golden capture in tests/golden/captures")
    killed = sum(check_who_was_killed(examples, prefix / "bin/dse", c) for c in captures)
    short = sum(check_short_lived(examples, prefix / "bin/dse", c) for c in captures)
    check(killed and short, f"{killed} kills and {short} short lives prove nothing")
    print(f"{len(captures)} captures: {killed} kills, {short} short lives")


if __name__ == "__main__":
    main()
