"""Line charts as numbers for a page's SVG: where each line, band, dot and label lies. The templates draw them.

A page must be readable offline and without scripts, and show values under the pointer: no plotting library does that
in a few kilobytes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from netyard.run_directories.records import MISSING

WIDTH, HEIGHT = 440, 262  # of the drawing, in its own units
TOP, RIGHT, BOTTOM = 12, WIDTH - 12, HEIGHT - 40
MOST_POINTS = 600  # of a line: more cannot be distinguished on a screen, and would make a page of megabytes
LOG_FROM = 1000.0  # largest by smallest, from which the y axis is logarithmic
LOG_X_FROM = 10.0  # the same of a hyperparameter's axis


@dataclass(frozen=True)
class Tick:
    place: float
    label: str


@dataclass(frozen=True)
class Series:
    """One line to draw.

    Args:
        points: (x, y); a y that is not finite leaves a gap.
        spread: of each point what is drawn above and below it, or None.
        kind: the classes that the page's style gives it.
        strength: 1 for the best of several lines, 0 for the last; None where lines have no order.
        row: the row of a table that it belongs to.
    """

    name: str
    points: Sequence[tuple[float, float]]
    spread: Sequence[float | None] = ()
    kind: str = ""
    strength: float | None = None
    row: str = ""


@dataclass(frozen=True)
class Line:
    """A series as drawn: SVG paths, dots, and its last value in words."""

    name: str
    kind: str
    strength: float | None
    row: str
    path: str
    band: str
    dots: list[tuple[float, float]]
    last: str


@dataclass(frozen=True)
class Chart:
    """Everything a template needs of one chart; ``points`` is what is shown of the place that is pointed at."""

    title: str
    x_label: str
    lines: list[Line]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    points: str
    spoken: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]
    left: float
    best: float | None = None
    logarithmic: bool = False
    width: int = field(default=WIDTH)
    height: int = field(default=HEIGHT)
    top: int = field(default=TOP)
    right: int = field(default=RIGHT)
    bottom: int = field(default=BOTTOM)


def line_chart(title: str, series: Sequence[Series], x_label: str = "epoch", best: float | None = None) -> Chart | None:
    """A chart of one or more series; ``best`` marks an x. None where no series has a finite value."""
    series = [_thinned(each) for each in series]
    finite = [(x, y) for each in series for x, y in each.points if math.isfinite(y)]
    if not finite:
        return None
    ends = [
        y + sign * width
        for each in series
        for (_, y), width in zip(each.points, each.spread, strict=False)
        if width is not None and math.isfinite(y + width)
        for sign in (1, -1)
    ]
    values = [y for _, y in finite]
    logarithmic = min(values) > 0 and max(values) / min(values) >= LOG_FROM
    y_axis = _log_axis(min(values), max(values)) if logarithmic else _axis([*values, *ends])
    y_ticks = [Tick(round(y_axis.place(value, BOTTOM, TOP), 1), short(value)) for value in y_axis.ticks]
    left = 16 + 7.0 * max((len(tick.label) for tick in y_ticks), default=1)
    xs = [x for x, _ in finite]
    x_axis = _Axis(min(xs), max(xs), [tick for tick in ticks(min(xs), max(xs), 7) if float(tick).is_integer()])

    def at(x: float, y: float) -> tuple[float, float]:
        return round(x_axis.place(x, left + 4, RIGHT - 4), 1), round(y_axis.place(y, BOTTOM, TOP), 1)

    places = sorted({x for each in series for x, _ in each.points})
    by_x = [dict(each.points) for each in series]
    data = {
        "label": x_label,
        "xs": [short(x) for x in places],
        "places": [at(x, values[0])[0] for x in places],
        "series": [
            {"name": each.name, "values": [_told(found.get(x)) for x in places]}
            for each, found in zip(series, by_x, strict=True)
        ],
    }
    return Chart(
        title=title,
        x_label=x_label,
        lines=[_line(each, at) for each in series],
        x_ticks=[Tick(at(x, values[0])[0], short(x)) for x in x_axis.ticks],
        y_ticks=y_ticks,
        points=json.dumps(data, separators=(",", ":")),
        spoken=f"{title} over {x_label}: " + "; ".join(f"{each.name} ends at {_last(each)}" for each in series),
        head=(x_label, *(each.name for each in series)),
        rows=[(short(x), *(_told(found.get(x)) or "" for found in by_x)) for x in places],
        left=left,
        best=None if best is None or not min(xs) <= best <= max(xs) else at(best, values[0])[0],
        logarithmic=logarithmic,
    )


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers from low to high, at most ``most`` of them: multiples of 1, 2 or 5 times a power of ten."""
    if not high > low:
        return [low]
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    for step in (power * factor for factor in (1, 2, 5, 10, 20)):
        multiples = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
        if len(multiples) <= most:
            break
    return [float(f"{multiple * step:.12g}") for multiple in multiples]


def short(value: float) -> str:
    """A number as an axis has it: 0.001, 25, 1.5e-07, 12,000."""
    if value == 0:
        return "0"
    if 1e-4 <= abs(value) < 1e6:
        return f"{value:,.10g}" if abs(value) >= 1 else f"{value:.6g}"
    return f"{value:.3g}"


@dataclass(frozen=True)
class Mark:
    """One run of a scatter: where it lies, which row's it is and how good that is, and what it says when pointed at."""

    x: float
    y: float
    strength: float
    row: str
    said: str


@dataclass(frozen=True)
class Scatter:
    """A value against one hyperparameter: a mark a run, a short line the mean of a row."""

    title: str
    x_label: str
    marks: list[Mark]
    means: list[Mark]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    spoken: str
    left: float
    width: int = field(default=WIDTH)
    height: int = field(default=HEIGHT)
    top: int = field(default=TOP)
    right: int = field(default=RIGHT)
    bottom: int = field(default=BOTTOM)


@dataclass(frozen=True)
class Group:
    """The runs of one row: its value of the hyperparameter, and what each run reached."""

    value: Any
    results: Sequence[float]
    strength: float
    row: str
    label: str


def scatter(title: str, y_label: str, groups: Sequence[Group], show: Callable[[Any], str]) -> Scatter:
    """``title`` is the hyperparameter; its numbers lie on an axis, anything else in strips side by side."""
    results = [value for group in groups for value in group.results]
    y_axis = _axis(results)
    y_ticks = [Tick(round(y_axis.place(value, BOTTOM, TOP), 1), short(value)) for value in y_axis.ticks]
    left = 16 + 7.0 * max(len(tick.label) for tick in y_ticks)
    if numeric([group.value for group in groups]):
        # A row without the key has no place on its axis.
        groups = [group for group in groups if group.value != MISSING]
        values = [float(group.value) for group in groups]
        axis = _around(values, logarithmic(values))
        places = [axis.place(value, left + 8, RIGHT - 8) for value in values]
        x_ticks = [Tick(round(axis.place(value, left + 8, RIGHT - 8), 1), short(value)) for value in axis.ticks]
    else:
        labels = sorted({show(group.value) for group in groups})
        middle = {label: left + (index + 0.5) * (RIGHT - left) / len(labels) for index, label in enumerate(labels)}
        places = [middle[show(group.value)] for group in groups]
        room = max(int((RIGHT - left) / len(labels) / 7), 2)
        x_ticks = [
            Tick(round(place, 1), label if len(label) <= room else f"{label[: room - 1]}…")
            for label, place in middle.items()
        ]

    def mark(place: float, value: float, group: Group, said: str) -> Mark:
        return Mark(round(place, 1), round(y_axis.place(value, BOTTOM, TOP), 1), group.strength, group.row, said)

    return Scatter(
        title,
        "",
        [
            mark(place, value, group, f"{group.label}: {y_label} {value:.4g}")
            for place, group in zip(places, groups, strict=True)
            for value in group.results
        ],
        [
            mark(place, math.fsum(group.results) / len(group.results), group, "")
            for place, group in zip(places, groups, strict=True)
        ],
        x_ticks,
        y_ticks,
        f"{y_label} against {title}, {len(results)} runs",
        left,
    )


@dataclass(frozen=True)
class Upright:
    """One axis of parallel coordinates."""

    place: float
    name: str
    ticks: list[Tick]


@dataclass(frozen=True)
class Parallel:
    """A line a row across one upright axis a hyperparameter, and the objective's last."""

    axes: list[Upright]
    lines: list[Line]
    spoken: str
    width: int
    height: int = field(default=320)
    top: int = field(default=34)
    bottom: int = field(default=304)


def parallel(names: Sequence[str], columns: Sequence[Sequence[Any]], rows: Sequence[Group], show: Any) -> Parallel:
    """``columns`` has of every name the value of each row; the last name is what the rows are ordered by."""
    between, margin = 128, 24
    width = max(margin * 2 + between * (len(names) - 1) + 70, 420)
    step = (width - 2 * margin - 70) / max(len(names) - 1, 1)
    drawn = Parallel([], [], f"Parallel coordinates of {', '.join(names)}: {len(rows)} rows", width)
    heights = []
    for index, (name, values) in enumerate(zip(names, columns, strict=True)):
        placed, marks = upright(values, show)
        heights.append([round(drawn.bottom + share * (drawn.top - drawn.bottom), 1) for share in placed])
        labels = [Tick(round(drawn.bottom + share * (drawn.top - drawn.bottom), 1), text) for share, text in marks]
        drawn.axes.append(Upright(round(margin + index * step, 1), name, labels))
    for index in reversed(range(len(rows))):  # the best on top
        points = [f"{axis.place} {column[index]}" for axis, column in zip(drawn.axes, heights, strict=True)]
        row = rows[index]
        drawn.lines.append(Line(row.label, "ranked", row.strength, row.row, "M" + "L".join(points), "", [], ""))
    return drawn


def numeric(values: Sequence[Any]) -> bool:
    """Whether a hyperparameter's values lie on a line; those a run does not have do not count."""
    present = [value for value in values if value != MISSING]
    return bool(present) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in present)


def logarithmic(values: Sequence[float]) -> bool:
    return min(values) > 0 and max(values) / min(values) >= LOG_X_FROM


def upright(values: Sequence[Any], show: Callable[[Any], str]) -> tuple[list[float], list[tuple[float, str]]]:
    """Heights in [0, 1] on one upright axis, and what is written beside it where."""
    if numeric(values) and MISSING not in values:
        numbers = [float(value) for value in values]
        scale: Callable[[float], float] = math.log if logarithmic(numbers) else float
        low, high = scale(min(numbers)), scale(max(numbers))
        heights = [(scale(number) - low) / (high - low) if high > low else 0.5 for number in numbers]
        return heights, list({min(heights): show(min(values)), max(heights): show(max(values))}.items())
    labels = sorted({show(value) for value in values})
    steps = {label: place / max(len(labels) - 1, 1) for place, label in enumerate(labels)}
    return [steps[show(value)] for value in values], [(height, label) for label, height in steps.items()]


@dataclass(frozen=True)
class _Axis:
    low: float
    high: float
    ticks: list[float]
    log: bool = False

    def place(self, value: float, begin: float, end: float) -> float:
        """Where a value lies between two ends, which it may leave by a little."""
        low, high = (math.log10(self.low), math.log10(self.high)) if self.log else (self.low, self.high)
        value = math.log10(max(value, self.low)) if self.log else value
        share = (value - low) / (high - low) if high > low else 0.5
        return begin + share * (end - begin)


def _axis(values: Sequence[float]) -> _Axis:
    low, high = min(values), max(values)
    if low == high:
        room = abs(low) / 10 or 1.0
        return _Axis(low - room, high + room, [low])
    marks = ticks(low, high, 6)
    room = (high - low) * 0.04
    return _Axis(min(low - room, marks[0] if marks else low), max(high + room, marks[-1] if marks else high), marks)


def _around(values: Sequence[float], log: bool) -> _Axis:
    """An axis that ends a little beyond its values, marked at the values themselves where they are few."""
    low, high = min(values), max(values)
    if low == high:
        return _Axis(low - 1, high + 1, [low])
    few = sorted(set(values))
    if log:
        axis = _log_axis(low, high)
        room = (high / low) ** 0.06
        return _Axis(
            low / room, high * room, few if len(few) <= 5 else [t for t in axis.ticks if low <= t <= high], True
        )
    room = (high - low) * 0.06
    return _Axis(low - room, high + room, few if len(few) <= 4 else ticks(low, high, 6))


def _log_axis(low: float, high: float) -> _Axis:
    begin, end = math.floor(math.log10(low)), math.ceil(math.log10(high))
    step = max(math.ceil((end - begin) / 6), 1)
    return _Axis(10.0**begin, 10.0**end, [10.0**power for power in range(begin, end + 1, step)], log=True)


def _line(series: Series, at: Any) -> Line:
    pieces, pen_down = [], False
    placed = []
    for x, y in series.points:
        if not math.isfinite(y):
            pen_down = False
            continue
        across, up = at(x, y)
        placed.append((across, up))
        pieces.append(f"{'L' if pen_down else 'M'}{across} {up}")
        pen_down = True
    # A line of one point has no length; neither has a value between two gaps.
    lonely = [
        placed[index]
        for index, piece in enumerate(pieces)
        if piece[0] == "M" and (index + 1 == len(pieces) or pieces[index + 1][0] == "M")
    ]
    return Line(
        series.name,
        series.kind,
        series.strength,
        series.row,
        "".join(pieces),
        _band(series, at),
        lonely,
        _last(series),
    )


def _band(series: Series, at: Any) -> str:
    ends = [
        (at(x, y + width), at(x, y - width))
        for (x, y), width in zip(series.points, series.spread, strict=False)
        if width is not None and math.isfinite(y + width)
    ]
    if len(ends) < 2:
        return ""
    outline = [upper for upper, _ in ends] + [lower for _, lower in reversed(ends)]
    return "M" + "L".join(f"{x} {y}" for x, y in outline) + "Z"


def _thinned(series: Series) -> Series:
    """Evenly fewer points, the last one among them."""
    count = len(series.points)
    if count <= MOST_POINTS:
        return series
    kept = [round(index * (count - 1) / (MOST_POINTS - 1)) for index in range(MOST_POINTS)]
    spread = [series.spread[index] for index in kept] if series.spread else ()
    return Series(
        series.name, [series.points[index] for index in kept], spread, series.kind, series.strength, series.row
    )


def _last(series: Series) -> str:
    return _told(series.points[-1][1]) or "" if series.points else ""


def _told(value: float | None) -> str | None:
    return None if value is None else f"{value:.4g}"
