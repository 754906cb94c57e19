#!/usr/bin/env python3
"""Who it was, of tasks that are someone else a moment later: a record names its task by a number that
stands for what was true when the ring last said so."""

import live
from live import field

THREADS = 300  # more than a CPU remembers
TIMES = 20


class Identities(live.Case):
    def test_each_signal_is_of_whom_the_thread_was_then(self):
        recorder = self.recorder("c", *live.ROOMY)
        truth = live.workload("identities", THREADS, TIMES)
        live.settle()
        self.assertEqual(recorder.stop(), live.OK, recorder.err())
        self.assertEqual(self.info(recorder.path)["lost"], 0)
        mine = 'sig.code == "SI_QUEUE" && sig.num == 35'
        events = {field(e, "sig.value"): e
                  for e in self.replay(recorder.path, "--point", "SignalDelivered", "-s", mine)}
        self.assertEqual(len(truth), THREADS * TIMES)
        self.assertEqual(sorted(events), sorted(t["value"] for t in truth))
        for t in truth:
            event = events[t["value"]]
            receiver = tuple(field(event, name) for name in ("proc.tid", "proc.name", "user.euid"))
            self.assertEqual(receiver, (t["tid"], t["name"], t["euid"]))
            sender = tuple(field(event, "sig.sender." + name) for name in ("tid", "name"))
            self.assertEqual(sender, (t["tid"], t["name"]))
            self.assertEqual(field(event, "sig.sender.source"), "generate")


if __name__ == "__main__":
    live.main()
