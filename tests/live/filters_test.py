#!/usr/bin/env python3
"""What is filtered out of a real capture, with containers in it; and recording under a profile."""

import json
import os
import pathlib
import subprocess

import containers_test
import live

ALL = ("ProcessExecuted,ProcessExited,ContainerEvent,SocketStateChange,SignalGenerated,"
       "SignalDelivered")
SECRET = f"hunter{os.getpid()}x"  # in arguments, variables, directories and names


def plain(path):
    """All bytes of a capture, decompressed."""
    done = subprocess.run(["zstd", "-dcq", path], check=True, stdout=subprocess.PIPE)
    return done.stdout


class Capture(containers_test.Case):
    def record(self, *options):
        recorder = self.recorder("c", *live.ROOMY, "--env", "SECRET,PATH", *options)
        storm = self.start(live.binary("mixstorm"), "100")
        live.workload("exec_workload", 20, live.binary("noop"))
        live.workload("signal_workload", 60)
        live.workload("conn_workload", 20, 4)
        live.workload("fork_tree", 5, live.binary("noop"))
        home = self.place(SECRET)
        os.mkdir(home)
        live.run("/bin/sh", "-c", f": {SECRET}; /bin/true --password={SECRET}; kill -TERM $$", cwd=home,
                 env={"SECRET": SECRET, "PATH": os.environ["PATH"]})
        # Where no path tells of the container, and where one does.
        name = containers_test.MARK
        bundle = self.bundle(name, "/bin/sh", "-c", "sleep 0.2 & kill $!; exit 7")
        self.run_to_end(name, bundle, 7)
        docker = "d0cce5" + "%058x" % os.getpid()
        path = f"/docker/{docker}"

        def under_docker(config):
            config["linux"]["cgroupsPath"] = path
        self.addCleanup(self.remove_cgroups, path)
        known = self.bundle(name + "-docker", "/bin/sh", "-c", "true; exit 3", change=under_docker)
        self.run_to_end(name + "-docker", known, 3)
        storm.wait(live.PATIENCE)
        live.settle()
        self.assertEqual(recorder.stop(), live.OK, recorder.err())
        self.assertEqual(self.info(recorder.path)["lost"], 0)
        self.docker = docker
        return recorder.path

    def dse(self, *arguments):
        result = live.dse(*arguments)
        self.assertEqual(result.code, live.OK, result.err)
        return result.out

    def filters(self):
        return [
            ["-s", "sig.name exists", "-d", "proc.name = mixstorm"],
            ["-s", f"container.id in ({containers_test.MARK}, {self.docker})"],
            ["-s", "evt.type = ContainerEvent"],
            ["-s", "proc.aname = exec_workload"],
            ["-s", "sock.newstate = ESTABLISHED and sock.owner.name = conn_workload"],
            ["-s", "proc.exit_code = 7"],
            ["-d", "proc.name in (mixstorm, noop)"],
            [],
        ]

    def test_filtered_and_closed(self):
        capture = self.record()
        for number, filters in enumerate(self.filters()):
            with self.subTest(filters=filters):
                wanted = self.dse("replay", capture, "-q", "--point", ALL, *filters)
                self.assertNotEqual(wanted, b"")
                out = self.place(f"out-{number}")
                self.dse("filter", capture, "-q", "--point", ALL, *filters, "-w", out)
                self.assertEqual(self.dse("replay", out, "-q", "--point", ALL), wanted)
                closed = self.place(f"closed-{number}.dse")
                self.dse("filter", capture, "-q", "--point", ALL, *filters, "--close", "-w", closed)
                self.assertEqual(self.dse("replay", closed, "-q", "--point", ALL), wanted)
                self.assertLess(os.path.getsize(closed), self.size(out))

    def size(self, directory):
        return sum(path.stat().st_size for path in pathlib.Path(directory).iterdir())

    def test_what_was_filtered_out_is_nowhere(self):
        capture = self.record()
        secret = SECRET.encode()
        self.assertIn(secret, b"".join(plain(str(p)) for p in pathlib.Path(capture).glob("*.dse")))
        # No event that is kept has to do with the secret, but some of its neighbours do.
        out = self.place("closed.dse")
        self.dse("filter", capture, "-s", f"container.id in ({containers_test.MARK}, {self.docker})",
                 "--close", "-w", out)
        self.assertNotIn(secret, plain(out))
        self.dse("filter", capture, "-s", "evt.type = SocketStateChange", "--close", "-w",
                 self.place("sockets.dse"))
        self.assertNotIn(secret, plain(self.place("sockets.dse")))
        # Its own events show it, unless it is redacted.
        mine = ["-s", f"proc.cmdline contains {SECRET}"]
        self.dse("filter", capture, *mine, "--close", "-w", self.place("mine.dse"))
        self.assertIn(secret, plain(self.place("mine.dse")))
        redacted = self.place("redacted.dse")
        self.dse("filter", capture, *mine, "--close", "--redact", r"hunter\d+x", "-w", redacted)
        self.assertNotIn(secret, plain(redacted))
        events = live.dse("replay", redacted, "-q").events()
        self.assertTrue(any("--password=***" in json.dumps(event) for event in events))
        whole = self.place("whole.dse")
        self.dse("filter", capture, "--redact", r"hunter\d+x", "-w", whole)
        self.assertNotIn(secret, plain(whole))
        self.assertEqual(len(live.dse("replay", whole, "-q").lines()),
                         len(live.dse("replay", capture, "-q").lines()))


class Profile(live.Case):
    PROFILE = """
[points]
SocketStateChange = false
[[filter]]
drop = "proc.name = true"
[record]
failed-execs = true
env = ["DSE_TEST"]
redact = ["hush[0-9]+"]
buffer = "16MiB"
container-metadata = false
"""

    def options(self, path):
        return self.info(path)["recorder"]["options"]

    def test_recording_under_one(self):
        profile = self.place("mine.toml")
        pathlib.Path(profile).write_text(self.PROFILE, encoding="utf-8")
        recorder = self.recorder("c", "--profile", profile)
        live.run("/bin/sh", "-c", "exec /nowhere/at/all", env={"DSE_TEST": "yes", "OTHER": "no"})
        live.run("/bin/true", "hush12345", "open", env={"DSE_TEST": "yes", "OTHER": "no"})
        live.workload("conn_workload", 5, 4)
        live.settle()
        self.assertEqual(recorder.stop(), live.OK, recorder.err())

        options = self.options(recorder.path)
        self.assertEqual(options["points"], "ProcessExecuted,ContainerEvent,SignalDelivered")
        self.assertEqual(options["buffer"], str(16 << 20))
        self.assertEqual(options["failed-execs"], "yes")
        self.assertEqual(options["profile"], profile)
        shown = live.dse("profile", "show", recorder.path)
        self.assertEqual(shown.code, live.OK, shown.err)
        self.assertIn(b"proc.name = true", shown.out)
        self.assertNotIn(b"hush", shown.out)
        # What it was recorded under is a profile again.
        again = self.place("again.toml")
        pathlib.Path(again).write_bytes(shown.out)
        self.assertEqual(live.dse("profile", "check", again).code, live.OK)
        self.assertEqual(live.dse("replay", recorder.path, "-q", "--profile", again).out,
                         live.dse("replay", recorder.path, "-q", "--profile", profile).out)

        events = self.replay(recorder.path, "-s", "ProcessExecuted:proc.env[DSE_TEST] = yes")
        self.assertTrue(any(live.field(e, "proc.ret") == "ENOENT" for e in
                            self.replay(recorder.path, "-s", "proc.ret = ENOENT")))
        self.assertTrue(any(live.field(e, "proc.args") == ["***", "open"] for e in events))
        self.assertNotIn(b"OTHER", plain(str(next(pathlib.Path(recorder.path).glob("*.dse")))))
        # Filters act on what is shown, not on what is recorded.
        self.assertEqual(self.replay(recorder.path, "--profile", profile, "-s",
                                     "proc.name = true"), [])
        self.assertNotEqual(self.replay(recorder.path, "-s", "proc.name = true"), [])

    def test_the_command_line_goes_before(self):
        profile = self.place("mine.toml")
        pathlib.Path(profile).write_text(self.PROFILE, encoding="utf-8")
        recorder = self.recorder("c", "--profile", profile, "--buffer", "1MiB", "--point",
                                 "SocketStateChange")
        live.workload("conn_workload", 5, 4)
        live.settle()
        self.assertEqual(recorder.stop(), live.OK, recorder.err())
        options = self.options(recorder.path)
        self.assertEqual(options["buffer"], str(1 << 20))
        self.assertEqual(options["points"], "SocketStateChange")

    def test_mistakes_are_found_before_anything_starts(self):
        bad = self.place("bad.toml")
        for text, what in [("[record]\nbuffer = '3MiB'", "power of two"),
                           ("[record]\nlevel = 99", "bad.toml:2"),
                           ("[[filter]]\ndrop = 'proc.nmae = 1'", "did you mean")]:
            pathlib.Path(bad).write_text(text, encoding="utf-8")
            result = live.dse("run", "--profile", bad, "--for", "1s")
            self.assertEqual(result.code, live.USAGE, result.err)
            self.assertIn(what, result.err)
            self.assertEqual(result.out, b"")


if __name__ == "__main__":
    live.main()
