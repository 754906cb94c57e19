#!/usr/bin/env python3
"""dse export against what dse replay and dse stats say of the same events.

  export_command_test.py DSE GOLDEN_CAPTURES PROTOC SAMPLE_WRITER
"""

import collections
import csv
import io
import json
import os
import re
import subprocess
import sys
import unittest

from analysis import ALL, NAMES, Case, value_of

DSE, CAPTURES, PROTOC, SAMPLE_WRITER = sys.argv[1:5]
FILTERS = [[], ["--point", ALL], ["--profile", "default"],
           ["--point", ALL, "-s", "proc.name exists", "-d", "proc.pid < 100", "-S", "+1ms"]]

# From the reference of the Elastic Common Schema, 8.17.
KINDS = {"alert", "asset", "enrichment", "event", "metric", "state", "pipeline_error", "signal"}
CATEGORIES = {"api", "authentication", "configuration", "database", "driver", "email", "file", "host",
              "iam", "intrusion_detection", "library", "malware", "network", "package", "process",
              "registry", "session", "threat", "vulnerability", "web"}
TYPES = {"access", "admin", "allowed", "change", "connection", "creation", "deletion", "denied",
         "device", "end", "error", "group", "indicator", "info", "installation", "protocol", "start",
         "user"}
EXPECTED = {"process": {"access", "change", "end", "info", "start"},
            "network": {"access", "allowed", "connection", "denied", "end", "info", "protocol",
                        "start"}}
DIRECTIONS = {"ingress", "egress", "inbound", "outbound", "internal", "external", "unknown"}
TOP = {"@timestamp", "ecs", "event", "host", "process", "user", "group", "source", "destination",
       "network", "container", "orchestrator", "error", "dse"}


def leaves(value, path=""):
    """(path, value) of all that is no object."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else key)
    else:
        yield path, value


def as_text(value):
    """A string of JSON as the text output has its bytes."""
    out = []
    for byte_or_char in value:
        code = ord(byte_or_char)
        if 0xdc80 <= code <= 0xdcff:
            out.append(f"\\x{code - 0xdc00:02x}")
        elif code < 0x20 or code == 0x7f or byte_or_char == "\\":
            out.append(f"\\x{code:02x}")
        elif 0x80 <= code < 0xa0:
            out += [f"\\x{byte:02x}" for byte in byte_or_char.encode()]
        else:
            out.append(byte_or_char)
    return "".join(out)


def as_cell(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return as_text(value)
    return str(value)


class Lines(Case):
    dse_path, captures = DSE, CAPTURES

    def export(self, to, *arguments):
        return self.dse("export", "-q", "--to", to, "-w", "-", *arguments)

    def check_csv(self, capture, filters, columns):
        options = ["--fields", ",".join(columns)] if columns else []
        table = self.export("csv", capture, *filters, *options).decode()
        self.assertTrue(table.endswith("\r\n"))
        head, *rows = csv.reader(io.StringIO(table, newline=""), strict=True)
        # A column has its values in the events of all points, also of those that would not show it unasked.
        events = self.events(capture, *filters, "--fields", ",".join(head))
        if columns:
            self.assertEqual(head, columns)
        else:
            self.assertIn("evt.type", head)
            shown = {path for event in self.events(capture, *filters)
                     for path, value in leaves(event)}
            self.assertLessEqual(shown, set(head))
        self.assertEqual(len(rows), len(events))
        for row, event in zip(rows, events, strict=True):
            self.assertEqual(len(row), len(head))
            for name, cell in zip(head, row, strict=True):
                value = value_of(event, name)
                if isinstance(value, list):
                    self.assertEqual(json.loads(cell), value)
                else:
                    self.assertEqual(cell, as_cell(value), name)

    def test_csv(self):
        for name in NAMES:
            for filters in FILTERS:
                for columns in (None, ["evt.time", "proc.name", "proc.args", "proc.args[1]"],
                                ["sig.name"]):
                    if columns == ["sig.name"] and "security" in filters:
                        continue
                    with self.subTest(capture=name, filters=filters, columns=columns):
                        self.check_csv(self.capture(name), filters, columns)

    def test_csv_tells_missing_from_empty(self):
        capture = self.capture("synthetic-v2.dse")
        options = ["--point", "ProcessExecuted", "--fields", "evt.num,proc.exe,evt.cpu"]
        lines = self.export("csv", capture, *options).decode().split("\r\n")[1:-1]
        events = self.events(capture, *options)
        for line, event in zip(lines, events, strict=True):
            exe = value_of(event, "proc.exe")
            if exe is None:
                self.assertIn(",,", line)
            elif exe == "":
                self.assertIn(',"",', line)

    def test_ndjson_is_what_replay_says(self):
        for name in NAMES:
            for filters in FILTERS:
                for options in ([], ["--fields", "proc.name,evt.time,proc.args[0]"]):
                    with self.subTest(capture=name, filters=filters, options=options):
                        self.assertEqual(
                            self.export("ndjson", self.capture(name), *filters, *options),
                            self.dse("replay", "-q", "-o", "json", self.capture(name), *filters,
                                     *options))

    def test_ecs(self):
        for name in NAMES:
            capture = self.capture(name)
            for filters in FILTERS:
                with self.subTest(capture=name, filters=filters):
                    documents = [json.loads(line, object_pairs_hook=self.no_twins)
                                 for line in self.export("ecs", capture, *filters).splitlines()]
                    events = self.events(capture, *filters)
                    self.assertEqual(len(documents), len(events))
                    for document, event in zip(documents, events, strict=True):
                        self.check_document(document, event)

    def no_twins(self, pairs):
        """An object of JSON, in which no key stands twice."""
        self.assertEqual(len(pairs), len(dict(pairs)), pairs)
        return dict(pairs)

    def check_document(self, document, event):
        self.assertLessEqual(set(document), TOP)
        self.assertEqual(document["ecs"], {"version": "8.17.0"})
        self.assertEqual(document["@timestamp"], event["evt"]["time"])
        about = document["event"]
        self.assertIn(about["kind"], KINDS)
        self.assertEqual(len(about["category"]), 1)
        self.assertLessEqual(set(about["category"]), CATEGORIES)
        self.assertLessEqual(set(about["type"]), TYPES & EXPECTED[about["category"][0]])
        self.assertIn(about.get("outcome"), (None, "success", "failure", "unknown"))
        self.assertEqual(about["sequence"], event["evt"]["num"])
        self.assertRegex(about["action"], r"\A[a-z0-9_]+\Z")
        self.assertEqual(document["dse"]["evt"]["type"], event["evt"]["type"])
        kind = event["evt"]["type"]
        self.assertEqual(about["category"],
                         ["network"] if kind == "SocketStateChange" else ["process"])
        # Nothing is lost: every value is somewhere in the document.
        def plain(value):
            return str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        found = collections.Counter(json.dumps(plain(value)) for _, value in leaves(document))
        process = document.get("process", {})
        for path, value in leaves(event):
            if path == "proc.args" or path == "proc.exe":
                self.assertEqual(process["args"],
                                 [event["proc"]["exe"], *event["proc"].get("args", [])])
            elif path in ("sock.lport", "sock.rport", "sock.lip", "sock.rip") and value in (
                    0, "0.0.0.0", "::"):
                continue
            elif path == "container.image_digest":
                self.assertEqual(document["container"]["image"]["hash"]["all"], [value])
            else:
                self.assertGreater(found[json.dumps(plain(value))], 0, (path, value, document))
        if kind == "ProcessExecuted":
            self.assertEqual(about["outcome"], "failure" if "ret" in event["proc"] else "success")
            self.assertEqual(process["name"], event["proc"]["name"])
            self.assertEqual(process["parent"]["pid"], event["proc"]["ppid"])
            self.assertEqual(document["user"]["id"], str(event["user"]["uid"]))
        if kind == "ProcessExited":
            self.assertEqual(process.get("exit_code"), event["proc"].get("exit_code"))
            self.assertEqual(about["type"], ["end"])
        if kind == "SocketStateChange":
            self.check_socket(document, event)

    def check_socket(self, document, event):
        sock = event["sock"]
        network = document["network"]
        self.assertEqual((network["transport"], network["type"]), (sock["proto"], sock["family"]))
        self.assertIn(network["direction"], DIRECTIONS)
        owner = sock.get("owner", {})
        self.assertEqual(document.get("process", {}).get("pid"), owner.get("pid"))
        incoming = network["direction"] == "ingress"
        local, remote = ("destination", "source") if incoming else ("source", "destination")
        if sock["rport"]:
            self.assertEqual((document[remote]["ip"], document[remote]["port"]),
                             (sock["rip"], sock["rport"]))
        else:
            self.assertNotIn("port", document.get(remote, {}))
        if sock["lport"]:
            self.assertEqual((document[local]["ip"], document[local]["port"]),
                             (sock["lip"], sock["lport"]))
        if "bytes_sent" in sock:
            self.assertEqual(document[local]["bytes"], sock["bytes_sent"])
            self.assertEqual(document[remote]["bytes"], sock["bytes_received"])
        if owner.get("source") == "connect":
            self.assertFalse(incoming)
        if owner.get("source") in ("listen", "accept"):
            self.assertTrue(incoming)


def parse_text_format(text):
    """The messages of protoc --decode, as (field, value) lists; values are lists, strings or words."""
    stack = [[]]
    for line in text.splitlines():
        line = line.strip()
        if line.endswith("{"):
            inner = []
            stack[-1].append((line[:-1].strip(), inner))
            stack.append(inner)
        elif line == "}":
            stack.pop()
        elif line:
            field, value = line.split(": ", 1)
            stack[-1].append((field, value))
    assert len(stack) == 1
    return stack[0]


def one(message, field, default=None):
    values = [value for name, value in message if name == field]
    return values[0] if values else default


class Perfetto(Case):
    dse_path, captures = DSE, CAPTURES

    def decode(self, trace):
        folder = os.path.dirname(os.path.abspath(__file__))
        done = subprocess.run([PROTOC, f"--proto_path={folder}", "--decode=perfetto.protos.Trace",
                               "perfetto_trace.proto"], input=trace, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=True)
        text = done.stdout.decode()
        # What the decoder does not know it shows by number.
        self.assertIsNone(re.search(r"^\s*\d+[: ]", text, re.MULTILINE))
        return [value for name, value in parse_text_format(text)]

    def read(self, *arguments):
        """The events of a trace, checked for what must hold in every trace."""
        packets = self.decode(self.dse("export", "-q", "--to", "perfetto", "-w", "-", *arguments))
        names = {"event_categories": {}, "event_names": {}, "debug_annotation_names": {}}
        tracks, events, snapshots = {}, [], 0
        self.assertEqual(one(packets[0], "sequence_flags"), "1")
        for packet in packets:
            self.assertEqual(one(packet, "trusted_packet_sequence_id"), "1")
            for field, entry in one(packet, "interned_data", []):
                self.assertNotIn(one(entry, "iid"), names[field])
                names[field][one(entry, "iid")] = one(entry, "name")
            snapshots += one(packet, "clock_snapshot") is not None
            if descriptor := one(packet, "track_descriptor"):
                uuid = one(descriptor, "uuid")
                self.assertNotIn(uuid, tracks)
                parent = one(descriptor, "parent_uuid")
                self.assertTrue(parent is None or parent in tracks)
                tracks[uuid] = descriptor
            if event := one(packet, "track_event"):
                events.append(self.event(event, packet, names, tracks))
        self.assertEqual(snapshots, 1)
        self.check_slices(events)
        return events, tracks

    def event(self, event, packet, names, tracks):
        self.assertIn(one(event, "track_uuid"), tracks)
        type_ = one(event, "type")
        is_counter = one(tracks[one(event, "track_uuid")], "counter") is not None
        self.assertEqual(type_ == "TYPE_COUNTER", is_counter)
        said = {}
        for field, annotation in event:
            if field == "debug_annotations":
                key = names["debug_annotation_names"][one(annotation, "name_iid")].strip('"')
                said[key] = one(annotation, "uint_value") or one(annotation, "string_value")
        name = one(event, "name") or names["event_names"].get(one(event, "name_iid"))
        category = names["event_categories"].get(one(event, "category_iids"))
        return {"type": type_, "time": int(one(packet, "timestamp")), "said": said,
                "track": one(event, "track_uuid"), "name": name and name.strip('"'),
                "category": category and category.strip('"'),
                "flows": [value for name, value in event if name == "flow_ids"],
                "value": one(event, "counter_value") or one(event, "double_counter_value")}

    def check_slices(self, events):
        """On every track, a slice ends after it begins, and nothing ends that has not begun."""
        open_ = collections.defaultdict(list)
        for event in events:
            if event["type"] == "TYPE_SLICE_BEGIN":
                open_[event["track"]].append(event["time"])
            elif event["type"] == "TYPE_SLICE_END":
                self.assertTrue(open_[event["track"]])
                self.assertLessEqual(open_[event["track"]].pop(), event["time"])
        for times in open_.values():
            self.assertLessEqual(len(times), 1)

    def count(self, capture, point, *filters):
        """How many events dse stats has."""
        answer = json.loads(self.dse("stats", "-q", "-o", "json", capture, "--point", point,
                                     *filters))
        return answer["events"]

    def check(self, capture, filters):
        events, tracks = self.read(capture, *filters)
        begun = collections.Counter(event["category"] for event in events
                                    if event["type"] == "TYPE_SLICE_BEGIN")
        instants = collections.Counter(event["category"] for event in events
                                       if event["type"] == "TYPE_INSTANT")
        # Several drops may drop, so these can stand beside any others.
        count = lambda point, *more: self.count(capture, point, *filters, *more)
        self.assertEqual(begun["process"], count("ProcessExecuted", "-d", "proc.ret exists"))
        self.assertEqual(begun["process"] + instants["exec_failed"], count("ProcessExecuted"))
        self.assertEqual(begun["socket"],
                         count("SocketStateChange", "-d", "sock.newstate = CLOSE"))
        self.assertEqual(begun["socket"] + instants["socket"], count("SocketStateChange"))
        self.assertEqual(instants["signal_sent"], count("SignalGenerated"))
        self.assertEqual(instants["signal_received"], count("SignalDelivered"))
        self.assertEqual(instants["container"], count("ContainerEvent"))
        exits = sum("exit evt.num" in event["said"] for event in events)
        self.assertEqual(exits, count("ProcessExited"))
        return events, tracks

    def test_counts(self):
        for name in NAMES:
            for filters in ([], ["-s", "proc.pid > 100 or sig.name exists"], ["-S", "+1ms"]):
                with self.subTest(capture=name, filters=filters):
                    self.check(self.capture(name), filters)

    def test_losses_after_the_clock_was_set(self):
        # It was set back by an hour, and then three records of sockets were lost.
        events, _ = self.read(self.capture("synthetic-v2.dse"))
        losses, ends = [], []
        for i, event in enumerate(events):
            if event["category"] != "loss" or event["type"] != "TYPE_SLICE_BEGIN":
                continue
            end = next(other for other in events[i + 1:] if other["track"] == event["track"])
            losses.append(event["name"])
            ends.append(end["time"])
            self.assertLessEqual(event["time"], end["time"])
        self.assertEqual(losses, ["12 socket_state lost on CPU 1", "3 socket_state lost on CPU 2"])
        # Each ends with the record that comes next on its CPU.
        times = {event["time"] for event in events
                 if event["category"] == "socket" and event["type"] != "TYPE_SLICE_END"}
        self.assertTrue(times.issuperset(ends), ends)

    def test_written_capture(self):
        place = self.place("sample")
        subprocess.run([SAMPLE_WRITER, place], check=True)
        out = self.place("trace")
        # Its second recording was not sealed, which is exit code 4.
        self.dse("export", "--to", "perfetto", "-w", out, place, code=4)
        with open(out, "rb") as file:
            self.assertGreater(len(self.decode(file.read())), 10)

    def test_slices_are_the_processes(self):
        capture = self.capture("small-v1.dse")
        events, tracks = self.read(capture)
        shown = [event for event in events
                 if event["type"] == "TYPE_SLICE_BEGIN" and event["category"] == "process"]
        execs = self.events(capture, "--point", "ProcessExecuted", "-d", "proc.ret exists")
        self.assertEqual([event["name"] for event in shown],
                         [f"{event['proc']['name']}[{event['proc']['pid']}]" for event in execs])
        self.assertEqual([event["said"]["evt.num"] for event in shown],
                         [str(event["evt"]["num"]) for event in execs])
        # From the track of each up to that of the host.
        for event in shown:
            track, names = event["track"], []
            while track:
                names.append(one(tracks[track], "name"))
                track = one(tracks[track], "parent_uuid")
            self.assertEqual(len(names), 3, names)

    def test_arrows_of_signals(self):
        for name in NAMES:
            capture = self.capture(name)
            events, _ = self.read(capture)
            sent = {flow: event for event in events if event["category"] in
                    ("signal_sent", "signal_sender") for flow in event["flows"]}
            by_number = {event["said"].get("evt.num"): event for event in events
                         if event["category"] == "signal_received"}
            for event in self.events(capture, "--point", "SignalDelivered", "--fields",
                                     "evt.num,sig.name,sig.sender.pid,sig.sender.num"):
                received = by_number[str(event["evt"]["num"])]
                sender = event["sig"].get("sender", {})
                if "num" not in sender and "pid" not in sender:
                    self.assertEqual(received["flows"], [])
                    continue
                flow, = received["flows"]
                self.assertIn(flow, sent)
                if sent[flow]["category"] == "signal_sent":
                    self.assertEqual(sent[flow]["said"]["evt.num"], str(sender["num"]))
                else:
                    self.assertEqual(sent[flow]["name"], event["sig"]["name"])

    def test_states_of_sockets(self):
        capture = self.capture("small-v1.dse")
        events, _ = self.read(capture)
        shown = [event["name"] for event in events if event["category"] == "socket"]
        self.assertEqual(shown, [event["sock"]["newstate"] for event in
                                 self.events(capture, "--point", "SocketStateChange")])

    def test_what_recording_cost(self):
        for name in NAMES:
            capture = self.capture(name)
            series = json.loads(self.dse("info", capture, "--observer", "-o", "json"))
            series = series["observer"].get("series", [])
            events, tracks = self.read(capture)
            names = [one(tracks[event["track"]], "name") for event in events
                     if event["type"] == "TYPE_COUNTER"]
            self.assertEqual(names.count('"memory of the recorder"'), len(series))
            memory = [int(event["value"] or 0) for event in events if event["type"] == "TYPE_COUNTER"
                      and one(tracks[event["track"]], "name") == '"memory of the recorder"']
            self.assertEqual(memory, [sample["rss_bytes"] for sample in series])


class Files(Case):
    dse_path, captures = DSE, CAPTURES

    def test_files(self):
        capture, out = self.capture("small-v1.dse"), self.place("out.csv")
        done = self.run_dse("export", capture, "--to", "csv", "-w", out)
        self.assertEqual(done.returncode, 0, done)
        self.assertRegex(done.stderr.decode(), r"\Adse: exported [\d,]+ events as csv, .*\ndse: complete")
        self.assertEqual(os.listdir(self.dir), ["out.csv"])
        self.assertEqual(os.stat(out).st_mode & 0o777, 0o600)
        with open(out, "rb") as file:
            whole = file.read()
        self.assertEqual(whole, self.dse("export", "-q", capture, "--to", "csv", "-w", "-"))
        self.assertIn("out.csv exists", self.error("export", capture, "--to", "ecs", "-w", out, code=2))
        with open(out, "rb") as file:
            self.assertEqual(file.read(), whole)
        self.dse("export", "-q", capture, "--to", "ecs", "-w", out, "--force")
        with open(out, "rb") as file:
            self.assertEqual(file.read(), self.dse("export", "-q", capture, "--to", "ecs", "-w", "-"))
        self.assertEqual(os.listdir(self.dir), ["out.csv"])

    def test_what_fails_leaves_nothing(self):
        capture, copy = self.capture("small-v1.dse"), self.place("copy.dse")
        with open(capture, "rb") as source, open(copy, "wb") as file:
            file.write(source.read())
        self.error("export", copy, "--to", "csv", "-w", copy, "--force")
        self.error("export", copy, "--to", "csv", "-w", self.dir)
        self.error("export", copy, "--to", "csv", "-w", self.place("no/such/place"), code=6)
        self.error("export", self.place("nothing"), "--to", "csv", "-w", self.place("out"), code=6)
        if os.path.exists("/dev/full"):
            self.assertIn("No space left", self.error("export", copy, "--to", "csv", "-w", "/dev/full",
                                                      code=6))
        self.assertEqual(os.listdir(self.dir), ["copy.dse"])
        self.assertEqual(self.dse("replay", "-q", copy), self.dse("replay", "-q", capture))

    def test_torn_capture(self):
        capture, torn = self.capture("synthetic-v2.dse"), self.place("torn.dse")
        with open(capture, "rb") as source, open(torn, "wb") as file:
            file.write(source.read()[:-500])
        for to in ("csv", "ndjson", "ecs", "perfetto"):
            done = self.run_dse("export", torn, "--to", to, "-w", self.place(to))
            self.assertEqual(done.returncode, 4, done)
            self.assertIn(b"not sealed", done.stderr)
            self.assertTrue(os.path.exists(self.place(to)))

    def test_mistakes(self):
        capture, out = self.capture("small-v1.dse"), self.place("out")
        for arguments, said in [
                (["--to", "xml", "-w", out], "--to"), (["--to", "csv"], "--write"),
                (["-w", out], "--to"),
                (["--to", "csv", "-w", out, "--fields", "proc.nmae"], "did you mean proc.name"),
                (["--to", "csv", "-w", out, "--fields", ""], "at least one field"),
                (["--to", "ecs", "-w", out, "--fields", "proc.name"], "--fields is for csv and ndjson"),
                (["--to", "perfetto", "-w", out, "--fields", "proc.name"], "--fields is for"),
                (["--to", "csv", "-w", out, "-s", "proc.nmae = x"], "unknown field")]:
            with self.subTest(arguments=arguments):
                done = self.run_dse("export", capture, *arguments)
                self.assertEqual((done.returncode, done.stdout), (2, b""), done)
                self.assertIn(said, done.stderr.decode())
        self.assertEqual(os.listdir(self.dir), [])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
