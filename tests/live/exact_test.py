#!/usr/bin/env python3
"""What a workload truly did is in the capture: each thing exactly once, with the right values."""

import collections
import os
import signal
import socket
import subprocess

import live
from live import field, raw

COUNT = 40
NOOP = live.binary("noop")

SIGNAL_NAMES = {signal.SIGUSR1: "SIGUSR1", signal.SIGUSR2: "SIGUSR2", signal.SIGTERM: "SIGTERM"}
SIGNAL_CODES = {0: "SI_USER", -6: "SI_TKILL", -1: "SI_QUEUE"}

# A connection that the client closes first.
CLIENT_PATH = ["CLOSE", "SYN_SENT", "ESTABLISHED", "FIN_WAIT1", "FIN_WAIT2", "CLOSE"]
SERVER_PATH = ["SYN_RECV", "ESTABLISHED", "CLOSE_WAIT", "LAST_ACK", "CLOSE"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Execs(live.Case):
    def check(self, event, truth):
        argv = bytes.fromhex(truth["argv_hex"]).split(b"\0")[:-1]
        self.assertEqual(raw(field(event, "proc.exe")), argv[0])
        self.assertEqual([raw(a) for a in field(event, "proc.args")], argv[1:])
        self.assertEqual(raw(field(event, "proc.cmdline")), b" ".join(argv))
        self.assertEqual(field(event, "proc.argc"), truth["argc"])
        self.assertEqual(field(event, "proc.args_bytes"), truth["args_bytes"])
        self.assertIs(field(event, "proc.args_cut"), False)
        self.assertEqual(field(event, "proc.filename"), truth["exe"])
        self.assertEqual(field(event, "proc.name"), "noop")
        self.assertEqual(field(event, "proc.pid"), truth["pid"])
        self.assertEqual(field(event, "proc.tid"), truth["pid"])
        self.assertEqual(field(event, "proc.pname"), "exec_workload")
        for name in ("user.uid", "user.euid", "group.gid", "group.egid"):
            self.assertEqual(field(event, name), 0)

    def test_each_exec_once(self):
        recorder = self.recorder("c", *live.ROOMY)
        truth = live.workload("exec_workload", COUNT, NOOP)
        events = self.stop_whole(recorder)
        self.assertEqual(len(truth), COUNT + 3)
        seen = [e for e in live.of_type(events, "ProcessExecuted")
                if field(e, "proc.ppid") == truth[0]["ppid"]]
        self.assertEqual([field(e, "proc.pid") for e in seen], [t["pid"] for t in truth])
        for event, one in zip(seen, truth):
            with self.subTest(one["what"]):
                self.check(event, one)
        long = next(e for e, t in zip(seen, truth) if t["what"] == "long")
        self.assertEqual(field(long, "proc.args_bytes"), 100 * 1024)

    def test_a_limit_on_arguments_cuts_and_says_so(self):
        recorder = self.recorder("c", *live.ROOMY, "--max-args", "4KiB")
        truth = live.workload("exec_workload", 1, NOOP)
        events = self.stop_whole(recorder)
        seen = {field(e, "proc.pid"): e for e in live.of_type(events, "ProcessExecuted")
                if field(e, "proc.ppid") == truth[0]["ppid"]}
        self.assertEqual(len(seen), len(truth))
        for one in truth:
            event, block = seen[one["pid"]], bytes.fromhex(one["argv_hex"])
            if one["what"] != "long":
                self.check(event, one)
                continue
            self.assertIs(field(event, "proc.args_cut"), True)
            self.assertEqual(field(event, "proc.args_bytes"), 100 * 1024)
            self.assertEqual(field(event, "proc.argc"), one["argc"])
            kept = [field(event, "proc.exe"), *field(event, "proc.args")]
            self.assertEqual(b"".join(raw(a) + b"\0" for a in kept), block[:4096])

    def test_a_chain_of_parents(self):
        recorder = self.recorder("c", *live.ROOMY)
        truth = live.workload("fork_tree", 5, NOOP)
        events = self.stop_whole(recorder)
        last = truth[-1]
        self.assertTrue(last["execs"])
        [seen] = [e for e in live.of_type(events, "ProcessExecuted")
                  if field(e, "proc.pid") == last["pid"] and field(e, "proc.filename") == NOOP]
        self.assertEqual(field(seen, "proc.ppid"), truth[-2]["pid"])
        self.assertEqual(field(seen, "proc.pname"), truth[-2]["comm"])


class Signals(live.Case):
    def test_each_signal_once(self):
        recorder = self.recorder("c", *live.ROOMY)
        *truth, totals = live.workload("signal_workload", 2 * COUNT + 1)
        events = self.stop_whole(recorder)
        *handled, killed = truth
        self.assertEqual(totals["total"], len(truth))

        seen = [e for e in live.of_type(events, "SignalDelivered")
                if field(e, "proc.pid") == handled[0]["receiver_pid"]]
        self.assertEqual(len(seen), len(handled))
        for event, one in zip(seen, handled):
            self.assertEqual(field(event, "sig.num"), one["sig"])
            self.assertEqual(field(event, "sig.name"), SIGNAL_NAMES[one["sig"]])
            self.assertEqual(field(event, "sig.code"), SIGNAL_CODES[one["code"]])
            self.assertEqual(field(event, "sig.errno"), 0)
            self.assertEqual(field(event, "proc.tid"), one["receiver_tid"])
            self.assertEqual(field(event, "sig.sender.pid"), one["sender_pid"])
            self.assertEqual(field(event, "sig.sender.tid"), one["sender_pid"])
            self.assertEqual(field(event, "sig.sender.name"), "signal_workload"[:15])
            self.assertEqual(field(event, "sig.sender.uid"), 0)
            self.assertEqual(field(event, "sig.handler"), "user")
            self.assertEqual(field(event, "sig.directed"),
                             "thread" if one["how"] == "tgkill" else "process")

        [event] = [e for e in live.of_type(events, "SignalDelivered")
                   if field(e, "proc.pid") == killed["receiver_pid"]]
        self.assertEqual(field(event, "sig.name"), "SIGKILL")
        self.assertEqual(field(event, "sig.code"), "SI_USER")
        self.assertEqual(field(event, "sig.handler"), "default")
        self.assertEqual(field(event, "sig.sender.pid"), killed["sender_pid"])


class Connections(live.Case):
    def paths(self, events, port):
        """The state changes that have to do with a server port, by socket."""
        sockets = collections.defaultdict(list)
        for event in live.of_type(events, "SocketStateChange"):
            if port in (field(event, "sock.lport"), field(event, "sock.rport")):
                sockets[field(event, "sock.cookie")].append(event)
        return sockets

    def states(self, changes):
        for before, after in zip(changes, changes[1:]):
            self.assertEqual(field(before, "sock.newstate"), field(after, "sock.oldstate"))
        return [field(changes[0], "sock.oldstate")] + [field(c, "sock.newstate") for c in changes]

    def check_connections(self, family, address, name):
        recorder = self.recorder("c", *live.ROOMY)
        first, *truth = live.workload("conn_workload", COUNT, family)
        events = self.stop_whole(recorder)
        port, client, server = first["server_port"], first["client_pid"], first["server_pid"]
        # A socket that accept() will return is a copy of its listener when it first changes state.
        born = lambda e: (field(e, "sock.oldstate"), field(e, "sock.newstate")) == ("LISTEN", "SYN_RECV")
        mine = [e for e in events if e["evt"]["type"] == "SocketStateChange"
                and port in (field(e, "sock.lport"), field(e, "sock.rport"))]
        self.assertEqual(sum(map(born, mine)), COUNT)
        sockets = self.paths([e for e in mine if not born(e)], port)
        self.assertEqual(len(sockets), 2 * COUNT + 1)
        for event in mine:
            self.assertEqual(field(event, "sock.family"), name)
            self.assertEqual(field(event, "sock.proto"), "tcp")
            if not (born(event) or "LISTEN" in (field(event, "sock.newstate"), field(event, "sock.oldstate"))):
                self.assertEqual(field(event, "sock.rip"), address)
        clients, servers, listeners = [], [], []
        for changes in sockets.values():
            states = self.states(changes)
            if "LISTEN" in states:
                listeners.append(changes)
                self.assertEqual(states, ["CLOSE", "LISTEN", "CLOSE"])
            elif states[0] == "CLOSE":
                clients.append(changes)
                self.assertEqual(states, CLIENT_PATH)
            else:
                servers.append(changes)
                self.assertEqual(states, SERVER_PATH)
        self.assertEqual(len(listeners), 1)
        # Who calls connect, listen and close is the task that runs.
        self.assertEqual([field(e, "proc.pid") for e in listeners[0]], [server, server])
        ports = [t["client_port"] for t in truth]
        self.assertEqual([field(c[1], "sock.lport") for c in clients], ports)
        self.assertEqual([field(s[0], "sock.rport") for s in servers], ports)
        for changes in clients:
            for event in changes:
                self.assertEqual(field(event, "sock.rport"), port)
                if field(event, "sock.newstate") in ("SYN_SENT", "FIN_WAIT1"):
                    self.assertEqual(field(event, "proc.pid"), client)
        for changes in servers:
            for event in changes:
                self.assertEqual(field(event, "sock.lport"), port)
                if field(event, "sock.newstate") == "LAST_ACK":
                    self.assertEqual(field(event, "proc.pid"), server)

    def test_over_ipv4(self):
        self.check_connections(4, "127.0.0.1", "ipv4")

    def test_over_ipv6(self):
        self.check_connections(6, "::1", "ipv6")

    def test_nginx_under_ab(self):
        port, requests = free_port(), 200
        os.chmod(self.dir, 0o755)
        prefix = self.place("nginx")
        os.makedirs(os.path.join(prefix, "html"))
        with open(os.path.join(prefix, "html", "index.html"), "w", encoding="ascii") as page:
            page.write("a page\n")
        with open(os.path.join(prefix, "nginx.conf"), "w", encoding="ascii") as conf:
            conf.write(f"""
                daemon off;
                user root;
                worker_processes 2;
                pid {prefix}/pid;
                error_log {prefix}/error.log;
                events {{ worker_connections 256; }}
                http {{
                    log_format ports '$remote_port';
                    access_log {prefix}/ports ports;
                    client_body_temp_path {prefix}/body;
                    proxy_temp_path {prefix}/proxy;
                    fastcgi_temp_path {prefix}/fastcgi;
                    uwsgi_temp_path {prefix}/uwsgi;
                    scgi_temp_path {prefix}/scgi;
                    server {{ listen 127.0.0.1:{port}; root {prefix}/html; }}
                }}""")
        recorder = self.recorder("c", *live.ROOMY)
        nginx = self.start("nginx", "-p", prefix, "-c", f"{prefix}/nginx.conf")

        def answers():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0
        live.wait_until(answers, "nginx to listen")
        ab = subprocess.Popen(["ab", "-q", "-n", str(requests), "-c", "8",
                               f"http://127.0.0.1:{port}/index.html"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        report = ab.communicate(timeout=live.PATIENCE)[0].decode()
        self.assertRegex(report, rf"Complete requests: +{requests}\n")
        self.assertRegex(report, r"Failed requests: +0\n")
        nginx.terminate()
        nginx.wait(live.PATIENCE)
        events = self.stop_whole(recorder)

        with open(os.path.join(prefix, "ports"), encoding="ascii") as log:
            served = sorted(int(line) for line in log)
        self.assertEqual(len(set(served)), requests)

        born = lambda e: (field(e, "sock.oldstate"), field(e, "sock.newstate")) == ("LISTEN", "SYN_RECV")
        sockets = self.paths([e for e in events if not born(e)], port)
        client_ports, server_ports = [], []
        for changes in sockets.values():
            states = self.states(changes)
            if "LISTEN" in states:
                continue
            self.assertEqual(states[-1], "CLOSE")
            if states[0] == "SYN_RECV":
                self.assertEqual(states[1], "ESTABLISHED")
                server_ports.append(field(changes[0], "sock.rport"))
            elif field(changes[0], "proc.pid") == ab.pid:
                self.assertEqual(states[:3], ["CLOSE", "SYN_SENT", "ESTABLISHED"])
                client_ports.append(field(changes[1], "sock.lport"))
        # ab opens a few connections more than it has requests for; the server knows which it served.
        for ports in (client_ports, server_ports):
            self.assertEqual(sorted(p for p in ports if p in set(served)), served)


if __name__ == "__main__":
    live.main()
