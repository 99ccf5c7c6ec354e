"""Line charts for the SVG of a page: computes the coordinates of lines, bands, dots and labels for the templates.

No plotting library is used, because a page must be readable offline, without scripts, show values under the pointer,
and be small: a chart takes a few kilobytes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from netyard.reports.axes import (
    BOTTOM,
    HEIGHT,
    RIGHT,
    TOP,
    WIDTH,
    Axis,
    Tick,
    left_margin,
    linear_axis,
    log_axis,
    tick_label,
    tick_values,
    y_ticks,
)

MAX_POINTS = 600  # of a line: more cannot be distinguished on a screen, and would make a page of megabytes
LOG_FROM = 1000.0  # ratio of the largest to the smallest value from which the y axis is logarithmic

Transform = Callable[[float, float], tuple[float, float]]
"""Values (x, y) -> position in the drawing."""


@dataclass(frozen=True)
class Series:
    """One line to draw.

    Args:
        points: (x, y); a y that is not finite leaves a gap.
        spread: half the height of the band around each point, or None.
        kind: CSS classes of the line.
        row: the row of the leaderboard that the line belongs to.
        colour: of the line; empty for that of its kind.
    """

    name: str
    points: Sequence[tuple[float, float]]
    spread: Sequence[float | None] = ()
    kind: str = ""
    row: str = ""
    colour: str = ""


@dataclass(frozen=True)
class Line:
    """A series as drawn: the paths of line and band in SVG syntax, dots, and its last value as text."""

    name: str
    kind: str
    row: str
    path: str
    band: str
    dots: list[tuple[float, float]]
    last: str
    colour: str = ""


@dataclass(frozen=True)
class Chart:
    """Everything that a template needs for one chart.

    Args:
        points: JSON with the values that the script of the page shows under the pointer.
        aria_label: description of the chart for screen readers.
        header, rows: the same values as a table.
        left: left edge of the plot area.
        best, best_label, best_dots: x position of the best epoch, its name, and the points of the lines there.
        slanted: whether the labels of the x axis have no room side by side.
    """

    title: str
    x_label: str
    lines: list[Line]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    points: str
    aria_label: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]]
    left: float
    best: float | None = None
    best_label: str = ""
    best_dots: Sequence[tuple[float, float]] = ()
    logarithmic: bool = False
    slanted: bool = False
    width: int = field(default=WIDTH)
    height: int = field(default=HEIGHT)
    top: int = field(default=TOP)
    right: int = field(default=RIGHT)
    bottom: int = field(default=BOTTOM)


def line_chart(title: str, series: Sequence[Series], x_label: str = "epoch", best: float | None = None) -> Chart | None:
    """Return a chart of one or more series; ``best`` marks an x. None if no series has a finite value."""
    series = [_thinned(each) for each in series]
    # NaN and infinity have no place on an axis; they become gaps in the line.
    finite = [(x, y) for each in series for x, y in each.points if math.isfinite(y)]
    if not finite:
        return None
    y_axis, logarithmic = _y_axis(series, [y for _, y in finite])
    y_marks = y_ticks(y_axis)
    left = left_margin(y_marks)
    xs = [x for x, _ in finite]
    # Epochs are whole numbers; a tick at 2.5 would have no meaning.
    x_marks = [tick for tick in tick_values(min(xs), max(xs), 7) if float(tick).is_integer()]
    x_axis = Axis(min(xs), max(xs), x_marks)

    def transform(x: float, y: float) -> tuple[float, float]:
        # A tenth of a unit is less than a pixel; more digits would only make the page larger.
        return round(x_axis.position(x, left + 4, RIGHT - 4), 1), round(y_axis.position(y, BOTTOM, TOP), 1)

    def across(x: float) -> float:
        return transform(x, y_axis.low)[0]

    # Series may have values at different epochs, such as validation at every second one.
    places = sorted({x for each in series for x, _ in each.points})
    by_x = [dict(each.points) for each in series]
    # For the script of the page: a value that a series lacks is null, and its row in the tooltip is left out.
    data = {
        "label": x_label,
        "xs": [tick_label(x) for x in places],
        "positions": [across(x) for x in places],
        "series": [
            {"name": each.name, "values": [_formatted(values.get(x)) for x in places]}
            for each, values in zip(series, by_x, strict=True)
        ],
    }
    return Chart(
        title=title,
        x_label=x_label,
        lines=[_line(each, transform) for each in series],
        x_ticks=[Tick(across(x), tick_label(x)) for x in x_axis.ticks],
        y_ticks=y_marks,
        points=json.dumps(data, separators=(",", ":")),  # without spaces: this is most of the page
        aria_label=f"{title} over {x_label}: " + "; ".join(f"{each.name} ends at {_last(each)}" for each in series),
        header=(x_label, *(each.name for each in series)),
        rows=[(tick_label(x), *(_formatted(values.get(x)) or "" for values in by_x)) for x in places],
        left=left,
        best=None if best is None or not min(xs) <= best <= max(xs) else across(best),
        best_label="" if best is None else f"best {x_label}: {tick_label(best)}",
        # The best epoch is chosen by the validation.
        best_dots=[
            transform(x, y)
            for each in series
            if each.name.startswith("val/")
            for x, y in each.points
            if x == best and math.isfinite(y)
        ],
        logarithmic=logarithmic,
    )


def _y_axis(series: Sequence[Series], values: Sequence[float]) -> tuple[Axis, bool]:
    """Return the axis of all finite values, and whether it is logarithmic."""
    # A loss that falls from 2 to 0.001 would be a flat line at the bottom of a linear axis.
    if min(values) > 0 and max(values) / min(values) >= LOG_FROM:
        return log_axis(min(values), max(values)), True
    # A linear axis also has room for the bands.
    ends = [
        y + sign * width
        for each in series
        for (_, y), width in zip(each.points, each.spread, strict=False)
        if width is not None and math.isfinite(y + width)
        for sign in (1, -1)
    ]
    return linear_axis([*values, *ends]), False


def _line(series: Series, transform: Transform) -> Line:
    # In an SVG path M moves to a point and L draws a line to it: a gap starts a new piece with M.
    pieces, connected = [], False
    positions = []
    for x, y in series.points:
        if not math.isfinite(y):
            connected = False
            continue
        across, up = transform(x, y)
        positions.append((across, up))
        pieces.append(f"{'L' if connected else 'M'}{across} {up}")
        connected = True
    # A single point, or one between two gaps, is a piece without length that no browser draws: it gets a dot.
    isolated = [
        positions[index]
        for index, piece in enumerate(pieces)
        if piece[0] == "M" and (index + 1 == len(pieces) or pieces[index + 1][0] == "M")
    ]
    return Line(
        series.name,
        series.kind,
        series.row,
        "".join(pieces),
        _band(series, transform),
        isolated,
        _last(series),
        series.colour,
    )


def _band(series: Series, transform: Transform) -> str:
    """Return the outline of the area between y - spread and y + spread; empty if there is none."""
    ends = [
        (transform(x, y + width), transform(x, y - width))
        for (x, y), width in zip(series.points, series.spread, strict=False)
        if width is not None and math.isfinite(y + width)
    ]
    if len(ends) < 2:
        return ""
    # Along the upper edge to the right, back along the lower edge; Z closes the path.
    outline = [upper for upper, _ in ends] + [lower for _, lower in reversed(ends)]
    return "M" + "L".join(f"{x} {y}" for x, y in outline) + "Z"


def _thinned(series: Series) -> Series:
    """Return at most ``MAX_POINTS`` points of a series, evenly spaced, the first and the last among them."""
    count = len(series.points)
    if count <= MAX_POINTS:
        return series
    # Points are dropped, not averaged, so that the values under the pointer are those of metrics.csv.
    kept = [round(index * (count - 1) / (MAX_POINTS - 1)) for index in range(MAX_POINTS)]
    spread = [series.spread[index] for index in kept] if series.spread else ()
    return replace(series, points=[series.points[index] for index in kept], spread=spread)


def _last(series: Series) -> str:
    return _formatted(series.points[-1][1]) or "" if series.points else ""


def _formatted(value: float | None) -> str | None:
    return None if value is None else f"{value:.4g}"
