#!/usr/bin/env python3
"""What shells complete of dse's command line, asked of the shells themselves.

  completion_test.py DSE
"""

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

DSE = sys.argv[1]
POINTS = ["ProcessExecuted", "ProcessExited", "ContainerEvent", "SocketStateChange",
          "SignalGenerated", "SignalDelivered"]


def dse(*arguments):
    return subprocess.run([DSE, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          check=True, timeout=60).stdout.decode()


def commands_of(*words):
    listed = dse(*words, "--help").partition("Subcommands:\n")[2].partition("\n\n")[0]
    return re.findall(r"^  (\w[\w-]*)", listed, re.M)


def options_of(*words):
    """Of the help: all spellings of all."""
    for options in re.findall(r"^  (-\S+)", dse(*words, "--help"), re.M):
        yield from options.split(",")


def every_command():
    for command in commands_of():
        below = commands_of(command)
        yield (command,)
        yield from ((command, one) for one in below)


def needs(shell):
    missing = shutil.which(shell) is None and os.environ.get("CI") != "true"
    return unittest.skipIf(missing, f"there is no {shell}")


class Shell(unittest.TestCase):
    shell = ""

    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="dse-completion-")
        cls.addClassCleanup(shutil.rmtree, cls.dir)
        cls.script = os.path.join(cls.dir, ".script")
        with open(cls.script, "w", encoding="utf-8") as file:
            file.write(dse("completion", cls.shell))
        for name in ("one.dse", "odd.toml", "other.txt"):
            with open(os.path.join(cls.dir, name), "w", encoding="utf-8"):
                pass
        os.mkdir(os.path.join(cls.dir, "oldest"))

    def ask(self, *command):
        environment = {"PATH": os.environ["PATH"], "HOME": self.dir, "LC_ALL": "C.UTF-8"}
        done = subprocess.run(command, cwd=self.dir, env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, b""), command)
        return done.stdout.decode()


class Candidates:
    """Of shells that can be asked for all candidates: self.candidates(line)."""

    def test_commands(self):
        self.assertEqual(sorted(self.candidates("dse ")), sorted(commands_of()))
        self.assertEqual(self.candidates("dse repl"), ["replay"])
        self.assertEqual(sorted(self.candidates("dse profile ")), ["check", "list", "show"])
        self.assertEqual(self.candidates("dse profile s"), ["show"])
        for command in ("help", "man"):
            self.assertIn(command, self.candidates("dse "))
            self.assertEqual(self.candidates(f"dse {command} repl"), ["replay"])

    def test_every_option_of_every_command(self):
        for words in [(), *every_command()]:
            line = " ".join(("dse", *words))
            offered = self.candidates(line + " -")
            options = list(options_of(*words))
            self.assertIn("--help", options)
            self.assertEqual([one for one in options if one not in offered], [], line)
        self.assertEqual(self.candidates("dse replay --summ"), ["--summary"])
        self.assertEqual(self.candidates("dse profile check --st"), ["--strict"])

    def test_values(self):
        for line in ("dse replay day -o ", "dse replay --output ", "dse explain --output "):
            self.assertEqual(sorted(self.candidates(line)), ["json", "text"], line)
        self.assertEqual(self.candidates("dse info one.dse -o j"), ["json"])
        self.assertEqual(sorted(self.candidates("dse completion ")), ["bash", "fish", "zsh"])
        self.assertEqual(self.candidates("dse replay --limit "), [])
        # A word of the command line that is no command there.
        self.assertEqual(sorted(self.candidates("dse replay filter -o ")), ["json", "text"])

    def test_lists(self):
        self.assertEqual(sorted(self.candidates("dse replay --point ")), sorted(POINTS))
        self.assertEqual(sorted(self.candidates("dse filter --point Sig")),
                         ["SignalDelivered", "SignalGenerated"])
        self.assertEqual(self.candidates("dse fields --point ProcessExited,Con"),
                         ["ProcessExited,ContainerEvent"])
        self.assertEqual(self.candidates("dse fields --point ProcessExited,ProcessEx"),
                         ["ProcessExited,ProcessExecuted"])
        self.assertIn("proc.name", self.candidates("dse replay --fields proc."))
        self.assertEqual(self.candidates("dse replay --fields evt.time,sig.sender.pi"),
                         ["evt.time,sig.sender.pid"])
        self.assertEqual(self.candidates("dse diff --ignore evt.time,sig.sender.pi"),
                         ["evt.time,sig.sender.pid"])
        for option in ("--sum", "--hist"):
            self.assertEqual(self.candidates(f"dse stats {option} proc.maxr"), ["proc.maxrss"])

    def test_profiles(self):
        self.assertEqual(self.candidates("dse filter --profile sec"), ["security"])
        self.assertEqual(self.candidates("dse replay --profile od"), ["odd.toml"])
        for name in ("default", "network"):
            self.assertIn(name, self.candidates("dse replay --profile "))
            self.assertIn(name, self.candidates("dse diff --against "))
            self.assertIn(name, self.candidates("dse profile show "))

    def test_files(self):
        for line in ("dse replay o", "dse replay one.dse o", "dse replay -q o", "dse filter -w o",
                     "dse filter other.txt --write o", "dse explain o", "dse profile check o"):
            offered = [name.rstrip("/") for name in self.candidates(line)]
            self.assertEqual(sorted(offered), ["odd.toml", "oldest", "one.dse", "other.txt"], line)
        self.assertNotIn("one.dse", self.candidates("dse replay --since o"))
        self.assertNotIn("one.dse", self.candidates("dse fields o"))

    def test_filters(self):
        self.assertIn("proc.name", self.candidates("dse replay -s 'proc.na")[0])
        self.assertEqual(self.candidates("dse replay -s sock.newst"), ["sock.newstate"])
        self.assertEqual(self.candidates("dse replay --drop SignalDel"), ["SignalDelivered:"])


def split(line):
    """As readline does: at spaces, and "=" and ":" are words of their own."""
    words = re.findall(r"""[=:]+|(?:'[^']*'?|"[^"]*"?|[^\s=:'"])+""", line)
    return words + [""] if line.endswith(" ") else words


@needs("bash")
class Bash(Candidates, Shell):
    shell = "bash"

    def candidates(self, line):
        words = split(line)
        out = self.ask("bash", "--norc", "-c", 'source "$1"; COMP_LINE=$2 COMP_POINT=${#2}; shift 2; '
                       'COMP_WORDBREAKS=$\' \\t\\n"\\\'><=;|&(:\'; '
                       'COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _dse dse "${@: -1}" "${@: -2:1}"; '
                       'printf "%s\\n" "${COMPREPLY[@]}"', "-", self.script, line, *words)
        return [candidate for candidate in out.splitlines() if candidate]

    def test_syntax(self):
        self.ask("bash", "-n", self.script)

    def test_words_that_readline_takes_apart(self):
        self.assertEqual(sorted(self.candidates("dse replay --output=")), ["json", "text"])
        self.assertEqual(self.candidates("dse replay --output=te"), ["text"])
        self.assertEqual(self.candidates("dse replay --fields=evt.num,proc.cmdl"),
                         ["evt.num,proc.cmdline"])
        self.assertEqual(self.candidates("dse replay -s SignalDelivered:sig.co"), ["sig.code"])
        self.assertEqual(self.candidates("dse replay -s SignalDelivered:'sig.co"),
                         ["sig.code =", "sig.code in ("])
        self.assertEqual(self.candidates("dse replay -s 'proc.pid > 1 and (sig.co"),
                         ["proc.pid > 1 and (sig.code =", "proc.pid > 1 and (sig.code in ("])


@needs("fish")
class Fish(Candidates, Shell):
    shell = "fish"

    def candidates(self, line):
        out = self.ask("fish", "--no-config", "-c",
                       "source $argv[1]; complete -C $argv[2]", self.script, line)
        return [candidate.split("\t")[0] for candidate in out.splitlines()]

    def test_syntax(self):
        self.ask("fish", "--no-config", "-n", self.script)

    def test_descriptions(self):
        out = self.ask("fish", "--no-config", "-c", 'source $argv[1]; complete -C "dse replay --summ"',
                       self.script)
        self.assertEqual(out, "--summary\tcounts instead of events\n")


class Typed:
    """What becomes of a line when the tabulator is typed, in a shell on a terminal."""

    def typed(self, line):
        child, terminal = pty.fork()
        if child == 0:
            os.chdir(self.dir)
            os.execvpe(self.command[0], self.command,
                       {"PATH": os.environ["PATH"], "HOME": self.dir, "LC_ALL": "C.UTF-8",
                        "TERM": "dumb"})
        try:
            self.until(terminal, self.setup, "READY")
            said = self.until(terminal, line + "\t\x18", r"<<(.*)>>")
            return said[1].rstrip().rstrip(",")  # zsh adds one, and takes it back
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os.close(terminal)

    def until(self, terminal, text, pattern):
        os.write(terminal, text.encode())
        said = ""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if select.select([terminal], [], [], 1)[0]:
                said += os.read(terminal, 65536).decode(errors="replace")
            if match := re.search(pattern + r"\r?\n", said):
                return match
        self.fail(f"{text!r}: {said!r}")

    def test_on_a_terminal(self):
        for line, completed in [
                ("dse expl", "dse explain"),
                ("dse replay --summ", "dse replay --summary"),
                ("dse replay one.dse -o j", "dse replay one.dse -o json"),
                ("dse replay --output=te", "dse replay --output=text"),
                ("dse replay --point ProcessExited,Con",
                 "dse replay --point ProcessExited,ContainerEvent"),
                ("dse replay --fields evt.time,proc.cmdl",
                 "dse replay --fields evt.time,proc.cmdline"),
                ("dse stats --sum proc.maxr", "dse stats --sum proc.maxrss"),
                ("dse diff --ignore evt.time,proc.cmdl", "dse diff --ignore evt.time,proc.cmdline"),
                ("dse diff --against netw", "dse diff --against network"),
                ("dse profile show netw", "dse profile show network"),
                ("dse filter -w on", "dse filter -w one.dse"),
                ("dse replay one.dse --profile od", "dse replay one.dse --profile odd.toml"),
                ("dse replay -s 'proc.pid = 1 and sock.newst",
                 "dse replay -s 'proc.pid = 1 and sock.newstate")]:
            with self.subTest(line=line):
                self.assertEqual(self.typed(line), completed)


@needs("bash")
class BashTyped(Typed, Shell):
    shell = "bash"
    command = ["bash", "--norc", "--noprofile", "-i"]

    @property
    def setup(self):
        return ("bind 'set enable-bracketed-paste off'; bind 'set bell-style none'; "
                f"source {self.script}; "
                r"""bind -x '"\C-x": printf "<<%s>>\n" "$READLINE_LINE"'; printf 'REA%s\n' DY""" "\n")


@needs("zsh")
class ZshTyped(Typed, Shell):
    shell = "zsh"
    command = ["zsh", "-f", "-i"]

    @property
    def setup(self):
        return (f"autoload -U compinit; compinit -D -u; source {self.script}; "
                r"""show() { print -r -- "<<$BUFFER>>" }; zle -N show; bindkey '^X' show; """
                "unsetopt LIST_BEEP; KEYTIMEOUT=1; printf 'REA%s\\n' DY\n")

    def test_syntax(self):
        self.ask("zsh", "-f", "-n", self.script)

    def test_autoloaded(self):
        folder = os.path.join(self.dir, ".functions")
        os.mkdir(folder)
        shutil.copy(self.script, os.path.join(folder, "_dse"))
        out = self.ask("zsh", "-f", "-c", f"fpath=({folder} $fpath); autoload -U compinit; "
                       "compinit -D -u; print $_comps[dse]")
        self.assertEqual(out, "_dse\n")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
