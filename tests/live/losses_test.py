#!/usr/bin/env python3
"""What does not fit the buffer is counted and located: seen + lost = sent, exactly."""

import collections
import os
import re
import signal
import time

import live
from live import LOSS, OK, field

SENT = 60_000
SIGNALS = ("signal_generate", "signal_deliver")


class Losses(live.Case):
    def storm(self, *options):
        """Records storms into buffers that are far too small; returns the recorder and the storms."""
        recorder = self.recorder("c", "--buffer", "64KiB", *options)
        # The recorder stands still for a while, as it would on a host that starves it.
        storms = [self.start(live.binary("sigstorm"), str(SENT)) for _ in range(2)]
        for _ in range(3):
            recorder.process.send_signal(signal.SIGSTOP)
            time.sleep(0.05)
            recorder.process.send_signal(signal.SIGCONT)
            time.sleep(0.05)
        for storm in storms:
            self.assertEqual(storm.wait(live.PATIENCE), 0)
        return recorder, [storm.pid for storm in storms]

    def entries(self, recorder):
        [name] = os.listdir(recorder.path)
        return live.decode_entries(os.path.join(recorder.path, name))

    def test_every_signal_is_recorded_or_counted(self):
        recorder, pids = self.storm()
        self.assertEqual(recorder.stop(), OK, recorder.err())
        info = self.info(recorder.path)
        lost = collections.Counter()
        for loss in info["losses"]:
            lost[loss["kind"]] += loss["count"]
            self.assertIn(loss["cause"], ("ring full", "program busy"))
        self.assertGreater(lost["signal_deliver"], 0)
        self.assertEqual(info["lost"], sum(lost.values()))

        # What the kernel side met is what was recorded and what was lost, kind by kind.
        *_, end = self.entries(recorder)
        seen = {loss["kind"]: int(loss["count"]) for loss in end["end"]["seen"]}
        names = {1: "process_fork", 2: "process_exec", 3: "process_exit", 4: "cgroup_mkdir",
                 5: "cgroup_rmdir", 6: "cgroup_attach", 7: "socket_state", 8: "signal_generate",
                 9: "signal_deliver"}
        self.assertEqual(set(seen), set(names))
        for kind, name in names.items():
            self.assertEqual(seen[kind], info["kinds"].get(name, 0) + lost[name], name)

        # And the summary says the same.
        total = re.search(r"(?m)^seen +([\d,]+)$", recorder.err()).group(1)
        self.assertEqual(int(total.replace(",", "")), sum(seen.values()))
        total = re.search(r"(?m)^lost +([\d,]+)$", recorder.err()).group(1)
        self.assertEqual(int(total.replace(",", "")), info["lost"])

        # Of the storm itself: each signal was sent by its process to itself, and nothing sends it
        # others. What others do meanwhile only adds to what was lost.
        result = live.dse("replay", recorder.path, "-o", "json", "--point", "SignalDelivered")
        self.assertEqual(result.code, OK, result.err)
        self.assertIn("lost", result.err)
        recorded = collections.Counter(field(e, "proc.pid") for e in result.events()
                                       if field(e, "sig.name") == "SIGUSR1")
        missing = sum(SENT - recorded[pid] for pid in pids)
        self.assertGreater(missing, 0)
        for pid in pids:
            self.assertLessEqual(recorded[pid], SENT)
        # So of what was lost, the storms account for this much; the rest is of others, who lost no
        # more than they did.
        of_others = lost["signal_deliver"] - missing
        self.assertGreaterEqual(of_others, 0)
        self.assertLessEqual(of_others, seen[9] - len(pids) * SENT)

    def test_gaps_say_where(self):
        recorder, _ = self.storm()
        # Another of each kind and CPU, so that no loss is behind the last record of its kind.
        live.settle()
        for cpu in os.sched_getaffinity(0):
            self.assertEqual(live.run("taskset", "-c", str(cpu), live.binary("sigstorm"), "10").code, 0)
            self.assertEqual(live.run("taskset", "-c", str(cpu), live.binary("execstorm"), "1").code, 0)
        live.settle()
        self.assertEqual(recorder.stop(), OK, recorder.err())
        info = self.info(recorder.path)
        lost, gaps = collections.Counter(), collections.Counter()
        for loss in info["losses"]:
            if loss["cause"] == "ring full":
                lost[loss["kind"]] += loss["count"]
        begin, last = live.nanoseconds(info["started"]), live.nanoseconds(info["last"])
        for gap in info["gaps"]:
            gaps[gap["kind"]] += gap["lost"]
            self.assertGreater(gap["lost"], 0)
            self.assertIn(gap["cpu"], range(os.cpu_count()))
            until = live.nanoseconds(gap["until"])
            since = live.nanoseconds(gap["since"]) if "since" in gap else begin
            self.assertTrue(begin <= since < until <= last, gap)
        for kind in SIGNALS:
            self.assertGreater(gaps[kind], 0)
            self.assertEqual(gaps[kind], lost[kind], kind)
        text = live.dse("info", recorder.path)
        self.assertRegex(text.out.decode(), r"[\d,]+ signal_deliver on CPU \d+ between \S+Z and \S+Z\n")

        # The records on both sides of a gap are there, at just these times.
        times = collections.defaultdict(set)
        for event in self.replay(recorder.path, "--point", "SignalDelivered", "--self"):
            times[field(event, "evt.cpu")].add(field(event, "evt.time"))
        for gap in info["gaps"]:
            if gap["kind"] != "signal_deliver":
                continue
            self.assertIn(gap["until"], times[gap["cpu"]])
            if "since" in gap:
                self.assertIn(gap["since"], times[gap["cpu"]])
                self.assertFalse([t for t in times[gap["cpu"]] if gap["since"] < t < gap["until"]])

    def test_fail_on_loss(self):
        recorder, _ = self.storm("--fail-on-loss")
        self.assertEqual(recorder.stop(), LOSS, recorder.err())
        # The capture is as good as any.
        self.assertTrue(all(s["sealed"] for s in self.info(recorder.path)["segments"]))
        self.assertEqual(live.dse("replay", recorder.path, "-o", "json").code, OK)
        result = live.dse("replay", recorder.path, "-o", "json", "--fail-on-loss")
        self.assertEqual(result.code, LOSS)
        self.assertRegex(result.err, r"\Adse: incomplete: [^\n]*lost [\d,]+:\n")

    def test_fail_on_loss_without_a_loss(self):
        recorder = self.recorder("c", *live.ROOMY, "--fail-on-loss")
        live.workload("signal_workload", 9)
        self.assertEqual(recorder.stop(), OK, recorder.err())
        self.assertEqual(live.dse("replay", recorder.path, "--fail-on-loss").code, OK)


if __name__ == "__main__":
    live.main()
