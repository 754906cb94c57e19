#!/usr/bin/env python3
"""What `dse run --tee` prints live, `dse replay` prints later: the same bytes, under load."""

import os
import pathlib
import shutil

import live

OFFLINE = os.environ.get("DSE_OFFLINE", "")
POINTS = ["ProcessExecuted", "ContainerEvent", "SocketStateChange", "SignalDelivered"]


class LiveEqualsOffline(live.Case):
    def load(self):
        storm = self.start(live.binary("mixstorm"), "300")
        live.workload("exec_workload", 20, live.binary("noop"))
        live.workload("signal_workload", 60)
        live.workload("conn_workload", 20, 4)
        live.workload("conn_workload", 20, 6)
        live.workload("fork_tree", 5, live.binary("noop"))
        storm.wait(live.PATIENCE)

    def record(self, name, *options):
        """Runs dse live under load; returns what it printed."""
        out = self.place(name + ".out")
        with open(out, "wb") as stdout:
            recorder = self.recorder(name, *live.ROOMY, *options, command=("run", "--tee"),
                                     stdout=stdout)
        self.load()
        self.assertEqual(recorder.stop(), live.OK, recorder.err())
        with open(out, "rb") as file:
            return file.read()

    def assert_same(self, seen, replayed, what):
        if seen == replayed:
            return
        # A diff of megabytes helps no one: the first line that differs does.
        a, b = seen.splitlines(), replayed.splitlines()
        for number, (x, y) in enumerate(zip(a, b)):
            if x != y:
                self.fail(f"{what}: line {number} of {len(a)} and {len(b)}: live {x!r}, offline {y!r}")
        self.fail(f"{what}: {len(a)} lines live, {len(b)} lines offline")

    def check(self, name, *options):
        """Runs live with `options` and replays with them, by both programs."""
        seen = self.record(name, *options)
        for program in (live.DSE, OFFLINE):
            result = live.run(program, "replay", self.place(name), *options)
            self.assertEqual(result.code, live.OK, result.err)
            self.assert_same(seen, result.out, f"{program} {' '.join(options)}")
        return seen

    def test_json(self):
        seen = self.check("c", "-o", "json")
        # The load is really in it.
        self.assertGreater(seen.count(b'"type":"SignalDelivered"'), 300 * 40)
        self.assertGreater(seen.count(b'"type":"SocketStateChange"'), 300 * 4 * 6)
        self.assertGreater(seen.count(b'"type":"ProcessExecuted"'), 300)

        # Moved and read as a stream, it is the same.
        capture = self.place("elsewhere")
        shutil.move(self.place("c"), capture)
        whole = b"".join(pathlib.Path(capture, name).read_bytes()
                         for name in sorted(os.listdir(capture)))
        result = live.run(OFFLINE, "replay", "-", "-o", "json", stdin=whole)
        self.assertEqual(result.code, live.OK, result.err)
        self.assert_same(seen, result.out, "from a pipe")
        # Nothing of the machine at hand goes into it.
        bare = live.run("unshare", "-m", "sh", "-c",
                        'umount -l /proc 2>/dev/null; mount -t tmpfs none /proc && exec "$@"', "sh",
                        OFFLINE, "replay", capture, "-o", "json",
                        env={"TZ": "Asia/Tokyo", "LC_ALL": "C", "PATH": os.environ["PATH"]})
        self.assertEqual(bare.code, live.OK, bare.err)
        self.assert_same(seen, bare.out, "without /proc and in another time zone")

        # Each point alone is what the whole has of it.
        for point in POINTS:
            result = live.run(OFFLINE, "replay", capture, "-o", "json", "--point", point)
            of_point = b"".join(line + b"\n" for line in seen.splitlines()
                                if b'"type":"%s"' % point.encode() in line[:120])
            self.assert_same(of_point, result.out, point)

    def test_text(self):
        self.check("c", "-o", "text")

    def test_a_window_from_the_start(self):
        seen = self.check("c", "-o", "json", "-S", "+300ms")
        whole = live.run(OFFLINE, "replay", self.place("c"), "-o", "json")
        self.assertTrue(whole.out.endswith(seen) and len(seen) <= len(whole.out))

    def test_a_tee_has_more_than_is_shown(self):
        self.record("c", "--summary")
        result = live.run(OFFLINE, "replay", self.place("c"), "--point", "SignalDelivered",
                          "--fields", "sig.sender.pid")
        self.assertIn(b'"sender"', result.out)

    def test_fields(self):
        self.check("c", "-o", "json", "--fields",
                   "evt.num,evt.time,proc.pname,proc.args,sig.sender.name,sock.cookie,cgroup.path")

    def test_fields_as_text(self):
        self.check("c", "-o", "text", "--fields", "proc.name,sig.name,sock.newstate,container.id",
                   "--point", "SignalDelivered,ProcessExecuted,SocketStateChange,ContainerEvent")

    def test_filters(self):
        """Filters of every kind, on fields that come from the record, the state, and the join."""
        seen = self.check("c", "-o", "json", "-q",
                          "-s", "proc.aname = mixstorm", "-s", "sig.sender.name exists",
                          "-s", "sock.rip in (127.0.0.0/8, ::1) and sock.owner.name exists",
                          "-d", "SignalDelivered:sig.name = SIGCHLD and sig.handler = default",
                          "-d", "evt.num < 200", "-d", "proc.cmdline regex '.*mixs.*'")
        self.assertGreater(seen.count(b"\n"), 300)
        result = live.run(OFFLINE, "replay", self.place("c"), "-o", "json", "-q")
        self.assertGreater(result.out.count(b"\n"), seen.count(b"\n"))

    def test_profiles(self):
        self.check("c", "-o", "json", "-q", "--profile", "security")
        self.check("d", "-o", "text", "-q", "--mark", "--profile", "default",
                   "-s", "not sock.rport = 443")

    def test_the_offline_program_has_no_recording_half(self):
        linked = live.run("ldd", OFFLINE)
        self.assertEqual(linked.code, 0, linked.err)
        self.assertNotIn(b"libbpf", linked.out)
        self.assertIn(b"libbpf", live.run("ldd", live.DSE).out)
        self.assertEqual(live.run(OFFLINE, "record", "-w", self.place("c")).code, live.USAGE)
        self.assertFalse(os.path.exists(self.place("c")))


def of_one_point(point):
    def test(self):
        self.check("c", "-o", "json", "--point", point)
    return test


for a_point in POINTS:
    setattr(LiveEqualsOffline, "test_point_" + a_point, of_one_point(a_point))


if __name__ == "__main__":
    live.main()
