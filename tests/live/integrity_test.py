#!/usr/bin/env python3
"""A capture can be verified and recovered while it is recorded; one whose recorder was killed is mended,
and one that is whole gets smaller."""

import json
import os
import time

import live
from live import DAMAGED, OK

NUMBERS = ["-q", "--fields", "evt.num,evt.time,proc.name"]


class Integrity(live.Case):
    def load(self):
        return self.start(live.binary("mixstorm"), "1000000", "400")

    def check(self, path, code=OK):
        result = live.dse("verify", path, "-o", "json")
        answer = json.loads(result.out.decode())
        self.assertEqual(result.code, code, (answer["findings"][:5], result.err))
        return answer

    def test_while_it_is_recorded(self):
        self.load()
        recorder = self.recorder("c", "--flush", "20ms", "--segment-time", "200ms", "--keep", "4",
                                 *live.ROOMY)
        seen = growing = 0
        for number in range(12):
            answer = self.check(recorder.path)
            # Between two files there is a moment without one that is open.
            growing += any("still being recorded" in note for note in answer["notes"])
            seen += answer["records"]
            if number % 4 == 3:
                out = self.place(f"now-{number}")
                result = live.dse("recover", recorder.path, "-w", out)
                self.assertEqual(result.code, OK, result.err)
                self.check(out)
            time.sleep(0.1)
        self.assertGreater(seen, 0)
        self.assertGreater(growing, 6)
        self.assertEqual(recorder.stop(), OK, recorder.err())
        self.assertEqual(recorder.open_files(), [])
        answer = self.check(recorder.path)
        self.assertEqual(answer["segments"], 4)
        small = self.place("small.dse")
        result = live.dse("compact", recorder.path, "-w", small)
        self.assertEqual(result.code, OK, result.err)
        self.check(small)
        self.assertLess(os.path.getsize(small), answer["bytes"])
        self.assertEqual(live.dse("replay", small, "-q").out,
                         live.dse("replay", recorder.path, "-q").out)

    def test_killed(self):
        self.load()
        recorder = self.recorder("c", "--flush", "20ms", "--segment-size", "64KiB", *live.ROOMY)
        time.sleep(0.7)
        recorder.process.kill()
        recorder.wait()
        self.assertGreater(self.check(recorder.path, DAMAGED)["records"], 0)
        out = self.place("mended")
        self.assertEqual(live.dse("recover", recorder.path, "-w", out).code, DAMAGED)
        self.check(out)
        before = live.dse("replay", recorder.path, *NUMBERS)
        after = live.dse("replay", out, *NUMBERS)
        self.assertEqual((before.code, after.code), (DAMAGED, OK))
        self.assertEqual(after.out, before.out)


if __name__ == "__main__":
    live.main()
