"""What dse is to reach, as ratios within one run. A target that is missed is told as missed."""

from statistics import median

from summary import median_interval, number, ratio, sign_test

LEAST_PAIRS = 10
STORMS = ("signal", "connection", "exec", "mixed")
COMPRESSED_PEERS = ("perf -z", "trace-cmd")
MET, MISSED, OPEN = "met", "MISSED", "not measured"


class Verdicts:
    def __init__(self, results):
        self._results, self.lines = results, []

    def _add(self, target, found, is_met, bound):
        verdict = OPEN if is_met is None else MET if is_met else MISSED
        self.lines.append((target, bound, found or "–", verdict))

    def at_most(self, target, value, bound, unit=""):
        self._add(target, value is not None and f"{number(value)}{unit}",
                  None if value is None else value <= bound, f"≤ {bound:g}{unit}")

    def at_least(self, target, value, bound, unit=""):
        self._add(target, value is not None and f"{number(value)}{unit}",
                  None if value is None else value >= bound, f"≥ {bound:g}{unit}")

    # ---- storms ----

    def cpu(self):
        of = self._results.cpu_per_event
        for storm, other, bound in (("signal", "perf -z", 1), ("signal", "floor zstd1", 1.8),
                                    ("mixed", "perf -z", 1)):
            self.at_most(f"recorder CPU per event, {storm} storm, dse / {other}",
                         ratio(of(storm, "dse"), of(storm, other)), bound)

    def size(self):
        of = self._results.bytes_per_event
        for storm in ("signal", "mixed"):
            peers = [size for peer in COMPRESSED_PEERS if (size := of(storm, peer)) is not None]
            self.at_most(f"bytes per event, {storm} storm, dse / best compressed peer",
                         ratio(of(storm, "dse"), min(peers, default=None)), 0.7)

    def slowdown(self):
        for storm in STORMS:
            pairs = self._results.slowdown_pairs(storm, "dse", "floor zstd1")
            found = is_met = None
            if pairs:
                low, high = median_interval(pairs)
                found = (f"{low:.3f} to {high:.3f}, pairs: {len(pairs)}, "
                         f"sign test p = {sign_test(pairs):.2f}")
                if len(pairs) >= LEAST_PAIRS:
                    is_met = low <= 1
            self._add(f"time of the {storm} storm, dse / floor zstd1, 95 % interval of the median",
                      found, is_met, f"has 1, or is below, of ≥ {LEAST_PAIRS} pairs")
        for storm in STORMS:
            pairs = self._results.slowdown_pairs(storm, "dse", "perf -z")
            self.at_most(f"time of the {storm} storm, dse with all its kinds / perf -z with three",
                         median(pairs) if pairs else None, 1)

    def losses_and_memory(self):
        rows = [row for part in ("storms", "pairs", "rates")
                for row in self._results.of(part, tool="dse")]
        if rows:
            self.at_most("records lost in all storms, default buffers", sum(r["lost"] for r in rows), 0)
        peaks = [row["peak_kib"] / 1024 for row in rows if "peak_kib" in row]
        self.at_most("peak memory in all storms", max(peaks, default=None), 48, " MiB")

    def rates(self):
        def rate(storms, tool):
            return self._results.median("rates", "signals_per_s", storms=storms, tool=tool)

        for storms in (2, 3):
            for peer in COMPRESSED_PEERS:
                self.at_least(f"rate of {storms} signal storms, dse / {peer}",
                              ratio(rate(storms, "dse"), rate(storms, peer)), 1)

    # ---- timing ----

    def timing(self):
        of = self._results.median
        self.at_most("start to first event", of("start", "first_event_ms", tool="dse"), 100, " ms")
        self.at_most("run, event to line, p50", of("latency", "p50_ms", tool="dse run"), 0.5, " ms")
        self.at_most("run, event to line, p99", of("latency", "p99_ms", tool="dse run"), 2, " ms")
        for tool in self._results.names("latency"):
            if tool.startswith("dse tail"):
                bound = self._results.of("latency", tool=tool)[0]["flush_ms"] + 50
                self.at_most(f"{tool.removeprefix('dse ')}, event to line, p99",
                             of("latency", "p99_ms", tool=tool), bound, " ms")
        share = of("idle", "core_share", tool="dse")
        self.at_most("idle, share of a core", share and 100 * share, 0.1, " %")
        self.at_most("idle, wake-ups", of("idle", "wakeups_per_s", tool="dse"), 10, "/s")

    # ---- offline ----

    def offline(self):
        rate = self._results.events_per_s
        millions = lambda question: ratio(rate(question, "dse", "large"), 1e6)
        self.at_least("selective query", millions("select"), 200, " M events/s")
        peer, best = self._results.best_peer("select")
        self.at_least(f"selective query, dse / {peer or 'best peer'}",
                      ratio(rate("select", "dse", "large"), best), 100)
        self.at_least("full dump to JSON", millions("json"), 3, " M events/s")
        wall = lambda tool: self._results.median("offline", "wall_s", question="json", tool=tool,
                                                 size="large")
        self.at_least("full dump to JSON, speed of --jobs 2 / --jobs 1",
                      ratio(wall("dse"), wall("dse --jobs 2")), 1.8)
        self.at_least("stats --by proc.name", millions("count"), 100, " M events/s")

    # ---- scale ----

    def scale(self):
        for question in ("second", "second of one point"):
            wall = lambda size, asked=question: self._results.median("scale", "wall_s", size=size,
                                                                    question=asked)
            large = wall("large")
            self.at_most(f"a {question}, of 200 M events", large and 1000 * large, 50, " ms")
            self.at_most(f"a {question}, of 200 M events / of 2 M", ratio(large, wall("small")), 2)


def verdicts(results):
    """(target, bound, found, verdict) of each."""
    all_of = Verdicts(results)
    for part in (all_of.cpu, all_of.size, all_of.slowdown, all_of.losses_and_memory, all_of.rates,
                 all_of.timing, all_of.offline, all_of.scale):
        part()
    return all_of.lines
