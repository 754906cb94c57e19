"""The include rule of the project, and that only tools/ prints.

tools/ -> record/, replay/ -> format/ -> bpf/abi.h; record/ and replay/ do not know each other.
Usage: include_directions_test.py SOURCE_DIR
"""
import pathlib
import re
import sys

FOLDERS = ("bpf", "format", "record", "replay", "tools")
MAY_INCLUDE = {
    "bpf": {"bpf"},
    "format": {"format"},
    "record": {"record", "format"},
    "replay": {"replay", "format"},
    "tools": {"tools", "record", "replay", "format"},
}
# Every folder above bpf/ sees its records through this one header.
ABI = "bpf/abi.h"
# Loads the BPF object, which the build makes of bpf/.
GENERATED = re.compile(r"(^|/)[\w.]*skel[\w.]*\.h$|capture\.capnp\.h$|^version\.h$")
# Facades for users of the library, which show both halves on purpose.
FACADES = {("record/live.h", "replay/session.h")}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
PRINTING = re.compile(
    r"\bstd::(cout|cerr|clog|printf|puts|print|println)\b|\bfmt::(print|println)\b"
    r"|(?<![\w.>])(?:::)?(printf|fprintf|puts|putchar|perror|dprintf|vprintf)\s*\(|\bexit\s*\(|\babort\s*\(")
COMMENT = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.S)


def code_of(text):
    """Without comments and strings, and with the lines still where they are."""
    return COMMENT.sub(lambda m: "\n" * m.group().count("\n"), text)


def problems_of(root, path):
    name = path.relative_to(root).as_posix()
    folder = name.split("/")[0]
    text = path.read_text()
    for match in INCLUDE.finditer(text):
        quote, included = match.groups()
        line = text.count("\n", 0, match.start(2)) + 1
        if included == ABI or GENERATED.search(included):
            continue
        target = included.split("/")[0]
        if quote == "<":
            if target in FOLDERS and (root / included).exists():
                yield f"{name}:{line}: <{included}> should be in quotes"
            continue
        if (name, included) in FACADES:
            continue
        if "/" not in included:
            # Only the kernel side, which is no C++, includes its neighbours by their bare names.
            if folder != "bpf":
                yield f'{name}:{line}: "{included}" should be written from the root'
            continue
        if target not in MAY_INCLUDE[folder]:
            yield f"{name}:{line}: {folder}/ may not include {included}"
        elif not (root / included).exists():
            yield f"{name}:{line}: {included} does not exist"
    if folder in ("format", "record", "replay"):
        code = code_of(text)
        for match in PRINTING.finditer(code):
            line = code.count("\n", 0, match.start()) + 1
            yield f"{name}:{line}: only tools/ prints and ends the program: {match.group().strip()}"


def self_test():
    """The rules must be able to fail."""
    assert PRINTING.search("std::cout << 1") and PRINTING.search("fmt::print(stderr, x)")
    assert PRINTING.search("  printf(x)") and PRINTING.search(" ::fprintf(stderr, x)")
    assert not PRINTING.search("fmt::format(x)") and not PRINTING.search("snprintf(a, 1, x)")
    assert not PRINTING.search("json.print(x)") and not PRINTING.search("on_exit(x)")
    assert code_of('a // printf("x")\nb') == "a \nb"
    assert "replay" not in MAY_INCLUDE["record"] and "record" not in MAY_INCLUDE["replay"]


def main():
    self_test()
    root = pathlib.Path(sys.argv[1])
    files = [path for folder in FOLDERS for path in sorted((root / folder).rglob("*"))
             if path.suffix in (".h", ".cc", ".c")]
    if len(files) < 40:
        sys.exit(f"only {len(files)} files found below {root}: is this the source tree?")
    problems = [problem for path in files for problem in problems_of(root, path)]
    print("\n".join(problems) or f"{len(files)} files: all includes point the right way")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
