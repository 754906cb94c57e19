#!/usr/bin/env python3
"""Whose socket it is, for how long, and what went over it: against what both ends know."""

import collections
import json
import os
import re
import socket
import subprocess
import sys
import time

import live
from live import field

IPPROTO_MPTCP, IPPROTO_SCTP = 262, 132
SLACK = 300_000_000  # nanoseconds that a busy machine may take between a clock and a system call
ADDRESSES = {socket.AF_INET: ("127.0.0.1", "ipv4"), socket.AF_INET6: ("::1", "ipv6")}

# A server and its client, each a process with a name of its own, that say what they do. Arguments: family,
# protocol, how many connections, bytes that the client and that the server send, seconds that each lasts.
SERVER = """
import json, os, socket, sys, time
family, protocol, count, expect, answer = map(int, sys.argv[1:6])
open("/proc/self/comm", "w").write("the-server")
server = socket.socket(family, socket.SOCK_STREAM, protocol)
server.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
listening = time.monotonic_ns()
server.listen(64)
say = lambda **what: print(json.dumps(what), flush=True)
say(port=server.getsockname()[1], listening=listening)
sys.stdin.readline()  # until told to go on
for _ in range(count):
    connection, peer = server.accept()
    accepted, got = time.monotonic_ns(), 0
    while got < expect:
        got += len(connection.recv(65536))
    connection.sendall(b"a" * answer)
    assert connection.recv(1) == b""
    closing = time.monotonic_ns()
    connection.close()
    say(peer=peer[1], accepted=accepted, closing=closing)
server.close()
"""
CLIENT = """
import json, socket, sys, time
family, protocol, count, send, expect = map(int, sys.argv[1:6])
port, seconds = int(sys.argv[6]), float(sys.argv[7])
open("/proc/self/comm", "w").write("the-client")
for _ in range(count):
    client = socket.socket(family, socket.SOCK_STREAM, protocol)
    began = time.monotonic_ns()
    client.connect(("::1" if family == socket.AF_INET6 else "127.0.0.1", port))
    connected, got = time.monotonic_ns(), 0
    own = client.getsockname()[1]
    client.sendall(b"c" * send)
    while got < expect:
        got += len(client.recv(65536))
    time.sleep(seconds)
    closing = time.monotonic_ns()
    client.close()
    print(json.dumps(dict(port=own, began=began, connected=connected, closing=closing)), flush=True)
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def states(event):
    return field(event, "sock.oldstate"), field(event, "sock.newstate")


class Recorded(live.Case):
    def changes(self, recorder, port):
        """The changes that have to do with a port, in order."""
        return [e for e in live.of_type(self.stop_whole(recorder), "SocketStateChange")
                if port in (field(e, "sock.lport"), field(e, "sock.rport"))]

    def by_socket(self, events):
        sockets = collections.defaultdict(list)
        for event in events:
            # A socket that accept() will return has the listener's cookie in its first change.
            if states(event) != ("LISTEN", "SYN_RECV"):
                sockets[field(event, "sock.cookie")].append(event)
        return list(sockets.values())

    def check_owner(self, event, pid, name, source, uid=0):
        self.assertEqual((field(event, "sock.owner.pid"), field(event, "sock.owner.name"),
                          field(event, "sock.owner.source"), field(event, "sock.owner.uid")),
                         (pid, name, source, uid), event)


class Sockets(Recorded):
    def server(self, *arguments):
        process = subprocess.Popen([sys.executable, "-c", SERVER, *map(str, arguments)],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process, json.loads(process.stdout.readline())

    def run_client(self, *arguments):
        process = subprocess.Popen([sys.executable, "-c", CLIENT, *map(str, arguments)],
                                   stdout=subprocess.PIPE)
        out = process.communicate(timeout=live.PATIENCE)[0]
        self.assertEqual(process.returncode, 0)
        return process.pid, [json.loads(line) for line in out.splitlines()]

    def check_connections(self, family):
        count, sent, answered = 5, 100_003, 54_321
        recorder = self.recorder("c", *live.ROOMY)
        server, listener = self.server(int(family), 0, count, sent, answered)
        server.stdin.write(b"\n")
        server.stdin.flush()
        client_pid, clients = self.run_client(int(family), 0, count, sent, answered, listener["port"], 0.2)
        out = server.communicate(timeout=live.PATIENCE)[0]
        served = {s["peer"]: s for s in map(json.loads, out.splitlines())}
        port = listener["port"]
        events = self.changes(recorder, port)
        address, name = ADDRESSES[family]
        self.assertEqual({field(e, "sock.family") for e in events}, {name})
        sockets = self.by_socket(events)
        self.assertEqual(len(sockets), 2 * count + 1)
        by_client = {c["port"]: c for c in clients}
        self.assertEqual(set(by_client), set(served))
        seen = collections.Counter()
        for changes in sockets:
            first, last = changes[0], changes[-1]
            if states(first) == ("CLOSE", "LISTEN"):
                seen["listening"] += 1
                for event in changes:
                    self.check_owner(event, server.pid, "the-server", "listen")
                    self.assertEqual(field(event, "sock.lip"), address)
                    self.assertIsNone(field(event, "sock.bytes_sent"))
                self.assertEqual(field(first, "sock.age"), 0)
            elif states(first) == ("CLOSE", "SYN_SENT"):
                seen["connecting"] += 1
                truth = by_client[field(last, "sock.lport")]
                self.check_client(changes, client_pid, truth, sent, answered)
            else:
                seen["accepted"] += 1
                truth = served[field(last, "sock.rport")]
                self.check_server(changes, server.pid, truth, by_client[truth["peer"]], sent, answered)
        self.assertEqual(seen, {"listening": 1, "connecting": count, "accepted": count})

    def check_traffic(self, event, sent, received):
        # A FIN counts as one byte in some kernels' sequence numbers, but never here.
        self.assertEqual(field(event, "sock.bytes_sent"), sent)
        self.assertEqual(field(event, "sock.bytes_received"), received)
        self.assertGreater(field(event, "sock.segs_sent"), 0)
        self.assertGreater(field(event, "sock.segs_received"), 0)
        self.assertGreater(field(event, "sock.srtt"), 0)
        self.assertEqual(field(event, "sock.retransmits"), 0)

    def check_client(self, changes, pid, truth, sent, answered):
        for event in changes:
            self.check_owner(event, pid, "the-client", "connect")
        by_state = {states(e): e for e in changes}
        began = by_state["CLOSE", "SYN_SENT"]
        self.assertEqual(field(began, "sock.age"), 0)
        self.assertIsNone(field(began, "sock.oldstate_duration"))
        self.assertIsNone(field(began, "sock.bytes_sent"))
        made = by_state["SYN_SENT", "ESTABLISHED"]
        self.assertLessEqual(field(made, "sock.age"), truth["connected"] - truth["began"])
        self.assertEqual(field(made, "sock.age"), field(made, "sock.oldstate_duration"))
        self.assertEqual(field(made, "sock.bytes_sent"), 0)
        closed = by_state["ESTABLISHED", "FIN_WAIT1"]
        age, lasted = field(closed, "sock.age"), field(closed, "sock.oldstate_duration")
        self.assertLessEqual(truth["closing"] - truth["connected"], lasted)
        self.assertLessEqual(age, truth["closing"] - truth["began"] + SLACK)
        self.assertEqual(age - lasted, field(made, "sock.age"))
        self.check_traffic(closed, sent, answered)

    def check_server(self, changes, pid, truth, client, sent, answered):
        for event in changes:
            self.check_owner(event, pid, "the-server", "accept")
        self.assertEqual([states(e)[1] for e in changes],
                         ["ESTABLISHED", "CLOSE_WAIT", "LAST_ACK", "CLOSE"])
        last = changes[-1]
        # Its life began with the handshake, when the client was connecting, and ended after it closed.
        self.assertGreaterEqual(field(last, "sock.age"), truth["closing"] - client["connected"] - SLACK)
        self.assertLessEqual(field(last, "sock.age"), truth["closing"] - client["began"] + SLACK)
        wait = changes[2]
        self.assertEqual(states(wait), ("CLOSE_WAIT", "LAST_ACK"))
        self.assertEqual(sum(field(e, "sock.oldstate_duration") for e in changes),
                         field(last, "sock.age"))
        self.check_traffic(last, answered, sent)

    def test_over_ipv4(self):
        self.check_connections(socket.AF_INET)

    def test_over_ipv6(self):
        self.check_connections(socket.AF_INET6)

    def test_what_is_older_than_the_recording(self):
        """A listener and a connection from before: their owners are those that have them open."""
        sent, answered = 1000, 2000
        server, listener = self.server(int(socket.AF_INET), 0, 2, sent, answered)
        port = listener["port"]
        server.stdin.write(b"\n")
        server.stdin.flush()
        old = socket.create_connection(("127.0.0.1", port))
        self.addCleanup(old.close)
        own_port = old.getsockname()[1]
        old.sendall(b"o" * sent)
        got = 0
        while got < answered:  # so the server has accepted it
            got += len(old.recv(65536))
        recorder = self.recorder("c", *live.ROOMY)
        old.close()
        client_pid, [client] = self.run_client(int(socket.AF_INET), 0, 1, sent, answered, port, 0)
        server.communicate(timeout=live.PATIENCE)
        events = self.changes(recorder, port)
        name = open("/proc/self/comm", encoding="utf-8").read().strip()
        seen = collections.Counter()
        for changes in self.by_socket(events):
            event = changes[-1]
            if field(event, "sock.lport") == own_port:
                seen["our end"] += 1
                self.assertEqual(states(changes[0]), ("ESTABLISHED", "FIN_WAIT1"))
                for event in changes:
                    self.check_owner(event, os.getpid(), name, "snapshot")
                    self.assertIsNone(field(event, "sock.age"))
                self.check_traffic(changes[0], sent, answered)
                self.assertIsNone(field(changes[0], "sock.oldstate_duration"))
                self.assertIsNotNone(field(changes[1], "sock.oldstate_duration"))
            elif field(event, "sock.rport") == own_port:
                seen["its other end"] += 1
                for event in changes:
                    self.check_owner(event, server.pid, "the-server", "snapshot")
                    self.assertIsNone(field(event, "sock.age"))
                self.check_traffic(changes[-1], answered, sent)
            elif states(changes[0]) == ("LISTEN", "CLOSE"):
                seen["listener"] += 1
                self.check_owner(changes[0], server.pid, "the-server", "snapshot")
                self.assertIsNone(field(changes[0], "sock.age"))
            elif states(changes[0]) == ("CLOSE", "SYN_SENT"):
                seen["new client"] += 1
                for event in changes:
                    self.check_owner(event, client_pid, "the-client", "connect")
            else:
                seen["accepted"] += 1
                for event in changes:
                    self.check_owner(event, server.pid, "the-server", "accept")
                    self.assertIsNotNone(field(event, "sock.age"))
        self.assertEqual(seen, {"our end": 1, "its other end": 1, "listener": 1, "new client": 1,
                                "accepted": 1})
        self.assertIn(client["port"], [field(e, "sock.lport") for e in events])

    def test_a_refused_connection(self):
        port = free_port()
        recorder = self.recorder("c", *live.ROOMY)
        with socket.socket() as client:
            began = time.monotonic_ns()
            self.assertRaises(ConnectionRefusedError, client.connect, ("127.0.0.1", port))
            took = time.monotonic_ns() - began
        events = self.changes(recorder, port)
        self.assertEqual([states(e) for e in events], [("CLOSE", "SYN_SENT"), ("SYN_SENT", "CLOSE")])
        name = open("/proc/self/comm", encoding="utf-8").read().strip()
        for event in events:
            self.check_owner(event, os.getpid(), name, "connect")
        self.assertLessEqual(field(events[1], "sock.age"), took)
        self.assertEqual(field(events[1], "sock.age"), field(events[1], "sock.oldstate_duration"))
        self.assertEqual(field(events[1], "sock.bytes_sent"), 0)

    def test_a_listener_that_is_inherited(self):
        """Who called listen() owns it, and what comes out of it, whoever accepts."""
        for before in (False, True):
            with self.subTest(before=before):
                path = f"c{int(before)}"
                recorder = None if before else self.recorder(path, *live.ROOMY)
                listener = socket.socket()
                listener.bind(("127.0.0.1", 0))
                listener.listen()
                port = listener.getsockname()[1]
                go, ready = os.pipe()
                child = os.fork()
                if child == 0:
                    os.close(ready)
                    os.read(go, 1)
                    connection, _ = listener.accept()
                    connection.close()
                    os._exit(0)
                os.close(go)
                recorder = recorder or self.recorder(path, *live.ROOMY)
                client = socket.create_connection(("127.0.0.1", port))
                os.close(ready)
                self.assertEqual(client.recv(1), b"")
                os.waitpid(child, 0)
                client.close()
                listener.close()
                events = self.changes(recorder, port)
                server_side = [e for e in events if field(e, "sock.lport") == port]
                self.assertGreaterEqual(len(server_side), 5)
                owners = {field(e, "sock.owner.pid") for e in server_side}
                # Of a listener from before, the first process that has it open is taken for its owner.
                self.assertEqual(owners, {os.getpid()})
                accepted = [e for e in server_side if "LISTEN" not in states(e)]
                self.assertEqual({field(e, "sock.owner.source") for e in accepted}, {"accept"})

    def test_mptcp(self):
        try:
            socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP).close()
        except OSError as error:
            self.skipTest(f"no MPTCP: {error}")
        recorder = self.recorder("c", *live.ROOMY)
        server, listener = self.server(int(socket.AF_INET), IPPROTO_MPTCP, 2, 1000, 1000)
        server.stdin.write(b"\n")
        server.stdin.flush()
        client_pid, clients = self.run_client(int(socket.AF_INET), IPPROTO_MPTCP, 2, 1000, 1000,
                                              listener["port"], 0)
        server.communicate(timeout=live.PATIENCE)
        events = self.changes(recorder, listener["port"])
        mptcp = [e for e in events if field(e, "sock.proto") == "mptcp"]
        # Below it, TCP carries the data.
        self.assertEqual({field(e, "sock.proto") for e in events}, {"tcp", "mptcp"})
        # Neither address nor port is set when the first change comes.
        connected = [e for e in mptcp if states(e) == ("SYN_SENT", "ESTABLISHED")]
        self.assertEqual(len(connected), 2)
        for event in connected:
            self.check_owner(event, client_pid, "the-client", "connect")
            self.assertIsNone(field(event, "sock.segs_sent"))
        [listening] = [e for e in mptcp if states(e) == ("CLOSE", "LISTEN")]
        self.check_owner(listening, server.pid, "the-server", "listen")
        self.assertEqual(sorted({field(e, "sock.lport") for e in mptcp
                                 if field(e, "sock.owner.pid") == client_pid} - {0}),
                         sorted(c["port"] for c in clients))
        accepted = [e for e in mptcp if field(e, "sock.lport") == listener["port"]
                    and field(e, "sock.rport") in {c["port"] for c in clients}
                    and "LISTEN" not in states(e)]
        self.assertGreaterEqual(len(accepted), 2 * 3)
        for event in accepted:
            self.check_owner(event, server.pid, "the-server", "accept")
            self.assertIsNotNone(field(event, "sock.age"))

    def test_sctp(self):
        try:
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_SCTP)
        except OSError as error:
            self.skipTest(f"no SCTP in this kernel: {error}")
        recorder = self.recorder("c", *live.ROOMY)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_SCTP) as client:
            client.connect(("127.0.0.1", port))
            listener.accept()[0].close()
        listener.close()
        events = self.changes(recorder, port)
        self.assertEqual({field(e, "sock.proto") for e in events}, {"sctp"})


class Nginx(Recorded):
    """A server that is there before the recorder."""

    def start_nginx(self, port):
        os.chmod(self.dir, 0o755)
        prefix = self.place("nginx")
        os.makedirs(os.path.join(prefix, "html"))
        with open(os.path.join(prefix, "html", "index.html"), "w", encoding="ascii") as page:
            page.write("a page\n")
        temporary = "".join(f"{name}_temp_path {prefix}/{name};"
                            for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        with open(os.path.join(prefix, "nginx.conf"), "w", encoding="ascii") as conf:
            conf.write(f"""
                daemon off; user root; worker_processes 4; pid {prefix}/pid;
                error_log {prefix}/error.log;
                events {{ worker_connections 256; }}
                http {{ access_log {prefix}/access; {temporary}
                    server {{ listen 127.0.0.1:{port}; root {prefix}/html; }} }}""")
        nginx = self.start("nginx", "-p", prefix, "-c", f"{prefix}/nginx.conf")

        def answers():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0
        live.wait_until(answers, "nginx to listen")
        children = lambda: subprocess.run(["pgrep", "-P", str(nginx.pid)], check=False,
                                          stdout=subprocess.PIPE).stdout.split()
        live.wait_until(lambda: len(children()) == 4, "nginx's workers")
        return nginx, {nginx.pid, *map(int, children())}

    def check_under_ab(self, *options):
        port, requests = free_port(), 500
        nginx, pids = self.start_nginx(port)
        live.settle()  # the probe's connections are gone
        recorder = self.recorder("c", *live.ROOMY)
        ab = subprocess.Popen(["ab", "-q", "-n", str(requests), "-c", "16", *options,
                               f"http://127.0.0.1:{port}/index.html"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        report = ab.communicate(timeout=live.PATIENCE)[0].decode()
        self.assertRegex(report, rf"Complete requests: +{requests}\n")
        self.assertRegex(report, r"Failed requests: +0\n")
        kept = int((re.search(r"Keep-Alive requests: +(\d+)\n", report) or [0, "0"])[1])
        nginx.terminate()
        nginx.wait(live.PATIENCE)
        events = self.changes(recorder, port)
        server = [e for e in events if field(e, "sock.lport") == port]
        client = [e for e in events if field(e, "sock.rport") == port]
        self.assertEqual(len(server) + len(client), len(events))
        # A connection for each request that did not keep one: two changes and more of each.
        self.assertGreaterEqual(len(server), 2 * (requests - kept))
        self.assertGreaterEqual(len(client), 2 * (requests - kept))
        for event in server:
            self.assertEqual(field(event, "sock.owner.name"), "nginx", event)
            self.assertIn(field(event, "sock.owner.pid"), pids)
        for event in client:
            self.assertEqual(field(event, "sock.owner.name"), "ab", event)
            self.assertEqual(field(event, "sock.owner.pid"), ab.pid)
        sources = collections.Counter(field(e, "sock.owner.source") for e in server)
        self.assertEqual(sources["unknown"], 0, sources)
        self.assertEqual(set(sources), {"accept", "snapshot"})
        self.assertEqual({field(e, "sock.owner.source") for e in client}, {"connect"})
        # The point of it: whoever was running was often the other.
        self.assertIn("ab", {field(e, "proc.name") for e in server})
        return kept

    def test_without_keepalive(self):
        self.assertEqual(self.check_under_ab(), 0)

    def test_with_keepalive(self):
        self.assertGreater(self.check_under_ab("-k"), 0)


if __name__ == "__main__":
    live.main()
