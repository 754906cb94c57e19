#!/usr/bin/env python3
"""perf sees the same workload at the same time, and it agrees: the same events, the same values."""

import json
import os
import re
import subprocess

import live
from live import field

EVENTS = ("sched:sched_process_exec,signal:signal_generate,signal:signal_deliver,"
          "sock:inet_sock_set_state")
LINE = re.compile(r"^\s*(?P<comm>.*?)\s+(?P<pid>\d+)/(?P<tid>\d+)\s+\[\d+\]\s+[\d.]+:\s+"
                  r"(?P<event>\w+:\w+):\s+(?P<rest>.*)$")
CODES = {0: "SI_USER", -6: "SI_TKILL", -1: "SI_QUEUE", 0x80: "SI_KERNEL"}
FAMILIES = {"AF_INET": "ipv4", "AF_INET6": "ipv6"}
HANDLERS = {0: "default", 1: "ignore"}

WORKLOADS = """
set -e
cd "$1"
"$2/exec_workload" 20 "$2/noop" > execs
"$2/fork_tree" 5 "$2/noop" > tree
"$2/signal_workload" 40 > signals
"$2/conn_workload" 15 4 > v4
"$2/conn_workload" 15 6 > v6
sleep 0.5
"""


class Seen:
    """An event as perf prints it."""

    def __init__(self, match):
        self.pid, self.tid = int(match["pid"]), int(match["tid"])
        self.comm, self.event = match["comm"], match["event"]
        self.args = dict(re.findall(r"(\w+)=(\S+)", match["rest"]))

    def number(self, name, base=10):
        return int(self.args[name], base)


class Agreed(live.Case):
    @classmethod
    def setUpClass(cls):
        if not os.path.isdir("/sys/kernel/tracing/events"):
            subprocess.run(["mount", "-t", "tracefs", "nodev", "/sys/kernel/tracing"], check=True)

    def watch(self):
        """Both look at the workloads; returns what they saw, and what the workloads say."""
        recorder = self.recorder("c", *live.ROOMY)
        data = self.place("perf.data")
        # perf begins before it starts the command and ends after it.
        result = live.run("perf", "record", "-q", "-o", data, "-a", "-m", "4096", "-e", EVENTS, "--",
                          "sh", "-c", WORKLOADS, "sh", self.dir, live.BIN)
        self.assertEqual(result.code, 0, result.err)
        events = self.stop_whole(recorder)
        script = live.run("perf", "script", "-i", data, "-F", "comm,pid,tid,cpu,time,event,trace")
        self.assertEqual(script.code, 0, script.err)
        self.assertNotRegex(script.err + result.err, r"(?i)\blost\b")
        seen = [Seen(match) for line in script.out.decode(errors="surrogateescape").splitlines()
                if (match := LINE.match(line))]
        truth = {}
        for name in ("execs", "tree", "signals", "v4", "v6"):
            with open(self.place(name), encoding="utf-8") as file:
                truth[name] = [json.loads(line) for line in file]
        return events, seen, truth

    def test_perf_agrees(self):
        events, seen, truth = self.watch()
        self.check_execs(events, seen, truth)
        self.check_signals(events, seen, truth["signals"][:-1])
        self.check_sockets(events, seen, truth)

    def check_execs(self, events, seen, truth):
        pids = {one["pid"] for one in truth["execs"] + truth["tree"]}
        pids |= {one["ppid"] for one in truth["execs"]}
        theirs = [(s.pid, s.comm, s.args["filename"]) for s in seen
                  if s.event == "sched:sched_process_exec" and s.pid in pids]
        ours = [(field(e, "proc.pid"), field(e, "proc.name"), field(e, "proc.filename"))
                for e in live.of_type(events, "ProcessExecuted") if field(e, "proc.pid") in pids]
        self.assertEqual(ours, theirs)
        self.assertEqual(len(ours), 20 + 3 + 1 + 1 + 1)

    def check_signals(self, events, seen, truth):
        receivers = {one["receiver_pid"] for one in truth}
        delivered = [(s.tid, s.number("sig"), s.number("errno"), CODES[s.number("code")],
                      HANDLERS.get(s.number("sa_handler", 16), "user"), s.number("sa_handler", 16),
                      s.number("sa_flags", 16))
                     for s in seen if s.event == "signal:signal_deliver" and s.pid in receivers]
        mine = [e for e in live.of_type(events, "SignalDelivered")
                if field(e, "proc.pid") in receivers]
        ours = [(field(e, "proc.tid"), field(e, "sig.num"), field(e, "sig.errno"),
                 field(e, "sig.code"), field(e, "sig.handler"), int(field(e, "sig.handler_addr")),
                 field(e, "sig.flags")) for e in mine]
        self.assertEqual(ours, delivered)
        self.assertEqual(len(ours), len(truth))

        # perf has the sender in an event of its own, in the same order. Its target is the thread that
        # the kernel looked at first, for a process its leader.
        sender = truth[0]["sender_pid"]
        names = {1: "process", 0: "thread"}
        targets = receivers | {one["receiver_tid"] for one in truth}
        generated = [(s.tid, s.comm, s.number("sig"), names[s.number("grp")]) for s in seen
                     if s.event == "signal:signal_generate" and s.pid == sender
                     and s.number("pid") in targets and s.number("res") == 0]
        self.assertEqual([(field(e, "sig.sender.tid"), field(e, "sig.sender.name"),
                           field(e, "sig.num"), field(e, "sig.directed")) for e in mine], generated)

    def check_sockets(self, events, seen, truth):
        for name in ("v4", "v6"):
            port = truth[name][0]["server_port"]
            theirs = []
            for s in seen:
                if s.event != "sock:inet_sock_set_state":
                    continue
                local, remote = s.number("sport"), s.number("dport")
                if port not in (local, remote):
                    continue
                six = "v6" if s.args["family"] == "AF_INET6" else ""
                theirs.append((s.tid, FAMILIES[s.args["family"]], s.args["saddr" + six], local,
                               s.args["daddr" + six], remote,
                               s.args["oldstate"].removeprefix("TCP_"),
                               s.args["newstate"].removeprefix("TCP_")))
            ours = [(field(e, "proc.tid"), field(e, "sock.family"), field(e, "sock.lip"),
                     field(e, "sock.lport"), field(e, "sock.rip"), field(e, "sock.rport"),
                     field(e, "sock.oldstate"), field(e, "sock.newstate"))
                    for e in live.of_type(events, "SocketStateChange")
                    if port in (field(e, "sock.lport"), field(e, "sock.rport"))]
            # Both order by time, but each reads the clock for itself: two CPUs may change places.
            self.assertEqual(sorted(ours), sorted(theirs))
            self.assertEqual(len(ours), 15 * 10 + 2)


if __name__ == "__main__":
    live.main()
