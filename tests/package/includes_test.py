#!/usr/bin/env python3
"""Who may include whom:

    tools/ --> record/ --+
      +------> replay/ --+-> format/ --> bpf/abi.h

record/ and replay/ do not know each other. Kernel types, libbpf and the generated skeleton are for
bpf/ and record/; CLI11 and RapidJSON are for tools/. Usage: includes_test.py SOURCE
"""

import pathlib
import re
import sys

FOLDERS = {
    "bpf": {"bpf"},
    "format": {"format"},
    "replay": {"replay", "format"},
    "record": {"record", "format"},
    "tools": {"tools", "record", "replay", "format"},
}
SEAM = "bpf/abi.h"  # what user space may include of bpf/
ONLY_IN = {  # system and generated headers
    r"(bpf/(bpf|btf|libbpf)|dse\.skel)\.h": {"record"},
    r"(CLI|rapidjson)/.*": {"tools"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def complaint(folder, quote, header):
    for pattern, allowed in ONLY_IN.items():
        if folder != "bpf" and re.fullmatch(pattern, header):
            return "" if folder in allowed else f"is for {', '.join(allowed)}/ only"
    if quote == "<" or "/" not in header or folder == "bpf":
        return ""
    target = header.split("/")[0]
    if header == SEAM or target in FOLDERS[folder] or target not in FOLDERS:
        return ""
    return f"{folder}/ must not know {target}/"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    wrong, seen = [], 0
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.[ch]*")):
            if path.suffix not in (".c", ".h", ".cc"):
                continue
            text = path.read_text(encoding="utf-8")
            for match in INCLUDE.finditer(text):
                seen += 1
                why = complaint(folder, *match.groups())
                if why:
                    line = text.count("\n", 0, match.start(1)) + 1
                    wrong.append(f"{path.relative_to(root)}:{line}: {match.group(2)}: {why}")
    if seen < 100:
        wrong.append(f"only {seen} includes found: is {root} the source?")
    print("\n".join(wrong) or f"{seen} includes follow the rules")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
