#!/usr/bin/env python3
"""Captures of two hosts as one. Both see this kernel, so what they should agree on is known."""

import glob
import json

import live
from live import field

AHEAD = 3_000_000_000  # ns: by how much the clock of web2 is wrong


class Merge(live.Case):
    def record_two(self):
        """The same events, recorded by two hosts of their own names and networks, one with a wrong clock."""
        [library] = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")
        wrong = [f"LD_PRELOAD={library}", f"FAKETIME=+{AHEAD / 1e9}s", "FAKETIME_DONT_FAKE_MONOTONIC=1"]
        recorders = []
        for name, clock in (("web1", []), ("web2", wrong)):
            recorders.append(self.recorder(
                name, *live.ROOMY, program="unshare",
                command=("--uts", "--net", "sh", "-c", f'hostname {name}; exec "$@"', "sh",
                         "env", *clock, live.DSE, "record", "-w")))
        live.workload("exec_workload", 30, live.binary("noop"))
        live.workload("sigstorm", 20_000, 20_000)
        live.workload("signal_workload", 60)
        live.settle()
        for recorder in recorders:
            self.assertEqual(recorder.stop(), live.OK, recorder.err())
            self.assertEqual(self.info(recorder.path)["lost"], 0)
        return [recorder.path for recorder in recorders]

    def merge(self, *arguments, name="merged.dse"):
        result = live.dse("merge", *arguments, "-w", self.place(name))
        self.assertEqual(result.code, live.OK, result.err)
        return self.place(name)

    def events(self, path, *arguments):
        result = live.dse("replay", path, "-o", "json", *arguments)
        self.assertEqual(result.code, live.OK, result.err)
        return result.events()

    @staticmethod
    def without_numbers(events):
        for event in events:
            del event["evt"]["num"]
            event.pop("host", None)
        return [json.dumps(event, sort_keys=True) for event in events]

    def test_the_order_is_that_of_real_time_and_nothing_is_lost(self):
        web1, web2 = self.record_two()
        merged = self.merge(web1, web2, "--offset", f"web2=-{AHEAD / 1e9}s")
        events = self.events(merged)
        times = [live.nanoseconds(event["evt"]["time"]) for event in events]
        # Each CPU writes records of its own, which arrive almost, but not quite, in the order of time.
        late = [b for a, b in zip(times, times[1:]) if b < a - 100_000_000]
        self.assertEqual(late, [])
        numbers = [event["evt"]["num"] for event in events if event["evt"]["num"]]
        self.assertEqual(numbers, sorted(numbers))

        by_host = {}
        for event in events:
            by_host.setdefault(field(event, "host.name"), []).append(event)
        self.assertEqual(set(by_host), {"web1", "web2"})
        self.assertEqual(self.without_numbers(by_host["web1"]), self.without_numbers(self.events(web1)))
        self.assertEqual(len(by_host["web2"]), len(self.events(web2)))

        # What both saw stands side by side: the wrong clock has been put right.
        def deaths(host):
            return {(field(e, "proc.pid"), field(e, "sig.name"), field(e, "sig.value")): e
                    for e in by_host[host] if field(e, "sig.name") and field(e, "sig.value")}
        one, two = deaths("web1"), deaths("web2")
        both = one.keys() & two.keys()
        self.assertGreater(len(both), 10)
        for key in both:
            apart = (live.nanoseconds(one[key]["evt"]["time"]) -
                     live.nanoseconds(two[key]["evt"]["time"]))
            self.assertLess(abs(apart), 50_000_000)

        stream = live.dse("merge", web1, web2, "--offset", f"web2=-{AHEAD / 1e9}s", "-w", "-")
        self.assertEqual(stream.code, live.OK, stream.err)
        piped = live.dse("replay", "-", "-o", "json", stdin=stream.out)
        self.assertEqual(piped.out, live.dse("replay", merged, "-o", "json").out)

    def test_a_clock_that_is_wrong_shows(self):
        web1, web2 = self.record_two()
        merged = self.merge(web2, web1)
        self.assertEqual(live.dse("verify", merged).code, live.OK)
        self.assertEqual(live.dse("digest", merged).out, live.dse("digest", web1, web2).out)
        events = self.events(merged, "-s", "sig.name exists")
        hosts = [field(event, "host.name") for event in events]
        # The storm of web2 seems to come after all that web1 has.
        self.assertEqual(hosts[0], "web1")
        self.assertEqual(hosts[-1], "web2")


if __name__ == "__main__":
    live.main()
