#!/usr/bin/env python3
"""What must not be kept is in no byte of a capture, nor of what is shown live."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys

import live
from live import field

NOOP = live.binary("noop")
# Never as they stand in this file, so that no tool that shows it to the recorder gives them away.
CANARY = "can" + "ary"
PATTERNS = [CANARY + r"-[a-z0-9]+", r"--password[= ](\S+)"]
REDACT = [option for pattern in PATTERNS for option in ("--redact", pattern)]
INSTEAD = "***"

# Gets signals and connections, and has children.
FAMILIAR = """
import os, signal, socket, subprocess, sys
signal.signal(signal.SIGUSR1, lambda *_: None)
with socket.create_server(("127.0.0.1", 0)) as server:
    with open(sys.argv[1] + ".new", "w") as ready:
        ready.write(str(server.getsockname()[1]))
    os.rename(ready.name, sys.argv[1])
    while True:
        connection, _ = server.accept()
        subprocess.run(["/bin/true"], check=True)
        connection.close()
"""


def secret(name):
    return f"{CANARY}-{name}"


class Redaction(live.Case):
    # In each of the places where a secret may be.
    IN_ARGUMENT = [secret("argument"), "before" + secret("inside") + "/after"]
    IN_ENVIRONMENT, IN_ALLOWED = secret("environment"), secret("allowed")
    IN_SNAPSHOT, IN_SNAPSHOT_ENV = secret("snapshot"), secret("snapshotenv")
    IN_PATH, IN_FAILED = secret("path"), secret("failed")
    IN_CWD, IN_OLD_CWD = secret("cwd"), secret("oldcwd")
    IN_SCRIPT = secret("script")
    # That only the second pattern knows.
    PASSWORDS = ["hunter2" + "-equals", "hunter2" + "-next"]
    ALL = [*IN_ARGUMENT, IN_ENVIRONMENT, IN_ALLOWED, IN_SNAPSHOT, IN_SNAPSHOT_ENV, IN_PATH, IN_FAILED,
           IN_CWD, IN_OLD_CWD, IN_SCRIPT, *PASSWORDS]

    def environment(self, canary, **more):
        return {"PATH": "/usr/bin:/bin", "HOME": "/somewhere", "DSE_TEST_TOKEN": canary,
                "UNASKED": "unasked-" + "variable", **more}

    def execute(self, *command, **options):
        options.setdefault("env", self.environment(self.IN_ENVIRONMENT))
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
        process.wait(live.PATIENCE)
        return process.pid

    def workload(self):
        """Programs with secrets all over; returns pids by what they are."""
        pids = {}
        pids["arguments"] = self.execute(
            NOOP, "first", self.IN_ARGUMENT[0], "", self.IN_ARGUMENT[1],
            "--password=" + self.PASSWORDS[0], "--password", self.PASSWORDS[1], "last")
        pids["environment"] = self.execute(NOOP, "plain", env=self.environment(
            self.IN_ENVIRONMENT, DSE_TEST_KEPT=f"a {self.IN_ALLOWED} b", DSE_TEST_KEPT_NOT="unasked-" "too"))
        pids["path"] = self.execute(os.path.join(self.secrets, self.IN_PATH, "noop"), "argument")
        pids["script"] = self.execute(os.path.join(self.secrets, self.IN_PATH, "script"), "argument")
        pids["failed"] = self.execute(live.binary("exec_attempt"), "execve",
                                      os.path.join(self.secrets, "nothing-" + self.IN_FAILED), "x",
                                      self.IN_ARGUMENT[0], "y")
        pids["cwd"] = self.execute(NOOP, "there", cwd=os.path.join(self.secrets, self.IN_CWD))
        return pids

    def prepare(self):
        """What is there before a recorder."""
        self.secrets = self.place("secrets")
        for name in (self.IN_PATH, self.IN_CWD, self.IN_OLD_CWD):
            os.makedirs(os.path.join(self.secrets, name))
        shutil.copy(NOOP, os.path.join(self.secrets, self.IN_PATH, "noop"))
        interpreter = os.path.join(self.secrets, self.IN_PATH, self.IN_SCRIPT)
        shutil.copy(NOOP, interpreter)
        script = pathlib.Path(self.secrets, self.IN_PATH, "script")
        script.write_text(f"#!{interpreter} {self.IN_SCRIPT}\n", encoding="ascii")
        script.chmod(0o755)
        old = self.start(
            "/bin/sh", "-c", "while kill -0 $PPID; do sleep 0.1 & wait; done", "sh", self.IN_SNAPSHOT,
            "visible", cwd=os.path.join(self.secrets, self.IN_OLD_CWD),
            env=self.environment(self.IN_SNAPSHOT_ENV, DSE_TEST_KEPT=self.IN_ALLOWED))
        live.wait_until(lambda: self.IN_SNAPSHOT.encode() in pathlib.Path(
            f"/proc/{old.pid}/cmdline").read_bytes(), "a program to run")
        return old

    def content(self, capture):
        """All bytes of a capture, as the stock tools decompress it."""
        content = b""
        for name in sorted(os.listdir(capture)):
            path = os.path.join(capture, name)
            content += pathlib.Path(path).read_bytes()
            content += subprocess.run(["zstd", "-dc", path], check=True, stdout=subprocess.PIPE).stdout
        return content

    def found(self, secrets, content):
        return [s for s in secrets if s.encode() in content]

    def events_of(self, events, pids):
        execs = live.of_type(events, "ProcessExecuted")
        return {name: [e for e in execs if field(e, "proc.pid") == pid] for name, pid in pids.items()}

    def check_kept(self, by):
        """What is no secret is there, in its place."""
        [event] = by["arguments"]
        self.assertEqual(field(event, "proc.exe"), NOOP)
        self.assertEqual(field(event, "proc.args"), [
            "first", INSTEAD, "", f"before{INSTEAD}/after", "--password=" + INSTEAD, "--password", INSTEAD,
            "last"])
        self.assertEqual(field(event, "proc.argc"), 9)
        self.assertIs(field(event, "proc.args_cut"), False)
        # The size, too, is of what is kept: the true one would tell how long a secret is.
        kept = [NOOP, *field(event, "proc.args")]
        self.assertEqual(field(event, "proc.args_bytes"), sum(len(a.encode()) + 1 for a in kept))
        self.assertEqual(field(event, "proc.filename"), NOOP)
        self.assertEqual(field(event, "proc.exepath"), os.path.realpath(NOOP))

        [event] = by["path"]
        self.assertEqual(field(event, "proc.filename"), f"{self.secrets}/{INSTEAD}/noop")
        self.assertEqual(field(event, "proc.exepath"), f"{self.secrets}/{INSTEAD}/noop")
        self.assertEqual(field(event, "proc.exe"), f"{self.secrets}/{INSTEAD}/noop")
        self.assertEqual(field(event, "proc.args"), ["argument"])
        [event] = by["script"]
        self.assertEqual(field(event, "proc.interp"), f"{self.secrets}/{INSTEAD}/{INSTEAD}")
        self.assertEqual(field(event, "proc.args"), [INSTEAD, f"{self.secrets}/{INSTEAD}/script", "argument"])
        [event] = by["cwd"]
        self.assertEqual(field(event, "proc.cwd"), f"{self.secrets}/{INSTEAD}")
        began, failed = by["failed"]
        self.assertIsNone(field(began, "proc.ret"))
        self.assertEqual(field(failed, "proc.ret"), "ENOENT")
        self.assertEqual(field(failed, "proc.filename"), f"{self.secrets}/nothing-{INSTEAD}")
        self.assertEqual(field(failed, "proc.args"), ["x", INSTEAD, "y"])
        self.assertEqual(field(failed, "proc.argc"), 4)

    def test_nothing_is_left_of_a_secret(self):
        self.prepare()
        recorder = self.recorder("c", *live.ROOMY, *REDACT, "--failed-execs", "--env", "DSE_TEST_KEPT",
                                 "--env", "HOME")
        pids = self.workload()
        events = self.stop_whole(recorder)
        content = self.content(recorder.path)
        self.assertIn(b"visible", content)  # so the process is in the snapshot
        self.assertEqual(self.found(self.ALL, content), [])
        by = self.events_of(events, pids)
        self.check_kept(by)
        # Of the environment, only what was asked for, and of that no secret.
        self.assertEqual(self.found(["unasked-" + "variable", "unasked-" + "too", "DSE_TEST_TOKEN",
                                     "UNASKED"], content), [])
        [event] = by["environment"]
        self.assertEqual(field(event, "proc.env"), ["HOME=/somewhere", f"DSE_TEST_KEPT=a {INSTEAD} b"])
        [event] = by["arguments"]
        self.assertEqual(field(event, "proc.env"), ["HOME=/somewhere"])
        for event in live.of_type(events, "ProcessExecuted"):
            names = {variable.split("=")[0] for variable in field(event, "proc.env") or []}
            self.assertLessEqual(names, {"HOME", "DSE_TEST_KEPT"})

    def test_names_of_what_was_there_before_the_recorder(self):
        """A name of which fifteen bytes tell no rule anything, of a process whose exec is not recorded."""
        name = "tell" + "tale-and-so-on-known-by-its-end"
        program, ready = self.place(name), self.place("ready")
        shutil.copy(os.path.realpath(sys.executable), program)
        process = self.start(program, "-c", FAMILIAR, ready)
        port = int(live.wait_until(lambda: os.path.exists(ready) and pathlib.Path(ready).read_text("ascii"),
                                   "a program to run"))
        recorder = self.recorder("c", *live.ROOMY, "--redact", "[a-z-]+-known-by-its-end", "--point",
                                 "ProcessExecuted,SocketStateChange,SignalDelivered,ProcessExited")
        for _ in range(3):
            os.kill(process.pid, signal.SIGUSR1)
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.recv(1)
        process.kill()
        process.wait()
        events = self.stop_whole(recorder)
        self.assertEqual(self.found([name[:15]], self.content(recorder.path)), [])
        [signalled, *_] = [e for e in live.of_type(events, "SignalDelivered")
                           if field(e, "proc.pid") == process.pid and field(e, "sig.name") == "SIGUSR1"]
        self.assertEqual(field(signalled, "proc.name"), INSTEAD)
        owned = [e for e in live.of_type(events, "SocketStateChange")
                 if field(e, "sock.owner.pid") == process.pid]
        self.assertEqual({field(e, "sock.owner.name") for e in owned}, {INSTEAD})
        children = [e for e in live.of_type(events, "ProcessExecuted")
                    if field(e, "proc.ppid") == process.pid]
        self.assertEqual({field(e, "proc.name") for e in children}, {"true"})

    def test_nothing_is_left_in_what_is_shown_live(self):
        self.prepare()
        for output in ("json", "text"):
            with self.subTest(output):
                out = self.place("out-" + output)
                with open(out, "wb") as stdout:
                    recorder = self.recorder("c-" + output, *live.ROOMY, *REDACT, "--failed-execs", "--env",
                                             "DSE_TEST_KEPT", "-o", output, command=("run", "--tee"),
                                             stdout=stdout)
                pids = self.workload()
                live.settle()
                self.assertEqual(recorder.stop(), live.OK, recorder.err())
                shown = pathlib.Path(out).read_bytes()
                self.assertIn(str(pids["arguments"]).encode(), shown)
                self.assertEqual(self.found([*self.ALL, "unasked-" + "variable"], shown), [])
                self.assertEqual(self.found(self.ALL, recorder.err().encode()), [])
                self.assertEqual(self.found(self.ALL, self.content(recorder.path)), [])
                if output == "json":
                    self.check_kept(self.events_of(self.replay(recorder.path), pids))

    def test_without_env_there_is_no_environment(self):
        self.prepare()
        recorder = self.recorder("c", *live.ROOMY, "--failed-execs")
        pids = self.workload()
        events = self.stop_whole(recorder)
        content = self.content(recorder.path)
        self.assertEqual(self.found([self.IN_ENVIRONMENT, self.IN_ALLOWED, self.IN_SNAPSHOT_ENV,
                                     "unasked-" + "variable", "unasked-" + "too", "HOME=/somewhere",
                                     "DSE_TEST_TOKEN"], content), [])
        self.assertEqual([e for e in events if field(e, "proc.env") is not None], [])
        # The test sees what it looks for: without --redact, the rest is all there.
        self.assertEqual(self.found(self.ALL, content), [
            s for s in self.ALL if s not in (self.IN_ENVIRONMENT, self.IN_ALLOWED, self.IN_SNAPSHOT_ENV)])
        [event] = self.events_of(events, pids)["arguments"]
        self.assertIn(self.IN_ARGUMENT[0], field(event, "proc.args"))

    def test_a_limit_cuts_no_secret_open(self):
        """What the limit on arguments cuts in two is not kept in half."""
        recorder = self.recorder("c", *live.ROOMY, "--redact", CANARY + "-[a-z]+-end", "--max-args", "4KiB")
        half = CANARY + "-" + "h" * 40 + "-end"
        padding = "p" * (4096 - len(NOOP) - 1 - 1 - 20)
        pid = self.execute(NOOP, padding, half, "last")
        events = self.stop_whole(recorder)
        self.assertEqual(self.found([CANARY + "-h"], self.content(recorder.path)), [])
        [event] = self.events_of(events, {"it": pid})["it"]
        self.assertEqual(field(event, "proc.args"), [padding, INSTEAD])
        self.assertIs(field(event, "proc.args_cut"), True)
        self.assertEqual(field(event, "proc.argc"), 4)


if __name__ == "__main__":
    live.main()
