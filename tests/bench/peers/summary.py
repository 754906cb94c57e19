"""Numbers out of rows: medians, and what can be told from pairs of noisy ones."""

import math
import random
import statistics

RESAMPLES = 10_000


def median_of(rows, value):
    """Of the rows that have it; None of none."""
    values = [got for got in map(value, rows) if got is not None]
    return statistics.median(values) if values else None


def ratio(a, b):
    return a / b if a is not None and b else None


def number(value, digits=3):
    """With at least that many significant digits, and none behind the point beyond."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def median_interval(values, confidence=0.95):
    """The bootstrap's interval of the median. Seeded: a table made again is the same table."""
    chance = random.Random(1)
    medians = sorted(statistics.median(chance.choices(values, k=len(values)))
                     for _ in range(RESAMPLES))
    edge = int((1 - confidence) / 2 * RESAMPLES)
    return medians[edge], medians[-1 - edge]


def sign_test(values, null=1.0):
    """Two-sided: how likely it is that so many lie on one side by chance alone."""
    above, below = sum(v > null for v in values), sum(v < null for v in values)
    n, few = above + below, min(above, below)
    return min(1.0, 2 * sum(math.comb(n, k) for k in range(few + 1)) / 2 ** n)


class Results:
    def __init__(self, rows):
        self.rows = rows

    def of(self, part, **where):
        return [row for row in self.rows if row["part"] == part and
                all(row.get(name) == value for name, value in where.items())]

    def names(self, part, name="tool", **where):
        """In the order in which they first came."""
        return list(dict.fromkeys(row[name] for row in self.of(part, **where)))

    def median(self, part, value, **where):
        return median_of(self.of(part, **where),
                         value if callable(value) else lambda row: row[value])

    # ---- of storms ----

    def cpu_per_event(self, storm, tool):
        """While running and at the stop; the start is paid once, however long one records."""
        return self.median("storms", cpu_per_event, storm=storm, tool=tool)

    def bytes_per_event(self, storm, tool):
        return self.median("storms", lambda row: row["bytes"] / row["events"], storm=storm, tool=tool)

    def slowdown_pairs(self, storm, tool, other):
        """The storm's time under one tool over that under the other, in the same round."""
        ratios = []
        for part in ("storms", "pairs"):
            others = {row["round"]: row["wall_s"] for row in self.of(part, storm=storm, tool=other)}
            ratios += [row["wall_s"] / others[row["round"]]
                       for row in self.of(part, storm=storm, tool=tool) if row["round"] in others]
        return ratios

    # ---- of questions ----

    def events_per_s(self, question, tool, size):
        """For a second of CPU."""
        return self.median("offline", lambda row: row["events"] / max(row["cpu_s"], 1e-6),
                           question=question, tool=tool, size=size)

    def best_peer(self, question):
        rates = {tool: self.events_per_s(question, tool, "same")
                 for tool in self.names("offline", question=question, size="same")
                 if not tool.startswith("dse")}
        return max(rates.items(), key=lambda item: item[1]) if rates else (None, None)


def cpu_per_event(row):
    return (row["cpu_running_ns"] + row["cpu_stop_ns"]) / row["events"]


def cpu_per_record(row):
    return ratio(row["cpu_running_ns"] + row["cpu_stop_ns"], row["records"])
