"""Geometry of the small charts. The server draws SVG; the numbers stand in a table beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

LINE_WIDTH, LINE_HEIGHT = 120, 32
BARS_WIDTH, BARS_HEIGHT = 720, 200


@dataclass(frozen=True)
class Line:
    points: str
    area: str
    width: int = LINE_WIDTH
    height: int = LINE_HEIGHT


def line(values: Sequence[float]) -> Line | None:
    """A sparkline from nought upwards; None without at least two values."""
    if len(values) < 2:
        return None
    top = max(values) or 1
    step = LINE_WIDTH / (len(values) - 1)
    # One unit is kept free at both edges so that the stroke is not cut.
    heights = [LINE_HEIGHT - 1 - (LINE_HEIGHT - 2) * value / top for value in values]
    points = " ".join(f"{index * step:.1f},{height:.1f}" for index, height in enumerate(heights))
    return Line(points, f"0,{LINE_HEIGHT} {points} {LINE_WIDTH},{LINE_HEIGHT}")


@dataclass(frozen=True)
class Series:
    """One colour of bars: `css` is a class such as series-1, or channel-push."""

    name: str
    values: Sequence[float]
    css: str = "series-1"


@dataclass(frozen=True)
class BarChart:
    """Bars that lie over one another, the largest first: sent, of these opened, of these clicked."""

    title: str
    labels: Sequence[str]
    series: Sequence[Series]

    def rows(self) -> list[tuple[str, list[float]]]:
        return [(text, [series.values[at] for series in self.series]) for at, text in enumerate(self.labels)]

    def drawing(self) -> Drawing:
        top = nice_top(max((value for series in self.series for value in series.values), default=0))
        lines = [(BARS_HEIGHT * (1 - share), top * share) for share in (0.25, 0.5, 0.75, 1)]
        every = -(-len(self.labels) // 12) or 1
        middles = [(at + 0.5) / len(self.labels) for at in range(len(self.labels))]
        ticks = [(f"{100 * middle:.2f}%", text) for middle, text in zip(middles, self.labels, strict=True)][::every]
        bars = [bar for series in self.series for bar in self.bars(series, top)]
        return Drawing(BARS_WIDTH, BARS_HEIGHT, lines, bars, ticks)

    def bars(self, series: Series, top: float) -> Iterator[Bar]:
        slot = BARS_WIDTH / max(len(self.labels), 1)
        width = min(max(slot * 0.8, 1), 48)
        for at, value in enumerate(series.values):
            height = BARS_HEIGHT * value / top
            yield Bar(
                x=f"{at * slot + (slot - width) / 2:.1f}",
                y=f"{BARS_HEIGHT - height:.1f}",
                width=f"{width:.1f}",
                height=f"{height:.1f}",
                css=series.css,
                title=f"{self.labels[at]}: {value:,.0f} {series.name}",
            )


@dataclass(frozen=True)
class Bar:
    x: str
    y: str
    width: str
    height: str
    css: str
    title: str


@dataclass(frozen=True)
class Drawing:
    """`lines` are (y, value); `ticks` are (x in percent, text)."""

    width: int
    height: int
    lines: list[tuple[float, float]]
    bars: list[Bar]
    ticks: list[tuple[str, str]]


@dataclass(frozen=True)
class Trend:
    """A number by day as a line from nought upwards; the line passes over days without a number."""

    title: str
    unit: str
    values: Sequence[tuple[date, int]]

    def rows(self) -> list[tuple[date, int, int | None]]:
        """(day, number, change against the row before), the latest day first."""
        numbers = [value for _, value in self.values]
        changes = [None, *(value - old for old, value in pairwise(numbers))]
        return [(day, value, change) for (day, value), change in zip(self.values, changes, strict=True)][::-1]

    def drawing(self) -> TrendDrawing:
        """Needs at least two days."""
        first, last = self.values[0][0], self.values[-1][0]
        top = nice_top(max(value for _, value in self.values))
        places = [
            (BARS_WIDTH * (day - first) / (last - first), BARS_HEIGHT * (1 - value / top))
            for day, value in self.values
        ]
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        area = f"0,{BARS_HEIGHT} {points} {BARS_WIDTH},{BARS_HEIGHT}"
        lines = [(100 * (1 - share), BARS_HEIGHT * (1 - share), top * share) for share in (0.25, 0.5, 0.75, 1)]
        return TrendDrawing(BARS_WIDTH, BARS_HEIGHT, points, area, lines, first, last)


@dataclass(frozen=True)
class TrendDrawing:
    """`lines` are (y in percent, y, value)."""

    width: int
    height: int
    points: str
    area: str
    lines: list[tuple[float, float, float]]
    first: date
    last: date


def nice_top(value: float) -> float:
    """The least of 1, 2, 4, 5, 8, 10 times a power of ten that is not below `value`, so that quarters read well."""
    if value <= 4:
        return 4
    power = 10 ** (len(str(int(value))) - 1)
    return next(power * step for step in (1, 2, 4, 5, 8, 10, 20) if power * step >= value)
