"""The plots of the reports: logarithmic bars and lines as SVG, readable on a light and on a dark page."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape

STYLE = """
text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328; }
.small { font-size: 10.5px; fill: #59636e; }
.own { font-weight: 700; }
.title { font-size: 14px; font-weight: 600; }
.grid { stroke: #d1d9e0; stroke-width: 1; }
.mark { stroke: #1f2328; stroke-width: 2.5; }
.line { fill: none; stroke-width: 1.5; }
.s0 { fill: #0969da; stroke: #0969da; } .s1 { fill: #bc4c00; stroke: #bc4c00; }
.s2 { fill: #1a7f5a; stroke: #1a7f5a; } .s3 { fill: #8250df; stroke: #8250df; }
.s4 { fill: #9a6700; stroke: #9a6700; } .s5 { fill: #bf3989; stroke: #bf3989; }
.s6 { fill: #59636e; stroke: #59636e; }
.bar { stroke: none; } .line { fill: none; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; } .small { fill: #9198a1; } .grid { stroke: #3d444d; } .mark { stroke: #f0f6fc; }
  .s0 { fill: #4493f8; stroke: #4493f8; } .s1 { fill: #f0883e; stroke: #f0883e; }
  .s2 { fill: #3fb983; stroke: #3fb983; } .s3 { fill: #ab7df8; stroke: #ab7df8; }
  .s4 { fill: #d29922; stroke: #d29922; } .s5 { fill: #f778ba; stroke: #f778ba; }
  .s6 { fill: #9198a1; stroke: #9198a1; }
  .bar { stroke: none; } .line { fill: none; }
}
"""
BAR, GAP, LABELS, PLOT, VALUES = 12, 18, 350, 560, 80


@dataclass(frozen=True, slots=True)
class Scale:
    """Values between two powers of ten on a stretch of pixels."""

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def around(cls, values: Iterable[float], start: float, end: float) -> Scale:
        kept = [value for value in values if value > 0] or [1]
        low, high = math.floor(math.log10(min(kept))), math.ceil(math.log10(max(kept)))
        return cls(10.0**low, 10.0 ** max(high, low + 1), start, end)

    def at(self, value: float) -> float:
        share = math.log10(max(value, self.low) / self.low) / math.log10(self.high / self.low)
        return round(self.start + share * (self.end - self.start), 1)

    @property
    def ticks(self) -> list[float]:
        count = round(math.log10(self.high / self.low))
        return [self.low * 10**step for step in range(count + 1)]


def milliseconds(value: float) -> str:
    if value >= 10_000:
        return f"{value / 1000:,.0f} s"
    if value >= 1000:
        return f"{value / 1000:.1f} s"
    return f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"


def megabytes(value: float) -> str:
    return f"{value / 1000:g} GB" if value >= 1000 else f"{value:g} MB"


def plain(value: float) -> str:
    """1,500,000 as 1.5 M."""
    for unit, size in ((" M", 1_000_000), (" k", 1000)):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def bars(
    title: str, rows: Sequence[tuple[str, Sequence[float | None], float | None]], names: Sequence[str], mark: str
) -> str:
    """A group of bars for each row, one for each name; the last value of a row is a mark on the first bar."""
    numbers = [value for _, values, marked in rows for value in (*values, marked) if value]
    scale = Scale.around(numbers, LABELS, LABELS + PLOT)
    group = BAR * len(names) + GAP
    top, height = 66, 66 + group * len(rows) + 10
    parts = [_text(16, 24, title, "title"), _legend(names, mark)]
    for tick in scale.ticks:
        parts.append(_line(scale.at(tick), top - 6, scale.at(tick), height - 10, "grid"))
        parts.append(_text(scale.at(tick), top - 10, milliseconds(tick), "small", "middle"))
    for place, (label, values, marked) in enumerate(rows):
        y = top + place * group + GAP / 2
        parts.append(_text(LABELS - 10, y + BAR * len(names) / 2 + 4, label, "", "end"))
        for number, value in enumerate(values):
            if value is not None:
                end = max(value, marked or 0) if number == 0 else value
                parts.append(_bar(scale, y + number * BAR, value, number, end))
        if marked:
            x = scale.at(marked)
            parts.append(_line(x, y - 2, x, y + BAR, "mark"))
    return _page(LABELS + PLOT + VALUES, height, title, parts)


def _bar(scale: Scale, y: float, value: float, number: int, end: float) -> str:
    """The value is written behind `end`, where nothing else is."""
    width = max(1.0, scale.at(value) - scale.start)
    label = _text(scale.at(end) + 6, y + BAR - 3, milliseconds(value), "small" if number else "small own")
    return f'<rect class="s{number} bar" x="{scale.start}" y="{y}" width="{width:.1f}" height="{BAR - 2}"/>{label}'


@dataclass(frozen=True, slots=True)
class Curve:
    """`colour` is one of the seven; curves of one colour have one entry in the legend."""

    name: str
    colour: int
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Panel:
    title: str
    curves: Sequence[Curve]
    written: Callable[[float], str] = plain
    """How the numbers of its scale are written."""


def panels(title: str, drawn: Sequence[Panel], below: str) -> str:
    """Log-log plots side by side, each with its legend; `below` says what runs from left to right."""
    width, height, gap = 330, 330, 80
    parts = [_text(16, 24, title, "title")]
    deepest = 0
    for place, panel in enumerate(drawn):
        left = 70 + place * (width + gap)
        parts += _panel(panel, left, 70, width, height, below)
        names = list(dict.fromkeys((curve.name, curve.colour) for curve in panel.curves))
        deepest = max(deepest, len(names))
        for row, (name, colour) in enumerate(names):
            y = 70 + height + 62 + row * 18
            parts.append(f'<rect class="s{colour} bar" x="{left}" y="{y - 9}" width="12" height="10"/>')
            parts.append(_text(left + 18, y, name))
    return _page(70 + len(drawn) * (width + gap) - 20, 70 + height + 70 + deepest * 18, title, parts)


def _panel(panel: Panel, left: float, top: float, width: float, height: float, below: str) -> list[str]:
    points = [point for curve in panel.curves for point in curve.points]
    across = Scale.around([x for x, _ in points], left + 10, left + width - 10)
    up = Scale.around([y for _, y in points], top + height, top)
    parts = [_text(left, top - 16, panel.title)]
    for tick in up.ticks:
        parts.append(_line(left, up.at(tick), left + width, up.at(tick), "grid"))
        parts.append(_text(left - 6, up.at(tick) + 4, panel.written(tick), "small", "end"))
    parts += [_text(across.at(tick), top + height + 18, plain(tick), "small", "middle") for tick in across.ticks]
    parts.append(_text(left + width / 2, top + height + 36, below, "small", "middle"))
    for curve in panel.curves:
        drawn = [(across.at(x), up.at(y)) for x, y in curve.points]
        path = " ".join(f"{x},{y}" for x, y in drawn)
        parts.append(f'<polyline class="s{curve.colour} line" points="{path}"/>')
        parts += [f'<circle class="s{curve.colour} bar" cx="{x}" cy="{y}" r="3"/>' for x, y in drawn]
    return parts


def _legend(names: Sequence[str], mark: str) -> str:
    parts, x = [], 16.0
    for number, name in enumerate(names):
        parts.append(f'<rect class="s{number} bar" x="{x}" y="34" width="12" height="10"/>{_text(x + 18, 43, name)}')
        x += 34 + 6.6 * len(name)
    parts.append(_line(x + 6, 33, x + 6, 45, "mark") + _text(x + 18, 43, mark))
    return "".join(parts)


def _line(x1: float, y1: float, x2: float, y2: float, css: str) -> str:
    return f'<line class="{css}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'


def _text(x: float, y: float, text: str, css: str = "", anchor: str = "start") -> str:
    return f'<text class="{css}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _page(width: float, height: float, title: str, parts: Iterable[str]) -> str:
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img" aria-label="{escape(title)}">\n'
        f"<style>{STYLE}</style>\n{body}\n</svg>\n"
    )
