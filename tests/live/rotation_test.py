#!/usr/bin/env python3
"""Segments, streams and limits: a capture is the same in whatever pieces it comes."""

import os
import pathlib
import subprocess

import live
from live import OK, field


class Rotation(live.Case):
    def storm(self, rounds, rate=200):
        return self.start(live.binary("mixstorm"), str(rounds), str(rate))

    def segments(self, path):
        return sorted(pathlib.Path(path).glob("*.dse"))

    def check_pieces(self, recorder, storm):
        """What holds for any capture of several segments."""
        segments = self.segments(recorder.path)
        self.assertEqual(sorted(os.listdir(recorder.path)), [s.name for s in segments])
        whole = live.dse("replay", "-q", recorder.path, "-o", "json")
        self.assertEqual((whole.code, whole.err), (OK, ""))

        joined = live.dse("replay", "-q", "-", "-o", "json", stdin=b"".join(s.read_bytes() for s in segments))
        self.assertEqual((joined.code, joined.err), (OK, ""))
        self.assertEqual(joined.out, whole.out)
        listed = live.dse("replay", "-q", *map(str, segments), "-o", "json")
        self.assertEqual((listed.code, listed.out), (OK, whole.out))

        children = 0
        at = self.info(recorder.path)["segments"][0]["first"]
        for segment in segments:
            # The stock tools take every segment.
            self.assertEqual(live.run("zstd", "-t", "-q", str(segment), "--no-progress").code, 0)
            entries = live.decode_entries(segment)
            self.assertEqual([next(iter(entries[i])) for i in (0, 1, -1)], ["segment", "snapshot", "end"])
            text = subprocess.run(f"zstd -dc '{segment}' | capnp decode '{live.SCHEMA}' Entry",
                                  shell=True, check=True, stdout=subprocess.PIPE).stdout
            self.assertTrue(text.startswith(b"( segment"))

            # And it stands on its own: it knows the processes that are older than itself.
            info = self.info(segment)
            self.assertEqual(info["segments"][0]["first"], at)
            at += info["records"]
            alone = live.dse("replay", "-q", str(segment), "-o", "json")
            self.assertEqual((alone.code, alone.err), (OK, ""))
            for event in live.of_type(alone.events(), "ProcessExecuted"):
                if field(event, "proc.ppid") == storm.pid:
                    self.assertEqual(field(event, "proc.pname"), "mixstorm")
                    children += 1
        return whole.events(), children

    def test_by_time(self):
        storm = self.storm(800)
        recorder = self.recorder("c", "--segment-time", "700ms", "--flush", "100ms", *live.ROOMY)
        storm.wait(live.PATIENCE)
        self.assertEqual(recorder.stop(), OK, recorder.err())
        self.assertGreaterEqual(len(self.segments(recorder.path)), 3)
        events, children = self.check_pieces(recorder, storm)
        # Every child of the storm is in exactly one of the segments.
        self.assertEqual(children, sum(field(e, "proc.ppid") == storm.pid
                                       for e in live.of_type(events, "ProcessExecuted")))
        self.assertGreater(children, 100)

    def test_near(self):
        recorder = self.recorder("c", "--segment-time", "1500ms", "--flush", "100ms", *live.ROOMY)
        storm = self.storm(1_000_000)
        live.wait_until(lambda: len(os.listdir(recorder.path)) >= 4, "four segments")
        storm.kill()
        self.assertEqual(recorder.stop(), OK, recorder.err())
        window = ("-S", "+3500ms", "-U", "+4s")
        fields = ("--fields", "evt.num,evt.time,evt.type,proc.pid,proc.cmdline,sig.num")
        whole = live.dse("replay", "-q", "-o", "json", *window, *fields, recorder.path)
        near = live.dse("replay", "-q", "-o", "json", *window, *fields, "--near", recorder.path)
        self.assertEqual((whole.code, near.code), (OK, OK), whole.err + near.err)
        self.assertGreater(len(whole.lines()), 50)
        self.assertEqual(near.lines(), whole.lines())
        # What is not needed is not even looked into.
        os.truncate(os.path.join(recorder.path, self.segments(recorder.path)[0]), 5000)
        near = live.dse("replay", "-q", "-o", "json", *window, *fields, "--near", recorder.path)
        self.assertEqual((near.code, near.lines()), (OK, whole.lines()), near.err)
        self.assertEqual(live.dse("replay", "-q", *window, recorder.path).code, 4)

    def test_by_size(self):
        recorder = self.recorder("c", "--segment-size", "100KiB", "--flush", "100ms", *live.ROOMY)
        storm = self.storm(500)
        storm.wait(live.PATIENCE)
        self.assertEqual(recorder.stop(), OK, recorder.err())
        self.assertGreaterEqual(len(self.segments(recorder.path)), 2)
        events, children = self.check_pieces(recorder, storm)
        self.assertEqual(children, 500)
        self.assertEqual(sum(field(e, "proc.pid") == storm.pid and field(e, "sig.name") == "SIGUSR1"
                             for e in live.of_type(events, "SignalDelivered")), 500 * 40)

    def test_keep(self):
        storm = self.storm(1_000_000)
        recorder = self.recorder("c", "--segment-time", "300ms", "--flush", "100ms", "--keep", "2",
                                 *live.ROOMY)
        first = self.place("c/00000000000000000000.dse")
        live.wait_until(lambda: os.path.exists(first), "the first segment to be sealed")
        live.wait_until(lambda: not os.path.exists(first), "the first segment to go")
        storm.kill()
        self.assertEqual(recorder.stop(), OK, recorder.err())
        self.assertEqual([name.endswith(".dse") for name in os.listdir(recorder.path)], [True, True])
        result = live.dse("replay", "-q", recorder.path, "-o", "json")
        self.assertEqual(result.code, OK, result.err)
        self.assertGreater(len(result.lines()), 0)

    def test_two_captures_in_one_directory(self):
        pids = []
        for _ in range(2):
            recorder = self.recorder("c", *live.ROOMY)
            pids.append(live.workload("exec_workload", 5, live.binary("noop"))[0]["ppid"])
            self.assertEqual(recorder.stop(), OK, recorder.err())
        first, second = self.info(self.place("c"))["segments"]
        self.assertEqual(first["first"], 1)
        self.assertGreaterEqual(second["first"], first["first"] + first["records"])
        events = self.replay(self.place("c"))
        self.assertEqual([pid for pid in (field(e, "proc.ppid") for e in
                                          live.of_type(events, "ProcessExecuted")) if pid in pids],
                         [pids[0]] * 8 + [pids[1]] * 8)
        numbers = [n for n in (field(e, "evt.num") for e in events) if n]
        self.assertEqual(numbers, sorted(numbers))


class Streams(live.Case):
    def test_record_into_replay(self):
        # dse records into a pipe until it is told to stop, and dse reads from it. The copy in between
        # tells when recording has begun.
        copy = self.place("copy")
        record = subprocess.Popen([live.DSE, "record", "-w", "-", "--flush", "50ms", *live.ROOMY],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        tee = subprocess.Popen(["tee", copy], stdin=record.stdout, stdout=subprocess.PIPE)
        replay = subprocess.Popen([live.DSE, "replay", "-", "-q", "-o", "json"], stdin=tee.stdout,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        record.stdout.close()
        tee.stdout.close()
        for process in (record, tee, replay):
            self.addCleanup(process.kill)
        live.wait_until(lambda: os.path.exists(copy) and os.path.getsize(copy), "the recorder to begin")
        truth = live.workload("exec_workload", 10, live.binary("noop"))
        record.terminate()
        out, err = replay.communicate(timeout=live.PATIENCE)
        self.assertEqual((replay.returncode, err), (OK, b""))
        self.assertIn(b"recorded", record.stderr.read())
        record.stderr.close()
        self.assertEqual(record.wait(live.PATIENCE), OK)
        self.assertEqual(tee.wait(live.PATIENCE), 0)
        events = live.Result(0, out, b"").events()
        self.assertEqual([field(e, "proc.pid") for e in live.of_type(events, "ProcessExecuted")
                          if field(e, "proc.ppid") == truth[0]["ppid"]], [t["pid"] for t in truth])


class Limits(live.Case):
    def reason(self, path):
        return self.info(path)["segments"][-1]["reason"]

    def test_max_events(self):
        self.start(live.binary("mixstorm"), "1000000", "200")
        for count in (1, 777, 20_000):
            path = self.place(f"c{count}.dse")
            result = live.dse("record", "-w", path, "--max-events", str(count), *live.ROOMY)
            self.assertEqual(result.code, OK, result.err)
            kinds = self.info(path)["kinds"]
            self.assertEqual(sum(n for kind, n in kinds.items() if kind not in live.OWN_KINDS), count)
            self.assertEqual(self.reason(path), "--max-events")

    def test_max_bytes(self):
        self.start(live.binary("mixstorm"), "1000000", "200")
        path = self.place("c.dse")
        result = live.dse("record", "-w", path, "--max-bytes", "200KiB", "--flush", "50ms", *live.ROOMY)
        self.assertEqual(result.code, OK, result.err)
        self.assertEqual(self.reason(path), "--max-bytes")
        self.assertGreaterEqual(os.path.getsize(path), 200 * 1024)
        # Not much more: what came while the last block was written.
        self.assertLess(os.path.getsize(path), 4 * 200 * 1024)

    def test_for(self):
        path = self.place("c.dse")
        result = live.dse("record", "-w", path, "--for", "1s")
        self.assertEqual(result.code, OK, result.err)
        self.assertEqual(self.reason(path), "--for")

    def test_windows_limits_and_summaries_of_replay(self):
        recorder = self.recorder("c", *live.ROOMY)
        for _ in range(3):
            live.workload("mixstorm", 20, 40)
            live.settle()
        self.assertEqual(recorder.stop(), OK, recorder.err())
        path = recorder.path
        events, info = self.replay(path), self.info(path)
        time_of = lambda e: live.nanoseconds(field(e, "evt.time"))
        start, end = live.nanoseconds(info["started"]), live.nanoseconds(info["last"])
        stamp = lambda e: field(e, "evt.time")
        low, high = stamp(events[len(events) // 3]), stamp(events[2 * len(events) // 3])

        for options, keep in [
                (["-S", low], lambda e: stamp(e) >= low),
                (["-U", high], lambda e: stamp(e) <= high),
                (["--since", low, "--until", high], lambda e: low <= stamp(e) <= high),
                (["-S", "+700ms"], lambda e: time_of(e) >= start + 700_000_000),
                (["-U", "+1s"], lambda e: time_of(e) <= start + 1_000_000_000),
                (["-S", "-1s"], lambda e: time_of(e) >= end - 1_000_000_000),
                (["-S", "+500ms", "-U", "-500ms"],
                 lambda e: start + 500_000_000 <= time_of(e) <= end - 500_000_000)]:
            with self.subTest(options=options):
                expected = list(filter(keep, events))
                self.assertGreater(len(expected), 0)
                self.assertLess(len(expected), len(events))
                self.assertTrue(self.replay(path, *options) == expected)

        for count in (1, 10, len(events), len(events) + 1):
            self.assertTrue(self.replay(path, "-n", str(count)) == events[:count])

        [summary] = self.replay(path, "--summary")
        self.assertEqual(summary["events"], len(events))
        self.assertEqual(summary["lost"], 0)
        for point, count in summary["points"].items():
            self.assertEqual(count, len(live.of_type(events, point)))
        self.assertEqual(summary["last"], max(map(stamp, events)))


if __name__ == "__main__":
    live.main()
