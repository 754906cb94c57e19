"""The chart: CPU and bytes per event of each tool in each storm, as horizontal bars."""

from html import escape

from summary import number

WIDTH, MARGIN, LABEL, BAR_HEIGHT, STEP = 860, 16, 170, 12, 18
COLUMN = (WIDTH - MARGIN) // 2
BAR = COLUMN - LABEL - MARGIN - 60  # and room for the number
# Middle tones, readable on white and on black alike.
STYLE = """
text { font: 12px sans-serif; fill: #24292f; }
.title { font-weight: bold; font-size: 13px; }
.dse { fill: #d9480f; } .peer { fill: #4c8bd6; } .floor { fill: #8b949e; }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3; } }
"""


def kind_of(tool):
    return tool.split()[0] if tool.startswith(("dse", "floor")) else "peer"


def bars(x, y, title, values):
    """A block of bars on a linear scale, of which those much longer than the rest are cut off."""
    parts = [f'<text class="title" x="{x}" y="{y}">{escape(title)}</text>']
    # Tools that format each event are 20 times the rest: to scale, they would leave nothing of it.
    known = sorted(value for _, value in values)
    scale = min(known[-1], 2.5 * known[len(known) // 2]) or 1
    for tool, value in values:
        y += STEP
        length = max(1, BAR * min(1, value / scale))
        mark = " »" if value > scale else ""
        parts += [f'<text x="{x + LABEL - 6}" y="{y + 10}" text-anchor="end">{escape(tool)}</text>',
                  f'<rect class="{kind_of(tool)}" x="{x + LABEL}" y="{y}" width="{length:.1f}" '
                  f'height="{BAR_HEIGHT}" rx="2"/>',
                  f'<text x="{x + LABEL + length + 5:.1f}" y="{y + 10}">{number(value)}{mark}</text>']
    return parts


def render(results):
    """None without storms."""
    storms = results.names("storms", "storm")
    if not storms:
        return None
    parts, y = [], 2 * MARGIN
    for storm in storms:
        names = results.names("storms", storm=storm)
        cpu = [(tool, results.cpu_per_event(storm, tool)) for tool in names]
        size = [(tool, results.bytes_per_event(storm, tool)) for tool in names
                if tool != "floor count"]
        parts += bars(MARGIN, y, f"{storm} storm: CPU ns per event", cpu)
        parts += bars(MARGIN + COLUMN, y, f"{storm} storm: bytes per event", size)
        y += STEP * (len(names) + 2)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" '
            f'viewBox="0 0 {WIDTH} {y}" role="img">\n'
            "<title>CPU and bytes per event of each recorder; shorter is better, » is cut off</title>\n"
            f"<style>{STYLE}</style>\n" + "\n".join(parts) + "\n</svg>\n")
